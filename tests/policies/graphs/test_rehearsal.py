"""What an operation makes is reckoned before it is done: never too little."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn import functional
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from rltools.errors import ModelError, UnsafeFileError
from rltools.policies.graphs.guards import check_division, check_recurrent
from rltools.policies.graphs.rehearsal import estimated_size, rehearsed

X, IMAGE = torch.ones(3, 8), torch.ones(3, 2, 9, 7)
WEIGHTS = [torch.ones(24, 8), torch.ones(24, 6), torch.ones(24), torch.ones(24)]
CALLS: dict[str, Callable[[], Any]] = {
    "broadcast": lambda: X[:, None] * torch.ones(5, 1),
    "matrices": lambda: torch.bmm(torch.ones(2, 3, 4), torch.ones(2, 4, 5)) @ torch.ones(5, 6),
    "a bias": lambda: functional.linear(X, torch.ones(20, 8), torch.ones(20)),
    "a convolution": lambda: torch.conv2d(IMAGE, torch.ones(6, 2, 3, 3), padding=(2, 1), stride=(2, 1)),
    "one axis": lambda: torch.conv1d(torch.ones(2, 1, 9), torch.ones(4, 1, 2), padding=3),
    "groups": lambda: torch.conv2d(IMAGE, torch.ones(8, 1, 2, 2), groups=2, dilation=2),
    "pooling": lambda: functional.adaptive_avg_pool2d(functional.max_pool2d(IMAGE, 2), (20, 30)),
    "averages": lambda: functional.avg_pool2d(IMAGE, 3, 1, 1),
    "padding": lambda: functional.pad(functional.pad(X, (4, 5)), (-1, 9, 3, 2), value=1.0),
    "reflections": lambda: functional.pad(IMAGE, (3, 2, 4, 4), mode="reflect"),
    "repetition": lambda: X.repeat(4, 2, 3).expand(2, -1, -1, -1).clone(),
    "filled": lambda: torch.full((4, 5), 1.0) + X.new_zeros(3, 4, 5) + torch.zeros(4, 5) + torch.ones(5),
    "ranges": lambda: torch.arange(3, 40, 2)[torch.arange(5)],
    "joined": lambda: torch.cat([torch.stack([X, X]), torch.ones(1, 3, 8)]).softmax(-1).sum(1),
    "chosen": lambda: X.index_select(1, torch.tensor([0, 3, 3, 3, 3, 3, 3, 3, 3, 3])),
    "normalization": lambda: functional.layer_norm(functional.group_norm(IMAGE, 2), [7]),
    "a memory": lambda: torch.lstm(
        torch.ones(5, 3, 8), [torch.ones(1, 3, 6)] * 2, WEIGHTS, True, 1, 0.0, False, False, False
    ),
    "a gated memory": lambda: torch.gru(
        torch.ones(5, 3, 8), torch.ones(1, 3, 6), [part[:18] for part in WEIGHTS], True, 1, 0.0, False, False, False
    ),
}


class Compared(TorchDispatchMode):
    """Compares what is reckoned with what is made."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name, kwargs = function.overloadpacket.__name__, kwargs or {}
        most, _ = estimated_size(name, args, [*args, *kwargs.values()])
        made = function(*args, **kwargs)
        sizes = [value.numel() for value in tree_leaves(made) if isinstance(value, torch.Tensor)]
        assert max(sizes, default=0) <= most, f"{name}: {sizes} above {most}"
        self.calls += 1
        return made


@pytest.mark.parametrize("name", CALLS)
def test_no_operation_makes_more_than_is_reckoned(name: str) -> None:
    with torch.no_grad(), Compared() as compared:
        CALLS[name]()
    assert compared.calls


def test_operations_that_cost_too_much_are_not_done() -> None:
    for compute in (lambda: torch.ones(10**6, 10**6), lambda: torch.ones(3000, 3000) @ torch.ones(3000, 3000)):
        with pytest.raises(UnsafeFileError, match=r"policy\.onnx: its network would need .*; not used"):
            rehearsed(Path("policy.onnx"), compute)
    with pytest.raises(ModelError, match=r"policy\.onnx cannot be computed .* give the environment"):
        rehearsed(Path("policy.onnx"), lambda: torch.ones(2) + torch.ones(3))
    assert rehearsed(Path("policy.onnx"), lambda: torch.ones(2) + 1).tolist() == [2.0, 2.0]


def test_sizes_that_torch_does_not_check() -> None:
    x, state = torch.ones(2, 3, 8), torch.ones(1, 3, 6)
    check_recurrent(4, x, [state, state], WEIGHTS)
    for position, wrong in enumerate((torch.ones(24, 7), torch.ones(23, 6), torch.ones(0), torch.ones(24).long())):
        weights = [*WEIGHTS[:position], wrong, *WEIGHTS[position + 1 :]]
        with pytest.raises(ValueError, match="weight has the shape"):
            check_recurrent(4, x, [state, state], weights)
    with pytest.raises(ValueError, match="state has the shape"):
        check_recurrent(4, x, [state, torch.ones(1, 2, 6)], WEIGHTS)
    with pytest.raises(ValueError, match="of 2 layers with 4 weights"):
        check_recurrent(4, x, [state, state], WEIGHTS, layers=2)
    check_division(torch.tensor([6]), torch.tensor([-1]))
    with pytest.raises(OverflowError):
        check_division(torch.tensor([-(2**63)]), torch.tensor([-1]))
