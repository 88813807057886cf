"""The operators of torch.export programs that are computed, by torch's own functions of these names, and no others."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from rltools.policies.graphs.chain import convolution, layer_norm, linear
from rltools.policies.graphs.graph import Dialect, Graph, Node, Part, Ref
from rltools.policies.graphs.guards import check_channels, check_division, check_recurrent
from rltools.policies.vjp._layers import DivideLayer, PermuteLayer

_ELEMENTWISE = """
    abs.default add.Tensor add.Scalar addcdiv.default addcmul.default bitwise_and.Tensor bitwise_not.default
    bitwise_or.Tensor celu.default clamp.default clamp.Tensor clamp_max.default clamp_max.Tensor clamp_min.default
    clamp_min.Tensor cos.default div.Tensor div.Scalar div.Tensor_mode elu.default eq.Scalar eq.Tensor erf.default
    exp.default expm1.default floor.default ge.Scalar ge.Tensor gelu.default gt.Scalar gt.Tensor hardsigmoid.default
    hardswish.default hardtanh.default le.Scalar le.Tensor leaky_relu.default log.default log1p.default
    log_sigmoid.default logical_and.default logical_not.default logical_or.default lt.Scalar lt.Tensor maximum.default
    minimum.default mish.default mul.Tensor mul.Scalar ne.Scalar ne.Tensor neg.default pow.Tensor_Scalar
    pow.Tensor_Tensor prelu.default reciprocal.default relu.default relu6.default round.default rsqrt.default
    rsub.Scalar selu.default sigmoid.default sign.default silu.default sin.default softplus.default
    sqrt.default square.default sub.Tensor sub.Scalar tanh.default true_divide.Tensor where.self where.ScalarSelf
    where.ScalarOther
"""
_REDUCTIONS = """
    _log_softmax.default _softmax.default amax.default amin.default linalg_vector_norm.default log_softmax.int
    logsumexp.default max.dim mean.default mean.dim min.dim norm.ScalarOpt_dim prod.dim_int softmax.int std.correction
    sum.default sum.dim_IntList var.correction
"""
_SHAPES = """
    cat.default chunk.default concat.default expand.default flatten.using_ints gather.default index_select.default
    movedim.int narrow.default permute.default repeat.default reshape.default select.int slice.Tensor split.Tensor
    split_with_sizes.default squeeze.default squeeze.dim squeeze.dims stack.default t.default transpose.int
    unbind.int unflatten.int unsqueeze.default constant_pad_nd.default pad.default
"""
_LAYERS = """
    _adaptive_avg_pool2d.default adaptive_avg_pool1d.default adaptive_avg_pool2d.default addmm.default
    avg_pool1d.default avg_pool2d.default baddbmm.default batch_norm.default bmm.default
    _native_batch_norm_legit_no_training.default
    conv1d.default conv1d.padding conv2d.default conv2d.padding conv3d.default convolution.default group_norm.default
    gru.input layer_norm.default linear.default lstm.input matmul.default max_pool1d.default max_pool2d.default
    max_pool2d_with_indices.default mm.default mv.default native_group_norm.default native_layer_norm.default
    rnn_relu.input rnn_tanh.input rms_norm.default
"""
_MADE = """
    arange.default arange.start full.default full_like.default new_full.default new_ones.default new_zeros.default
    ones.default ones_like.default scalar_tensor.default zeros.default zeros_like.default
"""
_COPIES = """
    _to_copy.default alias.default clone.default contiguous.default detach.default lift_fresh_copy.default to.dtype
    to.dtype_layout to.device type_as.default
"""
_DROPOUTS = "alpha_dropout.default dropout.default feature_dropout.default"
_CHECKS = """
    _assert_async.msg _assert_scalar.default _assert_tensor_metadata.default sym_constrain_range.default
    sym_constrain_range_for_size.default
