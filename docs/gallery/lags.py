"""How far back a policy with a memory looks: `python docs/gallery/lags.py [PICTURE]`."""

import sys
import tempfile
from pathlib import Path

import rltools

picture = sys.argv[1] if len(sys.argv) > 1 else Path(__file__).with_suffix(".png")
policy = rltools.load_policy("cartpole-recurrent-ppo")
with tempfile.TemporaryDirectory() as folder:
    recording = rltools.record(policy, episodes=6, max_steps=200, directory=folder)
    rltools.explain(recording, policy, method="integrated_gradients", window=8)
    figure = rltools.plots.lags(recording).figure
figure.savefig(picture, dpi=150)
