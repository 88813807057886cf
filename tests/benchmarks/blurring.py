"""Blurring an image at every position: one batched pass against one forward pass per position."""

from __future__ import annotations

import torch
from nets import nature_cnn, score_of, states
from timing import Row, medians

from rltools.attributions import find_method

POSITIONS = 17 * 17


def measure() -> list[Row]:
    """Frames of 4x84x84, stride 5, at 17x17 positions."""
    policy, net = nature_cnn()
    x, context = states(policy, 4)
    score = score_of(policy, "logit:chosen", context)
    references = torch.zeros(1, 4, 84, 84)
    rows = []
    for name in ("blur_saliency", "sarfa"):
        attribution = find_method(name)
        arguments = {"references": references} if "references" in attribution.needs else {}

        def one_by_one() -> object:
            with torch.no_grad():
                return [net(frame[None]) for frame in x for _ in range(POSITIONS)]

        times = medians({"ours": lambda f=attribution, g=arguments: f(score, x, **g), "loop": one_by_one}, rounds=3)
        rows.append(
            Row(
                f"{name}, 84x84, stride 5: times {POSITIONS} bare forwards, one by one",
                f"{times['ours'] / times['loop']:.2f} x",
                "<= 1 x",
            )
        )
    return rows
