"""Pictures blurred place by place, in one batched pass."""

from __future__ import annotations

import torch
from nets import nature_cnn, score_of, states
from timing import Row, medians

from rltools.attributions import find_method


def measure() -> list[Row]:
    """4x84x84 frames, stride 5: one forward for each place, against all places of a state in one pass."""
    policy, net = nature_cnn()
    x, context = states(policy, 4)
    score = score_of(policy, "logit:chosen", context)
    references = torch.zeros(1, 4, 84, 84)
    rows = []
    for name in ("blur_saliency", "sarfa"):
        result = find_method(name)
        arguments = {"references": references} if "references" in result.needs else {}
        places = result.forwards(x[0].numel(), 1, result.defaults) if name == "x" else 17 * 17

        def one_by_one(places=places) -> object:
            with torch.no_grad():
                return [net(frame[None]) for frame in x for _ in range(places)]

        times = medians({"ours": lambda f=result, g=arguments: f(score, x, **g), "loop": one_by_one}, rounds=3)
        rows.append(
            Row(
                f"{name}, 84x84, stride 5: times {places} bare forwards, one by one",
                f"{times['ours'] / times['loop']:.2f} x",
                "<= 1 x",
            )
        )
    return rows
