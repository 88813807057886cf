"""What an ablation says, from returns made by hand: every finding and caveat, with its number and its sign."""

from __future__ import annotations

import re

import numpy as np
import pytest
from ablated import ablated, noise

from rltools.ablation import RULE, select_features_line
from rltools.spaces import Features
from rltools.spaces.leaves import Leaf
from rltools.summary import Caveat, ablation_caveats, find_loss_lead, find_losses


def sentences(ablation, **options):
    return [str(finding) for finding in find_losses(ablation, **options)]


def worth(*losses, size=1.0):
    """Each player loses so much, whatever else is hidden."""

    def returned(name, hidden, number):
        return 100 + noise(number, size) - sum(losses[player] * (1 + 0.1 * noise(number + 50)) for player in hidden)

    return returned


def test_a_certain_lead_is_one_and_the_replacement_stands_in_it():
    first, following, verdicts = sentences(ablated(worth(50, 30, 0)))
    assert first.startswith("Without a (replaced by that of another visited state) the return falls from 100")
    assert first.endswith(" by 49 ± 3, more than without any other feature.")
    assert following.startswith("Next: without b by ")
    assert "c" not in following.removeprefix("Next: without b by ").rstrip(".").split()
    assert verdicts == "Needed: a, b; not needed: c."


def test_leaders_that_cannot_be_told_apart_are_a_tie_at_so_many_seeds():
    def returned(name, hidden, number):
        lost = {(): 0, (0,): 40 + 30 * noise(number), (1,): 38 + 30 * noise(number + 99), (2,): 1 + noise(number)}
        return 100 - lost[hidden]

    first = sentences(ablated(returned, seeds=16))[0]
    assert "; without " in first
    assert first.endswith(": the two cannot be told apart at 16 seeds.")
    finding = find_loss_lead(ablated(returned, seeds=16))
    assert (finding.kind, finding.doubt, finding.leaders, finding.n) == ("loss_lead", "tied", 2, 16)


def test_more_leaders_than_are_named_are_counted():
    def returned(name, hidden, number):
        return 100 - (40 + 30 * noise(number + 17 * hidden[0]) if hidden else 0)

    first = sentences(ablated(returned, tuple("abcde"), seeds=16))[0]
    assert "without 2 more by nearly as much: the five cannot be told apart" in first


def test_losing_everything_is_a_tie_at_the_floor_and_nobody_leads():
    first = sentences(ablated(lambda name, hidden, number: 9 if hidden in ((0,), (1,)) else 500))[0]
    assert first == (
        "Losing any of a and b (each replaced by that of another visited state) loses everything: the return falls "
        "from 500 by 491, to the lowest that was seen, so none of them leads."
    )


def test_one_that_alone_loses_everything_says_so():
    first = sentences(ablated(lambda name, hidden, number: 9 if hidden == (0,) else 500))[0]
    assert ", to the lowest that was seen, more than without any other feature." in first


def test_a_certain_gain_is_in_the_first_sentence_with_its_sign():
    first, verdicts = sentences(ablated(worth(50, 0, -20)))
    assert first.endswith(", more than without any other feature; without c it rises by 19.6 ± 1.2.")
    assert "better without: c" in verdicts


def test_several_gains_are_named_and_counted_the_largest_first():
    first = sentences(ablated(worth(50, -5, -20, -10, -15, 0), tuple("abcdef")))[0]
    gains = first.partition("; ")[2]
    assert re.findall("without (.)", gains) == ["c", "e", "d", "1"]
    assert gains.endswith(" and without 1 more by less.")


def test_a_gain_is_said_where_no_feature_is_needed_and_not_twice():
    first = sentences(ablated(worth(0, 0, -20)))[0]
    assert first.startswith("No single feature is certain to be needed: without ")
    assert first.endswith("; without c it rises by 19.6 ± 1.2.")
    alone = sentences(ablated(worth(-20), ("a",)))[0]
    assert alone.count("rises") == 1


def test_a_loss_that_is_not_certain_is_no_lead():
    returned = lambda name, hidden, number: 100 + 30 * noise(number + 17 * sum(hidden) + 5 * len(hidden))  # noqa: E731
    finding = find_loss_lead(ablated(returned))
    assert finding.kind == "loss_none"
    assert str(finding).startswith("No single feature is certain to be needed: without ")


def test_a_policy_that_ignores_its_input_loses_nothing_at_any_seed():
    finding = find_loss_lead(ablated(lambda name, hidden, number: 100 + noise(number)))
    assert (finding.kind, finding.part) == ("loss_none", "unchanged")
    assert str(finding).startswith("Nothing that is hidden changes any return: ")
    assert "at 8 seeds" in str(finding)
    assert "the policy ignores what it sees" in str(finding)


