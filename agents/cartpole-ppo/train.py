"""Train cartpole-ppo from scratch: under two minutes on one core."""

from pathlib import Path

import torch
from stable_baselines3 import PPO
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.utils import LinearSchedule

ENVIRONMENT = "CartPole-v1"
SEED = 1
STEPS = 200_000
# rl-baselines3-zoo's settings for PPO on CartPole, trained twice as long.
HYPERPARAMETERS = {
    "n_envs": 8,
    "n_steps": 32,
    "batch_size": 256,
    "gae_lambda": 0.8,
    "gamma": 0.98,
    "n_epochs": 20,
    "ent_coef": 0.0,
    "learning_rate": "linear from 1e-3 to 0",
    "clip_range": "linear from 0.2 to 0",
}


def train() -> PPO:
    """Return the trained model, the same on every run on one machine."""
    torch.set_num_threads(1)
    environments = make_vec_env(ENVIRONMENT, n_envs=8, seed=SEED)
    model = PPO(
        "MlpPolicy",
        environments,
        n_steps=32,
        batch_size=256,
        gae_lambda=0.8,
        gamma=0.98,
        n_epochs=20,
        ent_coef=0.0,
        learning_rate=LinearSchedule(1e-3, 0.0, 1.0),
        clip_range=LinearSchedule(0.2, 0.0, 1.0),
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
        description="Balances a pole on a cart; solves CartPole-v1.",
        hyperparameters=HYPERPARAMETERS,
        steps=STEPS,
        seed=SEED,
    )
