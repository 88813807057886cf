"""Makes a graph of the JSON of a torch.export program; see torch/_export/serde/schema.py for its form.

Sizes that are not fixed are texts of expressions there. They are compared as texts, and never evaluated.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from typing import Any

import torch
from pydantic import Field, ValidationError
from torch import Tensor

from rltools.errors import ModelError, UnsafeFileError
from rltools.policies.graphs.graph import MAX_NODES, Graph, Node, Port, Ref
from rltools.policies.pt2._archive import DTYPES, Archive, Strict, fault
from rltools.policies.untrusted.messages import printable

PREFIX = "torch.ops.aten."
_SCHEMA = 8
_MEMORY_FORMATS = {1: torch.contiguous_format, 2: torch.channels_last, 4: torch.preserve_format}
_PLAIN = ("as_int", "as_ints", "as_float", "as_floats", "as_string", "as_bool", "as_bools", "as_int_lists")
_INTEGERS = frozenset({1, 2, 3, 4, 5, 12})
_FLOATS = {"Infinity": float("inf"), "-Infinity": float("-inf"), "NaN": float("nan")}


class _Named(Strict):
    name: str
    arg: dict[str, Any]


class _Node(Strict):
    target: str
    inputs: list[_Named]
    outputs: list[dict[str, Any]]


class _Meta(Strict):
    dtype: int
    sizes: list[dict[str, Any]]


class _Graph(Strict):
    inputs: list[dict[str, Any]]
    outputs: list[dict[str, Any]]
    nodes: list[_Node]
    tensor_values: dict[str, _Meta]


class _Signature(Strict):
    input_specs: list[dict[str, Any]]
    output_specs: list[dict[str, Any]]


class _Module(Strict):
    graph: _Graph
    signature: _Signature


class _Version(Strict):
    major: int


class _Program(Strict):
    graph_module: _Module
    schema_version: _Version
    torch_version: str = Field(default="", max_length=100)


def graph_of(archive: Archive) -> Graph:
    """The graph of a program, with its weights.

    Raises:
        ModelError: not as torch.export writes it, or with inputs and values that are not supported.
        UnsafeFileError: far more operators than networks have.
    """
    where = str(archive.path)
    try:
        program = _Program.model_validate(archive.program)
    except (ValidationError, RecursionError) as error:
        reason = fault(error) if isinstance(error, ValidationError) else "too deep nesting"
        raise ModelError(f"{where}: its program has {reason}; save the program again") from error
    if program.schema_version.major != _SCHEMA:
        raise ModelError(
            f"{where} has version {program.schema_version.major} of the format, and version {_SCHEMA} is read; save "
            f"the program again with PyTorch 2.6 or newer"
        )
    described, signature = program.graph_module.graph, program.graph_module.signature
    if len(described.nodes) > MAX_NODES:
        raise UnsafeFileError(
            f"{where} has {len(described.nodes):,} operators, above {MAX_NODES:,}; not used. Save a smaller one"
        )
    try:
        constants, inputs = _inputs(signature, archive)
        outputs = [_name(_only(spec)[1]["arg"]) for spec in signature.output_specs if "user_output" in spec]
        changed = [printable(_only(spec)[0]) for spec in signature.output_specs if "user_output" not in spec]
        if changed:
            raise ModelError(f"{where} changes its own weights or inputs ({changed[0]}); save the network in eval mode")
        nodes = tuple(_node(node, where) for node in described.nodes)
        ports = {name: _port(name, described.tensor_values.get(name)) for name in (*inputs, *outputs)}
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise ModelError(
            f"{where}: its program is not as torch.export writes it ({type(error).__name__}: {printable(error)}); save "
            f"the program again"
        ) from error
    return Graph(
        path=archive.path,
        inputs=tuple(ports[name] for name in inputs),
        outputs=tuple(ports[name] for name in outputs),
        nodes=nodes,
        constants=constants,
        sha256=hashlib.sha256(archive.content).hexdigest(),
        made_by=printable(f"PyTorch {program.torch_version}"),
    )


def _inputs(signature: _Signature, archive: Archive) -> tuple[dict[str, Tensor], list[str]]:
    """The weights by the names of their values, and the names of the inputs."""
    constants: dict[str, Tensor] = {}
    inputs: list[str] = []
    stores = {
        "parameter": ("parameter_name", [archive.weights]),
        "buffer": ("buffer_name", [archive.weights, archive.constants]),
        "tensor_constant": ("tensor_constant_name", [archive.constants]),
    }
    for spec in signature.input_specs:
        kind, content = _only(spec)
        if kind == "user_input":
            inputs.append(_name(content["arg"]))
        elif kind in stores:
            key, places = stores[kind]
            weight = next((place[content[key]] for place in places if content[key] in place), None)
            if weight is None:
                raise KeyError(f"no weight {content[key]!r}")
            constants[_text(content["arg"]["name"])] = weight
        elif kind != "constant_input":
            raise ValueError(f"an input of the kind {kind}")
    return constants, inputs


def _node(node: _Node, where: str) -> Node:
    settings = {part.name: value for part in node.inputs if (value := _argument(part.arg)) is not _ABSENT}
    outputs = [name for output in node.outputs for name in _names(output)]
    target = node.target.removeprefix(PREFIX)
    return Node(printable(target), (), settings, tuple(outputs) or ("",))


_ABSENT = object()


def _argument(content: dict[str, Any]) -> Any:
    """An argument of an operator: a name, a list of names, or a plain value."""
    kind, value = _only(content)
    if kind in _PLAIN:
        return _checked(value)
    if kind in _NAMED:
        return _argument(value) if isinstance(value, dict) and "name" not in value else _ref(value)
    if kind in _LISTS:
        return [_ref(part) if "name" in part else _argument(part) for part in value]
    make = _OTHERS.get(kind)
    if make is None:
        raise ValueError(f"an argument of the kind {kind}")
    return make(value)


_NAMED = ("as_tensor", "as_name", "as_optional_tensor", "as_sym_int", "as_sym_bool", "as_sym_float")
_LISTS = ("as_tensors", "as_optional_tensors", "as_sym_ints", "as_sym_floats")
_OTHERS: dict[str, Callable[[Any], Any]] = {
    "as_none": lambda value: None,
    "as_scalar_type": lambda value: DTYPES[value],
    "as_memory_format": lambda value: _MEMORY_FORMATS[value],
    "as_device": lambda value: _ABSENT,  # it is the network's
    "as_layout": lambda value: _ABSENT,  # it is dense
}


def _ref(value: Any) -> Ref:
    return Ref(_text(value["name"] if isinstance(value, dict) else value))


def _checked(value: Any) -> Any:
    """A plain value, or a list of such."""
    if isinstance(value, list):
        return [_checked(part) for part in value]
    if isinstance(value, str) and value in _FLOATS:
        return _FLOATS[value]
    if not isinstance(value, int | float | str | bool):
        raise TypeError(f"{value!r} where a plain value belongs")
    return value


def _names(output: dict[str, Any]) -> list[str]:
    """The names of what an operator makes."""
    kind, value = _only(output)
    if kind == "as_tensors":
        return [_text(part["name"]) for part in value]
    if kind == "as_none":
        return [""]
    if kind in ("as_sym_int", "as_sym_bool", "as_sym_float"):
        return [_text(value["as_name"])]
    return [_name(output)]


def _name(content: dict[str, Any]) -> str:
    kind, value = _only(content)
    if kind != "as_tensor":
        raise ValueError(f"a value of the kind {kind} where a tensor belongs")
    return _text(value["name"])


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} where a name belongs")
    return value


def _only(content: dict[str, Any]) -> tuple[str, Any]:
    """The key and the content of a union, which has a single key."""
    ((kind, value),) = content.items()
    return kind, value


def _port(name: str, meta: _Meta | None) -> Port:
    if meta is None:
        return Port(name)
    sizes = tuple(size["as_int"] if "as_int" in size else _symbol(size["as_expr"]["expr_str"]) for size in meta.sizes)
    return Port(name, sizes, is_integer=meta.dtype in _INTEGERS)


def _symbol(expression: str) -> str:
    """The name of a size that is not fixed; any other expression as it is written."""
    symbol = re.match(r"Symbol\('(\w{1,50})'", expression)
    return symbol[1] if symbol else expression[:200]