@pytest.mark.parametrize(("seeds", "why"), [(1, "a single seed"), (3, "too few")])
def test_too_few_seeds_name_nobody_for_certain(seeds, why):
    first = sentences(
        ablated(lambda name, hidden, number: 100 - 50 * len(hidden) * (not hidden or hidden[0] == 0), seeds=seeds)
    )[0]
    assert why in first
    assert "more than without any other" not in first


def test_nothing_complete_is_said():
    finding = find_loss_lead(ablated(lambda name, hidden, number: np.nan if hidden else 100.0))
    assert str(finding) == "Without a feature no episode was complete, so no loss is known."
    assert sentences(ablated(lambda name, hidden, number: np.nan if hidden else 100.0))


def test_a_single_feature_leads_nothing_and_has_no_share():
    texts = sentences(ablated(worth(50), ("a",), coalitions=True))
    assert not any("any other" in text or "outcome Shapley" in text for text in texts)


def test_many_features_of_a_verdict_are_counted():
    texts = sentences(ablated(worth(50, *[0] * 11), tuple("abcdefghijkl")))
    assert texts[1] == "Needed: a; not needed: b, c, d, e, f, g, h, i, 3 more."


def test_a_second_replacement_that_leaves_many_first_counts_them():
    def returned(name, hidden, number):
        lost = noise(number + 99) if name == "mean" and hidden else 0
        return 100 + noise(number) - (lost if name == "mean" or not hidden else 50 - 9 * hidden[0])

    texts = sentences(ablated(returned, tuple("abcde"), second="mean"))
    assert any("which feature comes first is uncertain (a, b, c and 2 more), which leaves it open" in t for t in texts)


def test_the_agent_is_named_where_there_are_several():
    assert str(find_loss_lead(ablated(worth(50, 30, 0)), agent="left")).startswith("left: without a ")
    for returned in (lambda name, hidden, number: 9 if hidden else 500, lambda name, hidden, number: 7):
        assert str(find_loss_lead(ablated(returned), agent="left")).startswith("left: ")


def test_a_pair_that_is_needed_together_is_found_with_its_partner():
    def returned(name, hidden, number):
        return 100 + noise(number) - 60 * ({0, 1} <= set(hidden)) * (1 + 0.1 * noise(number + 9))

    texts = sentences(ablated(returned, sets=[(0, 1), (0, 2), (1, 2)]))
    assert any("needed only together: a (with b), b (with a)" in text.lower() for text in texts)
    assert any(
        text.startswith("Either of a and b can stand in for the other: without both the return falls by ")
        for text in texts
    )


def test_a_negative_interaction_is_of_features_that_are_needed_together():
    def returned(name, hidden, number):
        return 100 + noise(number) - 60 * bool({0, 1} & set(hidden)) * (1 + 0.1 * noise(number + 9))

    texts = sentences(ablated(returned, sets=[(0, 1)]))
    (text,) = [text for text in texts if "needed together" in text]
    assert text.startswith("a and b are needed together: without both the return falls by ")
    assert "less than the two losses add up to" in text
    few = sentences(ablated(returned, sets=[(0, 1)], seeds=4))
    assert not any("needed together" in text for text in few)


def test_a_second_replacement_agrees_or_leaves_it_open_or_is_a_warning():
    def returned(named):
        lost = {"resample": (50, 30, 0), "mean": named}

        def of_episode(name, hidden, number):
            return 100 + noise(number) - sum(lost[name][player] * (1 + 0.1 * noise(number)) for player in hidden)

        return of_episode

    agreeing = find_losses(ablated(returned((60, 20, 0)), second="mean"))
    (second,) = [finding for finding in agreeing if finding.kind == "second_replacement"]
    assert str(second).startswith("Replaced by its mean over visited states (8 seeds), a comes first too: its loss is ")
    differing = find_losses(ablated(returned((10, 40, 0)), second="mean"))
    (warning,) = [finding for finding in differing if finding.kind == "other_replacement"]
    assert isinstance(warning, Caveat)
    assert str(warning) == (
        "Which feature is needed most depends on the replacement: replaced by its mean over visited states (8 seeds), "
        "it is b and not a."
    )
    (open_,) = [f for f in find_losses(ablated(returned((0, 0, 0)), second="mean")) if f.kind == "second_replacement"]
    assert "contradicts nothing" in str(open_) or "leaves it open" in str(open_)


def test_a_replacement_that_is_not_here_keeps_its_name():
    assert "(replaced by magic)" in sentences(ablated(worth(50, 30, 0), replace="magic"))[0]


