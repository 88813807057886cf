"""The study of how often intervals hold, which docs/uncertainty.md has the results of, runs."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture
def study(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    spec = importlib.util.spec_from_file_location("coverage_study", BENCHMARKS / "interval_coverage.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "coverage_study", module)
    spec.loader.exec_module(module)
    return module


def test_each_population_has_intervals(study: Any) -> None:
    for draw in study.POPULATIONS.values():
        result = study.intervals(draw(np.random.default_rng(0), 5, 8))
        assert set(result) == {"mean", "mean magnitude", "share"}
        for ends in result.values():
            assert ((ends.low < ends.value) & (ends.value < ends.high)).all()
        assert result["share"].value.sum() == pytest.approx(1)
