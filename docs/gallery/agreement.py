"""Whether methods rank the features alike: `python docs/gallery/agreement.py [PICTURE]`."""

import sys
import tempfile
from pathlib import Path

import rltools

picture = sys.argv[1] if len(sys.argv) > 1 else Path(__file__).with_suffix(".png")
policy = rltools.load_policy("lunarlander-ppo")
with tempfile.TemporaryDirectory() as folder:
    recording = rltools.record(policy, episodes=8, directory=folder)
    for method in ("gradient", "smooth_grad", "integrated_gradients", "std", "random"):
        rltools.explain(recording, policy, method=method)
    figure = rltools.plots.agreement(recording).figure
figure.savefig(picture, dpi=150)
