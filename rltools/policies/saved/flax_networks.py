"""Builds torch's own modules from the parameters of networks of flax.

flax numbers the modules of a network by class, in the order in which they are called: `Dense_0`, `LayerNorm_0`,
`Dense_1`. A kernel is `[in, out]`, that of a convolution `[y, x, in, out]`, and images have their channels last.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor, nn

from rltools._util.text import one_line
from rltools.errors import ModelError, argument
from rltools.policies.saved.networks import activation_module

LAYER_NORM_EPSILON, BATCH_NORM_EPSILON = 1e-6, 1e-3
"""flax's default, and that of SBX's BatchRenorm, whose statistics are fixed once it has been trained."""
NATURE_STRIDES = (4, 2, 1)
M = TypeVar("M", bound=nn.Module)
_NAME = re.compile(r"(?P<kind>[A-Za-z]+)_(?P<number>\d{1,4})\.(?P<rest>[\w.]+)")


@dataclass(frozen=True)
class FlaxParameters:
    """The parameters of a flax module.

    Attributes:
        where: the file and the module, for errors.
        tensors: by name, such as `Dense_0.kernel`.
        statistics: of its batch normalizations, such as `BatchRenorm_0.mean`.
    """

    where: str
    tensors: Mapping[str, Tensor]
    statistics: Mapping[str, Tensor]

    def numbered(self, kind: str) -> list[FlaxParameters]:
        """Its submodules of a class, in order.

        Raises:
            ModelError: one of them is missing.
        """
        matches = [match for name in self.tensors if (match := _NAME.fullmatch(name)) and match["kind"] == kind]
        numbers = sorted({int(match["number"]) for match in matches})
        if numbers != list(range(len(numbers))):
            raise ModelError(f"{self.where} has {kind}_{numbers[-1]} and not all before it; save the model again")
        return [self.under(f"{kind}_{number}") for number in numbers]

    def under(self, name: str) -> FlaxParameters:
        """One submodule."""
        start = f"{name}."
        tensors, statistics = (
            {key.removeprefix(start): value for key, value in part.items() if key.startswith(start)}
            for part in (self.tensors, self.statistics)
        )
        return FlaxParameters(f"{self.where}.{name}", tensors, statistics)

    def of_member(self, index: int) -> FlaxParameters:
        """One of several networks whose parameters are stacked along the first axis, as `nn.vmap` has them."""
        tensors, statistics = (
            {key: value[index] for key, value in part.items()} for part in (self.tensors, self.statistics)
        )
        return FlaxParameters(f"{self.where}[{index}]", tensors, statistics)

    def kinds(self) -> set[str]:
        """The classes of its submodules."""
        return {match["kind"] for name in self.tensors if (match := _NAME.fullmatch(name))}


@dataclass(frozen=True)
class FlaxNetwork:
    """Layers, and one or several linear layers that take their output.

    Attributes:
        body: from `[batch, feature]`, or from an image with channels first.
        heads: in order.
    """

    body: nn.Sequential
    heads: Sequence[nn.Linear]


def flax_network(
    parameters: FlaxParameters,
    activation: str,
    *,
    heads: int = 1,
    image_shape: Sequence[int] | None = None,
    strides: Sequence[int] | None = None,
) -> FlaxNetwork:
    """A network of Dense layers, with layer or batch normalization, residual blocks, or convolutions before it.

    Args:
        parameters: of the network; all of its layers are used.
        activation: see `activation_module`.
        heads: how many of the last Dense layers take the output of the others.
        image_shape: `[channel, y, x]` of what goes into convolutions.
        strides: of convolutions; None for those of DQN's first network.

    Raises:
        ModelError: other layers, or layers that do not fit together.

    Example:
        >>> import torch
        >>> from rltools.policies.saved.flax_networks import FlaxParameters, flax_network
        >>> tensors = {"Dense_0.kernel": torch.zeros(4, 8), "Dense_0.bias": torch.zeros(8)}
        >>> tensors |= {"Dense_1.kernel": torch.zeros(8, 2), "Dense_1.bias": torch.zeros(2)}
        >>> network = flax_network(FlaxParameters("a file", tensors, {}), "tanh")
        >>> network.body, network.heads
        (Sequential(
          (0): Linear(in_features=4, out_features=8, bias=True)
          (1): Tanh()
        ), [Linear(in_features=8, out_features=2, bias=True)])
    """
    rebuildable = {"Dense", "LayerNorm", "BatchRenorm", "SimbaResidualBlock", "NatureCNN", "Conv"}
    if unknown := sorted(parameters.kinds() - rebuildable) or [
        key for key in parameters.tensors if not _NAME.fullmatch(key)
    ]:
        raise ModelError(
            f"{parameters.where} has {', '.join(unknown[:4])[:200]!a}, which is not a layer that can be rebuilt; give "
            f"rltools.TorchPolicy around a network of your own with these weights"
        )
    rows, modules, convolutions = parameters.numbered("Dense"), list[nn.Module](), parameters.numbered("Conv")
    for each in parameters.numbered("NatureCNN"):
        modules += _images(each.numbered("Conv"), each.numbered("Dense"), activation, image_shape, strides)
    if convolutions:
        modules, rows = _images(convolutions, rows[:1], activation, image_shape, strides), rows[1:]
    dense = [_dense(each) for each in rows]
    if len(dense) < heads:
        raise ModelError(f"{parameters.where} has {len(dense)} Dense layers and {heads} outputs; save the model again")
    hidden, last = dense[: len(dense) - heads], dense[len(dense) - heads :]
    blocks = parameters.numbered("SimbaResidualBlock")
    if blocks:
        modules += _residual(parameters, hidden, [_Residual(each, activation) for each in blocks])
    else:
        modules += _in_a_row(parameters, hidden, activation)
    network = FlaxNetwork(nn.Sequential(*modules).eval(), last)
    _check_fit(network, parameters.where)
    return network


def _in_a_row(parameters: FlaxParameters, hidden: Sequence[nn.Linear], activation: str) -> list[nn.Module]:
    """Dense layers, each with a layer norm and the activation after it; batch norms are before them and after each."""
    norms = [_layer_norm(each) for each in parameters.numbered("LayerNorm")]
    batch_norms = [_batch_norm(each) for each in parameters.numbered("BatchRenorm")]
    if len(batch_norms) == 1 and hidden:  # SBX makes one that it does not use
        batch_norms = []
    if len(norms) not in (0, len(hidden)) or len(batch_norms) not in (0, len(hidden) + 1):
        raise ModelError(
            f"{parameters.where} has {len(hidden)} hidden layers with {len(norms)} layer norms and {len(batch_norms)} "
            f"batch norms; save the model again"
        )
    modules: list[nn.Module] = [*batch_norms[:1]]
    for index, layer in enumerate(hidden):
        modules += [layer, *norms[index : index + 1], activation_module(activation)]
        modules += batch_norms[index + 1 : index + 2]
    return modules


def _residual(parameters: FlaxParameters, hidden: Sequence[nn.Linear], blocks: Sequence[nn.Module]) -> list[nn.Module]:
    """SimBa: a Dense layer, residual blocks and a normalization; with batch norms also one before everything."""
    norms = [_layer_norm(each) for each in parameters.numbered("LayerNorm")]
    batch_norms = [_batch_norm(each) for each in parameters.numbered("BatchRenorm")]
    if len(hidden) != 1 or (len(norms), len(batch_norms)) not in ((1, 0), (0, 2)):
        raise ModelError(
            f"{parameters.where} has residual blocks with {len(hidden)} Dense layers, {len(norms)} layer norms and "
            f"{len(batch_norms)} batch norms around them; save the model again"
        )
    return [*batch_norms[:1], *hidden, *blocks, *norms, *batch_norms[1:]]


class _Residual(nn.Module):
    """`x + Dense(activation(Dense(norm(x))))`."""

    def __init__(self, parameters: FlaxParameters, activation: str) -> None:
        super().__init__()
        norms: list[nn.Module] = [_layer_norm(each) for each in parameters.numbered("LayerNorm")]
        norms += [_batch_norm(each) for each in parameters.numbered("BatchRenorm")]
        dense = [_dense(each) for each in parameters.numbered("Dense")]
        if (len(norms), len(dense)) != (1, 2) or dense[0].in_features != dense[1].out_features:
            raise ModelError(f"{parameters.where} is no residual block of a norm and two Dense layers; save it again")
        self.inner = nn.Sequential(norms[0], dense[0], activation_module(activation), dense[1])

    def forward(self, x: Tensor) -> Tensor:
        """`[batch, feature]` -> the same shape."""
        y: Tensor = x + self.inner(x)
        return y


def _images(
    convolutions: Sequence[FlaxParameters],
    dense: Sequence[FlaxParameters],
    activation: str,
    shape: Sequence[int] | None,
    strides: Sequence[int] | None,
) -> list[nn.Module]:
    """Convolutions without padding, and the Dense layer after them, with the activation after each."""
    steps = NATURE_STRIDES if strides is None else tuple(strides)
    if shape is None or not convolutions or len(convolutions) != len(steps) or len(dense) != 1:
        where = convolutions[0].where if convolutions else "a network of images"
        raise ModelError(
            f"{where} is one of {len(convolutions)} convolutions before {len(dense)} Dense layers, with strides "
            f"{steps} for observations of shape {list(shape or ())}; give as many {argument('strides')} as there are "
            f"convolutions, and the environment of its training"
        )
    modules: list[nn.Module] = []
    for each, stride in zip(convolutions, steps, strict=True):
        kernel = _tensor(each, "kernel", 4).permute(3, 2, 0, 1)
        layer = nn.Conv2d(kernel.shape[1], kernel.shape[0], (kernel.shape[2], kernel.shape[3]), stride)
        modules += [_load(layer, each, weight=kernel, bias=_tensor(each, "bias", 1)), activation_module(activation)]
    try:
        with torch.no_grad():
            _, channels, height, width = nn.Sequential(*modules)(torch.zeros(1, *shape)).shape
        kernel = _tensor(dense[0], "kernel", 2)
        rows = kernel.reshape(height, width, channels, -1).permute(2, 0, 1, 3)  # flattened with channels first
    except RuntimeError as error:
        raise ModelError(
            f"{convolutions[0].where} and what follows do not take images of shape {list(shape)}: "
            f"{str(error).splitlines()[0][:200]}; give other {argument('strides')}, or the environment of its training"
        ) from error
    flat = FlaxParameters(dense[0].where, {**dense[0].tensors, "kernel": rows.reshape(kernel.shape)}, {})
    return [*modules, nn.Flatten(), _dense(flat), activation_module(activation)]


def _dense(parameters: FlaxParameters) -> nn.Linear:
    kernel = _tensor(parameters, "kernel", 2)
    layer = nn.Linear(kernel.shape[0], kernel.shape[1], bias="bias" in parameters.tensors)
    bias = {"bias": _tensor(parameters, "bias", 1)} if "bias" in parameters.tensors else {}
    return _load(layer, parameters, weight=kernel.T, **bias)


def _layer_norm(parameters: FlaxParameters) -> nn.LayerNorm:
    scale = _tensor(parameters, "scale", 1)
    layer = nn.LayerNorm(len(scale), LAYER_NORM_EPSILON)
    return _load(layer, parameters, weight=scale, bias=_tensor(parameters, "bias", 1))


def _batch_norm(parameters: FlaxParameters) -> nn.BatchNorm1d:
    scale = _tensor(parameters, "scale", 1)
    layer = nn.BatchNorm1d(len(scale), BATCH_NORM_EPSILON)
    mean, var = (parameters.statistics.get(name) for name in ("mean", "var"))
    if mean is None or var is None:
        raise ModelError(f"{parameters.where} has no statistics; save the model again")
    return _load(
        layer,
        parameters,
        weight=scale,
        bias=_tensor(parameters, "bias", 1),
        running_mean=mean,
        running_var=var,
        num_batches_tracked=torch.tensor(0),
    )


def _tensor(parameters: FlaxParameters, name: str, ndim: int) -> Tensor:
    tensor = parameters.tensors.get(name)
    if tensor is None or tensor.ndim != ndim or not tensor.numel():
        shape = "missing" if tensor is None else f"of shape {list(tensor.shape)}"
        raise ModelError(f"{parameters.where}.{name} is {shape}, and must have {ndim} axes; save the model again")
    return tensor


def _load(module: M, parameters: FlaxParameters, **tensors: Tensor) -> M:
    """A module with a copy of its weights, frozen."""
    for name, tensor in tensors.items():
        if not bool(torch.isfinite(tensor).all()):
            raise ModelError(
                f"{parameters.where}: its {name} holds NaN or infinity: its training diverged, or the file is damaged; "
                f"give an earlier checkpoint"
            )
    try:
        module.load_state_dict(tensors, strict=True)
    except RuntimeError as error:
        reason = one_line(error)[:300]
        raise ModelError(
            f"{parameters.where} does not have the weights of one layer: {reason}; save it again"
        ) from error
    return module.eval().requires_grad_(False)


def _check_fit(network: FlaxNetwork, where: str) -> None:
    """Check that each layer takes what the one before returns."""
    sizes = [each for each in network.body.modules() if isinstance(each, nn.Linear | nn.BatchNorm1d | nn.LayerNorm)]
    size: int | None = None
    for module in sizes:
        taken = module.in_features if isinstance(module, nn.Linear) else module.weight.shape[0]
        if size is not None and taken != size:
            raise ModelError(f"{where}: a layer takes {taken} numbers and the one before returns {size}; save it again")
        size = module.out_features if isinstance(module, nn.Linear) else taken
    for head in network.heads:
        if size is not None and head.in_features != size:
            raise ModelError(f"{where}: its outputs take {head.in_features} numbers of {size}; save the model again")
