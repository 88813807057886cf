"""What acts: the contract every policy library is turned into."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor

from rltools._util.short_repr import short_repr
from rltools.errors import ArgumentError

if TYPE_CHECKING:
    from gymnasium import Space

    from rltools.spaces import Features


@dataclass(frozen=True)
class Source:
    """Where a policy comes from.

    Attributes:
        name: what to call it on pages and in files.
        sha256: of the model file and its normalization statistics; of the parameters where there is no file.
        environment: the specification it was trained on, as `EnvSpec.to_json()` writes it; None where nothing says.
        library: what made it, for people.
        notes: caveats a reader of any result should see.

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

    __repr__ = short_repr


VjpFn = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class ForwardPass:
    """A head's outputs at some rows, and the way back from them; see `SupportsVjp`.

    Attributes:
        head: its name.
        x: `[batch, *feature]`, the rows.
        output: `[batch, k]`.
        back: from `g [..., batch, k]`, gradients of the outputs, to those of x.

    Example:
        >>> import torch, rltools
        >>> from rltools.policies.base import Context, decision_pass
        >>> x = torch.zeros(3, 4)
        >>> pulled = decision_pass(rltools.load_policy("cartpole-ppo"), x, Context())
        >>> pulled.is_of("logit", x), pulled.is_of("value", x), pulled.is_of("logit", x.clone())
        (True, False, False)
    """

    head: str
    x: Tensor
    output: Tensor
    back: VjpFn

    def is_of(self, head: str, x: Tensor) -> bool:
        """Whether it is of this head at these very rows, in the same memory."""
        mine = self.x
        return head == self.head and x.data_ptr() == mine.data_ptr() and x.shape == mine.shape


