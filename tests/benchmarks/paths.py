"""Integrated gradients to the same accuracy as Captum's default."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from captum.attr import IntegratedGradients
from gymnasium.spaces import Box, Discrete
from nets import leaf, mlp, score_of, states
from peers import ABSENT, has_tdhook, tdhook_integrated
from timing import Row, medians
from torch import Tensor, nn

import rltools
from rltools.attributions import find_method

integrated = find_method("integrated_gradients")
EXACT = 500  # nodes


def measure() -> list[Row]:
    """MLP, batch 256, one reference, with the fewest nodes that are as accurate as Captum's default."""
    return [
        _row("random weights", *_random(), nodes=12, bar=">= 20 x"),
        _row("lunarlander-ppo, whose weights are larger", *mlp(), nodes=24, bar=""),
        _own_passes(),
        _tdhook(),
    ]


def _own_passes() -> Row:
    """The public function against just the passes through the network that it makes."""
    policy, _ = mlp()
    observations = states(policy, 256)[0].numpy().copy()
    references = states(policy, 8)[0].numpy() * 0.5

    def call() -> object:
        return rltools.attribute(policy, observations, method="integrated_gradients", references=references)

    bare = _passes(policy, call)
    times = medians({"ours": call, "passes": bare}, rounds=40)
    return Row(
        "rltools.attribute, integrated gradients, 8 references, MLP, batch 256: times its own passes",
        f"{times['ours'] / times['passes']:.2f} x",
        "<= 1.2 x",
    )


def _passes(policy: rltools.TorchPolicy, call: Callable[[], object]) -> Callable[[], object]:
    """The passes of a call, forward or forward and backward, each with its number of rows."""
    name, created = policy.heads[0], []
    vjp, head = policy.vjp, policy.head

    def pulling(name: str, x: Tensor, context: object) -> object:
        number = len(created)
        created.append((False, len(x)))
        pulled = vjp(name, x, context)
        if pulled is None:
            return None
        output, back = pulled

        def going_back(g: Tensor) -> Tensor:
            created[number] = True, len(x)  # the pass that decides goes forward only
            return back(g)

        return output, going_back

    def scoring(name: str, x: Tensor, context: object) -> Tensor:
        created.append((False, len(x)))
        return head(name, x, context)

    policy.vjp, policy.head = pulling, scoring
    try:
        call()
    finally:
        del policy.vjp, policy.head
    plan, width = policy._plan(name), len(policy.action_names)
    assert plan is not None
    rows = {count: (torch.randn(count, policy.features.size), torch.randn(count, width)) for _, count in created}

    def run() -> None:
        for back_too, count in created:
            x, g = rows[count]
            if back_too:
                plan.vjp(x)[1](g)
            else:
                with torch.no_grad():
                    plan(x)

    return run


def _tdhook() -> Row:
    """Its integrated gradients, told to multiply by `x - baseline`, against ours with as many nodes."""
    policy, net = mlp()
    x, context = states(policy, 256)
    references, score = torch.full((1, 8), 0.1), score_of(policy, "logit:chosen", context)
    label = "integrated gradients, MLP, lunarlander-ppo, batch 256, 50 nodes"
    if not has_tdhook():
        return Row(f"{label}: faster than TDHook", ABSENT, "")
    with tdhook_integrated(net, x, context.action, references, multiply=True) as theirs:

        def ours() -> Tensor:
            return integrated(score, x, references=references, nodes=50, most_nodes=50).values[:, 0]

        times = medians({"ours": ours, "tdhook": theirs}, rounds=15)
        difference = float((ours() - theirs()).abs().max())
    with tdhook_integrated(net, x, context.action, references, multiply=False) as without:
        factor = float((without() * (x - references) - ours()).abs().max())
    return Row(
        f"{label}: faster than TDHook (largest difference {difference:.0e}; its default leaves out x - baseline, "
        f"multiplied by which it differs by {factor:.0e})",
        f"{times['tdhook'] / times['ours']:.1f} x",
        "",
    )


def _random() -> tuple[rltools.TorchPolicy, nn.Module]:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(8, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 4)).eval()
    return rltools.TorchPolicy(net, Box(-1, 1, (8,), np.float32), Discrete(4)), net


def _row(index: str, policy: rltools.TorchPolicy, net: nn.Module, *, nodes: int, bar: str) -> Row:
    x, context = states(policy, 256)
    references = torch.full((1, 8), 0.1)
    score, theirs = score_of(policy, "logit:chosen", context), IntegratedGradients(net)

    def captum(steps: int = 50) -> torch.Tensor:
        return theirs.attribute(leaf(x), baselines=references, target=context.action, n_steps=steps).detach()

    def ours() -> torch.Tensor:
        return integrated(score, x, references=references, nodes=nodes).values[:, 0]

    times = medians({"ours": ours, "captum": captum}, rounds=15)
    exact = captum(EXACT)
    errors = [float((values - exact).abs().max()) for values in (ours(), captum())]
    return Row(
        f"integrated gradients, MLP, {index}, batch 256, {nodes} nodes (error {errors[0]:.0e}): faster than Captum's "
        f"default ({errors[1]:.0e})",
        f"{times['captum'] / times['ours']:.1f} x",
        bar,
    )
