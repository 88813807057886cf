"""Whether a policy is the one that was recorded."""

from __future__ import annotations

import numpy as np
import torch

from rltools.errors import MismatchError
from rltools.explanation._context import needed_columns, recorded_context, recorded_inputs
from rltools.explanation._pieces import batches
from rltools.explanation._windows import Window
from rltools.policy import Policy
from rltools.recording import Recording


def check_one(recording: Recording, policy: Policy) -> None:
    """Compare scores where nothing is left to explain: what is there may be another policy's.

    Raises:
        MismatchError: they differ.
    """
    window = policy.lags if isinstance(policy, Window) else 0
    names = needed_columns(recording, policy)
    for piece, *_ in batches(recording, recording.numbers[:1], names, 1, 1, 16, window):
        if piece.damage is None and len(piece.t):
            check_same_policy(policy, piece.columns, recording)
        break


def check_same_policy(policy: Policy, block: dict[str, np.ndarray], recording: Recording) -> None:
    """Compare scores, not fingerprints: a model in memory and the file it was saved to are the same policy.

    Args:
        policy: that is to be explained.
        block: columns `[step, ...]` of the recording, as `needed_columns` names them.
        recording: that they are of.

    Raises:
        MismatchError: they differ.
    """
    first = {name: values[:16] for name, values in block.items()}
    with torch.no_grad():
        x, context = recorded_inputs(policy, first), recorded_context(policy, first)
        scores = policy.head(policy.heads[0], x, context).cpu().numpy()
    recorded = first["score"]
    if scores.shape != recorded.shape or not np.allclose(scores, recorded, rtol=1e-3, atol=1e-4):
        said = (
            f"shape {scores.shape[1:]} instead of {recorded.shape[1:]}"
            if scores.shape != recorded.shape
            else f"differences up to {np.abs(scores - recorded).max():.3g}"
        )
        raise MismatchError(
            f"{policy.source.name} is not the policy that was recorded ({recording.header.policy}): its scores of the "
            f"recorded observations differ ({said}); load the one with sha256 "
            f"{recording.header.policy_sha256[:12]}..., with the same normalisation statistics"
        )