"""
_CALLED = frozenset(" ".join((_ELEMENTWISE, _REDUCTIONS, _SHAPES, _LAYERS, _MADE)).split())
_MAKING = frozenset(_MADE.split())
_IN_TRAINING = {"training": "batch normalization", "train": "a dropout or recurrent layer"}
_IN_PLACE = ("relu_", "elu_", "tanh_", "sigmoid_", "leaky_relu_", "hardtanh_", "silu_", "copy_", "dropout_", "mish_")
_ADVICE = (
    dict.fromkeys(
        (f"{name}.default" for name in _IN_PLACE),
        "save program.run_decompositions({}) in place of the program, which then changes nothing in place",
    )
    | dict.fromkeys(
        ("argmax.default", "argmin.default", "topk.default", "multinomial.default", "bernoulli.p", "normal_functional"),
        "give the scores that actions are chosen by as head, as in head='logit:NAME', with the name of their value",
    )
    | dict.fromkeys(
        ("randn.default", "rand.default", "rand_like.default", "randn_like.default", "normal.Tensor_Tensor"),
        "it draws random numbers: give the value before that as head, as in head='mean:NAME', with its name",
    )
)


def _compute(node: Node, arguments: Sequence[Any], settings: Mapping[str, Any], like: Tensor) -> Any:
    own = _OWN.get(node.operator)
    if own is not None:
        return own(settings, like)
    if training := next((title for key, title in _IN_TRAINING.items() if settings.get(key)), None):
        raise NotImplementedError(f"{training} in training mode; export the network in eval mode")
    if (check := _GUARDS.get(node.operator)) is not None:
        check(settings)
    packet, _, overload = node.operator.partition(".")
    function = getattr(getattr(torch.ops.aten, packet), overload)
    return function(**settings, device=like.device) if node.operator in _MAKING else function(**settings)


def _of_sizes(function: Callable[[int, int], int]) -> Callable[..., int]:
    """Arithmetic with two sizes."""

    def compute(settings: Mapping[str, Any], like: Tensor) -> int:
        a, b = settings.values()
        if type(a) is not int or type(b) is not int:
            raise TypeError("arithmetic with sizes is for integers")
        return function(a, b)

    return compute


def _viewed(settings: Mapping[str, Any], like: Tensor) -> Any:
    # What was contiguous in the program may be laid out otherwise here, such as an image whose channels came last.
    return settings["self"].reshape(settings["size"])


def _copied(settings: Mapping[str, Any], like: Tensor) -> Any:
    """A tensor in the type that a copy is to have; floats keep the type that the network computes in."""
    x, other = settings["self"], settings.get("other")
    dtype = other.dtype if isinstance(other, Tensor) else settings.get("dtype")
    if dtype is None or (dtype.is_floating_point and x.dtype is like.dtype):
        return x
    return x.to(like.dtype if dtype.is_floating_point else dtype)


def _undropped(settings: Mapping[str, Any], like: Tensor) -> Any:
    """What a dropout makes when it drops nothing."""
    if settings.get("train"):
        raise NotImplementedError("dropout in training mode; export the network in eval mode")
    return settings["input"]


_OWN: dict[str, Callable[[Mapping[str, Any], Tensor], Any]] = {
    "_operator.add": _of_sizes(operator.add),
    "_operator.floordiv": _of_sizes(operator.floordiv),
    "_operator.mul": _of_sizes(operator.mul),
    "_operator.sub": _of_sizes(operator.sub),
    "_unsafe_view.default": _viewed,
    "sym_size.int": lambda settings, like: settings["self"].shape[settings["dim"]],
    "view.default": _viewed,
    **dict.fromkeys(_COPIES.split(), _copied),
    **dict.fromkeys(_DROPOUTS.split(), _undropped),
    **dict.fromkeys(_CHECKS.split(), lambda settings, like: None),
}


def _guard_recurrent(gates: int) -> Callable[[Mapping[str, Any]], None]:
    def check(settings: Mapping[str, Any]) -> None:
        states = settings["hx"] if isinstance(settings["hx"], list) else [settings["hx"]]
        names = {"layers": "num_layers", "has_biases": "has_biases"}
        names |= {name: name for name in ("bidirectional", "batch_first")}
        own = {name: settings[key] for name, key in names.items()}
        check_recurrent(gates, settings["input"], states, settings["params"], **own)

    return check


def _guard_normalization(settings: Mapping[str, Any]) -> None:
    names = ("weight", "bias", "running_mean", "running_var")
    check_channels(settings["input"], [settings.get(name) for name in names])


_GUARDS: dict[str, Callable[[Mapping[str, Any]], None]] = {
    "_native_batch_norm_legit_no_training.default": _guard_normalization,
    "batch_norm.default": _guard_normalization,
    "div.Tensor_mode": lambda settings: check_division(settings["self"], settings["other"]),
    "gru.input": _guard_recurrent(3),
    "lstm.input": _guard_recurrent(4),
    "rnn_relu.input": _guard_recurrent(1),
    "rnn_tanh.input": _guard_recurrent(1),
}

_MODULES: dict[str, Callable[[Mapping[str, Any]], nn.Module | None]] = {
    "alias.default": lambda settings: None,
    "clone.default": lambda settings: None,
    "contiguous.default": lambda settings: None,
    "detach.default": lambda settings: None,
    "dropout.default": lambda settings: None,
    "elu.default": lambda settings: nn.ELU(settings.get("alpha", 1.0)),
    "flatten.using_ints": lambda settings: nn.Flatten(settings.get("start_dim", 0), settings.get("end_dim", -1)),
    "gelu.default": lambda settings: nn.GELU(settings.get("approximate", "none")),
    "hardtanh.default": lambda settings: nn.Hardtanh(settings.get("min_val", -1), settings.get("max_val", 1)),
    "leaky_relu.default": lambda settings: nn.LeakyReLU(settings.get("negative_slope", 0.01)),
    "mish.default": lambda settings: nn.Mish(),
    "relu.default": lambda settings: nn.ReLU(),
    "reshape.default": lambda settings: nn.Flatten(),
    "selu.default": lambda settings: nn.SELU(),
    "sigmoid.default": lambda settings: nn.Sigmoid(),
    "silu.default": lambda settings: nn.SiLU(),
    "softplus.default": lambda settings: nn.Softplus(settings.get("beta", 1), settings.get("threshold", 20)),
    "tanh.default": lambda settings: nn.Tanh(),
    "view.default": lambda settings: nn.Flatten(),
}


def _part(graph: Graph, name: str) -> Part | None:
    """The layer that makes a value, and its input; see `rltools.policies.graphs.chain`.

    It may be wrong about shapes, for instance of a view: whether a chain computes what the graph does is checked.
    """
    node = graph.producers.get(name)
    source = None if node is None else node.settings.get("self", node.settings.get("input"))
    if node is None or len(node.outputs) != 1 or not isinstance(source, Ref):
        return None
    if node.operator in _MODULES and not {"scale", "input_scale"} & set(node.settings):
        return Part(_MODULES[node.operator](node.settings), source.name)
    make = _PARTS.get(node.operator)
    return None if make is None else make(graph, node, source.name)


def _weighted(graph: Graph, node: Node, source: str) -> Part | None:
    """A linear layer, a convolution or a layer normalization whose weights are constant."""
    names = {key: node.settings.get(key) for key in ("weight", "bias")}
    values = {key: graph.constants.get(ref.name) for key, ref in names.items() if isinstance(ref, Ref)}
    weight, bias = values.get("weight"), values.get("bias")
    if weight is None or (bias is None and "bias" in values):
        return None
    if node.operator == "linear.default":
        return Part(linear(weight, bias), source) if weight.ndim == 2 else None
    if node.operator == "layer_norm.default":
        return Part(layer_norm(weight, bias, node.settings.get("eps", 1e-5)), source) if weight.ndim == 1 else None
    if node.settings.get("transposed") or weight.ndim != 4:
        return None
    own = {key: tuple(node.settings[key]) for key in ("stride", "padding", "dilation") if key in node.settings}
    return Part(convolution(weight, bias, groups=node.settings.get("groups", 1), **own), source)


def _addmm(graph: Graph, node: Node, source: str) -> Part | None:
    """The linear layer of a bias and a product with a transposed weight."""
    x, bias = node.settings.get("mat1"), graph.constants.get(source)
    weight = _transposed(graph, node.settings.get("mat2"))
    plain = node.settings.get("alpha", 1) == node.settings.get("beta", 1) == 1
    if bias is None or bias.ndim != 1 or weight is None or not plain or not isinstance(x, Ref):
        return None
    return Part(linear(weight, bias), x.name)


def _division(graph: Graph, node: Node, source: str) -> Part | None:
    by = node.settings.get("other")
    by = graph.constants.get(by.name) if isinstance(by, Ref) else by
    if isinstance(by, Tensor) and by.numel() == 1:
        by = by.item()
    return Part(DivideLayer(float(by)), source) if isinstance(by, int | float) else None


def _permutation(graph: Graph, node: Node, source: str) -> Part | None:
    order = tuple(node.settings["dims"])
    return Part(PermuteLayer(order), source) if order[:1] == (0,) else None


_PARTS: dict[str, Callable[[Graph, Node, str], Part | None]] = {
    "addmm.default": _addmm,
    "conv2d.default": _weighted,
    "convolution.default": _weighted,
    "div.Scalar": _division,
    "div.Tensor": _division,
    "layer_norm.default": _weighted,
    "linear.default": _weighted,
    "permute.default": _permutation,
}


def _transposed(graph: Graph, value: Any) -> Tensor | None:
    """The weight that a value is the transposition of."""
    node = graph.producers.get(value.name) if isinstance(value, Ref) else None
    if node is None or node.operator not in ("t.default", "permute.default", "transpose.int"):
        return None
    inner = node.settings.get("self")
    weight = graph.constants.get(inner.name) if isinstance(inner, Ref) else None
    return weight if weight is not None and weight.ndim == 2 else None


DIALECT = Dialect(
    "torch.export",
    _CALLED | frozenset(_OWN),
    _compute,
    _part,
    _ADVICE,
)
