"""What any plot must do."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rltools.recording import Recording
from rltools.testing._recordings import shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.text import Text
    from matplotlib.transforms import Bbox

TOLERANCE = 1.0
"""Pixels by which texts may touch."""


def check_plot(plot: Callable[..., Any], recording: Recording) -> None:
    """Check a plot: a function of a recording, `plot(recording, *, axes=None) -> Axes`.

    It returns Axes with labels, names target and method, keeps every text whole and apart from the others, draws into
    given axes and adds no other figure or axes to theirs, changes nothing on disk, and also works for a recording
    without episodes and one of a single step.

    Args:
        plot: what is checked.
        recording: with at least one attribution and one step.

    Raises:
        AssertionError: it does something else; the message says what.

    Example:
        >>> import rltools
        >>> policy = rltools.load_policy("cartpole-ppo")
        >>> recording = rltools.explain(rltools.record(policy, episodes=2, max_steps=20), policy)
        >>> rltools.testing.check_plot(rltools.plots.importance, recording)
    """
    before = _files(recording.directory)
    _check_drawing(plot(recording), recording)
    _check_given_axes(plot, recording)
    assert _files(recording.directory) == before, f"{_name(plot)} changed files of the recording it drew"
    for episodes, steps in ((0, 0), (1, 0), (1, 1)):
        with tempfile.TemporaryDirectory() as folder:
            small = shortened(recording, Path(folder) / "recording", episodes=episodes, steps=steps)
            _check_drawing(plot(small), small)


def _check_drawing(axes: Any, recording: Recording) -> None:
    from matplotlib.axes import Axes

    assert isinstance(axes, Axes), f"a plot returns matplotlib Axes and not {type(axes).__name__}"
    figure = axes.get_figure(root=True)
    assert figure is not None, "the axes belong to no figure"
    figure.draw_without_rendering()
    texts = list(_texts(figure))
    _check_named(axes, texts, recording)
    _check_apart(figure, texts)


def _check_given_axes(plot: Callable[..., Any], recording: Recording) -> None:
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
    _check_drawing(right, recording)


def _check_named(axes: Axes, texts: list[tuple[Text, Bbox]], recording: Recording) -> None:
    assert axes.get_xlabel(), "the x axis has no label"
    ticks = [text.get_text() for text in axes.get_yticklabels()]
    panels_named = all(panel.get_ylabel() for panel in axes.child_axes) and axes.child_axes
    assert axes.get_ylabel() or any(ticks) or panels_named or _says_nothing_there(texts), "the y axis has no label"
    said = " ".join(text.get_text() for text, _ in texts).replace("\n", " ")
    asked = recording.specs.values()
    assert any(spec.method.replace("_", " ") in said.replace("_", " ") for spec in asked), (
        f"no method is named in {said!r}"
    )
    labels = {label for spec in asked for label in (spec.target, *spec.labels)}
    assert any(label in said for label in labels), f"none of the targets {sorted(labels)} is named in {said!r}"
    if not any(outcome.steps for outcome in recording.outcomes()):
        assert _says_nothing_there(texts), "a recording without steps is drawn without saying 'no steps'"


def _says_nothing_there(texts: list[tuple[Text, Bbox]]) -> bool:
    return any("no steps" in text.get_text() for text, _ in texts)


def _check_apart(figure: Figure, texts: list[tuple[Text, Bbox]]) -> None:
    for text, box in texts:
        inside = box.x0 >= -TOLERANCE and box.y0 >= -TOLERANCE
        inside &= box.x1 <= figure.bbox.width + TOLERANCE and box.y1 <= figure.bbox.height + TOLERANCE
        assert inside, f"the text {text.get_text()!r} is cut off at the edge of the figure"
    for at, (first, one) in enumerate(texts):
        for second, other in texts[at + 1 :]:
            wide = min(one.x1, other.x1) - max(one.x0, other.x0)
            high = min(one.y1, other.y1) - max(one.y0, other.y0)
            assert wide <= TOLERANCE or high <= TOLERANCE, (
                f"the texts {first.get_text()!r} and {second.get_text()!r} overlap"
            )


def _texts(figure: Figure) -> Iterator[tuple[Text, Bbox]]:
    """Every text that can be seen, and where; ticks beyond the limits of their axis are there and cannot be seen."""
    from matplotlib.text import Text

    every = [axes for axes in _nested(figure.axes) if axes.get_visible() and axes.axison]
    ticks: set[Any] = set()
    shown: list[Text] = []
    for axis in (axis for axes in every for axis in (axes.xaxis, axes.yaxis)):
        low, high = sorted(axis.get_view_interval())
        for tick in (*axis.get_major_ticks(), *axis.get_minor_ticks()):
            ticks |= {tick.label1, tick.label2}
            shown += [label for label in (tick.label1, tick.label2) if low <= tick.get_loc() <= high]
    for axes in every:
        others = (text for text in axes.findobj(Text, include_self=False) if isinstance(text, Text))
        shown += [text for text in others if text not in ticks and text not in shown]
    for text in (text for text in shown if text.get_visible() and text.get_text().strip()):
        yield text, text.get_window_extent()


def _nested(axes: list[Any]) -> list[Any]:
    return [each for one in axes for each in (one, *_nested(one.child_axes))]


def _files(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def _name(plot: Callable[..., Any]) -> str:
    return getattr(plot, "__name__", repr(plot))
