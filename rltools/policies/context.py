"""The values that go into and come out of a policy: its source, the context of each row, and its decisions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from torch import Tensor

from rltools._util.short_repr import short_repr


@dataclass(frozen=True)
class Source:
    """The source of a policy.

    Attributes:
        name: what pages and files call it.
        sha256: of the model file and its normalization statistics; of the parameters if there is no file.
        environment: the specification it was trained on, as `EnvSpec.to_json()` writes it; None if unknown.
        library: what made it, for people.
        notes: caveats a reader of any result should see.
        normalization: the file or object with the statistics by which observations are normalized; "" without any.

    Example:
        >>> import rltools
        >>> source = rltools.load_policy("cartpole-ppo").source
        >>> source.name, source.library
        ('cartpole-ppo', 'Stable-Baselines3')
    """

    name: str
    sha256: str
    environment: str | None = None
    library: str = "PyTorch"
    notes: tuple[str, ...] = ()
    normalization: str = ""

    __repr__ = short_repr


@dataclass(frozen=True)
class Discounting:
    """How the returns that a policy's values estimate are discounted and scaled, as far as its library says.

    Attributes:
        gamma: the discount of a reward one step later; None if unknown.
        gae_lambda: the decay of generalized advantage estimation in its training; None if unknown or without it.
        reward_scale: rewards were divided by it in its training; None if they were learned from as they are.
        reward_clip: the largest magnitude of a reward after that; None without a scale.

    Example:
        >>> import rltools
        >>> rltools.load_policy("cartpole-ppo").discounting
        Discounting(gamma=0.98, gae_lambda=0.8, reward_scale=None, reward_clip=None)
    """

    gamma: float | None = None
    gae_lambda: float | None = None
    reward_scale: float | None = None
    reward_clip: float | None = None


VjpFn = Callable[[Tensor], Tensor]
"""Maps gradients of outputs, `g [..., batch, k]`, to gradients of inputs, `[..., batch, *feature]`."""


@dataclass(frozen=True)
class ForwardPass:
    """A head's outputs at some rows, and the vector-Jacobian product (vjp) at them; see `SupportsVjp`.

    Attributes:
        head: its name.
        x: `[batch, *feature]`, the rows.
        output: `[batch, k]`.
        vjp_fn: from `g [..., batch, k]`, gradients of the outputs, to those of x.

    Example:
        >>> import torch, rltools
        >>> from rltools.policies.base import Context
        >>> from rltools.policies.decide import decision_pass
        >>> x = torch.zeros(3, 4)
        >>> forward_pass = decision_pass(rltools.load_policy("cartpole-ppo"), x, Context())
        >>> forward_pass.is_of("logit", x), forward_pass.is_of("value", x), forward_pass.is_of("logit", x.clone())
        (True, False, False)
    """

    head: str
    x: Tensor
    output: Tensor
    vjp_fn: VjpFn

    def is_of(self, head: str, x: Tensor) -> bool:
        """Whether it belongs to this head and to these very rows, in the same memory."""
        own = self.x
        return head == self.head and x.data_ptr() == own.data_ptr() and x.shape == own.shape


@dataclass(frozen=True)
class Context:
    """The inputs of each row besides its observation. A field is None if the policy does not use it or it is unknown.

    Attributes:
        action: the action chosen: int64 `[batch]`, a position from 0, for discrete actions, `[batch, branch]` if
            several are chosen together; float `[batch, k]`, as the environment received it, for continuous ones.
        scores: `[batch, k]`, of the policy's first head at the observation itself; "runner_up" is read from them.
        mask: bool `[batch, k]`, the actions that were allowed.
        state: float `[batch, state]`, a recurrent policy's state before the observation; zeros at the start of an
            episode.
        before: int64 `[batch]`, if a row is a window of observations: how many of them would lie before the start of
            the episode. None for single observations.
        forward_pass: the pass that chose the actions, so that explaining them need not repeat it.

    Example:
        >>> import torch
        >>> from rltools.policies.base import Context
        >>> context = Context(action=torch.tensor([0, 1]))
        >>> context.repeat(2).action
        tensor([0, 0, 1, 1])
        >>> context.rows(slice(1)).action
        tensor([0])
    """

    action: Tensor | None = None
    scores: Tensor | None = None
    mask: Tensor | None = None
    state: Tensor | None = None
    before: Tensor | None = None
    forward_pass: ForwardPass | None = None

    __repr__ = short_repr

    def rows(self, index: slice | Tensor) -> Context:
        """The context of some rows, in the order of `index`."""
        if isinstance(index, slice) and index.start == 0 and index.step is None and self._fits_in(index.stop):
            return self
        return self._map(lambda field: field[index])

    def repeat(self, times: int) -> Context:
        """Each row `times` times in a row, as `x.flatten(0, 1)` lays out perturbed copies."""
        return self if times == 1 else self._map(lambda field: field.repeat_interleave(times, dim=0))

    def _fits_in(self, rows: int) -> bool:
        return all(field is None or len(field) <= rows for field in (self.action, self.scores, self.mask, self.state))

    def _map(self, change: Callable[[Tensor], Any]) -> Context:
        fields = {name: getattr(self, name) for name in ("action", "scores", "mask", "state", "before")}
        # The forward pass stays: `ForwardPass.is_of` tells which rows it belongs to.
        return replace(self, **{name: change(field) for name, field in fields.items() if field is not None})


@dataclass(frozen=True)
class ActResult:
    """One decision for each row.

    Attributes:
        actions: `[batch, *action]`, in the action space's dtype, ready for `env.step(actions[row])`.
        scores: float `[batch, k]`, of the policy's first head.
        context: the context passed in, with `action` and `scores` filled in.
        state: float `[batch, state]`, a recurrent policy's state after the decision; None for others.

    Example:
        >>> import rltools
        >>> from rltools.policies.base import Context
        >>> policy = rltools.load_policy("cartpole-ppo")
        >>> policy.act([[0.0, 0.0, 0.1, 0.0], [0.0, 0.0, -0.1, 0.0]], Context())
        ActResult(actions=int64[2], scores=float32[2, 2], context=Context(action=int64[2], scores=float32[2, 2]))
    """

    actions: np.ndarray
    scores: np.ndarray
    context: Context
    state: Tensor | None = None

    __repr__ = short_repr


@dataclass(frozen=True)
class RecurrentState:
    """How a recurrent network's state enters its heads and is updated.

    Attributes:
        size: how many numbers the state has; it is float `[batch, size]`, zeros at the start of an episode.
        head_input: (name of a head, x, state) -> the input of that head, differentiable in x and in the state.
        advance: (x, state) -> the input of the first head, and the next state.

    Example:
        A network whose state is the last observation, and whose heads see the change since then:

        >>> from rltools.policies.base import RecurrentState
        >>> RecurrentState(4, lambda head, x, state: x - state, lambda x, state: (x - state, x)).size
        4
    """

    size: int
    recall: Callable[[str, Tensor, Tensor], Tensor]
    advance: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
