"""Explains the actions of a step, with the action and the gradient from one forward pass if possible."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rltools.attributions import Method, find_method
from rltools.errors import RltoolsError
from rltools.explanation.batches import FEW, check_passes, explained_now, explained_rows
from rltools.explanation.references import encode_references
from rltools.explanation.spec import with_groups, with_whole_choices
from rltools.policies.base import ActResult, Context, Policy, check_is_policy
from rltools.policies.decide import decide, next_state, positions
from rltools.policies.rows import MixedRowsError
from rltools.recording import recorded_leaves
from rltools.spaces.leaves import map_leaves, pick, placeholder_observations
from rltools.targets import Target, decision_pass, fitting_target, make_target_function, target_labels
from rltools.wrappers._last_observation import check_finite, checked_actions


@dataclass(frozen=True)
class StepExplanation:
    """The actions taken at some observations, and their attributions.

    Attributes:
        actions: `[row, *action]`, as the environment takes them.
        values: float `[row, target, *feature]`; NaN where the method failed.
        scores: float `[row, target]`, the target values.
        state: a recurrent policy's state after the actions; None for others.
    """

    actions: np.ndarray
    values: np.ndarray
    scores: np.ndarray
    state: Tensor | None = None


@dataclass(frozen=True)
class StepExplainer:
    """Explains each step of a policy with one method and target; `explainer` makes it."""

    policy: Policy
    method: Method
    target: Target
    references: Tensor | None
    settings: dict[str, Any]
    copies: int
    tried: bool = True

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """A label for each target value."""
        return target_labels(self.target, self.policy)

    def explain(self, observations: Any, context: Context, actions: Any) -> StepExplanation:
        """Explain actions that were taken in `observations [row, *observation]`.

        Raises:
            ArgumentError: actions the policy does not have.
            GradientError: the policy is not differentiable.
        """

        def take(scores: Tensor) -> ActResult:
            checked, scores = checked_actions(self.policy, actions, len(scores)), scores.detach()
            taken = Context(positions(self.policy, checked), scores, context.mask, context.state)
            return ActResult(checked, scores.numpy(force=True), taken)

        return self._explained(observations, context, take)

    def decide(
        self,
        observations: Any,
        context: Context,
        *,
        deterministic: bool,
        rngs: Sequence[np.random.Generator] | None,
    ) -> StepExplanation:
        """Let the policy act in `observations [row, *observation]`, and explain what it does.

        Raises:
            ArgumentError: random actions without a generator for each row.
            FaultError: scores that are not finite; no action must be taken by them.
            GradientError: the policy is not differentiable.
        """
        if not deterministic:  # some distributions depend on more than the scores
            drawn = self.policy.act(observations, context, deterministic=False, rngs=rngs)
            check_finite(self.policy, torch.as_tensor(drawn.scores))
            return self.explain(observations, context, drawn.actions)

        def choose(scores: Tensor) -> ActResult:
            check_finite(self.policy, scores)
            return decide(self.policy, scores, context)

        return self._explained(observations, context, choose)

    def any_actions(self, rows: int) -> np.ndarray:
        """Placeholder actions `[row, *action]`, for environments that only reset: the first discrete one, else zero."""
        space: Any = self.policy.action_space
        return np.full((rows, *(space.shape or ())), getattr(space, "start", 0), space.dtype)

    def unexplained(self, rows: int) -> tuple[np.ndarray, np.ndarray]:
        """Values and scores, all NaN, of rows without an explanation; shapes and dtypes as in `StepExplanation`."""
        scores = torch.full((rows, len(self.labels)), torch.nan, dtype=self.policy.dtype).numpy()
        features = self.policy.features.shape
        values = np.full((*scores.shape, *features), np.nan, scores.dtype)
        return values, scores

    def _explained(self, observations: Any, context: Context, act: Callable[[Tensor], ActResult]) -> StepExplanation:
        # The caller may step under no_grad, as evaluation loops do; tensors made in inference mode cannot be leaves.
        with _differentiating():
            x = self.policy.encode(observations)
            forward_pass = decision_pass(self.policy, x, context, gradient="gradient" in self.method.needs)
            acted = act(forward_pass.output)
            context = Context(
                acted.context.action, acted.context.scores, context.mask, context.state, None, forward_pass
            )
            if self.tried and len(acted.actions) * self.copies <= FEW and x.ndim > 1:
                f = make_target_function(self.policy, self.target, context, leave_one_out=False)
                explained = explained_now(f, self.method, x, self.references, self.settings)
            else:
                explained = explained_rows(
                    self.policy,
                    self.method,
                    self.target,
                    x,
                    context,
                    self.references,
                    self.settings,
                    leave_one_out=False,
                )
            explanation = StepExplanation(acted.actions, explained.columns["values"], explained.columns["scores"])
            if not self.policy.state_size:
                return explanation
            with torch.no_grad():
                return replace(explanation, state=next_state(self.policy, x.detach(), context))


def _differentiating() -> AbstractContextManager[Any]:
    if torch.is_grad_enabled() and not torch.is_inference_mode_enabled():
        return _AS_IT_IS
    contexts = ExitStack()
    contexts.enter_context(torch.inference_mode(False))
    contexts.enter_context(torch.enable_grad())
    return contexts


_AS_IT_IS: AbstractContextManager[None] = nullcontext()


def explainer(
    policy: Policy,
    method: str,
    target: str | Target | None,
    references: np.ndarray | Tensor | None,
    parameters: dict[str, Any],
) -> StepExplainer:
    """Check how steps are to be explained, and try it on one observation, so that errors come before the first step.

    Raises:
        UnknownNameError: no method has this name.
        TargetError: the policy has no such target.
        ArgumentError: `policy` is no policy, references are missing or not finite, or the method does not take a
            parameter.
        GradientError: the policy is not differentiable.
        MismatchError: the policy's network mixes the rows of a batch.
    """
    check_is_policy(policy)
    declared = find_method(method)
    compared = None if references is None else encode_references(policy, references)
    parsed = fitting_target(method, declared.needs, target, policy)
    chosen = with_whole_choices(policy, declared, parameters)
    settings = with_groups(declared, declared.settings(dict(chosen)), policy.features)
    _try_several(policy)
    count = 0 if compared is None else len(compared)
    cost = check_passes(policy, declared, count, settings)
    prepared = StepExplainer(policy, declared, parsed, compared, settings, cost.copies)
    first = replace(prepared, tried=False)
    first.explain(placeholder_observations(policy.observation_space, 1), Context(), prepared.any_actions(1))
    return prepared


def _try_several(policy: Policy) -> None:
    """Score a few sampled observations together, so that a policy that mixes rows is refused before the first step."""
    space = copy.deepcopy(policy.observation_space)
    space.seed(0)
    drawn = [space.sample() for _ in range(3)]
    try:
        observations = map_leaves(
            lambda leaf, _: np.stack([pick(state, leaf) for state in drawn]), drawn[0], recorded_leaves(policy.features)
        )
        with torch.no_grad():
            policy.head(policy.heads[0], policy.encode(observations), Context())
    except MixedRowsError:
        raise
    except RltoolsError:
        return  # sampled observations may be impossible ones
