"""What all tests share: policies and environments that cost nothing, and where the real agents are."""

from __future__ import annotations

import inspect
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.spaces import Box, Discrete
from hypothesis import settings

os.environ["MPLBACKEND"] = "Agg"  # no display
sys.path.append(str(Path(__file__).parents[1]))  # so that other processes find the tests, however pytest was started
settings.register_profile("rltools", deadline=None, max_examples=40)
settings.load_profile("rltools")

PLANE = Box(-1e6, 1e6, (3,), np.float32)
TWO = Discrete(2)


WINDOWS = sys.platform == "win32"
POSIX = ("mkfifo", "/dev/", "/proc/", "os.fork", "os.kill", "import resource", "bash")
"""What Windows does not have; tests whose code names it are skipped there."""
ALL_POSIX = (
    "cli/test_ending.py",
    "experiments/test_distributed.py",
    "faults/test_killed.py",
    "faults/test_million_steps.py",
)
"""Files of signals, forked processes and limits of memory."""
collect_ignore = [*ALL_POSIX] if WINDOWS else []


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip on Windows what needs another system."""
    if WINDOWS:
        for item in items:
            code = inspect.getsource(item.function) if isinstance(item, pytest.Function) else ""
            if any(word in f"{code}{item.name}" for word in POSIX):
                item.add_marker(pytest.mark.skip(reason="needs what Windows does not have"))


def pytest_configure() -> None:
    import torch

    torch.set_num_threads(1)  # workers side by side would fight for the cores


class FunctionEnv(gymnasium.Env[Any, Any]):
    """An environment built from functions of itself; by default it counts to `length` and tells where it is.

    `step(env, action)` and `reset(env)` return what the methods of an environment do; `env.t` counts steps, and
    `env.np_random` is seeded by then.
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": 20}  # noqa: RUF012

    def __init__(
        self,
        step: Callable[[Any, Any], Any] | None = None,
        reset: Callable[[Any], Any] | None = None,
        close: Callable[[Any], None] | None = None,
        render: Callable[[Any], Any] | None = None,
        observation_space: Box = PLANE,
        action_space: Any = TWO,
        length: int = 5,
        render_mode: str | None = "rgb_array",
    ) -> None:
        self.step_function, self.reset_function, self.close_function = step, reset, close
        self.render_function = render
        self.observation_space, self.action_space = observation_space, action_space
        self.length, self.render_mode, self.t = length, render_mode, 0

    def observation(self) -> np.ndarray:
        """The time in every entry, plus noise of the episode's own."""
        noise = self.np_random.integers(0, 3, self.observation_space.shape)
        return (self.t + noise).astype(self.observation_space.dtype)

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        self.t = 0
        return self.reset_function(self) if self.reset_function else (self.observation(), {})

    def step(self, action: Any) -> Any:
        self.t += 1
        if self.step_function:
            return self.step_function(self, action)
        return self.observation(), 1.0, self.t >= self.length, False, {}

    def render(self) -> Any:
        return self.render_function(self) if self.render_function else np.full((20, 30, 3), self.t, np.uint8)

    def close(self) -> None:
        if self.close_function:
            self.close_function(self)


@pytest.fixture(scope="session")
def make_env() -> Callable[..., Callable[[], FunctionEnv]]:
    """Gives a function that makes environments, from the functions and spaces that `FunctionEnv` takes."""
    return lambda **choices: lambda: FunctionEnv(**choices)


@pytest.fixture(scope="session")
def make_policy() -> Callable[..., Any]:
    """Gives an untrained policy with the spaces of an environment: an id with its arguments, or a factory."""
    import torch

    from rltools.policies.torch_policy import TorchPolicy

    def make(
        env: Any, *, hidden: int = 8, seed: int = 0, scale: float = 1.0, kwargs: Any = None, **choices: Any
    ) -> Any:
        made = gymnasium.make(env, **(kwargs or {})) if isinstance(env, str) else env()
        observed, acted, spec = made.observation_space, made.action_space, made.spec
        made.close()
        outputs = int(acted.n) if isinstance(acted, Discrete) else int(np.prod(acted.shape))
        generator = torch.Generator().manual_seed(seed)
        layers = [
            torch.nn.Flatten(),
            torch.nn.Linear(int(np.prod(observed.shape)), hidden),
            torch.nn.Tanh(),
            torch.nn.Linear(hidden, hidden),
            torch.nn.Tanh(),
            torch.nn.Linear(hidden, outputs),
        ]
        net = torch.nn.Sequential(*layers).to(choices.get("dtype", torch.float32)).eval()
        with torch.no_grad():
            for parameter in net.parameters():
                spread = scale / parameter.shape[-1] ** 0.5
                parameter.copy_(spread * torch.randn(parameter.shape, generator=generator))
        return TorchPolicy(net, observed, acted, **({"name": "tiny", "environment": spec} | choices))

    return make


@pytest.fixture(scope="session")
def cartpole(make_policy: Callable[..., Any]) -> Any:
    """An untrained policy for CartPole-v1."""
    return make_policy("CartPole-v1")


@pytest.fixture
def without_plots(monkeypatch: pytest.MonkeyPatch) -> None:
    """The plots of runs' pages have tests of their own, and take most of the time that a page takes."""
    monkeypatch.setattr("rltools.pages.report._run.report_plots", lambda *arguments: ())
    monkeypatch.setattr("rltools.pages.report._episodes._filmstrip", lambda *arguments: None)


@pytest.fixture(scope="session")
def zoo() -> Path:
    """The folder of real agents."""
    default = Path(__file__).parents[1].parent / "shared" / "zoo"
    folder = Path(os.environ.get("RLTOOLS_ZOO", default))
    if not folder.is_dir():
        pytest.skip(f"no real agents at {folder}; set RLTOOLS_ZOO")
    return folder


@pytest.fixture(autouse=True, scope="session")
def _ctrl_c_is_heard() -> None:
    """Tests that were started in the background inherit that Ctrl-C is ignored; those of Ctrl-C need it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
