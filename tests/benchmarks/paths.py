"""Integrated gradients to the same accuracy as Captum's default."""

from __future__ import annotations

import torch
from captum.attr import IntegratedGradients
from nets import leaf, mlp, score_of, states
from timing import Row, medians

from rltools.attributions import find_method

integrated = find_method("integrated_gradients")
NODES = 500


def measure() -> list[Row]:
    """MLP, batch 256, one reference; accuracy is the largest difference from 500 nodes."""
    policy, net = mlp()
    x, context = states(policy, 256)
    reference = torch.zeros(1, 8) + 0.1
    score, theirs = score_of(policy, "logit:chosen", context), IntegratedGradients(net)

    def captum(steps: int = 50) -> torch.Tensor:
        return theirs.attribute(leaf(x), baselines=reference, target=context.action, n_steps=steps)

    times = medians({"ours": lambda: integrated(score, x, reference=reference), "captum": captum}, rounds=15, calls=1)
    exact = captum(NODES)
    ours = float((integrated(score, x, reference=reference).values[:, 0] - exact).abs().max())
    other = float((captum() - exact).abs().max())
    return [
        Row(
            f"integrated gradients, MLP, batch 256: faster than Captum's default (errors {ours:.0e} and {other:.0e})",
            f"{times['captum'] / times['ours']:.1f} x",
            ">= 20 x",
        )
    ]
