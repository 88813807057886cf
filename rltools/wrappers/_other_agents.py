"""How the other agents of a multi-agent environment act, and what each agent observes."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from inspect import signature
from typing import Any

import gymnasium
import numpy as np
import torch
from gymnasium import Space, spaces

from rltools.errors import ArgumentError
from rltools.policies.base import Context, Policy
from rltools.policies.env_info import EnvInfo, check_match
from rltools.spaces.leaves import leaves, map_leaves

RANDOM = "random"
MASK, OBSERVED = "action_mask", "observation"
Choose = Callable[[Any, np.ndarray | None], Any]
"""Maps an observation and an action mask to an action."""


def observed_space(space: Space[Any]) -> Space[Any]:
    """What an agent observes: without the action mask that PettingZoo puts beside the observation of many agents."""
    if isinstance(space, spaces.Dict) and space.keys() == {OBSERVED, MASK}:
        return space[OBSERVED]
    return space


def observed(observation: Any, info: Mapping[str, Any]) -> tuple[Any, np.ndarray | None]:
    """An agent's observation without the action mask, and the mask, from it or from the info."""
    mask = info.get(MASK)
    if isinstance(observation, Mapping) and observation.keys() == {OBSERVED, MASK}:
        observation, mask = observation[OBSERVED], observation[MASK]
    return observation, None if mask is None else np.asarray(mask, np.int8)


class OtherAgent:
    """Another agent, with what it needs to act: its recurrent state and its random numbers.

    Args:
        name: of the agent.
        controller: how it acts; see `OneAgent`.
        observation_space: of the agent.
        action_space: of the agent.

    Raises:
        ArgumentError: a controller that cannot act.
        MismatchError: a policy that observes or takes something else than the agent.
    """

    def __init__(self, name: str, controller: Any, observation_space: Space[Any], action_space: Space[Any]) -> None:
        self._space = copy.deepcopy(action_space)  # agents may share one, and its random numbers
        self._state: torch.Tensor | None = None
        self._choose = self._chooser(name, controller, observed_space(observation_space))

    def begin(self, seed: int) -> None:
        """Begin an episode."""
        self._space.seed(seed)
        self._state = None

    def act(self, observation: Any, info: Mapping[str, Any]) -> Any:
        """The action in an observation."""
        return self._choose(*observed(observation, info))

    def _chooser(self, name: str, controller: Any, space: Space[Any]) -> Choose:
        if isinstance(controller, str) and controller == RANDOM:
            return lambda observation, mask: self._space.sample(mask)
        if isinstance(controller, Policy):
            around = EnvInfo(space, self._space, any_bounds=True, title=name)
            title = f"{controller.source.name}, which plays {name},"
            advice = "give the policy that was trained for it"
            check_match(title, controller.observation_space, controller.action_space, around, advice)
            return self._by_policy(controller)
        predict = getattr(controller, "predict", None)  # of a model of Stable-Baselines3
        if callable(predict):
            masked = "action_masks" in signature(predict).parameters
            return lambda observation, mask: predict(
                observation, deterministic=True, **({"action_masks": mask} if masked else {})
            )[0]
        if callable(controller) and not isinstance(controller, torch.nn.Module | type):
            return lambda observation, mask: controller(observation)
        raise ArgumentError(
            f"{name} cannot act by {controller!r:.80}; give {RANDOM!r}, a policy of rltools.load_policy, a model of "
            f"Stable-Baselines3, or a function from an observation to an action"
        )

    def _by_policy(self, policy: Policy) -> Choose:
        parts = leaves(policy.observation_space)

        def choose(observation: Any, mask: np.ndarray | None) -> Any:
            batch = map_leaves(lambda _, value: np.asarray(value)[None], observation, parts)
            allowed = torch.from_numpy(mask.astype(bool))[None] if policy.masked and mask is not None else None
            acted = policy.act(batch, Context(mask=allowed, state=self._state))
            self._state = acted.state
            return acted.actions[0]

        return choose


def other_agents(multi: Any, agent: str, others: Any) -> dict[str, OtherAgent]:
    """The agents of an environment but one, by name.

    Raises:
        ArgumentError: there is no such agent; or a mapping that lacks one of the others, or has one that there is not.
    """
    possible = list(multi.possible_agents)
    if agent not in possible:
        raise ArgumentError(f"there is no agent {agent!r}; there are {', '.join(map(repr, possible))}")
    names = [name for name in possible if name != agent]
    if isinstance(others, Mapping):
        unknown, missing = sorted(set(others) - set(names)), sorted(set(names) - set(others))
        if unknown or missing:
            fault = f"has {', '.join(map(repr, unknown))}" if unknown else f"lacks {', '.join(map(repr, missing))}"
            raise ArgumentError(
                f"others {fault}, and the other agents are {', '.join(map(repr, names))}; name each of them"
            )
    controllers = others if isinstance(others, Mapping) else dict.fromkeys(names, others)
    return {
        name: OtherAgent(name, controllers[name], multi.observation_space(name), multi.action_space(name))
        for name in names
    }


def checked_multi(multi: Any) -> Any:
    """Check that several agents act in an environment, and return it.

    Raises:
        ArgumentError: it is another kind of environment.
    """
    needed = ("possible_agents", "observation_space", "action_space", "reset", "step")
    missing = [name for name in needed if not hasattr(multi, name)]
    if missing or isinstance(multi, gymnasium.Env):
        lacks = f", which has no {' and no '.join(missing)}" if missing else ", in which a single agent acts"
        raise ArgumentError(
            f"the function made a {type(multi).__name__}{lacks}; it must make an environment of PettingZoo"
        )
    return multi
