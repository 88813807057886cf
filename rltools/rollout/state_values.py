"""What the states of an episode are worth by the policy's own critic or Q-network, recorded beside its steps."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch

from rltools.policies.base import Context, Policy
from rltools.policies.decide import positions
from rltools.recording import nested_observations


def state_values(
    policy: Policy, head: str, block: Mapping[str, np.ndarray], last: Mapping[str, np.ndarray] | None = None
) -> np.ndarray:
    """The values of some consecutive states of one episode: float32 `[step]`, and then that of its final observation.

    All of them go through the network in one batch, whose rows depend on nothing outside the episode: so they are the
    same to the last bit whatever runs beside it. The scores of a Q-network are recorded already.

    Args:
        policy: the policy that acted.
        head: its `value_head`.
        block: the columns `[step, ...]` of the episode: observations, and actions, scores, masks and states that the
            policy has.
        last: the columns of one row, `[1, ...]`: the final observation, and the mask and recurrent state that follow
            the last action. The policy's best action there is that of a "q_value". None leaves it out.
    """
    if last is not None:
        if head == "q_value":
            context = Context(mask=_tensor(policy, last, "mask"), state=_tensor(policy, last, "state"))
            acted = policy.act(nested_observations(last, policy.features), context)
            last = {**last, "action": acted.actions, "score": acted.scores}
        block = {name: np.concatenate([block[name], row]) for name, row in last.items()}
    if head == policy.heads[0] and policy.branches:
        return _best_allowed(block["score"], block.get("mask"))
    action = positions(policy, block["action"]) if head == "q_value" and not policy.branches else None
    with torch.no_grad():
        x = policy.encode(nested_observations(block, policy.features))
        context = Context(action=action, state=_tensor(policy, block, "state"))
        outputs = policy.head(head, x, context).numpy(force=True)
    return _best_allowed(outputs, block.get("mask")) if head == "q_value" else outputs[:, 0].astype(np.float32)


def _tensor(policy: Policy, block: Mapping[str, np.ndarray], name: str) -> torch.Tensor | None:
    return torch.tensor(block[name], device=policy.device) if name in block else None


def _best_allowed(scores: np.ndarray, mask: np.ndarray | None) -> np.ndarray:
    """The highest of scores `[step, k]` over the allowed actions: float32 `[step]`."""
    best: np.ndarray = (scores if mask is None else np.where(mask, scores, -np.inf)).max(axis=1)
    return best.astype(np.float32)
