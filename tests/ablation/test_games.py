"""What follows from the returns: Shapley values, interactions, curves, losses and ties, of games set by hand."""

from __future__ import annotations

from itertools import chain, combinations, permutations
from typing import Any

import numpy as np
import pytest

from rltools.ablation import Rollouts
from rltools.ablation._coalition_values import coalitions, drawn_orders, hidden_along
from rltools.ablation._curves import random_curve

PLAYERS = 4


def subsets(players: int) -> list[tuple[int, ...]]:
    return list(chain.from_iterable(combinations(range(players), size) for size in range(players + 1)))


def game(players: int, seeds: int, seed: int = 0) -> tuple[dict[tuple[int, ...], np.ndarray], list[tuple[Any, ...]]]:
    """Random returns of every set of hidden players at every seed, and the same as rows."""
    rng = np.random.default_rng(seed)
    returns = {hidden: rng.normal(10, 5, seeds) for hidden in subsets(players)}
    rows = [(hidden, number, values[number]) for hidden, values in returns.items() for number in range(seeds)]
    return returns, rows


def brute_force(value: dict[tuple[int, ...], float], players: int) -> np.ndarray:
    """The mean over all orders of what showing each player adds."""
    shares = np.zeros(players)
    orders = list(permutations(range(players)))
    for order in orders:
        for count, player in enumerate(order):
            hidden_before = tuple(sorted(order[count:]))
            hidden_after = tuple(sorted(order[count + 1 :]))
            shares[player] += value[hidden_after] - value[hidden_before]
    return shares / len(orders)


def test_exact_values_are_the_mean_over_all_orders(by_hand: Any) -> None:
    returns, rows = game(PLAYERS, 5)
    shapley = by_hand(PLAYERS, rows).shapley()
    by_seed = [brute_force({hidden: values[number] for hidden, values in returns.items()}, 4) for number in range(5)]
    np.testing.assert_allclose(shapley.interval.value, np.mean(by_seed, axis=0))
    np.testing.assert_allclose(shapley.standard_error, np.std(by_seed, axis=0, ddof=1) / np.sqrt(5))
    assert (shapley.exact, shapley.seeds) == (True, 5)
    total = returns[()].mean() - returns[(0, 1, 2, 3)].mean()
    assert shapley.interval.value.sum() == pytest.approx(total)
    assert shapley.total.value == pytest.approx(total)


def test_a_seed_that_misses_a_coalition_does_not_count(by_hand: Any) -> None:
    _, rows = game(3, 4)
    complete = by_hand(3, [row for row in rows if row[1] < 3]).shapley()
    missing = by_hand(3, [row for row in rows if row[:2] != ((0, 2), 3)]).shapley()
    assert missing.seeds == 3
    np.testing.assert_allclose(missing.interval.value, complete.interval.value)
    faulty = by_hand(3, rows, faults=[index for index, row in enumerate(rows) if row[:2] == ((0, 2), 3)]).shapley()
    np.testing.assert_allclose(faulty.interval.value, complete.interval.value)
    assert by_hand(3, [row for row in rows if row[0] != (0, 2)]).shapley() is None


def symmetric_game(hidden: tuple[int, ...]) -> float:
    """Players 0 and 1 are alike, player 2 does nothing, the last adds 3."""
    return 10.0 - 4.0 * len({0, 1} & set(hidden)) ** 2 - 3.0 * (3 in hidden)


def test_axioms(by_hand: Any) -> None:
    rows = [(hidden, number, symmetric_game(hidden)) for hidden in subsets(4) for number in range(8)]
    value = by_hand(4, rows).shapley().interval.value
    np.testing.assert_allclose(value, [8, 8, 0, 3], atol=1e-12)


NINE = 9


def nine_players(hidden: tuple[int, ...], noise: float = 0.0) -> float:
    """A game of weights, with a pair that is needed jointly and one of copies."""
    seen = np.ones(NINE)
    seen[list(hidden)] = 0
    return float(seen @ np.arange(NINE) + 12 * seen[0] * seen[1] - 6 * max(seen[2], seen[3]) + noise)


