"""Alternative text of a plot: its title, what its numbers say, and what its axes are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np

from rltools._util.text import interval, listed, number
from rltools.plots.drawing.labels import plain
from rltools.plots.drawing.style import heading_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from matplotlib.axes import Axes

MAX_NAMED = 5
"""At most this many rows are named."""
_LONGEST = 60
_FINDINGS: WeakKeyDictionary[Any, str] = WeakKeyDictionary()


def say(axes: Axes, finding: str) -> None:
    """Set what the numbers of a plot say, as a sentence without its full stop, for its alternative text."""
    _FINDINGS[axes] = finding


def alt_text(axes: Axes) -> str:
    """A plot's title, what its numbers say, its labels and small print as sentences, for screen readers.

    Args:
        axes: the axes that a plot returned.

    Example:
        >>> import rltools
        >>> from rltools.plots.drawing.alt import alt_text
        >>> policy = rltools.load_policy("cartpole-ppo")
        >>> recording = rltools.record(policy, episodes=3, max_steps=40)
        >>> recording = rltools.explain(recording, policy)
        >>> alt_text(rltools.plots.importance(recording))
        'What the agent looks at. pole angular velocity 52 %, ... cartpole-ppo, CartPole-v1, n = 120 steps ...'
    """
    above, finding = heading_of(axes), _FINDINGS.get(axes, "")
    rows = [axes.get_ylabel(), *(panel.get_ylabel() for panel in axes.child_axes)]
    ticks = [label.get_text() for label in axes.get_yticklabels()]
    sentences = [
        above.title,
        finding,
        _labeled("Horizontally", [axes.get_xlabel()]),
        _labeled("Vertically", [*rows, *(tick for tick in ticks if not _is_number(tick) and tick not in finding)]),
        ", ".join(above.notes),
    ]
    return " ".join(_sentence(_one_line(text)) for text in sentences if text)


def ranked(
    names: Sequence[str],
    value: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    *,
    write: Callable[[float], str] = number,
    unit: str = "",
) -> str:
    """`y velocity 34 % [30, 37], y position 24 % [19, 29], ...; the first is 4.2 times the fifth`.

    Args:
        names: one for each row of the plot, from the top.
        value: float `[row]`; rows without a number are left out.
        low: float `[row]`, lower ends of intervals; NaN where there are none.
        high: float `[row]`, upper ends.
        write: writes a number that has no interval.
        unit: what stands after each number, with its space.
    """
    rows = [row for row in range(len(names)) if np.isfinite(value[row])]
    parts = []
    for row in rows[:MAX_NAMED]:
        text, bracket, ends = interval(float(value[row]), float(low[row]), float(high[row]), write).partition(" [")
        parts.append(f"{plain(_one_line(names[row]), _LONGEST)} {text}{unit}{bracket}{ends}")
    more = f" and {len(rows) - MAX_NAMED} more" if len(rows) > MAX_NAMED else ""
    text = f"{', '.join(parts)}{more}"
    if len(rows) >= MAX_NAMED and value[rows[MAX_NAMED - 1]] > 0:
        text += f"; the first is {number(float(value[rows[0]] / value[rows[MAX_NAMED - 1]]), 2)} times the fifth"
    return text


def strongest(names: Sequence[str], attributions: np.ndarray, steps: np.ndarray | None = None) -> str:
    """`y velocity +3.4 at step 25, y position −2.1 at step 16`: the largest attribution of each row.

    Args:
        names: one for each row.
        attributions: float `[step, row]`; NaN at steps that were not explained.
        steps: the number of each step; None for 0, 1, ...
    """
    parts = []
    for name, column in zip(names[:MAX_NAMED], attributions.T, strict=False):
        if np.isfinite(column).any():
            index = int(np.nanargmax(np.abs(column)))
            step = index if steps is None else int(steps[index])
            parts.append(f"{plain(_one_line(name), _LONGEST)} {signed(column[index])} at step {step}")
    return f"largest attributions: {listed(parts)}" if parts else ""


def signed(value: float) -> str:
    """A number with its sign, also if it is positive."""
    return f"{'+' if value > 0 else ''}{number(float(value), 3)}"


def _labeled(direction: str, labels: Sequence[str]) -> str:
    """The nonempty labels, each once, at most `MAX_NAMED` of them."""
    named = list(dict.fromkeys(_one_line(label) for label in labels if label.strip()))
    more = f" and {len(named) - MAX_NAMED} more" if len(named) > MAX_NAMED else ""
    return f"{direction}: {', '.join(named[:MAX_NAMED])}{more}" if named else ""


def _sentence(text: str) -> str:
    return text if text.endswith(("?", "!", ".")) else f"{text}."


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _is_number(text: str) -> bool:
    try:
        float(text.replace("−", "-"))
    except ValueError:
        return False
    return True
