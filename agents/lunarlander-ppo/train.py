"""Train lunarlander-ppo from scratch: about an hour on one busy core."""

from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import EvalCallback
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.utils import LinearSchedule

ENVIRONMENT = "LunarLander-v3"
SEED = 1
STEPS = 2_000_000
# rl-baselines3-zoo's settings for PPO on LunarLander, trained twice as long
# with a falling learning rate; the best evaluated model is kept.
HYPERPARAMETERS = {
    "n_envs": 16,
    "n_steps": 1024,
    "batch_size": 64,
    "gae_lambda": 0.98,
    "gamma": 0.999,
    "n_epochs": 4,
    "ent_coef": 0.01,
    "learning_rate": "linear from 3e-4 to 0",
    "kept": "best of the evaluations every 100,000 steps over 30 episodes",
}


def train() -> PPO:
    """Return the trained model, the same on every run on one machine."""
    torch.set_num_threads(1)
    environments = make_vec_env(ENVIRONMENT, n_envs=16, seed=SEED)
    model = PPO(
        "MlpPolicy",
        environments,
        n_steps=1024,
        batch_size=64,
        gae_lambda=0.98,
        gamma=0.999,
        n_epochs=4,
        ent_coef=0.01,
        learning_rate=LinearSchedule(3e-4, 0.0, 1.0),
        seed=SEED,
        device="cpu",
    )
    with TemporaryDirectory() as folder:
        best = EvalCallback(
            make_vec_env(ENVIRONMENT, n_envs=10, seed=10_000 + SEED),
            n_eval_episodes=30,
            eval_freq=100_000 // 16,
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
        description="Lands on the moon with PPO; the agent of the demo.",
        hyperparameters=HYPERPARAMETERS,
        steps=STEPS,
        seed=SEED,
    )
