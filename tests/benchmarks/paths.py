"""Integrated gradients to the same accuracy as Captum's default."""

from __future__ import annotations

import numpy as np
import torch
from captum.attr import IntegratedGradients
from gymnasium.spaces import Box, Discrete
from nets import leaf, mlp, score_of, states
from timing import Row, medians
from torch import nn

import rltools
from rltools.attributions import find_method

integrated = find_method("integrated_gradients")
EXACT = 500  # nodes


def measure() -> list[Row]:
    """MLP, batch 256, one reference: with as few nodes as are as accurate as Captum's default."""
    return [
        _row("random weights", *_random(), nodes=12, bar=">= 20 x"),
        _row("lunarlander-ppo, whose weights are larger", *mlp(), nodes=24, bar=""),
    ]


def _random() -> tuple[rltools.TorchPolicy, nn.Module]:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(8, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 4)).eval()
    return rltools.TorchPolicy(net, Box(-1, 1, (8,), np.float32), Discrete(4)), net


def _row(which: str, policy: rltools.TorchPolicy, net: nn.Module, *, nodes: int, bar: str) -> Row:
    x, context = states(policy, 256)
    reference = torch.full((1, 8), 0.1)
    score, theirs = score_of(policy, "logit:chosen", context), IntegratedGradients(net)

    def captum(steps: int = 50) -> torch.Tensor:
        return theirs.attribute(leaf(x), baselines=reference, target=context.action, n_steps=steps).detach()

    def ours() -> torch.Tensor:
        return integrated(score, x, reference=reference, nodes=nodes).values[:, 0]

    times = medians({"ours": ours, "captum": captum}, rounds=15)
    exact = captum(EXACT)
    errors = [float((values - exact).abs().max()) for values in (ours(), captum())]
    return Row(
        f"integrated gradients, MLP, {which}, batch 256, {nodes} nodes (error {errors[0]:.0e}): faster than Captum's "
        f"default ({errors[1]:.0e})",
        f"{times['captum'] / times['ours']:.1f} x",
        bar,
    )
