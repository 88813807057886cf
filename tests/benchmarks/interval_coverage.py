"""How often 95 % intervals contain the truth: for synthetic populations with known values, and for an agent's episodes.

`python tests/benchmarks/interval_coverage.py` prints the study as a table; `--agent` takes the episodes of a bundled
agent as the population instead. `docs/uncertainty.md` has the results.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from timing import Row

from rltools.stats import Interval, across
from rltools.summary._estimates import estimate
from rltools.summary._sums import Sums

EPISODES, REFERENCES, BLOCKS, LEVEL = (5, 10, 20, 50), (8, 32), 8, 0.95
SIZES = np.array([1, 0.7, 0.4, 0.1])
"""How much each of four features matters."""


@dataclass(frozen=True)
class Sample:
    """The attributions of one run of an agent.

    Attributes:
        values: float `[step, reference, feature]`, in the order of the episodes.
        episodes: int64 `[step]`, of each step.
        unit: of the attribution.
        visited: int64 `[reference]`, the episode in which each reference was visited, in order; None if they come from
            elsewhere.
    """

    values: np.ndarray
    episodes: np.ndarray
    unit: str = "score"
    visited: np.ndarray | None = None


Population = Callable[[np.random.Generator, int, int], Sample]
"""Draws a number of episodes and references."""


def skewed(spread: float, of_references: float) -> Population:
    """Positive attributions: each episode, each reference and each pair of them has a log-normal factor."""

    def draw(rng: np.random.Generator, episodes: int, references: int) -> Sample:
        steps = np.repeat(np.arange(episodes), rng.integers(3, 8, episodes))
        of_episode = rng.lognormal(-(spread**2) / 2, spread, (episodes, 1, 4))
        of_reference = rng.lognormal(-(of_references**2) / 2, of_references, (references, 4))
        of_pair = rng.lognormal(-0.02, 0.2, (episodes, references, 4))
        return Sample((SIZES * of_episode * of_reference * of_pair)[steps], steps)

    return draw


def signed(rng: np.random.Generator, episodes: int, references: int) -> Sample:
    """Attributions of either sign, with shifts by episode and by reference; magnitudes are of means over references."""
    steps = np.repeat(np.arange(episodes), rng.integers(3, 8, episodes))
    of_step = 3 + rng.normal(0, 0.5, (len(steps), 1, 4)) + rng.normal(0, 0.5, (episodes, 1, 4))[steps]
    return Sample(SIZES * (of_step + rng.normal(0, 1, (references, 4))), steps)


def decisions(rng: np.random.Generator, episodes: int, references: int) -> Sample:
    """Whether another action is chosen, more often in some episodes and with some references."""
    steps = np.repeat(np.arange(episodes), rng.integers(40, 80, episodes))
    chance = rng.beta(4, 4, (episodes, 1, 4))[steps] + rng.uniform(-0.3, 0.3, (references, 4)) + (SIZES - 1) / 4
    changed = rng.random((len(steps), references, 4)) < np.clip(chance, 0, 1)
    return Sample(changed.astype(float), steps, "share")


def heavy(rng: np.random.Generator, episodes: int, references: int) -> Sample:
    """Attributions of one sign whose shifts by episode and by reference have heavy tails: Student's t of 3 and of 4."""
    steps = np.repeat(np.arange(episodes), rng.integers(3, 8, episodes))
    of_episode, of_reference = rng.standard_t(3, (episodes, 1, 4)), rng.standard_t(4, (references, 4))
    of_pair = rng.normal(0, 0.5, (episodes, references, 4))
    return Sample(SIZES * (4 + 0.5 * of_episode + 0.7 * of_reference + of_pair)[steps], steps)


def exponential(rng: np.random.Generator, episodes: int, references: int) -> Sample:
    """Positive attributions with an exponential factor for each episode and a gamma factor for each reference."""
    steps = np.repeat(np.arange(episodes), rng.integers(3, 8, episodes))
    factors = rng.exponential(1, (episodes, 1, 4)) * rng.gamma(4, 0.25, (references, 4))
    return Sample((SIZES * factors)[steps], steps)


def visited(alike: float, shared: float = 0.0) -> Population:
    """As `skewed`, of references that were visited in the run's own episodes and are alike within each of them.

    Args:
        alike: the share of the variance of a reference's logarithm that is the same for all of its episode.
        shared: the correlation of that with the logarithm of the factor of the episode's own steps.
    """

    def draw(rng: np.random.Generator, episodes: int, references: int) -> Sample:
        steps = np.repeat(np.arange(episodes), rng.integers(3, 8, episodes))
        where = np.sort(rng.integers(episodes, size=references))
        of_visit = rng.normal(0, 1, (episodes, 4))
        shift = np.sqrt(alike) * of_visit[where] + np.sqrt(1 - alike) * rng.normal(0, 1, (references, 4))
        own = shared * of_visit + np.sqrt(1 - shared**2) * rng.normal(0, 1, (episodes, 4))
        of_episode = np.exp(0.3 * own - 0.045)[:, None]
        return Sample((SIZES * of_episode * np.exp(0.5 * shift - 0.125))[steps], steps, visited=where)

    return draw


