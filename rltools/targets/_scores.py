"""From the outputs of a policy's heads to the scalars of a target."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import torch
from torch import Tensor

from rltools.errors import TargetError
from rltools.policies.base import Context, Policy
from rltools.targets._decision import DECISION, decided
from rltools.targets._target import Target, branch_of, count_scalars, is_of_state, is_several

FORBIDDEN = -1e8
"""The score of an action that is not allowed where probabilities are computed: probability 0, and no NaN anywhere."""


def base_head(target: Target, policy: Policy) -> str:
    """The head of the policy that a target's first score is computed from."""
    if target.score in policy.heads:
        return target.score
    return policy.heads[0] if target.score in ("centered", DECISION) else "logit"


def read_scalars(policy: Policy, target: Target, context: Context) -> Callable[[dict[str, Tensor]], Tensor]:
    """From outputs `[batch, ..., k]` of the heads that a target needs to its scalars `[batch, ..., target]`."""
    parts = [_difference(part, policy, context) for part in target.parts]
    if len(parts) == 1:
        return parts[0]
    return lambda heads: torch.cat([part(heads) for part in parts], dim=-1)


def terms(target: Target) -> tuple[Target, ...]:
    """The scores that a target is made of: each that is asked for, and what is subtracted from it."""
    return tuple(term for part in target.parts for term in (part, part.minus) if term is not None)


def undefined(policy: Policy, target: Target, context: Context) -> Tensor | None:
    """Bool `[batch, target]`: the scalars that do not exist, because no other action was allowed; None for none.

    There is no runner-up where one action is allowed, and the logarithm of a forbidden action's probability is no
    number. Such scalars are NaN, and so is whatever is said of them.
    """
    rows = context.action if context.action is not None else context.mask
    missing = {term: _missing(term, policy, context) for term in terms(target)}
    if rows is None or all(of_term is None for of_term in missing.values()):
        return None
    found = []
    for part in target.parts:
        of_part = torch.zeros(len(rows), count_scalars(part, policy), dtype=torch.bool, device=rows.device)
        for of_term in (missing[term] for term in terms(part)):
            of_part = of_part if of_term is None else of_part | of_term
        found.append(of_part)
    every = torch.cat(found, dim=1)
    return every if every.any() else None


def own_outputs(policy: Policy, target: Target) -> np.ndarray | None:
    """Bool `[target, k]`: the outputs that each scalar depends on, where each is of one of several choices.

    None where there are not several choices, or a scalar depends on more than one of them.
    """
    if len(policy.branches) < 2:
        return None
    of_outputs = np.repeat(np.arange(len(policy.branches)), policy.branches)
    of_scalars: list[np.ndarray] = []
    for part in target.parts:
        of_terms = [_choices(term, policy, of_outputs) for term in terms(part)]
        first = of_terms[0]
        if first is None or any(other is None or not np.array_equal(other, first) for other in of_terms[1:]):
            return None
        of_scalars.append(first)
    own: np.ndarray = np.concatenate(of_scalars)[:, None] == of_outputs
    return own


def _choices(term: Target, policy: Policy, of_outputs: np.ndarray) -> np.ndarray | None:
    """Which choice each scalar of one score is of, int64 `[target]`; None where it is of all."""
    if is_of_state(term.score, policy) or term.score == DECISION:
        return None
    if is_several(term, policy):
        return of_outputs
    keyword, branch = branch_of(term.action, policy)
    if not keyword:
        return of_outputs[[_position(term, policy)]]
    return np.arange(len(policy.branches)) if branch is None else np.array([branch])


def _missing(term: Target, policy: Policy, context: Context) -> Tensor | None:
    """`undefined` of one score of actions; None where it always exists."""
    if not policy.branches or not term.action or is_of_state(term.score, policy) or is_several(term, policy):
        return None
    keyword, branch = branch_of(term.action, policy)
    if keyword == "runner_up":
        lonely = _runner_up(policy, context, branch)[1]
        return lonely if branch is None else lonely[:, branch, None]
    if not keyword and term.score == "log_probability" and context.mask is not None:
        return ~context.mask[:, _position(term, policy), None]
    return None


