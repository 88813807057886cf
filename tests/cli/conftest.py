"""The command in this process, in a folder of its own."""

from __future__ import annotations

import os
import re
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import gymnasium
import pytest

from rltools.cli import main

SHORT = """
import gymnasium
from gymnasium.envs.classic_control.cartpole import CartPoleEnv


class Broken(CartPoleEnv):
    def __init__(self, at=7, how="nan", render_mode=None):
        super().__init__(render_mode=render_mode)
        self.at, self.how = at, how

    def reset(self, **given):
        self.t = 0
        return super().reset(**given)

    def step(self, action):
        self.t += 1
        observation, *rest = super().step(action)
        if self.t == self.at and self.how == "raise":
            raise RuntimeError("the motor broke\\nin two")
        if self.t == self.at:
            observation[2] = float("nan")
        return observation, *rest


class Blind(CartPoleEnv):
    metadata = {"render_modes": []}

    def __init__(self):
        super().__init__()


gymnasium.register("ShortPole-v0", "gymnasium.envs.classic_control:CartPoleEnv", max_episode_steps=12)
gymnasium.register("BrokenPole-v0", Broken, max_episode_steps=12)
gymnasium.register("RaisingPole-v0", Broken, max_episode_steps=12, kwargs={"how": "raise"})
gymnasium.register("BlindPole-v0", Blind, max_episode_steps=12)
"""


@dataclass(frozen=True)
class CommandResult:
    """What a command left.

    Attributes:
        code: the exit code.
        out: standard output.
        err: standard error, without what says how far the work is.
    """

    code: int
    out: str
    err: str

    @property
    def fault(self) -> str:
        """The one line that says what went wrong."""
        lines = self.err.splitlines()
        assert len(lines) == 1, self.err
        assert lines[0].startswith("rltools: ")
        return lines[0]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A user's folder with a module `poles` that registers short and faulty kinds of CartPole."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "poles.py").write_text(SHORT)
    yield tmp_path
    sys.modules.pop("poles", None)
    for name in [name for name in gymnasium.registry if "Pole-v0" in name and name != "CartPole-v0"]:
        if not name.startswith("phys2d"):
            gymnasium.registry.pop(name)


@pytest.fixture
def rltools(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., CommandResult]:
    """Runs the command in the user's folder."""
    for name in ("SDL_VIDEODRIVER", "SDL_AUDIODRIVER", "PYGAME_HIDE_SUPPORT_PROMPT", "MPLBACKEND"):
        monkeypatch.setenv(name, os.environ.get(name, "dummy" if name.startswith("SDL") else "Agg"))

    def run(*arguments: str) -> CommandResult:
        monkeypatch.setattr(sys, "argv", ["rltools", *map(str, arguments)])
        capsys.readouterr()
        with warnings.catch_warnings():
            warnings.simplefilter("default")  # as outside of tests, where a warning is a line and no error
            with pytest.raises(SystemExit) as ended:
                main()
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        working = (
            "record ",
            "ablate ",
            "explain ",
            "run ",
            "draw ",
            "read ",
            "video of ",
            "write the ",
            "load the ",
            "plan what ",
        )
        names = re.compile(r"\S.*: \d+ features? (named by|numbered)")  # where they are from
        lines = [line for line in err.splitlines() if line.strip() and not names.match(line)]
        message = [line for line in lines if not line.startswith(working)]
        return CommandResult(int(ended.value.code or 0), out, "\n".join(message))

    return run


@pytest.fixture
def short(rltools: Callable[..., CommandResult]) -> Path:
    """A recording of two short episodes of cartpole-ppo, explained by one method."""
    shot = ("--env", "ShortPole-v0", "--import", "poles")
    assert rltools("record", "cartpole-ppo", *shot, "--episodes", "2", "--out", "short").code == 0
    assert rltools("explain", "short", "cartpole-ppo", "--method", "gradient").code == 0
    return Path("short")
