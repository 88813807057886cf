"""Checks a plot: its axes, labels and texts, and that it changes nothing else."""

from __future__ import annotations

import inspect
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rltools._util.glossary import method_title
from rltools.ablation import ablations
from rltools.ablation.replacements import find_replacement
from rltools.errors import RecordingError
from rltools.plots.drawing.paper import paper
from rltools.plots.drawing.quantities import score_words
from rltools.recording import Recording
from rltools.testing._ablations import copy_ablations
from rltools.testing._recordings import shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.text import Text
    from matplotlib.transforms import Bbox

COLUMN_INCHES = 3.3
TOLERANCE = 1.0
"""The number of pixels by which texts may overlap."""


def check_plot(plot: Callable[..., Any], recording: Recording, *, shorter: bool = True) -> None:
    """Check a plot: a function of a recording, `plot(recording, *, axes=None) -> Axes`.

    It must return labeled Axes, name target and method, keep every text inside the figure and apart from the others,
    draw into given axes without adding figures or axes, change nothing on disk, and also work in a column of a paper
    (`rltools.plots.paper(width=3.3)`), for a recording without episodes and for one of a single step.

    A plot with a parameter `ablation` must name the replacement, and target and method only if it has a parameter
    `method` too. It must draw an ablation without episodes, one of a single seed and a recording without an ablation,
    or refuse them in one line that says how to ablate.

    Args:
        plot: the function.
        recording: a recording with at least one attribution and one step; if the plot has a parameter `ablation`, with
            an ablation, as `example_ablation` writes it.
        shorter: whether to draw the recording in a column of a paper, without episodes and of a single step, too.

    Raises:
        AssertionError: the plot fails one of these checks; the message says which.

    Example:
        >>> import rltools
        >>> policy = rltools.load_policy("cartpole-ppo")
        >>> recording = rltools.explain(rltools.record(policy, episodes=2, max_steps=20), policy, method="gradient")
        >>> rltools.testing.check_plot(rltools.plots.importance, recording)
    """
    before, content = _files(recording.directory), content_of(plot)
    _check_drawing(plot(recording), recording, content)
    _check_given_axes(plot, recording, content)
    if shorter:
        _check_column(plot, recording)
    assert _files(recording.directory) == before, f"{_name(plot)} changed files of the recording it drew"
    for episodes, steps in ((0, 0), (1, 0), (1, 1)) if shorter else ():
        with tempfile.TemporaryDirectory() as folder:
            small = shortened(recording, Path(folder) / "recording", episodes=episodes, steps=steps)
            if content.ablation:
                _check_drawn_or_refused(plot, small, content)
                copy_ablations(recording, small, seeds=episodes)
                _check_drawn_or_refused(plot, small, content)
            else:
                _check_drawing(plot(small), small, content)


@dataclass(frozen=True)
class PlotContent:
    """What a plot draws, by its parameters: attributions, ablations or both."""

    attribution: bool = True
    ablation: bool = False


def content_of(plot: Callable[..., Any]) -> PlotContent:
    """What a plot draws: an ablation if it has a parameter of this name; attributions if not, or if it has `method`."""
    names = inspect.signature(plot).parameters
    return PlotContent("method" in names or "ablation" not in names, "ablation" in names)


def _check_drawn_or_refused(plot: Callable[..., Any], recording: Recording, content: PlotContent) -> None:
    try:
        axes = plot(recording)
    except RecordingError as error:
        refusal = str(error)
    else:
        _check_drawing(axes, recording, content)
        return
    assert "\n" not in refusal, f"{_name(plot)} refuses a recording in more than one line: {refusal!r}"
    assert "ablate" in refusal, f"{_name(plot)} refuses a recording and does not say how to ablate it: {refusal!r}"


def _check_drawing(axes: Any, recording: Recording, content: PlotContent | None = None) -> None:
    from matplotlib.axes import Axes

    assert isinstance(axes, Axes), f"a plot returns matplotlib Axes and not {type(axes).__name__}"
    figure = axes.get_figure(root=True)
    assert figure is not None, "the axes belong to no figure"
    figure.draw_without_rendering()
    texts = list(_texts(figure))
    _check_named(axes, texts, recording, content or PlotContent())
    _check_apart(figure, texts)


def _check_column(plot: Callable[..., Any], recording: Recording) -> None:
    """Check that a figure for a column has its width, no heading, and no text that is cut off or overlaps another."""
    with paper(width=COLUMN_INCHES):
        axes = plot(recording)
    figure = axes.get_figure(root=True)
    assert abs(figure.get_figwidth() - COLUMN_INCHES) < 1e-6, (
        f"{_name(plot)} is {figure.get_figwidth():.3g} in wide in a column of {COLUMN_INCHES} in; use style.canvas"
    )
    assert not axes.get_title(loc="left"), f"{_name(plot)} has a title in a paper; set it with style.heading"
    figure.draw_without_rendering()
    _check_apart(figure, list(_texts(figure)))


