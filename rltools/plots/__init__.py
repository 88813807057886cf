"""Plots of a recording: one file each, found by its place.

A plot is a function of a Recording that returns matplotlib Axes; a file `_name.py` here holds the plot `name`, and
files without an underscore hold what plots share. Other packages offer theirs under the entry-point group
`rltools.plots`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from rltools._util.discovery import load_member, load_offered, modules_in, origin, others, refused, unknown
from rltools.errors import PluginError, UnknownNameError

MEMBER_PREFIX = "_"
"""A plot's file is `_name.py`, because the name itself is that of the function."""

if TYPE_CHECKING:
    from rltools.plots._action_matrix import action_matrix
    from rltools.plots._agreement import agreement
    from rltools.plots._beeswarm import beeswarm
    from rltools.plots._decision import decision
    from rltools.plots._dependence import dependence
    from rltools.plots._episode_grid import episode_grid
    from rltools.plots._images import images
    from rltools.plots._importance import importance
    from rltools.plots._lags import lags
    from rltools.plots._phases import phases
    from rltools.plots._state_map import state_map
    from rltools.plots._timeline import timeline
    from rltools.plots._training import training

__all__ = [
    "action_matrix",
    "agreement",
    "beeswarm",
    "decision",
    "dependence",
    "episode_grid",
    "find_plot",
    "images",
    "importance",
    "lags",
    "phases",
    "plot_names",
    "state_map",
    "timeline",
    "training",
]


def plot_names() -> list[str]:
    """The names of all plots.

    Example:
        >>> import rltools
        >>> rltools.plots.plot_names()[:3]
        ['action_matrix', 'agreement', 'beeswarm']
    """
    return sorted({*_own(), *others(__name__)})


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
    if point := others(__name__).get(name):
        plot = load_offered(point)
        if not callable(plot):
            raise PluginError(f"the plot {name}, which is {origin(point)}, is a {type(plot).__name__}, not a function")
        return cast("Callable[..., Any]", plot)
    if reason := refused(__name__).get(name):
        raise PluginError(reason)
    raise unknown("plot", name, plot_names())


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
