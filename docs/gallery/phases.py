"""What matters before and after the lander touches the ground."""

import sys
from pathlib import Path

import rltools
from rltools.plots import phases

policy = rltools.load_policy("lunarlander-ppo")
recording = rltools.record(policy, episodes=10)
recording = rltools.explain(recording, policy, method="shapley", references=32, every=4)

axes = phases(recording, event=("left leg contact", 0.5), event_name="touchdown")
axes.figure.savefig(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).with_suffix(".png"), dpi=150)
