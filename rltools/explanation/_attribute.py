"""Attributes any observations, without a recording."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from rltools.attributions import find_method
from rltools.errors import ArgumentError, TooCostlyError
from rltools.explanation.batches import explained_rows, most_copies
from rltools.explanation.references import as_batch, encode_references, references_id
from rltools.explanation.spec import decodes, separated_axes, with_card_groups, with_groups, with_whole_choices
from rltools.explanation.views import Decoded, compiled
from rltools.policies.base import Context, Policy, check_is_policy
from rltools.policies.decide import decide, decision_pass
from rltools.policies.device_memory import halving
from rltools.policies.threads import compute_threads
from rltools.recording import Attribution, AttributionSpec, recorded_leaves
from rltools.spaces.leaves import map_leaves
from rltools.targets import Target, cached_by_policy, fitting_target, target_labels


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
    """Compute attributions of any observations, for the actions that the policy chooses there.

    Args:
        policy: the explained policy; see `load_policy` and `TorchPolicy`.
        observations: `[row, *observation]`, in the environment's units, or a single one; for a Dict or Tuple a
            structure like it with such an array at each leaf.
        method: a name from `rltools list methods`.
        target: what is explained, for instance "logit:chosen"; None is "centered:chosen" for discrete actions,
            "action:all" for others.
        references: `[reference, *observation]` or a single one, for methods that compare with references; others
            ignore them.
        context: the context of each row, if the policy needs it: the action mask, the recurrent state.
        max_batch: see `explain`.
        threads: see `explain`.
        compile: see `explain`.
        parameters: the parameters of the method; see `explain` for `groups`.

    Returns:
        An attribution with `values [row, target, *feature]` in the environment's units.

    Raises:
        ArgumentError: references are missing, or the method does not take a parameter.
        TargetError: the policy has no such target.
        MismatchError: the observations do not have the policy's shape.
        GradientError: the policy is not differentiable.

    Example:
        >>> import numpy as np, rltools
        >>> policy = rltools.load_policy("cartpole-ppo")
        >>> upright, leaning = np.zeros(4), np.array([0, 0, 0.1, 0])
        >>> rltools.attribute(policy, np.stack([upright, leaning]))["pole angle"].shape
        (2, 1)
    """
    if torch.is_inference_mode_enabled():  # it would forbid gradients
        settings = {"references": references, "context": context, "max_batch": max_batch, "threads": threads}
        with torch.inference_mode(False):
            return attribute(
                policy, observations, method=method, target=target, compile=compile, **settings, **parameters
            )
    if max_batch is not None and max_batch < 1:
        raise ArgumentError(f"max_batch is {max_batch}; it must be at least 1")
    if not hasattr(policy, "action_space"):  # the full check takes as long as a small network
        check_is_policy(policy)
    policy = compiled(policy) if compile else policy
    implementation = find_method(method)
    parsed = cached_by_policy(
        "target", (method, target), policy, lambda: fitting_target(method, implementation.needs, target, policy)
    )
    batch = as_batch(policy, observations)
    x = _encoded(policy, batch)
    with compute_threads(policy, len(x), threads):
        context = _decide(policy, batch, context or Context(), x, max_batch)
    parameters = dict(with_card_groups(parameters, policy.features))
    settings, states = implementation.settings(dict(with_whole_choices(policy, implementation, parameters))), None
    identifier: dict[str, Any] = {}
    if decodes(implementation, settings, policy.features):
        policy, identifier, context = Decoded(policy), {"decoded": True}, replace(context, forward_pass=None)
        x = _encoded(policy, batch)
    if references is not None and "references" in implementation.needs:
        states = encode_references(policy, references)
        identifier = {"reference": references_id(references, seed=0)} | identifier
    arguments = with_groups(implementation, settings, policy.features)
    explained = explained_rows(
        *(policy, implementation, parsed, x, context, states, arguments, max_batch),
        threads=threads,
        leave_one_out=False,
    )
    spec = AttributionSpec(
        method=method,
        target=str(parsed),
        labels=cached_by_policy("labels", parsed, policy, lambda: target_labels(parsed, policy)),
        unit=implementation.unit,
        parameters=settings | identifier,
        policy_sha256=policy.source.sha256,
        separated=separated_axes(implementation, settings, policy.features),
    )
    return Attribution(
        spec=spec,
        features=policy.features,
        references=None if states is None else states.cpu().numpy(),
        **explained.columns,
    )


def _encoded(policy: Policy, batch: Any) -> Tensor:
    """The encoded observations, all of them on the device of the policy.

    Raises:
        TooCostlyError: the GPU has no memory for so many.
    """
    try:
        return policy.encode(batch)
    except torch.cuda.OutOfMemoryError as error:
        raise TooCostlyError(
            f"the GPU has no memory for these observations together ({str(error).splitlines()[0]}); give fewer at a "
            "time, or record them: `explain` reads as many as fit"
        ) from error


def _decide(policy: Policy, observations: Any, context: Context, x: Tensor, max_batch: int | None) -> Context:
    """The context with the actions that the policy chooses, in batches, because all rows may be many images."""
    most = most_copies(policy, max_batch, on_gpu=not x.is_cpu)
    if len(x) <= most:
        with suppress(torch.cuda.OutOfMemoryError):
            forward_pass = decision_pass(policy, x, context)
            if forward_pass is not None:
                decided = decide(policy, forward_pass.output, context).context
                return Context(decided.action, decided.scores, decided.mask, decided.state, forward_pass=forward_pass)
    recorded = recorded_leaves(policy.features)

    def choose(rows: slice, _: int) -> Context:
        part = map_leaves(lambda _, values: values[rows], observations, recorded)
        return policy.act(part, context.rows(rows)).context

    parts = [part for _, part in halving(len(x), most, choose)]
    if len(parts) == 1:
        return parts[0]
    actions = [part.action for part in parts if part.action is not None]
    scores = [part.scores for part in parts if part.scores is not None]
    return replace(context, action=torch.cat(actions), scores=torch.cat(scores))
