"""Train lavagap-cnn-ppo from scratch: about a quarter of an hour on one core."""

from pathlib import Path
from tempfile import TemporaryDirectory

import gymnasium
import torch
from minigrid.wrappers import ImgObsWrapper, RGBImgPartialObsWrapper
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import EvalCallback
from stable_baselines3.common.env_util import make_vec_env

ENVIRONMENT = "MiniGrid-LavaGapS5-v0"
WRAPPERS = [{"name": "RGBImgPartialObsWrapper", "kwargs": {"tile_size": 6}}, {"name": "ImgObsWrapper"}]
SEED = 1
STEPS = 250_000
HYPERPARAMETERS = {
    "n_envs": 8,
    "n_steps": 128,
    "batch_size": 128,
    "n_epochs": 4,
    "ent_coef": 0.01,
    "learning_rate": 5e-4,
    "features_extractor_kwargs": {"features_dim": 64},
    "kept": "best of the evaluations every 20,000 steps over 30 episodes",
}


def wrap(env: gymnasium.Env) -> gymnasium.Env:
    """Observe the agent's view as an image of 42 x 42 pixels, and nothing else."""
    return ImgObsWrapper(RGBImgPartialObsWrapper(env, tile_size=6))


def train() -> PPO:
    """Return the trained model, the same on every run on one machine."""
    torch.set_num_threads(1)
    model = PPO(
        "CnnPolicy",
        make_vec_env(ENVIRONMENT, n_envs=8, seed=SEED, wrapper_class=wrap),
        n_steps=128,
        batch_size=128,
        n_epochs=4,
        ent_coef=0.01,
        learning_rate=5e-4,
        policy_kwargs={"features_extractor_kwargs": {"features_dim": 64}},
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
        description="Crosses a room with lava by its gap, from pixels, with PPO and a CNN.",
        hyperparameters=HYPERPARAMETERS,
        steps=STEPS,
        seed=SEED,
    )