def exact_nine() -> np.ndarray:
    """Linear parts as they are; half of a pair's value each."""
    value = np.arange(NINE, dtype=float)
    value[[0, 1]] += 6
    value[[2, 3]] -= 3
    return value


def sampled_rows(pairs: int, seed: int, noise: float = 0.0) -> list[tuple[Any, ...]]:
    rng = np.random.default_rng(seed)
    rows = {}
    for order, number in drawn_orders(NINE, pairs, seed):
        for hidden in hidden_along(order):
            rows[hidden, number] = (hidden, number, nine_players(hidden, noise * rng.standard_normal()), "coalition")
    return list(rows.values())


def test_sampled_values_are_efficient_and_exact_for_what_has_no_interactions(by_hand: Any) -> None:
    shapley = by_hand(NINE, sampled_rows(8, 0)).shapley()
    assert (shapley.exact, shapley.seeds) == (False, 8)
    assert shapley.interval.value.sum() == pytest.approx(nine_players(()) - nine_players(tuple(range(NINE))))
    np.testing.assert_allclose(shapley.interval.value, exact_nine(), atol=1e-9)  # an order and its reverse share pairs


def test_sampled_values_are_unbiased_and_their_errors_true(by_hand: Any) -> None:
    estimates = [by_hand(NINE, sampled_rows(10, seed, 3.0), seed=seed).shapley() for seed in range(40)]
    values = np.stack([estimate.interval.value for estimate in estimates])
    errors = np.stack([estimate.standard_error for estimate in estimates])
    z = (values.mean(axis=0) - exact_nine()) / (values.std(axis=0, ddof=1) / np.sqrt(40))
    assert np.abs(z).max() < 4
    ratio = np.sqrt(np.mean(np.square(errors))) / np.sqrt(np.mean(np.square(values - exact_nine())))
    assert 0.8 < ratio < 1.25
    covered = [
        (estimate.interval.low <= exact_nine()) & (exact_nine() <= estimate.interval.high) for estimate in estimates
    ]
    assert 0.9 < np.mean(covered) <= 0.99


def test_a_pair_of_orders_that_is_incomplete_does_not_count(by_hand: Any) -> None:
    rows = sampled_rows(4, 0)
    missing = next(index for index, row in enumerate(rows) if row[1] == 2 and 0 < len(row[0]) < NINE)
    shapley = by_hand(NINE, [*rows[:missing], *rows[missing + 1 :]]).shapley()
    assert shapley.seeds == 3
    assert by_hand(NINE, rows[:15]).shapley() is None


def test_coalitions_and_orders() -> None:
    assert [len(coalitions(players)) for players in (1, 2, 8)] == [2, 4, 256]
    assert coalitions(2) == [(), (0,), (1,), (0, 1)]
    orders = drawn_orders(5, 3, 7)
    assert [number for _, number in orders] == [0, 0, 1, 1, 2, 2]
    assert all(sorted(order) == list(range(5)) for order, _ in orders)
    assert all(first == second[::-1] for (first, _), (second, _) in zip(orders[::2], orders[1::2], strict=True))
    assert orders == drawn_orders(5, 4, 7)[:6], "more pairs keep the first ones"
    assert hidden_along((2, 0, 1)) == [(), (2,), (0, 2), (0, 1, 2)]


def test_values_alone_and_interactions_by_their_formulas(by_hand: Any) -> None:
    returns, rows = game(3, 6)
    ablation = by_hand(3, rows)
    nothing = returns[(0, 1, 2)]
    for player, others in enumerate([(1, 2), (0, 2), (0, 1)]):
        assert ablation.alone().value[player] == pytest.approx((returns[others] - nothing).mean())
    interactions = ablation.interactions()
    assert len(interactions) == 3
    for each in interactions:
        pair = tuple(int(name[1:]) for name in each.players)
        losses = {hidden: (returns[()] - returns[hidden]).mean() for hidden in (pair, pair[:1], pair[1:])}
        expected = losses[pair] - losses[pair[:1]] - losses[pair[1:]]
        assert each.interval.value == pytest.approx(expected)
        assert each.both.value == pytest.approx(losses[pair])
        assert each.seeds == 6
    sizes = [abs(float(each.interval.value)) for each in interactions]
    assert sizes == sorted(sizes, reverse=True)


