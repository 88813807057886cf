"""Summaries of several targets that were explained together, and of controls."""

import numpy as np
import pytest

from rltools.summary import method_name, summarize
from rltools.summary._estimates import scores_of
from rltools.testing import example_recording

CENTRED, VALUE = (3.0, 1.0, 0.0), (100.0, 300.0, 600.0)


def summary(folder, *episodes, labels=("centered:chosen", "value"), **options):
    """Of episodes with these magnitudes `[target, feature]` at each of their steps, whose number is the last entry."""
    values = [np.tile(np.array(sizes, float), (steps, 1, 1)) for *sizes, steps in episodes]
    return summarize(example_recording(folder, values, unit=options.pop("unit", "score"), labels=labels, **options))


def test_scores_of_other_units_count_alike(tmp_path):
    result = summary(tmp_path / "r", *[(CENTRED, VALUE, 5), (CENTRED, VALUE, 9)] * 3)
    shares = result.overall.pooled_share
    np.testing.assert_allclose(shares.value, np.mean([[0.75, 0.25, 0], [0.1, 0.3, 0.6]], axis=0))
    np.testing.assert_allclose(shares.low, shares.value)
    np.testing.assert_allclose(result.overall.mean_absolute.value, [CENTRED, VALUE])
    left = result.by_action["left"].pooled_share
    np.testing.assert_allclose(left.value, shares.value)


def test_they_do_whatever_the_unit_of_one_of_them(tmp_path):
    scaled = tuple(1000 * size for size in VALUE)
    episodes = [(CENTRED, VALUE, 5), (CENTRED[::-1], VALUE, 9)], [(CENTRED, scaled, 5), (CENTRED[::-1], scaled, 9)]
    for unit in ("score", "score per unit"):
        each, other = (
            summary(tmp_path / f"{unit} {index}", *options, unit=unit) for index, options in enumerate(episodes)
        )
        for part in ("value", "low", "high"):
            first, second = (getattr(result.overall.importance, part) for result in (each, other))
            np.testing.assert_allclose(first, second)
        assert (each.overall.each_importance[:, 0].min() < each.overall.importance.value[0]).all()
        np.testing.assert_allclose(each.overall.each_importance, other.overall.each_importance)


def test_a_score_without_any_influence_is_left_out(tmp_path):
    result = summary(tmp_path / "r", (CENTRED, (0, 0, 0), 5), (CENTRED, (0, 0, 0), 5))
    np.testing.assert_allclose(result.overall.pooled_share.value, [0.75, 0.25, 0])
    assert "alone" in str(result.findings[2])
    assert "state alone" not in str(result.findings[2])


def test_one_score_of_several_actions_is_pooled_as_it_is(tmp_path):
    result = summary(
        tmp_path / "r", (CENTRED, VALUE, 5), (CENTRED, VALUE, 5), labels=("centered:left", "centered:right")
    )
    np.testing.assert_allclose(result.overall.pooled_share.value, np.array([103, 301, 600]) / 1004)
    assert not [text for text in map(str, result.findings) if "alone" in text]


def test_each_is_told_apart(tmp_path):
    result = summary(tmp_path / "r", *[(CENTRED, VALUE, 5)] * 6)
    (sentence,) = [text for text in map(str, result.findings) if "alone" in text]
    assert sentence == (
        "Shares are the means of the shares of score and value, with equal weights: of the score of the action taken "
        "(centered) alone obs[0] makes up 75 %, of the value of the state alone obs[2] makes up 60 %."
    )
    many = tuple(f"centered:{index}" for index in range(6))
    crowded = summary(tmp_path / "s", (*[CENTRED] * 6, VALUE, 5), labels=(*many, "value"))
    assert not [text for text in map(str, crowded.findings) if "alone" in text]


@pytest.mark.parametrize(
    ("label", "score"),
    [
        ("value", "value"),
        ("logit:chosen - runner_up", "logit"),
        ("centered[1]:up", "centered"),
        ("decision[0]", "decision"),
    ],
)
def test_the_score_of_a_label(label, score):
    assert scores_of((label,)) == (score,)


@pytest.mark.parametrize("method", ["random", "std"])
def test_a_control_finds_nothing(tmp_path, method):
    options = {"method": method, "unit": "rank", "labels": ("centered:chosen",)}
    result = summary(tmp_path / "r", ((1, 3, 2), 5), ((1, 3, 2), 9), **options)
    assert str(result.findings[0]) == (
        f"By the control {method}, which knows nothing about the agent, the order is obs[1], then obs[2], then obs[0]."
    )
    assert str(result.findings[1]).startswith("This is not a finding")
    assert "%" not in " ".join(map(str, result.findings))
    assert str(result.findings[2]).startswith("Mean return")
    assert method_name(result) == f"{method} (control)"
    nothing = summary(tmp_path / "s", ((0, 0, 0), 5), ((0, 0, 0), 9), **options)
    assert str(nothing.findings[0]).endswith("no feature comes first: all have 0.")


def test_a_method_has_its_own_name(tmp_path):
    assert method_name(summary(tmp_path / "r", (CENTRED, VALUE, 5))) == "gradient"