POPULATIONS: dict[str, Population] = {
    "even: factors of 30 %": skewed(0.3, 0.3),
    "skewed: factors of 80 % by episode, 50 % by reference": skewed(0.8, 0.5),
    "depending on references: 30 % and 60 %": skewed(0.3, 0.6),
    "of either sign": signed,
    "changed decisions": decisions,
    "heavy tails": heavy,
    "exponential by episode": exponential,
    "references of visited states, none alike": visited(0.0),
    "references alike within episodes, 30 %": visited(0.3),
    "references alike within episodes, 70 %": visited(0.7),
    "alike, 70 %, and like the episode's own steps": visited(0.7, 0.7),
    "alike, 70 %, and unlike the episode's own steps": visited(0.7, -0.7),
}


def sums_of(sample: Sample) -> Sums:
    """The sums that a summary collects from these attributions."""
    values, episodes = sample.values, sample.episodes
    references, (_, first, count) = values.shape[1], np.unique(episodes, return_index=True, return_counts=True)
    ends = np.arange(BLOCKS + 1) * references // BLOCKS
    complete = values.sum(axis=1)
    parts = [complete / references]
    for start, stop in pairwise(ends):
        parts.append((complete - values[:, start:stop].sum(axis=1)) / (references - stop + start))
    kinds = np.stack([np.stack([part, np.abs(part)]) for part in parts])  # [part, kind, step, feature]
    totals = np.add.reduceat(kinds, first, axis=2).swapaxes(1, 2)[:, :, None, :, None]
    origins = None
    if sample.visited is not None:
        origins = np.stack([np.bincount(part, minlength=len(count)) for part in np.split(sample.visited, ends[1:-1])])
    nothing = np.zeros(len(count), np.int64)
    return Sums(
        taken=(),
        counts=count[:, None],
        totals=totals[0],
        without=totals[1:].sum(axis=1),
        sizes_without=None,
        states=None,
        zero=nothing,
        failed=nothing,
        steps=count,
        outcomes=(),
        residuals=None,
        scores=np.zeros((0, 1)),
        incomplete=None,
        clipped=0,
        forced=0,
        undefined=0,
        origins=origins,
    )


def intervals(sample: Sample) -> dict[str, Interval]:
    """The intervals of a summary that are evaluated."""
    result = estimate(sums_of(sample), 0, LEVEL, sample.unit)
    return {"mean": result.mean, "mean magnitude": result.mean_absolute, "share": result.share}


def coverage(draw: Population, truth: dict[str, np.ndarray], episodes: int, references: int, rounds: int) -> np.ndarray:
    """How often each interval contains the truth: float `[statistic, feature]`."""
    rng, held = np.random.default_rng([episodes, references]), []
    for _ in range(rounds):
        result = intervals(draw(rng, episodes, references))
        held.append([((end.low <= truth[name]) & (truth[name] <= end.high)).ravel() for name, end in result.items()])
    return np.mean(held, axis=0)


def truth_of(draw: Population) -> dict[str, np.ndarray]:
    """The values for a very large number of episodes and references."""
    result = [intervals(draw(np.random.default_rng([7, part]), 200, 400)) for part in range(64)]
    return {name: np.mean([part[name].value for part in result], axis=0) for name in result[0]}


def study(rounds: int) -> Iterator[tuple[str, int, int, np.ndarray]]:
    """The coverage for each population and number of episodes and references."""
    for name, draw in POPULATIONS.items():
        truth = truth_of(draw)
        for episodes in EPISODES:
            for references in REFERENCES:
                yield name, episodes, references, coverage(draw, truth, episodes, references, rounds)


RETURNS: dict[str, Callable[[np.random.Generator, int], np.ndarray]] = {
    "returns, skewed": lambda rng, episodes: 80 - rng.gamma(4, 20, episodes),
    "returns, exponential": lambda rng, episodes: 80 - rng.exponential(80, episodes),
}
"""Returns of mean 0, skewed to the left like those of LunarLander."""


def returns(draw: Callable[[np.random.Generator, int], np.ndarray], episodes: int, rounds: int) -> float:
    """How often the interval of a mean return contains 0."""
    rng, held = np.random.default_rng(episodes), 0
    for _ in range(rounds):
        result = across(draw(rng, episodes)).interval(LEVEL)
        held += bool(result.low <= 0 <= result.high)
    return held / rounds


@dataclass(frozen=True)
class Answers:
    """What each recorded step of an agent comes to with each of many visited states as the reference.

    Attributes:
        values: float32 `[step, reference, feature]`.
        episodes: int64 `[step]`, of each step.
        visited: int64 `[reference]`, in which episode.
        unit: of the attribution.
        features: their names.
    """

    values: np.ndarray
    episodes: np.ndarray
    visited: np.ndarray
    unit: str
    features: tuple[str, ...]


