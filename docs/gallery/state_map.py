"""Where the agent goes, what it does there, and which way its score rises."""

import sys
from pathlib import Path

import rltools
from rltools.plots import state_map

policy = rltools.load_policy("lunarlander-ppo")
recording = rltools.record(policy, episodes=8)
recording = rltools.explain(recording, policy, method="gradient")

axes = state_map(recording, ("y position", "y velocity"))
axes.figure.savefig(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).with_suffix(".png"), dpi=150)
