"""Which features matter, by several methods and a control: `python docs/gallery/importance.py [PICTURE]`."""

import sys
import tempfile
from pathlib import Path

import rltools

picture = sys.argv[1] if len(sys.argv) > 1 else Path(__file__).with_suffix(".png")
policy = rltools.load_policy("lunarlander-ppo")
methods = ["gradient", "integrated_gradients", "random"]
with tempfile.TemporaryDirectory() as folder:
    recording = rltools.record(policy, episodes=8, directory=folder)
    for method in methods:
        rltools.explain(recording, policy, method=method)
    figure = rltools.plots.importance(recording, method=methods).figure
figure.savefig(picture, dpi=150)
