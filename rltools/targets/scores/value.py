"""The return that the network expects from a state on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rltools.targets.scores._score import Rows, score

if TYPE_CHECKING:
    from torch import Tensor


@score(
    meaning="the return that the network expects from a state on",
    title="the value of the state",
    noun="value",
    of_state=True,
    linear=lambda outputs: 0.0,
)
def value(outputs: Tensor, rows: Rows) -> Tensor:
    """The output of the head "value"."""
    return outputs
