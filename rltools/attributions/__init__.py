"""Attribution methods: one file each, found by its place.

A method is a pure function of a score and a batch of inputs, declared with `@method`; a file `name.py` here holds the
method `name`. Other packages offer theirs under the entry-point group `rltools.attributions`, and `captum:<Name>` is a
class of Captum.
"""

from __future__ import annotations

from rltools.attributions._method import Method, Result, RowScore, method
from rltools.discovery import load_member, others, room_modules, unknown
from rltools.errors import MethodError

__all__ = ["Method", "Result", "RowScore", "find_method", "method", "method_names"]


def method_names() -> list[str]:
    """The names of all methods, but for those of Captum.

    Example:
        >>> from rltools.attributions import method_names
        >>> method_names()[:3]
        ['blur_saliency', 'decision_change', 'deep_lift']
    """
    own = [name for name in room_modules(__name__) if not name.startswith("_")]
    return sorted({*own, *others(__name__)})


def find_method(name: str) -> Method:
    """The method of this name, or of the class of Captum in `captum:<Name>`.

    Raises:
        UnknownNameError: there is none; the message has the nearest known ones.
        ArgumentError: Captum is not installed, or what the class explains is not the observation.
        MethodError: its file holds something else under its name.

    Example:
        >>> from rltools.attributions import find_method
        >>> find_method("gradient").description
        'How fast the score rises with each feature, at this very state.'
    """
    if name.startswith("captum:"):
        from rltools.attributions._captum import captum_method

        return captum_method(name)
    if name not in method_names():
        raise unknown("method", name, method_names())
    theirs = others(__name__).get(name)
    found = theirs.load() if theirs else load_member(f"{__name__}.{name}", name)
    if not isinstance(found, Method):
        raise MethodError(f"{name} is a {type(found).__name__}; declare it with @rltools.attributions.method(...)")
    return found
