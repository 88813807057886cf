"""Whether the runs of an experiment use and need the same features, as one sentence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ablated import ablated, noise

from rltools.summary import differing_features, find_loss_lead, find_needs_alike, find_runs_alike, summarize
from rltools.testing import example_recording

Sizes = tuple[float, ...]


@pytest.fixture
def run(tmp_path: Path) -> Any:
    """A summary in which each feature has a size, not quite the same in each of eight episodes."""

    def make(*sizes: float, seed: int = 0) -> Any:
        rng = np.random.default_rng(seed)
        values = [np.tile(np.array(sizes) * rng.uniform(0.95, 1.05, len(sizes)), (5, 1, 1)) for _ in range(8)]
        folder = tmp_path / f"{seed} {sizes}"
        return summarize(example_recording(folder, values, unit="score", method="shapley", seed=seed))

    return make


def test_runs_that_share_their_order_are_alike(run: Any) -> None:
    finding = find_runs_alike(["a", "b"], [run(9, 4, 2, 1), run(9, 4, 2, 1, seed=1)])
    assert finding is not None
    assert finding.part == "alike"
    assert str(finding).startswith(
        "Shares are alike: both lead with obs[0], then obs[1], then obs[2]; no share certainly differs"
    )


def test_the_features_that_differ_are_named_with_both_shares(run: Any) -> None:
    finding = find_runs_alike(["a", "b"], [run(9, 4, 0.1, 1), run(9, 4, 2.2, 1, seed=1)])
    assert finding is not None
    assert finding.part == "mostly"
    text = str(finding)
    assert text.startswith(
        "Shares are mostly alike: both lead with obs[0], then obs[1]; they differ most in the share of obs[2] (a 0.7"
    )
    assert ", b 13" in text


def test_runs_with_other_first_features_are_not_alike(run: Any) -> None:
    finding = find_runs_alike(["a", "b"], [run(9, 1, 2, 4), run(1, 9, 4, 2, seed=1)])
    assert finding is not None
    assert (finding.part, finding.subjects) == ("apart", ())
    assert str(finding).startswith("Shares are not alike: a leads with obs[0] (5")
    assert "; b leads with obs[1] (5" in str(finding)


def test_nothing_is_compared_that_cannot_be(run: Any) -> None:
    assert find_runs_alike(["a"], [run(3, 1)]) is None
    assert find_runs_alike(["a", "b"], [run(3, 1), run(3, 1, 2)]) is None


def test_equal_runs_rarely_differ_for_certain() -> None:
    """The level holds for all features together: of 200 pairs of equal runs few have any feature that differs."""
    rng = np.random.default_rng(0)
    wrong = 0
    for _ in range(200):
        first, second = (_drawn(rng) for _ in range(2))
        wrong += bool(differing_features([first, second]))
    assert wrong <= 20, "about 5 % of 200 are expected"


def _drawn(rng: np.random.Generator) -> Any:
    """What `differing_features` takes of a summary: the shares of eight episodes of a population."""
    from types import SimpleNamespace

    from rltools.stats import jackknife
    from rltools.summary import Ranked

    sizes = rng.gamma(4.0, size=(8, 5)) * np.array([5, 3, 2, 1, 0.5])
    shares = jackknife(lambda total: {"": total / total.sum(axis=1, keepdims=True)}, [sizes])[""]
    ranked = [Ranked(str(position), position, 0.2, 0.1, 0.3) for position in range(5)]
    overall = SimpleNamespace(drawn_importance=shares)
    return SimpleNamespace(features=("0", "1", "2", "3", "4"), level=0.95, overall=overall, top=lambda: ranked)


def lead(*losses: float) -> Any:
    def returned(name: str, hidden: tuple[int, ...], number: int) -> float:
        return 100 - sum(losses[player] * (1 + 0.1 * noise(number + 50 * player)) for player in hidden)

    return find_loss_lead(ablated(returned))


@pytest.mark.parametrize(
    ("second", "part", "start"),
    [
        ((50, 20, 0), "same", "Measured, both need a most: without it the return falls by "),
        ((20, 50, 0), "other", "Measured, they need different features most: x loses most without a ("),
        ((0, 0, 0), "open", "Measured, it is open whether they need the same feature most: x loses most without a ("),
    ],
)
def test_what_runs_need_most(second: Sizes, part: str, start: str) -> None:
    finding = find_needs_alike({"x": lead(50, 20, 0), "y": lead(*second)})
    assert finding is not None
    assert finding.part == part
    assert str(finding).startswith(start)
    assert find_needs_alike({"x": lead(50, 20, 0)}) is None


def test_of_many_runs_it_is_said_how_many_are_alike(run: Any) -> None:
    labels = list("abcdef")
    leading = [run(9, 4, 2, 1, seed=seed) for seed in range(4)] + [run(4, 9, 2, 1), run(9, 9, 2, 1)]
    finding = find_runs_alike(labels, leading)
    assert finding is not None
    assert ": obs[0] leads 4 of 6 runs, obs[1] 1; in 1 none certainly does; " in str(finding)
    same = find_needs_alike({label: lead(50, 20, 0) for label in labels})
    assert str(same).startswith("Measured, all 6 runs need a most: without it the return falls by 5")
    sizes = [(50, 20, 0)] * 4 + [(20, 50, 0), (0, 0, 0)]
    mixed = find_needs_alike({label: lead(*each) for label, each in zip(labels, sizes, strict=True)})
    expected = "different features most: a comes first in 4 of 6 runs, b 1; in 1 none certainly does."
    assert str(mixed) == f"Measured, they need {expected}"


def test_a_single_feature_more_is_named_and_the_agents_stand_behind_their_losses(run: Any) -> None:
    four = find_runs_alike(["a", "b"], [run(5, 5, 5, 5, 0.1), run(9, 1, 1, 1, 0.1, seed=1)])
    assert "a may lead with obs[2], obs[0], obs[3] or obs[1]" in str(four)
    five = find_runs_alike(["a", "b"], [run(5, 5, 5, 5, 5), run(9, 1, 1, 1, 1, seed=1)])
    assert " or one of 2 more; b leads with obs[0]" in str(five)
    same = str(find_needs_alike({"x": lead(50, 20, 0), "y": lead(50, 20, 0)}))
    assert " (x) and 5" in same
    assert same.endswith(" (y).")
