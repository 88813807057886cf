"""Train pendulum-sac from scratch: a few minutes on one core."""

from pathlib import Path

import torch
from stable_baselines3 import SAC
from stable_baselines3.common.env_util import make_vec_env

ENVIRONMENT = "Pendulum-v1"
SEED = 1
STEPS = 12_000
# rl-baselines3-zoo's learning rate for SAC on Pendulum, a smaller network and fewer steps.
HYPERPARAMETERS = {"learning_rate": 1e-3, "net_arch": [64, 64], "batch_size": 128}


def train() -> SAC:
    """Return the trained model, the same on every run on one machine."""
    torch.set_num_threads(1)
    model = SAC(
        "MlpPolicy",
        make_vec_env(ENVIRONMENT, n_envs=1, seed=SEED),
        learning_rate=1e-3,
        batch_size=128,
        policy_kwargs={"net_arch": [64, 64]},
        seed=SEED,
        device="cpu",
    )
    return model.learn(STEPS, progress_bar=True)


if __name__ == "__main__":
    from rltools.experiments.publish import publish_agent

    publish_agent(
        train(),
        Path(__file__).parent,
        environment=ENVIRONMENT,
        description="Swings a pendulum up and holds it with SAC; its action is squashed by tanh.",
        hyperparameters=HYPERPARAMETERS,
        steps=STEPS,
        seed=SEED,
    )
