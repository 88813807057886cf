"""Gradients of recorded states: an MLP 8-64-64-4 with tanh, as PPO has on LunarLander."""

from __future__ import annotations

import numpy as np
import torch
from captum.attr import Saliency
from gymnasium.spaces import Box, Discrete
from timing import Row, medians
from torch import nn

from rltools.attributions import find_method
from rltools.policies.torch_policy import TorchPolicy
from rltools.policy import Context
from rltools.targets import make_score, parse_target


def measure() -> list[Row]:
    """The gradient of the chosen action's logit against a forward without gradients, and against Captum, batched."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(8, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 4)).eval()
    policy = TorchPolicy(net, Box(-np.inf, np.inf, (8,)), Discrete(4))
    target, gradient = parse_target("logit:chosen", policy), find_method("gradient")
    rows = []
    for batch in (256, 4096):
        observations = np.random.default_rng(0).normal(size=(batch, 8)).astype(np.float32)
        x, acted = policy.encode(observations), policy.act(observations, Context())
        context = acted.context
        chosen = context.action
        assert chosen is not None
        score, saliency = make_score(policy, target, context), Saliency(net)

        def forward(x: torch.Tensor = x) -> object:
            with torch.no_grad():
                return net(x)

        times = medians(
            {
                "forward": forward,
                "ours": lambda score=score, x=x: gradient(score, x),
                "captum": lambda s=saliency, x=x, a=chosen: s.attribute(_leaf(x), target=a, abs=False),
            },
            rounds=31,
            calls=20 if batch == 256 else 3,
        )
        ours = gradient(score, x).values[:, 0]
        theirs = saliency.attribute(_leaf(x), target=chosen, abs=False)
        difference = float((ours - theirs).abs().max())
        what = f"gradient, MLP, batch {batch}"
        rows += [
            Row(f"{what}: times a forward", f"{times['ours'] / times['forward']:.2f} x", "<= 2.5 x"),
            Row(
                f"{what}: faster than Captum's Saliency, batched (largest difference {difference:.0e})",
                f"{times['captum'] / times['ours']:.1f} x",
                ">= 4 x",
            ),
        ]
    return rows


def _leaf(x: torch.Tensor) -> torch.Tensor:
    return x.clone().requires_grad_()
