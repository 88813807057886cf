"""`captum:<Name>`: any class of Captum that attributes outputs to inputs, as a method like the others."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from functools import cache
from math import factorial
from typing import Any

from torch import Tensor

from rltools._util.discovery import unknown_name
from rltools.attributions._support.captum.calls import DRAWN_BY_ROW, HOOKED, attributed, captum
from rltools.attributions._support.completeness import end_values, residual_of
from rltools.attributions._support.method import Method
from rltools.attributions._support.result import Cost, Result
from rltools.attributions._support.units import Unit
from rltools.errors import ArgumentError
from rltools.targets.draws import mean_over_blocks
from rltools.targets.function import TargetFunction

_PER_UNIT = ("Saliency", "GuidedBackprop", "Deconvolution")
_DRAWS = (*DRAWN_BY_ROW, "ShapleyValueSampling")
_OF_EACH_FEATURE = ("FeatureAblation", "Occlusion", "ShapleyValueSampling")
_MOST_ORDERED = 9
"""The most features whose orders are all tried: nine have 362,880."""
_REFUSED = {
    "FeaturePermutation": "it exchanges features among rows, so that a row's values depend on the others",
    "LRP": "it rewrites the network's weights while it works",
    "NoiseTunnel": "it is a wrapper around another method; take smooth_grad or var_grad",
}
_DECIDED_HERE = frozenset(
    {
        *("self", "inputs", "baselines", "target", "additional_forward_args", "feature_mask"),
        *("abs", "internal_batch_size", "perturbations_per_eval"),  # see `_arguments`
        *("return_convergence_delta", "return_input_shape", "custom_attribution_func", "show_progress"),
        "method",  # of integration: the best one is the default, and `method` means something else to `explain`
    }
)
"""Arguments of `attribute` that are not parameters of `captum:<Name>`, because they are decided here."""


@cache
def captum_method(name: str) -> Method:
    """The method `captum:<Name>`, by the signature of the class's `attribute`.

    Raises:
        ArgumentError: Captum is not installed, or the class does not explain the inputs.
        UnknownNameError: Captum has no such class.
    """
    library, short = captum(name), name.partition(":")[2]
    offered = [other for other in library.__all__ if other not in _REFUSED and _is_plain(getattr(library, other))]
    names = [f"captum:{other}" for other in offered]
    if short not in library.__all__:
        raise unknown_name("method", name, names)
    if short not in offered:
        reason = _REFUSED.get(short, "it explains layers or neurons, or needs more than a score and a batch of inputs")
        raise ArgumentError(f"{name} is not offered: {reason}. There are {', '.join(names)}")
    kind = getattr(library, short)
    takes = inspect.signature(kind.attribute).parameters
    gradient = issubclass(kind, library.GradientAttribution)
    compared = "baselines" in takes
    needs = {"gradient": gradient, "references": compared, "network": short in HOOKED}

    def cost(parts: int, references: int, settings: Mapping[str, Any]) -> Cost:
        passes = _passes(short, parts, settings) * (1 + gradient) * (references if compared else 1)
        return Cost(passes, copies={"DeepLift": 2, "DeepLiftShap": 2 * references}.get(short, 1))

    return Method(
        name=name,
        unit=Unit.SCORE_PER_UNIT if short in _PER_UNIT else Unit.SCORE,
        needs=frozenset(need for need, needed in needs.items() if needed),
        axioms=frozenset(),
        cost=cost,
        parts="feature",
        largest=_MOST_ORDERED if short == "ShapleyValues" else None,
        function=_function(name, short, kind),
    )


def _is_plain(kind: Any) -> bool:
    """Whether a class is made from a function alone, and is called with a batch of inputs."""
    attribute = getattr(kind, "attribute", None)
    if not inspect.isclass(kind) or not inspect.isfunction(attribute):
        return False
    parameters, arguments = inspect.signature(kind).parameters, inspect.signature(attribute).parameters
    required = [name for name, parameter in parameters.items() if parameter.default is parameter.empty]
    return required in (["forward_func"], ["model"]) and {"inputs", "target"} <= arguments.keys()


def _function(name: str, short: str, kind: Any) -> Any:
    """The function of a method, with the parameters of the class's `attribute` that a file can hold."""
    takes = inspect.signature(kind.attribute).parameters
    # Without a default it takes a distribution of baselines, and with one a single baseline.
    several = "baselines" in takes and takes["baselines"].default is inspect.Parameter.empty

    def attribute(f: TargetFunction, x: Tensor, *, references: Tensor | None = None, **settings: Any) -> Result:
        arguments = _arguments(takes, settings, f, 1 if short in DRAWN_BY_ROW else max(1, len(x)))
        without = None
        if references is None or several:
            values = attributed(name, short, f, x, references, several=several, **arguments)
        else:
            values, without = mean_over_blocks(
                lambda block: attributed(name, short, f, x, block, **arguments),
                references,
                leave_one_out=f.leave_one_out,
            )
        if references is None or "return_convergence_delta" not in takes:
            return Result(values, without=without)
        return Result(values, residual=residual_of(values, *end_values(f, x, references)), without=without)

    attribute.__doc__ = f"{short}, as Captum computes it.\n\n{inspect.getdoc(kind)}"
    attribute.__signature__ = _signature(short, takes)  # type: ignore[attr-defined]
    return attribute


def _signature(short: str, takes: Mapping[str, inspect.Parameter]) -> inspect.Signature:
    defaults = {
        name: None if taken.default is taken.empty else taken.default
        for name, taken in takes.items()
        if name not in _DECIDED_HERE and taken.kind is not taken.VAR_KEYWORD
    }
    if "feature_mask" in takes:
        defaults["groups"] = None
    if short in _DRAWS:
        defaults["seed"] = 0
    keyword_only = inspect.Parameter.KEYWORD_ONLY
    return inspect.Signature(
        [inspect.Parameter(name, keyword_only, default=default) for name, default in defaults.items()]
    )


def _arguments(
    takes: Mapping[str, inspect.Parameter], settings: Mapping[str, Any], f: TargetFunction, rows: int
) -> dict[str, Any]:
    """The arguments of `attribute`: the parameters, and batch sizes that fit into memory, which change no value."""
    arguments = {name: _as_tuples(value) for name, value in settings.items() if value is not None}
    if "sliding_window_shapes" in takes:
        arguments.setdefault("sliding_window_shapes", (1,) * f.feature_ndim)
    if "abs" in takes:
        arguments["abs"] = False
    if "internal_batch_size" in takes:
        arguments["internal_batch_size"] = max(rows, f.most_copies)
    if "perturbations_per_eval" in takes:
        arguments["perturbations_per_eval"] = f.copies_together(rows)
    return arguments


def _as_tuples(value: Any) -> Any:
    """Convert lists, as files hold them, to the tuples that Captum takes."""
    return tuple(map(_as_tuples, value)) if isinstance(value, (list, tuple)) else value


def _passes(short: str, features: int, settings: Mapping[str, Any]) -> int:
    """The passes through the network for one row and one reference."""
    drawn = int(settings.get("n_steps") or settings.get("n_samples") or 1)
    if short == "ShapleyValues":
        return features * factorial(min(features, _MOST_ORDERED))
    return drawn * (features + 1 if short in _OF_EACH_FEATURE else 1)
