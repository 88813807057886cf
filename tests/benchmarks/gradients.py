"""Gradients with respect to states: of one action's logit, and of all."""

from __future__ import annotations

from contextlib import ExitStack

import torch
from captum.attr import Saliency
from nets import forward, leaf, mlp, nature_cnn, score_of, states
from peers import ABSENT, has_tdhook, tdhook_gradient
from timing import Row, medians

import rltools
from rltools.attributions import find_method

gradient = find_method("gradient")


def measure() -> list[Row]:
    """Whole calls, and the method alone, against a forward without gradients, Captum's Saliency and TDHook's."""
    return [
        *_call(1, 8.0, 100),
        *_call(256, 3.0, 20),
        *_call(4096, 2.2, 3),
        *_chosen("MLP", 256, 20),
        *_chosen("MLP", 4096, 3),
        *_chosen("CNN", 32, 1),
        *_chosen("CNN", 256, 1),
        *_all(),
    ]


def _call(batch: int, most: float, calls: int) -> list[Row]:
    """The public function, from observations to the labeled array: with encoding, acting, checks and labels."""
    policy, net = mlp()
    x, context = states(policy, batch)
    observations, saliency, action = x.numpy().copy(), Saliency(net), context.action
    cases = {
        "forward": forward(net, x),
        "ours": lambda: rltools.attribute(policy, observations, target="logit:chosen"),
        "captum": lambda: saliency.attribute(leaf(x), target=net(x).argmax(1), abs=False),
    }
    with ExitStack() as stack:
        if has_tdhook():
            theirs = stack.enter_context(tdhook_gradient(net, x, action))
            cases["tdhook"] = theirs
        times = medians(cases, rounds=31, calls=calls)
    ratios = {name: f"{time / times['forward']:.2f} x" for name, time in times.items()}
    label = f"rltools.attribute, gradient, MLP, batch {batch}: times a forward"
    return [
        Row(label, ratios["ours"], f"<= {most} x"),
        Row(f"Captum's Saliency and the choice of the action, batch {batch}: times a forward", ratios["captum"], ""),
        Row(f"TDHook's Saliency, hooked once, batch {batch}: times a forward", ratios.get("tdhook", ABSENT), ""),
    ]


def _chosen(kind: str, batch: int, calls: int) -> list[Row]:
    policy, net = mlp() if kind == "MLP" else nature_cnn()
    x, context = states(policy, batch)
    score, saliency, action = score_of(policy, "logit:chosen", context), Saliency(net), context.action
    times = medians(
        {
            "forward": forward(net, x),
            "ours": lambda: gradient(score, x),
            "captum": lambda: saliency.attribute(leaf(x), target=action, abs=False),
        },
        rounds=31 if kind == "MLP" else 9,
        calls=calls,
    )
    theirs = saliency.attribute(leaf(x), target=action, abs=False)
    difference = float((gradient(score, x).values[:, 0] - theirs).abs().max() / theirs.abs().max())
    label, most, least = f"gradient, {kind}, batch {batch}", *((2.0, 5.0) if kind == "MLP" else (4.5, 1.0))
    return [
        Row(f"{label}: times a forward", f"{times['ours'] / times['forward']:.2f} x", f"<= {most} x"),
        Row(
            f"{label}: faster than Captum's Saliency, batched (largest difference {difference:.0e})",
            f"{times['captum'] / times['ours']:.1f} x",
            f">= {least:g} x",
        ),
    ]


def _all() -> list[Row]:
    rows = []
    for kind, batch, most, calls, rounds in (("MLP", 256, 4, 10, 21), ("CNN", 32, 50, 1, 5)):
        policy, net = mlp() if kind == "MLP" else nature_cnn()
        x, context = states(policy, batch)
        actions = len(policy.action_names)
        score, saliency = score_of(policy, "logit:all", context), Saliency(net)

        def loop(saliency=saliency, x=x, actions=actions) -> object:
            return torch.stack([saliency.attribute(leaf(x), target=action, abs=False) for action in range(actions)])

        cases = {"forward": forward(net, x), "ours": lambda score=score, x=x: gradient(score, x), "captum": loop}
        times = medians(cases, rounds=rounds, calls=calls)
        label = f"Jacobian, {actions} actions, {kind}, batch {batch}"
        rows.append(Row(f"{label}: times a forward", f"{times['ours'] / times['forward']:.2f} x", f"<= {most} x"))
        rows.append(
            Row(
                f"{label}: faster than Captum's loop over targets",
                f"{times['captum'] / times['ours']:.1f} x",
                ">= 10 x" if kind == "MLP" else "",
            )
        )
    return rows
