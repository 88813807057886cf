"""Peak memory while recording and explaining one episode of 1,000,000 steps, in a process of its own."""

from __future__ import annotations

import subprocess
import sys

from timing import Row

SCRIPT = """
import resource, tempfile
import gymnasium, numpy as np, torch
import rltools
import rltools.attributions.gradient, rltools.explanation, rltools.rollout, rltools.recording
from rltools.policies.torch_policy import TorchPolicy

class Endless(gymnasium.Env):
    observation_space = gymnasium.spaces.Box(-1, 1, (8,), np.float32)
    action_space = gymnasium.spaces.Discrete(4)
    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.noise = self.np_random.normal(size=(4096, 8)).astype(np.float32).clip(-1, 1)
        self.t = 0
        return self.noise[0], {}
    def step(self, action):
        self.t += 1
        return self.noise[self.t % 4096], 1.0, False, False, {}

net = torch.nn.Sequential(torch.nn.Linear(8, 64), torch.nn.Tanh(), torch.nn.Linear(64, 4))
policy = TorchPolicy(net, Endless.observation_space, Endless.action_space)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
with tempfile.TemporaryDirectory() as folder:
    recording = rltools.record(policy, Endless, episodes=1, max_steps=1_000_000, directory=folder)
    rltools.explain(recording, policy)
    assert recording.outcome(0).steps == 1_000_000
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
"""


def measure() -> list[Row]:
    """MiB above what the imports took."""
    ran = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    figure = f"{float(ran.stdout):.0f} MB"
    return [Row("record + explain 1,000,000 steps: memory above the imports", figure, "<= 300 MB")]
