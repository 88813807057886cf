"""Computes the values of a graph, node by node."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from rltools._util.text import one_line
from rltools.errors import RltoolsError
from rltools.policies.graphs.graph import Dialect, Graph, Node, Ref, needed_nodes
from rltools.policies.untrusted.messages import printable


class GraphNetwork(nn.Module):
    """A network that computes a graph; its constants are buffers, so that it moves and converts as any other.

    Args:
        graph: what it computes.
        dialect: how.
        names: the values that may be asked for; what these do not need is left out.

    Raises:
        ModelError: an operator that is not supported.
    """

    __constants__: list[str] = ["structure"]  # noqa: RUF012 - as torch has it; fingerprints depend on these
    structure: str

    def __init__(self, graph: Graph, dialect: Dialect, names: Collection[str]) -> None:
        super().__init__()
        dialect.check(graph, names)
        self._dialect, self._nodes = dialect, needed_nodes(graph.nodes, names)
        needed = {*names, *(name for node in self._nodes for name in node.needs())}
        self._keys = {name: f"constant_{index}" for index, name in enumerate(graph.constants) if name in needed}
        for name, key in self._keys.items():
            self.register_buffer(key, graph.constants[name].clone())
        self._steps: dict[tuple[str, ...], list[tuple[Node, tuple[str, ...]]]] = {}
        self.structure = hashlib.sha256(repr([graph.inputs, self._nodes]).encode()).hexdigest()

    def forward(self, inputs: Mapping[str, Tensor], names: tuple[str, ...]) -> list[Tensor]:
        """The values of these names, for inputs by name.

        Raises:
            RuntimeError: a node cannot be computed; the message names it.
        """
        like = next(value for value in inputs.values() if value.is_floating_point())
        buffers: Any = self._buffers
        values: dict[str, Any] = {name: buffers[key] for name, key in self._keys.items()}
        values.update(inputs)
        if names not in self._steps:
            self._steps[names] = _with_last_uses(needed_nodes(self._nodes, names), names)
        for node, drop in self._steps[names]:
            made = self._made(node, values, like)
            for name, value in zip(node.outputs, made if isinstance(made, list | tuple) else (made,), strict=False):
                values[name] = _as_float(value, like)
            for name in drop:
                values.pop(name, None)
        return [values[name] for name in names]

    def _made(self, node: Node, values: Mapping[str, Any], like: Tensor) -> Any:
        """What a node makes."""
        arguments = [_resolved(value, values) for value in node.arguments]
        settings = {name: _resolved(value, values) for name, value in node.settings.items()}
        try:
            return self._dialect.compute(node, arguments, settings, like)
        except (torch.OutOfMemoryError, RltoolsError):
            raise
        except Exception as error:  # whatever torch says about sizes, types and values
            reason = one_line(error)[:300] or type(error).__name__
            name = printable(node.outputs[0])
            raise RuntimeError(
                f"{printable(node.operator)}, which makes {name!r}, cannot be computed: {reason}"
            ) from error


def _resolved(value: Any, values: Mapping[str, Any]) -> Any:
    """An argument with values in place of their names."""
    if isinstance(value, Ref):
        return values[value.name]
    if isinstance(value, list):
        return [values[part.name] if isinstance(part, Ref) else part for part in value]
    return value


def _as_float(value: Any, like: Tensor) -> Any:
    """A floating-point value in the dtype that the network computes in, whatever the file says."""
    if isinstance(value, Tensor) and value.is_floating_point() and value.dtype is not like.dtype:
        return value.to(like.dtype)
    return value


def _with_last_uses(nodes: Sequence[Node], wanted: Collection[str]) -> list[tuple[Node, tuple[str, ...]]]:
    """Each node with the values that no later one needs."""
    needed, steps = set(wanted), []
    for node in reversed(nodes):
        names = {*node.needs(), *node.outputs}
        steps.append((node, tuple(names - needed)))
        needed |= names
    return steps[::-1]
