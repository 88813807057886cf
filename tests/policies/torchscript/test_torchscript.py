"""TorchScript programs as policies, if they are trusted."""

from __future__ import annotations

import copy
import hashlib
import pickle
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import rltools
from rltools.errors import ArgumentError, ModelError, UnsafeFileError
from rltools.policies.base import Context
from rltools.policies.torchscript import inspection
from rltools.testing import check_policy

ENV = "CartPole-v1"
X = torch.randn(5, 4, generator=torch.Generator().manual_seed(0))


class Two(nn.Module):
    """A network with two outputs."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 2)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """`x [batch, 4]` -> two scores."""
        return self.layer(x), -self.layer(x)


class Remembering(nn.Module):
    """Keeps its state inside, as RSL-RL exports a recurrent network."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("hidden_state", torch.zeros(1, 2))

    def forward(self, x: Tensor) -> Tensor:
        """`x [batch, 4]` -> `[batch, 2]`."""
        self.hidden_state = x[:, :2] + self.hidden_state
        return self.hidden_state


@pytest.fixture
def save(tmp_path: Path) -> Callable[..., tuple[Path, str]]:
    def save(module: nn.Module) -> tuple[Path, str]:
        path = tmp_path / "policy.pt"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.jit.script(module).save(str(path))
        return path, hashlib.sha256(path.read_bytes()).hexdigest()

    return save


def test_a_trusted_program_is_a_policy(save: Callable[..., Any]) -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 2))
    path, sha256 = save(network)
    with pytest.raises(UnsafeFileError, match=f"it was NOT run. .*trust='{sha256}'"):
        rltools.load_policy(path, ENV)
    policy: Any = rltools.load_policy(path, ENV, trust=sha256, head="logit")
    torch.testing.assert_close(policy.head("logit", X, Context()), network(X))
    assert (policy.source.library, policy.source.sha256) == ("TorchScript", sha256)
    assert policy.source.notes == (f"policy.pt was run by TorchScript itself, trusted by its sha256 {sha256}",)
    check_policy(policy, ENV)
    for other in (copy.deepcopy(policy), pickle.loads(pickle.dumps(policy))):
        torch.testing.assert_close(other.head("logit", X, Context()), network(X))
    double = rltools.load_policy(path, ENV, trust=sha256, dtype=torch.float64)
    torch.testing.assert_close(double.head("logit", X.double(), Context()).float(), network(X))
    assert any("taken for the logit head" in note for note in double.source.notes)


def test_one_of_several_outputs(save: Callable[..., Any]) -> None:
    network = Two()
    path, sha256 = save(network)
    for position in (0, 1):
        policy = rltools.load_policy(path, ENV, trust=sha256, head=f"q_value:{position}")
        torch.testing.assert_close(policy.head("q_value", X, Context()), network(X)[position])
    for head in ("mean", "logit:x", "logit:-1", "logit:99999"):
        with pytest.raises(ArgumentError, match="alone or with the position of an output, as in head=logit:0"):
            rltools.load_policy(path, ENV, trust=sha256, head=head)


def test_a_state_inside_is_refused(save: Callable[..., Any]) -> None:
    path, sha256 = save(Remembering())
    with pytest.raises(
        ModelError, match=r"keeps its recurrent state inside .hidden_state.*; export the network as ONNX"
    ):
        rltools.load_policy(path, ENV, trust=sha256)


def test_inspection_runs_nothing(save: Callable[..., Any]) -> None:
    path, sha256 = save(Two())
    assert inspection(path) == [
        ("network", "a TorchScript program, which is code; it was not run"),
        ("sha256", sha256),
    ]


def test_an_environment_is_needed(save: Callable[..., Any]) -> None:
    path, sha256 = save(Two())
    with pytest.raises(ArgumentError, match="give the environment it was trained in as env="):
        rltools.load_policy(path, trust=sha256)
    with pytest.raises(ArgumentError, match="give no normalize="):
        rltools.load_policy(path, ENV, trust=sha256, normalize="statistics.pkl")
