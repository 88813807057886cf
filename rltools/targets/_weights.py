"""Targets that are weighted sums of a head's outputs, and gradients through vector-Jacobian products.

In a network of few layers, the small operations that center its outputs and pick one of them would cost as much as the
network: the gradients of a weighted sum are the head's own, weighted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from rltools.policies.base import Policy, VjpFn
from rltools.targets._scalars import Read, base_head, terms
from rltools.targets._target import Target, branch_of, is_of_state, is_several
from rltools.targets.function import derivative
from rltools.targets.scores import find_score

MOST_IN_TABLE = 64
"""Actions whose weights are kept."""


@dataclass(frozen=True)
class Weights:
    """The scalars of a target as weighted sums of one head's outputs.

    Attributes:
        fixed: `[target, k]`, the weights whatever action is chosen.
        chosen: `[target]`, added to the weight of the chosen action's output; None if no scalar depends on it. So there
            is one number for each target; a table for each action that may be chosen is made for few actions only.
    """

    fixed: Tensor
    chosen: Tensor | None

    def of_rows(self, action: Tensor | None) -> Tensor | None:
        """`[batch or 1, target, k]` for the chosen `action [batch]`; None if it matters and is not given."""
        if self.chosen is None:
            return self.fixed[None]
        if action is None:
            return None
        if self.fixed.shape[1] <= MOST_IN_TABLE:
            if action.shape[0] == 1:  # of a live step for instance
                return self._of_single_action[int(action)]
            return self._of_each_action.index_select(0, action)
        return self._of_actions(action, self.chosen)

    @cached_property
    def _of_each_action(self) -> Tensor:
        """`[action, target, k]`, because to look rows up takes a fifth of the time of computing them."""
        assert self.chosen is not None
        return self._of_actions(torch.arange(self.fixed.shape[1], device=self.fixed.device), self.chosen)

    @cached_property
    def _of_single_action(self) -> tuple[Tensor, ...]:
        return torch.split(self._of_each_action, 1)

    def _of_actions(self, action: Tensor, chosen: Tensor) -> Tensor:
        weights = self.fixed.repeat(len(action), 1, 1)
        weights[torch.arange(len(action), device=weights.device), :, action] += chosen
        return weights


def linear_weights(policy: Policy, target: Target) -> Weights | None:
    """The weights of a target's scalars in the outputs of one head.

    None if they are not such sums, involve several heads, or depend on more than the chosen action.
    """
    parts = terms(target)
    heads = {base_head(term, policy) for term in parts}
    sums = all(find_score(term.score).linear and "runner_up" not in term.action for term in parts)
    if not sums or len(heads) > 1 or policy.masked or len(policy.branches) > 1:
        return None
    (head,) = heads
    outputs = 1 if is_of_state(head, policy) else len(policy.action_names)
    fixed, chosen = [], []
    for part in target.parts:
        rows, of_chosen = _weights(part, policy, outputs)
        if part.minus is not None:
            subtracted, of_other = _weights(part.minus, policy, outputs)
            rows, of_chosen = rows - subtracted, of_chosen - of_other
        fixed.append(rows)
        chosen += [of_chosen] * len(rows)
    largest = torch.tensor(chosen, dtype=policy.dtype, device=policy.device)
    return Weights(torch.cat(fixed), largest if any(chosen) else None)


def _weights(term: Target, policy: Policy, outputs: int) -> tuple[Tensor, float]:
    """The weights of one score, `[target, k]`, and the number added to the chosen action's weight."""
    keyword, _ = branch_of(term.action, policy) if policy.branches else ("", None)
    if is_of_state(term.score, policy):
        weights = torch.ones(1, outputs, dtype=policy.dtype, device=policy.device)
    elif is_several(term, policy):
        weights = torch.eye(outputs, dtype=policy.dtype, device=policy.device)
    else:
        weights = torch.zeros(1, outputs, dtype=policy.dtype, device=policy.device)
        if not keyword:
            names = policy.action_names
            weights[0, names.index(term.action) if term.action in names else int(term.action)] = 1
    shared = find_score(term.score).linear
    return weights + (0.0 if shared is None else shared(outputs)), 1.0 if keyword else 0.0


MOST_ENTRIES = 1 << 22
"""The most elements of gradients from one vector-Jacobian product; with more, targets are split over several."""


def gradients_by_vjp(
    passes: dict[str, tuple[Tensor, VjpFn]],
    read: Read,
    upstream: Tensor | None,
    lead: Sequence[int],
    features: int,
    own: np.ndarray | None,
) -> Tensor:
    """The gradients of a target's scalars, `[target, prod(lead), *feature]`, without a graph through the network.

    Args:
        passes: for each head its outputs `[prod(lead), k]`, and the function from gradients of these to those of x.
        read: from outputs `[*lead, k]` to scalars; unused if `upstream` is not None.
        upstream: `[target, prod(lead), k]`, the weights if the scalars are weighted sums of one head's outputs; None
            otherwise.
        lead: the axes before the features, the batch first.
        features: the number of features of a row.
        own: bool `[target, k]`, the only outputs that each scalar depends on, as `own_outputs` gives them, or None.
    """
    if upstream is not None:
        ((_, vjp_fn),) = passes.values()
        return _through(vjp_fn, upstream, features)
    with torch.enable_grad():
        outputs = {name: output.detach().requires_grad_() for name, (output, _) in passes.items()}
        scalars = read({name: output.reshape(*lead, output.shape[1]) for name, output in outputs.items()})
        flat = scalars.flatten(0, -2)
        upstream_of = {
            name: derivative(flat, output) if own is None else _derivative_of_own(flat, output, own)
            for name, output in outputs.items()
        }
    gradients = [_through(passes[name][1], g, features) for name, g in upstream_of.items()]
    return sum(gradients[1:], start=gradients[0])


def _derivative_of_own(scalars: Tensor, outputs: Tensor, own: np.ndarray) -> Tensor:
    """`derivative` for scalars most of which share no output: those that share none are differentiated as one sum."""
    owners, groups = np.zeros(own.shape[1], np.int64), np.zeros(len(own), np.int64)
    for target, positions in enumerate(own):
        groups[target] = owners[positions].max()
        owners[positions] = groups[target] + 1
    members = torch.as_tensor(np.eye(groups.max() + 1)[groups]).to(scalars)
    of_groups = derivative(scalars @ members, outputs)
    others = torch.as_tensor(~own, device=outputs.device)[:, None]
    return of_groups[torch.as_tensor(groups, device=outputs.device)].masked_fill(others, 0)


def _through(vjp_fn: VjpFn, g: Tensor, features: int) -> Tensor:
    """`g [target, row, k]` -> `[target, row, *feature]`."""
    if len(g) == 1:
        return vjp_fn(g[0])[None]
    together = max(1, MOST_ENTRIES // max(1, g.shape[1] * max(features, g.shape[2])))
    parts = [vjp_fn(of_targets.contiguous()) for of_targets in torch.split(g, together)]
    return parts[0] if len(parts) == 1 else torch.cat(parts)
