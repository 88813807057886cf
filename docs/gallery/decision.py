"""What pushed one decision: `python docs/gallery/decision.py [PICTURE]`."""

import sys
import tempfile
from pathlib import Path

import rltools

picture = sys.argv[1] if len(sys.argv) > 1 else Path(__file__).with_suffix(".png")
policy = rltools.load_policy("lunarlander-ppo")
with tempfile.TemporaryDirectory() as folder:
    recording = rltools.record(policy, episodes=2, directory=folder)
    rltools.explain(recording, policy, method="shapley", references=32, target="logit:chosen - runner_up", every=5)
    figure = rltools.plots.decision(recording, episode=1, step=148).figure
figure.savefig(picture, dpi=150)
