"""Attributions of image observations, or of features below rendered frames, at some steps of an episode."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rltools._util.text import percent
from rltools.plots.drawing.alt import largest_text, tell
from rltools.plots.drawing.bars import draw_arrows
from rltools.plots.drawing.colors import color_limit, theme_color
from rltools.plots.drawing.image_panels import draw_image, outline, overlay
from rltools.plots.drawing.labels import inches, number, plain
from rltools.plots.drawing.legends import signed_bar
from rltools.plots.drawing.plot_info import Chapter, plot
from rltools.plots.drawing.quantities import effect_words
from rltools.plots.drawing.steps import link_dots
from rltools.plots.drawing.style import (
    DATA_INCHES,
    Measure,
    canvas,
    data_inches,
    describe,
    draw_no_steps,
    heading,
    keep_spines,
    label_note,
    labels_of,
    measure,
    set_x_label,
    strongest_label,
)
from rltools.summary import steps_as_images, summarize
from rltools.targets.scores import target_noun

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from rltools.recording import Recording
    from rltools.summary import Choosing, ImageSteps

MAX_IMAGES, MAX_FRAMES = 4, 5
"""The most observations, each beside its attributions, and the most frames, with bars below."""
FEATURES_BELOW = 3
"""The most features below a frame."""
_DATA = 1.5 * DATA_INCHES
_TITLES, _GAP, _ROW = 0.5, 0.1, 0.3
"""Inches for three lines above an image, between the rows of images, and for each feature below a frame."""


@plot(
    chapter=Chapter.FEATURES,
    caption="What the agent saw, and beside it what each pixel did to the score: orange raised it, purple lowered it. "
    "One step from each stretch of the episode with the median return. The outlined region leads over all episodes.",
    order=10,
    shown_when=lambda report: report.has_images,
)
def images(
    recording: Recording,
    *,
    axes: Axes | None = None,
    method: str | None = None,
    target: str | None = None,
    label: str | None = None,
    episode: int | None = None,
    steps: Choosing | Sequence[int] = "largest",
    most: int | None = None,
) -> Axes:
    """Image observations at some steps of an episode, and beside them the signed attributions of their pixels.

    The region with the largest share is outlined.

    For observations without images: the rendered frames, and below each the most important features.

    Args:
        recording: recording with at least one attribution.
        axes: axes into which all images are inset; by default those of a new figure.
        method: attribution method, if the recording has several.
        target: explained target, for instance "logit:chosen", if the recording has several.
        label: one scalar of a target with several; by default the one with the largest attributions.
        episode: number of the episode; by default the one with the median return.
        steps: indices of the steps; or "largest" for the step with the largest attribution in each of `most` equal
            stretches of the episode; or "even" for evenly spaced steps.
        most: number of stretches or steps; by default four, and five for frames.

    Raises:
        RecordingError: the recording has no such attribution.
        UnknownNameError: there is no such episode.
        ArgumentError: there is no such label or step, or `steps` is another text.

    Example:
        >>> import rltools
        >>> policy = rltools.load_policy("lavagap-cnn-ppo")
        >>> recording = rltools.record(policy, episodes=5)
        >>> recording = rltools.explain(recording, policy, method="integrated_gradients", references=8)
        >>> axes = rltools.plots.images(recording)
        >>> axes.get_title(loc="left")
        'Where the agent looks'
    """
    summary = summarize(recording, method=method, target=target)
    quantity = measure(summary, None)
    label_index = strongest_label(summary, label)
    has_images = recording.features_of(summary.key).has_images
    most = most or (MAX_IMAGES if has_images else MAX_FRAMES)
    image_steps = steps_as_images(
        recording,
        summary.key,
        label=label_index,
        scale=quantity.scale,
        episode=episode,
        steps=steps,
        most=most,
    )
    on_images = image_steps is None or image_steps.maps is not None
    order = _strongest(image_steps) if image_steps is not None and not on_images and image_steps.pictures else []
    labels = labels_of(summary, order)
    beside = 1.2 + max(0.8, inches(labels, points=8.3))
    grid = _grid(image_steps, most, data_inches(axes, beside, _DATA))
    axes, width = canvas(axes, 1.0 + grid.rows * sum(grid.heights), beside, _DATA)
    set_x_label(axes, width, _x_text(image_steps, steps))
    axes.set_xticks([])
    keep_spines(axes)
    episode_notes = () if image_steps is None else (f"episode {image_steps.number}", image_steps.note)
    heading(
        axes,
        width,
        "Where the agent looks" if on_images else "What mattered at these steps",
        *describe(summary)[:1],
        *episode_notes,
        effect_words(quantity, summary.labels[label_index]),
        f"longest bar {number(_limit(image_steps, order))}" if image_steps is not None and order else "",
        _region_note(image_steps),
        label_note(summary, label),
    )
    _name_rows(axes, grid, labels, order)
    if image_steps is None:
        draw_no_steps(axes)
    elif not image_steps.pictures:
        text = "no images: observations contain none,\nand no frames were recorded\n(record(..., frames=True) does so)"
        axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", color=theme_color("muted"))
    else:
        _draw_steps(
            axes,
            image_steps,
            grid,
            order,
            quantity,
            target_noun(summary.labels[label_index]),
            letters=int(13 * width / grid.columns),
        )
        tell(axes, _largest(image_steps, summary.features, quantity.name))
    return axes


def _largest(image_steps: ImageSteps, features: Sequence[str], quantity: str) -> str:
    """The largest attribution of a pixel, or of a feature, at the steps that are drawn."""
    when = [f"at step {step}" for step in image_steps.steps]
    if image_steps.maps is None:
        return largest_text(image_steps.attributions.T, features, when, quantity)
    columns = image_steps.maps.shape[2]
    pixels = image_steps.maps.reshape(len(when), -1).T
    places = [f"pixel y {index // columns}, x {index % columns}" for index in range(len(pixels))]
    return largest_text(pixels, places, when, quantity)


@dataclass(frozen=True)
class _Grid:
    """Where the panels are: frames above their bars, or observations beside their attributions.

    Attributes:
        columns: how many steps are side by side.
        rows: how many rows of them there are.
        heights: inches of the parts of a row from the top: titles, images, and below them a gap and bars.
        beside: whether the second panel of a step is beside the first one, not below it.
    """

    columns: int
    rows: int
    heights: tuple[float, float, float, float]
    beside: bool

    def extent(self, step: int, second: bool = False) -> tuple[float, float, float, float]:
        """Left, bottom, width and height of one panel of a step, as fractions of the axes."""
        row, column = divmod(step, self.columns)
        tall = sum(self.heights)
        part = 3 if second and not self.beside else 1
        bottom = (self.rows - row - 1) / self.rows + sum(self.heights[part + 1 :]) / tall / self.rows
        left, width = column / self.columns, 1 / self.columns
        if self.beside:
            left, width = left + (0.01 + second * 0.48) * width, 0.46 * width
        else:
            left, width = left + 0.03 * width, 0.94 * width
        return left, bottom, width, self.heights[part] / tall / self.rows


def _grid(image_steps: ImageSteps | None, most: int, data: float) -> _Grid:
    if image_steps is not None and not image_steps.pictures:
        return _Grid(most, 1, (0.0, 1.2, 0.0, 0.0), beside=False)
    pictures = () if image_steps is None else image_steps.pictures
    aspect = min(pictures[0].shape[0] / pictures[0].shape[1] if pictures else 0.7, 1.6)
    if image_steps is None or image_steps.maps is not None:
        rows = -(-len(pictures) // 2) or 1
        return _Grid(2, rows, (_TITLES, aspect * 0.46 * data / 2, 0.0, 0.0), beside=True)
    # A single frame is no larger than one of three.
    columns = max(3, len(image_steps.steps))
    return _Grid(columns, 1, (_TITLES, aspect * 0.94 * data / columns, _GAP, _ROW * FEATURES_BELOW), beside=False)


def _region_note(image_steps: ImageSteps | None) -> str:
    if image_steps is None or image_steps.region is None:
        return ""
    return f"outlined: {plain(image_steps.region_name)}, {percent(image_steps.region_share)}"


def _x_text(image_steps: ImageSteps | None, steps: Choosing | Sequence[int]) -> str:
    if image_steps is not None and not image_steps.pictures:
        return "step"
    if not isinstance(steps, str):
        return "chosen steps"
    if image_steps is None or steps == "even":
        return "steps evenly spread over the episode"
    return f"the step of largest attribution in each of {len(image_steps.steps)} stretches of the episode"


def _limit(image_steps: ImageSteps, order: list[int]) -> float:
    """The end of the color scale, or the length of the longest bar."""
    if image_steps.maps is not None:
        return color_limit(image_steps.maps)
    return float(np.nan_to_num(np.abs(image_steps.attributions[:, order])).max(initial=0)) or 1.0


def _strongest(image_steps: ImageSteps) -> list[int]:
    strength = np.nan_to_num(np.abs(image_steps.attributions)).sum(axis=0)
    return [int(position) for position in np.argsort(-strength, kind="stable")[:FEATURES_BELOW]]


def _name_rows(axes: Axes, grid: _Grid, labels: list[str], order: list[int]) -> None:
    axes.set_ylim(0, 1)
    axes.tick_params(axis="y", length=0, pad=6)
    if grid.beside:
        axes.set_yticks([])
        axes.set_ylabel("observed,\nattribution", fontsize="small")
        return
    (_, top, _, high), (_, bottom, _, low) = grid.extent(0), grid.extent(0, second=True)
    heights = [bottom + low * (1 - (row + 0.5) / FEATURES_BELOW) for row in range(len(order))]
    axes.set_yticks([top + high / 2, *heights], labels=["frame", *labels], parse_math=False, fontsize="small")


def _draw_steps(
    axes: Axes, image_steps: ImageSteps, grid: _Grid, order: list[int], quantity: Measure, noun: str, letters: int
) -> None:
    limit, episode = _limit(image_steps, order), np.array([image_steps.number])
    for index, image in enumerate(image_steps.pictures):
        panel = axes.inset_axes(grid.extent(index))
        link_dots(draw_image(panel, image), episode, np.array(image_steps.steps[index : index + 1]))
        panel.set_anchor("SW" if grid.beside else "S")
        parts = (f"step {image_steps.steps[index]}", plain(image_steps.actions[index], letters))
        score = f"{noun} {number(image_steps.scores[index])}"
        title = (
            ": ".join(filter(None, parts)) + f"\n{score}" if grid.beside else "\n".join(filter(None, (*parts, score)))
        )
        panel.set_title(
            title, fontsize="small", color=theme_color("ink"), pad=3, parse_math=False, linespacing=1.15,
            loc="left" if grid.beside else "center",
        )  # fmt: skip
        second = axes.inset_axes(grid.extent(index, second=True))
        if image_steps.maps is None:
            _draw_bars(second, image_steps.values[index, order], image_steps.attributions[index, order], limit)
            continue
        colored = overlay(image, image_steps.maps[index], limit)
        link_dots(draw_image(second, colored), episode, np.array(image_steps.steps[index : index + 1]))
        second.set_anchor("SW")
        if image_steps.region is not None:
            for each in (panel, second):
                outline(each, image_steps.region)
    if image_steps.maps is not None:
        signed_bar(axes, (0.1, 0.7), limit, quantity)


def _draw_bars(panel: Axes, values: np.ndarray, attributions: np.ndarray, limit: float) -> None:
    """Draw the attribution of each feature as a bar, with its value on the other side of zero."""
    panel.set_xlim(-1.05 * limit, 1.05 * limit)
    draw_arrows(panel, 1.2, np.zeros(len(values)), np.nan_to_num(attributions), 0.55)
    rows = np.arange(len(values))
    panel.axvline(0, color=theme_color("muted"), linewidth=0.7)
    for row, value, size in zip(rows, values, attributions, strict=True):
        left = size > 0
        panel.annotate(
            number(value),
            (0, row),
            xytext=(-3 if left else 3, 0),
            textcoords="offset points",
            ha="right" if left else "left",
            va="center",
            fontsize="small",
            color=theme_color("ink"),
        )
    panel.set_ylim(FEATURES_BELOW - 0.5, -0.5)
    panel.set_xticks([])
    panel.set_yticks([])
    keep_spines(panel)
