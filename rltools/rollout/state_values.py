"""What the states of an episode are worth by the policy's own critic or Q-network, recorded beside its steps."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch

from rltools.policies.base import Context, Policy, positions
from rltools.recording import nested_observations


def state_values(policy: Policy, head: str, block: Mapping[str, np.ndarray]) -> np.ndarray:
    """The values of some consecutive states of one episode, at least one: float32 `[step]`.

    All of them go through the network in one batch, whose rows depend on nothing outside the episode: so they are the
    same to the last bit whatever runs beside it. The scores of a Q-network are recorded already.

    Args:
        policy: the policy that acted.
        head: its `value_head`.
        block: the columns `[step, ...]` of the episode: observations, and actions, scores, masks and states that the
            policy has.
    """
    if head == "q_value" and policy.heads[0] == head and policy.branches:
        return best_allowed(block["score"], block.get("mask"))
    action = positions(policy, block["action"]) if head == "q_value" and not policy.branches else None
    context = Context(action=action, state=_tensor(policy, block, "state"))
    with torch.no_grad():
        x = policy.encode(nested_observations(block, policy.features))
        outputs = policy.head(head, x, context).numpy(force=True)
    return best_allowed(outputs, block.get("mask")) if head == "q_value" else outputs[:, 0].astype(np.float32)


def _tensor(policy: Policy, block: Mapping[str, np.ndarray], name: str) -> torch.Tensor | None:
    return torch.tensor(block[name], device=policy.device) if name in block else None


def final_value(policy: Policy, head: str, last: Mapping[str, np.ndarray]) -> float:
    """The value of the final observation of an episode.

    Args:
        policy: the policy that acted.
        head: its `value_head`; a "q_value" is that of the policy's best action.
        last: the columns of one row, `[1, ...]`: the observation, and the mask and recurrent state that follow the
            last action.
    """
    if head == "q_value":
        mask, state = (_tensor(policy, last, name) for name in ("mask", "state"))
        acted = policy.act(nested_observations(last, policy.features), Context(mask=mask, state=state))
        last = {**last, "action": acted.actions, "score": acted.scores}
    return float(state_values(policy, head, last)[0])


def best_allowed(scores: np.ndarray, mask: np.ndarray | None) -> np.ndarray:
    """The highest of scores `[step, k]` over the allowed actions: float32 `[step]`."""
    best: np.ndarray = (scores if mask is None else np.where(mask, scores, -np.inf)).max(axis=1)
    return best.astype(np.float32)
