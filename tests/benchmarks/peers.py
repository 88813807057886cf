"""TDHook as a peer, if it is installed: a complete call, as in its own examples."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor, nn

ABSENT = "TDHook is not installed: pip install tdhook==0.3.*"


def has_tdhook() -> bool:
    """Whether TDHook can be imported."""
    return find_spec("tdhook") is not None


@contextmanager
def tdhook_gradient(net: nn.Module, x: Tensor, action: Tensor) -> Iterator[Callable[[], Tensor]]:
    """Its Saliency of the chosen action's output, hooked once; each call packs the batch and takes the values out.

    It makes the tensor that it is given require a gradient, so that it is given a copy.
    """
    from tdhook.attribution import Saliency
    from tensordict import TensorDict

    method = Saliency(init_attr_targets=_chosen, additional_init_keys=["label"])
    with method.prepare(net, in_keys=["input"], out_keys=["output"]) as hooked:
        label = action[:, None]

        def call() -> Tensor:
            batch = TensorDict({"input": x.clone(), "label": label}, batch_size=[len(x)])
            return hooked(batch)["attr", "input"]

        yield call


@contextmanager
def tdhook_integrated(
    net: nn.Module, x: Tensor, action: Tensor, references: Tensor, *, multiply: bool
) -> Iterator[Callable[[], Tensor]]:
    """Its IntegratedGradients, of 50 nodes; by default, without `multiply`, the factor `x - baseline` is missing."""
    from tdhook.attribution import IntegratedGradients
    from tensordict import TensorDict

    method = IntegratedGradients(init_attr_targets=_chosen, additional_init_keys=["label"], multiply_by_inputs=multiply)
    with method.prepare(net, in_keys=["input"], out_keys=["output"]) as hooked:
        label, baseline = action[:, None], references.expand_as(x)

        def call() -> Tensor:
            arguments = {"input": x.clone(), "label": label, ("baseline", "input"): baseline.clone()}
            return hooked(TensorDict(arguments, batch_size=[len(x)]))["attr", "input"].detach()

        yield call


def _chosen(outputs: Any, beside: Any) -> Any:
    from tensordict import TensorDict

    scores, label = outputs["output"], beside["label"]
    if scores.ndim > label.ndim:  # on a path: [batch, node, action]
        label = label[:, None].expand(*scores.shape[:-1], 1)
    return TensorDict({"output": torch.gather(scores, -1, label)[..., 0]}, batch_size=scores.shape[:-1])
