"""The attribution wrapper of a vector environment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from gymnasium.vector import AutoresetMode, SyncVectorEnv, VectorEnv, VectorWrapper
from torch import Tensor

from rltools.errors import ArgumentError, SimulationError
from rltools.policies.base import Policy
from rltools.policies.env_info import EnvInfo, check_match
from rltools.rollout.act import checked_masks
from rltools.spaces import Features
from rltools.targets import Target
from rltools.wrappers._attribution import with_entries
from rltools.wrappers._last_observation import LastObservation, check_several
from rltools.wrappers._live import StepExplanation, explainer

Step = tuple[Any, Any, Any, Any, dict[str, Any]]


class VectorAttributionWrapper(VectorWrapper[Any, Any, Any, Any, Any]):
    """Explains each action in `info["attribution"]`, from the observation that it was taken in, in every environment.

    Observations, rewards, terminations and the random stream stay as they are. Each step's info gets four more keys:

    - `attribution`: float `[num_envs, *feature]`, signed; `[num_envs, target, *feature]` for a target of several
      scalars, such as "centered:all"
    - `score`: float `[num_envs]`, the explained scalars; `[num_envs, target]` for several
    - `_attribution` and `_score`: bool `[num_envs]`, whether an environment has an attribution and a score

    Environments that reset in the step after an end (`AutoresetMode.NEXT_STEP`) take no action in that step: its rows
    are NaN, and False in the masks. Those that reset within the step, or that the caller resets, explain every step.

    Args:
        envs: the vector environment the policy acts in; its `metadata["autoreset_mode"]` says how it resets.
        policy: what is explained; see `load_policy` and `TorchPolicy`. It is shared, never copied.
        method: a name from `rltools list methods`.
        target: what is explained, for instance "logit:chosen"; None is "centered:chosen" for discrete actions,
            "action:all" for others.
        references: `[reference, *observation]` or a single observation, for methods that compare with references.
        parameters: the parameters of the method.

    Attributes:
        features: names, units and shape of an attribution's features.
        labels: a label for each explained scalar.

    Raises:
        SimulationError: the environments do not say how they reset.
        MismatchError: the policy's spaces are not those of a single environment; both are in the message.
        ArgumentError: a missing reference, or a parameter the method does not take.
        TargetError: the policy has no such target.
        GradientError: the policy is not differentiable.

    Example:
        >>> import gymnasium, rltools
        >>> policy = rltools.load_policy("cartpole-ppo")
        >>> envs = rltools.VectorAttributionWrapper(gymnasium.make_vec("CartPole-v1", num_envs=3), policy)
        >>> observations, info = envs.reset(seed=0)
        >>> observations, rewards, terminations, truncations, info = envs.step_policy()
        >>> info["attribution"].shape, info["_attribution"]
        ((3, 4), array([ True,  True,  True]))
    """

    def __init__(
        self,
        envs: VectorEnv[Any, Any, Any],
        policy: Policy,
        method: str = "gradient",
        target: str | Target | None = None,
        *,
        references: np.ndarray | Tensor | None = None,
        **parameters: Any,
    ) -> None:
        check_several(envs)
        super().__init__(envs)
        self._waits = _autoreset_mode(envs) is AutoresetMode.NEXT_STEP
        self._explainer = explainer(policy, method, target, references, parameters)
        any_bounds = getattr(policy, "bounds", "same") == "any"
        spaces = envs.single_observation_space, envs.single_action_space
        env_info = EnvInfo(*spaces, envs.spec, any_bounds=any_bounds)
        check_match(policy.source.name, policy.observation_space, policy.action_space, env_info)
        self._last = LastObservation(policy, envs.num_envs)
        self._only_resets = np.zeros(envs.num_envs, bool)

    @property
    def features(self) -> Features:
        """Names, units and shape of an attribution's features."""
        return self._explainer.policy.features

    @property
    def labels(self) -> tuple[str, ...]:
        """A label for each explained scalar."""
        return self._explainer.labels

    def reset(self, *, seed: Any = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Reset the environments, or those that are True in `options["reset_mask"]`; nothing is explained."""
        mask = (options or {}).get("reset_mask")  # read before the reset, because environments remove it from the dict
        if mask is None:
            self._last.clear()
        observations, info = self.env.reset(seed=seed, options=options)
        self._last.begin(observations, self._masks(info), mask)
        self._only_resets[slice(None) if mask is None else mask] = False
        return observations, info

    def step(self, actions: Any) -> Step:
        """Step the environments and explain the actions.

        Raises:
            SimulationError: called before the first reset, or the info already has these keys.
            ArgumentError: an action that an environment took and the policy does not have.
        """
        acting = ~self._only_resets
        before, context = self._last.inputs(acting)
        step = self._forward(actions)
        explanation = self._explainer.explain(before, context, np.asarray(actions)[acting]) if acting.any() else None
        self._store_state(explanation, acting, step)
        return *step[:4], with_entries(step[4], self._entries(explanation, acting))

    def step_policy(self, deterministic: bool = True, rngs: Sequence[np.random.Generator] | None = None) -> Step:
        """Let the policy act, step, and explain; the gradient reuses the forward pass that chose the actions.

        Args:
            deterministic: take the best actions; otherwise draw them as the policy does.
            rngs: the generators that random actions are drawn with, one for each environment; an environment that only
                resets draws nothing.

        Returns:
            What `step` returns, with the actions taken as `info["action"]` and their mask as `info["_action"]`.

        Raises:
            ArgumentError: random actions without `rngs`, or not one generator for each environment.
            SimulationError: called before the first reset, or the info already has these keys.
            FaultError: scores that are not finite; no environment was stepped.
        """
        acting = ~self._only_resets
        drawing = None if deterministic else _acting_rngs(rngs, acting)
        actions = self._explainer.any_actions(self.num_envs)
        explanation = None
        if acting.any():
            before, context = self._last.inputs(acting)
            explanation = self._explainer.decide(before, context, deterministic=deterministic, rngs=drawing)
            actions[acting] = explanation.actions
        step = self._forward(actions)
        self._store_state(explanation, acting, step)
        entries = self._entries(explanation, acting) | {"action": actions, "_action": acting.copy()}
        return *step[:4], with_entries(step[4], entries)

    def _forward(self, actions: Any) -> Step:
        step = self.env.step(actions)
        observations, _, terminations, truncations, info = step
        ended = np.logical_or(terminations, truncations)
        self._last.update(observations, self._masks(info), ended)
        if self._waits:
            self._only_resets = ended
        return step

    def _masks(self, info: dict[str, Any]) -> np.ndarray | None:
        """The allowed actions of each environment: from the info, else from the environments' method `action_masks`."""
        policy = self._explainer.policy
        if not policy.masked:
            return None
        masks = info.get("action_mask")
        if masks is None and isinstance(self.env, SyncVectorEnv):
            masks = self.env.call("action_masks")
        if masks is None:
            raise SimulationError(
                f"{policy.source.name} chooses among the allowed actions only, and {self.env} does not say which "
                f"they are: it needs an info['action_mask']"
            )
        return checked_masks(masks, policy, self.num_envs, "the action masks")

    def _store_state(self, explanation: StepExplanation | None, acting: np.ndarray, step: Step) -> None:
        """Store the recurrent state, except of episodes that have ended."""
        if explanation is not None and explanation.state is not None:
            going_on = ~np.logical_or(step[2], step[3])
            rows = torch.from_numpy(going_on[acting])
            self._last.set_state(explanation.state[rows], acting & going_on)

    def _entries(self, explanation: StepExplanation | None, acting: np.ndarray) -> dict[str, Any]:
        """The new keys of the info; rows without an explanation are NaN."""
        values, scores = self._explainer.unexplained(self.num_envs)
        if explanation is not None:
            values[acting], scores[acting] = explanation.values, explanation.scores
        if len(self.labels) == 1:
            values, scores = values[:, 0], scores[:, 0]
        return {"attribution": values, "_attribution": acting.copy(), "score": scores, "_score": acting.copy()}


def _autoreset_mode(envs: VectorEnv[Any, Any, Any]) -> AutoresetMode:
    mode = envs.metadata.get("autoreset_mode")
    if not isinstance(mode, AutoresetMode):
        value = repr(mode) if "autoreset_mode" in envs.metadata else "nothing"
        modes = ", ".join(map(str, AutoresetMode))
        raise SimulationError(
            f'{envs} does not say how it resets: metadata["autoreset_mode"] has {value}, and must be one of {modes}; '
            f"set it to what the environment does, so that no action is explained by an observation of another episode"
        )
    return mode


def _acting_rngs(rngs: Sequence[np.random.Generator] | None, acting: np.ndarray) -> list[np.random.Generator]:
    if rngs is None or len(rngs) != len(acting):
        number = "none" if rngs is None else len(rngs)
        raise ArgumentError(
            f"random actions need rngs=, one generator for each of the {len(acting)} environments, not {number}"
        )
    return [rng for rng, acts in zip(rngs, acting, strict=True) if acts]
