"""Train hopper-ppo from scratch: about half an hour on one core."""

from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import BaseCallback, EvalCallback
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.utils import LinearSchedule
from stable_baselines3.common.vec_env import VecNormalize

ENVIRONMENT = "Hopper-v5"
SEED = 1
STEPS = 1_500_000
# The settings of the PPO paper for MuJoCo with eight parallel environments; observations and rewards are
# normalized, and the best evaluated model is kept, with its statistics.
HYPERPARAMETERS = {
    "n_envs": 8,
    "n_steps": 256,
    "batch_size": 64,
    "gae_lambda": 0.95,
    "gamma": 0.99,
    "n_epochs": 10,
    "learning_rate": "linear from 3e-4 to 0",
    "kept": "best of the evaluations every 50,000 steps over 20 episodes",
}


class SaveStatistics(BaseCallback):
    """Keep the statistics that belong to the best model."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path

    def _on_step(self) -> bool:
        statistics = self.model.get_vec_normalize_env()
        assert statistics is not None
        statistics.save(str(self.path))
        return True


def train() -> PPO:
    """Return the trained model, the same on every run on one machine."""
    torch.set_num_threads(1)
    environments = VecNormalize(make_vec_env(ENVIRONMENT, n_envs=8, seed=SEED), gamma=0.99)
    model = PPO(
        "MlpPolicy",
        environments,
        n_steps=256,
        batch_size=64,
        gae_lambda=0.95,
        gamma=0.99,
        n_epochs=10,
        learning_rate=LinearSchedule(3e-4, 0.0, 1.0),
        seed=SEED,
        device="cpu",
    )
    with TemporaryDirectory() as folder:
        statistics = Path(folder) / "vecnormalize.pkl"
        best = EvalCallback(
            VecNormalize(make_vec_env(ENVIRONMENT, n_envs=10, seed=10_000 + SEED), training=False, norm_reward=False),
            n_eval_episodes=20,
            eval_freq=50_000 // 8,
            best_model_save_path=folder,
            callback_on_new_best=SaveStatistics(statistics),
        )
        model.learn(STEPS, callback=best, progress_bar=True)
        environments = VecNormalize.load(str(statistics), make_vec_env(ENVIRONMENT))
        return PPO.load(Path(folder) / "best_model.zip", env=environments, device="cpu")


if __name__ == "__main__":
    from rltools.experiments.publish import publish_agent

    publish_agent(
        train(),
        Path(__file__).parent,
        environment=ENVIRONMENT,
        description="Hops forward with PPO; its observations are normalized.",
        hyperparameters=HYPERPARAMETERS,
        steps=STEPS,
        seed=SEED,
    )
