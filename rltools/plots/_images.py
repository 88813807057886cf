"""Where in a picture an agent looks, at some steps of an episode."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rltools.plots.drawing.colors import GRAY, INK, PALE, color_limit, signed_colors
from rltools.plots.drawing.labels import feature_labels, inches, number, plain
from rltools.plots.drawing.legends import signed_bar
from rltools.plots.drawing.style import (
    DATA_INCHES,
    about,
    canvas,
    feature_mark,
    frameless,
    heading,
    label_note,
    measure,
    say_nothing_there,
    strongest_label,
)
from rltools.summary import pictured, summarize

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from rltools.recording import Recording
    from rltools.summary import Choosing, ImageSteps

MOST = 5
BENEATH = 3
"""So many features stand beneath a frame."""
_DATA = 1.5 * DATA_INCHES
_FADED = 0.3
"""How much of an observation shows where nothing is attributed."""
_TITLES, _GAP, _ROW = 0.5, 0.1, 0.3
"""Inches for three lines over each picture, for what is between pictures, and for each feature beneath a frame."""


def images(
    recording: Recording,
    *,
    axes: Axes | None = None,
    method: str | None = None,
    target: str | None = None,
    label: str | None = None,
    episode: int | None = None,
    steps: Choosing | Sequence[int] = "largest",
    most: int = MOST,
) -> Axes:
    """What was seen at some steps of an episode, and beneath it the signed attribution of each pixel over it.

    Of an agent that sees no pictures: the frames that were drawn, and beneath each the features that mattered most.

    Args:
        recording: with at least one attribution.
        axes: where to draw, all pictures within its place; a new figure by default.
        method: which, where several were recorded.
        target: as text, likewise.
        label: which scalar of a target that has several; by default the one with the largest attributions.
        episode: its number; by default the one of median return.
        steps: their places; or "largest", the one of largest attribution in each stretch of the episode; or "even".
        most: how many stretches or steps.

    Raises:
        RecordingError: nothing that fits was explained.
        UnknownNameError: no such episode.
        ArgumentError: no such label, no such step, or another word for which.

    Example:
        >>> import rltools
        >>> policy = rltools.load_policy("lavagap-cnn-ppo")
        >>> recording = rltools.explain(rltools.record(policy, episodes=1, max_steps=6), policy)
        >>> axes = rltools.plots.images(recording, episode=0)
        >>> axes.get_title(loc="left")
        'Where the agent looks'
    """
    summary = summarize(recording, method=method, target=target)
    shown = measure(summary, None)
    at_label = strongest_label(summary, label)
    found = pictured(recording, summary.key, label=at_label, scale=shown.scale, episode=episode, steps=steps, most=most)
    own = axes is None
    order = [] if found is None or found.maps is not None or not found.pictures else _strongest(found)
    labels = feature_labels([summary.features[at] for at in order], [summary.units[at] for at in order])
    grid = _grid(found, most)
    beside = 1.2 + max(0.8, inches(labels, points=8.3))
    axes, width = canvas(axes, 1.0 + sum(grid.heights), beside + _DATA - DATA_INCHES)
    width = _DATA if own else width
    axes.set_xlabel(_stretches(found, steps))
    axes.set_xticks([])
    frameless(axes)
    name = plain(summary.labels[at_label], 30)
    said = () if found is None else (f"episode {found.number}", found.note)
    heading(
        axes,
        width,
        "Where the agent looks" if found is None or found.maps is not None else "What mattered at these moments",
        *about(summary)[:3],
        *said,
        f"attribution: {shown.name} of {name}",
        f"longest bar {number(_limit(found, order))} ({shown.unit})" if found is not None and order else "",
        label_note(summary, label),
    )
    _name_rows(axes, grid, labels, order)
    if found is None:
        say_nothing_there(axes)
    elif not found.pictures:
        text = "no pictures: the agent observes none,\nand no frames were drawn\n(record(..., frames=True) keeps them)"
        axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", color=GRAY)
    else:
        _draw(axes, found, grid, order, shown.unit, letters=int(17 * width / grid.columns))
    return axes


@dataclass(frozen=True)
class _Grid:
    """Columns, and how high each of what is stacked is, from the top: titles, pictures, a gap, what stands beneath."""

    columns: int
    heights: tuple[float, float, float, float]

    def place(self, column: int, row: int) -> tuple[float, float, float, float]:
        """Of one panel, in parts of the axes."""
        whole = sum(self.heights)
        bottom = sum(self.heights[row + 1 :]) / whole
        return (column + 0.03) / self.columns, bottom, 0.94 / self.columns, self.heights[row] / whole


def _grid(found: ImageSteps | None, most: int) -> _Grid:
    if found is not None and not found.pictures:
        return _Grid(most, (0.0, 1.2, 0.0, 0.0))
    # One picture alone is no larger than one of three.
    columns = max(3, most if found is None else len(found.steps))
    pictures = () if found is None else found.pictures
    aspect = pictures[0].shape[0] / pictures[0].shape[1] if pictures else 0.7
    tall = min(aspect, 1.6) * 0.94 * _DATA / columns
    beneath = tall if found is None or found.maps is not None else _ROW * BENEATH
    return _Grid(columns, (_TITLES, tall, _GAP, beneath))


def _stretches(found: ImageSteps | None, steps: Choosing | Sequence[int]) -> str:
    if found is not None and not found.pictures:
        return "step"
    if not isinstance(steps, str):
        return "steps asked for"
    if found is None or steps == "even":
        return "steps evenly spread over the episode"
    return f"the step of largest attribution in each of {len(found.steps)} stretches of the episode"


def _limit(found: ImageSteps, order: list[int]) -> float:
    """Where colors end; bars are never cut."""
    if found.maps is not None:
        return color_limit(found.maps)
    return float(np.nan_to_num(np.abs(found.attributions[:, order])).max(initial=0)) or 1.0


def _strongest(found: ImageSteps) -> list[int]:
    strength = np.nan_to_num(np.abs(found.attributions)).sum(axis=0)
    return [int(at) for at in np.argsort(-strength, kind="stable")[:BENEATH]]


def _name_rows(axes: Axes, grid: _Grid, labels: list[str], order: list[int]) -> None:
    axes.set_ylim(0, 1)
    (_, top, _, high), (_, bottom, _, low) = grid.place(0, 1), grid.place(0, 3)
    if low == 0:
        axes.set_yticks([top + high / 2], labels=["frame"], fontsize="small")
        axes.tick_params(axis="y", length=0)
        return
    if not order:
        axes.set_yticks([top + high / 2, bottom + low / 2], labels=["observed", "attribution"], fontsize="small")
        axes.tick_params(axis="y", length=0)
        return
    places = [bottom + low * (1 - (row + 0.5) / BENEATH) for row in range(len(order))]
    axes.set_yticks([top + high / 2, *places], labels=["frame", *labels], parse_math=False, fontsize="small")
    axes.tick_params(axis="y", length=0, pad=8)
    for place, at in zip(places, order, strict=True):
        feature_mark(axes, place, at)


def _draw(axes: Axes, found: ImageSteps, grid: _Grid, order: list[int], unit: str, letters: int) -> None:
    for column, picture in enumerate(found.pictures):
        panel = axes.inset_axes(grid.place(column, 1))
        _picture(panel, picture)
        panel.set_anchor("S")
        lines = (f"step {found.steps[column]}", plain(found.actions[column], letters))
        title = "\n".join(filter(None, (*lines, f"score {number(found.scores[column])}")))
        panel.set_title(title, fontsize="x-small", color=INK, pad=3, parse_math=False, linespacing=1.15)
    limit = _limit(found, order)
    for column in range(len(found.pictures)):
        panel = axes.inset_axes(grid.place(column, 3))
        if found.maps is None:
            _bars(panel, found.values[column, order], found.attributions[column, order], limit)
        else:
            _picture(panel, _overlaid(found.pictures[column], found.maps[column], limit))
            panel.set_anchor("N")
    if found.maps is not None:
        _, bottom, _, height = grid.place(0, 3)
        signed_bar(axes, (bottom, height), limit, unit)


def _picture(panel: Axes, picture: np.ndarray) -> None:
    # Grids of a few cells stay sharp; a frame of more pixels than there is room for is averaged.
    panel.imshow(np.clip(picture, 0, 1), interpolation="nearest" if max(picture.shape) < 100 else "auto")
    panel.set_xticks([])
    panel.set_yticks([])
    for spine in panel.spines.values():
        spine.set(color=PALE, linewidth=0.6)


def _overlaid(picture: np.ndarray, values: np.ndarray, limit: float) -> np.ndarray:
    """Signed colors over the picture in a pale gray, the stronger the less of it is seen."""
    gray = picture @ (0.299, 0.587, 0.114)
    strength = np.clip(np.nan_to_num(values) / limit, -1, 1)
    colors = signed_colors()((np.sign(strength) + 1) / 2)[..., :3]
    covered = np.abs(strength)[..., None]
    blended: np.ndarray = (1 - covered) * (1 - _FADED * (1 - gray[..., None])) + covered * colors
    return blended


def _bars(panel: Axes, values: np.ndarray, attributions: np.ndarray, limit: float) -> None:
    """Of each feature its attribution as a bar, and on the other side of zero what was observed."""
    colors = signed_colors()
    rows = np.arange(len(values))
    panel.barh(rows, attributions, height=0.55, color=[colors(0.86 if size > 0 else 0.14) for size in attributions])
    panel.axvline(0, color=GRAY, linewidth=0.7)
    for row, value, size in zip(rows, values, attributions, strict=True):
        left = size > 0
        panel.annotate(
            number(value),
            (0, row),
            xytext=(-3 if left else 3, 0),
            textcoords="offset points",
            ha="right" if left else "left",
            va="center",
            fontsize="x-small",
            color=INK,
        )
    panel.set_xlim(-1.05 * limit, 1.05 * limit)
    panel.set_ylim(BENEATH - 0.5, -0.5)
    panel.set_xticks([])
    panel.set_yticks([])
    frameless(panel)
