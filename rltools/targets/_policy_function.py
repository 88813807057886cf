"""A target of a policy as a function of encoded observations."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import cached_property
from math import prod
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from rltools.errors import ArgumentError, GradientError
from rltools.policies.base import Context, ForwardPass, Policy, VjpFn
from rltools.policies.decide import decision_pass as vjp_decision_pass
from rltools.policies.decide import outputs_and_vjp
from rltools.targets._scalars import base_head, can_be_undefined, own_outputs, read_scalars, terms, undefined
from rltools.targets._target import Target, is_discrete, target_labels
from rltools.targets._weights import gradients_by_vjp, linear_weights
from rltools.targets.function import INDEPENDENT, TargetFunction, derivative, differentiated
from rltools.targets.scores._score import FORBIDDEN, with_middle_axes
from rltools.targets.scores.decision import DECISION


class PolicyTargetFunction(TargetFunction):
    """The target values of one chunk of rows, as a function of the rows' encoded observations.

    The rows and their order are those of the context it was made with. If that has the forward pass of the decision at
    the rows themselves, values and gradients there need no other one.
    """

    def __init__(
        self,
        policy: Policy,
        target: Target,
        context: Context,
        most_copies: int,
        *,
        leave_one_out: bool,
        advance: Callable[[int], None] | None,
        autocast: torch.dtype | None,
    ) -> None:
        self.feature_ndim: int = len(policy.features.shape)
        self.dims: tuple[str, ...] = policy.features.dims
        self.categorical: bool = target.score == DECISION and is_discrete(policy)
        self.most_copies: int = most_copies
        self.leave_one_out: bool = leave_one_out
        self._policy, self._target, self._context, self._advance = policy, target, context, advance
        facts = cached_by_policy("facts", target, policy, lambda: _facts(target, policy))
        self.outputs: int
        self.outputs, self._heads, self._can_be_undefined = facts
        self._autocast = autocast
        self._row_weights: Tensor | None = _UNKNOWN
        self._repeated: tuple[Sequence[int], Tensor] | None = None

    def __call__(self, x: Tensor) -> Tensor:
        """Encoded observations `[batch, ..., *feature]` -> target values `[batch, ..., target]`."""
        values = self._values(x)
        self._count(x, passes=1)
        return values

    def _values(self, x: Tensor) -> Tensor:
        return self._read({name: self._outputs(name, x) for name in self._heads})

    def _read_outputs(self, outputs: dict[str, Tensor]) -> Tensor:
        """The target values of outputs; the function that reads them is made at the first call, not before."""
        return self._read(outputs)

    @cached_property
    def _head_context(self) -> Context:
        """The context without what no head needs: to copy that would cost as much as a small net."""
        of_action = "q_value" in self._heads and not self._policy.branches
        context = self._context
        return Context(action=context.action if of_action else None, state=context.state, before=context.before)

    @cached_property
    def _read(self) -> Callable[[dict[str, Tensor]], Tensor]:
        return read_scalars(self._policy, self._target, self._context)

    def _count(self, x: Tensor, passes: int) -> None:
        if self._advance is not None:
            self._advance(passes * prod(x.shape[: x.ndim - self.feature_ndim]))

    def _outputs(self, head: str, x: Tensor) -> Tensor:
        """`x [batch, ..., *feature]` -> `[batch, ..., k]`, the outputs of a head."""
        lead = x.shape[: x.ndim - self.feature_ndim]
        decision = self._context.forward_pass
        if decision is not None and not torch.is_grad_enabled() and decision.is_of(head, x):
            return decision.output
        flat = x if len(lead) == 1 else x.reshape(-1, *x.shape[len(lead) :])
        # A copy, because a network may write into its input; to flatten copies of the rows made one already.
        inputs = flat.clone() if flat.data_ptr() == x.data_ptr() else flat
        with _autocasting(flat.device.type, self._autocast):
            output = self._policy.head(head, inputs, self._head_context.repeat(prod(lead[1:])))
        return output if len(lead) == 1 else output.reshape(*lead, output.shape[1])

    def own_values(self, x: Tensor) -> Tensor:
        """The target values `[batch, target]` of the rows themselves, `x [batch, *feature]`, without a gradient.

        They are read from the context's scores, without a forward pass, if the policy's first head is all they need.
        """
        decision = self._context.forward_pass
        if decision is not None and self._heads == (decision.head,) and decision.is_of(decision.head, x):
            weights = self._weights(x.device)
            if weights is not None:
                products = decision.output.numpy(force=True)[:, None] * weights.numpy(force=True)
                return torch.from_numpy(np.add.reduce(products, 2))  # as its method does, in half of the time
        with torch.no_grad():
            if self._context.scores is None or self._heads != self._policy.heads[:1]:
                return self._values(x)
            return self._read({self._heads[0]: self._context.scores})

    @property
    def undefined(self) -> Tensor | None:
        """Bool `[batch, target]`, the target values that do not exist in a row; None where all exist."""
        return undefined(self._policy, self._target, self._context) if self._can_be_undefined else None

    def rows(self, index: Tensor) -> PolicyTargetFunction:
        """The target function of some of the rows, in the order of `index`."""
        return PolicyTargetFunction(
            self._policy,
            self._target,
            self._context.rows(index),
            self.most_copies,
            leave_one_out=self.leave_one_out,
            advance=self._advance,
            autocast=self._autocast,  # not the current one: methods run without autocast
        )

    def gradients(self, x: Tensor) -> Tensor:
        """See `TargetFunction`; without a graph through the network if the policy has vector-Jacobian products."""
        lead = x.shape[: x.ndim - self.feature_ndim]
        decision = self._context.forward_pass
        if decision is not None and self.outputs == 1 and self._heads == (decision.head,) and self._autocast is None:
            weights = self._weights(x.device)  # the shortest way: a live step explains a single row
            if weights is not None and decision.is_of(decision.head, x):
                self._count(x, passes=2)
                g = weights.squeeze(1)
                return decision.vjp_fn(g if g.shape[0] == lead[0] else g.expand(lead[0], -1)).unsqueeze(0)
        passes = self._passes(x, len(lead))
        if passes is None:
            with torch.enable_grad():
                leaf = x.detach().requires_grad_()
                gradients = derivative(self._values(leaf), leaf)
        else:
            upstream, own = self._upstream(x.device, lead), None
            if upstream is None:
                own = cached_by_policy(
                    "own outputs", self._target, self._policy, lambda: own_outputs(self._policy, self._target)
                )
            flat = gradients_by_vjp(passes, self._read_outputs, upstream, lead, prod(x.shape[len(lead) :]), own)
            gradients = flat.reshape(self.outputs, *x.shape)
        self._count(x, passes=2)
        return gradients

    def _weights(self, device: torch.device) -> Tensor | None:
        """`[batch or 1, target, k]` if the target values are weighted sums of one head's outputs; else None."""
        policy, target = self._policy, self._target
        if self._row_weights is _UNKNOWN:
            # x is on the policy's device, and looking that up takes as long as a small net.
            weights = cached_by_policy("weights", (target, device), policy, lambda: linear_weights(policy, target))
            self._row_weights = None if weights is None else weights.of_rows(self._context.action)
        return self._row_weights

    def _upstream(self, device: torch.device, lead: Sequence[int]) -> Tensor | None:
        """The weights of each row and its copies, `[target, prod(lead), k]`.

        They are computed once for as many copies, of which a method may have many: a path from each reference.
        """
        weights = self._weights(device)
        if weights is None:
            return None
        if self._repeated is None or self._repeated[0] != lead:
            rows, copies = lead[0], prod(lead[1:])
            of_rows = weights.expand(rows, -1, -1).transpose(0, 1)
            self._repeated = lead, of_rows[:, :, None].expand(-1, -1, copies, -1).flatten(1, 2)
        return self._repeated[1]

    def _passes(self, x: Tensor, lead: int) -> dict[str, tuple[Tensor, VjpFn]] | None:
        """The outputs of each head at x, and their vector-Jacobian product; None if the policy has none."""
        if self._autocast is not None:
            return None
        decision = self._context.forward_pass
        flat, passes = x.detach(), {}
        if lead > 1:
            flat = flat.reshape(-1, *x.shape[lead:])
        for name in self._heads:
            if decision is not None and decision.is_of(name, x):
                head_pass: tuple[Tensor, VjpFn] | None = decision.output, decision.vjp_fn
            else:
                head_pass = outputs_and_vjp(self._policy, name, flat, self._head_context)
            if head_pass is None:
                return None
            passes[name] = head_pass
        return passes

    def actions(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """See `TargetFunction`; the scores are the outputs of the deciding head."""
        if len(self._policy.branches) != 1 or self._context.action is None:
            raise ArgumentError(
                f"{self._policy.source.name} does not choose one of several actions at these observations, which this "
                f"method is about; take another method"
            )
        scores, mask = self._outputs(self._policy.heads[0], x), self._context.mask
        self._count(x, passes=1)
        if mask is not None and self._policy.masked:
            scores = scores.masked_fill(~with_middle_axes(mask, scores), FORBIDDEN)
        return scores, self._context.action

    @property
    def network(self) -> nn.Module | None:
        """The policy's module; None if it is a function."""
        module = getattr(self._policy, "module", None)
        return module if isinstance(module, nn.Module) else None


def _facts(target: Target, policy: Policy) -> tuple[int, tuple[str, ...], bool]:
    """How many scalars a target stands for, the heads they are read from, and whether they may not exist in a row."""
    heads = dict.fromkeys(base_head(term, policy) for term in terms(target))
    return len(target_labels(target, policy)), tuple(heads), can_be_undefined(policy, target)


_UNKNOWN = torch.empty(0)
"""Stands for weights that are not computed yet."""


def _autocast_dtype() -> torch.dtype | None:
    """The narrower dtype that the caller wants networks computed in; None for none."""
    for device in ("cpu", "cuda"):
        if torch.is_autocast_enabled(device):
            return torch.get_autocast_dtype(device)
    return None


def _autocasting(device: str, dtype: torch.dtype | None) -> AbstractContextManager[Any]:
    return _NO_CONTEXT if dtype is None else torch.autocast(device, dtype=dtype)


_NO_CONTEXT = nullcontext()

MOST_COPIES = 1 << 13
"""Rows that go through the network together: with 32,768, out of cache, a row of a small network takes 25 % longer."""


def make_target_function(
    policy: Policy,
    target: Target,
    context: Context,
    *,
    most_copies: int = MOST_COPIES,
    leave_one_out: bool = True,
    advance: Callable[[int], None] | None = None,
) -> PolicyTargetFunction:
    """The target function of one chunk of rows.

    Args:
        policy: that is explained.
        target: of this policy.
        context: what these rows need, in their order.
        most_copies: rows, copies included, that go through the network together.
        leave_one_out: see `TargetFunction`.
        advance: called after each evaluation with its passes through the network, one for each row or copy, and two
            for a gradient.
    """
    return PolicyTargetFunction(
        policy,
        target,
        context,
        most_copies,
        leave_one_out=leave_one_out,
        advance=advance,
        autocast=_autocast_dtype(),
    )


def decision_pass(policy: Policy, x: Tensor, context: Context, *, gradient: bool = True) -> ForwardPass:
    """The deciding head's forward pass at `x [batch, *feature]`, from which gradients there can be taken afterwards.

    Put into a `Context`, it saves the target function of the same rows a second pass.

    Args:
        policy: that decides.
        x: encoded observations.
        context: of the rows.
        gradient: whether gradients will be taken; otherwise no graph is kept.

    Example:
        >>> import torch, rltools
        >>> from rltools.policies.base import Context
        >>> from rltools.targets import decision_pass
        >>> forward_pass = decision_pass(rltools.load_policy("cartpole-ppo"), torch.zeros(3, 4), Context())
        >>> forward_pass.output.shape, forward_pass.vjp_fn(torch.ones(3, 2)).shape
        (torch.Size([3, 2]), torch.Size([3, 4]))
    """
    without_graph = vjp_decision_pass(policy, x, context) if gradient else None
    if without_graph is not None:
        return without_graph
    head = policy.heads[0]
    with torch.set_grad_enabled(gradient):
        leaf = x.detach().requires_grad_(gradient)
        output = policy.head(head, leaf.clone(), context)  # a copy, because a network may write into its input

    def vjp_fn(g: Tensor) -> Tensor:
        if g.ndim > output.ndim:
            return torch.stack([vjp_fn(part) for part in g])
        gradients = differentiated((output * g).sum(), (leaf,), retain_graph=True)[0] if output.requires_grad else None
        if gradients is None:
            raise GradientError(INDEPENDENT)
        return gradients

    return ForwardPass(head, x, output.detach(), vjp_fn)


T = TypeVar("T")
MOST_REMEMBERED = 64


def cached_by_policy(name: str, key: Hashable, policy: Policy, compute: Callable[[], T]) -> T:
    """The result of `compute`, cached for the same policy, or another of the same heads and actions.

    Args:
        name: of the result.
        key: which target, and anything else it depends on.
        policy: the policy; the result may depend on its heads, actions and dtype, and on nothing else of it.
        compute: called the first time; an exception is not kept.
    """
    space = policy.action_space
    whole_key = (name, key, policy.heads, policy.action_names, policy.branches, policy.masked, policy.dtype, id(space))
    entry = _REMEMBERED.get(whole_key)
    if entry is None:
        if len(_REMEMBERED) >= MOST_REMEMBERED:
            _REMEMBERED.clear()
        entry = _REMEMBERED[whole_key] = space, compute()
    result: T = entry[1]
    return result


_REMEMBERED: dict[Hashable, tuple[Any, Any]] = {}
"""Holds the space too, so that its id is not reused by another one later."""
