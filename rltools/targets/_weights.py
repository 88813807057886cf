"""Targets that are sums of a head's outputs, as the weights of these sums.

Their gradients are the head's own, weighted; and where a network has few layers, the small operations that center its
outputs and pick one of them would cost as much as it does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod

import numpy as np
import torch
from torch import Tensor

from rltools.policies.base import Policy, VjpFn
from rltools.targets._scores import base_head, terms
from rltools.targets._target import Target, branch_of, is_of_state, is_several
from rltools.targets.derivative import derivative

LINEAR = ("logit", "q_value", "advantage", "centered", "mean", "action", "value")


@dataclass(frozen=True)
class Weights:
    """The scalars of a target as sums of one head's outputs.

    Attributes:
        fixed: `[target, k]`, the weights whatever action is chosen.
        chosen: `[target]`, what the weight of the chosen action's output is larger by; None where no scalar depends on
            it: of continuous actions, of the value, of all actions. So there is one number for each action, and not a
            table for each action that may be chosen.
    """

    fixed: Tensor
    chosen: Tensor | None

    def of(self, action: Tensor | None) -> Tensor | None:
        """`[batch or 1, target, k]` where `action [batch]` was chosen; None where it matters and is not known."""
        if self.chosen is None:
            return self.fixed[None]
        if action is None:
            return None
        weights = self.fixed.repeat(len(action), 1, 1)
        weights[torch.arange(len(action), device=weights.device), :, action] += self.chosen
        return weights

    def of_rows(self, action: np.ndarray | None, rows: int) -> np.ndarray:
        """The same in NumPy, `[row, target, k]`, whose bookkeeping takes a tenth of torch's.

        Args:
            action: int64 `[row]`, the chosen ones; unused where no scalar depends on them.
            rows: how many there are.
        """
        fixed, chosen = self._arrays
        weights = fixed[None].repeat(rows, axis=0)
        if chosen is not None and action is not None:
            weights[np.arange(rows), :, action] += chosen
        return weights

    @cached_property
    def _arrays(self) -> tuple[np.ndarray, np.ndarray | None]:
        return self.fixed.numpy(force=True), None if self.chosen is None else self.chosen.numpy(force=True)


def linear_weights(policy: Policy, target: Target) -> Weights | None:
    """The weights of a target's scalars in the outputs of one head.

    None where they are no such sums, are of several heads, or depend on more than the chosen action.
    """
    parts = terms(target)
    heads = {base_head(term, policy) for term in parts}
    fitting = all(term.score in LINEAR and "runner_up" not in term.action for term in parts)
    if not fitting or len(heads) > 1 or policy.masked or len(policy.branches) > 1:
        return None
    (head,) = heads
    outputs = 1 if head == "value" or (head == "q_value" and not policy.branches) else len(policy.action_names)
    fixed, chosen = [], []
    for part in target.parts:
        rows, of_chosen = _weights(part, policy, outputs)
        if part.minus is not None:
            less, of_other = _weights(part.minus, policy, outputs)
            rows, of_chosen = rows - less, of_chosen - of_other
        fixed.append(rows)
        chosen += [of_chosen] * len(rows)
    largest = torch.tensor(chosen, dtype=policy.dtype, device=policy.device)
    return Weights(torch.cat(fixed), largest if any(chosen) else None)


def _weights(term: Target, policy: Policy, outputs: int) -> tuple[Tensor, float]:
    """Of one score `[target, k]`, and the weight of the chosen action beside these."""
    keyword, _ = branch_of(term.action, policy) if policy.branches else ("", None)
    if is_of_state(term.score, policy):
        picked = torch.ones(1, outputs, dtype=policy.dtype, device=policy.device)
    elif is_several(term, policy):
        picked = torch.eye(outputs, dtype=policy.dtype, device=policy.device)
    else:
        picked = torch.zeros(1, outputs, dtype=policy.dtype, device=policy.device)
        if not keyword:
            names = policy.action_names
            picked[0, names.index(term.action) if term.action in names else int(term.action)] = 1
    if term.score == "centered":
        picked -= 1 / outputs  # each row picks one output
    return picked, 1.0 if keyword else 0.0


Read = Callable[[dict[str, Tensor]], Tensor]

MOST_ENTRIES = 1 << 22
"""Of gradients that are pulled through at once; of more, some targets at a time."""


def gradients_by_vjp(
    pulled: dict[str, tuple[Tensor, VjpFn]],
    read: Read | None,
    weights: Tensor | None,
    lead: Sequence[int],
    entries: int,
    own: np.ndarray | None = None,
) -> Tensor:
    """The gradients `[target, prod(lead), *feature]` of the scalars.

    Args:
        pulled: of each head its outputs `[prod(lead), k]`, and the way back.
        read: from outputs `[*lead, k]` to scalars; unused where there are weights.
        weights: `[batch, target, k]`, where the scalars are sums of one head's outputs; None where they are not.
        lead: the axes before the features, the batch first.
        entries: of one row's features.
        own: bool `[target, k]`, the only outputs that each scalar depends on, as `own_outputs` says; None where they
            are not known.
    """
    if weights is not None:
        ((_, back),) = pulled.values()
        upstream = weights.transpose(0, 1)
        if len(lead) > 1:
            copies = prod(lead[1:])
            upstream = upstream[:, :, None].expand(-1, -1, copies, -1).flatten(1, 2)
        return _through(back, upstream, entries)
    assert read is not None
    with torch.enable_grad():
        outputs = {name: output.requires_grad_() for name, (output, _) in pulled.items()}
        scalars = read({name: output.reshape(*lead, output.shape[1]) for name, output in outputs.items()})
        flat = scalars.flatten(0, -2)
        upstream_of = {
            name: derivative(flat, output) if own is None else _derivative_of_own(flat, output, own)
            for name, output in outputs.items()
        }
    gradients = [_through(pulled[name][1], g, entries) for name, g in upstream_of.items()]
    return sum(gradients[1:], start=gradients[0])


def _derivative_of_own(scalars: Tensor, outputs: Tensor, own: np.ndarray) -> Tensor:
    """`derivative`, of scalars most of which share no output: all that share none are differentiated as one sum."""
    owned, groups = np.zeros(own.shape[1], np.int64), np.zeros(len(own), np.int64)
    for target, positions in enumerate(own):
        groups[target] = owned[positions].max()
        owned[positions] = groups[target] + 1
    members = torch.as_tensor(np.eye(groups.max() + 1)[groups]).to(scalars)
    of_groups = derivative(scalars @ members, outputs)
    others = torch.as_tensor(~own, device=outputs.device)[:, None]
    return of_groups[torch.as_tensor(groups, device=outputs.device)].masked_fill(others, 0)


def _through(back: VjpFn, g: Tensor, entries: int) -> Tensor:
    """`g [target, row, k]` -> `[target, row, *feature]`."""
    if len(g) == 1:
        return back(g[0])[None]
    at_once = max(1, MOST_ENTRIES // max(1, g.shape[1] * max(entries, g.shape[2])))
    parts = [back(of_targets.contiguous()) for of_targets in torch.split(g, at_once)]
    return parts[0] if len(parts) == 1 else torch.cat(parts)
