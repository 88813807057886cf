"""Episodes in several processes: the same bytes, and clear errors where a process or an environment fails."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest

import rltools
from rltools.errors import ArgumentError, FaultError, SimulationError

Make = Callable[..., Any]


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("[!.]*.*"))}


class Breaking(gymnasium.Wrapper[Any, Any, Any, Any]):
    """Raises in episodes that begin at some places, or ends its process if it is another one than this."""

    def __init__(self, below: float, here: int = 0) -> None:
        super().__init__(gymnasium.make("CartPole-v1"))
        self.below, self.here, self.breaks, self.steps = below, here, False, 0

    def reset(self, **options: Any) -> Any:
        observation, info = self.env.reset(**options)
        self.breaks, self.steps = bool(observation[0] < self.below), 0
        return observation, info

    def step(self, action: Any) -> Any:
        self.steps += 1
        if self.breaks and self.steps > 3:
            if self.here not in (0, os.getpid()):
                os._exit(9)
            raise RuntimeError("the pole broke")
        return self.env.step(action)


def test_as_many_processes_as_there_are_change_nothing(cartpole: Any, tmp_path: Path) -> None:
    options: dict[str, Any] = {"episodes": 19, "num_envs": 4, "max_steps": 40, "deterministic": False}
    rltools.record(cartpole, directory=tmp_path / "1", **options)
    rltools.record(cartpole, directory=tmp_path / "2", workers=2, **options)
    with ThreadPoolExecutor(1) as executor:
        rltools.record(cartpole, directory=tmp_path / "any", workers=executor, **options)
    assert len(files(tmp_path / "1")) == 20
    assert files(tmp_path / "2") == files(tmp_path / "any") == files(tmp_path / "1")


def test_episodes_that_raise_are_marked_wherever_they_run(
    cartpole: Any, tmp_path: Path, make_env: Make, make_policy: Make
) -> None:
    def env() -> Any:
        return Breaking(-0.04)

    messages = []
    for workers in (1, 2):
        with pytest.raises(FaultError, match=r"step 3 failed: RuntimeError: the pole broke.*20 episodes") as caught:
            rltools.record(
                cartpole, env, episodes=20, max_steps=9, directory=tmp_path / f"{workers}", workers=workers, num_envs=2
            )
        faults = [outcome.number for outcome in caught.value.recording.outcomes() if outcome.fault]
        messages.append((str(caught.value).partition(" episodes")[0], faults))
    assert messages[0] == messages[1]
    assert files(tmp_path / "2") == files(tmp_path / "1")
    with pytest.raises(FaultError, match=r"Three in a row: stopped"):
        rltools.record(cartpole, lambda: Breaking(1.0), episodes=400, directory=tmp_path / "all", workers=2)
    assert 3 <= len(rltools.open_recording(tmp_path / "all")) < 200
    outside = make_policy(make_env(observation_space=gymnasium.spaces.Box(-1, 1, (3,), np.float32)))
    with pytest.warns(UserWarning, match="observations were outside the space"):
        rltools.record(outside, make_env(), episodes=3, directory=tmp_path / "outside", workers=2, bounds="any")


# The thread with which loky manages processes may fail, late, on those that a test ends.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_of_a_process_that_ends_what_is_recorded_stays(cartpole: Any, tmp_path: Path) -> None:
    options: dict[str, Any] = {"episodes": 20, "max_steps": 9, "num_envs": 2, "directory": tmp_path}
    here = os.getpid()
    with pytest.raises(SimulationError, match="another process that worked on this ended"):
        rltools.record(cartpole, lambda: Breaking(-0.02, here), workers=2, **options)
    assert not list(tmp_path.rglob(".unfinished*"))
    recorded = files(tmp_path)
    assert len(rltools.record(cartpole, lambda: Breaking(-1), **options)) == 20
    assert {name: files(tmp_path)[name] for name in recorded} == recorded


def test_an_environment_that_cannot_be_sent_is_refused(cartpole: Any, tmp_path: Path) -> None:
    lock = threading.Lock()

    def unsendable() -> Any:
        assert lock
        return gymnasium.make("CartPole-v1")

    message = r"cannot be sent to another process.*leave out workers, or give an id of an environment"
    with pytest.raises(ArgumentError, match=message):
        rltools.record(cartpole, unsendable, episodes=2, directory=tmp_path, workers=2)
    assert len(rltools.record(cartpole, unsendable, episodes=2, max_steps=5, directory=tmp_path / "other")) == 2
