"""How often the intervals of measured losses, and of what follows from them, contain known truths.

`python tests/benchmarks/ablation_coverage.py` prints the study as a table: it draws the returns of episodes from worlds
with known losses, and leaves everything else to `rltools.ablation`. With `rollouts` it steps a known environment
by `rltools.ablate` instead. `docs/uncertainty.md` has the results.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from known_losses import STATES, WORLDS, Switches, World, expected_return, policy, true_losses, true_shapley
from timing import Row

from rltools.ablation import Ablation, AblationSpec, Rollouts
from rltools.ablation._leave_out import FRESH
from rltools.ablation._rollouts import Task, joined
from rltools.ablation._runner import AblationRunner
from rltools.ablation._stages import measure_coalitions, measure_leave_out, measure_losses
from rltools.stats import Interval, across, joint, loss_concordance

SEEDS, MOST, FRESH_SEEDS = (8, 16, 32, 64), 128, 128
EPISODES, STEADY = 20, 0.3
"""Explained episodes of an attribution, and how much the sizes of a feature vary between them."""
Held = dict[str, np.ndarray]
"""Of each statistic, whether its intervals hold the truth, or whether a claim is false: 0 or 1, NaN without one."""


class Simulated(AblationRunner):
    """An ablation whose episodes have returns drawn from a world; everything else is as in `rltools.ablate`."""

    def __init__(self, world: World, rng: np.random.Generator) -> None:
        spec = AblationSpec(
            replace="resample",
            second="",
            groups="variables",
            players=world.players,
            seed=int(rng.integers(1 << 31)),
            max_steps=1,
            visited=1,
            policy=world.name,
            policy_sha256="",
            environment="",
            recording="",
        )
        super().__init__(
            setting=None,  # type: ignore[arg-type]  # nothing is run, and nothing is written
            spec=spec,
            folder=Path(),
            seal="",
            rollouts=joined([], len(world.players)),
            workers=1,
            progress=False,
        )
        self._draw = world.begin(rng, 2 * MOST + FRESH_SEEDS)
        self._drawn: dict[tuple[int, ...], list[float]] = {}

    def run_tasks(self, tasks: Sequence[Task], purpose: str, text: str, part: float = np.nan) -> None:
        """Draw the returns of episodes that were not run before."""
        done = self.rollouts.tasks  # a certificate has seeds of its own, so that they are fresh
        missing = [task for task in dict.fromkeys(tasks) if task not in done]
        if not missing:
            return
        for task in missing:
            if task.hidden not in self._drawn:
                self._drawn[task.hidden] = self._draw(task.hidden).tolist()
        self.rollouts = joined([self.rollouts, self._rows(missing, purpose, part)], self.players)
        vars(self.rollouts)["tasks"] = done | set(missing)  # to count through all rows anew takes time

    def _rows(self, tasks: Sequence[Task], purpose: str, part: float) -> Rollouts:
        count = len(tasks)
        hidden = np.zeros((count, self.players), bool)
        for row, task in enumerate(tasks):
            hidden[row, list(task.hidden)] = True
        places = [task.number if task.number < FRESH else task.number - FRESH + 2 * MOST for task in tasks]
        numbers = np.array([task.number for task in tasks])
        return Rollouts(
            replacement=np.array([task.replacement for task in tasks], object),
            hidden=hidden,
            number=numbers,
            seed=numbers,
            total_reward=np.array([self._drawn[task.hidden][place] for task, place in zip(tasks, places, strict=True)]),
            steps=np.ones(count, np.int64),
            ended=np.full(count, "terminated", object),
            fault=np.full(count, "", object),
            purpose=np.full(count, purpose, object),
            part=np.full(count, part),
        )

    def result(self) -> Ablation:
        """The ablation with these episodes."""
        return Ablation(self.spec, tuple(np.array([player]) for player in range(self.players)), self.rollouts)


def simulated(world: World, rng: np.random.Generator, seeds: int, most: int) -> Simulated:
    """The losses of all players and the race for the first place."""
    runner = Simulated(world, rng)
    runner.run([("", ())], range(seeds), "loss", "")
    measure_losses(runner, seeds, most)
    return runner


def holds(interval: Interval, truth: np.ndarray | float) -> np.ndarray:
    """Whether each interval holds its truth; NaN without an interval."""
    inside = (interval.low <= truth) & (truth <= interval.high)
    return np.where(np.isnan(interval.low), np.nan, inside)


def of_losses(world: World, rng: np.random.Generator, seeds: int) -> Held:
    """Every loss, that of the player that comes out first, and a lead that is called certain and is none."""
    losses = simulated(world, rng, seeds, seeds).result().losses()
    held = holds(losses.interval, world.losses)
    return {
        "loss": held,
        "loss of the first": held[losses.order[:1]],
        "a lead that is none": np.array([_false_lead(world, int(losses.order[0]), losses.leaders)]),
    }


def of_race(world: World, rng: np.random.Generator, seeds: int) -> Held:
    """The same after a race: batches of 16 seeds up to 128, until the first stands alone."""
    losses = simulated(world, rng, seeds, MOST).result().losses()
    held = holds(losses.interval, world.losses)
    return {
        "loss, after a race": held,
        "loss of the first, after a race": held[losses.order[:1]],
        "a lead that is none, after a race": np.array([_false_lead(world, int(losses.order[0]), losses.leaders)]),
    }


def _false_lead(world: World, first: int, leaders: int) -> float:
    return float(leaders == 1 and world.losses[first] < world.losses.max())


def of_coalitions(world: World, rng: np.random.Generator, seeds: int) -> Held:
    """Outcome Shapley values from all coalitions, what each player is worth alone, and interactions, largest first."""
    runner = simulated(world, rng, seeds, seeds)
    measure_coalitions(runner, seeds)
    ablation = runner.result()
    values, single = ablation.shapley(), ablation.alone()
    assert values is not None
    assert single is not None
    everyone = tuple(range(len(world.players)))
    nothing = world.expected(everyone)
    gains = [world.expected([other for other in everyone if other != player]) - nothing for player in everyone]
    interactions = []
    for pair in ablation.interactions():
        first, second = map(world.players.index, pair.players)
        both = world.expected(()) - world.expected((first, second))
        interactions.append(holds(pair.interval, both - world.losses[first] - world.losses[second]))
    return {
        "Shapley value, all coalitions": holds(values.interval, world.shapley),
        "worth alone": holds(single, np.array(gains)),
        "interaction of a pair": np.array([np.mean(interactions)]),
        "the largest interaction": np.array([interactions[0]]),
    }


def of_orders(world: World, rng: np.random.Generator, seeds: int) -> Held:
    """Outcome Shapley values from pairs of an order and its reverse, each with a seed of its own."""
    from rltools.ablation._coalition_values import drawn_orders, hidden_along, sampled_values

    runner = Simulated(world, rng)
    orders = drawn_orders(runner.players, seeds, runner.spec.seed)
    tasks = [Task(*runner.hiding(hidden), number) for order, number in orders for hidden in hidden_along(order)]
    runner.run_tasks(tasks, "coalition", "")
    values = sampled_values(world.players, runner.returns, seeds, runner.spec.seed, 0.95)
    assert values is not None
    return {"Shapley value, pairs of orders": holds(values.interval, world.shapley)}


SIZES = {"the right order": lambda losses: losses + 50, "another order": lambda losses: np.roll(losses, 1) + 50}


def of_concordance(world: World, rng: np.random.Generator, seeds: int) -> Held:
    """The loss-weighted concordance of an attribution, whose sizes vary over 20 episodes, with the losses."""
    losses = simulated(world, rng, seeds, seeds).result().losses()
    differences = np.array([[each[number] for each in losses.differences] for number in range(seeds)])
    result = {}
    for name, sizes_of in SIZES.items():
        sizes = sizes_of(world.losses)
        episodes = sizes * rng.lognormal(-(STEADY**2) / 2, STEADY, (EPISODES, len(sizes)))
        concordance = joint(loss_concordance, across(episodes), across(differences))
        truth = float(loss_concordance(sizes, world.losses))
        result[f"concordance, {name}"] = np.atleast_1d(holds(concordance.interval(0.95), truth))
    return result


def of_search(world: World, rng: np.random.Generator, seeds: int) -> Held:
    """A certificate of a search's result, although more than 5 % of the return is lost; and how often there is one."""
    runner = simulated(world, rng, seeds, MOST)
    measure_leave_out(runner, 0.05, FRESH_SEEDS)
    certificate = runner.result().certificate
    if certificate is None:  # every player is needed
        return {"a false certificate": np.zeros(1), "a certificate": np.zeros(1)}
    hidden = [world.players.index(name) for name in certificate.left_out]
    lost = 1 - world.expected(hidden) / world.expected(())
    return {
        "a false certificate": np.array([float(certificate.holds and lost > 0.05)]),
        "a certificate": np.array([float(certificate.holds)]),
    }


