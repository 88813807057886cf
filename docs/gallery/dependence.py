"""What each value of a feature does to the score of the action taken, and what else that depends on."""

import sys
from pathlib import Path

import rltools
from rltools.plots import dependence

policy = rltools.load_policy("lunarlander-ppo")
recording = rltools.record(policy, episodes=6)
recording = rltools.explain(recording, policy, method="shapley", references=32, every=3)

axes = dependence(recording, "y velocity")
axes.figure.savefig(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).with_suffix(".png"), dpi=150)
