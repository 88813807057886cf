"""Metrics against measured losses and coalitions, by hand and by going through every order."""

from __future__ import annotations

from itertools import combinations, permutations

import numpy as np
import pytest

import rltools
from rltools.ablation import open_ablation
from rltools.errors import ArgumentError
from rltools.metrics import Case, assessments, find_metric
from rltools.metrics._support.compared import paired_losses
from rltools.stats import across
from rltools.testing import example_recording


def recording_of(sizes, folder, episodes=6, noise=0.0):
    """A recording with an attribution in which the features have these sizes."""
    rng = np.random.default_rng(0)
    signs = rng.choice([-1.0, 1.0], size=(episodes, 20, 1, len(sizes)))
    scatter = 1 + noise * rng.uniform(-1, 1, size=signs.shape)
    return example_recording(folder, list(signs * scatter * np.asarray(sizes)), method="shapley", unit="score")


def case_of(sizes, ablation, folder, **settings):
    recording = recording_of(sizes, folder, **settings)
    return Case(recording, recording.find(), ablation=ablation)


LOSSES = (44.0, 34.0, 3.0, -5.0)


def test_the_order_of_the_losses_is_perfect_and_its_reverse_the_worst(tmp_path, additive):
    ablation = additive(LOSSES, coalitions=True)
    right, wrong = case_of([4, 3, 2, 1], ablation, tmp_path / "a"), case_of([1, 2, 3, 4], ablation, tmp_path / "b")
    for name in ("loss_concordance", "resolved_pairs", "captured_loss", "deletion", "insertion"):
        metric = find_metric(name)
        assert metric(right).value == pytest.approx(1), name
        assert metric(wrong).value <= 0, name
    assert find_metric("loss_concordance")(wrong).value == pytest.approx(-1)
    assert find_metric("captured_loss")(wrong).value == pytest.approx(-5 / 44, abs=0.03)
    assert find_metric("resolved_pairs")(right).n == 6
    assert find_metric("deletion")(wrong).value == pytest.approx(-1, abs=0.1)  # losses that add up are symmetric


def test_a_constant_map_is_worth_an_unrelated_order(tmp_path, additive):
    case = case_of([1, 1, 1, 1], additive(LOSSES), tmp_path)
    assert find_metric("loss_concordance")(case).value == 0
    assert find_metric("resolved_pairs")(case).value == 0.5
    assert find_metric("captured_loss")(case).value == pytest.approx(np.mean(LOSSES) / 44, abs=0.02)
    constant = case.as_control("constant")
    assert find_metric("loss_concordance")(constant).value == 0


def test_curves_lie_between_random_and_best_orders(tmp_path, ablation_of):
    """Returns that are not monotone, and do not add up: every order is tried."""
    rng = np.random.default_rng(3)
    sets = [members for size in range(5) for members in combinations(range(4), size)]
    returns = {members: rng.normal(size=5) * 50 for members in sets}
    ablation = ablation_of(returns, 4)
    mean = {members: values.mean() for members, values in returns.items()}
    heights = {"deletion": {}, "insertion": {}}
    for order in permutations(range(4)):
        heights["deletion"][order] = -np.mean([mean[tuple(sorted(order[:count]))] for count in (1, 2, 3)])
        heights["insertion"][order] = np.mean([mean[tuple(sorted(order[count:]))] for count in (1, 2, 3)])
    for index, order in enumerate([(0, 1, 2, 3), (2, 0, 3, 1), (3, 1, 0, 2)]):
        sizes = np.zeros(4)
        sizes[list(order)] = (4, 3, 2, 1)
        case = case_of(sizes, ablation, tmp_path / str(index))
        for name, height in heights.items():
            chance, best = np.mean(list(height.values())), max(height.values())
            value = find_metric(name)(case)
            assert value.value == pytest.approx((height[order] - chance) / (best - chance))
            assert value.n == 5
    best = max(heights["insertion"], key=heights["insertion"].get)
    sizes = np.zeros(4)
    sizes[list(best)] = (4, 3, 2, 1)
    assert find_metric("insertion")(case_of(sizes, ablation, tmp_path / "best")).value == pytest.approx(1)


