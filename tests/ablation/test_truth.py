"""Losses that are known in closed form."""

from __future__ import annotations

import pytest

from rltools.ablation import Ablation, ablate
from rltools.ablation._run import seed_of


def kinds(ablation: Ablation) -> list[str]:
    return [verdict.kind for verdict in ablation.verdicts()]


def first(x):
    return x[..., 0] > 0.75


def test_the_only_feature_that_is_read_loses_what_its_bit_decides(guess, bits) -> None:
    policy, env = guess(first)
    ablation = ablate(policy, env=env, replace="zero", second=None, seeds=10, most=10)
    losses = ablation.losses()
    for number, difference in losses.differences[0].items():
        assert difference == bits(env, seed_of(0, number))[:, 0].sum(), "without it the answer is always 0"
    assert [set(losses.differences[player].values()) for player in (1, 2)] == [{0.0}, {0.0}]
    assert losses.interval.value[1:].tolist() == losses.interval.low[1:].tolist() == [0, 0]
    assert losses.interval.low[0] > 0
    assert (losses.leaders, losses.order[0]) == (1, 0)
    assert kinds(ablation) == ["needed", "not_needed", "not_needed"]
    assert ablation.baseline().value == 12
    assert not ablation.faults


@pytest.mark.parametrize(("replace", "threshold"), [("zero", 0.5), ("mean", 0.8)])
def test_copies_are_needed_together(replace: str, threshold: float, guess) -> None:
    """Either copy is enough for the answer; without both it is always the same."""
    policy, env = guess(first, answers=lambda x: x[..., 0] + x[..., 2] > threshold, copies=[2])
    ablation = ablate(policy, env=env, replace=replace, second=None, seeds=12, most=12)
    losses = ablation.losses()
    assert losses.interval.value.tolist() == [0, 0, 0]
    verdicts = ablation.verdicts()
    assert [(verdict.kind, verdict.partner) for verdict in verdicts] == [
        ("needed_together", losses.players[2]),
        ("not_needed", ""),
        ("needed_together", losses.players[0]),
    ]
    (pair, *_) = ablation.interactions()
    assert pair.players == (losses.players[0], losses.players[2])
    assert pair.interval.low > 0
    assert pair.interval.value == pair.both.value, "each alone loses nothing"


def test_features_that_are_needed_jointly_lose_the_same_each(guess, bits) -> None:
    policy, env = guess(lambda x: x[..., 0] * x[..., 1] > 0.5)
    ablation = ablate(policy, env=env, replace="zero", second=None, seeds=16, most=48)
    losses = ablation.losses()
    for number in range(16):
        answers = bits(env, seed_of(0, number))
        both = (answers[:, 0] * answers[:, 1]).sum()
        assert losses.differences[0][number] == losses.differences[1][number] == both
    assert kinds(ablation) == ["needed", "needed", "not_needed"]
    assert losses.leaders == 2
    assert losses.seeds.tolist() == [16, 16, 16], "what is the same at every seed is not raced"


def test_a_policy_that_ignores_its_input_loses_nothing(guess) -> None:
    policy, env = guess(first, answers=lambda x: 0 * x[..., 0] > 1)
    for replace in ("zero", "mean", "resample", "hold", "nearest"):
        ablation = ablate(policy, env=env, replace=replace, second=None, seeds=8, most=40)
        losses = ablation.losses()
        for name in ("value", "low", "high"):
            assert getattr(losses.interval, name).tolist() == [0, 0, 0]
        assert losses.seeds.tolist() == [8, 8, 8]
        assert losses.leaders == 3
        assert not losses.at_floor.any()
        assert kinds(ablation) == ["not_needed"] * 3


def test_a_feature_that_misleads_is_better_hidden(guess, bits) -> None:
    def misled(x):
        return (x[..., 0] > 0.5) ^ (x[..., 2] > 0.5)

    policy, env = guess(first, answers=misled)
    ablation = ablate(policy, env=env, replace="zero", second=None, seeds=10, most=10)
    losses = ablation.losses()
    for number, difference in losses.differences[2].items():
        assert difference == -bits(env, seed_of(0, number))[:, 2].sum()
    assert losses.interval.high[2] < 0
    assert kinds(ablation)[1:] == ["not_needed", "better_without"]
    assert losses.order[-1] == 2


