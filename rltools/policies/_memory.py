"""What a recurrent network remembers, as one vector a row."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Memory:
    """A network's memory from one step to the next.

    Attributes:
        size: how many numbers are remembered; a state is float `[batch, size]`, zeros at the start of an episode.
        recall: (name of a head, x, state) -> what that head is a function of, differentiable in x and in the state.
        advance: (x, state) -> what the first head is a function of, and the next state.
    """

    size: int
    recall: Callable[[str, Tensor, Tensor], Tensor]
    advance: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
