"""Metrics against measured losses and coalitions, by hand and by going through every order."""

from __future__ import annotations

from itertools import combinations, permutations

import numpy as np
import pytest

from rltools.metrics import Case, find_metric
from rltools.metrics._support.case import paired_losses
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


def test_more_seeds_and_episodes_make_it_more_certain(tmp_path, additive):
    metric, widths = find_metric("loss_concordance"), []
    for index, (seeds, episodes) in enumerate([(4, 8), (40, 8), (40, 30)]):
        ablation = additive((10, 9, 5, 4.5, 1), seeds=seeds, noise=12)
        case = case_of([5, 4.8, 3, 2.8, 1], ablation, tmp_path / str(index), episodes=episodes, noise=0.9)
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
