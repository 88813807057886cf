"""Attributions of any observations."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from rltools.attributions import find_method
from rltools.errors import ArgumentError
from rltools.explanation.batches import explained_rows, most_copies
from rltools.explanation.references import as_batch, given_references, references_id
from rltools.explanation.spec import separated_axes, with_groups
from rltools.explanation.views import compiled
from rltools.policies.base import Context, Policy, check_is_policy, decide, decision_pass
from rltools.policies.threads import compute_threads
from rltools.recording import Attribution, AttributionSpec, recorded_leaves
from rltools.spaces.leaves import map_leaves
from rltools.targets import Target, fitting_target, remembered, target_labels


@torch.inference_mode(False)  # a caller's inference mode would forbid gradients
def attribute(
    policy: Policy,
    observations: Any,
    *,
    method: str = "gradient",
    target: str | Target | None = None,
    references: Any = None,
    context: Context | None = None,
    max_batch: int | None = None,
    threads: int | None = None,
    compile: bool = False,  # noqa: A002  # as torch calls it
    **parameters: Any,
) -> Attribution:
    """Attributions of observations from anywhere; the chosen action is the one the policy would choose there.

    Args:
        policy: what chooses; see `load_policy` and `TorchPolicy`.
        observations: `[state, *observation]`, in the environment's units, or a single one; of a Dict or Tuple a
            structure like it with such an array at each leaf.
        method: a name from `rltools list methods`.
        target: for instance "logit:chosen"; None is "centered:chosen" for discrete actions, "action:all" for others.
        references: `[reference, *observation]` or a single state, which methods that compare states need; others
            ignore it.
        context: of each state, where the policy needs it: which actions are allowed, what a recurrent one remembers.
        max_batch: see `explain`.
        threads: see `explain`.
        compile: see `explain`.
        parameters: of the method; see `explain` for `groups`.

    Returns:
        An attribution with `values [state, target, *feature]` in the environment's units.

    Raises:
        ArgumentError: a missing reference, or a parameter the method does not take.
        TargetError: the policy has no such target.
        MismatchError: observations of another shape than the policy's.
        GradientError: the policy is not differentiable.

    Example:
        >>> import numpy as np, rltools
        >>> policy = rltools.load_policy("cartpole-ppo")
        >>> upright, leaning = np.zeros(4), np.array([0, 0, 0.1, 0])
        >>> rltools.attribute(policy, np.stack([upright, leaning]))["pole angle"].shape
        (2, 1)
    """
    if max_batch is not None and max_batch < 1:
        raise ArgumentError(f"max_batch is {max_batch}; it must be at least 1")
    if not hasattr(policy, "action_space"):  # all of a Policy would take as long to look for as a small network takes
        check_is_policy(policy)
    policy = compiled(policy) if compile else policy
    found = find_method(method)
    parsed = remembered("target", (method, target), policy, lambda: fitting_target(method, found.needs, target, policy))
    states = as_batch(policy, observations)
    x = policy.encode(states)
    with compute_threads(policy, len(x), threads):
        decided = _decided(policy, states, context or Context(), x, max_batch)
    settings, asked, compared = found.settings(parameters), {}, None
    if references is not None and "references" in found.needs:
        compared, asked = given_references(policy, references), {"reference": references_id(references, seed=0)}
    taken = with_groups(found, settings, policy.features)
    explained = explained_rows(
        policy, found, parsed, x, decided, compared, taken, max_batch, threads=threads, leave_one_out=False
    )
    spec = AttributionSpec(
        method=method,
        target=str(parsed),
        labels=remembered("labels", parsed, policy, lambda: target_labels(parsed, policy)),
        unit=found.unit,
        parameters=settings | asked,
        policy_sha256=policy.source.sha256,
        separated=separated_axes(found, settings, policy.features),
    )
    return Attribution(
        spec=spec,
        features=policy.features,
        references=None if compared is None else compared.cpu().numpy(),
        **explained.columns,
    )


def _decided(policy: Policy, states: Any, context: Context, x: Tensor, max_batch: int | None) -> Context:
    """The context with the actions that the policy chooses; not of all states at once, which may be many pictures."""
    kept = recorded_leaves(policy.features)
    most = most_copies(policy, max_batch)
    if len(x) <= most and (forward_pass := decision_pass(policy, x, context)) is not None:
        return replace(decide(policy, forward_pass.output, context).context, forward_pass=forward_pass)
    found = []
    for start in range(0, max(1, len(x)), most):
        rows = slice(start, start + most)
        some = map_leaves(lambda _, values: values[rows], states, kept)  # noqa: B023  # used before the next round
        found.append(policy.act(some, context.rows(rows)).context)
    if len(found) == 1:
        return found[0]
    actions = [part.action for part in found if part.action is not None]
    scores = [part.scores for part in found if part.scores is not None]
    return replace(context, action=torch.cat(actions), scores=torch.cat(scores))
