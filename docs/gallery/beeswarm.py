"""How each feature moves the score: `python docs/gallery/beeswarm.py [PICTURE]`."""

import sys
import tempfile
from pathlib import Path

import rltools

picture = sys.argv[1] if len(sys.argv) > 1 else Path(__file__).with_suffix(".png")
policy = rltools.load_policy("lunarlander-ppo")
with tempfile.TemporaryDirectory() as folder:
    recording = rltools.record(policy, episodes=8, directory=folder)
    rltools.explain(recording, policy, method="integrated_gradients")
    figure = rltools.plots.beeswarm(recording).figure
figure.savefig(picture, dpi=150)
