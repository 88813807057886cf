"""Peak memory: a recorded episode of a million steps, and every method on many states. Each in its own process."""

from __future__ import annotations

import subprocess
import sys
import tempfile
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
heads = {"logit": net, "value": torch.nn.Linear(8, 1)}
policy = TorchPolicy(net, Endless.observation_space, Endless.action_space, heads)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
with tempfile.TemporaryDirectory() as folder:
    recording = rltools.record(policy, Endless, episodes=1, max_steps=1_000_000, directory=folder)
    rltools.explain(recording, policy)
    assert recording.outcome(0).steps == 1_000_000
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
"""
LONG = """
import sys
import tempfile
from pathlib import Path
import numpy as np
from rltools.spaces import Features
from rltools.recording import AttributionSpec, Header, Outcome
from rltools.recording.sealed_json import write_json
from rltools.recording.writers import BlockFile, EpisodeWriter

BLOCK, FEATURES, ACTIONS = 10_000, 8, 4
folder, steps, rng = Path(sys.argv[1]), int(sys.argv[2]), np.random.default_rng(0)
(folder / "attributions" / "gradient-logit-chosen").mkdir(parents=True)
features = Features((FEATURES,), ("feature",), tuple(f"f{index}" for index in range(FEATURES)))
header = Header("long", "0" * 64, "PyTorch", "", features, tuple("abcd"), 0, "logit", 0, True, steps)
seal = write_json(folder / "recording.json", header.to_json())
spec = AttributionSpec("gradient", "logit:chosen", ("logit:chosen",), "score per unit", {}, "0" * 64)
write_json(folder / "attributions" / "gradient-logit-chosen" / "attribution.json", spec.to_json())
episode = EpisodeWriter(folder / "episodes" / "000000.parquet", None, seal)
explained = BlockFile(folder / "attributions" / "gradient-logit-chosen" / "000000.parquet")
draws = BlockFile(folder / "attributions" / "gradient-logit-chosen" / "draws" / "000000.parquet")
for start in range(0, steps, BLOCK):
    x = rng.normal(size=(BLOCK, FEATURES)).astype(np.float32)
    score = x[:, :ACTIONS] * 2
    columns = {"observation": x, "action": score.argmax(1), "score": score, "reward": x[:, 0].astype(float)}
    columns |= {name: np.zeros(BLOCK, bool) for name in ("terminated", "truncated")}
    episode.write(columns, [])
    t = np.arange(start, start + BLOCK, dtype=np.int32)
    values = rng.normal(size=(BLOCK, 1, FEATURES)).astype(np.float32)
    draws.write({"t": t, "without": rng.normal(size=(BLOCK, 8, 1, FEATURES)).astype(np.float32)})
    explained.write({"t": t, "values": values, "scores": score.max(1, keepdims=True)})
draws.finish({})
explained.finish({})
episode.finish(Outcome(0, 0, steps, 0.0, "limit"), {"observation": x[-1]}, 30.0)
"""
"""Writes one long episode, its attributions and those without each of 8 blocks of draws, into a folder."""
READ = """
import resource, sys
import pyarrow.parquet, xarray
import rltools, rltools.summary, rltools.pages.replay, rltools.videos
recording = rltools.open_recording(sys.argv[1])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
{work}
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
"""
READERS = {
    "summarize": "rltools.summarize(recording).findings",
    "replay": "rltools.replay(recording, 0, recording.directory / 'page.html')",
}
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
rltools.attribute(policy, states[:1], method={method!r}, references=reference{more})
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
rltools.attribute(policy, states, method={method!r}, references=reference{more})
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
"""Frames for each method: apart from the result, its memory does not depend on their number."""


def measure() -> list[Row]:
    """MiB in addition to the imports, the model and the observations."""
    rows = [Row("record + explain 1,000,000 steps: memory above the imports", f"{_peak(RECORD):.0f} MB", "<= 300 MB")]
    with tempfile.TemporaryDirectory() as folder:
        _run(LONG, folder, "1000000")
        for name, work in READERS.items():
            peak = float(_run(READ.format(work=work), folder))
            rows.append(Row(f"{name} of 1,000,000 steps of 8: memory above the imports", f"{peak:.0f} MB", "<= 300 MB"))
    here = str(Path(__file__).parent)
    for name in method_names():
        if find_method(name).needs & {"image", "convolution"}:
            continue
        peak = _peak(ATTRIBUTE.format(here=here, net="mlp", rows=100_000, method=name, more=""))
        rows.append(Row(f"{name}, 100,000 states of 8: memory above model and states", f"{peak:.0f} MB", "<= 300 MB"))
    for name, count in FRAMES.items():
        grouped = ", groups='variables'" if "groups" in find_method(name).defaults else ""
        peak = _peak(ATTRIBUTE.format(here=here, net="nature_cnn", rows=count, method=name, more=grouped))
        label = f"{name}, {count:,} frames of 4x84x84: memory above model and states"
        rows.append(Row(label, f"{peak:.0f} MB", "<= 1500 MB"))
    return rows


def _peak(script: str) -> float:
    return float(_run(script))


def _run(script: str, *arguments: str) -> str:
    return subprocess.run([sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=True).stdout
