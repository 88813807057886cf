"""Reads an ONNX file into a graph; see https://github.com/onnx/onnx/blob/main/onnx/onnx.proto for its fields."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from rltools._util.foreign_files import read_foreign
from rltools.errors import ModelError, UnsafeFileError
from rltools.policies.graphs.graph import MAX_NODES, Graph, Node, Port, Ref, Shape
from rltools.policies.onnx._protobuf import Budget, Message, parse
from rltools.policies.onnx._tensors import INTEGERS, MAX_FILE, ExternalFiles, tensor
from rltools.policies.untrusted.messages import printable

_FLOAT, _INT, _STRING, _TENSOR, _FLOATS, _INTS, _STRINGS = 1, 2, 3, 4, 6, 7, 8
_OWN_DOMAINS = ("", "ai.onnx")
_CONSTANTS = ("value", "value_float", "value_int", "value_floats", "value_ints")


def read_graph(path: Path) -> Graph:
    """The network in an ONNX file, and in the plain files beside it that may hold its weights.

    Raises:
        ModelError: missing, damaged, or not an ONNX network.
        UnsafeFileError: far larger than policies are, or with weights anywhere but beside it.
    """
    content = read_foreign(path, MAX_FILE, unreadable=ModelError, unfit=UnsafeFileError)
    budget, beside = Budget(str(path)), ExternalFiles(path)
    model = parse(memoryview(content), budget)
    described = model.message(7)
    if described is None:
        raise budget.damaged("there is no graph in it" if content else "it is empty")
    versions = {entry.text(1): entry.integer(2, 1) for entry in model.messages(8)}
    version = next((versions[domain] for domain in _OWN_DOMAINS if domain in versions), 1)
    nodes = described.content(1)
    if len(nodes) > MAX_NODES:
        raise UnsafeFileError(f"{path} has {len(nodes):,} operators, above {MAX_NODES:,}; not used. Save a smaller one")
    if described.content(15):
        raise ModelError(f"{path} has sparse weights, which are not supported; save the network with dense ones")
    constants = _initializers(described, beside, budget)
    graph_nodes = []
    for node in _nodes(described, version, beside, budget):
        if (value := _folded(node, constants)) is None:
            graph_nodes.append(node)
        elif node.outputs[0] in constants:
            raise ModelError(f"{path} makes {printable(node.outputs[0])!r} twice; save the network again")
        else:
            constants[node.outputs[0]] = value
    inputs = tuple(port for port in map(_port, described.messages(11)) if port.name not in constants)
    return Graph(
        path=path,
        inputs=inputs,
        outputs=tuple(map(_port, described.messages(12))),
        nodes=tuple(graph_nodes),
        constants=constants,
        sha256=beside.sha256(content),
        made_by=printable(f"{model.text(2)} {model.text(3)}".strip()),
    )


def _initializers(described: Message, beside: ExternalFiles, budget: Budget) -> dict[str, Tensor]:
    constants: dict[str, Tensor] = {}
    for message in described.messages(5):
        if (name := message.text(8)) in constants:
            raise ModelError(f"{budget.where} makes {printable(name)!r} twice; save the network again")
        constants[name] = tensor(message, beside, budget)
    return constants


def _nodes(described: Message, version: int, beside: ExternalFiles, budget: Budget) -> Iterator[Node]:
    for message in described.messages(1):
        domain, operator = message.text(7), message.text(4)
        settings = dict(_attribute(attribute, beside, budget) for attribute in message.messages(5))
        yield Node(
            operator if domain in _OWN_DOMAINS else f"{domain}.{operator}",
            tuple(Ref(name) if name else None for name in message.texts(1)),
            settings,
            tuple(message.texts(2)) or ("",),
            version,
        )


def _attribute(message: Message, beside: ExternalFiles, budget: Budget) -> tuple[str, Any]:
    """The name and the value of an attribute; graphs inside graphs are left out, for they need control flow."""
    kind = message.integer(20)
    value: Any = None
    if kind == _FLOAT:
        value = next(iter(message.floats(2)), 0.0)
    elif kind == _INT:
        value = message.integer(3)
    elif kind == _STRING:
        value = message.text(4)
    elif kind == _TENSOR and (inner := message.message(5)) is not None:
        value = tensor(inner, beside, budget)
    elif kind == _FLOATS:
        value = message.floats(7)
    elif kind == _INTS:
        value = message.ints(8)
    elif kind == _STRINGS:
        value = message.texts(9)
    return message.text(1), value


def _folded(node: Node, constants: dict[str, Tensor]) -> Tensor | None:
    """The value of a node that is constant: a Constant, or the Identity of one; None for others."""
    if node.operator == "Identity" and node.arguments and isinstance(node.arguments[0], Ref):
        return constants.get(node.arguments[0].name)
    if node.operator != "Constant":
        return None
    value = next((node.settings[name] for name in _CONSTANTS if node.settings.get(name) is not None), None)
    return value if isinstance(value, Tensor) or value is None else torch.as_tensor(value)


def _port(message: Message) -> Port:
    """An input or output (ValueInfoProto), with its declared type and shape."""
    port, described = Port(message.text(1)), message.message(2)
    of_tensor = None if described is None else described.message(1)
    if of_tensor is None:
        return port
    shape = of_tensor.message(2)
    sizes: Shape | None = None if shape is None else tuple(map(_size, shape.messages(1)))
    return replace(port, shape=sizes, is_integer=of_tensor.integer(1) in INTEGERS)


def _size(message: Message) -> int | str | None:
    if message.fields.get(1):
        return message.integer(1)
    return message.text(2) or None
