"""Gradients of recorded states: lunarlander-ppo, an MLP 8-64-64-4 with tanh."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from captum.attr import Saliency
from stable_baselines3 import PPO
from stable_baselines3.common.policies import ActorCriticPolicy
from timing import Row, medians
from torch import nn

import rltools
from rltools.attributions import find_method
from rltools.policy import Context
from rltools.targets import make_score, parse_target


class Actor(nn.Module):
    """The logits of an actor-critic policy, as Stable-Baselines3 computes them."""

    def __init__(self, policy: ActorCriticPolicy) -> None:
        super().__init__()
        self.policy = policy

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """`[batch, feature]` -> `[batch, action]`."""
        features = self.policy.pi_features_extractor(x)
        logits: torch.Tensor = self.policy.action_net(self.policy.mlp_extractor.forward_actor(features))
        return logits


def measure() -> list[Row]:
    """The gradient of the chosen action's logit against a forward without gradients, and against Captum, batched."""
    model = PPO.load(Path("agents") / "lunarlander-ppo" / "model.zip", device="cpu")
    net = Actor(model.policy).eval()
    policy = rltools.load_policy("lunarlander-ppo")
    target, gradient = parse_target("logit:chosen", policy), find_method("gradient")
    recording = rltools.record(policy, episodes=20)
    recorded = np.concatenate([episode.observations for episode in recording])
    rows = []
    for batch in (256, 4096):
        observations = recorded[:batch]
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