def test_curves_by_their_formulas(by_hand: Any) -> None:
    returns, rows = game(3, 6)
    ablation = by_hand(3, rows)
    order = tuple(int(player) for player in ablation.losses().order)
    curves = ablation.curves()
    assert curves.best.order == order
    assert curves.reverse.order == order[::-1]
    for curve in (curves.best, curves.reverse):
        expected = [returns[hidden].mean() for hidden in hidden_along(curve.order)]
        np.testing.assert_allclose(curve.interval.value, expected)
        assert curve.area == pytest.approx(np.trapezoid(expected) / 3)
        assert curve.seeds.tolist() == [6] * 4
    by_size = [np.mean([returns[hidden] for hidden in combinations(range(3), size)]) for size in range(4)]
    np.testing.assert_allclose(curves.random.interval.value, by_size)
    np.testing.assert_allclose(curves.insertion("best").value, curves.reverse.interval.value[::-1])
    np.testing.assert_allclose(curves.insertion("reverse").low, curves.best.interval.low[::-1])
    np.testing.assert_allclose(curves.insertion("random").high, curves.random.interval.high[::-1])


def test_curves_need_every_point(by_hand: Any) -> None:
    _, rows = game(3, 6)
    assert by_hand(3, [row for row in rows if len(row[0]) != 2]).curves() is None


def loss_rows(losses: list[np.ndarray], baseline: float = 100.0) -> list[tuple[Any, ...]]:
    seeds = max(map(len, losses))
    rows: list[tuple[Any, ...]] = [((), number, baseline + number) for number in range(seeds)]
    for player, values in enumerate(losses):
        rows += [((player,), number, baseline + number - loss) for number, loss in enumerate(values)]
    return rows


def test_losses_are_paired_by_seed(by_hand: Any) -> None:
    rng = np.random.default_rng(0)
    values = [rng.normal(mean, 1, 12) for mean in (5, 30, -4)]
    losses = by_hand(3, loss_rows(values)).losses()
    np.testing.assert_allclose(losses.interval.value, [each.mean() for each in values])
    np.testing.assert_allclose(losses.standard_error, [each.std(ddof=1) / np.sqrt(12) for each in values])
    assert losses.order.tolist() == [1, 0, 2]
    assert losses.leaders == 1
    kinds = [verdict.kind for verdict in by_hand(3, loss_rows(values)).verdicts(part=0.001)]
    assert kinds == ["needed", "needed", "better_without"]


def test_a_loss_within_a_part_of_the_return_is_none(by_hand: Any) -> None:
    values = [np.full(12, 0.5), np.full(12, -0.5), np.array([20.0, -20] * 6)]
    verdicts = by_hand(3, loss_rows(values)).verdicts()
    assert [verdict.kind for verdict in verdicts] == ["not_needed", "not_needed", "undecided"]


def test_leaders_are_those_that_cannot_be_told_from_the_first(by_hand: Any) -> None:
    rng = np.random.default_rng(1)
    noise = rng.normal(0, 1, (3, 16))
    values = [50 + noise[0], 50 + noise[1], 20 + noise[2]]
    losses = by_hand(3, loss_rows(values)).losses()
    assert losses.leaders == 2
    assert set(losses.order[:2].tolist()) == {0, 1}
    certain = by_hand(3, loss_rows([50 + noise[0], 40 + noise[1], 20 + noise[2]])).losses()
    assert certain.leaders == 1


