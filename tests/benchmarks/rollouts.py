"""Record, explain and write, against SB3's evaluate_policy, which records nothing."""

from __future__ import annotations

import tempfile
from pathlib import Path
from time import perf_counter

from stable_baselines3 import PPO
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.evaluation import evaluate_policy
from timing import Row

import rltools

EPISODES = 48
ROUNDS = 7


def measure() -> list[Row]:
    """Steps per second with 16 environments, one after the other in turn."""
    rows = []
    for agent, bar in (("lunarlander-ppo", 3.0), ("cartpole-ppo", 1.2)):
        policy = rltools.load_policy(agent)
        model = PPO.load(Path("agents") / agent / "model.zip", device="cpu")
        environments = make_vec_env(policy_environment(policy), n_envs=16, seed=0)
        ratios, shares, speeds, peers = [], [], [], []
        for round_ in range(ROUNDS + 1):
            start = perf_counter()
            _, lengths = evaluate_policy(model, environments, EPISODES, return_episode_rewards=True)
            peer = sum(lengths) / (perf_counter() - start)
            with tempfile.TemporaryDirectory() as folder:
                start = perf_counter()
                recording = rltools.record(policy, episodes=EPISODES, seed=1000 * round_, directory=folder)
                recorded = perf_counter()
                rltools.explain(recording, policy)
                end = perf_counter()
                steps = sum(outcome.steps for outcome in recording.outcomes())
            if round_:
                ratios.append(steps / (end - start) / peer)
                shares.append((end - recorded) / (end - start))
                speeds.append(steps / (end - start))
                peers.append(peer)
        middle = ROUNDS // 2
        ratio, share = sorted(ratios)[middle], sorted(shares)[middle]
        speed, peer = sorted(speeds)[middle], sorted(peers)[middle]
        rows += [
            Row(
                f"{agent}: record + explain + write against evaluate_policy ({speed:,.0f} and {peer:,.0f} steps/s)",
                f"{ratio:.1f} x",
                f">= {bar} x",
            ),
            Row(f"{agent}: explain's share of that time, reading and writing included", f"{share:.0%}", "<= 25 %"),
        ]
    return rows


def policy_environment(policy: rltools.Policy) -> str:
    """The id of the environment a policy was trained on."""
    from rltools.envs import spec_from_json

    assert policy.source.environment is not None
    return spec_from_json(policy.source.environment).id
