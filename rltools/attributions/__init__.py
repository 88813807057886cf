"""Attribution methods: one file each, found by its place.

A method is a pure function of a score and a batch of inputs, declared with `@method`; a file `name.py` here holds the
method `name`. Other packages offer theirs under the entry-point group `rltools.attributions`, and `captum:<Name>` is a
class of Captum.
"""

from __future__ import annotations

from typing import Any

from rltools._util.discovery import load_member, load_offered, modules_in, origin, others, refused, unknown
from rltools.attributions._support.method import Method, Result, TargetFunction, method
from rltools.errors import ArgumentError, MethodError, PluginError

__all__ = ["Method", "Result", "TargetFunction", "find_method", "method", "method_names"]


def method_names() -> list[str]:
    """The names of all methods, but for those of Captum.

    Example:
        >>> from rltools.attributions import method_names
        >>> method_names()[:3]
        ['blur_saliency', 'decision_change', 'deep_lift']
    """
    return sorted({*_own(), *others(__name__)})


def find_method(name: str) -> Method:
    """The method of this name, or of the class of Captum in `captum:<Name>`.

    Raises:
        UnknownNameError: there is none; the message has the nearest known ones.
        ArgumentError: Captum is not installed, or what the class explains is not the observation.
        MethodError: its file holds something else under its name.
        PluginError: another package offers it, and cannot be loaded, or two packages do.

    Example:
        >>> from rltools.attributions import find_method
        >>> find_method("gradient").description
        'How fast the score rises with each feature, at this very state.'
    """
    if not isinstance(name, str):
        raise ArgumentError(
            f"a method is given by its name, for instance 'gradient', not as {name!r:.80}, a {type(name).__name__}"
        )
    if name.startswith("captum:"):
        from rltools.attributions._support.captum.methods import captum_method

        return captum_method(name)
    if name in _own():
        return _declared(load_member(f"{__name__}.{name}", name), name, f"{__name__}.{name}")
    if point := others(__name__).get(name):
        return _declared(load_offered(point), name, origin(point))
    if reason := refused(__name__).get(name):
        raise PluginError(reason)
    raise unknown("method", name, method_names())


def _own() -> list[str]:
    return [name for name in modules_in(__name__) if not name.startswith("_")]


def _declared(thing: Any, name: str, where: str) -> Method:
    if not isinstance(thing, Method):
        raise MethodError(
            f"{name} ({where}) is a {type(thing).__name__}; declare it with @rltools.attributions.method(...)"
        )
    # Recordings know a method by its own name.
    if thing.name != name:
        raise MethodError(f"{where} is the method {thing.name!r}, offered as {name!r}; use the same name for both")
    return thing
