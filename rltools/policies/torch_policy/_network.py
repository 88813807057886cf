"""What a network computes of observations: its heads, checked, and what it remembers."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor, nn

from rltools.errors import ArgumentError, MismatchError
from rltools.features import Features
from rltools.policies._chain import Chain
from rltools.policies._encoding import check_dtype, encode
from rltools.policies._identity import device_of
from rltools.policies._memory import Memory
from rltools.policies._modes import evaluating
from rltools.policies._normalization import Normalization
from rltools.policy import Back, Context, Source

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
        normalization: of observations.

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
        memory: Memory | None,
        normalization: Normalization | None,
    ) -> None:
        check_dtype(dtype)
        unknown = [head for head in heads if head not in HEADS]
        if unknown or next(iter(heads)) == "value":
            raise ArgumentError(f"heads are {', '.join(HEADS)}, the deciding one first; given: {', '.join(heads)}")
        self.module = module
        self._modules = tuple(module.modules()) if isinstance(module, nn.Module) else ()
        self._heads, self.heads = dict(heads), tuple(heads)
        self.source = source
        self.features = features
        self.branches, self._width = branches, width
        self.dtype = dtype
        self.device = device_of(module)
        self._memory = memory
        self.state_size = 0 if memory is None else memory.size
        self._normalization, self.units = normalization, "environment"

    def encode(self, observations: Any) -> Tensor:
        """See `Policy.encode`."""
        values = encode(observations, self.features, self.dtype, self.source.name)
        if self._normalization is not None and self.units == "network":
            values = self._normalization.apply_to_array(values)
        return self._tensor(values)

    def _tensor(self, values: np.ndarray) -> Tensor:
        x = torch.from_numpy(values)
        return x if self.device.type == "cpu" else x.to(self.device)

    def in_network_units(self) -> Self:
        """The same policy with observations normalised where they are encoded: their unit is the network's.

        Raises:
            ArgumentError: it normalises nothing, so that its network's units are the environment's.
        """
        if self._normalization is None:
            raise ArgumentError(
                f"{self.source.name} takes observations as the environment gives them; its network has no other units"
            )
        if self.units == "network":
            return self
        same = copy.copy(self)
        same.units, same.features = "network", self._normalization.units(self.features)
        return same

    def compiled(self) -> Self:
        """The same policy with its heads compiled by torch: some seconds for each shape, then a faster forward."""
        same = copy.copy(self)
        same._heads = {
            name: head.compiled() if isinstance(head, Chain) else torch.compile(head)
            for name, head in self._heads.items()
        }
        return same

    def clipped(self, x: Tensor) -> Tensor | None:
        """`x [batch, *feature]` -> bool of that shape, the entries that normalisation clips; None without any."""
        if self._normalization is None:
            return None
        return self._normalization.clipped(x) if self.units == "environment" else self._normalization.reached(x)

    def head(self, name: str, x: Tensor, context: Context) -> Tensor:
        """See `Policy.head`.

        Raises:
            ArgumentError: no such head, or one that needs what the context does not hold.
            MismatchError: the network cannot take x, or its output is not `[batch, k]`.
        """
        if name not in self._heads:
            raise ArgumentError(f"{self.source.name} has no head {name!r}; it has {', '.join(self.heads)}")
        return self._scored(name, x.shape, lambda: self._heads[name](*self._given(name, x, context)))

    def pull(self, name: str, x: Tensor, context: Context) -> tuple[Tensor, Back] | None:
        """See `rltools.policy.Pulling`; None where the head is not made of known layers."""
        head = self._heads.get(name)
        if not isinstance(head, Chain) or not head.is_known or self._memory is not None or self.features.is_nested:
            return None
        normalization = self._normalization if self.units == "environment" else None
        ways: list[Back] = []

        def compute() -> Tensor:
            output, way = head.pull(x if normalization is None else normalization.apply(x))
            ways.append(way)
            return output

        output, (back,) = self._scored(name, x.shape, compute), ways
        return output, back if normalization is None else lambda g: normalization.back(x, back(g))

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
        if self._normalization is not None and self.units == "environment":
            x = self._normalization.apply(x)
        return self.features.unflatten(x) if self.features.is_nested else x

    def _observed(self, observations: Any) -> tuple[Any, Sequence[int]]:
        """What the network takes for observations, and the shape of x."""
        values = encode(observations, self.features, self.dtype, self.source.name)
        if self._normalization is not None:
            values = self._normalization.apply_to_array(values)
        x = self._tensor(values)
        return self.features.unflatten(x) if self.features.is_nested else x, values.shape

    def _remembered(self, rows: int, context: Context) -> Tensor:
        if context.state is not None:
            return context.state
        return torch.zeros(rows, self.state_size, dtype=self.dtype, device=self.device)

    def _scored(self, name: str, shape: Sequence[int], compute: Callable[..., Tensor], *given: Any) -> Tensor:
        """What a head gives for an x of this shape, in eval mode and checked."""
        try:
            with evaluating(self._modules):
                scores = compute(*given)
        except (torch.OutOfMemoryError, ArgumentError):
            raise
        except (RuntimeError, ValueError, IndexError, TypeError, KeyError) as error:
            raise MismatchError(
                f"the {name} head of {self.source.name} cannot take observations {list(shape)} of {self.dtype}: {error}"
            ) from error
        single = name == "value" or (name == "q_value" and not self.branches)
        expected = (shape[0], 1 if single else self._width)
        if not isinstance(scores, Tensor) or scores.shape != expected:
            found = f"shape {list(scores.shape)}" if isinstance(scores, Tensor) else f"a {type(scores).__name__}"
            raise MismatchError(
                f"the {name} head of {self.source.name} must give shape {list(expected)}, [batch, k], for observations "
                f"{list(shape)}; it gives {found}"
            )
        return scores

    def _advance(self, inputs: Any, rows: int, context: Context) -> tuple[Tensor, Tensor]:
        """What the first head is a function of, and the next state."""
        assert self._memory is not None
        with evaluating(self._modules):
            return self._memory.advance(inputs, self._remembered(rows, context))

    def advance(self, x: Tensor, context: Context) -> Tensor:
        """`x [batch, *feature]` -> the state `[batch, state]` after it, differentiable; of a recurrent policy only.

        Raises:
            ArgumentError: the policy remembers nothing.
        """
        if self._memory is None:
            raise ArgumentError(f"{self.source.name} is not recurrent; it remembers nothing from step to step")
        return self._advance(self._inputs(x), len(x), context)[1]
