"""The operators of ONNX, and the layers of PyTorch that chains of them amount to."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import Tensor, nn

from rltools.policies.graphs.chain import convolution, layer_norm, linear
from rltools.policies.graphs.graph import Dialect, Graph, Node, Part, Ref
from rltools.policies.onnx import _elementwise, _layers, _shapes
from rltools.policies.vjp._layers import DivideLayer, PermuteLayer

_OPERATORS = {**_elementwise.OPERATORS, **_shapes.OPERATORS, **_layers.OPERATORS}
_NO_CHOICE = "give the scores that actions are chosen by as head, as in head='logit:NAME', with the name of their value"
_ADVICE = dict.fromkeys(("ArgMax", "TopK", "Hardmax"), _NO_CHOICE) | dict.fromkeys(
    ("Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Bernoulli"),
    "it draws random actions: give the value before that as head, as in head='mean:NAME', with its name",
)

_LAYERS: dict[str, Callable[[Mapping[str, Any]], nn.Module | None]] = {
    "Dropout": lambda settings: None,
    "Elu": lambda settings: nn.ELU(settings.get("alpha", 1.0)),
    "Flatten": lambda settings: nn.Flatten(),
    "Gelu": lambda settings: nn.GELU(settings.get("approximate") or "none"),
    "HardSwish": lambda settings: nn.Hardswish(),
    "Identity": lambda settings: None,
    "LeakyRelu": lambda settings: nn.LeakyReLU(settings.get("alpha", 0.01)),
    "Mish": lambda settings: nn.Mish(),
    "Relu": lambda settings: nn.ReLU(),
    "Reshape": lambda settings: nn.Flatten(),
    "Selu": lambda settings: nn.SELU(),
    "Sigmoid": lambda settings: nn.Sigmoid(),
    "Softplus": lambda settings: nn.Softplus(),
    "Softsign": lambda settings: nn.Softsign(),
    "Tanh": lambda settings: nn.Tanh(),
}


def _compute(node: Node, arguments: Sequence[Any], settings: Mapping[str, Any], like: Tensor) -> Any:
    return _OPERATORS[node.operator](node, like, *arguments)


def _part(graph: Graph, name: str) -> Part | None:
    """The layer that makes a value, and its input; see `rltools.policies.graphs.chain`.

    It may be wrong about shapes, for instance of a Reshape: whether a chain computes what the graph does is checked.
    """
    node = graph.producers.get(name)
    if node is None or not node.arguments:
        return None
    names = [value.name if isinstance(value, Ref) else "" for value in node.arguments]
    if node.operator in _LAYERS:
        return Part(_LAYERS[node.operator](node.settings), names[0])
    make = _PARTS.get(node.operator)
    return None if make is None else make(graph, node, names, [graph.constants.get(name) for name in names])


Names = list[str]
Constants = list[Tensor | None]


def _product(graph: Graph, node: Node, names: Names, constants: Constants) -> Part | None:
    settings = node.settings
    plain = settings.get("alpha", 1.0) == settings.get("beta", 1.0) == 1.0 and not settings.get("transA")
    weight, bias = _weight_and_bias(names, constants)
    if weight is None or weight.ndim != 2 or not plain or (bias is not None and bias.ndim != 1):
        return None
    return Part(linear(weight if settings.get("transB") else weight.t(), bias), names[0])


def _weight_and_bias(names: Names, constants: Constants) -> tuple[Tensor | None, Tensor | None]:
    """The weight and the bias of a layer; no weight if one of them is not constant."""
    weight, bias = constants[1], constants[2] if len(names) > 2 else None
    return (None if len(names) > 2 and names[2] and bias is None else weight), bias


def _convolution(graph: Graph, node: Node, names: Names, constants: Constants) -> Part | None:
    settings = node.settings
    weight, bias = _weight_and_bias(names, constants)
    pads = settings.get("pads") or [0] * 4
    automatic = settings.get("auto_pad") or "NOTSET"
    if weight is None or weight.ndim != 4 or pads[:2] != pads[2:] or automatic not in ("NOTSET", "VALID"):
        return None
    names_of = {"strides": "stride", "dilations": "dilation"}
    own = {new: tuple(settings[old]) for old, new in names_of.items() if settings.get(old)}
    layer = convolution(weight, bias, padding=tuple(pads[:2]), groups=settings.get("group", 1), **own)
    return Part(layer, names[0])


def _normalization(graph: Graph, node: Node, names: Names, constants: Constants) -> Part | None:
    weight, bias = _weight_and_bias(names, constants)
    if weight is None or weight.ndim != 1 or node.settings.get("axis", -1) != -1:
        return None
    return Part(layer_norm(weight, bias, node.settings.get("epsilon", 1e-5)), names[0])


def _transposition(graph: Graph, node: Node, names: Names, constants: Constants) -> Part | None:
    order = tuple(node.settings.get("perm") or ())
    return Part(PermuteLayer(order), names[0]) if order[:1] == (0,) else None


def _division(graph: Graph, node: Node, names: Names, constants: Constants) -> Part | None:
    by = constants[1]
    return Part(DivideLayer(float(by)), names[0]) if by is not None and by.numel() == 1 else None


def _bias(graph: Graph, node: Node, names: Names, constants: Constants) -> Part | None:
    """The linear layer of a product and the bias added to it."""
    for source, bias in zip(names, reversed(constants), strict=True):
        product = graph.producers.get(source)
        if bias is not None and bias.ndim == 1 and product is not None and product.operator == "MatMul":
            x, weight = (value.name for value in product.arguments)
            if weight in graph.constants and graph.constants[weight].ndim == 2:
                return Part(linear(graph.constants[weight].t(), bias), x)
    return None


def _gated(graph: Graph, node: Node, names: Names, constants: Constants) -> Part | None:
    """The SiLU of x * sigmoid(x)."""
    for source, other in (names, names[::-1]):
        gate = graph.producers.get(other)
        if gate is not None and gate.operator == "Sigmoid" and gate.arguments == (Ref(source),):
            return Part(nn.SiLU(), source)
    return None


_PARTS: dict[str, Callable[[Graph, Node, Names, Constants], Part | None]] = {
    "Add": _bias,
    "Conv": _convolution,
    "Div": _division,
    "Gemm": _product,
    "LayerNormalization": _normalization,
    "MatMul": _product,
    "Mul": _gated,
    "Transpose": _transposition,
}

DIALECT = Dialect("ONNX", frozenset(_OPERATORS), _compute, _part, _ADVICE)
