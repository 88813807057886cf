"""The inputs of a graph: an observation, or several by name, and the states of recurrent layers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from gymnasium.spaces import Dict
from torch import Tensor

from rltools.errors import MismatchError, ModelError
from rltools.policies.graphs.graph import Graph, Port, Shape
from rltools.policies.vjp._layers import PermuteLayer
from rltools.spaces import Features

_OBSERVATIONS = ("obs", "observation", "observations", "obs_0", "state", "states", "input", "inputs", "x")
CHANNELS_FIRST = (0, 3, 1, 2)


@dataclass(frozen=True)
class Observed:
    """An input that takes an observation, or one array of it.

    Attributes:
        name: of the input.
        key: of the array in a Dict; "" if the observation is one array.
        arrangement: "" as the environment gives it, "channels first", or "flat".
    """

    name: str
    key: str = ""
    arrangement: str = ""

    def arranged(self, x: Any) -> Tensor:
        """`x [batch, ...]`, or a mapping of these, as the input takes it."""
        value: Tensor = x[self.key] if self.key else x
        if self.arrangement == "flat":
            return value.flatten(1)
        return PermuteLayer(CHANNELS_FIRST)(value) if self.arrangement else value


@dataclass(frozen=True)
class State:
    """An input that takes a recurrent state, with the output that gives the next one.

    Attributes:
        name: of the input.
        output: its name.
        sizes: of the axes without the batch.
        axis: which axis is the batch.
    """

    name: str
    output: str
    sizes: tuple[int, ...]
    axis: int

    @property
    def size(self) -> int:
        """How many numbers it has for each row."""
        return math.prod(self.sizes)

    def unflatten(self, part: Tensor) -> Tensor:
        """`[batch, size]` -> as the input takes it."""
        return part.reshape(-1, *self.sizes).movedim(0, self.axis)

    def flatten(self, value: Tensor) -> Tensor:
        """As the output gives it -> `[batch, size]`."""
        return value.movedim(self.axis, 0).flatten(1)


@dataclass(frozen=True)
class Ports:
    """All inputs of a graph.

    Attributes:
        observed: the inputs that take observations.
        states: those that take recurrent states.
    """

    observed: tuple[Observed, ...]
    states: tuple[State, ...] = ()

    @property
    def state_size(self) -> int:
        """How many numbers all states have together, for each row."""
        return sum(state.size for state in self.states)

    def inputs(self, x: Any, state: Tensor | None) -> dict[str, Tensor]:
        """The inputs by name for `x [batch, *feature]`, or a mapping of arrays, and `state [batch, size]`."""
        inputs = {part.name: part.arranged(x) for part in self.observed}
        if state is not None and self.states:
            parts = torch.split(state, [part.size for part in self.states], dim=1)
            inputs |= {part.name: part.unflatten(value) for part, value in zip(self.states, parts, strict=True)}
        return inputs


def arrangements(port: Port, shape: tuple[int, ...]) -> list[str]:
    """How an observation of a shape may be passed to an input, the most natural way first; empty if it cannot be."""
    ways = {
        "": shape,
        "channels first": (shape[-1], *shape[:-1]) if len(shape) == 3 else (),
        "flat": (math.prod(shape),),
    }
    if len(shape) == 1:
        del ways["flat"]
    return [way for way, sizes in ways.items() if (sizes or not shape) and _fits(port.shape, sizes)]


def _fits(declared: Shape | None, sizes: tuple[int, ...]) -> bool:
    """Whether a declared shape, with its batch, may be of these sizes without one."""
    if declared is None:
        return True
    pairs = zip(declared[1:], sizes, strict=False)
    return len(declared) == len(sizes) + 1 and all(not isinstance(size, int) or size == own for size, own in pairs)


def observed_ports(graph: Graph, features: Features, space: Any) -> list[tuple[Port, str, tuple[int, ...]]]:
    """The inputs that take observations, each with the key of its array, and the array's shape.

    Raises:
        MismatchError: none fits, or several do.
    """
    ports = graph.inputs
    if features.is_nested:
        shapes = {
            str(part.leaf.path[0]) if len(part.leaf.path) == 1 else part.leaf.name: part.shape
            for part in features.parts
        }
        by_name = {port.name: port for port in ports}
        if not isinstance(space, Dict) or not shapes.keys() <= by_name.keys():
            raise MismatchError(
                f"{graph.path} has the inputs {listed(ports)}, and the environment's observation has the parts "
                f"{', '.join(shapes)}; export the network with an input of the name of each part"
            )
        return [(by_name[key], key, shape) for key, shape in shapes.items()]
    fitting = [port for port in ports if arrangements(port, features.shape)]
    named = [port for port in fitting if port.name.lower() in _OBSERVATIONS]
    chosen = named if len(fitting) > 1 else fitting
    if len(chosen) != 1:
        raise MismatchError(
            f"{graph.path} has the inputs {listed(ports)}, and {len(fitting) or 'none'} of them may take an "
            f"observation of shape {list(features.shape)}; give the environment it was trained in as env, "
            f"or export the network with one input called obs"
        )
    return [(chosen[0], "", features.shape)]


def states_of(graph: Graph, others: Sequence[Port], outputs: Sequence[Port], batch: str | None) -> tuple[State, ...]:
    """The recurrent states: inputs that are not observations, each with the output of the same shape, in order.

    Args:
        graph: of both.
        others: its inputs that do not take observations.
        outputs: its outputs that may be states.
        batch: the name of the observations' batch size.

    Raises:
        ModelError: an input without such an output, or of unknown size.
    """
    states, left = [], [*outputs]
    for port in others:
        match = next((output for output in left if _same(port.shape, output.shape)), None)
        if port.shape is None or match is None or port.is_integer:
            raise ModelError(
                f"{graph.path}: its input {port} is neither an observation nor a recurrent state with an output of the "
                f"same shape; outputs are {listed(outputs)}. Export the network without it, or with its next value"
            )
        left.remove(match)
        axis = _batch_axis(port.shape, batch)
        sizes = [size for index, size in enumerate(port.shape) if index != axis]
        if not all(isinstance(size, int) for size in sizes):
            raise ModelError(f"{graph.path}: the sizes of its input {port} are not fixed; export it with fixed sizes")
        states.append(State(port.name, match.name, tuple(int(size) for size in sizes if size is not None), axis))
    return tuple(states)


def _same(a: Shape | None, b: Shape | None) -> bool:
    if a is None or b is None:
        return True
    if len(a) != len(b):
        return False
    return all(x == y for x, y in zip(a, b, strict=True) if isinstance(x, int) and isinstance(y, int))


def _batch_axis(shape: Shape, batch: str | None) -> int:
    """The axis of the batch: the one of the observations' name, or the only free one, or as torch has it."""
    if batch is not None and batch in shape:
        return shape.index(batch)
    free = [axis for axis, size in enumerate(shape) if not isinstance(size, int)]
    return free[0] if len(free) == 1 else 1 if len(shape) == 3 else 0


def listed(ports: Sequence[Port] | Mapping[str, Any]) -> str:
    """Inputs or outputs with their shapes, for messages."""
    names = [str(port) for port in ports][:12]
    return (", ".join(names) or "none") + (f" and {len(ports) - 12} more" if len(ports) > 12 else "")


def batch_name(port: Port) -> str | None:
    """The name of the batch size of an input, if it has one."""
    first = port.shape[0] if port.shape else None
    return first if isinstance(first, str) else None
