"""Judges one attribution by one metric, beside the controls that the metric declares."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rltools.attributions import is_control
from rltools.metrics._support.assessment import NAN, Assessment
from rltools.metrics._support.case import Case
from rltools.metrics._support.controls import Control, verdict
from rltools.metrics._support.metric import Metric
from rltools.metrics._support.not_applicable import NotApplicableError
from rltools.metrics._support.value import Value, mean_value

RANDOM_MAPS = 200
"""How many random maps a metric that only reads is compared with."""
FEWER_RANDOM_MAPS = 20
"""How many, if each takes passes through the network."""
LIMIT = 0.95
"""The share of random maps that `Assessment.random_limit` is better than."""


def assessment_of(metric: Metric, case: Case, level: float) -> Assessment:
    """The value of a metric for an attribution, beside the values of its controls, with the verdict.

    Args:
        metric: the metric.
        case: the attribution with what was measured.
        level: of the intervals.

    Raises:
        NotApplicableError: the metric does not apply, or has no value here.
    """
    value = metric(case)
    if not np.isfinite(value.value):
        raise NotApplicableError("it has no value here")
    ends = value.interval(level, metric.low, metric.high)
    controls: dict[str, Value] = {}
    limit = NAN
    passed: list[str] = []
    failed: list[str] = []
    unknown: list[str] = []
    for control in metric.controls:
        maps = _control_values(metric, case, control)
        controls[control] = mean = mean_value(maps)
        lead = _lead(metric, value, mean, level)
        if control == "random":
            limit = float(np.quantile([metric.sign * each.value for each in maps], LIMIT) * metric.sign)
            lead = False if not metric.sign * (value.value - limit) > 0 else lead
        (unknown if lead is None else passed if lead else failed).append(control)
    spec = case.spec
    return Assessment(
        method=spec.method,
        target=spec.target,
        settings=case.recording.distinguishing_settings(case.key),
        metric=metric.name,
        question=str(metric.question),
        value=value.value,
        low=float(ends.low),
        high=float(ends.high),
        n=value.n,
        counts=metric.counts,
        better=metric.better,
        random=controls["random"].value if "random" in controls else NAN,
        random_limit=limit,
        std=controls["std"].value if "std" in controls else NAN,
        constant=controls["constant"].value if "constant" in controls else NAN,
        separates=False if failed else None if unknown or not passed else True,
        verdict=verdict(passed, failed, unknown),
        control=is_control(spec.unit),
        replacement=case.ablation.replace if case.ablation is not None and "ablation" in metric.needs else "",
        key=case.key,
    )


def _lead(metric: Metric, value: Value, control: Value, level: float) -> bool | None:
    """Whether a value is certainly better than a control's, part by part; None if it is, without an interval."""
    ends = value.minus(control).interval(level)
    if not metric.sign * float(ends.value) > 0:
        return False
    worst = float(ends.low if metric.sign > 0 else -ends.high)
    return None if np.isnan(worst) else worst > 0


def _control_values(metric: Metric, case: Case, control: Control) -> Sequence[Value]:
    """The values of a metric for a control: of one map, or of many random ones."""
    count = FEWER_RANDOM_MAPS if "policy" in metric.needs else RANDOM_MAPS
    draws = range(count if control == "random" else 1)
    spec = case.spec

    def compute() -> list[Value]:
        return [metric(case.as_control(control, draw)) for draw in draws]

    # What only looks at measured losses is the same for every attribution.
    if metric.needs == {"ablation"}:
        return case.once((metric.name, control), compute)
    return case.once((metric.name, control, case.key, spec.target), compute)