def test_a_feature_of_which_every_episode_failed_is_unknown(by_hand: Any) -> None:
    rows = loss_rows([np.full(8, 9.0), np.full(8, 3.0), np.full(8, 1.0)])
    failed = [index for index, row in enumerate(rows) if row[0] == (0,)]
    ablation = by_hand(3, rows, faults=failed)
    losses = ablation.losses()
    assert np.isnan(losses.interval.value[0])
    assert losses.order.tolist() == [1, 2, 0]
    assert (losses.leaders, losses.seeds.tolist()) == (1, [0, 8, 8])
    assert ablation.verdicts()[0].kind == "undecided"
    assert len(ablation.faults) == 8
    assert np.isnan(ablation.to_xarray()["loss"].to_numpy()[0])


def test_an_ablation_without_episodes(by_hand: Any) -> None:
    ablation = by_hand(3, [])
    losses = ablation.losses()
    assert np.isnan(losses.interval.value).all()
    assert (losses.leaders, losses.seeds.tolist()) == (0, [0, 0, 0])
    assert [verdict.kind for verdict in ablation.verdicts()] == ["undecided"] * 3
    assert np.isnan(ablation.baseline().value)
    assert (ablation.shapley(), ablation.alone(), ablation.curves(), ablation.certificate) == (None,) * 4
    assert ablation.interactions() == ()
    assert len(ablation.to_pandas()) == 0
    assert ablation.to_xarray().sizes["number"] == 0


def test_one_seed_has_no_interval_and_no_verdict(by_hand: Any) -> None:
    ablation = by_hand(2, loss_rows([np.array([90.0]), np.array([1.0])]))
    losses = ablation.losses()
    assert losses.interval.value.tolist() == [90, 1]
    assert np.isnan(losses.interval.low).all()
    assert losses.leaders == 2
    assert [verdict.kind for verdict in ablation.verdicts()] == ["undecided", "undecided"]


def test_fresh_seeds_count_for_the_certificate_alone(by_hand: Any) -> None:
    rows = loss_rows([np.full(8, 9.0), np.full(8, 1.0)])
    fresh = [((), 100_000 + number, 500.0, "certificate", 0.05) for number in range(64)]
    fresh += [((1,), 100_000 + number, 499.0, "certificate", 0.05) for number in range(64)]
    ablation, without = by_hand(2, rows + fresh), by_hand(2, rows)
    assert ablation.losses().interval.value.tolist() == without.losses().interval.value.tolist()
    assert ablation.baseline().value == without.baseline().value
    certificate = ablation.certificate
    assert (certificate.baseline, certificate.loss, certificate.seeds) == (500, 1, 64)
    assert certificate.holds
    assert certificate.left_out == ("x1",)


def test_a_certificate_that_is_refused_says_what_is_missing(by_hand: Any) -> None:
    rng = np.random.default_rng(0)

    def certificate(loss: np.ndarray, hidden: tuple[int, ...] = (0, 1)) -> Any:
        rows: list[tuple[Any, ...]] = [((), n, 100.0, "certificate", 0.05) for n in range(100_000, 100_064)]
        rows += [(hidden, 100_000 + n, 100.0 - value, "certificate", 0.05) for n, value in enumerate(loss)]
        return by_hand(3, rows).certificate

    held = certificate(np.full(64, 2.0))
    assert (held.holds, held.loss, held.bound, held.allowed) == (True, 2, 2, 5)
    assert "1 feature suffices to keep at least 95 % of the return" in str(held)
    assert "64 fresh seeds" in str(held)
    uncertain = certificate(rng.normal(2, 20, 64))
    assert not uncertain.holds
    assert "No certificate" in str(uncertain)
    assert "more seeds" in str(uncertain)
    lost = certificate(np.full(64, 30.0))
    assert "the search was too hopeful" in str(lost)
    assert "no feature can be left out" in str(certificate(np.full(64, 30.0), (2,)))
    everything = certificate(np.zeros(64), (0, 1, 2))
    assert "0 features suffice" in str(everything)
    assert "none is needed" in str(everything)


