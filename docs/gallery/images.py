"""Where in its pictures an agent looks: `python docs/gallery/images.py [PICTURE]`."""

import sys
import tempfile
from pathlib import Path

import rltools

picture = sys.argv[1] if len(sys.argv) > 1 else Path(__file__).with_suffix(".png")
policy = rltools.load_policy("lavagap-cnn-ppo")
with tempfile.TemporaryDirectory() as folder:
    recording = rltools.record(policy, episodes=5, directory=folder)
    rltools.explain(recording, policy, method="integrated_gradients")
    figure = rltools.plots.images(recording).figure
figure.savefig(picture, dpi=150)
