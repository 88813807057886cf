"""Row 6 of the table of faults: an episode that does not fit into memory."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import rltools

# As many bytes as a million steps of 100 numbers, in fewer steps; not a vector, which would be padded to 16 rows.
STEPS, SHAPE = 4_000, (250, 100)
MOST = 300 << 20


def test_row_06_memory_is_bounded(script: Callable[..., Any], tmp_path: Path) -> None:
    process = script(
        f"""
import resource
class Wide(Counting):
    observation_space = Box(-np.inf, np.inf, {SHAPE}, np.float32)
    def __init__(self):
        super().__init__(length={STEPS})
        self.state = np.zeros({SHAPE}, np.float32)
policy = rltools.TorchPolicy(lambda x: x[:, 0, :2] + 1.0, Wide.observation_space, Wide.action_space, name="tiny")
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
recording = rltools.record(policy, Wide, episodes=1, max_steps=10, directory=sys.argv[1] + "/first")
before = peak()
recording = rltools.record(policy, Wide, episodes=1, max_steps={STEPS}, directory=sys.argv[1] + "/second")
print(recording.outcome(0).steps, peak() - before)
""",
        tmp_path,
    )
    said, problems = process.communicate(timeout=300)
    assert process.returncode == 0, problems
    steps, grown = map(int, said.split())
    assert steps == STEPS
    assert grown < MOST
    assert rltools.open_recording(tmp_path / "second").damaged() == {}
