"""A network as a graph of operators, as a file describes it; nothing in it is code."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor

from rltools._util.text import plural
from rltools.errors import ModelError, UnsafeFileError
from rltools.policies.untrusted.messages import printable

MAX_NODES = 5_000
MAX_LISTED = 12

Shape = tuple[int | str | None, ...]
"""Sizes of axes: a number, the name of a size that is not fixed, or None if nothing is said."""


@dataclass(frozen=True)
class Ref:
    """A value that an operator takes, by its name."""

    name: str


@dataclass(frozen=True)
class Port:
    """An input or an output of a graph.

    Attributes:
        name: of its value.
        shape: as the file declares it; None if it does not.
        is_integer: whether it holds integers or booleans.
    """

    name: str
    shape: Shape | None = None
    is_integer: bool = False

    def __str__(self) -> str:
        """Its name and shape, on one printable line."""
        sizes = "?" if self.shape is None else ", ".join("?" if size is None else str(size) for size in self.shape)
        return printable(f"{self.name} [{sizes}]") + (" of integers" if self.is_integer else "")


@dataclass(frozen=True)
class Node:
    """One operator of a graph.

    Attributes:
        operator: its name in the dialect, for instance "Gemm".
        arguments: by position: a `Ref`, a list of them, None, or a plain value.
        settings: the same by name.
        outputs: the names of what it computes; "" for what nobody uses.
        version: of the operators, if the dialect has several.
    """

    operator: str
    arguments: tuple[Any, ...]
    settings: Mapping[str, Any]
    outputs: tuple[str, ...]
    version: int = 0

    def needs(self) -> Iterator[str]:
        """The names of the values that it takes."""
        for value in (*self.arguments, *self.settings.values()):
            for part in value if isinstance(value, list | tuple) else (value,):
                if isinstance(part, Ref):
                    yield part.name


@dataclass(frozen=True)
class Graph:
    """A network that was read from a file.

    Attributes:
        path: of the file.
        inputs: what has to be passed in.
        outputs: what comes out.
        nodes: in an order in which they can be computed.
        constants: weights and other fixed values, by name.
        sha256: of everything that was read.
        made_by: what wrote the file, as it says.
    """

    path: Path
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    nodes: tuple[Node, ...]
    constants: Mapping[str, Tensor]
    sha256: str
    made_by: str = ""
    producers: dict[str, Node] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Check that every value is made once, and before it is used.

        Raises:
            UnsafeFileError: far more nodes than networks have.
            ModelError: a value that is made twice, used before it is made, or never made.
        """
        if len(self.nodes) > MAX_NODES:
            raise UnsafeFileError(
                f"{self.path} has {len(self.nodes):,} operators, above {MAX_NODES:,}; not used. Save a smaller network"
            )
        ready = {port.name for port in self.inputs}
        self._add(ready, self.constants)
        for node in self.nodes:
            if missing := next((name for name in node.needs() if name not in ready), None):
                raise ModelError(
                    f"{self.path}: {printable(node.operator)} needs {printable(missing)!r}, which nothing before it "
                    f"makes; save the network again"
                )
            self._add(ready, [name for name in node.outputs if name])
            self.producers.update(dict.fromkeys(filter(None, node.outputs), node))
        if missing := next((port.name for port in self.outputs if port.name not in ready), None):
            raise ModelError(
                f"{self.path}: nothing makes its output {printable(missing)!r}; save the network again, or fetch the "
                f"file again if it was cut short"
            )

    def _add(self, ready: set[str], names: Collection[str]) -> None:
        for name in names:
            if name in ready:
                raise ModelError(f"{self.path} makes {printable(name)!r} twice; save the network again")
            ready.add(name)


def needed_nodes(nodes: Sequence[Node], names: Collection[str]) -> tuple[Node, ...]:
    """Those of some nodes that some values depend on, in order."""
    wanted, needed = set(names), []
    for node in reversed(nodes):
        if wanted.intersection(node.outputs):
            needed.append(node)
            wanted.update(node.needs())
    return tuple(reversed(needed))


@dataclass(frozen=True)
class Part:
    """A layer that one or two nodes of a chain amount to.

    Attributes:
        layer: an nn.Module, or a layer with a vjp of rltools; None if nothing has to be computed.
        source: the name of its input.
    """

    layer: Any
    source: str


@dataclass(frozen=True)
class Dialect:
    """The operators of a format.

    Attributes:
        title: of the format, for people.
        operators: those that are supported.
        compute: one node, from its arguments and settings with values in place of names, and a tensor whose dtype and
            device new values get.
        part: the layer of a chain that makes a value, or None; see `rltools.policies.graphs.chain`.
        advice: what to do about an operator that is not supported, by name.
    """

    title: str
    operators: Collection[str]
    compute: Callable[[Node, Sequence[Any], Mapping[str, Any], Tensor], Any]
    part: Callable[[Graph, str], Part | None]
    advice: Mapping[str, str] = field(default_factory=dict)

    def check(self, graph: Graph, names: Collection[str]) -> None:
        """Refuse operators that are not supported, as far as some values depend on them; all are listed.

        Raises:
            ModelError: there are such.
        """
        needed = needed_nodes(graph.nodes, names)
        unknown = sorted({node.operator for node in needed if node.operator not in self.operators})
        if not unknown:
            return
        advice = next((self.advice[name] for name in unknown if name in self.advice), "")
        listed = ", ".join(map(printable, unknown[:MAX_LISTED]))
        more = f" and {len(unknown) - MAX_LISTED} more" if len(unknown) > MAX_LISTED else ""
        operators = plural(len(unknown), f"{self.title} operator")
        raise ModelError(
            f"{graph.path} needs {operators} without support here: {listed}{more}; {advice or OWN_NETWORK}"
        )


OWN_NETWORK = (
    "export the part of the network that gives the scores alone, or build the network in PyTorch and give "
    "rltools.TorchPolicy around it"
)


def parameters_in(graph: Graph) -> int:
    """How many numbers the floating-point constants of a graph have together."""
    return sum(value.numel() for value in graph.constants.values() if value.is_floating_point())