def answers(agent: str, method: str, episodes: int = 60, every: int = 16, visits: int = 24) -> Answers:
    """Explain every 16th step of an agent against every 24th state that it visited, by a method that takes their mean.

    Eight at a time: what each of them gives follows from the mean of all and from the means without each.
    """
    import rltools
    from rltools.recording import read_draws

    policy = rltools.load_policy(agent)
    with tempfile.TemporaryDirectory() as folder:
        recording = rltools.record(policy, episodes=episodes, directory=Path(folder) / "run", seed=10_000)
        states = [episode.states[::visits] for episode in recording]
        pool, parts = np.concatenate(states), []
        pool = pool[: len(pool) // BLOCKS * BLOCKS]
        for start in range(0, len(pool), BLOCKS):
            compared = pool[start : start + BLOCKS]
            before = {*recording.specs}
            recording = rltools.explain(recording, policy, method=method, references=compared, every=every)
            (key,) = {*recording.specs} - before
            rows, steps = [], []
            for number in recording.numbers:
                values = recording.attribution_of(key, episodes=[number]).values[:, 0].astype(float)
                explained, without = np.isfinite(values).all(axis=1), read_draws(recording, key, number)
                assert without is not None
                left = np.moveaxis(without[:, explained, 0].astype(float), 0, 1)
                rows.append(len(compared) * values[explained][:, None] - (len(compared) - 1) * left)
                steps.append(int(explained.sum()))
            parts.append(np.concatenate(rows))
        unit, features = recording.spec(key).unit, recording.features.names
    complete = np.concatenate(parts, axis=1)
    complete = complete.round() if unit == "share" else complete
    of_steps, of_states = (np.repeat(np.arange(episodes), counts) for counts in (steps, [len(part) for part in states]))
    return Answers(complete.astype(np.float32), of_steps, of_states[: len(pool)], unit, tuple(features))


def of_agent(recorded: Answers) -> tuple[Population, dict[str, np.ndarray]]:
    """A recorded agent as a population: episodes are drawn from those recorded, references from the episodes drawn."""
    numbers = range(int(recorded.episodes.max()) + 1)
    steps, states = (
        [np.flatnonzero(source == single) for single in numbers] for source in (recorded.episodes, recorded.visited)
    )

    def draw(rng: np.random.Generator, episodes: int, references: int) -> Sample:
        chosen = rng.integers(len(steps), size=episodes)
        pool = np.concatenate([states[single] for single in chosen])
        drawn = np.sort(rng.integers(len(pool), size=references))
        where = np.repeat(np.arange(episodes), [len(states[single]) for single in chosen])[drawn]
        rows = np.concatenate([steps[single] for single in chosen])
        of_steps = np.repeat(np.arange(episodes), [len(steps[single]) for single in chosen])
        return Sample(recorded.values[rows[:, None], pool[drawn]].astype(float), of_steps, recorded.unit, where)

    complete = intervals(Sample(recorded.values.astype(float), recorded.episodes, recorded.unit))
    return draw, {name: end.value for name, end in complete.items()}


def measure() -> list[Row]:
    """A short run: the lowest and the highest coverage of each population."""
    result: dict[str, list[float]] = {}
    for name, _, _, held in study(rounds=60):
        result.setdefault(name, []).extend(held.mean(axis=1).tolist())
    return [
        Row(f"95 % intervals hold, {name}", f"{100 * min(held):.0f} to {100 * max(held):.0f} %", "92 to 97 %")
        for name, held in result.items()
    ]


def main() -> None:
    """Print the study as a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repetitions", type=int, default=1000)
    parser.add_argument("--agent", default="")
    parser.add_argument("--method", default="decision_change")
    arguments = parser.parse_args()
    if arguments.agent:
        recorded = answers(arguments.agent, arguments.method)
        print(_table(*HEADINGS, "lowest of a share"))
        for line in agent_lines(arguments.agent, arguments.method, recorded, arguments.repetitions):
            print(line)
        return
    print(_table(*HEADINGS))
    for name, episodes, references, held in study(arguments.repetitions):
        print(_line(name, episodes, references, *map(_percent, held.mean(axis=1))))
    for name, draw in RETURNS.items():
        for episodes in EPISODES:
            print(_line(name, episodes, "", _percent(returns(draw, episodes, arguments.repetitions)), "", ""))


def agent_lines(agent: str, method: str, recorded: Answers, rounds: int) -> Iterator[str]:
    """The lines of the table about an agent, with the feature whose share is held least often."""
    draw, truth = of_agent(recorded)
    for episodes in EPISODES:
        for references in REFERENCES:
            held = coverage(draw, truth, episodes, references, rounds)
            lowest = int(held[-1].argmin())
            name = f"{recorded.features[lowest]} {_percent(held[-1, lowest])}"
            yield _line(f"{agent}, {method}", episodes, references, *map(_percent, held.mean(axis=1)), name)


HEADINGS = ("population", "episodes", "references", "mean", "mean magnitude", "share")


def _table(*headings: str) -> str:
    return f"{_line(*headings)}\n|{'---|' * len(headings)}"


def _line(*cells: object) -> str:
    return f"| {' | '.join(map(str, cells))} |"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


if __name__ == "__main__":
    main()
