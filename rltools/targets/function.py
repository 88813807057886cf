"""The function that an attribution method explains, with its gradients and its values at copies of the rows."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from rltools.errors import ArgumentError, GradientError
from rltools.policies.precision import full_precision
from rltools.targets.draws import mean_over_draws

if TYPE_CHECKING:
    from torch import nn

Copies = Callable[[slice], Tensor]
"""Maps positions of copies to these copies of every row, `[batch or 1, copy, *feature]`."""
IN_CACHE = 1 << 12
"""Copies that stay in a processor's caches: values of this many together are a fifth faster than of 8 times as many."""


class TargetFunction(ABC):
    """The explained scalars of some rows, the target values, as a function of the rows' inputs.

    A method calls it, takes its gradients, or evaluates it at many copies of every row. Any number of copies goes
    through the network in micro-batches that fit into memory.

    Attributes:
        feature_ndim: how many axes a row's features have.
        dims: their names; "y" and "x" are those of an image.
        outputs: how many targets, scalars, there are.
        categorical: whether the scalars are positions of actions, which are equal or not, without a distance.
        most_copies: how many rows, copies included, go through the network together.
        leave_one_out: whether `rltools.attributions.Result.without` is wanted; only recordings keep it.

    Example:
        >>> import torch
        >>> from rltools.testing import PlainFunction
        >>> f = PlainFunction(lambda x: x @ torch.tensor([[1.0], [-2.0]]), outputs=1)
        >>> f(torch.ones(3, 2)).shape
        torch.Size([3, 1])
        >>> f.gradients(torch.ones(1, 2)).tolist()
        [[[1.0, -2.0]]]
    """

    feature_ndim: int
    dims: tuple[str, ...]
    outputs: int
    categorical: bool
    most_copies: int
    leave_one_out: bool

    @abstractmethod
    def __call__(self, x: Tensor) -> Tensor:
        """Inputs `[batch, ..., *feature]` -> target values `[batch, ..., target]`.

        The axes between hold copies of a row; the rows are always the same ones, in the same order.
        """

    @abstractmethod
    def rows(self, index: Tensor) -> TargetFunction:
        """The target function of some of the rows, in the order of `index`, int64 `[row]`."""

    @property
    def network(self) -> nn.Module | None:
        """The module for methods that hook layers; None if the policy is a function."""
        return None

    def gradients(self, x: Tensor) -> Tensor:
        """The gradients of the target values at `x [batch, ..., *feature]`: `[target, batch, ..., *feature]`, no graph.

        Raises:
            GradientError: the target values do not depend on x in a differentiable way.
        """
        with torch.enable_grad():
            leaf = x.detach().requires_grad_()
            return derivative(self(leaf), leaf)

    def actions(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The scores of all actions, `[batch, ..., action]`, and the chosen one of each row, int64 `[batch]`.

        Raises:
            ArgumentError: there is no choice of one of several actions.
        """
        raise ArgumentError("this function does not choose one of several actions; take another method")

    def copies_together(self, rows: int) -> int:
        """How many copies of each of `rows` rows go through the network together; at least one."""
        return max(1, self.most_copies // max(1, rows))

    def over(self, x: Tensor, count: int, copies: Copies) -> Tensor:
        """The target values at `count` copies of every row of x, in micro-batches: `[batch, count, target]`.

        Example:
            >>> import torch
            >>> from rltools.testing import PlainFunction
            >>> f = PlainFunction(lambda x: x.sum(1, keepdim=True), outputs=1, most_copies=4)
            >>> x, shifts = torch.zeros(2, 3), torch.arange(5.0)[:, None]
            >>> f.over(x, 5, lambda part: x[:, None] + shifts[part])[0, :, 0].tolist(), f.seen
            ([0.0, 3.0, 6.0, 9.0, 12.0], [(2, 2), (2, 2), (2, 1)])
        """
        most = self.copies_together(len(x))
        if x.device.type == "cpu":
            most = min(most, max(1, IN_CACHE // max(1, len(x))))
        values = [self(self._expanded(copies(part), len(x))) for part in _parts(count, most)]
        return values[0] if len(values) == 1 else torch.cat(values, 1)

    def gradients_over(self, x: Tensor, count: int, copies: Copies) -> Iterator[tuple[slice, Tensor]]:
        """The gradients at `count` copies of every row of x, one micro-batch after another.

        Yields:
            The positions of some copies, and the gradients there, `[target, batch, copy, *feature]`.
        """
        # The gradients of each target are as large as the copies.
        for part in _parts(count, self.copies_together(len(x) * self.outputs)):
            yield part, self.gradients(self._expanded(copies(part), len(x)))

    def mean_over(
        self, draws: Sequence[Tensor] | Tensor, function: Callable[[Tensor], Tensor]
    ) -> tuple[Tensor, Tensor | None]:
        """The mean of a function over draws, such as references, and its mean without each block of draws.

        Returns:
            `[...]` and `[block, ...]`; None for the latter if it is not wanted, or there are fewer than two draws.
        """
        return mean_over_draws(function, draws, leave_one_out=self.leave_one_out)

    def _expanded(self, copies: Tensor, rows: int) -> Tensor:
        return copies if len(copies) == rows else copies.expand(rows, *copies.shape[1:])


def _parts(count: int, most: int) -> Iterator[slice]:
    return (slice(start, min(start + most, count)) for start in range(0, count, most))


def derivative(outputs: Tensor, x: Tensor) -> Tensor:
    """`outputs [*lead, target]` computed from `x [*lead, *feature]` row by row -> `[target, *lead, *feature]`.

    The sum over rows has each row's own gradient, because no row's output depends on another row. A loop over targets
    is the fastest way for few of them; `is_grads_batched` is slower for convolutional nets.

    Raises:
        GradientError: the outputs do not depend on x.
    """
    if not outputs.requires_grad:
        raise GradientError(INDEPENDENT)
    targets = outputs.shape[-1]
    gradients = []
    for target in range(targets):
        # A sum, not a mask as grad_outputs: that would import torch's symbolic shapes, and they sympy, for a second.
        total = outputs if targets == 1 else outputs[..., target]
        if total.numel() != 1:
            total = total.sum()
        (gradient,) = differentiated(total, (x,), retain_graph=target < targets - 1)
        if gradient is None:
            raise GradientError(INDEPENDENT)
        gradients.append(gradient)
    return gradients[0][None] if targets == 1 else torch.stack(gradients)


def differentiated(scalar: Tensor, leaves: Sequence[Tensor], *, retain_graph: bool = False) -> Sequence[Tensor | None]:
    """The gradients of a scalar with respect to leaves, None if it does not depend on one.

    Raises:
        GradientError: torch refuses, for instance because something was changed in place that a derivative needs.
    """
    try:
        with full_precision():
            gradients: Sequence[Tensor | None] = torch.autograd.grad(
                scalar, leaves, retain_graph=retain_graph, allow_unused=True
            )
    except torch.OutOfMemoryError:
        raise
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        hint = "; write the result into a new tensor instead" if "inplace" in reason else ""
        raise GradientError(f"torch cannot differentiate the score: {reason}{hint}") from error
    return gradients


INDEPENDENT = (
    "the score does not depend on the observation in a differentiable way: the policy detaches it or computes it "
    "under no_grad; give heads that are differentiable, for instance TorchPolicy(..., heads={'logit': function})"
)
