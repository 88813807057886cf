"""Draw the picture of docs/methods/shapley.md: `python docs/methods/shapley.py [PICTURE]`."""

import sys
import tempfile
from pathlib import Path

import rltools

METHODS = ["shapley", "sampled_shapley", "std", "random"]
picture = sys.argv[1] if len(sys.argv) > 1 else Path(__file__).with_suffix(".png")
policy = rltools.load_policy("lunarlander-ppo")
with tempfile.TemporaryDirectory() as folder:
    recording = rltools.record(policy, episodes=6, directory=folder)
    for method in METHODS:
        rltools.explain(recording, policy, method=method, references=8)
        print(rltools.summarize(recording, method=method).findings[0])
    figure = rltools.plots.importance(recording, method=METHODS).figure
figure.savefig(picture, dpi=150)
