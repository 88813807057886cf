"""Losses of return: rollouts in which features are hidden, against rollouts that are recorded."""

from __future__ import annotations

import tempfile
from statistics import median
from time import perf_counter

from timing import Row

import rltools

ROUNDS = 5
NUM_ENVS = 64
AGENT = "lunarlander-ppo"
EPISODES = 144
"""As many as 8 features and none take at 16 seeds."""


def measure() -> list[Row]:
    """Steps per second of both with 64 environments, in turn; and all coalitions of 8 features, once."""
    policy = rltools.load_policy(AGENT)
    ratios, seconds, coalitions = [], [], 0.0
    for round_ in range(ROUNDS + 1):
        with tempfile.TemporaryDirectory() as folder:
            start = perf_counter()
            recording = rltools.record(
                policy, episodes=EPISODES, seed=1000 * round_, num_envs=NUM_ENVS, directory=folder
            )
            recorded = perf_counter() - start
            steps = sum(outcome.steps for outcome in recording.outcomes())
            start = perf_counter()
            ablation = rltools.ablate(policy, recording, seeds=16, most=16, second=None, seed=round_)
            ablated = perf_counter() - start
            if round_:
                ratios.append(ablation.rollouts.steps.sum() / ablated * recorded / steps)
                seconds.append(ablated)
            else:
                start = perf_counter()
                rltools.ablate(policy, recording, seeds=16, most=16, second=None, coalitions=True, seed=99)
                coalitions = perf_counter() - start
    return [
        Row(f"{AGENT}: losses of 8 features and none, 16 seeds", f"{median(seconds):.1f} s", "<= 8 s"),
        Row(f"{AGENT}: its steps per second against those of record", f"{median(ratios):.2f} x", ">= 0.8 x"),
        Row(f"{AGENT}: all 256 coalitions, 16 seeds", f"{coalitions:.0f} s", "<= 90 s"),
    ]
