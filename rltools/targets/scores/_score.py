"""The declaration of a score, and the arguments of its function."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor

    from rltools.policies.base import Context, Policy

LOGIT, PROBABILITY = "logit", "probability"
"""The heads that a distribution of actions is read from."""
FORBIDDEN = -1e8
"""The logit of a forbidden action when probabilities are computed: probability 0, and no NaN anywhere."""


@dataclass(frozen=True)
class Rows:
    """The rows whose scores are read.

    Attributes:
        policy: whose outputs they are.
        context: of the rows: chosen actions, recorded scores, action mask.
    """

    policy: Policy
    context: Context

    def allowed(self, outputs: Tensor) -> Tensor | None:
        """The action mask, bool `[batch, ..., k]` with axes of length 1 as in `outputs`; None if all are allowed."""
        return None if self.context.mask is None else with_middle_axes(self.context.mask, outputs)


@dataclass(frozen=True)
class Score:
    """A number, for each action or for the state, that is read from the outputs of a policy's head.

    Attributes:
        name: of the function, and of its file.
        read: (outputs `[batch, ..., k]` of the head, `Rows`) -> `[batch, ..., k]`, the score of each action, or
            `[batch, ..., 1]`, the score of the state; differentiable, and row by row.
        meaning: its meaning in plain words, with `{}` for the action: "the probability of {}". "" for a head of the
            policy's own.
        title: its name in sentences, with `{}` for the action: "the probability of {}"; "" for a policy's own head.
        noun: its name in a word: "in units of the {noun}".
        head: the name of the head it is read from; "" for the head of its own name, None for the one that decides.
            What is read from "logit" is read from "probability" where a policy has that head instead.
        available: whether a policy that has this head has the score.
        missing: why a policy does not have it, with `{deciding}` for its deciding head; "" for no reason.
        of_state: whether it is one number for the state, whatever the action.
        linear: given k, the weight of every output in the score of an action, in addition to 1 for the action's own;
            None if the score is not a weighted sum of outputs.
        forbidden_is_missing: whether a forbidden action has no such score; otherwise it has one.
        alone: whether it must be a target by itself, without a difference or further parts.

    Example:
        >>> import rltools
        >>> from rltools.targets.scores import find_score
        >>> policy = rltools.load_policy("cartpole-ppo")
        >>> centered = find_score("centered")
        >>> centered.head_of(policy), centered.is_available(policy), centered.linear(4)
        ('logit', True, -0.25)
    """

    name: str
    read: Callable[[Tensor, Rows], Tensor]
    meaning: str = ""
    title: str = ""
    noun: str = "score"
    head: str | None = ""
    available: Callable[[Policy], bool] = lambda policy: True
    missing: str = ""
    of_state: Callable[[Policy], bool] = lambda policy: False
    linear: Callable[[int], float] | None = None
    forbidden_is_missing: bool = False
    alone: bool = False

    def head_of(self, policy: Policy) -> str:
        """The head of this policy that the score is read from."""
        if self.head == LOGIT and LOGIT not in policy.heads and PROBABILITY in policy.heads:
            return PROBABILITY
        return policy.heads[0] if self.head is None else self.head or self.name

    def is_available(self, policy: Policy) -> bool:
        """Whether targets of this policy can name it."""
        return self.head_of(policy) in policy.heads and self.available(policy)


def score(
    *,
    meaning: str,
    title: str = "",
    noun: str = "score",
    head: str | None = "",
    available: Callable[[Policy], bool] = lambda policy: True,
    missing: str = "",
    of_state: bool | Callable[[Policy], bool] = False,
    linear: Callable[[int], float] | None = None,
    forbidden_is_missing: bool = False,
    alone: bool = False,
) -> Callable[[Callable[[Tensor, Rows], Tensor]], Score]:
    """Declare a function to be the score of its file; see `Score` for what the arguments mean.

    Example:
        >>> from rltools.targets.scores import score
        >>> @score(meaning="twice the raw score of {}", head="logit", linear=None)
        ... def doubled(outputs, rows):
        ...     return 2 * outputs
        >>> doubled.name, doubled.head
        ('doubled', 'logit')
    """
    whole_state = of_state if callable(of_state) else lambda policy: of_state

    def declare(read: Callable[[Tensor, Rows], Tensor]) -> Score:
        return Score(
            read.__name__,
            read,
            meaning=meaning,
            title=title,
            noun=noun,
            head=head,
            available=available,
            missing=missing,
            of_state=whole_state,
            linear=linear,
            forbidden_is_missing=forbidden_is_missing,
            alone=alone,
        )

    return declare


def each_choice(function: Callable[[Tensor, Tensor | None], Tensor], outputs: Tensor, rows: Rows) -> Tensor:
    """Apply a function of one choice's outputs and mask, `[..., size]` each, to every choice of a policy.

    Choices of one size go through it together, `[..., choice, size]`: a graph with nodes for each of a thousand choices
    would be walked again for each of their scalars.
    """
    branches, allowed = rows.policy.branches, rows.allowed(outputs)
    if len(branches) <= 1:
        return function(outputs, allowed)
    import torch

    by_size = _positions_by_size(branches)
    parts = [
        function(_apart(outputs, positions), None if allowed is None else _apart(allowed, positions)).flatten(-2)
        for positions in by_size
    ]
    if len(parts) == 1:
        return parts[0]
    order = np.argsort(np.concatenate([positions.reshape(-1) for positions in by_size]))
    return torch.cat(parts, dim=-1).index_select(-1, torch.as_tensor(order, device=outputs.device))


@cache
def _positions_by_size(branches: tuple[int, ...]) -> tuple[np.ndarray, ...]:
    """The positions of the outputs of all choices of each size, int64 `[choice, size]`."""
    sizes = np.array(branches)
    starts = np.cumsum(sizes) - sizes
    return tuple(starts[sizes == size, None] + np.arange(size) for size in np.unique(sizes))


def _apart(outputs: Tensor, positions: np.ndarray) -> Tensor:
    """`[..., k]` -> `[..., choice, size]`, the outputs at `positions [choice, size]`."""
    if positions.size < outputs.shape[-1]:  # else all of them, in their order
        import torch

        outputs = outputs.index_select(-1, torch.as_tensor(positions.reshape(-1), device=outputs.device))
    return outputs.reshape(*outputs.shape[:-1], *positions.shape)


def log_probabilities(outputs: Tensor, rows: Rows) -> Tensor:
    """The logarithms of the probabilities of the allowed actions of each choice.

    Args:
        outputs: `[batch, ..., k]`, logits; probabilities if that is the policy's head.
        rows: the rows.
    """
    if LOGIT not in rows.policy.heads:
        from rltools.policies.actions import as_logits

        outputs = as_logits(outputs)
    return each_choice(_log_softmax, outputs, rows)


def _log_softmax(outputs: Tensor, allowed: Tensor | None) -> Tensor:
    return (outputs if allowed is None else outputs.masked_fill(~allowed, FORBIDDEN)).log_softmax(-1)


def with_middle_axes(values: Tensor, outputs: Tensor) -> Tensor:
    """`values [batch, n]` with the middle axes of `outputs [batch, ..., k]`, each of length 1."""
    middle = [1] * (outputs.ndim - 2)
    return values if not middle else values.reshape(len(values), *middle, values.shape[1])
