"""Train taxi-masked-ppo from scratch: a few minutes on one core."""

from pathlib import Path

import gymnasium
import numpy as np
import torch
from sb3_contrib import MaskablePPO
from sb3_contrib.common.wrappers import ActionMasker
from stable_baselines3.common.env_util import make_vec_env

ENVIRONMENT = "Taxi-v4"
SEED = 1
STEPS = 300_000
HYPERPARAMETERS = {
    "n_envs": 8,
    "n_steps": 128,
    "batch_size": 256,
    "n_epochs": 8,
    "gamma": 0.98,
    "learning_rate": 1e-3,
    "ent_coef": 0.01,
    "net_arch": [64],
}


def action_mask(env: gymnasium.Env) -> np.ndarray:
    """The actions that have an effect, according to the environment."""
    taxi = env.unwrapped
    return taxi.action_mask(taxi.s).astype(bool)


def train() -> MaskablePPO:
    """Return the trained model, the same on every run on one machine."""
    torch.set_num_threads(1)
    environments = make_vec_env(
        ENVIRONMENT, n_envs=8, seed=SEED, wrapper_class=ActionMasker, wrapper_kwargs={"action_mask_fn": action_mask}
    )
    model = MaskablePPO(
        "MlpPolicy",
        environments,
        n_steps=128,
        batch_size=256,
        n_epochs=8,
        gamma=0.98,
        learning_rate=1e-3,
        ent_coef=0.01,
        policy_kwargs={"net_arch": [64]},
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
        description="Drives a taxi with MaskablePPO, choosing among the moves that are allowed.",
        hyperparameters=HYPERPARAMETERS,
        steps=STEPS,
        seed=SEED,
    )