def of_bound(world: World, rng: np.random.Generator, seeds: int) -> Held:
    """A certificate at the edge: exactly as much is lost as is allowed, so that 5 % of them are given."""
    from rltools.ablation._certificate import certificate_of

    false = []
    for player, loss in enumerate(world.losses):
        if loss > 0:
            part = float(loss / world.expected(()))
            runner = Simulated(world, rng)
            conditions = [("", ()), runner.hiding((player,))]
            runner.run(conditions, range(FRESH, FRESH + seeds), "certificate", "", part)
            certificate = certificate_of(world.players, runner.rollouts, "resample")
            assert certificate is not None
            false.append(float(certificate.holds))
    return {"a certificate at the edge": np.array(false)}


STUDIES: tuple[Callable[[World, np.random.Generator, int], Held], ...] = (
    of_losses,
    of_race,
    of_coalitions,
    of_orders,
    of_concordance,
    of_bound,
    of_search,
)


def rates(study: Callable[[World, np.random.Generator, int], Held], world: World, seeds: int, rounds: int) -> Held:
    """The rate of each statistic over many repetitions: float `[player]`, or of whatever it is about."""
    rng = np.random.default_rng([seeds, rounds])
    parts = [study(world, rng, seeds) for _ in range(rounds)]
    with np.errstate(all="ignore"):
        return {name: np.nanmean([part[name] for part in parts], axis=0) for name in parts[0]}


