"""Peak memory: a recorded episode of a million steps, and every method on many states. Each in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from timing import Row

from rltools.attributions import find_method, method_names

RECORD = """
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
ATTRIBUTE = """
import resource, sys
sys.path.insert(0, {here!r})
import numpy as np, torch
import rltools, captum.attr
from nets import mlp, nature_cnn
torch.set_num_threads(1)
policy, _ = {net}()
states = np.zeros(({rows}, *policy.features.shape), np.float32)
rng = np.random.default_rng(0)
for row in states:
    row[...] = rng.normal(size=row.shape)
reference = states[:2].copy()
rltools.attribute(policy, states[:1], method={method!r}, reference=reference{more})
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
rltools.attribute(policy, states, method={method!r}, reference=reference{more})
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
"""


FRAMES = {
    "gradient": 5000,
    "grad_cam": 5000,
    "blur_saliency": 32,
    "integrated_gradients": 32,
    "occlusion": 32,
    "sampled_shapley": 32,
    "smooth_grad": 32,
}
"""How many frames each method is given: what it holds does not depend on how many, but for the result."""


def measure() -> list[Row]:
    """MiB above what the imports, the model and the states took."""
    rows = [Row("record + explain 1,000,000 steps: memory above the imports", f"{_peak(RECORD):.0f} MB", "<= 300 MB")]
    here = str(Path(__file__).parent)
    for name in method_names():
        if find_method(name).needs & {"image", "convolution"}:
            continue
        peak = _peak(ATTRIBUTE.format(here=here, net="mlp", rows=100_000, method=name, more=""))
        rows.append(Row(f"{name}, 100,000 states of 8: memory above model and states", f"{peak:.0f} MB", "<= 300 MB"))
    for name, count in FRAMES.items():
        grouped = ", groups='summary'" if "groups" in find_method(name).defaults else ""
        peak = _peak(ATTRIBUTE.format(here=here, net="nature_cnn", rows=count, method=name, more=grouped))
        what = f"{name}, {count:,} frames of 4x84x84: memory above model and states"
        rows.append(Row(what, f"{peak:.0f} MB", "<= 1500 MB"))
    return rows


def _peak(script: str) -> float:
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return float(ran.stdout)