def test_one_feature(guess) -> None:
    policy, env = guess(first, size=1)
    ablation = ablate(policy, env=env, replace="zero", seeds=8, most=64, coalitions=True, leave_out=True)
    assert ablation.losses().seeds.tolist() == [8], "there is nothing to race against"
    assert kinds(ablation) == ["needed"]
    shapley = ablation.shapley()
    assert shapley.interval.value == pytest.approx(ablation.losses().interval.value)
    assert shapley.total.value == pytest.approx(shapley.interval.value[0])
    assert ablation.alone().value == pytest.approx(shapley.interval.value)
    assert ablation.curves().best.interval.value == pytest.approx(ablation.curves().random.interval.value)
    certificate = ablation.certificate
    assert not certificate.holds
    assert "no feature can be left out" in str(certificate)
    assert certificate.remaining == ()


def test_episodes_of_one_step(guess, bits) -> None:
    policy, env = guess(first, length=1)
    for replace in ("zero", "mean", "resample", "hold", "nearest"):
        ablation = ablate(policy, env=env, replace=replace, second=None, seeds=24, most=24)
        assert (ablation.rollouts.steps == 1).all()
        losses = ablation.losses()
        assert set(losses.differences[1].values()) == {0.0}
        if replace == "zero":
            ones = [bits(env, seed_of(0, number))[0, 0] for number in range(24)]
            assert list(losses.differences[0].values()) == ones
        if replace == "hold":
            assert set(losses.differences[0].values()) == {0.0}, "the first observation has no earlier one"


def test_what_loses_everything_is_a_tie_at_the_floor(guess) -> None:
    policy, env = guess(lambda x: (x[..., 0] > 0.5) ^ (x[..., 1] > 0.5), length=40, pays=(-5.0, 10.0), at_once=True)
    ablation = ablate(policy, env=env, replace="zero", second=None, seeds=8, most=64)
    losses = ablation.losses()
    assert losses.interval.value.tolist() == [15, 15, 0]
    assert losses.at_floor.tolist() == [True, True, False]
    assert losses.tied_at_floor
    assert losses.leaders == 2
    assert losses.seeds.tolist() == [8, 8, 8], "no further seed can tell them apart"


def test_a_return_of_zero_has_losses_and_no_part_to_keep(guess) -> None:
    policy, env = guess(first, pays=(0.0, 0.0))
    ablation = ablate(policy, env=env, replace="zero", seeds=8, most=8, coalitions=True)
    assert ablation.baseline().value == 0
    assert ablation.losses().interval.value.tolist() == [0, 0, 0]
    assert ablation.shapley().interval.value.tolist() == [0, 0, 0]
    assert set(kinds(ablation)) <= {"not_needed", "undecided"}


def test_negative_returns_lose_in_the_same_direction(guess, bits) -> None:
    policy, env = guess(first, pays=(-3.0, -1.0))
    ablation = ablate(policy, env=env, replace="zero", second=None, seeds=10, most=10, leave_out=0.1)
    assert ablation.baseline().value == -12
    for number, difference in ablation.losses().differences[0].items():
        assert difference == 2 * bits(env, seed_of(0, number))[:, 0].sum()
    assert kinds(ablation) == ["needed", "not_needed", "not_needed"]
    certificate = ablation.certificate
    assert certificate.holds
    assert certificate.remaining == (ablation.players[0],)
    assert (certificate.loss, certificate.baseline, certificate.part) == (0, -12, 0.1)
    assert certificate.allowed == pytest.approx(1.2)


def test_the_second_replacement_is_run_at_eight_seeds_and_counts_apart(guess) -> None:
    policy, env = guess(first)
    ablation = ablate(policy, env=env, replace="zero", second="mean", seeds=10, most=10)
    assert ablation.losses("mean").seeds.tolist() == [8, 8, 8]
    assert ablation.losses("mean").replacement == "mean"
    assert ablation.losses().seeds.tolist() == [10, 10, 10]
    purposes = ablation.to_pandas().groupby("replacement")["purpose"].unique()
    assert purposes["mean"].tolist() == ["second"]


def test_resampling_loses_half_of_what_zero_can(guess) -> None:
    policy, env = guess(first, length=400)
    ablation = ablate(policy, env=env, seeds=12, most=12, second=None)
    interval = ablation.losses(level=0.999).interval
    assert interval.low[0] < 200 < interval.high[0], "another state's bit is wrong at half of the steps"