def _with_gaps(select: Callable[[Tensor], Tensor], missing: Tensor) -> Callable[[Tensor], Tensor]:
    """A selection of scores with NaN in the place of those that do not exist."""
    exists = torch.where(missing, torch.nan, 1.0)
    # A product, so that the gradients are no numbers either.
    return lambda scores: select(scores) * beside(exists, scores).to(scores)


def _difference(target: Target, policy: Policy, context: Context) -> Callable[[dict[str, Tensor]], Tensor]:
    """From outputs to the scalars of a plain target, or of the difference of two."""
    read = [(base_head(term, policy), _reader(term, policy, context)) for term in terms(target)]
    if len(read) == 1:
        ((head, only),) = read
        return lambda heads: only(heads[head])
    (head, first), (other, second) = read
    return lambda heads: first(heads[head]) - second(heads[other])


def _reader(target: Target, policy: Policy, context: Context) -> Callable[[Tensor], Tensor]:
    """From the output `[batch, ..., k]` of a head to the scalars of a plain target."""
    transform, mask = _SCORES.get(target.score), context.mask
    if target.score == DECISION:
        return lambda output: decided(policy, _allowed_only(output, None if mask is None else beside(mask, output)))
    if target.score == "kl":
        return _divergence(policy, context)
    select = _selection(target, policy, context)
    missing = _missing(target, policy, context)
    if missing is not None and missing.any():
        select = _with_gaps(select, missing)
    if transform is None:
        return select
    return lambda output: select(transform(output, policy.branches, None if mask is None else beside(mask, output)))


def _selection(target: Target, policy: Policy, context: Context) -> Callable[[Tensor], Tensor]:
    """From scores of all actions `[batch, ..., k]` to those of the target's."""
    if is_of_state(target.score, policy) or is_several(target, policy):
        return lambda scores: scores
    keyword, branch = branch_of(target.action, policy)
    if keyword:
        action = _chosen(policy, context) if keyword == "chosen" else _runner_up(policy, context, branch)[0]
        if branch is not None:
            action = action[:, branch, None]
        count = action.shape[1]
        return lambda scores: scores.gather(-1, beside(action, scores).expand(*scores.shape[:-1], count))
    position = _position(target, policy)
    return lambda scores: scores[..., position, None]


def _position(target: Target, policy: Policy) -> int:
    """Of the action that a target names, by its name or by its position."""
    names = policy.action_names
    return names.index(target.action) if target.action in names else int(target.action)


def beside(rows: Tensor, output: Tensor) -> Tensor:
    """`rows [batch, n]` with the axes of `output [batch, ..., k]` between, of length 1."""
    return rows if output.ndim == 2 else rows.reshape(len(rows), *[1] * (output.ndim - 2), rows.shape[1])


def _chosen(policy: Policy, context: Context) -> Tensor:
    """int64 `[batch, branch]`, where the chosen action of each choice is among all scores."""
    if context.action is None:
        raise TargetError(
            "the target names the chosen action, and no action is known for these observations; give them one with "
            f"Context(action=...), or name one of {policy.source.name}'s: {', '.join(policy.action_names)}"
        )
    if len(policy.branches) == 1:
        return context.action[:, None]
    starts = torch.tensor([0, *policy.branches[:-1]], device=context.action.device).cumsum(0)
    return context.action + starts


def _runner_up(policy: Policy, context: Context, asked: int | None) -> tuple[Tensor, Tensor]:
    """The best action of each choice other than the chosen one, of those allowed, and where there is no such action.

    int64 and bool `[batch, branch]`; where there is none, the position means nothing. `asked` is the choice that is
    asked about, None for all.
    """
    chosen = _chosen(policy, context)
    if (min(policy.branches) if asked is None else policy.branches[asked]) < 2:
        raise TargetError(
            f"runner_up is the best of the other actions, and {policy.source.name} has a choice of one action only "
            f"({', '.join(policy.action_names)}); ask for chosen"
        )
    if context.scores is None:
        raise TargetError(
            "runner_up is read from the scores at the observation itself, and none are known here; give them with "
            "Context(scores=...), or name the action"
        )
    others = context.scores if context.mask is None else context.scores.masked_fill(~context.mask, -torch.inf)
    others = others.scatter(1, chosen, -torch.inf)
    found, lonely, start = [], [], 0
    for size in policy.branches:
        best, position = others[:, start : start + size].max(dim=1)
        found.append(start + position)
        lonely.append(best == -torch.inf)
        start += size
    return torch.stack(found, dim=1), torch.stack(lonely, dim=1)


