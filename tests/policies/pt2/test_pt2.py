"""Programs of torch.export as policies: what they compute, and what is refused."""

from __future__ import annotations

import copy
import pickle
import shutil
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import rltools
from rltools.errors import ModelError
from rltools.policies.base import Context
from rltools.policies.pt2 import inspection
from rltools.testing import check_policy

GOLDEN = Path(__file__).parents[2] / "golden" / "libraries" / "torch_export"
ENV = "CartPole-v1"
X = torch.randn(5, 4, generator=torch.Generator().manual_seed(0))


class Many(nn.Module):
    """Many of the functions that policies are made of."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.norm, self.batch = nn.Linear(4, 8), nn.LayerNorm(8), nn.BatchNorm1d(8)
        self.last = nn.Linear(12, 2)

    def forward(self, x: Tensor) -> Tensor:
        """`x [batch, 4]` -> `[batch, 2]`."""
        h = nn.functional.gelu(self.batch(self.norm(self.first(x))))
        a, b = nn.functional.silu(h).chunk(2, dim=1)
        c = torch.where(a > 0, a, b.exp() - 1) / (1 + b.abs().sqrt())
        d = nn.functional.dropout(torch.stack([a, b, c], dim=1).clamp(-1, 1), training=self.training)
        e = d.reshape(x.shape[0], -1) * d.flatten(1).softmax(1) - d.mean(dim=(1, 2), keepdim=True).squeeze(1)
        return nn.functional.softplus(nn.functional.hardtanh(self.last(e))) + e[:, 1:3] * e.amax(1, keepdim=True)


class Trained(nn.Module):
    """Still in training mode."""

    def forward(self, x: Tensor) -> Tensor:
        """`x [batch, 4]` -> `[batch, 2]`."""
        return nn.functional.dropout(x, training=True)[:, :2]


class Sampling(nn.Module):
    """Draws random numbers."""

    def forward(self, x: Tensor) -> Tensor:
        """`x [batch, 4]` -> `[batch, 2]`."""
        return x[:, :2] + torch.randn_like(x[:, :2])


class Choosing(nn.Module):
    """Returns the action, not its scores."""

    def forward(self, x: Tensor) -> Tensor:
        """`x [batch, 4]` -> `[batch]`."""
        return torch.tanh(x[:, :2]).argmax(1)


@pytest.fixture
def save(tmp_path: Path) -> Callable[..., Path]:
    def save(module: nn.Module, *, fixed: int = 0, decomposed: bool = False) -> Path:
        rows = {0: torch.export.Dim("rows", min=1, max=4096)}
        path = tmp_path / "policy.pt2"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            dynamic = None if fixed else (rows,)
            program = torch.export.export(module, (torch.zeros(fixed or 2, 4),), dynamic_shapes=dynamic)
            torch.export.save(program.run_decompositions() if decomposed else program, path)
        return path

    return save


@pytest.fixture(scope="module")
def many() -> Many:
    torch.manual_seed(0)
    network = Many()
    with torch.no_grad():
        network(torch.randn(50, 4))  # statistics of the batch normalization
    return network.eval()


@pytest.mark.parametrize("decomposed", [False, True])
def test_a_program_computes_what_its_network_does(decomposed: bool, many: Many, save: Callable[..., Path]) -> None:
    policy = rltools.load_policy(save(many, decomposed=decomposed), ENV, head="logit")
    x, other = X.clone().requires_grad_(), X.clone().requires_grad_()
    scores, expected = policy.head("logit", x, Context()), many(other)
    torch.testing.assert_close(scores, expected)
    gradients = torch.autograd.grad(scores.square().sum(), x) + torch.autograd.grad(expected.square().sum(), other)
    torch.testing.assert_close(*gradients)


def test_a_program_of_one_row_is_computed_row_by_row(many: Many, save: Callable[..., Path]) -> None:
    policy = rltools.load_policy(save(many, fixed=1), ENV)
    torch.testing.assert_close(policy.head("logit", X, Context()), many(X))
    assert any("one observation at a time" in note for note in policy.source.notes)


@pytest.mark.parametrize("case", ["sb3_ppo", "sb3_ppo_decomposed"])
def test_a_chain_of_layers_becomes_modules_with_a_gradient_of_their_own(case: str) -> None:
    policy = rltools.load_policy(GOLDEN / case / "policy.pt2", ENV, head="logit")
    assert [type(layer) for layer in policy.module["logit"]] == [nn.Linear, nn.Tanh, nn.Linear, nn.Tanh, nn.Linear]
    result = policy.vjp("logit", X, Context())
    assert result is not None
    x = X.clone().requires_grad_()
    expected = torch.autograd.grad(policy.head("logit", x, Context()).sum(), x)[0]
    torch.testing.assert_close(result[1](torch.ones(5, 2)), expected)


def test_the_conformance_checks() -> None:
    check_policy(rltools.load_policy(GOLDEN / "sb3_ppo" / "policy.pt2", ENV, head="logit"), ENV)


def test_memories() -> None:
    for case, size in (("lstm", 12), ("gru", 6)):
        policy = rltools.load_policy(GOLDEN / case / "policy.pt2", "Pendulum-v1", head="mean")
        assert policy.state_size == size
        check_policy(policy, "Pendulum-v1")


@pytest.mark.parametrize(
    ("module", "match"),
    [
        (Trained(), "dropout in training mode; export the network in eval mode"),
        (Sampling(), r"operator without support here: randn_like\.default; it draws random numbers"),
        (Choosing(), "chosen already, which have no gradient; .* head=logit:tanh"),
        (nn.Sequential(nn.Linear(4, 2), nn.ReLU(inplace=True)), r"relu_\.default; save program\.run_decompositions"),
    ],
    ids=["training", "sampling", "choosing", "in place"],
)
def test_programs_that_cannot_be_explained(module: nn.Module, match: str, save: Callable[..., Path]) -> None:
    with pytest.raises(ModelError, match=match):
        rltools.load_policy(save(module), ENV)


def test_scores_inside_a_program(save: Callable[..., Path]) -> None:
    policy = rltools.load_policy(save(Choosing()), ENV, head="logit:tanh")
    torch.testing.assert_close(policy.head("logit", X, Context()), torch.tanh(X[:, :2]))


def test_a_program_with_another_ending(tmp_path: Path) -> None:
    shutil.copy(GOLDEN / "sb3_ppo" / "policy.pt2", tmp_path / "policy.pt")
    assert rltools.load_policy(tmp_path / "policy.pt", ENV, head="logit").source.library == "torch.export"


def test_copies() -> None:
    policy: Any = rltools.load_policy(GOLDEN / "sb3_ppo" / "policy.pt2", ENV, head="logit", dtype=torch.float64)
    for other in (copy.deepcopy(policy), pickle.loads(pickle.dumps(policy))):
        assert other.source == policy.source
        context = Context()
        torch.testing.assert_close(other.head("logit", X.double(), context), policy.head("logit", X.double(), context))


def test_inspection() -> None:
    rows = dict(inspection(GOLDEN / "gru" / "policy.pt2"))
    assert rows["network"].startswith("torch.export, written by PyTorch 2.")
    assert rows["inputs"].startswith("obs [")
    assert "gru.input" in rows["operators"]
    assert len(rows["sha256"]) == 64
