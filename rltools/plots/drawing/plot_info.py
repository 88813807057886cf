"""Defines what a plot declares: its chapter in a report, its caption, and when a report shows it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property, wraps
from typing import TYPE_CHECKING, Any, TypeVar, cast

from rltools.ablation import ablations
from rltools.errors import ArgumentError, CorruptError
from rltools.plots.drawing.theme import themed

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from rltools.ablation import Ablation
    from rltools.recording import Recording
    from rltools.summary import Summary

_PlotT = TypeVar("_PlotT", bound="Callable[..., Axes]")
_ATTRIBUTE = "plot_info"


class Chapter(StrEnum):
    """The chapters of a report and of the gallery, in order. Chapters with other names come after them.

    Example:
        >>> from rltools.plots import Chapter
        >>> [chapter.value for chapter in Chapter][:2]
        ['What the agent needs, measured', 'Feature by feature']
    """

    MEASURED = "What the agent needs, measured"
    FEATURES = "Feature by feature"
    EPISODES = "In the course of an episode"
    ACTIONS = "Action by action"
    METHODS = "By other methods"
    TRAINING = "During training"


@dataclass(frozen=True)
class ReportData:
    """The content of a report, from which a plot decides whether it applies.

    Attributes:
        recording: the recording, with at least one attribution.
        main: summary of the attribution that leads the report.
        summaries: the summaries of all attributions of every episode, the main one first.
    """

    recording: Recording
    main: Summary
    summaries: Sequence[Summary]

    @cached_property
    def ablation(self) -> Ablation | None:
        """What was measured without some of the features; None if nothing was, or its files are damaged."""
        try:
            return next(iter(ablations(self.recording)), None)
        except CorruptError:  # the page says so
            return None

    @property
    def has_images(self) -> bool:
        """Whether the explained observations contain an image."""
        return self.recording.features_of(self.main.key).has_images


def main_attribution(report: ReportData) -> dict[str, Any]:
    """The keyword arguments with which a plot draws the attribution that leads the report."""
    return {"method": report.main.key, "target": report.main.target}


@dataclass(frozen=True)
class PlotInfo:
    """What a plot declares with `@plot(...)`.

    Attributes:
        chapter: heading of the report and of the gallery under which it stands, a `Chapter` or another text.
        caption: how to read it, a sentence or two; a function of `ReportData` if it depends on the numbers.
        order: position within its chapter, smaller first; equal ones by name.
        shown_when: whether a report shows it; None for never.
        arguments: the keyword arguments with which a report calls it beside the recording.
    """

    chapter: str
    caption: str | Callable[[ReportData], str]
    order: int = 100
    shown_when: Callable[[ReportData], bool] | None = None
    arguments: Callable[[ReportData], Mapping[str, Any]] = main_attribution

    @property
    def sort_key(self) -> tuple[int, str, int]:
        """Chapters in their order, then other chapters by name; within a chapter by `order`."""
        chapters = list(Chapter)
        known_chapter = self.chapter in chapters
        return (
            chapters.index(Chapter(self.chapter)) if known_chapter else len(chapters),
            "" if known_chapter else self.chapter,
            self.order,
        )

    def caption_for(self, report: ReportData) -> str:
        """The caption under the plot of this report."""
        return self.caption(report) if callable(self.caption) else self.caption


def plot(
    *,
    chapter: str,
    caption: str | Callable[[ReportData], str],
    order: int = 100,
    shown_when: Callable[[ReportData], bool] | None = None,
    arguments: Callable[[ReportData], Mapping[str, Any]] = main_attribution,
) -> Callable[[_PlotT], _PlotT]:
    """Declare where and when a report shows a plot; see `PlotInfo` for the arguments.

    A new figure gets the theme: our font and colors. Axes of the caller keep matplotlib's settings.

    Raises:
        ArgumentError: the chapter or the caption is empty.

    Example:
        >>> from rltools.plots import Chapter, plot, plot_info
        >>> @plot(
        ...     chapter=Chapter.FEATURES,
        ...     caption="Each bar is one feature.",
        ...     shown_when=lambda report: len(report.main.features) > 1,
        ... )
        ... def bars(recording, *, axes=None, method=None, target=None):
        ...     "How much each feature matters."
        >>> plot_info(bars).chapter
        <Chapter.FEATURES: 'Feature by feature'>
    """
    if not chapter or not caption:
        raise ArgumentError(f"a plot needs a chapter and a caption, not chapter={chapter!r}, caption={caption!r}")
    info = PlotInfo(chapter, caption, order, shown_when, arguments)

    def declare(function: _PlotT) -> _PlotT:
        @wraps(function)
        def draw(*args: Any, axes: Axes | None = None, **choices: Any) -> Axes:
            with themed() if axes is None else nullcontext():
                return function(*args, axes=axes, **choices)

        setattr(draw, _ATTRIBUTE, info)
        return cast("_PlotT", draw)

    return declare


def plot_info(function: Callable[..., Any]) -> PlotInfo | None:
    """What a plot declares with `@plot(...)`; None for a plot without a declaration, which no report shows.

    Example:
        >>> import rltools
        >>> rltools.plots.plot_info(rltools.plots.timeline).chapter.value
        'In the course of an episode'
    """
    info = getattr(function, _ATTRIBUTE, None)
    return info if isinstance(info, PlotInfo) else None
