"""Finds features with gradient 0 on which the target value depends, because they are rounded, compared or looked up."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from rltools.attributions import Method
from rltools.explanation.references import draw_visited
from rltools.policies.base import Context, Policy
from rltools.recording import AttributionSpec, Recording
from rltools.targets import Target, make_target_function

MAX_TESTED = 200
"""The most features, or regions of an image, that are tested."""
ROWS, FEWER_ROWS = (16, 16), (8, 4)
"""How many rows are tested, and with how many visited states; fewer for large observations."""
LARGE = 1024
ROUNDING = 256
"""Changes of a target value below this many units in the last place do not count."""


def unseen_entries(
    recording: Recording,
    policy: Policy,
    method: Method,
    target: Target,
    spec: AttributionSpec,
    x: Tensor,
    context: Context,
    values: np.ndarray,
) -> tuple[int, ...] | None:
    """The elements whose values and gradients are all exactly 0 although the target value depends on them.

    Only elements that are 0 in every row are tested, by replacing them with their values in other visited states, so
    that a feature which the network ignores, or which never varies, is not among them.

    Args:
        recording: the recording that visited states are drawn from.
        policy: the explained policy.
        method: the method that computed the values.
        target: the explained scalars.
        spec: the spec of the attribution.
        x: the explained rows, `[row, *feature]`.
        context: the context of the rows.
        values: `[row, target, *feature]`, the attributions.

    Returns:
        Row-major positions; None for methods that take no derivative.
    """
    if "gradient" not in method.needs:
        return None
    size = policy.features.size
    flat = values.reshape(*values.shape[:2], size)
    flat = flat[np.isfinite(flat).all((1, 2))]
    zero = (flat == 0).all(0)  # [target, element]
    groups = [group for _, group in spec.rows(policy.features, "elements") if zero[:, group].all(1).any()][:MAX_TESTED]
    if not len(flat) or not groups:
        return ()
    count, others = FEWER_ROWS if size > LARGE else ROWS
    chosen = torch.from_numpy(np.linspace(0, len(x) - 1, min(count, len(x))).round().astype(np.int64)).to(x.device)
    rows = x[chosen]
    f = make_target_function(policy, target, context.rows(chosen))
    visited = policy.encode(draw_visited(recording, others, seed=0))
    # A method may return 0 for other reasons; the variance of a constant gradient is 0, for instance.
    gradients = f.gradients(rows).reshape(f.outputs, len(rows), size)
    zero &= (gradients == 0).all(1).numpy(force=True)
    unseen: list[int] = []
    with torch.no_grad():
        before = f(rows)[:, None]
        for group in groups:
            copies = rows.reshape(len(rows), 1, size).repeat(1, len(visited), 1)
            copies[:, :, group] = visited.reshape(len(visited), size)[:, group]
            after = f(copies.reshape(len(rows), len(visited), *x.shape[1:]))
            least = ROUNDING * torch.finfo(after.dtype).eps * torch.maximum(before.abs(), after.abs())
            changes = ((after - before).abs() > least).flatten(0, 1).any(0).numpy(force=True)
            if (changes & zero[:, group].all(1)).any():
                unseen += group.tolist()
    return tuple(sorted(unseen))
