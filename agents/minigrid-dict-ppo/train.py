"""Train minigrid-dict-ppo from scratch: a few minutes on one core."""

from pathlib import Path
from tempfile import TemporaryDirectory

import gymnasium
import torch
from gymnasium.wrappers import FilterObservation
from minigrid.wrappers import RGBImgPartialObsWrapper
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import EvalCallback
from stable_baselines3.common.env_util import make_vec_env

ENVIRONMENT = "MiniGrid-Empty-Random-5x5-v0"
WRAPPERS = [
    {"name": "RGBImgPartialObsWrapper", "kwargs": {"tile_size": 6}},
    {"name": "FilterObservation", "kwargs": {"filter_keys": ["image", "direction"]}},
]
SEED = 1
STEPS = 120_000
HYPERPARAMETERS = {
    "n_envs": 8,
    "n_steps": 128,
    "batch_size": 128,
    "n_epochs": 4,
    "ent_coef": 0.01,
    "learning_rate": 5e-4,
    "features_extractor_kwargs": {"cnn_output_dim": 32},
    "kept": "best of the evaluations every 20,000 steps over 30 episodes",
}


def wrap(env: gymnasium.Env) -> gymnasium.Env:
    """Observe the agent's view as an image, and its direction."""
    return FilterObservation(RGBImgPartialObsWrapper(env, tile_size=6), filter_keys=["image", "direction"])


def train() -> PPO:
    """Return the trained model, the same on every run on one machine."""
    torch.set_num_threads(1)
    model = PPO(
        "MultiInputPolicy",
        make_vec_env(ENVIRONMENT, n_envs=8, seed=SEED, wrapper_class=wrap),
        n_steps=128,
        batch_size=128,
        n_epochs=4,
        ent_coef=0.01,
        learning_rate=5e-4,
        policy_kwargs={"features_extractor_kwargs": {"cnn_output_dim": 32}},
        seed=SEED,
        device="cpu",
    )
    with TemporaryDirectory() as folder:
        best = EvalCallback(
            make_vec_env(ENVIRONMENT, n_envs=5, seed=10_000 + SEED, wrapper_class=wrap),
            n_eval_episodes=30,
            eval_freq=20_000 // 8,
            best_model_save_path=folder,
        )
        model.learn(STEPS, callback=best, progress_bar=True)
        return PPO.load(Path(folder) / "best_model.zip", device="cpu")


if __name__ == "__main__":
    from rltools.experiments.publish import publish_agent

    publish_agent(
        train(),
        Path(__file__).parent,
        environment=ENVIRONMENT,
        wrappers=WRAPPERS,
        description="Finds the goal of an empty room from a picture and its direction, a Dict, with PPO.",
        hyperparameters=HYPERPARAMETERS,
        steps=STEPS,
        seed=SEED,
    )
