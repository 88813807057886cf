"""Attributions of any observations."""

from __future__ import annotations

from typing import Any

import torch

from rltools.attributions import find_method
from rltools.explanation._batches import explained_rows
from rltools.explanation._groups import with_groups
from rltools.explanation._references import as_batch, given_reference, reference_id
from rltools.policy import Context, Policy
from rltools.recording import Attribution, Question
from rltools.targets import Target, parse_target, target_labels


@torch.inference_mode(False)  # a caller's inference mode would forbid gradients
def attribute(
    policy: Policy,
    observations: Any,
    *,
    method: str = "gradient",
    target: str | Target | None = None,
    reference: Any = None,
    context: Context | None = None,
    max_batch: int | None = None,
    **parameters: Any,
) -> Attribution:
    """Attributions of observations from anywhere; the chosen action is the one the policy would choose there.

    Args:
        policy: what chooses; see `load_policy` and `TorchPolicy`.
        observations: `[state, *observation]`, in the environment's units, or a single one; of a Dict or Tuple a
            structure like it with such an array at each leaf.
        method: a name from `rltools list methods`.
        target: for instance "logit:chosen"; None is "centred:chosen" for discrete actions, "action:all" for others.
        reference: `[reference, *observation]` or a single state, which methods that compare states need; others
            ignore it.
        context: of each state, where the policy needs it: which actions are allowed, what a recurrent one remembers.
        max_batch: see `explain`.
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
    found = find_method(method)
    parsed = parse_target(target, policy)
    states = as_batch(policy, observations)
    x = policy.encode(states)
    acted = policy.act(states, context or Context())
    settings, asked, compared = found.settings(parameters), {}, None
    if reference is not None and "reference" in found.needs:
        compared, asked = given_reference(policy, reference), {"reference": reference_id(reference, seed=0)}
    taken = with_groups(found, settings, policy.features)
    explained = explained_rows(policy, found, parsed, x, acted.context, compared, taken, max_batch)
    question = Question(
        method=method,
        target=str(parsed),
        labels=target_labels(parsed, policy),
        unit=found.unit,
        parameters=settings | asked,
        policy_sha256=policy.source.sha256,
    )
    return Attribution(
        question=question,
        features=policy.features,
        reference=None if compared is None else compared.cpu().numpy(),
        **explained.columns,
    )
