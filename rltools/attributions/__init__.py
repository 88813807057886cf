"""Attribution methods: one file each, found by its place.

Imports targets, policies and spaces. A method is a pure function of a target function and a batch of inputs, declared
with `@method`; a file `name.py` here holds the method `name`, and `_support/` what methods share. Other packages offer
theirs under the entry-point group `rltools.attributions`, and `captum:<Name>` is a class of Captum. Read `gradient.py`
first, then `integrated_gradients.py`.
"""

from __future__ import annotations

from contextlib import suppress
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

from rltools._util.discovery import (
    entry_points_of,
    load_entry_point,
    load_member,
    modules_in,
    origin,
    unknown_name,
    unusable_entry_points,
)
from rltools.attributions._support.units import (
    Unit,
    in_network_units,
    is_control,
    is_per_feature_unit,
    is_share,
)
from rltools.errors import ArgumentError, MethodError, PluginError

if TYPE_CHECKING:
    from rltools.attributions._support.method import Method, method
    from rltools.attributions._support.result import Cost, Result
    from rltools.policies.base import Policy
    from rltools.targets.function import TargetFunction

__all__ = [
    "Cost",
    "Method",
    "Result",
    "TargetFunction",
    "Unit",
    "find_method",
    "fitting_methods",
    "in_network_units",
    "is_control",
    "is_per_feature_unit",
    "is_share",
    "method",
    "method_names",
]


def __getattr__(name: str) -> Any:
    # These load torch, which a caller who only needs a unit or the names of methods should not wait for.
    if name in ("Cost", "Method", "Result", "method"):
        value = getattr(import_module(f"{__name__}._support.method"), name)
    elif name == "TargetFunction":
        value = getattr(import_module("rltools.targets.function"), name)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def method_names() -> list[str]:
    """The names of all methods except those of Captum.

    Example:
        >>> from rltools.attributions import method_names
        >>> method_names()[:3]
        ['blur_saliency', 'decision_change', 'deep_lift']
    """
    return sorted({*_own(), *entry_points_of(__name__)})


def fitting_methods(policy: Policy) -> tuple[tuple[str, ...], dict[str, str]]:
    """The names of the methods that can explain a policy, and of the others what the policy lacks for them.

    Methods of Captum and controls, which ignore the policy, are left out; so are those that cannot be loaded.

    Example:
        >>> import rltools
        >>> from rltools.attributions import fitting_methods
        >>> rule = rltools.FunctionPolicy(lambda observations: observations[:, 2] > 0, "CartPole-v1")
        >>> fitting, lacking = fitting_methods(rule)
        >>> fitting
        ('decision_change', 'occlusion', 'rise', 'sampled_shapley', 'sarfa', 'shapley')
        >>> lacking["gradient"], lacking["blur_saliency"]
        ('gradients', 'an image')
    """
    missing_need = import_module(f"{__name__}._support.needs").missing_need
    methods = {}
    for name in method_names():
        with suppress(MethodError, PluginError):
            methods[name] = find_method(name)
    lacking = {name: missing_need(method, policy) for name, method in methods.items() if not method.control}
    fitting = tuple(name for name, missing in lacking.items() if not missing)
    return fitting, {name: missing for name, missing in lacking.items() if missing}


def find_method(name: str) -> Method:
    """The method of this name; `captum:<Name>` is a class of Captum.

    Raises:
        UnknownNameError: no method has the name; the message has the nearest ones.
        ArgumentError: Captum is not installed, or its class does not explain the observation.
        MethodError: the method's file holds something else under its name.
        PluginError: another package offers it, and cannot be loaded, or two packages do.

    Example:
        >>> from rltools.attributions import find_method
        >>> find_method("gradient").description
        'How fast the target value rises with each feature, at this very state.'
    """
    if not isinstance(name, str):
        raise ArgumentError(
            f"a method is given by its name, for instance 'gradient', not as {name!r:.80}, a {type(name).__name__}"
        )
    if name.startswith("captum:"):
        from rltools.attributions._support.captum.methods import captum_method

        return captum_method(name)
    if name in modules_in(__name__) and not name.startswith("_"):
        return _own_method(name)
    if point := entry_points_of(__name__).get(name):
        return _declared(load_entry_point(point), name, origin(point))
    if reason := unusable_entry_points(__name__).get(name):
        raise PluginError(reason)
    raise unknown_name("method", name, method_names())


def _own() -> list[str]:
    return [name for name in modules_in(__name__) if not name.startswith("_")]


@cache  # an attribution of a few rows takes no longer than looking a module up
def _own_method(name: str) -> Method:
    return _declared(load_member(f"{__name__}.{name}", name), name, f"{__name__}.{name}")


def _declared(value: Any, name: str, place: str) -> Method:
    from rltools.attributions._support.method import Method

    if not isinstance(value, Method):
        raise MethodError(
            f"{name} ({place}) is a {type(value).__name__}; declare it with @rltools.attributions.method(...)"
        )
    # Recordings know a method by its own name.
    if value.name != name:
        raise MethodError(f"{place} is the method {value.name!r}, offered as {name!r}; use the same name for both")
    return value
