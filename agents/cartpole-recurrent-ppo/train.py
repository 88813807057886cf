"""Train cartpole-recurrent-ppo from scratch: a few minutes on one core."""

from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from sb3_contrib import RecurrentPPO
from stable_baselines3.common.callbacks import EvalCallback
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.utils import LinearSchedule

from rltools.wrappers import SelectFeatures

ENVIRONMENT = "CartPole-v1"
WRAPPERS = [{"name": "SelectFeatures", "kwargs": {"keep": ["cart position", "pole angle"]}}]
SEED = 1
STEPS = 200_000
# rl-baselines3-zoo's settings for CartPoleNoVel, with a smaller LSTM.
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
    "enable_critic_lstm": False,
    "lstm_hidden_size": 32,
    "net_arch": [64],
    "ortho_init": False,
    "kept": "best of the evaluations every 20,000 steps over 20 episodes",
}


def train() -> RecurrentPPO:
    """Return the trained model, the same on every run on one machine."""
    torch.set_num_threads(1)
    wrapped = {"wrapper_class": SelectFeatures, "wrapper_kwargs": WRAPPERS[0]["kwargs"]}
    model = RecurrentPPO(
        "MlpLstmPolicy",
        make_vec_env(ENVIRONMENT, n_envs=8, seed=SEED, **wrapped),
        n_steps=32,
        batch_size=256,
        gae_lambda=0.8,
        gamma=0.98,
        n_epochs=20,
        ent_coef=0.0,
        learning_rate=LinearSchedule(1e-3, 0.0, 1.0),
        clip_range=LinearSchedule(0.2, 0.0, 1.0),
        policy_kwargs={"enable_critic_lstm": False, "lstm_hidden_size": 32, "net_arch": [64], "ortho_init": False},
        seed=SEED,
        device="cpu",
    )
    with TemporaryDirectory() as folder:
        best = EvalCallback(
            make_vec_env(ENVIRONMENT, n_envs=5, seed=10_000 + SEED, **wrapped),
            n_eval_episodes=20,
            eval_freq=20_000 // 8,
            best_model_save_path=folder,
        )
        model.learn(STEPS, callback=best, progress_bar=True)
        return RecurrentPPO.load(Path(folder) / "best_model.zip", device="cpu")


if __name__ == "__main__":
    from rltools.experiments.publish import publish_agent

    publish_agent(
        train(),
        Path(__file__).parent,
        environment=ENVIRONMENT,
        wrappers=WRAPPERS,
        description="Balances a pole without seeing any velocity, with RecurrentPPO; it has to remember.",
        hyperparameters=HYPERPARAMETERS,
        steps=STEPS,
        seed=SEED,
    )
