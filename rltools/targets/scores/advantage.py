"""How much better than the state's value an action is expected to be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rltools.targets.scores._score import Rows, score

if TYPE_CHECKING:
    from torch import Tensor


@score(
    meaning="how much better than the state's value the network expects {} to be",
    title="the advantage of {}",
    noun="advantage",
    missing="only dueling networks with an 'advantage' head have one",
    linear=lambda outputs: 0.0,
)
def advantage(outputs: Tensor, rows: Rows) -> Tensor:
    """The outputs of the head "advantage" of a dueling network."""
    return outputs
