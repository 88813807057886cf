"""A target as a function of encoded observations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import prod

import torch
from torch import Tensor, nn

from rltools.errors import TargetError
from rltools.policy import Context, Policy
from rltools.targets._target import STATE_SCORES, Target, is_several, target_labels


def base_head(target: Target, policy: Policy) -> str:
    """The head of the policy that a target's first score is computed from."""
    if target.score in policy.heads:
        return target.score
    return policy.heads[0] if target.score == "centred" else "logit"


class Score(nn.Module):
    """The explained scalars of one chunk of rows, as a function of the rows' encoded observations.

    `score(x [batch, ..., *feature]) -> [batch, ..., target]`. The axes between batch and feature hold perturbed copies
    of a row and are free; the rows and their order are those of the context it was made with.
    """

    def __init__(self, policy: Policy, target: Target, context: Context) -> None:
        super().__init__()
        self.feature_ndim = len(policy.features.shape)
        self.outputs = len(target_labels(target, policy))
        self._policy = policy
        self._target = target
        self._context = context
        self._terms = (target,) if target.minus is None else (target, target.minus)

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        lead = x.shape[: x.ndim - self.feature_ndim]
        copies = prod(lead[1:])
        flat = x.reshape(-1, *x.shape[len(lead) :])
        # A head needs neither the action nor the scores, and copying them costs as much as a small net.
        context = replace(self._context, action=None, scores=None).repeat(copies)
        heads = {
            # Each head has a copy: a network may write into what it is given.
            name: _split_rows(self._policy.head(name, flat.clone(), context), lead[0], copies)
            for name in {base_head(term, self._policy) for term in self._terms}
        }
        return self.read(heads).reshape(*lead, self.outputs)

    def read(self, heads: dict[str, Tensor]) -> Tensor:
        """The scalars `[batch, copies, target]` in outputs `[batch, copies, k]` of the heads they need."""
        parts = [_read(term, heads[base_head(term, self._policy)], self._policy, self._context) for term in self._terms]
        return parts[0] if len(parts) == 1 else parts[0] - parts[1]

    def rows(self, index: Tensor) -> Score:
        """The score of some of the rows, in the order of `index`."""
        return Score(self._policy, self._target, self._context.rows(index))


def _split_rows(output: Tensor, batch: int, copies: int) -> Tensor:
    return output.reshape(batch, copies, *output.shape[1:])


def make_score(policy: Policy, target: Target, context: Context) -> Score:
    """The score of one chunk of rows; `context` holds what these rows need, in their order."""
    return Score(policy, target, context)


def _read(target: Target, output: Tensor, policy: Policy, context: Context) -> Tensor:
    allowed = None if context.mask is None else context.mask[:, None]
    scores = _SCORES[target.score](output, allowed) if target.score in _SCORES else output
    names = policy.action_names
    if target.score in STATE_SCORES or is_several(target, policy):
        return scores
    if target.action in names:
        return scores[..., names.index(target.action), None]
    if target.action == "chosen":
        return _gather(scores, _chosen(context))
    if target.action == "runner_up":
        return _gather(scores, _runner_up(context))
    return scores[..., int(target.action), None]


def _gather(scores: Tensor, action: Tensor) -> Tensor:
    """`scores [batch, copies, k]` of each row's own action `[batch]`."""
    return scores.gather(-1, action[:, None, None].expand(-1, scores.shape[1], 1))


def _chosen(context: Context) -> Tensor:
    if context.action is None:
        raise TargetError("the target names the chosen action, and no action is known for these observations")
    return context.action


def _runner_up(context: Context) -> Tensor:
    chosen = _chosen(context)
    if context.scores is None or context.scores.shape[1] < 2:
        raise TargetError("runner_up needs a policy with at least two actions to choose from")
    others = context.scores.scatter(1, chosen[:, None], -torch.inf)
    if context.mask is not None:
        others = others.masked_fill(~context.mask, -torch.inf)
    return others.argmax(dim=1)


def _centred(output: Tensor, allowed: Tensor | None) -> Tensor:
    if allowed is None:
        return output - output.mean(dim=-1, keepdim=True)
    weights = allowed.to(output.dtype)
    return output - (output * weights).sum(dim=-1, keepdim=True) / weights.sum(dim=-1, keepdim=True)


def _log_probability(output: Tensor, allowed: Tensor | None) -> Tensor:
    return torch.log_softmax(output if allowed is None else output.masked_fill(~allowed, -1e8), dim=-1)


def _probability(output: Tensor, allowed: Tensor | None) -> Tensor:
    return _log_probability(output, allowed).exp()


def _entropy(output: Tensor, allowed: Tensor | None) -> Tensor:
    # Written out, because entr's derivative is infinite where a probability underflows to 0.
    logs = _log_probability(output, allowed)
    return -(logs.exp() * logs).sum(dim=-1, keepdim=True)


_SCORES: dict[str, Callable[[Tensor, Tensor | None], Tensor]] = {
    "centred": _centred,
    "log_probability": _log_probability,
    "probability": _probability,
    "entropy": _entropy,
}
