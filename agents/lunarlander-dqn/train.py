"""Train lunarlander-dqn from scratch: about an hour on one busy core."""

from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from stable_baselines3 import DQN
from stable_baselines3.common.callbacks import EvalCallback
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.utils import LinearSchedule

ENVIRONMENT = "LunarLander-v3"
SEED = 1
STEPS = 500_000
# rl-baselines3-zoo's settings for DQN on LunarLander, trained five times as long
# with a larger buffer and a falling learning rate; the best evaluated model is kept.
HYPERPARAMETERS = {
    "net_arch": [256, 256],
    "batch_size": 128,
    "buffer_size": 200_000,
    "gamma": 0.99,
    "learning_rate": "linear from 6.3e-4 to 1e-5",
    "learning_starts": 1000,
    "train_freq": 4,
    "gradient_steps": 2,
    "target_update_interval": 500,
    "exploration_fraction": 0.2,
    "exploration_final_eps": 0.05,
    "kept": "best of the evaluations every 20,000 steps over 30 episodes",
}


def train() -> DQN:
    """Return the trained model, the same on every run on one machine."""
    torch.set_num_threads(1)
    model = DQN(
        "MlpPolicy",
        make_vec_env(ENVIRONMENT, n_envs=1, seed=SEED),
        policy_kwargs={"net_arch": [256, 256]},
        batch_size=128,
        buffer_size=200_000,
        gamma=0.99,
        learning_rate=LinearSchedule(6.3e-4, 1e-5, 1.0),
        learning_starts=1000,
        train_freq=4,
        gradient_steps=2,
        target_update_interval=500,
        exploration_fraction=0.2,
        exploration_final_eps=0.05,
        seed=SEED,
        device="cpu",
    )
    with TemporaryDirectory() as folder:
        best = EvalCallback(
            make_vec_env(ENVIRONMENT, n_envs=10, seed=10_000 + SEED),
            n_eval_episodes=30,
            eval_freq=20_000,
            best_model_save_path=folder,
        )
        model.learn(STEPS, callback=best, progress_bar=True)
        return DQN.load(Path(folder) / "best_model.zip", device="cpu")


if __name__ == "__main__":
    from rltools.experiments.publish import publish_agent

    publish_agent(
        train(),
        Path(__file__).parent,
        environment=ENVIRONMENT,
        description="Lands on the moon with DQN, to compare with lunarlander-ppo.",
        hyperparameters=HYPERPARAMETERS,
        steps=STEPS,
        seed=SEED,
    )