def test_a_certificate_comes_with_the_line_that_keeps_what_remains():
    ablation = ablated(worth(50, 30, 0), fresh=(2,))
    features = Features((3,), given_names=("a", "b", "c"))
    texts = sentences(ablation)
    (certificate,) = [text for text in texts if text.startswith("Under resampling, 2 features suffice")]
    assert "training" in certificate
    assert select_features_line(ablation, features) == "env = rltools.SelectFeatures(env, keep=['a', 'b'])"
    assert select_features_line(ablation, Features((3,))) == "env = rltools.SelectFeatures(env, keep=[0, 1])"


@pytest.mark.parametrize(
    "features",
    [
        Features((3,), given_lags=(0, 1, 2)),
        Features((3, 1), dims=("lag", "feature")),
        Features((3,), leaves=(Leaf((), "choice", (1,), np.dtype(np.int64), (3,), (0,)),)),
    ],
    ids=["lags", "stack", "choice"],
)
def test_there_is_no_line_where_observations_are_no_plain_vectors(features):
    assert select_features_line(ablated(worth(50, 30, 0), fresh=(2,)), features) == ""


def test_there_is_no_line_without_a_certificate_that_holds():
    features = Features((3,), given_names=("a", "b", "c"))
    assert select_features_line(ablated(worth(50, 30, 0)), features) == ""
    refused = ablated(worth(50, 30, 20), fresh=(2,))
    assert select_features_line(refused, features) == ""
    assert any("no feature can be left out" in text for text in sentences(refused))


def test_coalition_values_share_out_the_return_and_a_cost_has_its_sign():
    texts = sentences(ablated(worth(50, 30, -20), coalitions=True))
    (shares,) = [text for text in texts if "outcome Shapley values" in text]
    assert shares.startswith("Of the ")
    assert "a contributes " in shares
    assert "8 sets of features hidden, 8 seeds" in shares
    assert "Seeing c costs " in shares
    assert any(text.startswith("Seen alone, with everything else hidden, a raises the return by ") for text in texts)


def test_caveats_of_every_ablation_and_those_of_some():
    plain = [str(caveat) for caveat in ablation_caveats(ablated(worth(50, 30, 0)))]
    assert any(text.startswith("Losses do not add up to the return: their sum is ") for text in plain)
    assert any("the intervals cover other seeds, but not another draw of visited states" in text for text in plain)
    assert len(plain) == 2
    kinds = {caveat.kind for caveat in ablation_caveats(ablated(worth(50, 30, 0), seeds=3, limited=4))}
    assert {"few_seeds", "cut_short"} <= kinds
    (cut,) = [c for c in ablation_caveats(ablated(worth(50, 30, 0), limited=4)) if c.kind == "cut_short"]
    assert str(cut).startswith("4 of 32 episodes with or without hidden features were ended at 500 steps")


def test_faults_are_counted_and_the_first_is_named():
    def returned(name, hidden, number):
        return np.nan if number == 2 and hidden == (1,) else worth(50, 30, 0)(name, hidden, number)

    (caveat,) = [c for c in ablation_caveats(ablated(returned)) if c.kind == "hidden_faults"]
    assert (
        str(caveat)
        == "1 of 32 episodes with or without hidden features was ended by a fault and does not count: it broke."
    )


def test_where_nothing_changes_a_return_nothing_is_added_up_or_compared():
    ablation = ablated(lambda name, hidden, number: 7, second="mean", coalitions=True)
    texts = sentences(ablation)
    assert (
        "Replaced by its mean over visited states (8 seeds), nothing that is hidden changes any return either." in texts
    )
    assert not any("leaves it open" in text or "Seen alone" in text for text in texts)
    assert "losses_do_not_add" not in {caveat.kind for caveat in ablation_caveats(ablation)}


def test_a_second_replacement_that_changes_nothing_leaves_the_first_feature_open():
    def returned(name, hidden, number):
        return 100 + noise(number) - (0 if name == "mean" or not hidden else 50 - 9 * hidden[0])

    told = (
        "Replaced by its mean over visited states (8 seeds), nothing that is hidden changes any return, which leaves "
    )
    assert told + "it open." in sentences(ablated(returned, tuple("abcde"), second="mean"))


def test_a_small_certain_loss_is_not_needed_as_the_rule_says():
    ablation = ablated(worth(50, 2), ("a", "b"))
    assert ablation.losses().interval.low[1] > 0
    assert [verdict.kind for verdict in ablation.verdicts()] == ["needed", "not_needed"]
    assert "but not needed, even then, if it lies within 5 % of the return on both sides" in RULE