def of_rollouts(rounds: int, seeds: int) -> Held:
    """The losses that `rltools.ablate` measures by stepping an environment, against those of its visited states."""
    import rltools
    from rltools.explanation.references import draw_visited

    acting, held = policy(), []
    recording = rltools.record(acting, Switches, episodes=EPISODES)
    for seed in range(rounds):
        ablation = rltools.ablate(
            acting, recording, Switches, seeds=seeds, most=seeds, second=None, coalitions=True, seed=seed
        )
        states = draw_visited(recording, ablation.spec.visited, seed)  # whose values stand in
        visited = (np.asarray(states)[:, None] == STATES).all(axis=2).mean(axis=0)
        expected, players = partial(expected_return, visited=visited), len(ablation.players)
        values = ablation.shapley()
        assert values is not None
        held.append(
            [
                holds(ablation.losses().interval, true_losses(expected, players)),
                holds(values.interval, true_shapley(expected, players)),
            ]
        )
    losses, shapley = np.mean(held, axis=0)
    return {"loss, by rollouts": losses, "Shapley value, by rollouts": shapley}


def measure() -> list[Row]:
    """A short run: the lowest and the highest rate of each statistic over worlds."""
    result: dict[str, list[float]] = {}
    for study in STUDIES:
        for world in WORLDS:
            for name, rate in rates(study, world, 32, rounds=60).items():
                result.setdefault(name, []).append(float(np.nanmean(rate)))
    return [
        Row(f"95 % intervals of losses, {name}", f"{100 * min(rate):.0f} to {100 * max(rate):.0f} %", _bar(name))
        for name, rate in result.items()
    ]


def _bar(name: str) -> str:
    return {"a": "at most 5 %"}.get(name.split(maxsplit=1)[0], "90 to 99 %") if name != "a certificate" else ""


def main() -> None:
    """Print the study as a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repetitions", type=int, default=1000)
    parser.add_argument("returns", nargs="?", choices=("draws", "rollouts"), default="draws")
    arguments = parser.parse_args()
    if arguments.returns == "rollouts":
        print(_line("statistic", "seeds", "rate", "lowest"))
        for seeds in SEEDS:
            for name, rate in of_rollouts(arguments.repetitions, seeds).items():
                print(_line(name, seeds, _percent(rate.mean()), _percent(rate.min())))
        return
    print(_line("statistic", "returns", *(f"{seeds} seeds" for seeds in SEEDS)))
    for line in study_lines(arguments.repetitions):
        print(line)


def study_lines(rounds: int) -> Iterator[str]:
    """The lines of the table: each statistic in each world, with the lowest or highest rate of a player in brackets."""
    for study in STUDIES:
        by_world = {world.name: [rates(study, world, seeds, rounds) for seeds in SEEDS] for world in WORLDS}
        for name in next(iter(by_world.values()))[0]:
            for world, of_seeds in by_world.items():
                yield _line(name, world, *(_cell(name, rate[name]) for rate in of_seeds))


def _cell(name: str, rate: np.ndarray) -> str:
    worst = np.nanmax if name.startswith("a ") else np.nanmin
    return _percent(np.nanmean(rate)) + (f" ({_percent(worst(rate))})" if rate.size > 1 else "")


def _line(*cells: object) -> str:
    return f"| {' | '.join(map(str, cells))} |"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


if __name__ == "__main__":
    main()
