"""What callers ask of any policy: a decision, a head's outputs with their gradients, the next recurrent state."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from rltools.errors import ArgumentError
from rltools.policies.actions import action_positions
from rltools.policies.context import ActResult, Context, ForwardPass, VjpFn

if TYPE_CHECKING:
    from rltools.policies.base import Policy


def outputs_and_vjp(policy: Policy, name: str, x: Tensor, context: Context) -> tuple[Tensor, VjpFn] | None:
    """A head's outputs at `x [batch, *feature]` and their vjp, see `SupportsVjp`; None if the policy has none.

    Example:
        >>> import torch, rltools
        >>> from rltools.policies.base import Context
        >>> from rltools.policies.decide import outputs_and_vjp
        >>> policy = rltools.load_policy("cartpole-ppo")
        >>> logits, vjp_fn = outputs_and_vjp(policy, "logit", torch.zeros(3, 4), Context())
        >>> logits.shape, vjp_fn(torch.ones(3, 2)).shape
        (torch.Size([3, 2]), torch.Size([3, 4]))
        >>> vjp_fn(torch.eye(2)[:, None].expand(2, 3, 2)).shape
        torch.Size([2, 3, 4])
    """
    vjp = getattr(policy, "vjp", None)  # looked up at every live step; isinstance with a protocol takes 20 us
    return None if vjp is None else vjp(name, x, context)


def decision_pass(policy: Policy, x: Tensor, context: Context) -> ForwardPass | None:
    """The forward pass of the deciding head at `x [batch, *feature]`; None if the policy has no vjp there.

    `decide` turns its outputs into what `act` returns for the best action.

    Example:
        >>> import torch, rltools
        >>> from rltools.policies.base import Context
        >>> from rltools.policies.decide import decide, decision_pass
        >>> policy, x = rltools.load_policy("cartpole-ppo"), torch.zeros(1, 4)
        >>> forward_pass = decision_pass(policy, x, Context())
        >>> actions = decide(policy, forward_pass.output, Context()).actions
        >>> bool((actions == policy.act(x.numpy(), Context()).actions).all())
        True
    """
    head = policy.heads[0]
    result = outputs_and_vjp(policy, head, x, context)
    return None if result is None else ForwardPass(head, x, *result)


def decide(
    policy: Policy,
    scores: Tensor,
    context: Context,
    *,
    deterministic: bool = True,
    rngs: Sequence[np.random.Generator] | None = None,
    state: Tensor | None = None,
) -> ActResult:
    """The decision that scores `[batch, k]` of the first head lead to; most policies' `act` ends here.

    Example:
        >>> import torch, rltools
        >>> from rltools.policies.base import Context
        >>> from rltools.policies.decide import decide
        >>> policy = rltools.load_policy("cartpole-ppo")
        >>> decide(policy, torch.tensor([[0.5, 2.0], [1.0, -1.0]]), Context()).actions
        array([1, 0])
    """
    if scores.requires_grad:
        scores = scores.detach()
    actions = policy.choose(scores, deterministic=deterministic, rngs=rngs, mask=context.mask)
    on_cpu = scores.is_cpu  # asking a tensor's device for its type takes ten times as long
    action = _positions(policy, actions, None if on_cpu else scores.device)
    context = Context(action, scores, context.mask, context.state)
    return ActResult(actions, (scores if on_cpu else scores.cpu()).numpy(), context, state)


def positions(policy: Policy, actions: np.ndarray) -> Tensor:
    """Actions as the environment takes them -> `Context.action`: discrete ones count from 0, whatever their start.

    Example:
        >>> import numpy as np, rltools
        >>> from rltools.policies.decide import positions
        >>> positions(rltools.load_policy("cartpole-ppo"), np.array([1, 0, 1]))
        tensor([1, 0, 1])
    """
    device = policy.device
    return _positions(policy, actions, None if device.type == "cpu" else device)


def _positions(policy: Policy, actions: np.ndarray, device: torch.device | None) -> Tensor:
    return action_positions(actions, policy.action_space, policy.branches, policy.dtype, device)


def next_state(policy: Policy, x: Tensor, context: Context) -> Tensor:
    """A recurrent policy's state after `x [batch, *feature]`: `[batch, state]`, differentiable.

    Raises:
        ArgumentError: the policy is not recurrent.

    Example:
        >>> import torch, rltools
        >>> from rltools.policies.base import Context
        >>> from rltools.policies.decide import next_state
        >>> policy = rltools.load_policy("cartpole-recurrent-ppo")
        >>> context = Context(state=torch.zeros(1, policy.state_size))
        >>> next_state(policy, torch.ones(1, 2), context).shape == context.state.shape
        True
    """
    advance = getattr(policy, "advance", None)
    if not policy.state_size or advance is None:
        raise ArgumentError(f"{policy.source.name} is not recurrent; it remembers nothing from step to step")
    state: Tensor = advance(x, context)
    return state
