"""Row 9 of the table of faults: kill -9 at any moment."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import rltools

KILLS = 6
VICTIM = """
import os, random, signal
from pathlib import Path

class Wide(Counting):  # so wide that 16 steps fill a block, and most episodes are kept in several
    observation_space = Box(-np.inf, np.inf, (4000,), np.float32)
    def reset(self, *, seed=None, options=None):
        self.state = np.random.default_rng(seed).random(4000, np.float32)
        return super().reset(seed=seed)

policy = rltools.TorchPolicy(lambda x: x[:, :2] + 1.0, Wide.observation_space, Wide.action_space, name="tiny")

def acknowledge(env):
    if hasattr(env, "seed"):
        os.write(acknowledged, f"{env.seed}\\n".encode())

random.seed(int(sys.argv[2]))
for kill in range(int(sys.argv[3])):
    folder = Path(sys.argv[1]) / str(kill)
    reading, acknowledged = os.pipe()
    child = os.fork()
    if child == 0:
        make = lambda: Wide(length=random.choice((1, 30, 300)), when_closed=acknowledge)
        rltools.record(policy, make, episodes=10**6, num_envs=4, directory=folder)
        os._exit(1)
    os.close(acknowledged)
    while not list(folder.glob("episodes/0*")):
        time.sleep(0.01)
    time.sleep(random.uniform(0, 0.2))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    with os.fdopen(reading) as pipe:
        print(*pipe.read().split())
"""


def test_row_09_kill_9_loses_no_finished_episode(script: Callable[..., Any], tmp_path: Path) -> None:
    process = script(VICTIM, tmp_path, 0, KILLS)
    message, problems = process.communicate(timeout=240)
    assert process.returncode == 0, problems
    unfinished = 0
    acknowledged = [[int(seed) for seed in line.split()] for line in message.splitlines()]
    assert len(acknowledged) == KILLS
    for kill, seeds in enumerate(acknowledged):
        recording = rltools.open_recording(tmp_path / str(kill))
        assert set(seeds) <= {outcome.seed for outcome in recording.outcomes()}
        assert len(recording) - len(seeds) <= 7, "more than end in one round, and are written while others run"
        assert recording.damaged() == {}
        for number in recording.numbers:
            episode = recording.episode(number)
            assert episode.outcome.ended == "terminated"
            assert len(episode) == episode.outcome.steps
        unfinished += len(list(recording.directory.rglob(".unfinished*")))
    assert unfinished, "no kill hit an episode that was being written: the test proves nothing"


def test_row_09_leftovers_are_cleared_at_the_next_start(cartpole: Any, tmp_path: Path) -> None:
    rltools.explain(
        rltools.record(cartpole, episodes=2, max_steps=5, directory=tmp_path, frames=[0]), cartpole, method="gradient"
    )
    explained = next((tmp_path / "attributions").iterdir())
    rooms = [tmp_path / "episodes", tmp_path / "frames", explained]
    left = [room / ".unfinished-000001.parquet" for room in rooms] + [tmp_path / ".unfinished-recording.json"]
    for path in left:
        path.write_bytes(b"PAR1 and no more")
    recording = rltools.record(cartpole, episodes=3, max_steps=5, directory=tmp_path)
    assert not [path for path in left if path.exists()]
    assert recording.numbers == (0, 1, 2)
    assert recording.damaged() == {}
