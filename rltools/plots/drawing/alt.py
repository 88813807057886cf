"""Alternative text of a plot: its title, what it shows in numbers, and its axes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from rltools._util.text import interval, number, one_line
from rltools.plots.drawing.style import heading_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MAX_NAMED = 5
"""At most this many rows are named."""
MAX_NUMBERED = 3
"""Of at most this many rows the numbers are told."""
_TOLD = "_rltools_told"
"""The attribute of axes that holds what plots tell."""


def tell(axes: Axes, *sentences: str) -> None:
    """Note what a plot shows in numbers, for its alternative text.

    Args:
        axes: the axes that the plot returns.
        sentences: the finding first; without full stops. Empty ones are left out.

    Example:
        >>> from matplotlib.figure import Figure
        >>> from rltools.plots.drawing.alt import alt_text, tell
        >>> axes = Figure().subplots()
        >>> tell(axes, "angle 36 %, speed 25 %")
        >>> alt_text(axes)
        'angle 36 %, speed 25 %.'
    """
    setattr(axes, _TOLD, [*getattr(axes, _TOLD, []), *filter(None, sentences)])


def rows_text(labels: Sequence[str], values: Sequence[str]) -> str:
    """The first rows of a plot with their numbers.

    >>> from rltools.plots.drawing.alt import rows_text
    >>> rows_text(["angle", "speed", "height", "fuel"], ["36 % [34, 38]", "25 %", "11 %", "2 %"])
    'angle 36 % [34, 38], speed 25 %, height 11 %'
    """
    pairs = list(zip(labels, values, strict=True))[:MAX_NUMBERED]
    return ", ".join(f"{one_line(label)} {value}" for label, value in pairs)


def interval_texts(
    value: np.ndarray, low: np.ndarray, high: np.ndarray, write: Callable[[float], str] = number
) -> list[str]:
    """Numbers with their intervals, one for each row.

    >>> import numpy as np
    >>> from rltools.plots.drawing.alt import interval_texts
    >>> interval_texts(np.array([36.0, 2.5]), np.array([34.0, np.nan]), np.array([38.0, np.nan]))
    ['36 [34, 38]', '2.5']
    """
    return [interval(*ends, write) for ends in zip(value.tolist(), low.tolist(), high.tolist(), strict=True)]


def largest_text(values: np.ndarray, rows: Sequence[str], columns: Sequence[str], quantity: str) -> str:
    """The value of largest magnitude and where it is; empty if there is none.

    Args:
        values: float `[row, column]`; NaN where there is no value.
        rows: names of the rows.
        columns: names of the columns, as they follow the name of a row.
        quantity: what the values are.

    >>> import numpy as np
    >>> from rltools.plots.drawing.alt import largest_text
    >>> largest_text(np.array([[0.5, -2.0], [1.0, 0.0]]), ["angle", "speed"], ["at step 0", "at step 1"], "attribution")
    'largest attribution −2: angle at step 1'
    """
    if not np.isfinite(values).any():
        return ""
    row, column = (int(index) for index in np.unravel_index(np.nanargmax(np.abs(values)), values.shape))
    value = number(float(f"{values[row, column]:.3g}"))
    return f"largest {quantity} {value}: {one_line(rows[row])} {columns[column]}"


def alt_text(axes: Axes) -> str:
    """A plot's title, findings, small print and labels as sentences, for screen readers and missing images.

    Args:
        axes: the axes that a plot returned.

    Example:
        >>> import rltools
        >>> from rltools.plots.drawing.alt import alt_text
        >>> policy = rltools.load_policy("cartpole-ppo")
        >>> recording = rltools.record(policy, episodes=3, max_steps=40)
        >>> recording = rltools.explain(recording, policy, method="gradient")
        >>> alt_text(rltools.plots.importance(recording))
        'What the agent looks at. ... 52 %, cart velocity 38 %, ... n = 120 steps of 3 episodes, ... cart position.'
    """
    above = heading_of(axes)
    rows = [axes.get_ylabel(), *(panel.get_ylabel() for panel in axes.child_axes)]
    ticks = [label.get_text() for label in axes.get_yticklabels()]
    sentences = [
        above.title,
        *getattr(axes, _TOLD, []),
        ", ".join(above.notes),
        _labeled("Horizontally", [axes.get_xlabel()]),
        _labeled("Vertically", [*rows, *(tick for tick in ticks if not _is_number(tick))]),
    ]
    return " ".join(one_line(sentence) + "." * (not sentence.endswith("?")) for sentence in sentences if sentence)


def _labeled(direction: str, labels: Sequence[str]) -> str:
    """The nonempty labels, each once, at most `MAX_NAMED` of them."""
    named = list(dict.fromkeys(one_line(label) for label in labels if label.strip()))
    more = f" and {len(named) - MAX_NAMED} more" if len(named) > MAX_NAMED else ""
    return f"{direction}: {', '.join(named[:MAX_NAMED])}{more}" if named else ""


def _is_number(text: str) -> bool:
    try:
        float(text.replace("−", "-"))
    except ValueError:
        return False
    return True
