"""Alternative text of a plot."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rltools.plots.drawing.style import heading_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

MAX_NAMED = 5
"""At most this many rows are named."""


def alt_text(axes: Axes) -> str:
    """A plot's title, small print and labels as sentences, for screen readers and missing images.

    Args:
        axes: the axes that a plot returned.

    Example:
        >>> import rltools
        >>> from rltools.plots.drawing.alt import alt_text
        >>> policy = rltools.load_policy("cartpole-ppo")
        >>> recording = rltools.record(policy, episodes=3, max_steps=40)
        >>> recording = rltools.explain(recording, policy)
        >>> alt_text(rltools.plots.importance(recording))
        'What the agent looks at. cartpole-ppo, CartPole-v1, n = 120 steps of 3 episodes, ... cart position (m).'
    """
    above = heading_of(axes)
    rows = [axes.get_ylabel(), *(panel.get_ylabel() for panel in axes.child_axes)]
    ticks = [label.get_text() for label in axes.get_yticklabels()]
    sentences = [
        above.title,
        ", ".join(above.notes),
        _labeled("Horizontally", [axes.get_xlabel()]),
        _labeled("Vertically", [*rows, *(tick for tick in ticks if not _is_number(tick))]),
    ]
    return " ".join(f"{_one_line(sentence)}." for sentence in sentences if sentence)


def _labeled(direction: str, labels: Sequence[str]) -> str:
    """The nonempty labels, each once, at most `MAX_NAMED` of them."""
    named = list(dict.fromkeys(_one_line(label) for label in labels if label.strip()))
    more = f" and {len(named) - MAX_NAMED} more" if len(named) > MAX_NAMED else ""
    return f"{direction}: {', '.join(named[:MAX_NAMED])}{more}" if named else ""


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _is_number(text: str) -> bool:
    try:
        float(text.replace("−", "-"))
    except ValueError:
        return False
    return True
