"""The contract of a policy, which the models of every policy library fulfill, and its optional abilities."""

# ruff: noqa: PLC0414 - the values of context.py are a part of the contract, and imported from here

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor, nn

from rltools.errors import ArgumentError
from rltools.policies.context import ActResult as ActResult
from rltools.policies.context import Context as Context
from rltools.policies.context import Discounting as Discounting
from rltools.policies.context import ForwardPass as ForwardPass
from rltools.policies.context import RecurrentState as RecurrentState
from rltools.policies.context import Source as Source
from rltools.policies.context import VjpFn as VjpFn

if TYPE_CHECKING:
    from gymnasium import Space

    from rltools.spaces import Features


@runtime_checkable
class Policy(Protocol):
    """A trained network that chooses actions, and that can be differentiated.

    Every call leaves the network's train/eval modes, its buffers and its parameters' `.grad` as they were. Abilities of
    some policies are declared below, and are looked up with `getattr`: `Recurrent`, `SupportsVjp`, `Normalizing`,
    `Compilable`, `HasModule`, `HasEnvironment`, `HasOrigin`, `HasDiscounting` and `HasLimits`.

    Attributes:
        features: names, units and shape of an encoded observation.
        action_names: one per discrete action, or per dimension of a continuous one; for several choices (MultiDiscrete,
            MultiBinary), one per value of each, the branches one after another.
        branches: how many values each discrete choice has: `(n,)` for Discrete; empty for continuous actions.
        heads: which of "logit", "probability", "q_value", "advantage", "mean", "action" and "value" it has; the first
            one decides.
        state_size: how many numbers a recurrent policy's state has; 0 for others.
        masked: whether it chooses among the allowed actions only.
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
        """The source of the policy; if the network may be trained further, as it is now."""
        ...

    @property
    def device(self) -> torch.device:
        """The device that the network computes on."""
        ...

    def encode(self, observations: Any) -> Tensor:
        """Observations `[batch, ...]` as the environment gives them -> float `[batch, *feature]`, in its own units.

        In a Dict or a Tuple each array has the batch axis in front; choices become one-hot (see `Features`).

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
        """Choose an action for each row with one forward pass; `rngs` has a random generator for each row."""
        ...


@runtime_checkable
class Recurrent(Protocol):
    """A policy with a recurrent state; its `state_size` is above 0.

    Example:
        >>> import rltools
        >>> from rltools.policies.base import Recurrent
        >>> isinstance(rltools.load_policy("cartpole-recurrent-ppo"), Recurrent)
        True
    """

    def advance(self, x: Tensor, context: Context) -> Tensor:
        """`x [batch, *feature]` and `context.state` -> the next state `[batch, state]`, differentiable."""
        ...


class SupportsVjp(Protocol):
    """A policy that can compute gradients without an autograd graph, because it knows the network's layers.

    Example:
        >>> import rltools
        >>> hasattr(rltools.load_policy("cartpole-ppo"), "vjp")
        True
    """

    def vjp(self, name: str, x: Tensor, context: Context) -> tuple[Tensor, VjpFn] | None:
        """A head's outputs at `x [batch, *feature]` and their vjp; None if a layer is unknown.

        The vjp is a function from gradients of the outputs, `g [..., batch, k]`, to those of x,
        `[..., batch, *feature]`. Neither writes into x or changes the network.
        """
        ...


class Normalizing(Protocol):
    """A policy that may normalize its observations.

    Example:
        >>> import rltools
        >>> policy = rltools.load_policy("hopper-ppo")
        >>> policy.in_network_units().features.units[0]
        'deviations'
    """

    def in_network_units(self) -> Policy:
        """The same policy with normalized observations as its features."""
        ...

    def clipped(self, x: Tensor) -> Tensor | None:
        """`x [batch, *feature]` -> bool of that shape: elements that normalization clips; None if it never clips."""
        ...


class Compilable(Protocol):
    """A policy whose heads `torch.compile` can compile.

    Example:
        >>> import rltools
        >>> rltools.load_policy("cartpole-ppo").compiled()
        TorchPolicy('cartpole-ppo', 4 features, 2 actions, heads logit, value)
    """

    def compiled(self) -> Policy:
        """The same policy, compiled."""
        ...


class HasModule(Protocol):
    """A policy around a network that can be looked into and moved to a device.

    Attributes:
        module: the network; no `nn.Module` if the policy is a plain function.

    Example:
        >>> import rltools
        >>> type(rltools.load_policy("cartpole-ppo").module).__name__
        'ActorCriticPolicy'
    """

    module: nn.Module | object


