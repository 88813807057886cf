"""Features that no derivative sees, though the score depends on them: what is rounded, compared or looked up."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from rltools.attributions import Method
from rltools.explanation.references import draw_visited
from rltools.policies.base import Context, Policy
from rltools.recording import AttributionSpec, Recording
from rltools.targets import Target, make_target_function

MOST_TRIED = 200
"""So many features, or regions of an image, are tried at most."""
STATES, FEWER = (16, 16), (8, 4)
"""How many states are tried, with the values of how many others; fewer for large observations."""
LARGE = 1024
ROUNDING = 256
"""Changes of a score below so many of its last digits are none."""


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
    """The entries whose values and gradients are all exactly 0 although the score changes with what is in their place.

    Only what is 0 in every row is tried, and by replacing it by what it is in other visited states, so that a feature
    which the network ignores, or one that never varies, is not among them.

    Args:
        recording: whose states are visited.
        policy: that is explained.
        method: that explained it.
        target: the scalars.
        spec: what was asked.
        x: the explained rows, `[row, *feature]`.
        context: theirs.
        values: `[row, target, *feature]`, what the method said.

    Returns:
        Row-major positions; None for methods that take no derivative, which this is not asked of.
    """
    if "gradient" not in method.needs:
        return None
    size = policy.features.size
    flat = values.reshape(*values.shape[:2], size)
    flat = flat[np.isfinite(flat).all((1, 2))]
    zero = (flat == 0).all(0)  # [target, entry]
    tried = [entries for _, entries in spec.rows(policy.features) if zero[:, entries].all(1).any()][:MOST_TRIED]
    if not len(flat) or not tried:
        return ()
    count, others = FEWER if size > LARGE else STATES
    chosen = torch.from_numpy(np.linspace(0, len(x) - 1, min(count, len(x))).round().astype(np.int64)).to(x.device)
    states, of_states = x[chosen], context.rows(chosen)
    score, visited = (
        make_target_function(policy, target, of_states),
        policy.encode(draw_visited(recording, others, seed=0)),
    )
    # The method may have reasons of its own to say 0, as the variance of a gradient that is the same everywhere has.
    gradients = score.gradients(states).reshape(score.outputs, len(states), size)
    zero &= (gradients == 0).all(1).numpy(force=True)
    found: list[int] = []
    with torch.no_grad():
        before = score(states)[:, None]
        for entries in tried:
            copies = states.reshape(len(states), 1, size).repeat(1, len(visited), 1)
            copies[:, :, entries] = visited.reshape(len(visited), size)[:, entries]
            after = score(copies.reshape(len(states), len(visited), *x.shape[1:]))
            least = ROUNDING * torch.finfo(after.dtype).eps * torch.maximum(before.abs(), after.abs())
            changes = ((after - before).abs() > least).flatten(0, 1).any(0).numpy(force=True)
            if (changes & zero[:, entries].all(1)).any():
                found += entries.tolist()
    return tuple(sorted(found))
