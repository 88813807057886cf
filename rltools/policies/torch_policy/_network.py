"""What a network computes of observations: its heads, checked, and what it remembers."""

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
from rltools.policies.rows import arrangement, check_rows
from rltools.policies.torch_policy._refusals import cannot_take, wrong_output
from rltools.policies.vjp._chain import Planned, chained
from rltools.policies.vjp._plan import Plan
from rltools.spaces import Features

Head = Callable[..., Tensor]
HEADS = ("logit", "q_value", "advantage", "mean", "action", "value")


class Network:
    """The half of `TorchPolicy` that computes; the other half decides. Never made on its own.

    Args:
        module: that the heads are computed with; it keeps its modes.
        heads: see `TorchPolicy`; the first one decides.
        source: what errors call it.
        features: of an observation.
        branches: how many values each discrete choice has; empty for continuous actions.
        width: how many scores a head has, "value" and the "q_value" of continuous actions apart.
        dtype: torch.float32 or torch.float64.
        memory: of a recurrent network.
        normalization: of observations, or a function that gives what it is at the moment.
        sha256_of: see `CurrentSource`.

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
    ) -> None:
        check_dtype(dtype)
        unknown = [head for head in heads if head not in HEADS]
        if unknown or next(iter(heads)) == "value":
            raise ArgumentError(f"heads are {', '.join(HEADS)}, the deciding one first; given: {', '.join(heads)}")
        self.module = module
        self._heads: dict[str, Head] = {name: chained(head) for name, head in heads.items()}
        self.heads = tuple(heads)
        self._is_compiled = False
        remembering = () if memory is None else (memory.recall, memory.advance)
        self._roots = _roots(module, *heads.values(), *remembering)
        self.name = source.name
        self._sha256_of = sha256_of if self._roots == [module] else None
        self._source = CurrentSource(source, self._roots, self._sha256_of)
        self._again: Callable[[], Callable[[], Any]] | None = None
        self.features = features
        self.branches = branches
        self.dtype = dtype
        self._memory = memory
        self.state_size = 0 if memory is None else memory.size
        self._given_normalization, self.units = normalization, "environment"
        self._checked_rows: dict[str, list[Any]] = {}
        # Looked up once: acting is a matter of microseconds.
        self._widths = {name: 1 if name == "value" or (name == "q_value" and not branches) else width for name in heads}
        self._known = {} if memory is not None else _plans(self._heads)

    @property
    def source(self) -> Source:
        """Where it comes from; its sha256 is that of the network as it is now."""
        return self._source()

    @source.setter
    def source(self, source: Source) -> None:
        same = source.sha256 == self._source().sha256
        self._source = CurrentSource(source, self._roots, self._sha256_of if same else None)
        self.name = source.name

    @property
    def device(self) -> torch.device:
        """Where its network is now."""
        return device_of(self._roots)

    @property
    def _modules(self) -> list[nn.Module]:
        """All that is in its network now, in the order of `modules()`."""
        return tree(self._roots)

    @property
    def _normalization(self) -> Normalization | None:
        """What normalizes observations now."""
        given = self._given_normalization
        return given() if callable(given) else given

    def encode(self, observations: Any) -> Tensor:
        """See `Policy.encode`."""
        values = encode(observations, self.features, self.dtype, self.name)
        normalization = self._normalization
        if normalization is not None and self.units == "network":
            values = normalization.apply_to_array(values)
        return _tensor(values, self.device)

    def __copy__(self) -> Self:
        """A policy around the very same network."""
        same = object.__new__(type(self))
        vars(same).update(vars(self))
        return same

    def __reduce_ex__(self, protocol: Any) -> Any:
        """A pickle or a deep copy: a policy around a copy of the network, not compiled.

        The functions of a library hold on to the network that they were made for, so such a policy is made anew.
        """
        if self._again is None:
            return super().__reduce_ex__(protocol)
        placed = {name: vars(self)[name] for name in ("environment", "bounds") if name in vars(self)}
        return _made_again, (self._again(), self.source, self.units, placed)

    def in_network_units(self) -> Self:
        """The same policy with observations normalized where they are encoded: their unit is the network's.

        Raises:
            ArgumentError: it normalizes nothing, so that its network's units are the environment's.
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
        """The same policy with its heads compiled by torch: some seconds for each shape, then a faster forward."""
        same = copy.copy(self)
        same._heads = {
            name: head.compiled() if isinstance(head, Planned) else torch.compile(head)
            for name, head in self._heads.items()
        }
        same._known = {} if self._memory is not None else _plans(same._heads)
        same._is_compiled = True
        return same

    def clipped(self, x: Tensor) -> Tensor | None:
        """`x [batch, *feature]` -> bool of that shape, the entries that normalization clips; None without any."""
        normalization = self._normalization
        if normalization is None:
            return None
        return normalization.clipped(x) if self.units == "environment" else normalization.reached(x)

    def head(self, name: str, x: Tensor, context: Context) -> Tensor:
        """See `Policy.head`.

        Raises:
            ArgumentError: no such head, or one that needs what the context does not hold.
            MismatchError: the network cannot take x, or its output is not `[batch, k]`.
        """
        if name not in self._heads:
            raise ArgumentError(f"{self.source.name} has no head {name!r}; it has {', '.join(self.heads)}")
        head, plan = self._heads[name], self._plan(name)
        if plan is not None:
            run = head if self._is_compiled else plan
            return self._checked(name, x.shape, self._guarded(name, x.shape, lambda: run(self._inputs(x))))

        def call(x: Tensor, action: Tensor | None, state: Tensor | None) -> Tensor:
            output: Tensor = head(*self._given(name, x, Context(action=action, state=state)))
            return output

        return self._called(name, x.shape, call, x, context.action, context.state)

    def vjp(self, name: str, x: Tensor, context: Context) -> tuple[Tensor, VjpFn] | None:
        """See `rltools.policies.base.Pulling`; None where the head is not made of known layers."""
        plan = self._plan(name)
        if plan is None or self.features.is_nested:
            return None
        normalization = self._normalization if self.units == "environment" else None
        pulled = self._guarded(name, x.shape, lambda: plan.vjp(x if normalization is None else normalization.apply(x)))
        if pulled is None:
            return None
        output, back = self._checked(name, x.shape, pulled[0]), pulled[1]
        return output, back if normalization is None else lambda g: normalization.back(x, back(g))

    def _plan(self, name: str) -> Plan | None:
        """The layers that a head comes down to at this moment; None where it has to be called."""
        plan = self._known.get(name)
        return None if plan is None else plan()

    def _given(self, name: str, x: Tensor, context: Context) -> tuple[Any, ...]:
        """What a head is a function of."""
        inputs = self._inputs(x)
        if self._memory is not None:
            return (self._memory.recall(name, inputs, self._remembered(len(x), context)),)
        if name != "q_value" or self.branches:
            return (inputs,)
        if context.action is None:
            raise ArgumentError(f"the q_value of {self.source.name} is that of an action, and none is known here")
        return inputs, context.action

    def _inputs(self, x: Tensor) -> Any:
        """What the network takes for x."""
        normalization = self._normalization
        if normalization is not None and self.units == "environment":
            x = normalization.apply(x)
        return self.features.unflatten(x) if self.features.is_nested else x

    def _observed(self, observations: Any, weight: Tensor | None) -> tuple[Any, Sequence[int]]:
        """What the network takes for observations, where a weight of it is, and the shape of x."""
        values = encode(observations, self.features, self.dtype, self.name)
        normalization = self._normalization
        if normalization is not None:
            values = normalization.apply_to_array(values)
        x = torch.from_numpy(values)
        if weight is None or not weight.is_cpu:
            x = x.to(self.device if weight is None else weight.device)
        return self.features.unflatten(x) if self.features.is_nested else x, values.shape

    def _remembered(self, rows: int, context: Context) -> Tensor:
        if context.state is not None:
            return context.state
        return torch.zeros(rows, self.state_size, dtype=self.dtype, device=self.device)

    def _called(self, name: str, shape: Sequence[int], head: Callable[..., Tensor], *given: Any) -> Tensor:
        """What calling a head gives for an x of this shape, in eval mode and checked, its rows too."""
        modules = self._modules
        with evaluating(modules):
            self._check_rows(name, shape, head, given, modules)
            return self._checked(name, shape, self._guarded(name, shape, lambda: head(*given)))

    def _check_rows(
        self,
        name: str,
        shape: Sequence[int],
        function: Callable[..., Tensor],
        given: tuple[Any, ...],
        modules: Sequence[nn.Module],
    ) -> None:
        """Look once at whether rows influence each other, and again whenever the network was changed."""
        now = arrangement(modules)
        if shape[0] < 2 or self._checked_rows.get(name) == now:
            return
        what = f"the {name} head of {self.name}"
        if self._guarded(name, shape, lambda: check_rows(what, function, given, modules)):
            self._checked_rows[name] = now

    def _guarded(self, name: str, shape: Sequence[int], compute: Callable[[], Any]) -> Any:
        """What is computed for an x of this shape; whatever a network raises becomes an error of ours."""
        try:
            return compute()
        except (torch.OutOfMemoryError, RltoolsError):
            raise
        except Exception as error:
            raise MismatchError(cannot_take(self.name, name, shape, self.dtype, error)) from error

    def _checked(self, name: str, shape: Sequence[int], scores: Any) -> Tensor:
        """What a head gave for an x of this shape, in the policy's dtype."""
        expected = (shape[0], self._widths[name])
        if not isinstance(scores, Tensor) or scores.shape != expected or scores.layout is not torch.strided:
            raise MismatchError(wrong_output(self.name, name, shape, expected, scores))
        if scores.is_complex() or scores.is_meta:
            raise MismatchError(wrong_output(self.name, name, shape, expected, scores))
        return scores if scores.dtype is self.dtype else scores.to(self.dtype)

    def _advance(self, inputs: Any, rows: int, context: Context) -> tuple[Tensor, Tensor]:
        """What the first head is a function of, and the next state."""
        memory, state, modules = self._memory, self._remembered(rows, context), self._modules
        assert memory is not None
        with evaluating(modules):
            shape = (rows, *self.features.shape)
            self._check_rows(
                self.heads[0], shape, lambda x, state: memory.advance(x, state)[0], (inputs, state), modules
            )
            recalled, after = self._guarded(self.heads[0], shape, lambda: memory.advance(inputs, state))
        return recalled, after

    def advance(self, x: Tensor, context: Context) -> Tensor:
        """`x [batch, *feature]` -> the state `[batch, state]` after it, differentiable; of a recurrent policy only.

        Raises:
            ArgumentError: the policy remembers nothing.
        """
        if self._memory is None:
            raise ArgumentError(f"{self.source.name} is not recurrent; it remembers nothing from step to step")
        return self._advance(self._inputs(x), len(x), context)[1]


def _plans(heads: Mapping[str, Head]) -> dict[str, Callable[[], Plan | None]]:
    return {name: head.plan for name, head in heads.items() if isinstance(head, Planned)}


def _roots(*functions: Any) -> list[nn.Module]:
    """The modules behind some functions, without those that are in another one."""
    roots: list[nn.Module] = []
    for root in dict.fromkeys(root for function in functions for root in modules_behind(function)):
        if root not in tree(roots):
            roots.append(root)
    return roots


def _made_again(make: Callable[[], Any], source: Source, units: str, placed: dict[str, Any]) -> Any:
    """A copy of a policy; see `Network.__reduce_ex__`."""
    policy = make()
    policy.source = source
    vars(policy).update(placed)
    return policy.in_network_units() if units == "network" else policy


def _tensor(values: np.ndarray, device: torch.device) -> Tensor:
    x = torch.from_numpy(values)
    return x if device.type == "cpu" else x.to(device)
