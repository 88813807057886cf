"""Row 6 of the table of faults: an episode that does not fit into memory."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

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
    message, problems = process.communicate(timeout=300)
    assert process.returncode == 0, problems
    steps, grown = map(int, message.split())
    assert steps == STEPS
    assert grown < MOST
    assert rltools.open_recording(tmp_path / "second").damaged() == {}


LONG_STEPS, LONG_MOST = 300_000, 130
"""Steps of 8 numbers, and MiB: of a million 300 are allowed, and some of it does not grow."""


@pytest.fixture(scope="module")
def benchmark(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, str]:
    """What the benchmark of memory does, and a long recording that it made."""
    place = Path(__file__).parents[1] / "benchmarks"
    sys.path.insert(0, str(place))
    try:
        spec = importlib.util.spec_from_file_location("memory_benchmark", place / "memory.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(place))
    folder = str(tmp_path_factory.mktemp("long"))
    subprocess.run([sys.executable, "-c", module.LONG, folder, str(LONG_STEPS)], check=True)
    return module, folder


@pytest.mark.parametrize("label", ["summarize", "replay"])
def test_reading_a_long_episode_takes_little_more_than_it_is_large(label: str, benchmark: tuple[Any, str]) -> None:
    module, folder = benchmark
    script = module.READ.format(work=module.READERS[label])
    done = subprocess.run([sys.executable, "-c", script, folder], capture_output=True, text=True, check=True)
    assert float(done.stdout) < LONG_MOST
