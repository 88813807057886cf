"""The findings of an experiment."""

import numpy as np
import pytest

from rltools._util.text import capitalized
from rltools.summary import find_agreement, find_leads, summarize
from rltools.targets import SCORES
from rltools.targets.scores import target_meaning, target_name
from rltools.testing import example_recording


@pytest.fixture
def created(tmp_path):
    """Gives the summary of a recording whose features have these mean magnitudes in each of its episodes."""

    def make(name, *sizes, method="shapley", unit="score", labels=("centered:chosen",)):
        values = [np.tile(np.array(size, float), (6, 1, 1)) for size in sizes]
        recording = example_recording(tmp_path / name, values, unit=unit, method=method, labels=labels)
        return summarize(recording)

    return make


def leading(labels, summaries):
    return tuple(map(str, find_leads(labels, summaries)))


def agreement(summaries):
    return tuple(map(str, find_agreement(summaries)))


def test_the_leading_feature_is_named_with_its_share_and_interval(created):
    run = ("a", 0)
    # Of two episodes in which another feature is in front each time nothing leads.
    clear, close = created("clear", *[(1, 3, 0)] * 6), created("close", (3, 1, 0), (1, 2, 0), method="gradient")
    text = leading({run: "agent a"}, {run: [clear, close]})
    assert len(text) == 1
    assert text[0].startswith("agent a: obs[1] leads by Shapley values (75 %); ")
    assert "; by gradient any of obs[0] 57 % (33 and 75 % in 2 episodes)" in text[0]
    assert text[0].endswith(" may lead.")
    assert "obs[0] leads" not in text[0]


def test_of_many_runs_it_is_counted_how_often_a_feature_leads(created):
    first, second = created("first", *[(1, 3, 0)] * 6), created("second", *[(3, 1, 0)] * 6)
    summaries = {("a", seed): [first if seed < 5 else second] for seed in range(7)}
    labels = dict.fromkeys(summaries, "a")
    assert leading(labels, summaries) == (
        "Of 7 rankings, by run, method and target, one feature leads for certain in 7: obs[1] in 5 and obs[0] in 2.",
    )


def test_of_the_decision_it_is_said_what_changes_it(created):
    run = ("a", 0)
    sizes = [(0.1, 0.34, 0), (0.1, 0.36, 0), (0.1, 0.35, 0), (0.1, 0.35, 0)]
    changing = created("changing", *sizes, method="decision_change", labels=("decision",), unit="share")
    (text,) = leading({run: "agent a"}, {run: [changing]})
    assert text == (
        "agent a: obs[1] leads by decision change (changes the action in 35 % (34, 35, 35 and 36 % in 4 episodes) of "
        "replacements)."
    )
    never = created("never", (0, 0), (0, 0), method="decision_change", labels=("decision",))
    assert leading({run: "agent a"}, {run: [never]}) == ()


def test_nothing_leads_where_nothing_matters(created):
    run = ("a", 0)
    assert leading({run: "a"}, {run: [created("zero", (0, 0, 0))]}) == ()
    assert agreement({run: [created("flat", (1, 1, 1)), created("flat too", (1, 1, 1), method="gradient")]}) == ()


def test_ranks_are_compared_where_one_thing_differs(created):
    same, turned = created("same", (1, 2, 3, 4)), created("turned", (4, 3, 2, 1), method="gradient")
    swapped = created("swapped", (1, 2, 4, 3))
    summaries = {("a", 0): [same, turned], ("a", 50): [swapped], ("b", 50): [same]}
    (text,) = agreement(summaries)
    assert "over 4 features" in text
    assert "between methods −1.00" in text
    assert "between seeds 0.80" in text
    assert "between agents 0.80" in text
    assert "targets" not in text


def test_several_pairs_have_a_range(created):
    same, swapped = created("same", (1, 2, 3, 4)), created("swapped", (1, 2, 4, 3))
    summaries = {("a", 0): [same], ("a", 50): [same], ("a", 100): [swapped]}
    assert agreement(summaries)[0].endswith("between seeds 0.80 to 1.00 in 3 pairs.")


def test_two_features_and_different_ones_are_not_ranked(created):
    two, three = created("two", (1, 2)), created("three", (1, 2, 3))
    assert agreement({("a", 0): [two], ("b", 0): [two]}) == ()
    assert agreement({("a", 0): [two], ("b", 0): [three]}) == ()


def test_agreement_with_controls_is_apart(created):
    run = ("a", 0)
    first, second = created("first", (1, 2, 3, 4)), created("second", (1, 2, 4, 3), method="gradient")
    varying = created("varying", (4, 3, 2, 1), method="std", unit="rank")
    drawn = created("drawn", (1, 2, 3, 4), method="random", unit="rank")
    ranked, beside, caution = agreement({run: [first, second, varying, drawn]})
    assert ranked.endswith("between methods 0.80.")
    assert "Shapley values with std −1.00 and random 1.00; gradient with std −0.80 and random 0.80." in beside
    assert caution == (
        "A method that ranks features like the control std says only how much each feature varies; agreement "
        "with the control random is chance."
    )
    beside, caution = agreement({run: [first, drawn], ("b", 50): [varying]})
    assert beside.endswith("Shapley values with random 1.00.")
    assert "std" not in caution


def test_no_control_leads(created):
    run = ("a", 0)
    first = created("first", (1, 2, 3))
    drawn = created("drawn", (3, 2, 1), method="random", unit="rank")
    assert leading({run: "a"}, {run: [drawn, first]}) == leading({run: "a"}, {run: [first]})
    many = {("a", seed): [first, drawn] for seed in range(7)}
    assert leading(dict.fromkeys(many, "a"), many)[0].startswith("Of 7 rankings")


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize("action", ["chosen", "runner_up", "all", "left", "0", "chosen - runner_up"])
def test_every_target_has_a_meaning(score, action):
    target = score if score in ("value", "entropy", "kl", "decision") else f"{score}:{action}"
    name = target_name(target)
    assert not {":", "_"} & set(name)
    assert target_meaning(target).startswith(f"{capitalized(name)} is ")
    assert target_meaning(target).endswith(".")


def test_what_is_not_known_has_none():
    assert target_meaning("charm:chosen") == ""
    assert target_meaning("logit:chosen - value") == ""
