"""Reads the scalars of a target from the outputs of a policy's heads."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from rltools.errors import TargetError
from rltools.policies.base import Context, Policy
from rltools.targets._target import Target, branch_of, count_scalars, is_of_state, is_several
from rltools.targets.scores import find_score
from rltools.targets.scores._score import Rows, with_middle_axes
from rltools.targets.scores.decision import DECISION

Read = Callable[[dict[str, Tensor]], Tensor]
"""Maps the outputs `[batch, ..., k]` of heads, by name, to scalars `[batch, ..., target]`."""


def base_head(target: Target, policy: Policy) -> str:
    """The head of the policy that a target's first score is read from."""
    return target.score if target.score in policy.heads else find_score(target.score).head_of(policy)


def read_scalars(policy: Policy, target: Target, context: Context) -> Read:
    """A function from outputs `[batch, ..., k]` of the heads of a target to its scalars `[batch, ..., target]`."""
    parts = [_difference(part, policy, context) for part in target.parts]
    if len(parts) == 1:
        return parts[0]
    return lambda outputs: torch.cat([part(outputs) for part in parts], dim=-1)


def terms(target: Target) -> tuple[Target, ...]:
    """The single scores that a target is made of: each part, and the target subtracted from it."""
    return tuple(term for part in target.parts for term in (part, part.minus) if term is not None)


def can_be_undefined(policy: Policy, target: Target) -> bool:
    """Whether there are rows in which a scalar of the target does not exist; see `undefined`."""
    if not policy.branches:
        return False
    actions = [term for term in terms(target) if term.action and not is_of_state(term.score, policy)]
    return any("runner_up" in term.action or find_score(term.score).forbidden_is_missing for term in actions)


def undefined(policy: Policy, target: Target, context: Context) -> Tensor | None:
    """Bool `[batch, target]`: the scalars that do not exist, because no other action was allowed; None for none.

    There is no runner-up if a single action is allowed, and the logarithm of a forbidden action's probability is not
    finite. Such scalars are NaN, and so are their attributions.
    """
    rows = context.action if context.action is not None else context.mask
    if rows is None:
        return None
    missing = {term: _missing(term, policy, context) for term in terms(target)}
    if all(of_term is None for of_term in missing.values()):
        return None
    parts = []
    for part in target.parts:
        of_part = torch.zeros(len(rows), count_scalars(part, policy), dtype=torch.bool, device=rows.device)
        for of_term in (missing[term] for term in terms(part)):
            of_part = of_part if of_term is None else of_part | of_term
        parts.append(of_part)
    every = torch.cat(parts, dim=1)
    return every if every.any() else None


def own_outputs(policy: Policy, target: Target) -> np.ndarray | None:
    """Bool `[target, k]`: the outputs that each scalar depends on, if each scalar belongs to one of several choices.

    None if there are not several choices, or a scalar depends on more than one of them.
    """
    if len(policy.branches) < 2:
        return None
    choice_of_output = np.repeat(np.arange(len(policy.branches)), policy.branches)
    choice_of_scalar: list[np.ndarray] = []
    for part in target.parts:
        choices = [_choices(term, policy, choice_of_output) for term in terms(part)]
        first = choices[0]
        if first is None or any(other is None or not np.array_equal(other, first) for other in choices[1:]):
            return None
        choice_of_scalar.append(first)
    own: np.ndarray = np.concatenate(choice_of_scalar)[:, None] == choice_of_output
    return own


def _choices(term: Target, policy: Policy, choice_of_output: np.ndarray) -> np.ndarray | None:
    """The choice that each scalar of a single score belongs to, int64 `[target]`; None if it depends on all."""
    if is_of_state(term.score, policy) or term.score == DECISION:
        return None
    if is_several(term, policy):
        return choice_of_output
    keyword, branch = branch_of(term.action, policy)
    if not keyword:
        return choice_of_output[[_position(term, policy)]]
    return np.arange(len(policy.branches)) if branch is None else np.array([branch])


