"""Which features push the agent towards each of its actions, and which away from it."""

import sys
from pathlib import Path

import rltools
from rltools.plots import action_matrix

policy = rltools.load_policy("lunarlander-ppo")
recording = rltools.record(policy, episodes=10)
recording = rltools.explain(recording, policy, method="shapley", references=32, every=4)

axes = action_matrix(recording)
axes.figure.savefig(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).with_suffix(".png"), dpi=150)
