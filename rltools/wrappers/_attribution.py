"""The attribution wrapper of a single environment."""

from __future__ import annotations

from typing import Any, SupportsFloat

import gymnasium
import numpy as np
from gymnasium.envs.registration import EnvSpec
from torch import Tensor

from rltools.errors import ArgumentError, SimulationError
from rltools.policies.base import Policy
from rltools.policies.env_info import check_match, inspect_env
from rltools.rollout.act import allowed_actions
from rltools.spaces import Features
from rltools.spaces.leaves import map_leaves
from rltools.targets import Target
from rltools.wrappers._last_observation import LastObservation, check_single
from rltools.wrappers._live import StepExplanation, explainer

Step = tuple[Any, SupportsFloat, bool, bool, dict[str, Any]]
_ONLY = np.ones(1, bool)


class AttributionWrapper(gymnasium.Wrapper[Any, Any, Any, Any]):
    """Explains each action in `info["attribution"]`, from the observation that it was taken in.

    Observations, rewards, terminations and the random stream stay as they are. Each step's info gets two more keys:

    - `attribution`: float `[*feature]`, signed, in the method's unit per the environment's units; `[target, *feature]`
      for a target of several scalars, such as "centered:all"
    - `score`: the explained scalar, a float; `[target]` for several

    The wrapper does not appear in the environment's specification, because it changes nothing in the environment:
    `spec` is the wrapped environment's.

    Args:
        env: the environment the policy acts in.
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
        MismatchError: the policy's spaces are not the environment's; both are in the message.
        ArgumentError: a missing reference, or a parameter the method does not take.
        TargetError: the policy has no such target.
        GradientError: the policy is not differentiable.

    Example:
        >>> import gymnasium, rltools
        >>> policy = rltools.load_policy("cartpole-ppo")
        >>> env = rltools.AttributionWrapper(gymnasium.make("CartPole-v1"), policy)
        >>> observation, info = env.reset(seed=0)
        >>> observation, reward, terminated, truncated, info = env.step(1)
        >>> dict(zip(env.features.names, info["attribution"])).keys()
        dict_keys(['cart position', 'cart velocity', 'pole angle', 'pole angular velocity'])
        >>> env.labels
        ('centered:chosen',)
        >>> observation, reward, terminated, truncated, info = env.step_policy()
        >>> info["attribution"].shape
        (4,)
    """

    def __init__(
        self,
        env: gymnasium.Env[Any, Any],
        policy: Policy,
        method: str = "gradient",
        target: str | Target | None = None,
        *,
        references: np.ndarray | Tensor | None = None,
        **parameters: Any,
    ) -> None:
        check_single(env)
        super().__init__(env)
        self._explainer = explainer(policy, method, target, references, parameters)
        env_info = inspect_env(env, bounds=getattr(policy, "bounds", "same"))
        check_match(policy.source.name, policy.observation_space, policy.action_space, env_info)
        self._last = LastObservation(policy, 1)

    @property
    def features(self) -> Features:
        """Names, units and shape of an attribution's features."""
        return self._explainer.policy.features

    @property
    def labels(self) -> tuple[str, ...]:
        """A label for each explained scalar."""
        return self._explainer.labels

    @property
    def spec(self) -> EnvSpec | None:  # type: ignore[override]  # a property in Gymnasium's Wrapper, too
        """The wrapped environment's specification; otherwise outer wrappers would deep-copy the policy with it."""
        return self.env.spec

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Reset the environment; nothing is explained."""
        self._last.clear()
        observation, info = self.env.reset(seed=seed, options=options)
        self._last.begin(self._batch(observation), self._masks(info))
        return observation, info

    def step(self, action: Any) -> Step:
        """Step the environment and explain the action.

        Raises:
            SimulationError: called before the first reset, or the info already has these keys.
            ArgumentError: an action that the environment took and the policy does not have.
        """
        if not self._last.is_set:
            self.env.step(action)  # most environments raise an error of their own
        before, context = self._last.inputs(_ONLY)
        observation, reward, terminated, truncated, info = self.env.step(action)
        self._update(observation, info, ended=bool(terminated or truncated))
        explanation = self._explainer.explain(before, context, action)
        self._store_state(explanation, ended=bool(terminated or truncated))
        return observation, reward, terminated, truncated, with_entries(info, self._entries(explanation))

    def step_policy(self, deterministic: bool = True, rng: np.random.Generator | None = None) -> Step:
        """Let the policy act, step, and explain; the gradient reuses the forward pass that chose the action.

        Args:
            deterministic: take the best action; otherwise draw one as the policy does.
            rng: the generator that random actions are drawn with.

        Returns:
            What `step` returns, with the action taken as `info["action"]`.

        Raises:
            ArgumentError: random actions without `rng`.
            SimulationError: called before the first reset, or the info already has these keys.
            FaultError: scores that are not finite; the environment was not stepped.
        """
        if not deterministic and rng is None:
            raise ArgumentError("random actions need rng=, for instance numpy.random.default_rng(0)")
        rngs = None if rng is None else [rng]
        before, context = self._last.inputs(_ONLY)
        explanation = self._explainer.decide(before, context, deterministic=deterministic, rngs=rngs)
        action = explanation.actions[0]
        observation, reward, terminated, truncated, info = self.env.step(action)
        self._update(observation, info, ended=bool(terminated or truncated))
        self._store_state(explanation, ended=bool(terminated or truncated))
        entries = self._entries(explanation) | {"action": action}
        return observation, reward, terminated, truncated, with_entries(info, entries)

    def _batch(self, observation: Any) -> Any:
        """A batch of one."""
        return map_leaves(lambda _, value: np.asarray(value)[None], observation, self._last.leaves)

    def _masks(self, info: dict[str, Any]) -> np.ndarray | None:
        policy = self._explainer.policy
        return allowed_actions(self.env, info, policy)[None] if policy.masked else None

    def _update(self, observation: Any, info: dict[str, Any], *, ended: bool) -> None:
        masks = None if ended else self._masks(info)  # after the end there may be no allowed action
        self._last.update(self._batch(observation), masks, np.array([ended]))

    def _store_state(self, explanation: StepExplanation, *, ended: bool) -> None:
        if not ended:
            self._last.set_state(explanation.state, _ONLY)

    def _entries(self, explanation: StepExplanation) -> dict[str, Any]:
        if len(self.labels) == 1:
            return {"attribution": explanation.values[0, 0], "score": float(explanation.scores[0, 0])}
        return {"attribution": explanation.values[0], "score": explanation.scores[0]}


def with_entries(info: dict[str, Any], entries: dict[str, Any]) -> dict[str, Any]:
    """A copy of the info with further keys; the environment's own dict may be the same object at every step.

    Raises:
        SimulationError: the info already has one of these keys.
    """
    duplicate = sorted(entries.keys() & info.keys())
    if duplicate:
        raise SimulationError(
            f"the environment's info already has {', '.join(map(repr, duplicate))}, which would be lost; rename it in "
            f"an inner wrapper, and use one attribution wrapper at a time"
        )
    return {**info, **entries}
