"""One agent of a multi-agent environment as an environment of its own, in which the others act."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gymnasium

from rltools.errors import ArgumentError, SimulationError
from rltools.wrappers._other_agents import MASK, RANDOM, checked_multi, observed, observed_space, other_agents

Step = tuple[Any, float, bool, bool, dict[str, Any]]


@dataclass(frozen=True)
class OneAgent:
    """Makes environments of one agent of an environment of PettingZoo, in which the other agents act.

    It is a function that makes a `gymnasium.Env`, so that it is taken wherever an environment is: the policy that is
    trained, recorded or explained plays `agent`. An episode ends when that agent is terminated or truncated, whatever
    becomes of the others; agents that die no longer act. In an environment of turns (AEC), the others act until it is
    the agent's turn, and its reward is the sum since its last action. An action mask beside the observation is no part
    of what is observed; policies that choose among allowed actions get it. Seeds determine everything if the
    environment and the others do.

    Args:
        make: a function that makes the environment, for instance
            `lambda: pettingzoo.make("parallel", "sisl/pursuit-v4", n_pursuers=4)`; with `render_mode="rgb_array"` for
            replays with frames.
        agent: the name of the agent, one of `possible_agents`.
        others: how the other agents act: "random"; a policy of rltools, which takes its best action; a model of
            Stable-Baselines3; a function from an observation to an action; or a mapping from each agent's name to one
            of these.

    Raises:
        ArgumentError: at a call: no environment of several agents, no such agent, or others that cannot act.
        MismatchError: at a call: the policy of another agent observes or takes something else than that agent.

    Example:
        >>> import pettingzoo, rltools
        >>> def walkers():  # that carry a package together
        ...     return pettingzoo.make("parallel", "sisl/multiwalker-v9", n_walkers=2)
        >>> env = rltools.OneAgent(walkers, "walker_0", others="random")
        >>> env().observation_space.shape, env().action_space.shape
        ((31,), (4,))
        >>> stiff = rltools.FunctionPolicy(lambda observations: -observations[:, [4, 6, 9, 11]], env, name="stiff")
        >>> rltools.record(stiff, env, episodes=2, max_steps=20).outcome(0).steps
        20
    """

    make: Callable[[], Any]
    agent: str
    others: Any = RANDOM

    def __call__(self) -> gymnasium.Env[Any, Any]:
        """A new environment."""
        if not callable(self.make):
            raise ArgumentError(
                f"each episode has an environment of its own, and {str(self.make)!r:.80} is a single one; give a "
                f"function that makes it, for instance lambda: pettingzoo.make('parallel', 'sisl/pursuit-v4')"
            )
        multi = checked_multi(self.make())
        return (_InTurns if hasattr(multi, "agent_iter") else _InParallel)(multi, self.agent, self.others)


class _OneAgentEnv(gymnasium.Env[Any, Any]):
    """The environment of one agent; see `OneAgent`."""

    def __init__(self, multi: Any, agent: str, others: Any) -> None:
        self.multi, self.agent = multi, agent
        self._others = other_agents(multi, agent, others)
        self.observation_space = observed_space(multi.observation_space(agent))
        self.action_space = multi.action_space(agent)
        self.metadata = dict(multi.metadata)
        self.render_mode = getattr(multi, "render_mode", None)

    def _begin(self, seed: int | None) -> None:
        super().reset(seed=seed)
        for other in self._others.values():
            other.begin(int(self.np_random.integers(1 << 31)))

    def render(self) -> Any:
        """What the whole environment renders."""
        return self.multi.render()

    def close(self) -> None:
        """Close the whole environment."""
        self.multi.close()


class _InParallel(_OneAgentEnv):
    """All agents act at the same time."""

    _observations: dict[str, Any]
    _infos: dict[str, Any]

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Begin an episode, with the agent among those at the start."""
        self._begin(seed)
        self._observations, self._infos = self.multi.reset(seed=seed, options=options)
        if self.agent not in self._observations:
            present = ", ".join(map(repr, self._observations))
            raise SimulationError(
                f"{self.agent!r} is not among the agents at the start ({present}); explain one of these"
            )
        return _with_mask(self._observations[self.agent], self._infos.get(self.agent, {}))

    def step(self, action: Any) -> Step:
        """Let this agent take its action, and all others that are alive theirs."""
        actions = {
            name: action
            if name == self.agent
            else self._others[name].act(self._observations[name], self._infos.get(name, {}))
            for name in self.multi.agents
        }
        observations, rewards, terminations, truncations, self._infos = self.multi.step(actions)
        self._observations = {self.agent: self._observations[self.agent], **observations}
        terminated, truncated = (bool(ends.get(self.agent, False)) for ends in (terminations, truncations))
        is_gone = self.agent not in self.multi.agents and not truncated
        observation, info = _with_mask(self._observations[self.agent], self._infos.get(self.agent, {}))
        return observation, float(rewards.get(self.agent, 0.0)), terminated or is_gone, truncated, info


class _InTurns(_OneAgentEnv):
    """One agent acts after the other."""

    _observation: Any = None

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Begin an episode; the others act until it is the agent's turn."""
        self._begin(seed)
        self.multi.reset(seed=seed, options=options)
        observation, _, terminated, truncated, info = self._turn()
        if terminated or truncated:
            raise SimulationError(f"the episode ended before {self.agent!r} had a turn; explain another agent")
        return observation, info

    def step(self, action: Any) -> Step:
        """Let this agent take its action; the others act until it is its turn again."""
        self.multi.step(action)
        return self._turn()

    def _turn(self) -> Step:
        for name in self.multi.agent_iter():
            observation, reward, terminated, truncated, info = self.multi.last()
            if name == self.agent:
                self._observation, info = _with_mask(observation, info)
                return self._observation, float(reward), bool(terminated), bool(truncated), info
            self.multi.step(None if terminated or truncated else self._others[name].act(observation, info))
        return self._observation, 0.0, True, False, {}


def _with_mask(observation: Any, info: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """An observation without its mask, and an info with it."""
    seen, mask = observed(observation, info)
    return seen, dict(info) if mask is None else {**info, MASK: mask}
