"""Finds layers in the weights of a network by their keys and shapes, and chains of layers that fit together.

A layer is what torch's modules call their tensors: `weight` and `bias` of a linear layer or a convolution,
`running_mean` of a batch normalization, `weight_ih_l0` of an LSTM or a GRU. Shapes do not say which function stands
between two layers, and nothing here guesses it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from torch import Tensor

LINEAR, CONVOLUTION, LAYER_NORM, BATCH_NORM, LSTM, GRU = (
    "linear",
    "convolution",
    "layer norm",
    "batch norm",
    "LSTM",
    "GRU",
)
NORMS = (LAYER_NORM, BATCH_NORM)
RECURRENT = (LSTM, GRU)
_GATES = {4: LSTM, 3: GRU}
_OF_RECURRENT = re.compile(r"(weight|bias)_(ih|hh|hr)_l\d+(_reverse)?")
_PARAMETERS = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")


@dataclass(frozen=True)
class LayerWeights:
    """The tensors of one layer.

    Attributes:
        key: what their keys share: `actor.0` of `actor.0.weight` and `actor.0.bias`.
        kind: `LINEAR`, `CONVOLUTION`, `LAYER_NORM`, `BATCH_NORM`, `LSTM` or `GRU`.
        inputs: how many features or channels go in.
        outputs: how many come out.
        tensors: by the rest of their keys.
        kernel: the sides of a convolution's kernel; empty for others.
    """

    key: str
    kind: str
    inputs: int
    outputs: int
    tensors: Mapping[str, Tensor]
    kernel: tuple[int, ...] = ()

    def fits(self, previous: LayerWeights) -> bool:
        """Whether it takes what the layer before returns, as far as shapes say."""
        if self.kind == LINEAR and previous.kind == CONVOLUTION:
            return self.inputs % previous.outputs == 0  # the flattened image
        if self.kind == CONVOLUTION and previous.kind not in (CONVOLUTION, BATCH_NORM):
            return False
        return self.inputs == previous.outputs

    @property
    def text(self) -> str:
        """Its text in messages: `convolution 8x8 -> 32`."""
        kernel = f" {'x'.join(map(str, self.kernel))}" if self.kernel else ""
        return f"{self.kind}{kernel} -> {self.outputs}"


@dataclass(frozen=True)
class Chain:
    """Layers of which each takes what the one before returns.

    Attributes:
        prefix: what the keys of the layers share; "" for all of a file.
        layers: in order.
    """

    prefix: str
    layers: tuple[LayerWeights, ...]

    @property
    def inputs(self) -> int:
        """How many features or channels go in."""
        return self.layers[0].inputs

    @property
    def outputs(self) -> int:
        """How many come out."""
        return self.layers[-1].outputs

    @property
    def kinds(self) -> frozenset[str]:
        """The kinds of its layers."""
        return frozenset(layer.kind for layer in self.layers)

    def __str__(self) -> str:
        """Its text in messages: `actor.{0,2}: 4 -> linear -> 64 -> linear -> 2`."""
        names = [layer.key.removeprefix(self.prefix).removeprefix(".") for layer in self.layers]
        listed = f"{{{','.join(names)}}}" if len(names) > 1 else names[0]
        title = ".".join(filter(None, (self.prefix, listed)))
        layers = " -> ".join(layer.text for layer in self.layers)
        return f"{f'{title}: ' if title else ''}{self.inputs} -> {layers}"


def find_layers(tensors: Mapping[str, Tensor]) -> tuple[list[LayerWeights], list[str]]:
    """The layers in some tensors, in the order of their keys, numbers counting as numbers; and the keys of no layer.

    Example:
        >>> import torch
        >>> from rltools.policies.saved.chains import find_layers
        >>> tensors = {"0.weight": torch.zeros(8, 4), "0.bias": torch.zeros(8), "std": torch.ones(2)}
        >>> layers, others = find_layers(tensors)
        >>> [layer.text for layer in layers], others
        (['linear -> 8'], ['std'])
    """
    grouped: dict[str, dict[str, Tensor]] = {}
    for key, tensor in tensors.items():
        parent, _, name = key.rpartition(".")
        if name in _PARAMETERS or _OF_RECURRENT.fullmatch(name):
            grouped.setdefault(parent, {})[name] = tensor
    layers = {key: layer for key, group in grouped.items() if (layer := _layer(key, group)) is not None}
    used = {f"{key}.{name}".lstrip(".") for key, layer in layers.items() for name in layer.tensors}
    return [layers[key] for key in in_order(layers)], [key for key in tensors if key not in used]


def find_chains(tensors: Mapping[str, Tensor]) -> list[Chain]:
    """The longest chains in some tensors: all layers under the shortest prefix under which they fit together.

    Networks side by side whose inputs are equally many, such as an actor and a critic, are chains of their own.

    Example:
        >>> from torch import nn
        >>> from rltools.policies.saved.chains import find_chains
        >>> agent = nn.ModuleDict({
        ...     "actor": nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 2)), "critic": nn.Linear(4, 1)
        ... })
        >>> for chain in find_chains(agent.state_dict()):
        ...     print(chain)
        actor.{0,2}: 4 -> linear -> 8 -> linear -> 2
        critic: 4 -> linear -> 1
    """
    return list(_chains("", find_layers(tensors)[0]))


def in_order(keys: Iterable[str]) -> list[str]:
    """Keys in the order of a file, except that numbers count: `net.2` before `net.10`, whatever the file's order.

    Files of torch have their keys in the order in which modules were made; safetensors sorts them as texts.
    """
    keys = list(keys)
    first: dict[str, int] = {}
    for position, key in enumerate(keys):
        parts = key.split(".")
        for depth in range(1, len(parts) + 1):
            first.setdefault(".".join(parts[:depth]), position)

    def rank(key: str) -> list[tuple[int, int]]:
        parts = key.split(".")
        heads = [".".join(parts[: depth + 1]) for depth in range(len(parts))]
        return [
            (0, int(part)) if part.isdecimal() and len(part) < 10 else (1, first[head])
            for part, head in zip(parts, heads, strict=True)
        ]

    return sorted(keys, key=rank)


def is_chain(layers: Sequence[LayerWeights]) -> bool:
    """Whether each layer takes what the one before returns."""
    return all(layer.fits(previous) for previous, layer in pairwise(layers))


def numbered(key: str) -> int | None:
    """The number that a key ends with; None if it ends with a name."""
    last = key.rpartition(".")[2]
    return int(last) if last.isdecimal() and len(last) < 10 else None


def _layer(key: str, group: Mapping[str, Tensor]) -> LayerWeights | None:
    """The layer that a group of tensors is; None if their shapes are those of no layer."""
    weight = group.get("weight")
    if "weight_ih_l0" in group:
        return _recurrent(key, group)
    if "running_mean" in group and "running_var" in group:
        size = len(group["running_mean"].reshape(-1))
        fits = all(tensor.shape in ((size,), ()) for tensor in group.values())
        return LayerWeights(key, BATCH_NORM, size, size, group) if fits and "num_batches_tracked" in group else None
    if weight is None or not set(group) <= {"weight", "bias"} or not weight.numel():
        return None
    bias = group.get("bias")
    if weight.ndim == 1:
        fits = len(weight) > 1 and (bias is None or bias.shape == weight.shape)
        return LayerWeights(key, LAYER_NORM, len(weight), len(weight), group) if fits else None
    if weight.ndim > 4 or (bias is not None and bias.shape != weight.shape[:1]):
        return None
    outputs, inputs, *kernel = weight.shape
    return LayerWeights(key, CONVOLUTION if kernel else LINEAR, inputs, outputs, group, tuple(kernel))


def _recurrent(key: str, group: Mapping[str, Tensor]) -> LayerWeights | None:
    first, again = group["weight_ih_l0"], group.get("weight_hh_l0")
    if first.ndim != 2 or again is None or again.ndim != 2 or not again.shape[1]:
        return None
    size = again.shape[1]
    gates, rest = divmod(len(again), size)
    kind = _GATES.get(gates)
    # A module is made by these sizes: weights of another shape would let a small file ask for a large one.
    shapes = {"weight_ih": (len(again), size), "weight_hh": again.shape, "bias_ih": again.shape[:1]}
    fits = all(
        name == "weight_ih_l0" or tensor.shape == shapes.get(name.partition("_l")[0].replace("bias_hh", "bias_ih"))
        for name, tensor in group.items()
    )
    return LayerWeights(key, kind, first.shape[1], size, group) if kind is not None and fits and not rest else None


def _chains(prefix: str, layers: Sequence[LayerWeights]) -> Iterator[Chain]:
    if not layers:
        return
    children: dict[str, list[LayerWeights]] = {}
    for layer in layers:
        rest = layer.key.removeprefix(prefix).removeprefix(".")
        children.setdefault(rest.partition(".")[0], []).append(layer)
    if is_chain(layers) and not _are_side_by_side(children):
        yield Chain(_shared(layers) if len(children) == 1 else prefix, tuple(layers))
        return
    if all(len(child) == 1 for child in children.values()):
        run: list[LayerWeights] = []
        for layer in layers:
            if run and not (layer.fits(run[-1]) and not _are_side_by_side({"": run, layer.key: [layer]})):
                yield Chain(prefix if len(run) > 1 else run[0].key, tuple(run))
                run = []
            run.append(layer)
        yield Chain(prefix if len(run) > 1 else run[0].key, tuple(run))
        return
    for name, child in children.items():
        yield from _chains(f"{prefix}.{name}".lstrip("."), child)


def _shared(layers: Sequence[LayerWeights]) -> str:
    """What the keys of some layers share, up to a dot; all of the key of a single one."""
    if len(layers) == 1:
        return layers[0].key
    parts = [layer.key.split(".") for layer in layers]
    count = 0
    while all(len(part) > count + 1 and part[count] == parts[0][count] for part in parts):
        count += 1
    return ".".join(parts[0][:count])


def _are_side_by_side(children: Mapping[str, Sequence[LayerWeights]]) -> bool:
    """Whether named parts look like networks of their own: a later one takes as many inputs as the first.

    The layers of a network that are named one by one, such as `fc1` and `fc2`, are no networks.
    """
    named = {name: child for name, child in children.items() if not name.isdecimal()}
    are_layers = all(len(child) == 1 and child[0].key.endswith(name) for name, child in named.items())
    if len(named) < 2 or are_layers:
        return False
    first, *others = children.values()
    return any(child[0].inputs == first[0].inputs for child in others)
