"""Computes a network's heads and its recurrent state from observations, with checks."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor, nn

from rltools.errors import ArgumentError, MismatchError, RltoolsError
from rltools.policies._encoding import check_dtype, encode
from rltools.policies._identity import CurrentSource, device_of
from rltools.policies._modes import evaluating, modules_behind, tree
from rltools.policies._normalization import Normalization
from rltools.policies.base import Context, RecurrentState, Source, VjpFn
from rltools.policies.precision import full_precision, in_full_precision
from rltools.policies.rows import arrangement, check_repeats, check_rows
from rltools.policies.torch_policy._refusals import cannot_take, wrong_output
from rltools.policies.vjp._chain import Plannable, chained, followed_by
from rltools.policies.vjp._layers import ClipLayer
from rltools.policies.vjp._plan import Plan
from rltools.spaces import Features

Head = Callable[..., Tensor]
HEADS = ("logit", "probability", "q_value", "advantage", "mean", "action", "value")


class Network:
    """The half of `TorchPolicy` that computes; the other half decides. It is only used as its base class.

    Args:
        module: the network; its train/eval modes are kept.
        heads: see `TorchPolicy`; the first one decides.
        source: gives the name in errors.
        features: of an observation.
        branches: how many values each discrete choice has; empty for continuous actions.
        width: how many scores a head has, except "value" and the "q_value" of continuous actions, which have 1.
        dtype: torch.float32 or torch.float64.
        memory: the `RecurrentState` of a recurrent network.
        normalization: of observations, or a function that returns the current one.
        sha256_of: see `CurrentSource`.
        received: what becomes of the outputs of the head "action" before the environment has them; None for nothing.

    Raises:
        ArgumentError: another dtype, or an unknown head.
    """

    def __init__(
        self,
        module: nn.Module | Callable[[Tensor], Tensor],
        heads: Mapping[str, Head],
        *,
        source: Source,
        features: Features,
        branches: tuple[int, ...],
        width: int,
        dtype: torch.dtype,
        memory: RecurrentState | None,
        normalization: Normalization | Callable[[], Normalization | None] | None,
        sha256_of: Callable[[str], str] | None,
        received: ClipLayer | None = None,
    ) -> None:
        check_dtype(dtype)
        unknown = [head for head in heads if head not in HEADS]
        if unknown or next(iter(heads)) == "value":
            raise ArgumentError(f"heads are {', '.join(HEADS)}, the deciding one first; given: {', '.join(heads)}")
        if {"logit", "probability"} <= set(heads):
            raise ArgumentError("a policy has a head 'logit' or a head 'probability', which follows from it; give one")
        self._module = module
        self._heads: dict[str, Head] = {name: chained(head) for name, head in heads.items()}
        if received is not None and "action" in heads:
            self._heads["action"] = followed_by(self._heads["action"], received)
        self.heads: tuple[str, ...] = tuple(heads)
        self._is_compiled = False
        remembering = () if memory is None else (memory.recall, memory.advance)
        self._roots = _roots(module, *heads.values(), *remembering)
        self.name: str = source.name
        self._sha256_of = sha256_of if self._roots == [module] else None
        self._source = CurrentSource(source, self._roots, self._sha256_of)
        self._again: Callable[[], Callable[[], Any]] | None = None
        self.features = features
        self.branches = branches
        self.dtype = dtype
        self._memory = memory
        self.state_size: int = 0 if memory is None else memory.size
        self._normalization_or_function = normalization
        self.units: str = "environment"
        self._checked_rows: dict[str, list[Any]] = {}
        self._checked_repeats: dict[str, list[Any]] = {}
        # Looked up once: acting is a matter of microseconds.
        self._widths = {name: 1 if name == "value" or (name == "q_value" and not branches) else width for name in heads}
        self._plan_of = {} if memory is not None else _plans(self._heads)

    @property
    def source(self) -> Source:
        """See `Policy.source`; the sha256 is that of the network as it is now."""
        return self._source()

    @source.setter
    def source(self, source: Source) -> None:
        same = source.sha256 == self._source().sha256
        self._source = CurrentSource(source, self._roots, self._sha256_of if same else None)
        self.name = source.name

    @property
    def module(self) -> Any:
        """The network, or the function that computes it; changed in place, as its heads call it.

        Raises:
            ArgumentError: another one is assigned.
        """
        return self._module

    @module.setter
    def module(self, other: object) -> None:
        raise ArgumentError(
            f"{self.name} is a policy of its own network, which its heads call, and cannot take another one; make a "
            f"policy of that {type(other).__name__}, or change layers and weights in policy.module"
        )

    @property
    def device(self) -> torch.device:
        """The device of the network now."""
        return device_of(self._roots)

    @property
    def _modules(self) -> list[nn.Module]:
        """All modules of the network now, in the order of `modules()`."""
        return tree(self._roots)

    @property
    def _normalization(self) -> Normalization | None:
        """The normalization of observations now."""
        current = self._normalization_or_function
        return current() if callable(current) else current

    def encode(self, observations: Any) -> Tensor:
        """See `Policy.encode`."""
        device, normalization = self.device, self._normalization
        if device.type != "cpu" and normalization is None and self._takes_bytes(observations):
            return torch.tensor(observations, device=device).to(self.dtype)
        values = encode(observations, self.features, self.dtype, self.name)
        if normalization is not None and self.units == "network":
            values = normalization.apply_to_array(values)
        return _tensor(values, device)

    def _takes_bytes(self, observations: Any) -> bool:
        """Whether observations are frames of bytes, a quarter as large as what they are encoded to."""
        is_bytes = isinstance(observations, np.ndarray) and observations.dtype == np.uint8
        return is_bytes and not self.features.leaves and observations.shape[1:] == self.features.shape

    def __copy__(self) -> Self:
        """A policy that shares the network."""
        same = object.__new__(type(self))
        vars(same).update(vars(self))
        return same

    def __getstate__(self) -> dict[str, Any]:
        """Without what was checked, which refers to these very modules: a copy checks its own."""
        return vars(self) | {"_checked_rows": {}, "_checked_repeats": {}}

    def __reduce_ex__(self, protocol: Any) -> Any:
        """Make pickles and deep copies: a policy around a copy of the network, not compiled.

        The heads of a policy library refer to the network that they were made for, so its policies are made again.
        """
        if self._again is None:
            return super().__reduce_ex__(protocol)
        environment = {name: vars(self)[name] for name in ("environment", "bounds") if name in vars(self)}
        return _remade, (self._again(), self.source, self.units, environment)

    def in_network_units(self) -> Self:
        """The same policy with normalized observations as its features, in the network's units.

        Raises:
            ArgumentError: it does not normalize, so its network's units are the environment's.
        """
        normalization = self._normalization
        if normalization is None:
            raise ArgumentError(
                f"{self.source.name} takes observations as the environment gives them; its network has no other units"
            )
        if self.units == "network":
            return self
        same = copy.copy(self)
        same.units, same.features = "network", normalization.units(self.features)
        return same

    def compiled(self) -> Self:
        """The same policy with its heads compiled by torch: some seconds for each shape, then faster forward passes."""
        same = copy.copy(self)
        same._heads = {
            name: head.compiled() if isinstance(head, Plannable) else torch.compile(head)
            for name, head in self._heads.items()
        }
        same._plan_of = {} if self._memory is not None else _plans(same._heads)
        same._is_compiled = True
        return same

    def clipped(self, x: Tensor) -> Tensor | None:
        """`x [batch, *feature]` -> bool of that shape, the elements that normalization clips; None without any."""
        normalization = self._normalization
        if normalization is None:
            return None
        return normalization.clipped(x) if self.units == "environment" else normalization.reached(x)

    def head(self, name: str, x: Tensor, context: Context) -> Tensor:
        """See `Policy.head`.

        Raises:
            ArgumentError: no such head, or it needs an action and the context has none.
            MismatchError: the network cannot take x, or its output is not `[batch, k]`.
        """
        if name not in self._heads:
            raise ArgumentError(f"{self.source.name} has no head {name!r}; it has {', '.join(self.heads)}")
        head, plan = self._heads[name], self._plan(name)
        if plan is not None:
            run = head if self._is_compiled else plan
            return self._checked(name, x.shape, self._guarded(name, x.shape, lambda: run(self._inputs(x))))

        def call(x: Tensor, action: Tensor | None, state: Tensor | None) -> Tensor:
            output: Tensor = head(*self._head_inputs(name, x, Context(action=action, state=state)))
            return output

        return self._called(name, x.shape, call, x, context.action, context.state)

    def vjp(self, name: str, x: Tensor, context: Context) -> tuple[Tensor, VjpFn] | None:
        """See `rltools.policies.base.SupportsVjp`; None if the head does more than call known layers."""
        plan = self._plan(name)
        if plan is None or self.features.is_nested:
            return None
        normalization = self._normalization if self.units == "environment" else None
        result = self._guarded(name, x.shape, lambda: plan.vjp(x if normalization is None else normalization.apply(x)))
        if result is None:
            return None
        output, vjp_fn = self._checked(name, x.shape, result[0]), result[1]
        if not x.is_cpu:
            vjp_fn = in_full_precision(vjp_fn)
        return output, vjp_fn if normalization is None else lambda g: normalization.vjp(x, vjp_fn(g))

    def _plan(self, name: str, *, gradients: bool = True) -> Plan | None:
        """See `Plannable.plan`; None, too, for a head that does not exist."""
        plan = self._plan_of.get(name)
        return None if plan is None else plan(gradients=gradients)

    def _head_inputs(self, name: str, x: Tensor, context: Context) -> tuple[Any, ...]:
        """The arguments of a head."""
        inputs = self._inputs(x)
        if self._memory is not None:
            return (self._memory.recall(name, inputs, self._state_before(len(x), context)),)
        if name != "q_value" or self.branches:
            return (inputs,)
        if context.action is None:
            raise ArgumentError(f"the q_value of {self.source.name} depends on the action, and none is given here")
        return inputs, context.action

    def _inputs(self, x: Tensor) -> Any:
        """The input of the network for x."""
        normalization = self._normalization
        if normalization is not None and self.units == "environment":
            x = normalization.apply(x)
        return self.features.unflatten(x) if self.features.is_nested else x

    def _observed(self, observations: Any, weight: Tensor | None) -> tuple[Any, Sequence[int]]:
        """The input of the network for observations, on the device of `weight`, and the shape of x."""
        values = encode(observations, self.features, self.dtype, self.name)
        normalization = self._normalization
        if normalization is not None:
            values = normalization.apply_to_array(values)
        x = torch.from_numpy(values)
        if weight is None or not weight.is_cpu:
            x = x.to(self.device if weight is None else weight.device)
        return self.features.unflatten(x) if self.features.is_nested else x, values.shape

    def _state_before(self, rows: int, context: Context) -> Tensor:
        if context.state is not None:
            return context.state
        return torch.zeros(rows, self.state_size, dtype=self.dtype, device=self.device)

    def _called(self, name: str, shape: Sequence[int], head: Callable[..., Tensor], *args: Any) -> Tensor:
        """Call a head in eval mode, for an x of this shape; check its output, and that rows are independent."""
        modules = self._modules
        with evaluating(modules):
            self._check_rows(name, shape, head, args, modules)
            return self._checked(name, shape, self._guarded(name, shape, lambda: head(*args)))

    def _check_rows(
        self,
        name: str,
        shape: Sequence[int],
        function: Callable[..., Tensor],
        args: tuple[Any, ...],
        modules: Sequence[nn.Module],
    ) -> None:
        """Check once that rows are scored by themselves alone, and again whenever the network was changed."""
        now = arrangement(modules)
        if not shape[0] or self._checked_rows.get(name) == now:
            return
        title = f"the {name} head of {self.name}"
        if self._checked_repeats.get(name) != now:
            self._guarded(name, shape, lambda: check_repeats(title, function, args, modules))
            self._checked_repeats[name] = now
        if shape[0] > 1 and self._guarded(name, shape, lambda: check_rows(title, function, args, modules)):
            self._checked_rows[name] = now

    def _guarded(self, name: str, shape: Sequence[int], compute: Callable[[], Any]) -> Any:
        """Compute something for an x of this shape; whatever a network raises becomes a `MismatchError`."""
        try:
            with full_precision():
                return compute()
        except (torch.OutOfMemoryError, RltoolsError):
            raise
        except Exception as error:
            raise MismatchError(cannot_take(self.name, name, shape, self.dtype, error)) from error

    def _checked(self, name: str, shape: Sequence[int], scores: Any) -> Tensor:
        """A head's output for an x of this shape, checked, in the policy's dtype."""
        expected = (shape[0], self._widths[name])
        if not isinstance(scores, Tensor) or scores.shape != expected or scores.layout is not torch.strided:
            raise MismatchError(wrong_output(self.name, name, shape, expected, scores))
        if scores.is_complex() or scores.is_meta:
            raise MismatchError(wrong_output(self.name, name, shape, expected, scores))
        return scores if scores.dtype is self.dtype else scores.to(self.dtype)

    def _advance(self, inputs: Any, rows: int, context: Context) -> tuple[Tensor, Tensor]:
        """The input of the first head, and the next state."""
        memory, state, modules = self._memory, self._state_before(rows, context), self._modules
        assert memory is not None
        with evaluating(modules):
            shape = (rows, *self.features.shape)
            self._check_rows(
                self.heads[0], shape, lambda x, state: memory.advance(x, state)[0], (inputs, state), modules
            )
            head_input, after = self._guarded(self.heads[0], shape, lambda: memory.advance(inputs, state))
        return head_input, after

    def advance(self, x: Tensor, context: Context) -> Tensor:
        """`x [batch, *feature]` -> the state `[batch, state]` after it, differentiable; for a recurrent policy only.

        Raises:
            ArgumentError: the policy is not recurrent.
        """
        if self._memory is None:
            raise ArgumentError(f"{self.source.name} is not recurrent; it remembers nothing from step to step")
        return self._advance(self._inputs(x), len(x), context)[1]


def _plans(heads: Mapping[str, Head]) -> dict[str, Callable[..., Plan | None]]:
    return {name: head.plan for name, head in heads.items() if isinstance(head, Plannable)}


def _roots(*functions: Any) -> list[nn.Module]:
    """The modules behind some functions, except those inside another one of them."""
    roots: list[nn.Module] = []
    for root in dict.fromkeys(root for function in functions for root in modules_behind(function)):
        if root not in tree(roots):
            roots.append(root)
    return roots


def _remade(make: Callable[[], Any], source: Source, units: str, environment: dict[str, Any]) -> Any:
    """A copy of a policy; see `Network.__reduce_ex__`."""
    policy = make()
    policy.source = source
    vars(policy).update(environment)
    return policy.in_network_units() if units == "network" else policy


def _tensor(values: np.ndarray, device: torch.device) -> Tensor:
    x = torch.from_numpy(values)
    return x if device.type == "cpu" else x.to(device)