def _check_given_axes(plot: Callable[..., Any], recording: Recording, content: PlotContent) -> None:
    from matplotlib import _pylab_helpers
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 8), layout="constrained")
    left, right = figure.subplots(1, 2)
    opened = len(_pylab_helpers.Gcf.figs)
    returned = plot(recording, axes=right)
    assert returned is right, f"{_name(plot)} was given axes and returned others"
    assert figure.axes == [left, right], f"{_name(plot)} added axes to a figure that is not its own; use inset axes"
    assert not left.has_data(), f"{_name(plot)} drew into axes it was not given"
    assert len(_pylab_helpers.Gcf.figs) == opened, f"{_name(plot)} opened a figure through pyplot"
    left.set_axis_off()
    _check_drawing(right, recording, content)


def _check_named(axes: Axes, texts: list[tuple[Text, Bbox]], recording: Recording, content: PlotContent) -> None:
    assert axes.get_xlabel(), "the x axis has no label"
    ticks = [text.get_text() for text in axes.get_yticklabels()]
    panels_named = all(panel.get_ylabel() for panel in axes.child_axes) and axes.child_axes
    assert axes.get_ylabel() or any(ticks) or panels_named or _says_nothing_there(texts), "the y axis has no label"
    words = " ".join(text.get_text() for text, _ in texts).replace("\n", " ")
    if content.ablation and (measured := ablations(recording)):
        phrases = {find_replacement(ablation.replace).phrase for ablation in measured}
        assert any(phrase in words for phrase in phrases), f"no replacement is named in {words!r}"
        if not any(len(ablation.rollouts) for ablation in measured):
            assert _says_nothing_there(texts), "an ablation without episodes is drawn without saying 'no episodes'"
    if not content.attribution:
        return
    specs = recording.specs.values()
    methods = {
        name for spec in specs for name in (spec.method, spec.method.replace("_", " "), method_title(spec.method))
    }
    assert any(method in words for method in methods), f"no method is named in {words!r}"
    labels = {label for spec in specs for label in (spec.target, *spec.labels)}
    named = labels | {score_words(label) for label in labels}
    assert any(label in words for label in named), f"none of the targets {sorted(labels)} is named in {words!r}"
    if not any(outcome.steps for outcome in recording.outcomes()):
        assert _says_nothing_there(texts), "a recording without steps is drawn without saying 'no steps'"


def _says_nothing_there(texts: list[tuple[Text, Bbox]]) -> bool:
    return any(nothing in text.get_text() for text, _ in texts for nothing in ("no steps", "no episodes"))


def _check_apart(figure: Figure, texts: list[tuple[Text, Bbox]]) -> None:
    for text, box in texts:
        inside = box.x0 >= -TOLERANCE and box.y0 >= -TOLERANCE
        inside &= box.x1 <= figure.bbox.width + TOLERANCE and box.y1 <= figure.bbox.height + TOLERANCE
        assert inside, f"the text {text.get_text()!r} is cut off at the edge of the figure"
    for (first, box), (second, other) in combinations(texts, 2):
        width = min(box.x1, other.x1) - max(box.x0, other.x0)
        height = min(box.y1, other.y1) - max(box.y0, other.y0)
        assert width <= TOLERANCE or height <= TOLERANCE, (
            f"the texts {first.get_text()!r} and {second.get_text()!r} overlap"
        )


def _texts(figure: Figure) -> Iterator[tuple[Text, Bbox]]:
    """Every visible text and its box; ticks beyond the limits of their axis exist but are not visible."""
    from matplotlib.text import Text

    every = [axes for axes in _nested(figure.axes) if axes.get_visible() and axes.axison]
    ticks: set[Any] = set()
    visible: list[Text] = []
    for axis in (axis for axes in every for axis in (axes.xaxis, axes.yaxis)):
        low, high = sorted(axis.get_view_interval())
        for tick in (*axis.get_major_ticks(), *axis.get_minor_ticks()):
            ticks |= {tick.label1, tick.label2}
            visible += [label for label in (tick.label1, tick.label2) if low <= tick.get_loc() <= high]
    for axes in every:
        others = (text for text in axes.findobj(Text, include_self=False) if isinstance(text, Text))
        visible += [text for text in others if text not in ticks and text not in visible]
    for text in (text for text in visible if text.get_visible() and text.get_text().strip()):
        yield text, text.get_window_extent()


def _nested(axes: list[Any]) -> list[Any]:
    return [nested for parent in axes for nested in (parent, *_nested(parent.child_axes))]


def _files(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def _name(plot: Callable[..., Any]) -> str:
    return getattr(plot, "__name__", repr(plot))
