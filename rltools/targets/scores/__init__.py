"""The scores that a target can name: one file each, found by its place.

A score is read from the outputs of one of the policy's heads. A file `name.py` here holds the score `name`, declared
with `@score`; nothing else is edited to add one. No file imports torch when it is loaded, so that pages and summaries,
which print what a score means, do not wait for it. Read `centered.py` first.
"""

from __future__ import annotations

from functools import cache, lru_cache
from typing import TYPE_CHECKING

from rltools._util.discovery import load_member, modules_in
from rltools.targets.scores._score import Rows, Score, score

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Rows", "Score", "find_score", "score", "score_names"]


@cache
def score_names() -> tuple[str, ...]:
    """The names of all scores, in alphabetical order.

    Example:
        >>> from rltools.targets.scores import score_names
        >>> score_names()[:3]
        ('action', 'advantage', 'centered')
    """
    return tuple(sorted(name for name in modules_in(__name__) if not name.startswith("_")))


@lru_cache(256)
def find_score(name: str) -> Score:
    """The score of this name; any other name is that of a head of the policy's own, whose outputs are the scores.

    Example:
        >>> from rltools.targets.scores import find_score
        >>> find_score("probability").meaning
        'the probability of {}'
    """
    if name not in score_names():
        return Score(name, _outputs)
    member: Score = load_member(f"{__name__}.{name}", name)
    return member


def _outputs(outputs: Tensor, rows: Rows) -> Tensor:
    return outputs
