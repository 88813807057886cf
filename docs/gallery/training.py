"""What an agent comes to look at while it learns: `python docs/gallery/training.py [PICTURE]`."""

import sys
import tempfile
from pathlib import Path

import torch
from stable_baselines3 import PPO

import rltools

torch.set_num_threads(1)  # on two it would be another training
picture = sys.argv[1] if len(sys.argv) > 1 else Path(__file__).with_suffix(".png")
model = PPO("MlpPolicy", "CartPole-v1", n_steps=256, learning_rate=1e-3, seed=2, device="cpu")
recordings = {}
with tempfile.TemporaryDirectory() as folder:
    for steps in range(0, 4097, 1024):
        if steps:
            model.learn(1024, reset_num_timesteps=False)
        policy = rltools.load_policy(model)
        recordings[steps] = rltools.record(policy, episodes=5, max_steps=150, directory=Path(folder) / str(steps))
        rltools.explain(recordings[steps], policy, method="gradient")
    figure = rltools.plots.training(recordings).figure
figure.savefig(picture, dpi=150)
