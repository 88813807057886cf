"""Plots of a recording: one file each, found by its place.

A plot is a function of a Recording that returns matplotlib Axes; a file `_name.py` here holds the plot `name`, and
files without an underscore hold what plots share. Other packages offer theirs under the entry-point group
`rltools.plots`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rltools.discovery import load_member, others, room_modules, unknown

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
    own = [name.removeprefix("_") for name in room_modules(__name__) if name.startswith("_")]
    return sorted({*own, *others(__name__)})


def __getattr__(name: str) -> Any:
    if name.startswith("_") or name in room_modules(__name__):
        raise AttributeError(name)
    if name not in plot_names():
        raise AttributeError(str(unknown("plot", name, plot_names())))
    theirs = others(__name__).get(name)
    return theirs.load() if theirs else load_member(f"{__name__}._{name}", name)


def __dir__() -> list[str]:
    return sorted({*globals(), *plot_names()})