@dataclass(frozen=True)
class Context:
    """What each row needs beside its observation. An entry is None where the policy, or the moment, has none.

    Attributes:
        action: the action chosen: int64 `[batch]`, a position from 0, for discrete actions, `[batch, branch]` where
            several are chosen at once; float `[batch, k]`, as the environment received it, for continuous ones.
        scores: `[batch, k]`, of the policy's first head at the observation itself; what "runner_up" is read from.
        mask: bool `[batch, k]`, the actions that were allowed.
        state: float `[batch, state]`, what a recurrent policy remembered before the observation; zeros at the start of
            an episode.
        before: int64 `[batch]`, where a row is a window of observations: how many of them would lie before the episode
            began. None for single observations.
        pulled: what deciding computed at the rows themselves, so that explaining need not do it again; None where
            nothing did.

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
    pulled: ForwardPass | None = None

    __repr__ = short_repr

    def rows(self, index: slice | Tensor) -> Context:
        """The context of some rows, in the order of `index`."""
        if isinstance(index, slice) and index.start == 0 and index.step is None and self._has_no_more(index.stop):
            return self
        return self._map(lambda entry: entry[index])

    def repeat(self, times: int) -> Context:
        """Each row `times` times in a row, as `x.flatten(0, 1)` lays out perturbed copies."""
        return self if times == 1 else self._map(lambda entry: entry.repeat_interleave(times, dim=0))

    def _has_no_more(self, rows: int) -> bool:
        return all(entry is None or len(entry) <= rows for entry in (self.action, self.scores, self.mask, self.state))

    def _map(self, change: Any) -> Context:
        entries = {name: getattr(self, name) for name in ("action", "scores", "mask", "state", "before")}
        # What was pulled says itself which rows it is of.
        return replace(self, **{name: change(entry) for name, entry in entries.items() if entry is not None})


@dataclass(frozen=True)
class ActResult:
    """One decision for each row.

    Attributes:
        actions: `[batch, *action]`, in the action space's dtype, ready for `env.step(actions[row])`.
        scores: float `[batch, k]`, of the policy's first head.
        context: the context given, with `action` and `scores` filled in.
        state: float `[batch, state]`, what a recurrent policy remembers now; None for others.

    Example:
        >>> import rltools
        >>> from rltools.policies.base import Context
        >>> policy = rltools.load_policy("cartpole-ppo")
        >>> policy.act([[0.0, 0.0, 0.1, 0.0], [0.0, 0.0, -0.1, 0.0]], Context())
        Acted(actions=int64[2], scores=float32[2, 2], context=Context(action=int64[2], scores=float32[2, 2]))
    """

    actions: np.ndarray
    scores: np.ndarray
    context: Context
    state: Tensor | None = None

    __repr__ = short_repr


@runtime_checkable
class Policy(Protocol):
    """A trained network that chooses actions, and that gradients can be taken through.

    Every call leaves the network's train/eval modes, its buffers and its parameters' `.grad` as they were.

    Attributes:
        features: names, units and shape of an encoded observation.
        action_names: one per discrete action, or per dimension of a continuous one; where several actions are chosen at
            once (MultiDiscrete, MultiBinary), one per value of each, the branches one after another.
        branches: how many values each discrete choice has: `(n,)` for Discrete; empty for continuous actions.
        heads: the scores it has, from "logit", "q_value", "advantage", "mean", "action" and "value"; the first one
            decides.
        state_size: how many numbers a recurrent policy remembers; 0 for others.
        masked: whether it takes which actions are allowed into account.
        dtype: of encoded observations and scores.

    Example:
        >>> import rltools
        >>> from rltools.policies.base import Context
        >>> policy = rltools.load_policy("cartpole-ppo")
        >>> isinstance(policy, rltools.Policy)
        True
        >>> policy.features.names
        ('cart position', 'cart velocity', 'pole angle', 'pole angular velocity')
        >>> policy.action_names, policy.heads
        (('push left', 'push right'), ('logit', 'value'))
        >>> acted = policy.act([[0.0, 0.0, 0.1, 0.0]], Context())
        >>> policy.action_names[acted.actions[0]]
        'push right'
        >>> x = policy.encode([[0.0, 0.0, 0.1, 0.0]])
        >>> policy.head("logit", x, acted.context).shape
        torch.Size([1, 2])
    """

    features: Features
    observation_space: Space[Any]
    action_space: Space[Any]
    action_names: tuple[str, ...]
    branches: tuple[int, ...]
    heads: tuple[str, ...]
    state_size: int
    masked: bool
    dtype: torch.dtype

    @property
    def source(self) -> Source:
        """Where it comes from; of a network that may be trained further, as it is now."""
        ...

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        ...

    def encode(self, observations: Any) -> Tensor:
        """Observations `[batch, ...]` as the environment gives them -> float `[batch, *feature]`, in its own units.

        Of a Dict or a Tuple each array has the batch in front; choices become one-hot (see `Features`).

        Raises:
            MismatchError: another shape than the policy was trained on, or a key that is missing.
            ArgumentError: integers that the policy's dtype cannot hold.
        """
        ...

    def head(self, name: str, x: Tensor, context: Context) -> Tensor:
        """`x [batch, *feature]` -> `[batch, k]`, differentiable; k is 1 for "value"."""
        ...

    def choose(
        self,
        scores: Tensor,
        *,
        deterministic: bool = True,
        rngs: Sequence[np.random.Generator] | None = None,
        mask: Tensor | None = None,
    ) -> np.ndarray:
        """The actions that scores `[batch, k]` of the first head lead to, as `env.step` takes them."""
        ...

    def act(
        self,
        observations: Any,
        context: Context,
        *,
        deterministic: bool = True,
        rngs: Sequence[np.random.Generator] | None = None,
    ) -> ActResult:
        """Decide for each row, with one forward pass; `rngs` has a random generator for each row."""
        ...


def missing_members(policy: object) -> tuple[str, ...]:
    """The attributes and methods of `Policy` that something does not have, in alphabetical order.

    Example:
        >>> import rltools
        >>> from rltools.policies.base import missing_members
        >>> missing_members(rltools.load_policy("cartpole-ppo"))
        ()
        >>> missing_members("a text")[:3]
        ('act', 'action_names', 'action_space')
    """
    wanted = {*Policy.__annotations__, *(name for name in vars(Policy) if not name.startswith("_"))}
    return tuple(sorted(name for name in wanted if not hasattr(policy, name)))


def check_is_policy(given: Any) -> None:
    """Refuse what is no policy.

    Raises:
        ArgumentError: it is not; the message says how to make it one.

    >>> from rltools.policies.base import check_is_policy
    >>> check_is_policy("cartpole-ppo")
    Traceback (most recent call last):
    rltools.errors.ArgumentError: policy is a str; make it a policy with rltools.load_policy(...), or ...
    """
    if not isinstance(given, Policy):
        raise ArgumentError(
            f"policy is a {type(given).__name__}; make it a policy with rltools.load_policy(...), or "
            f"rltools.TorchPolicy(...) around a network of your own"
        )


@runtime_checkable
class Recurrent(Protocol):
    """What a policy with a `state_size` has besides.

    Example:
        >>> import rltools
        >>> from rltools.policies.base import Recurrent
        >>> isinstance(rltools.load_policy("cartpole-recurrent-ppo"), Recurrent)
        True
    """

    def advance(self, x: Tensor, context: Context) -> Tensor:
        """`x [batch, *feature]` and `context.state` -> the next state `[batch, state]`, differentiable."""
        ...


class Placed(Protocol):
    """What `load_policy` notes on a policy about the environment it is to act in. Both may be missing.

    Attributes:
        environment: as it was given; of a live one its specification, with what its wrappers had learned by then.
        bounds: "any" where other bounds than those of the training are meant.

    Example:
        >>> import rltools
        >>> rltools.load_policy("cartpole-ppo", "CartPole-v0", bounds="any").bounds
        'any'
    """

    environment: object
    bounds: str


class SupportsVjp(Protocol):
    """What a policy may have besides: gradients without a graph, for networks whose layers it knows.

    Example:
        >>> import torch, rltools
        >>> from rltools.policies.base import Context, pulled
        >>> policy = rltools.load_policy("cartpole-ppo")
        >>> logits, back = pulled(policy, "logit", torch.zeros(1, 4), Context())
        >>> back(torch.eye(2)[:, None]).shape
        torch.Size([2, 1, 4])
    """

    def vjp(self, name: str, x: Tensor, context: Context) -> tuple[Tensor, VjpFn] | None:
        """What a head gives for `x [batch, *feature]`, and the way back; None where there is none.

        The way back is a function of `g [..., batch, k]`, gradients of the head's outputs, that gives those of x,
        `[..., batch, *feature]`. Neither writes into x, and both leave everything as it was.
        """
        ...


def pulled(policy: Policy, name: str, x: Tensor, context: Context) -> tuple[Tensor, VjpFn] | None:
    """See `SupportsVjp`; None of a policy that has no such thing.

    Example:
        >>> import torch, rltools
        >>> from rltools.policies.base import Context, pulled
        >>> policy = rltools.load_policy("cartpole-ppo")
        >>> logits, back = pulled(policy, "logit", torch.zeros(3, 4), Context())
        >>> logits.shape, back(torch.ones(3, 2)).shape
        (torch.Size([3, 2]), torch.Size([3, 4]))
    """
    vjp = getattr(policy, "vjp", None)  # asked at every live step, where isinstance of a protocol takes 20 us
    return None if vjp is None else vjp(name, x, context)


def decision_pass(policy: Policy, x: Tensor, context: Context) -> ForwardPass | None:
    """The deciding head's outputs at `x [batch, *feature]`, and the way back; None of a policy that has no such thing.

    `decide` makes of these outputs what `act` does where it takes the best action.

    Example:
        >>> import torch, rltools
        >>> from rltools.policies.base import Context, decide, decision_pass
        >>> policy, x = rltools.load_policy("cartpole-ppo"), torch.zeros(1, 4)
        >>> pulled = decision_pass(policy, x, Context())
        >>> bool((decide(policy, pulled.output, Context()).actions == policy.act(x.numpy(), Context()).actions).all())
        True
        >>> pulled.back(torch.eye(2)[:, None]).shape
        torch.Size([2, 1, 4])
    """
    head = policy.heads[0]
    found = pulled(policy, head, x, context)
    return None if found is None else ForwardPass(head, x, *found)


def decide(
    policy: Policy,
    scores: Tensor,
    context: Context,
    *,
    deterministic: bool = True,
    rngs: Sequence[np.random.Generator] | None = None,
    state: Tensor | None = None,
) -> ActResult:
    """What a policy does with scores `[batch, k]` of its first head; most policies' `act` ends here.

    Example:
        >>> import torch, rltools
        >>> from rltools.policies.base import Context, decide
        >>> policy = rltools.load_policy("cartpole-ppo")
        >>> decide(policy, torch.tensor([[0.5, 2.0], [1.0, -1.0]]), Context()).actions
        array([1, 0])
    """
    if scores.requires_grad:
        scores = scores.detach()
    actions = policy.choose(scores, deterministic=deterministic, rngs=rngs, mask=context.mask)
    on_cpu = scores.is_cpu  # asking a device for its type takes ten times as long
    context = Context(
        _positions(policy, actions, None if on_cpu else scores.device), scores, context.mask, context.state
    )
    return ActResult(actions, (scores if on_cpu else scores.cpu()).numpy(), context, state)


def next_state(policy: Policy, x: Tensor, context: Context) -> Tensor:
    """What a recurrent policy remembers after `x [batch, *feature]`: `[batch, state]`, differentiable.

    Raises:
        ArgumentError: the policy remembers nothing.

    Example:
        >>> import torch, rltools
        >>> from rltools.policies.base import Context, next_state
        >>> policy = rltools.load_policy("cartpole-recurrent-ppo")
        >>> context = Context(state=torch.zeros(1, policy.state_size))
        >>> next_state(policy, torch.ones(1, 2), context).shape == context.state.shape
        True
    """
    if not policy.state_size or not isinstance(policy, Recurrent):
        raise ArgumentError(f"{policy.source.name} is not recurrent; it remembers nothing from step to step")
    return policy.advance(x, context)


def positions(policy: Policy, actions: np.ndarray) -> Tensor:
    """Actions as the environment takes them -> `Context.action`: discrete ones count from 0, whatever their start.

    Example:
        >>> import numpy as np, rltools
        >>> from rltools.policies.base import positions
        >>> positions(rltools.load_policy("cartpole-ppo"), np.array([1, 0, 1]))
        tensor([1, 0, 1])
    """
    device = policy.device
    return _positions(policy, actions, None if device.type == "cpu" else device)


def _positions(policy: Policy, actions: np.ndarray, device: torch.device | None) -> Tensor:
    """See `positions`; None is the processor."""
    if not policy.branches:
        taken = torch.from_numpy(actions.copy())  # the environment may write into its own
        if taken.ndim != 2:
            taken = taken.reshape(len(actions), -1)
        return taken if taken.dtype is policy.dtype and device is None else taken.to(device, policy.dtype)
    start = getattr(policy.action_space, "start", 0)
    counted = actions if isinstance(start, int) and start == 0 else actions - start
    if counted.ndim > 1:  # one choice that comes in an array is a choice like any other
        counted = counted.reshape(len(actions), -1) if len(policy.branches) > 1 else counted.reshape(len(actions))
    found = torch.from_numpy(counted if counted.flags.writeable else counted.copy())  # those of a file are not
    if counted.dtype != np.int64 or device is not None:
        found = found.to(device, torch.int64)
    return found


@dataclass(frozen=True)
class RecurrentState:
    """A network's memory from one step to the next.

    Attributes:
        size: how many numbers are remembered; a state is float `[batch, size]`, zeros at the start of an episode.
        recall: (name of a head, x, state) -> what that head is a function of, differentiable in x and in the state.
        advance: (x, state) -> what the first head is a function of, and the next state.
    """

    size: int
    recall: Callable[[str, Tensor, Tensor], Tensor]
    advance: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
