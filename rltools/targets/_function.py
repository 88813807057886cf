"""A target as a function of encoded observations."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from contextlib import AbstractContextManager, nullcontext
from functools import cached_property
from math import prod
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from rltools.errors import ArgumentError
from rltools.policies.base import Context, Policy, VjpFn, outputs_and_vjp
from rltools.targets._scores import FORBIDDEN, base_head, beside, own_outputs, read_scalars, terms, undefined
from rltools.targets._target import Target, is_discrete, target_labels
from rltools.targets._weights import gradients_by_vjp, linear_weights
from rltools.targets.derivative import derivative


class PolicyTargetFunction(nn.Module):
    """The explained scalars of one chunk of rows, as a function of the rows' encoded observations.

    `score(x [batch, ..., *feature]) -> [batch, ..., target]`. The axes between batch and feature hold perturbed copies
    of a row and are free; the rows and their order are those of the context it was made with.

    Attributes:
        feature_ndim: how many axes a feature has.
        dims: their names, as in `Features.dims`.
        categorical: whether the scalars are positions of actions, which can be the same or not and nothing between.
        most_copies: rows that go through the network at once.
        leave_one_out: whether values without each block of draws are wanted; see `rltools.attributions.Result`.
        outputs: how many scalars there are.
    """

    feature_ndim: int
    dims: tuple[str, ...]
    categorical: bool
    most_copies: int
    leave_one_out: bool
    outputs: int
    _policy: Policy
    _target: Target
    _context: Context
    _heads: tuple[str, ...]
    _read: Callable[[dict[str, Tensor]], Tensor]
    _autocast: torch.dtype | None
    _needed: Context

    def __init__(
        self, policy: Policy, target: Target, context: Context, most_copies: int, *, leave_one_out: bool
    ) -> None:
        super().__init__()
        heads = tuple({base_head(term, policy) for term in terms(target)})
        # Copying what no head needs would cost as much as a small net.
        of_action = "q_value" in heads and not policy.branches
        # Straight into the dict: a module looks at every attribute that is set, which takes as long as a small net.
        vars(self).update(
            feature_ndim=len(policy.features.shape),
            dims=policy.features.dims,
            categorical=target.score == "decision" and is_discrete(policy),
            most_copies=most_copies,
            leave_one_out=leave_one_out,
            outputs=len(remembered("labels", target, policy, lambda: target_labels(target, policy))),
            _policy=policy,
            _target=target,
            _context=context,
            _heads=heads,
            _read=read_scalars(policy, target, context),
            _autocast=_autocast_dtype(),
            _needed=Context(action=context.action if of_action else None, state=context.state, before=context.before),
        )

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        return self._read({name: self._outputs(name, x) for name in self._heads})

    def _outputs(self, head: str, x: Tensor) -> Tensor:
        """`x [batch, ..., *feature]` -> `[batch, ..., k]`, what a head gives."""
        lead = x.shape[: x.ndim - self.feature_ndim]
        decided = self._context.forward_pass
        if decided is not None and not torch.is_grad_enabled() and decided.is_of(head, x):
            return decided.output
        flat = x if len(lead) == 1 else x.reshape(-1, *x.shape[len(lead) :])
        # A copy: a network may write into what it is given.
        with _autocasting(flat.device.type, self._autocast):
            output = self._policy.head(head, flat.clone(), self._needed.repeat(prod(lead[1:])))
        return output if len(lead) == 1 else output.reshape(*lead, output.shape[1])

    def known(self) -> Tensor | None:
        """The scalars `[batch, target]` of the rows themselves, without a forward pass: from the context's scores.

        None where another head than the policy's first one computes them.
        """
        if self._context.scores is None or self._heads != self._policy.heads[:1]:
            return None
        return self._read({self._heads[0]: self._context.scores})

    @cached_property
    def undefined(self) -> Tensor | None:
        """Bool `[batch, target]`, the scalars that do not exist in a row; None for none. See `undefined`."""
        return undefined(self._policy, self._target, self._context)

    def rows(self, index: Tensor) -> PolicyTargetFunction:
        """The score of some of the rows, in the order of `index`."""
        context = self._context.rows(index)
        same = PolicyTargetFunction(
            self._policy, self._target, context, self.most_copies, leave_one_out=self.leave_one_out
        )
        same._autocast = self._autocast  # a method asks for rows where there is none
        return same

    def gradients(self, x: Tensor) -> Tensor:
        """See `rltools.attributions.TargetFunction`.

        Raises:
            GradientError: the scalars do not depend on x in a differentiable way.
        """
        ways = self._ways(x)
        if ways is None:
            with torch.enable_grad():
                leaf = x.detach().requires_grad_()
                return derivative(self(leaf), leaf)
        lead, feature = x.shape[: x.ndim - self.feature_ndim], x.shape[x.ndim - self.feature_ndim :]
        weights = None if self._weights is None else self._weights.expand(len(x), -1, -1)
        own = remembered("own outputs", self._target, self._policy, lambda: own_outputs(self._policy, self._target))
        found = gradients_by_vjp(ways, self._read, weights, lead, prod(feature), own)
        return found.reshape(self.outputs, *x.shape)

    @cached_property
    def _weights(self) -> Tensor | None:
        """`[batch or 1, target, k]`, where the scalars are sums of one head's outputs; None where they are not."""
        policy, target = self._policy, self._target
        weights = remembered("weights", (target, policy.device), policy, lambda: linear_weights(policy, target))
        return None if weights is None else weights.of(self._context.action)

    def _ways(self, x: Tensor) -> dict[str, tuple[Tensor, VjpFn]] | None:
        """Of each head its outputs and the way back; None where the policy does not know one."""
        lead = x.shape[: x.ndim - self.feature_ndim]
        flat, found = x.detach().reshape(-1, *x.shape[len(lead) :]), {}
        decided = self._context.forward_pass
        if self._autocast is not None:
            return None
        for name in self._heads:
            if decided is not None and decided.is_of(name, x):
                of_head: tuple[Tensor, VjpFn] | None = decided.output, decided.vjp_fn
            else:
                of_head = outputs_and_vjp(self._policy, name, flat, self._needed)
            if of_head is None:
                return None
            found[name] = of_head
        return found

    def actions(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """See `rltools.attributions.TargetFunction`.

        Raises:
            ArgumentError: the policy does not choose one of several actions, or none was chosen.
        """
        if len(self._policy.branches) != 1 or self._context.action is None:
            raise ArgumentError(
                f"{self._policy.source.name} does not choose one of several actions at these observations, which this "
                f"method is about; take another method"
            )
        scores, mask = self._outputs(self._policy.heads[0], x), self._context.mask
        if mask is not None and self._policy.masked:
            scores = scores.masked_fill(~beside(mask, scores), FORBIDDEN)
        return scores, self._context.action

    @property
    def network(self) -> nn.Module | None:
        """The policy's module; None where it is a function. Not an attribute, or it would be a part of the score."""
        module = getattr(self._policy, "module", None)
        return module if isinstance(module, nn.Module) else None


def _autocast_dtype() -> torch.dtype | None:
    """The narrower dtype that a caller wants networks computed in; None where he wants none."""
    device = next((kind for kind in ("cpu", "cuda") if torch.is_autocast_enabled(kind)), None)
    return None if device is None else torch.get_autocast_dtype(device)


def _autocasting(device: str, dtype: torch.dtype | None) -> AbstractContextManager[Any]:
    return _AS_IT_IS if dtype is None else torch.autocast(device, dtype=dtype)


_AS_IT_IS = nullcontext()

MOST_COPIES = 1 << 13
"""Rows that go through the network at once: of a small network 32,768 take a quarter longer each, out of the caches."""


def make_target_function(
    policy: Policy,
    target: Target,
    context: Context,
    *,
    most_copies: int = MOST_COPIES,
    leave_one_out: bool = True,
) -> PolicyTargetFunction:
    """The score of one chunk of rows; `context` holds what these rows need, in their order."""
    return PolicyTargetFunction(policy, target, context, most_copies, leave_one_out=leave_one_out)


T = TypeVar("T")
MOST = 64


def remembered(what: str, about: Hashable, policy: Policy, compute: Callable[[], T]) -> T:
    """What `compute` gives, which says the same again for the same policy, or another of the same heads and actions.

    Args:
        what: names what is computed.
        about: which target, and whatever else it depends on.
        policy: whose heads, actions and dtype it depends on, and nothing else of it.
        compute: called at the first time; what it raises is not remembered.
    """
    space = policy.action_space
    key = (what, about, policy.heads, policy.action_names, policy.branches, policy.masked, policy.dtype, id(space))
    entry = _REMEMBERED.get(key)
    if entry is None:
        if len(_REMEMBERED) >= MOST:
            _REMEMBERED.clear()
        entry = _REMEMBERED[key] = space, compute()
    found: T = entry[1]
    return found


_REMEMBERED: dict[Hashable, tuple[Any, Any]] = {}
"""With the space, so that its id is not another one's later."""
