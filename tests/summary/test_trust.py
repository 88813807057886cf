"""On what attributions agree with measured losses: ranks side by side, and the marks of those that cannot be."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from ablated import ablated, noise

from rltools.summary import Finding, compare_ranks, find_trust, loss_controls
from rltools.testing import example_recording

NAN = float("nan")


def worth(*losses):
    """Each player loses so much, not quite the same at every seed."""

    def returned(name, hidden, number):
        return 100 - sum(losses[player] * (1 + 0.1 * noise(number + 50 * player)) for player in hidden)

    return returned


def recorded(folder, *sizes):
    """A recording in which each feature always has the same size."""
    values = [np.tile(np.array(sizes, float), (6, 1, 1)) for _ in range(6)]
    return example_recording(folder, values, unit="score", method="shapley")


def table_of(folder, losses, sizes, **options):
    recording = recorded(folder, *sizes)
    return compare_ranks(recording, ablated(worth(*losses), **options), [recording.find()])


def sentences(table):
    return [str(finding) for finding in find_trust(table)]


def test_ranks_are_those_of_losses_and_of_sizes(tmp_path):
    table = table_of(tmp_path / "r", (10, 50, 30), (1, -3, 2))
    assert table.players == ("a", "b", "c")
    assert table.order == (1, 2, 0)
    assert (table.best, table.worst) == ((3, 1, 2), (3, 1, 2))
    (column,) = table.columns
    assert (column.method, column.target, column.ranks) == ("shapley", "centered:chosen", (3, 1, 2))
    assert column.outside == (False, False, False)
    assert sentences(table) == [
        "The losses and Shapley values agree on the first feature: b.",
        "By Shapley values, the rank of every feature is one that the losses allow.",
    ]


def test_a_first_feature_that_episodes_leave_open_is_named_as_open(tmp_path):
    rng = np.random.default_rng(0)
    values = [np.tile(np.array([3.0, rng.normal(2.9, 0.5), 1]), (6, 1, 1)) for _ in range(8)]
    recording = example_recording(tmp_path / "r", values, unit="score", method="shapley")
    table = compare_ranks(recording, ablated(worth(10, 50, 30)), [recording.find()])
    (column,) = table.columns
    assert (column.best, column.worst) == ((1, 1, 3), (2, 2, 3))
    assert set(column.leading) == {0, 1}
    assert column.outside == (True, False, True)
    first, second = (table.players[player] for player in column.leading)
    assert sentences(table)[0] == (
        f"By the losses b comes first; by Shapley values {first} and {second} cannot be told apart."
    )
    contrary = compare_ranks(recording, ablated(worth(10, 30, 50)), [recording.find()])
    assert sentences(contrary)[0] == (
        f"By the losses c comes first; by Shapley values {first} and {second} come first, tied."
    )


def test_an_attribution_that_tells_no_features_apart_does_not_agree(tmp_path):
    rng = np.random.default_rng(0)
    values = [np.tile(rng.normal(3, 2, 3), (6, 1, 1)) for _ in range(4)]
    recording = example_recording(tmp_path / "r", values, unit="score", method="shapley")
    table = compare_ranks(recording, ablated(worth(10, 50, 30)), [recording.find()])
    assert table.columns[0].worst == (3, 3, 3)
    assert sentences(table)[1] == "By Shapley values no two features can be told apart."


def test_ranks_that_the_losses_do_not_allow_are_marked_and_named(tmp_path):
    table = table_of(tmp_path / "r", (10, 50, 30), (3, 1, 2))
    assert table.columns[0].outside == (True, True, False)
    assert sentences(table) == [
        "By the losses b comes first; by Shapley values it is a.",
        "By Shapley values, 2 of 3 features have ranks that the losses rule out (b 3rd and a 1st).",
    ]


def test_what_losses_leave_open_is_marked_nowhere(tmp_path):
    def returned(name, hidden, number):
        lost = {(): 0, (0,): 40 + 30 * noise(number), (1,): 38 + 30 * noise(number + 99), (2,): 1 + noise(number)}
        return 100 - lost[hidden]

    recording = recorded(tmp_path / "r", 2, 3, 1)
    table = compare_ranks(recording, ablated(returned, seeds=16), [recording.find()])
    assert (table.best[0], table.worst[0], table.best[1], table.worst[1]) == (1, 2, 1, 2)
    assert (table.best[2], table.worst[2]) == (3, 3)
    assert not any(table.columns[0].outside)
    assert (
        sentences(table)[0] == "By the losses b and a come first and cannot be told apart; by Shapley values it is b."
    )
    (column,) = table.columns
    other = dataclasses.replace(column, method="gradient", best=(2, 2, 1), worst=(3, 3, 1), ranks=(2, 3, 1))
    assert sentences(dataclasses.replace(table, columns=(column, other)))[0] == (
        "By the losses b and a come first and cannot be told apart; by Shapley values it is b; by gradient it is c."
    )


def test_two_attributions_are_compared_with_the_losses_one_by_one(tmp_path):
    recording = recorded(tmp_path / "r", 3, 1, 2)
    key = recording.find()
    table = compare_ranks(recording, ablated(worth(50, 10, 30)), [key, key])
    assert sentences(table)[0] == "The losses, Shapley values and Shapley values agree on the first feature: a."


def test_players_that_were_not_measured_may_have_any_rank(tmp_path):
    def returned(name, hidden, number):
        return NAN if hidden == (2,) else worth(50, 30, 0)(name, hidden, number)

    recording = recorded(tmp_path / "r", 1, 2, 3)
    table = compare_ranks(recording, ablated(returned), [recording.find()])
    assert (table.best[2], table.worst[2]) == (1, 3)
    assert not table.columns[0].outside[2]


def test_there_is_nothing_to_say_without_an_attribution_or_with_a_single_feature(tmp_path):
    recording = recorded(tmp_path / "r", 1, 2, 3)
    assert find_trust(compare_ranks(recording, ablated(worth(50, 30, 0)), [])) == ()
    single = example_recording(tmp_path / "s", [np.ones((4, 1, 1))], unit="score")
    assert find_trust(compare_ranks(single, ablated(worth(50), ("a",)), [single.find()])) == ()


@pytest.mark.parametrize(
    ("separates", "text"),
    [
        (True, "better than chance and std"),
        (False, "not certainly better than chance or std"),
        (None, "too few features to beat chance or std"),
    ],
)
def test_controls_stand_beside_the_concordance(separates, text):
    part = loss_controls("shapley", (0.5, 0.25, 0.75), controls=("chance", "std"), separates=separates)
    sentence = str(Finding("loss_controls", parts=(part,)))
    assert (
        sentence
        == f"Concordance with the losses (1 the same order, 0 unrelated): Shapley values 0.5 [0.2, 0.8], {text}."
    )


def test_a_certainly_reversed_order_is_called_so():
    part = loss_controls("shapley", (-0.9, -1.0, -0.8), controls=("chance", "std"), separates=False)
    text = str(Finding("loss_controls", parts=(part,)))
    assert "−0.90 [−1.00, −0.80], certainly the reverse order, and not certainly better than chance or std" in text


def test_an_attribution_that_is_0_everywhere_ranks_nothing(tmp_path):
    assert table_of(tmp_path, (30, 20, 10), (0, 0, 0)).columns == ()
