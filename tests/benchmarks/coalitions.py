"""Exact Shapley values of all actions."""

from __future__ import annotations

import warnings

import numpy as np
import shap
import torch
from nets import forward, mlp, score_of, states
from timing import Row, medians

from rltools.attributions import find_method

shapley = find_method("shapley")
BATCH = 256


def measure() -> list[Row]:
    """8 features, 4 actions, one reference: against shap's Exact and Kernel explainers."""
    policy, net = mlp()
    x, context = states(policy, BATCH)
    references = torch.full((1, 8), 0.1)
    score = score_of(policy, "logit:all", context)

    def scores(rows: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            return net(torch.from_numpy(np.asarray(rows, np.float32))).numpy()

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exact = shap.explainers.Exact(scores, shap.maskers.Independent(references.numpy()))
        kernel = shap.KernelExplainer(scores, references.numpy())
        few = x[:4].numpy()
        times = medians(
            {
                "ours": lambda: shapley(score, x, references=references),
                "passes": forward(net, torch.randn(BATCH, 2**8, 8).flatten(0, 1)),
                "exact": lambda: exact(few, silent=True),
                "kernel": lambda: kernel.shap_values(few, silent=True),
            },
            rounds=9,
        )
        theirs = exact(x[:4].numpy(), silent=True).values
    ours = shapley(score, x[:4], references=references).values.movedim(1, 2).numpy()
    a_state = times["ours"] / BATCH
    label = "exact Shapley, 8 features, 4 actions, one reference"
    difference = f"largest difference {np.abs(ours - theirs).max():.0e}"
    return [
        Row(f"{label}, batch {BATCH}: a state", f"{a_state * 1e3:.3f} ms", "<= 0.2 ms"),
        Row(f"{label}: times its 256 forward passes", f"{times['ours'] / times['passes']:.2f} x", ""),
        Row(f"{label}: faster than shap's Exact ({difference})", f"{times['exact'] / 4 / a_state:.0f} x", ">= 5 x"),
        Row(f"{label}: faster than shap's KernelSHAP", f"{times['kernel'] / 4 / a_state:.0f} x", ">= 50 x"),
    ]