def test_losses_are_paired_by_seed(ablation_of):
    baseline, without = np.array([10.0, 20.0, 30.0]), np.array([9.0, 18.0, 26.0])
    ablation = ablation_of({(): baseline, (0,): without, (1,): [8.0, np.nan, 20.0]}, 3)
    measured, losses = paired_losses(ablation.losses().differences)
    assert measured.tolist() == [0, 1]
    assert losses.value == pytest.approx([7 / 3, 6])
    of_all = across(baseline - without)
    assert losses.without[0][:, 0] == pytest.approx(of_all.without[0])
    assert losses.without[0][:, 1] == pytest.approx([10, 6, 2])  # the second seed was not measured


def test_more_seeds_make_it_more_certain(tmp_path, additive):
    metric, widths = find_metric("loss_concordance"), []
    for index, seeds in enumerate([6, 600]):
        ablation = additive((10, 9, 5, 4.5, 1), seeds=seeds, noise=6)
        case = case_of([5, 4, 2, 3, 1], ablation, tmp_path / str(index), episodes=8)
        value = metric(case)
        ends = value.interval(0.95, metric.low, metric.high)
        assert -1 <= ends.low <= value.value <= ends.high <= 1
        assert value.sources == ("episodes", "seeds")
        widths.append(float(value.estimate.standard_error()))
    assert widths[0] > widths[1]


def test_a_difference_pairs_the_seeds_of_both(tmp_path, additive):
    case = case_of([4, 3, 2, 1], additive(LOSSES, noise=30), tmp_path)
    metric = find_metric("loss_concordance")
    same = metric(case).minus(metric(case))
    assert same.value == 0
    assert float(same.estimate.standard_error()) == 0
    control = metric(case.as_control("std"))
    lead = metric(case).minus(control)
    assert set(lead.sources) == {"episodes", "seeds"}
    assert lead.value == pytest.approx(metric(case).value - control.value)


def test_sets_along_the_orders_are_measured_where_not_all_are(sides, Sides, tmp_path):
    recording = rltools.record(sides, Sides, episodes=6, directory=tmp_path / "run")
    for method in ("gradient", "std"):
        recording = rltools.explain(recording, sides, method=method)
    ablation = rltools.ablate(sides, recording, Sides, seeds=6, most=6, second=None)
    names = ["deletion", "insertion"]
    assert assessments(recording, sides, names).left_out_text.count("curve_seeds") == 1
    result = assessments(recording, sides, names, curve_seeds=6, env=Sides)
    rows = {(row.metric, row.method): row for row in result.rows}
    assert len(rows) == 4
    for name in names:
        assert 0.9 < rows[name, "gradient"].value <= 1
        assert rows[name, "gradient"].n == 6
        assert rows[name, "std"].value < rows[name, "gradient"].value
        assert rows[name, "std"].value == pytest.approx(rows[name, "gradient"].std)
        assert rows[name, "gradient"].random == pytest.approx(0)
    assert len(open_ablation(recording).rollouts) > len(ablation.rollouts)
    again = assessments(recording, None, names)  # they are on disk now
    assert [row.value for row in again.rows] == [row.value for row in result.rows]


def test_an_ablation_without_files_cannot_get_more_episodes(sides, Sides, tmp_path, additive):
    recording = rltools.record(sides, Sides, episodes=2, directory=tmp_path / "run")
    recording = rltools.explain(recording, sides, method="gradient")
    with pytest.raises(ArgumentError, match="curve_seeds=4 adds episodes to the files of an ablation"):
        assessments(recording, sides, "deletion", ablation=additive(LOSSES), curve_seeds=4)