def _missing(term: Target, policy: Policy, context: Context) -> Tensor | None:
    """`undefined` for a single score; None if it always exists."""
    if not policy.branches or not term.action or is_of_state(term.score, policy) or is_several(term, policy):
        return None
    keyword, branch = branch_of(term.action, policy)
    if keyword == "runner_up":
        lonely = _runner_up(policy, context, branch)[1]
        return lonely if branch is None else lonely[:, branch, None]
    if not keyword and context.mask is not None and find_score(term.score).forbidden_is_missing:
        return ~context.mask[:, _position(term, policy), None]
    return None


def _difference(target: Target, policy: Policy, context: Context) -> Read:
    """A function from outputs to the scalars of one part: a plain target, or the difference of two."""
    readers = [(base_head(term, policy), _reader(term, policy, context)) for term in terms(target)]
    if len(readers) == 1:
        ((head, only),) = readers
        return lambda outputs: only(outputs[head])
    (head, first), (other_head, second) = readers
    return lambda outputs: first(outputs[head]) - second(outputs[other_head])


def _reader(target: Target, policy: Policy, context: Context) -> Callable[[Tensor], Tensor]:
    """A function from the outputs `[batch, ..., k]` of a head to the scalars of a plain target."""
    score, rows = find_score(target.score), Rows(policy, context)
    if score.alone or score.of_state(policy) or is_several(target, policy):
        return lambda outputs: score.read(outputs, rows)
    select = _selection(target, policy, context)
    missing = _missing(target, policy, context)
    if missing is None or not missing.any():
        return lambda outputs: select(score.read(outputs, rows))
    exists = torch.where(missing, torch.nan, 1.0)

    def with_gaps(outputs: Tensor) -> Tensor:
        scores = score.read(outputs, rows)
        return select(scores) * with_middle_axes(exists, scores).to(scores)  # a product, so that gradients are NaN, too

    return with_gaps


def _selection(target: Target, policy: Policy, context: Context) -> Callable[[Tensor], Tensor]:
    """A function from the scores of all actions `[batch, ..., k]` to those of the target's actions."""
    keyword, branch = branch_of(target.action, policy)
    if keyword:
        action = _chosen(policy, context) if keyword == "chosen" else _runner_up(policy, context, branch)[0]
        if branch is not None:
            action = action[:, branch, None]
        count = action.shape[1]
        return lambda scores: scores.gather(-1, with_middle_axes(action, scores).expand(*scores.shape[:-1], count))
    position = _position(target, policy)
    return lambda scores: scores[..., position, None]


def _position(target: Target, policy: Policy) -> int:
    """The position of the action that a target names, by its name or by its position."""
    names = policy.action_names
    return names.index(target.action) if target.action in names else int(target.action)


def _chosen(policy: Policy, context: Context) -> Tensor:
    """int64 `[batch, branch]`, the position of each choice's chosen action among all outputs."""
    if context.action is None:
        raise TargetError(
            "the target names the chosen action, and these observations come without actions; give them with "
            f"Context(action=...), or name one of {policy.source.name}'s: {', '.join(policy.action_names)}"
        )
    if len(policy.branches) == 1:
        return context.action[:, None]
    starts = torch.tensor([0, *policy.branches[:-1]], device=context.action.device).cumsum(0)
    return context.action + starts


def _runner_up(policy: Policy, context: Context, branch: int | None) -> tuple[Tensor, Tensor]:
    """The best allowed action of each choice other than the chosen one, and whether there is none.

    int64 and bool `[batch, branch]`; if there is none, the position means nothing. `branch` is the choice that the
    target names, None for all.
    """
    chosen = _chosen(policy, context)
    if (min(policy.branches) if branch is None else policy.branches[branch]) < 2:
        raise TargetError(
            f"runner_up is the best of the other actions, and {policy.source.name} has a choice of one action only "
            f"({', '.join(policy.action_names)}); take chosen"
        )
    if context.scores is None:
        raise TargetError(
            "runner_up is read from the scores at the observation itself, and none are given here; give them with "
            "Context(scores=...), or name the action"
        )
    others = context.scores if context.mask is None else context.scores.masked_fill(~context.mask, -torch.inf)
    others = others.scatter(1, chosen, -torch.inf)
    best, lonely, start = [], [], 0
    for size in policy.branches:
        score, position = others[:, start : start + size].max(dim=1)
        best.append(start + position)
        lonely.append(score == -torch.inf)
        start += size
    return torch.stack(best, dim=1), torch.stack(lonely, dim=1)
