"""Many episodes beside each other: `python docs/gallery/episode_grid.py [PICTURE]`."""

import sys
import tempfile
from pathlib import Path

import rltools

picture = sys.argv[1] if len(sys.argv) > 1 else Path(__file__).with_suffix(".png")
policy = rltools.load_policy("lunarlander-ppo")
with tempfile.TemporaryDirectory() as folder:
    recording = rltools.record(policy, episodes=16, directory=folder)
    rltools.explain(recording, policy, method="integrated_gradients", every=2)
    figure = rltools.plots.episode_grid(recording).figure
figure.savefig(picture, dpi=150)