def test_a_certificate_of_which_every_episode_failed(by_hand: Any) -> None:
    rows: list[tuple[Any, ...]] = [((), n, 100.0, "certificate", 0.05) for n in range(100_000, 100_064)]
    rows += [((1,), n, 0.0, "certificate", 0.05) for n in range(100_000, 100_064)]
    certificate = by_hand(2, rows, faults=range(64, 128)).certificate
    assert (certificate.holds, certificate.seeds) == (False, 0)
    assert certificate.faults == 64
    assert "64 of 64 fresh episodes without x1 ended by a fault" in str(certificate)
    few = by_hand(2, [*rows[:64], *((hidden, n, 100.0, *rest) for hidden, n, _, *rest in rows[64:])], faults=[70])
    assert (few.certificate.holds, few.certificate.seeds, few.certificate.loss) == (False, 63, 0)
    assert "1 of 64 fresh episodes" in str(few.certificate)


def test_what_ended_by_a_fault_leaves_a_verdict_open(by_hand: Any) -> None:
    """Those that did not are no fair sample: hiding the feature may be what broke the others."""
    rows = loss_rows([np.zeros(40), np.zeros(40), np.full(40, 50.0)])
    faults = [index for index, row in enumerate(rows) if row[0] == (0,) and row[1] < 30]
    faults += [index for index, row in enumerate(rows) if row[0] == (1,) and row[1] < 2]
    verdicts = by_hand(3, rows, faults=faults).verdicts()
    assert [verdict.kind for verdict in verdicts] == ["undecided", "not_needed", "needed"]
    nothing = [index for index, row in enumerate(rows) if row[0] == () and row[1] < 30]
    verdicts = by_hand(3, rows, faults=nothing).verdicts()
    assert [verdict.kind for verdict in verdicts] == ["not_needed", "not_needed", "needed"]


def test_a_thousand_seeds_of_fifty_conditions() -> None:
    """Rows are passed a few times each, and no table of seeds by conditions is made."""
    import tracemalloc

    count, players = 50_000, 50
    rng = np.random.default_rng(0)
    condition = np.repeat(np.arange(50), 1000)
    hidden = np.zeros((count, players), bool)
    hidden[np.arange(count), condition] = condition > 0
    name = np.where(condition > 0, "resample", "").astype(object)
    rest = np.full(count, "", dtype=object)
    ended = np.full(count, "terminated", dtype=object)
    total = rng.normal(size=count)
    number = np.tile(np.arange(1000), 50)
    rollouts = Rollouts(
        name, hidden, number, number, total, number, ended, rest, np.full(count, "loss", object), np.full(count, np.nan)
    )
    tracemalloc.start()
    assert len(rollouts.by_condition) == 50
    assert len(rollouts.returns((7,), "resample")) == 1000
    assert rollouts.returns((7,), "resample")[3] == total[7003]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 400 * count
    assert len(rollouts.tasks) == count


def test_the_baseline_is_of_the_seeds_of_the_first_loss(by_hand: Any) -> None:
    rows = [((), number, 10.0 * number) for number in range(8)]
    rows += [((0,), number, 10.0 * number - 5) for number in range(4)]
    losses = by_hand(1, rows).losses()
    assert (losses.interval.value.tolist(), losses.seeds.tolist()) == ([5.0], [4])
    assert float(losses.baseline.value) == 15  # not 35, which the other four seeds would make of it


def test_a_feature_that_never_changes_a_return_of_zero_is_not_needed(by_hand: Any) -> None:
    rows = [(hidden, number, 0.0) for hidden in ((), (0,), (1,)) for number in range(8)]
    assert [verdict.kind for verdict in by_hand(2, rows).verdicts()] == ["not_needed", "not_needed"]


def test_an_order_and_its_reverse_are_one_draw_of_the_random_curve() -> None:
    orders = [(order, number) for number in range(3) for order in ((0, 1), (1, 0))]
    returns = {(): 8.0, (0,): 6.0, (1,): 2.0, (0, 1): 0.0}
    curve = random_curve(2, lambda hidden: dict.fromkeys(range(3), returns[hidden]), orders, 0.95)
    assert curve is not None
    assert curve.seeds.tolist() == [3, 3, 3]
    assert curve.interval.value.tolist() == [8, 4, 0]
