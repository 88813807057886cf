"""Two processes against one: record, explain, ablate and an experiment, on environments of MuJoCo.

The policies are untrained networks of the usual size, whose episodes take as long as those of trained ones do per step.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from time import perf_counter

from stable_baselines3 import PPO
from timing import Row

import rltools

ROUNDS = 3
BAR = ">= 1.8 x on two idle cores"
EXPERIMENT = """
description: How fast?
agents: [hopper-ppo]
methods: [integrated_gradients]
episodes: 20
seeds: [0, 1000, 2000, 3000]
reports: false
ablate: {seeds: 4, most: 4}
"""
Work = Callable[[Path, int], object]


def measure() -> list[Row]:
    """Wall time with one process, by that with two, in turn; the processes have been started before."""
    with tempfile.TemporaryDirectory() as name, _silence():
        folder = Path(name)
        rows = [*_on("HalfCheetah-v5", folder, 32, 5), *_on("Humanoid-v5", folder, 600, 200)]
        path = folder / "experiment.yaml"
        path.write_text(EXPERIMENT)
        rows.append(_row("experiment of 4 seeds, processes that start included", folder, _experiment(path)))
    return rows


@contextmanager
def _silence() -> Iterator[None]:
    """MuJoCo prints a warning for every environment that is made, in the other processes, too."""
    before, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(before, 2)


def _on(env: str, folder: Path, episodes: int, every: int) -> list[Row]:
    policy = rltools.load_policy(PPO("MlpPolicy", env, seed=0, device="cpu"), env)
    original = rltools.record(policy, env, episodes=episodes, directory=folder / env, workers=2)

    def record(out: Path, workers: int) -> object:
        return rltools.record(policy, env, episodes=episodes, directory=out, workers=workers)

    def explain(out: Path, workers: int) -> object:
        recording = _linked(original, out)
        options = {"method": "sampled_shapley", "permutations": 8, "references": 4, "every": every}
        return rltools.explain(recording, policy, workers=workers, **options)

    def ablate(out: Path, workers: int) -> object:
        options = {"seeds": 8, "most": 8, "second": None, "max_steps": 200, "groups": _groups(policy)}
        return rltools.ablate(policy, _linked(original, out), workers=workers, **options)

    return [
        _row(f"{env}: record {episodes} episodes", folder, record),
        _row(f"{env}: explain, sampled Shapley values of one step in {every}", folder, explain),
        _row(f"{env}: ablate, 8 groups of features at 8 seeds", folder, ablate),
    ]


def _groups(policy: rltools.Policy) -> dict[str, list[str]]:
    names = list(policy.features.names)
    return {f"group {number}": names[number::8] for number in range(8)}


def _linked(original: rltools.Recording, out: Path) -> rltools.Recording:
    """The same episodes in another folder."""
    (out / "episodes").mkdir(parents=True)
    for path in (original.directory / "recording.json", *original.directory.glob("episodes/*.parquet")):
        (out / path.relative_to(original.directory)).hardlink_to(path)
    return rltools.open_recording(out)


def _experiment(path: Path) -> Work:
    def run(out: Path, workers: int) -> object:
        return rltools.run_experiment(path, directory=out, workers=workers)

    return run


def _row(label: str, folder: Path, work: Work) -> Row:
    seconds: dict[int, list[float]] = {1: [], 2: []}
    for round_ in range(ROUNDS + 1):
        for workers, times in seconds.items():
            with tempfile.TemporaryDirectory(dir=folder) as out:
                begun = perf_counter()
                work(Path(out) / "run", workers)
                if round_:  # the first starts the processes
                    times.append(perf_counter() - begun)
    alone, both = median(seconds[1]), median(seconds[2])
    return Row(f"{label}: one process by two ({alone:.1f} and {both:.1f} s)", f"{alone / both:.2f} x", BAR)


if __name__ == "__main__":
    for row in measure():
        print(row)
