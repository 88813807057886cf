"""How many threads torch computes on, and that a caller has its own number back."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from gymnasium.spaces import Box, Discrete
from torch import nn

import rltools
from rltools.errors import ArgumentError, MismatchError
from rltools.explanation.views import Window
from rltools.policies import threads as threads_module
from rltools.policies.threads import compute_threads, row_work


@pytest.fixture(autouse=True)
def three_threads() -> Iterator[None]:
    """Torch has a number of threads that nothing of ours would choose."""
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(1)


class Watched(nn.Module):
    """A small network that notes how many threads it computes on, and fails where it is told to."""

    def __init__(self, fault: BaseException | None = None) -> None:
        super().__init__()
        self.layer, self.thread_counts, self.fault = nn.Linear(3, 2), set[int](), fault

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.thread_counts.add(torch.get_num_threads())
        if self.fault is not None:
            raise self.fault
        output: torch.Tensor = self.layer(x)
        return output


@pytest.fixture
def watched() -> rltools.Policy:
    return rltools.TorchPolicy(Watched(), Box(-1e6, 1e6, (3,), np.float32), Discrete(2))


ANY = np.zeros((4, 3), np.float32)
Call = Callable[..., Any]


def recorded(policy: Any, make_env: Any, folder: Path) -> rltools.Recording:
    return rltools.record(policy, make_env(), episodes=2, directory=folder)


def calls(policy: Any, make_env: Any, folder: Path) -> dict[str, Call]:
    """What computes, as functions of `threads`."""
    recording = recorded(policy, make_env, folder / "there")
    policy.module.thread_counts.clear()
    return {
        "record": lambda **options: rltools.record(policy, make_env(), episodes=2, directory=folder / "new", **options),
        "explain": lambda **options: rltools.explain(recording, policy, method="shapley", **options),
        "explain within seconds": lambda **options: rltools.explain(recording, policy, seconds=9, **options),
        "attribute": lambda **options: rltools.attribute(policy, ANY, **options),
        "analyze": lambda **options: rltools.analyze(
            policy,
            make_env(),
            episodes=1,
            method="gradient",
            frames=False,
            ablate=False,  # always on one thread, so that its files are the same whatever runs beside it
            directory=folder / "page",
            **options,
        ),
    }


@pytest.mark.parametrize("call", ["record", "explain", "explain within seconds", "attribute", "analyze"])
def test_a_small_network_computes_on_one_thread_and_on_as_many_as_are_asked_for(
    watched: Any, make_env: Any, tmp_path: Path, without_plots: None, call: str
) -> None:
    compute = calls(watched, make_env, tmp_path / "one")[call]
    compute()
    assert watched.module.thread_counts == {1}
    assert torch.get_num_threads() == 3
    calls(watched, make_env, tmp_path / "two")[call](threads=2)
    assert watched.module.thread_counts == {2}
    assert torch.get_num_threads() == 3
    with pytest.raises(ArgumentError, match="threads is 0; it must be at least 1"):
        compute(threads=0)


def test_a_large_network_computes_on_all_threads_that_the_caller_has(
    watched: Any, make_env: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    computed = calls(watched, make_env, tmp_path)
    # 16 operations a row; exact Shapley values hold 2**3 copies of each of 10 steps at once.
    monkeypatch.setattr(threads_module, "SEVERAL_THREADS_FROM", 16 * 80)
    computed["explain"]()
    assert 3 in watched.module.thread_counts
    watched.module.thread_counts.clear()
    computed["attribute"]()
    computed["record"]()
    assert watched.module.thread_counts == {1}, "few rows, and vectors that must not depend on what runs beside them"


@pytest.mark.parametrize("fault", [ZeroDivisionError("no"), KeyboardInterrupt()], ids=["error", "interrupt"])
def test_the_callers_threads_are_back_after_errors_and_interrupts(
    watched: Any, make_env: Any, tmp_path: Path, fault: BaseException
) -> None:
    computed = calls(watched, make_env, tmp_path)
    watched.module.fault = fault
    for name in ("record", "explain", "attribute"):
        with pytest.raises((type(fault), MismatchError)):  # what a network raises is said in words of ours
            computed[name]()
        assert torch.get_num_threads() == 3, name


def test_calls_within_calls_and_beside_each_other(watched: Any) -> None:
    thread_counts: list[int] = []

    def beside() -> None:
        with compute_threads(watched, 1):
            thread_counts.append(torch.get_num_threads())
        thread_counts.append(torch.get_num_threads())

    with compute_threads(watched, 1, 2):
        with compute_threads(watched, 1):
            assert torch.get_num_threads() == 1
            other = threading.Thread(target=beside)  # torch meets it while its number is ours
            other.start()
            other.join()
        assert torch.get_num_threads() == 2
    assert torch.get_num_threads() == 3
    assert thread_counts == [1, 3]


def test_attributions_are_the_same_to_the_last_bit_whatever_torch_has(make_policy: Any, make_env: Any) -> None:
    policy = make_policy(make_env(), hidden=32)
    rows = np.random.default_rng(0).normal(size=(2048, 3)).astype(np.float32)
    values = {}
    for count in (1, 3):
        torch.set_num_threads(count)
        values[count] = rltools.attribute(policy, rows, method="shapley", references=rows[:2]).values
    assert (values[1] == values[3]).all()


def test_the_work_of_a_row_is_that_of_its_layers() -> None:
    mlp = nn.Sequential(nn.Linear(8, 64), nn.Tanh(), nn.Linear(64, 4))
    vector = rltools.TorchPolicy(mlp, Box(-1, 1, (8,), np.float32), Discrete(4))
    assert row_work(vector) == 2 * (8 * 64 + 64 + 64 * 4 + 4)
    layers = (nn.Conv2d(4, 32, 8, 4), nn.ReLU(), nn.Conv2d(32, 64, 4, 2), nn.MaxPool2d(3), nn.Flatten())
    cnn = nn.Sequential(*layers, nn.Linear(64 * 9, 18))
    frames = rltools.TorchPolicy(cnn, Box(0, 1, (4, 84, 84), np.float32), Discrete(18))
    convolved = (4 * 64 + 1) * 32 * 20 * 20 + (32 * 16 + 1) * 64 * 9 * 9
    assert row_work(frames) == 2 * (convolved + (64 * 9 + 1) * 18)
    function = rltools.TorchPolicy(lambda x: x[:, :2], Box(-1, 1, (8,), np.float32), Discrete(2))
    assert row_work(function) == 0
    recurrent = rltools.load_policy("cartpole-recurrent-ppo")
    assert row_work(Window(recurrent, 5)) == 5 * row_work(recurrent) > 0
