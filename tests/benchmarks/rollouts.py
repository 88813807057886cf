"""Record, explain and write, against a bare step loop and against SB3's evaluate_policy, which record nothing."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from time import process_time

import gymnasium
from gymnasium.envs.registration import EnvSpec
from stable_baselines3 import PPO
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.evaluation import evaluate_policy
from timing import Row

import rltools
from rltools.envs import spec_from_json
from rltools.recording import Episode

EPISODES = 48
ROUNDS = 7
NUM_ENVS = (16, 64, 256)


def measure() -> list[Row]:
    """Processor time per step, this process with all its threads; what is compared takes turns."""
    return [row for agent, bar in (("lunarlander-ppo", 3.0), ("cartpole-ppo", 2.0)) for row in _measure(agent, bar)]


def _measure(agent: str, bar: float) -> list[Row]:
    policy = rltools.load_policy(agent)
    spec = policy_environment(policy)
    model = PPO.load(Path("agents") / agent / "model.zip", device="cpu")
    environments = make_vec_env(spec.id, n_envs=16, seed=0)
    rounds = []
    for round_ in range(ROUNDS + 1):
        start = process_time()
        _, lengths = evaluate_policy(model, environments, EPISODES, return_episode_rewards=True)
        peer = (process_time() - start) / sum(lengths)
        with tempfile.TemporaryDirectory() as folder:
            start = process_time()
            recording = rltools.record(policy, episodes=EPISODES, seed=1000 * round_, directory=folder)
            recorded = process_time()
            rltools.explain(recording, policy, method="gradient")
            explained = process_time()
            episodes = list(recording)
        steps = sum(map(len, episodes))
        rounds.append(((recorded - start) / steps, (explained - recorded) / steps, step_alone(spec, episodes), peer))
    record, explain, bare, peer = (median(times) for times in zip(*rounds[1:], strict=True))
    ours = record + explain
    return [
        Row(
            f"{agent}: a bare step loop of the same actions against record + explain + write "
            f"({1e6 * bare:.0f} and {1e6 * record:.0f} + {1e6 * explain:.1f} us a step)",
            f"{bare / ours:.2f}",
            ">= 0.55",
        ),
        Row(
            f"{agent}: record + explain + write against evaluate_policy ({1e6 * peer:.0f} us a step)",
            f"{peer / ours:.1f} x",
            f">= {bar} x",
        ),
        Row(f"{agent}: explain's share, reading and writing included", f"{explain / ours:.0%}", "<= 8 %"),
        *_side_by_side(agent, policy),
    ]


def _side_by_side(agent: str, policy: rltools.Policy) -> list[Row]:
    """Record with several numbers of environments, against the number that is chosen."""
    times: dict[int | None, list[float]] = {num_envs: [] for num_envs in (None, *NUM_ENVS)}
    for _ in range(ROUNDS // 2 + 1):
        for num_envs, measured in times.items():
            start = process_time()
            rltools.record(policy, episodes=max(NUM_ENVS), max_steps=100, num_envs=num_envs)
            measured.append(process_time() - start)
    chosen = median(times[None][1:])
    return [
        Row(
            f"{agent}: record with num_envs={num_envs}, against the default",
            f"{median(times[num_envs][1:]) / chosen:.2f} x",
            "",
        )
        for num_envs in NUM_ENVS
    ]


def step_alone(spec: EnvSpec, episodes: Sequence[Episode]) -> float:
    """Seconds per step of a loop that takes recorded actions from the same seeds: no network, and nothing is kept."""
    start = process_time()
    for episode in episodes:
        env = gymnasium.make(spec)
        env.reset(seed=episode.outcome.seed)
        for action in episode.actions:
            env.step(action)
    return (process_time() - start) / sum(map(len, episodes))


def policy_environment(policy: rltools.Policy) -> EnvSpec:
    """The specification of the environment a policy was trained on."""
    assert policy.source.environment is not None
    return spec_from_json(policy.source.environment)