def _divergence(policy: Policy, context: Context) -> Callable[[Tensor], Tensor]:
    """From logits `[batch, ..., k]` to how far their distribution is from the one of the recorded observation.

    KL(recorded || these), of all choices together, which are made independently.
    """
    if context.scores is None:
        raise TargetError(
            "kl compares with the scores at the observation itself, and none are known here; give them with "
            "Context(scores=...)"
        )
    logs, mask = _each_branch(_log_probability), context.mask
    recorded = logs(context.scores, policy.branches, mask)

    def divergence(output: Tensor) -> Tensor:
        there = beside(recorded, output)
        here = logs(output, policy.branches, None if mask is None else beside(mask, output))
        return (there.exp() * (there - here)).sum(dim=-1, keepdim=True)

    return divergence


def _allowed_only(output: Tensor, allowed: Tensor | None) -> Tensor:
    return output if allowed is None else output.masked_fill(~allowed, -torch.inf)


Transform = Callable[[Tensor, tuple[int, ...], Tensor | None], Tensor]


def _each_branch(transform: Callable[[Tensor, Tensor | None], Tensor]) -> Transform:
    """A function of the scores of one choice, applied to each choice's own.

    Choices of one size go through it together, `[..., choice, size]`: a graph with nodes for each of a thousand choices
    would be walked anew for each of their scalars.
    """

    def each(output: Tensor, branches: tuple[int, ...], allowed: Tensor | None) -> Tensor:
        if len(branches) <= 1:
            return transform(output, allowed)
        groups = _by_size(branches)
        parts = [
            transform(_apart(output, positions), None if allowed is None else _apart(allowed, positions)).flatten(-2)
            for positions in groups
        ]
        if len(parts) == 1:
            return parts[0]
        back = np.argsort(np.concatenate([positions.reshape(-1) for positions in groups]))
        return torch.cat(parts, dim=-1).index_select(-1, torch.as_tensor(back, device=output.device))

    return each


@cache
def _by_size(branches: tuple[int, ...]) -> tuple[np.ndarray, ...]:
    """The positions of the scores of all choices of each size, int64 `[choice, size]`."""
    sizes = np.array(branches)
    starts = np.cumsum(sizes) - sizes
    return tuple(starts[sizes == size, None] + np.arange(size) for size in np.unique(sizes))


def _apart(scores: Tensor, positions: np.ndarray) -> Tensor:
    """`[..., k]` -> `[..., choice, size]`, those at `positions [choice, size]`."""
    if positions.size < scores.shape[-1]:  # else all of them, in their order
        scores = scores.index_select(-1, torch.as_tensor(positions.reshape(-1), device=scores.device))
    return scores.reshape(*scores.shape[:-1], *positions.shape)


def _centered(output: Tensor, allowed: Tensor | None) -> Tensor:
    if allowed is None:
        return output - output.mean(dim=-1, keepdim=True)
    weights = allowed.to(output.dtype)
    return output - (output * weights).sum(dim=-1, keepdim=True) / weights.sum(dim=-1, keepdim=True)


def _log_probability(output: Tensor, allowed: Tensor | None) -> Tensor:
    return torch.log_softmax(output if allowed is None else output.masked_fill(~allowed, FORBIDDEN), dim=-1)


def _probability(output: Tensor, allowed: Tensor | None) -> Tensor:
    return _log_probability(output, allowed).exp()


def _entropy(output: Tensor, branches: tuple[int, ...], allowed: Tensor | None) -> Tensor:
    """Of all choices together, which are made independently."""
    # Written out, because entr's derivative is infinite where a probability underflows to 0.
    logs = _each_branch(_log_probability)(output, branches, allowed)
    return -(logs.exp() * logs).sum(dim=-1, keepdim=True)


_SCORES: dict[str, Transform] = {
    "centered": _each_branch(_centered),
    "log_probability": _each_branch(_log_probability),
    "probability": _each_branch(_probability),
    "entropy": _entropy,
}