class HasEnvironment(Protocol):
    """A policy that remembers the environment that `load_policy` was given. Each attribute may be missing.

    Attributes:
        environment: as it was given; for a live one its specification, with its wrappers' statistics at that time.
        bounds: "any" if other bounds than those of the training are accepted.

    Example:
        >>> import rltools
        >>> rltools.load_policy("cartpole-ppo", "CartPole-v0", bounds="any").bounds
        'any'
    """

    environment: object
    bounds: str


class HasOrigin(Protocol):
    """A policy that remembers how `load_policy` loaded it from a file or by a name, so that recordings can say so.

    Attributes:
        loaded_from: the text that was given as its `source`, and the other arguments; see `loading.loaded_from`.

    Example:
        >>> import rltools
        >>> rltools.load_policy("cartpole-ppo", name="poles").loaded_from
        {'source': 'cartpole-ppo', 'loading': {'name': 'poles'}}
    """

    loaded_from: dict[str, Any]


class HasDiscounting(Protocol):
    """A policy that knows how the returns that its values estimate are discounted.

    Attributes:
        discounting: as far as it is known; for a live model as it is now.

    Example:
        >>> import rltools
        >>> rltools.load_policy("lunarlander-ppo").discounting.gamma
        0.999
    """

    discounting: Discounting


class HasLimits(Protocol):
    """A policy with limits, such as a plain function. Each attribute may be missing, and is then True.

    Attributes:
        differentiable: whether its heads have gradients.
        mixes_choices: whether its heads take any numbers in place of a one-hot choice, as they arise between two of its
            values; if not, a choice is replaced as a whole.
        rounds_by_batch: whether the last digits of a row's scores may depend on how many rows are scored together.

    Example:
        >>> import rltools
        >>> from rltools.policies.base import is_differentiable
        >>> policy = rltools.FunctionPolicy(lambda observations: observations[:, 2] > 0, "CartPole-v1")
        >>> policy.differentiable, is_differentiable(rltools.load_policy("cartpole-ppo"))
        (False, True)
    """

    differentiable: bool
    mixes_choices: bool
    rounds_by_batch: bool


def is_differentiable(policy: Policy) -> bool:
    """Whether a policy's heads have gradients; see `HasLimits`.

    Example:
        >>> import rltools
        >>> from rltools.policies.base import is_differentiable
        >>> is_differentiable(rltools.load_policy("cartpole-ppo"))
        True
    """
    return getattr(policy, "differentiable", True)


def mixes_choices(policy: Policy) -> bool:
    """Whether a policy's heads take any numbers in place of a one-hot choice; see `HasLimits`.

    Example:
        >>> import rltools
        >>> from rltools.policies.base import mixes_choices
        >>> mixes_choices(rltools.FunctionPolicy(lambda states: states % 4, "FrozenLake-v1"))
        False
    """
    return getattr(policy, "mixes_choices", True)


def value_head(policy: Policy) -> str:
    """The head that says what a state is worth; "" without one.

    It is "value"; else "q_value", whose highest value over the allowed actions is the state's or, for continuous
    actions, whose value of the action taken. Several discrete choices with a "q_value" have none.

    Example:
        >>> import rltools
        >>> from rltools.policies.base import value_head
        >>> [value_head(rltools.load_policy(name)) for name in ("lunarlander-ppo", "lunarlander-dqn", "pendulum-sac")]
        ['value', 'q_value', 'q_value']
    """
    if "value" in policy.heads:
        return "value"
    return "q_value" if "q_value" in policy.heads and len(policy.branches) <= 1 else ""


def missing_members(policy: object) -> tuple[str, ...]:
    """The attributes and methods of `Policy` that an object lacks, in alphabetical order.

    Example:
        >>> import rltools
        >>> from rltools.policies.base import missing_members
        >>> missing_members(rltools.load_policy("cartpole-ppo"))
        ()
        >>> missing_members("a text")[:3]
        ('act', 'action_names', 'action_space')
    """
    required = {*Policy.__annotations__, *(name for name in vars(Policy) if not name.startswith("_"))}
    return tuple(sorted(name for name in required if not hasattr(policy, name)))


def check_is_policy(policy: Any) -> None:
    """Refuse an argument that is not a policy.

    Raises:
        ArgumentError: it is not; the message says how to make it one.

    >>> from rltools.policies.base import check_is_policy
    >>> check_is_policy("cartpole-ppo")
    Traceback (most recent call last):
    rltools.errors.ArgumentError: policy is a str; make it a policy with rltools.load_policy(...), or ...
    """
    if not isinstance(policy, Policy):
        raise ArgumentError(
            f"policy is a {type(policy).__name__}; make it a policy with rltools.load_policy(...), or "
            f"rltools.TorchPolicy(...) around a network of your own, or rltools.FunctionPolicy(...) around a function"
        )
