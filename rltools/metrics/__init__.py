"""Metrics that judge attributions: one file each, found by its place.

A metric is a function of a `Case`, one attribution with what was measured, declared with `@metric`; a file `name.py`
here holds the metric `name`, and `_support/` what metrics share. `assess` computes them for every recorded attribution
and for controls beside it. Other packages offer theirs under the entry-point group `rltools.metrics`. Imports ablation,
explanation and summary. Read `loss_concordance.py` first, then `_support/assess.py`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rltools.metrics._support.assess import assess, assess_recorded, assessments
    from rltools.metrics._support.assessment import Assessment, Assessments
    from rltools.metrics._support.case import Case
    from rltools.metrics._support.discovery import find_metric, metric_names
    from rltools.metrics._support.metric import MEANINGS, Metric, Question, metric
    from rltools.metrics._support.not_applicable import NotApplicableError
    from rltools.metrics._support.value import Value, value_of_rows

_MODULES = {
    "Assessment": "assessment",
    "Assessments": "assessment",
    "Case": "case",
    "MEANINGS": "metric",
    "Metric": "metric",
    "NotApplicableError": "not_applicable",
    "Question": "metric",
    "Value": "value",
    "assess": "assess",
    "assess_recorded": "assess",
    "assessments": "assess",
    "find_metric": "discovery",
    "metric": "metric",
    "metric_names": "discovery",
    "value_of_rows": "value",
}
"""The module of each name in `_support/`, loaded with the first use."""

__all__ = [
    "MEANINGS",
    "Assessment",
    "Assessments",
    "Case",
    "Metric",
    "NotApplicableError",
    "Question",
    "Value",
    "assess",
    "assess_recorded",
    "assessments",
    "find_metric",
    "metric",
    "metric_names",
    "value_of_rows",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}._support.{_MODULES[name]}"), name)
    globals()[name] = value
    return value
