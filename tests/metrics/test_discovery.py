"""Metrics of other packages: they are judged by like ours, and a broken one is named and left out."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from rltools.errors import ArgumentError, PluginError
from rltools.metrics import Question, Value, assess_recorded, assessments, find_metric, metric, metric_names
from rltools.metrics._support import discovery
from rltools.stats import Jackknife
from rltools.testing import example_recording

DECLARED = {
    "question": Question.COMPLEXITY,
    "paper": "nobody, 2026",
    "better": "higher",
    "low": 0,
    "high": 9,
    "counts": "feature",
    "blind": "Everything.",
}


@metric(**DECLARED)
def players(case):
    """How many features there are."""
    return Value(Jackknife(np.array(float(len(case.players))), ()), n=len(case.players))


@pytest.fixture
def offered(monkeypatch):
    """Offers objects, or errors, under names, as the entry points of another package."""

    def offer(**things):
        def point(thing):
            def load():
                if isinstance(thing, Exception):
                    raise thing
                return thing

            return SimpleNamespace(name="x", group="rltools.metrics", value="other:x", dist=None, load=load)

        points = {name: point(thing) for name, thing in things.items()}
        monkeypatch.setattr(discovery, "entry_points_of", lambda group: points)

    return offer


@pytest.fixture
def recording(tmp_path):
    return example_recording(tmp_path, [np.ones((4, 1, 3))] * 2, unit="score")


def test_a_metric_of_another_package_is_computed(offered, recording):
    offered(players=players)
    assert "players" in metric_names()
    (row,) = assess_recorded(recording)
    assert (row.metric, row.value, row.random, row.separates) == ("players", 3, 3, False)
    assert row.verdict.startswith("Not certainly better than random numbers or")


def test_a_broken_one_is_left_out_and_named(offered, recording):
    offered(players=players, broken=ImportError("no such thing"))
    result = assessments(recording)
    assert [row.metric for row in result.rows] == ["players"]
    assert "broken: x, which is other:x (rltools.metrics), cannot be loaded: ImportError" in result.left_out_text
    with pytest.raises(PluginError, match="cannot be loaded"):
        assessments(recording, metrics="broken")


def test_what_is_no_metric_is_refused(offered):
    offered(function=len, other=players)
    with pytest.raises(PluginError, match=r"function .* is a builtin_function_or_method; declare a function"):
        find_metric("function")
    with pytest.raises(PluginError, match=r"other .* is the metric 'players'"):
        find_metric("other")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"needs": {"gpu"}}, "needs gpu; metrics need policy, ablation"),
        ({"controls": {"coin"}}, "has the controls coin; there are random, std, constant"),
        ({"better": "more"}, "better='more'; it is 'higher' or 'lower'"),
        ({"low": 9}, "values from 9 to 9"),
        ({"paper": ""}, "says nothing as its paper"),
    ],
)
def test_a_declaration_that_means_nothing_is_refused(changed, message):
    with pytest.raises(ArgumentError, match=message):
        metric(**(DECLARED | changed))(lambda case: None)
