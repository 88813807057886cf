"""Plots of a recording: one file each, found by its place; `drawing/` holds what plots share.

A plot is a function of a `Recording` that returns matplotlib `Axes`; `@plot(...)` declares when a report shows it.
The file `_name.py` holds the plot `name`. It keeps its underscore because `rltools.plots.name` is the function, which
importing a module of the same name would replace. Other packages offer plots under the entry-point group
`rltools.plots`. Plots read a recording through `rltools.summary`; nothing here imports pages, videos or the command
line. Read `_importance.py` first, then `drawing/style.py`.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from rltools._util.discovery import (
    PluginWarning,
    entry_points_of,
    load_entry_point,
    load_member,
    modules_in,
    origin,
    unknown_name,
    unusable_entry_points,
)
from rltools.errors import PluginError, UnknownNameError
from rltools.plots.drawing.paper import paper
from rltools.plots.drawing.plot_info import Chapter, PlotInfo, ReportData, plot, plot_info
from rltools.plots.drawing.style import caption

MEMBER_PREFIX = "_"
"""A plot's file is `_name.py`, because the name itself is that of the function."""

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    # The plots are for completion in an editor: they are found without a line here.
    from rltools.plots._ablation_curves import ablation_curves
    from rltools.plots._action_matrix import action_matrix
    from rltools.plots._agreement import agreement
    from rltools.plots._beeswarm import beeswarm
    from rltools.plots._coalition_values import coalition_values
    from rltools.plots._decision import decision
    from rltools.plots._dependence import dependence
    from rltools.plots._episode_grid import episode_grid
    from rltools.plots._filmstrip import filmstrip
    from rltools.plots._images import images
    from rltools.plots._importance import importance
    from rltools.plots._lags import lags
    from rltools.plots._losses import losses
    from rltools.plots._measured_agreement import measured_agreement
    from rltools.plots._phases import phases
    from rltools.plots._state_map import state_map
    from rltools.plots._timeline import timeline
    from rltools.plots._training import training
    from rltools.recording import Recording
    from rltools.summary import Summary

__all__ = [
    "Chapter",
    "ablation_curves",
    "action_matrix",
    "agreement",
    "beeswarm",
    "caption",
    "coalition_values",
    "decision",
    "dependence",
    "episode_grid",
    "filmstrip",
    "find_plot",
    "images",
    "importance",
    "lags",
    "losses",
    "measured_agreement",
    "paper",
    "phases",
    "plot",
    "plot_info",
    "plot_names",
    "report_plots",
    "state_map",
    "timeline",
    "training",
]


def plot_names() -> list[str]:
    """The names of all plots.

    Example:
        >>> import rltools
        >>> rltools.plots.plot_names()[:3]
        ['ablation_curves', 'action_matrix', 'agreement']
    """
    return sorted({*_own(), *entry_points_of(__name__)})


def find_plot(name: str) -> Callable[..., Any]:
    """The plot of this name.

    Raises:
        UnknownNameError: there is none; the message has the nearest known ones.
        PluginError: another package offers it, and it cannot be loaded or is no function, or two packages do.

    Example:
        >>> import rltools
        >>> rltools.plots.find_plot("importance").__name__
        'importance'
    """
    if name in _own():
        return cast("Callable[..., Any]", load_member(f"{__name__}._{name}", name))
    if point := entry_points_of(__name__).get(name):
        function = load_entry_point(point)
        if not callable(function):
            found_type = type(function).__name__
            raise PluginError(f"the plot {name}, which is {origin(point)}, is a {found_type}, not a function")
        return cast("Callable[..., Any]", function)
    if reason := unusable_entry_points(__name__).get(name):
        raise PluginError(reason)
    raise unknown_name("plot", name, plot_names())


@dataclass(frozen=True)
class ReportPlot:
    """A plot that a report shows.

    Attributes:
        name: the name of the plot.
        chapter: heading under which it stands.
        caption: how to read it.
        draw: draws it into a new figure.
    """

    name: str
    chapter: str
    caption: str
    draw: Callable[[], Axes]


def report_plots(recording: Recording, main: Summary, summaries: Sequence[Summary]) -> tuple[ReportPlot, ...]:
    """The plots that fit a recording, by what each of them declares; the first one stands beside the headline.

    Args:
        recording: a recording with at least one attribution.
        main: summary of the attribution that leads the report.
        summaries: the summaries of all attributions of every episode, the main one first.

    Example:
        >>> import rltools
        >>> policy = rltools.load_policy("cartpole-ppo")
        >>> recording = rltools.explain(rltools.record(policy, episodes=3, max_steps=40), policy, method="gradient")
        >>> main = rltools.summarize(recording)
        >>> [plot.name for plot in rltools.plots.report_plots(recording, main, [main])][:3]
        ['importance', 'beeswarm', 'dependence']
    """
    report = ReportData(recording, main, summaries)
    if main.n == 0:
        return ()
    return tuple(
        ReportPlot(name, info.chapter, info.caption_for(report), partial(function, recording, **info.arguments(report)))
        for name, function, info in _declared()
        if info.shown_when is not None and info.shown_when(report)
    )


def _declared() -> list[tuple[str, Callable[..., Axes], PlotInfo]]:
    """All plots with a declaration, in the order of chapters; a broken one of another package is left out."""
    declared = []
    for name in plot_names():
        try:
            function = find_plot(name)
        except PluginError as error:
            warnings.warn(str(error), PluginWarning, stacklevel=3)
            continue
        if info := plot_info(function):
            declared.append((name, function, info))
    return sorted(declared, key=lambda entry: (entry[2].sort_key, entry[0]))


def _own() -> list[str]:
    return [name.removeprefix("_") for name in modules_in(__name__) if name.startswith("_")]


def __getattr__(name: str) -> Any:
    if name.startswith("_") or name in modules_in(__name__):
        raise AttributeError(name)
    try:
        return find_plot(name)
    except (UnknownNameError, PluginError) as error:
        raise AttributeError(str(error)) from error


def __dir__() -> list[str]:
    return sorted({*globals(), *plot_names()})
