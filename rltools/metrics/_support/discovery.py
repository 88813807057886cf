"""Finds metrics: the files of the room, and the entry points of other packages."""

from __future__ import annotations

from typing import Any

from rltools._util.discovery import (
    entry_points_of,
    load_entry_point,
    load_member,
    modules_in,
    origin,
    unknown_name,
    unusable_entry_points,
)
from rltools.errors import PluginError
from rltools.metrics._support.metric import Metric

_ROOM = "rltools.metrics"


def metric_names() -> list[str]:
    """The names of all metrics.

    Example:
        >>> from rltools.metrics import metric_names
        >>> "loss_concordance" in metric_names()
        True
    """
    return sorted({*_own(), *entry_points_of(_ROOM)})


def find_metric(name: str) -> Metric:
    """The metric of this name.

    Raises:
        UnknownNameError: no metric has the name; the message has the nearest ones.
        PluginError: another package offers it and it cannot be loaded or is no metric, or two packages do.

    Example:
        >>> from rltools.metrics import find_metric
        >>> str(find_metric("loss_concordance").question)
        'faithfulness'
    """
    if name in _own():
        return _declared(load_member(f"{_ROOM}.{name}", name), name, f"{_ROOM}.{name}")
    if point := entry_points_of(_ROOM).get(name):
        return _declared(load_entry_point(point), name, origin(point))
    if reason := unusable_entry_points(_ROOM).get(name):
        raise PluginError(reason)
    raise unknown_name("metric", name, metric_names())


def _own() -> list[str]:
    return [name for name in modules_in(_ROOM) if not name.startswith("_")]


def _declared(value: Any, name: str, place: str) -> Metric:
    if not isinstance(value, Metric) or value.name != name:
        declared = f"the metric {value.name!r}" if isinstance(value, Metric) else f"a {type(value).__name__}"
        raise PluginError(
            f"{name} ({place}) is {declared}; declare a function of that name with @rltools.metrics.metric(...)"
        )
    return value
