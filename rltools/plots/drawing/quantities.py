"""What is drawn, in words, as it stands on axes and in small print: explained scores, attributions, endings."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from rltools._util.glossary import ENDINGS
from rltools._util.text import plural
from rltools.plots.drawing.labels import plain
from rltools.targets.scores import target_name, target_noun

if TYPE_CHECKING:
    from rltools.plots.drawing.style import Measure
    from rltools.recording import Outcome

MOST_CHARACTERS = 72
"""The longest name of a score."""
_ENDINGS = {"limit": "stopped", "fault": ENDINGS["fault"].meaning}


def score_words(target: str) -> str:
    """An explained score in words, short enough for a plot.

    >>> score_words("centered:chosen"), score_words("action:all")
    ('the score of the action taken (centered)', 'the action')
    """
    return plain(target_name(target), MOST_CHARACTERS)


def effect_words(quantity: Measure, label: str, characters: int | None = None) -> str:
    """The axis of attributions: what they are, of which score, and their unit unless that is the score's own.

    Args:
        quantity: what is drawn.
        label: the explained score.
        characters: of a line, for several lines; None for one line.
    """
    own = f"units of the {target_noun(label)}"
    unit = "" if quantity.unit == own and own == "units of the score" else f", in {quantity.unit}"
    text = f"{quantity.name} of {score_words(label)}{unit}"
    return text if characters is None else textwrap.fill(text, characters)


def ending_words(outcome: Outcome) -> str:
    """How an episode ended, and when: `terminated after 255 steps`."""
    return f"{_ENDINGS.get(outcome.ended, outcome.ended)} after {plural(outcome.steps, 'step')}"
