"""`captum:<Name>`: any method of Captum that attributes a score to its inputs, as a method like the others."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from functools import cache
from math import factorial
from typing import Any

import torch
from torch import Tensor

from rltools._util.discovery import unknown
from rltools.attributions._support.captum.calls import DRAWN_BY_ROW, HOOKED, attributed, captum
from rltools.attributions._support.completeness import reference_scores, residual_of
from rltools.attributions._support.draws import mean_of_blocks
from rltools.attributions._support.method import (
    Method,
    Result,
    TargetFunction,
    Unit,
    copies_at_once,
    every_axis,
    every_feature,
)
from rltools.errors import ArgumentError

_PER_UNIT = ("Saliency", "GuidedBackprop", "Deconvolution")
_DRAWS = (*DRAWN_BY_ROW, "ShapleyValueSampling")
_OF_EACH_FEATURE = ("FeatureAblation", "Occlusion", "ShapleyValueSampling")
_MOST_ORDERED = 9
"""Features in all orders: there are 362,880 of nine."""
_REFUSED = {
    "FeaturePermutation": "it exchanges features among rows, so that a row's values depend on the others",
    "LRP": "it rewrites the network's weights while it works",
    "NoiseTunnel": "it is a wrapper around another method; take smooth_grad or var_grad",
}
_GIVEN = frozenset(
    {
        *("self", "inputs", "baselines", "target", "additional_forward_args", "feature_mask"),
        *("abs", "internal_batch_size", "perturbations_per_eval"),  # see `_settled`
        *("return_convergence_delta", "return_input_shape", "custom_attribution_func", "show_progress"),
        "method",  # of integration: the best one is the default, and `explain` means something else by the word
    }
)
"""What is not a parameter of `captum:<Name>`, because it is decided here."""


@cache
def captum_method(name: str) -> Method:
    """The method `captum:<Name>`, by the signature of the class's `attribute`.

    Raises:
        ArgumentError: Captum is not installed, or the class explains something else than the inputs.
        UnknownNameError: Captum has no such class.
    """
    library, short = captum(name), name.partition(":")[2]
    offered = [other for other in library.__all__ if other not in _REFUSED and _is_plain(getattr(library, other))]
    there = [f"captum:{other}" for other in offered]
    if short not in library.__all__:
        raise unknown("method", name, there)
    if short not in offered:
        why = _REFUSED.get(short, "it explains layers or neurons, or needs more than a score and a batch of inputs")
        raise ArgumentError(f"{name} is not offered: {why}. There are {', '.join(there)}")
    kind = getattr(library, short)
    takes = inspect.signature(kind.attribute).parameters
    gradient = issubclass(kind, library.GradientAttribution)
    compared = "baselines" in takes
    unit: Unit = "score per unit" if short in _PER_UNIT else "score"
    needs = {"gradient": gradient, "references": compared, "network": short in HOOKED}

    return Method(
        name,
        unit,
        frozenset(need for need, needed in needs.items() if needed),
        frozenset(),
        lambda features, references, settings: (
            _passes(short, features, settings) * (1 + gradient) * (references if compared else 1)
        ),
        lambda features, references, settings: {"DeepLift": 2, "DeepLiftShap": 2 * references}.get(short, 1),
        every_feature,
        _MOST_ORDERED if short == "ShapleyValues" else None,
        every_axis,
        False,
        _function(name, short, kind),
    )


def _is_plain(kind: Any) -> bool:
    """Whether a class is made of a score alone, and called with a batch of inputs."""
    attribute = getattr(kind, "attribute", None)
    if not inspect.isclass(kind) or not inspect.isfunction(attribute):
        return False
    made_of, called_with = inspect.signature(kind).parameters, inspect.signature(attribute).parameters
    required = [name for name, parameter in made_of.items() if parameter.default is parameter.empty]
    return required in (["forward_func"], ["model"]) and {"inputs", "target"} <= called_with.keys()


def _function(name: str, short: str, kind: Any) -> Any:
    """The function of a method, with the parameters of the class's `attribute` that a file can hold."""
    takes = inspect.signature(kind.attribute).parameters
    # Without a default it takes a distribution of baselines, and with one a single baseline.
    several = "baselines" in takes and takes["baselines"].default is inspect.Parameter.empty

    def attribute(score: TargetFunction, x: Tensor, *, references: Tensor | None = None, **settings: Any) -> Result:
        arguments = _settled(short, takes, settings, score, 1 if short in DRAWN_BY_ROW else max(1, len(x)))
        without = None
        if references is None or several:
            values = attributed(name, short, score, x, references, several=several, **arguments)
        else:
            values, without = mean_of_blocks(
                lambda some: attributed(name, short, score, x, some, **arguments),
                references,
                leave_one_out=score.leave_one_out,
            )
        if references is None or "return_convergence_delta" not in takes:
            return Result(values, without=without)
        starts = reference_scores(score, x, references)
        with torch.no_grad():
            return Result(values, residual=residual_of(values, score(x), starts), without=without)

    attribute.__doc__ = f"{short}, as Captum computes it.\n\n{inspect.getdoc(kind)}"
    attribute.__signature__ = _signature(short, takes)  # type: ignore[attr-defined]
    return attribute


def _signature(short: str, takes: Mapping[str, inspect.Parameter]) -> inspect.Signature:
    defaults = {
        name: None if taken.default is taken.empty else taken.default
        for name, taken in takes.items()
        if name not in _GIVEN and taken.kind is not taken.VAR_KEYWORD
    }
    if "feature_mask" in takes:
        defaults["groups"] = None
    if short in _DRAWS:
        defaults["seed"] = 0
    keyword_only = inspect.Parameter.KEYWORD_ONLY
    return inspect.Signature([inspect.Parameter(name, keyword_only, default=at) for name, at in defaults.items()])


def _settled(
    short: str, takes: Mapping[str, inspect.Parameter], settings: Mapping[str, Any], score: TargetFunction, rows: int
) -> dict[str, Any]:
    """The arguments of `attribute`: as they were given, and those that change no value as they fit into memory."""
    arguments = {name: _as_tuples(value) for name, value in settings.items() if value is not None}
    if "sliding_window_shapes" in takes:
        arguments.setdefault("sliding_window_shapes", (1,) * score.feature_ndim)
    if "abs" in takes:
        arguments["abs"] = False
    if "internal_batch_size" in takes:
        arguments["internal_batch_size"] = max(rows, score.most_copies)
    if "perturbations_per_eval" in takes:
        arguments["perturbations_per_eval"] = copies_at_once(score.most_copies, rows)
    return arguments


def _as_tuples(value: Any) -> Any:
    """Lists, as files hold them, as the tuples that Captum wants."""
    return tuple(map(_as_tuples, value)) if isinstance(value, (list, tuple)) else value


def _passes(short: str, features: int, settings: Mapping[str, Any]) -> int:
    """Rows that go through the network for one row and one reference."""
    drawn = int(settings.get("n_steps") or settings.get("n_samples") or 1)
    if short == "ShapleyValues":
        return features * factorial(min(features, _MOST_ORDERED))
    return drawn * (features + 1 if short in _OF_EACH_FEATURE else 1)
