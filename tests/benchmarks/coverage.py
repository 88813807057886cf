"""How often 95 % intervals hold the truth: of made-up populations whose truth is known, and of a real agent's episodes.

`python tests/benchmarks/coverage.py` prints the whole study as a table; `--agent` takes the episodes of an agent that
comes along as the population instead. `docs/uncertainty.md` has what it printed.
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
    """What one run of an agent gives.

    Attributes:
        values: float `[step, reference, feature]`, in the order of the episodes.
        episodes: int64 `[step]`, of each step.
        unit: of the attribution.
    """

    values: np.ndarray
    episodes: np.ndarray
    unit: str = "score"


Population = Callable[[np.random.Generator, int, int], Sample]
"""Draws so many episodes and references."""


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


POPULATIONS: dict[str, Population] = {
    "even: factors of 30 %": skewed(0.3, 0.3),
    "skewed: factors of 80 % by episode, 50 % by reference": skewed(0.8, 0.5),
    "hanging on references: 30 % and 60 %": skewed(0.3, 0.6),
    "of either sign": signed,
    "changed decisions": decisions,
}


def sums_of(sample: Sample) -> Sums:
    """What a summary collects of a recording with these attributions."""
    values, episodes = sample.values, sample.episodes
    references, rows = values.shape[1], episodes[:, None] == np.unique(episodes)
    ends = np.arange(BLOCKS + 1) * references // BLOCKS
    whole = values.sum(axis=1)
    parts = [whole / references]
    for start, stop in pairwise(ends):
        parts.append((whole - values[:, start:stop].sum(axis=1)) / (references - stop + start))
    kinds = np.stack([np.stack([part, np.abs(part)]) for part in parts])  # [part, kind, step, feature]
    totals = np.einsum("pksf,se->pekf", kinds, rows.astype(float))[:, :, None, :, None]
    count, nothing = rows.sum(axis=0), np.zeros(rows.shape[1], np.int64)
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
    )


def intervals(sample: Sample) -> dict[str, Interval]:
    """Those of a summary that are looked at."""
    found = estimate(sums_of(sample), 0, LEVEL, sample.unit)
    return {"mean": found.mean, "mean magnitude": found.mean_absolute, "share": found.share}


def coverage(draw: Population, truth: dict[str, np.ndarray], episodes: int, references: int, rounds: int) -> np.ndarray:
    """How often each of the intervals holds the truth: float `[statistic]`, over all features."""
    rng, held = np.random.default_rng([episodes, references]), []
    for _ in range(rounds):
        found = intervals(draw(rng, episodes, references))
        held.append([((end.low <= truth[name]) & (truth[name] <= end.high)).mean() for name, end in found.items()])
    return np.mean(held, axis=0)


def truth_of(draw: Population) -> dict[str, np.ndarray]:
    """What very many episodes with very many references come to."""
    found = [intervals(draw(np.random.default_rng([7, part]), 200, 400)) for part in range(16)]
    return {name: np.mean([part[name].value for part in found], axis=0) for name in found[0]}


def study(rounds: int) -> Iterator[tuple[str, int, int, np.ndarray]]:
    """Each population, number of episodes and of references, with how often its intervals hold."""
    for name, draw in POPULATIONS.items():
        truth = truth_of(draw)
        for episodes in EPISODES:
            for references in REFERENCES:
                yield name, episodes, references, coverage(draw, truth, episodes, references, rounds)


def returns(episodes: int, rounds: int) -> float:
    """How often the interval of a mean return holds, of returns that are skewed to the left as those of landings."""
    rng, held = np.random.default_rng(episodes), 0
    for _ in range(rounds):
        found = across(250 - rng.gamma(4, 20, episodes)).interval(LEVEL)
        held += bool(found.low <= 170 <= found.high)
    return held / rounds


def of_agent(agent: str, method: str, episodes: int = 60) -> tuple[Population, dict[str, np.ndarray]]:
    """A recorded agent as a population: episodes are drawn from those recorded, references from the episodes drawn."""
    import rltools

    policy = rltools.load_policy(agent)
    with tempfile.TemporaryDirectory() as folder:
        recording = rltools.record(policy, episodes=episodes, directory=Path(folder) / "run", seed=10_000)
        rng = np.random.default_rng(0)
        visited = [episode.states for episode in recording]
        picked = [rng.choice(len(states), 5, replace=False) for states in visited]
        pool = np.concatenate([states[rows] for states, rows in zip(visited, picked, strict=True)])
        unit, by_reference, where = "", [], []
        for state in pool:
            rltools.explain(recording, policy, method=method, references=state[None], every=8)
        for key, spec in recording.specs.items():
            parts = [recording.attribution_of(key, episodes=[number]).values[:, 0] for number in recording.numbers]
            used = [np.isfinite(part).all(axis=1) for part in parts]
            by_reference.append(np.concatenate([part[rows] for part, rows in zip(parts, used, strict=True)]))
            where = np.concatenate([np.full(rows.sum(), at) for at, rows in enumerate(used)])
            unit = spec.unit
        # Folders are in the order of their names: which reference is whose is asked of each.
        order = [recording.attribution_of(key, episodes=[]).references[0] for key in recording.specs]
    found = [next(at for at, state in enumerate(pool) if np.array_equal(state, one)) for one in order]
    values = np.stack(by_reference, axis=1)[:, np.argsort(found)]
    steps = np.bincount(where, minlength=episodes)

    def draw(rng: np.random.Generator, count: int, references: int) -> Sample:
        chosen = rng.integers(episodes, size=count)
        rows = np.concatenate([np.flatnonzero(where == one) for one in chosen])
        of_those = np.sort(rng.choice(count, references, p=steps[chosen] / steps[chosen].sum()))
        compared = 5 * chosen[of_those] + rng.integers(5, size=references)
        return Sample(values[rows][:, compared], np.repeat(np.arange(count), steps[chosen]), unit)

    whole = intervals(Sample(values, where, unit))
    return draw, {name: end.value for name, end in whole.items()}


def measure() -> list[Row]:
    """A short run: the lowest and the highest coverage of each population."""
    found: dict[str, list[float]] = {}
    for name, _, _, held in study(rounds=60):
        found.setdefault(name, []).extend(held.tolist())
    return [
        Row(f"95 % intervals hold, {name}", f"{100 * min(held):.0f} to {100 * max(held):.0f} %", "92 to 97 %")
        for name, held in found.items()
    ]


def main() -> None:
    """Print the study as a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repetitions", type=int, default=1000)
    parser.add_argument("--agent", default="")
    parser.add_argument("--method", default="decision_change")
    given = parser.parse_args()
    print("| population | episodes | references | mean | mean magnitude | share |\n|---|---|---|---|---|---|")
    if given.agent:
        draw, truth = of_agent(given.agent, given.method)
        name = f"{given.agent}, {given.method}"
        rows = [
            (name, episodes, references, coverage(draw, truth, episodes, references, given.repetitions))
            for episodes in EPISODES
            for references in REFERENCES
        ]
    else:
        rows = study(given.repetitions)
    for name, episodes, references, held in rows:
        print(f"| {name} | {episodes} | {references} | {' | '.join(f'{100 * share:.1f} %' for share in held)} |")
    if not given.agent:
        for episodes in EPISODES:
            print(f"| returns, skewed | {episodes} | | {100 * returns(episodes, given.repetitions):.1f} % | | |")


if __name__ == "__main__":
    main()
