"""Which places of a picture the last convolution answers to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from math import prod

import torch
from torch import Tensor, nn
from torch.nn import functional

from rltools.attributions._support.hooks import network_of
from rltools.attributions._support.method import Result, TargetFunction, method, places
from rltools.errors import ArgumentError
from rltools.spaces.axes import is_image


@method(
    unit="score",
    needs={"gradient", "network", "convolution"},
    forwards=lambda features, references, settings: 2,
    separates=places,
)
def grad_cam(score: TargetFunction, x: Tensor, *, layer: str | None = None, positive: bool = False) -> Result:
    """What the last convolution's maps add to the score at each place, by the mean gradient of each map.

    A map of the network's own coarse grid, enlarged to the picture bilinearly, and spread evenly over its channels: the
    sum over channels is the map. Signed, where the paper keeps what is positive.

    Args:
        score: `[batch, ..., *feature] -> [batch, ..., target]`, of a network with a convolution.
        x: float `[batch, *feature]`, pictures.
        layer: the name of the module whose maps are taken, as in `named_modules()`; None is the last convolution that
            takes part in the score and has more than one place, before its activation.
        positive: keep what is positive only, as the paper does.

    Returns:
        values `[batch, target, *feature]`, in units of the score.

    Raises:
        ArgumentError: no pictures, no network or no convolution, no such layer, or one that is called more than once.

    Selvaraju, Cogswell, Das, Vedantam, Parikh, Batra: Grad-CAM (2017).

    Example:
        >>> import rltools
        >>> policy = rltools.load_policy("lavagap-cnn-ppo")
        >>> observations = rltools.record(policy, episodes=1, max_steps=4).episode(0).observations
        >>> rltools.attribute(policy, observations, method="grad_cam").values.shape
        (4, 1, 42, 42, 3)
    """
    if not is_image(score.dims):
        raise ArgumentError(
            f"grad_cam needs observations that are one picture with axes y and x, and these have the axes "
            f"{', '.join(score.dims)}, as vectors and Dicts have; take gradient or occlusion"
        )
    leaf = x.detach().requires_grad_()
    with _kept_maps(network_of("grad_cam", score), layer) as calls:
        scalars = score(leaf)
    maps = _chosen(scalars, calls, layer, score)
    if maps.ndim != 4 or len(maps) != len(x):
        raise ArgumentError(
            f"the layer gives {list(maps.shape)} for {len(x)} pictures, and grad_cam needs [batch, channel, y, x]; "
            f"take a convolution as layer: {_convolutions(score)}"
        )
    shown = torch.stack([_map(scalars[..., target], maps) for target in range(score.outputs)], dim=1)
    return Result(_on_picture(shown.clamp(min=0) if positive else shown, score.dims, x))


@contextmanager
def _kept_maps(network: nn.Module, layer: str | None) -> Iterator[list[tuple[str, Tensor]]]:
    """What the layer, or every convolution, gives while inside, with its name, in the order of the calls."""
    modules = dict(network.named_modules())
    watched = {name: module for name, module in modules.items() if isinstance(module, nn.Conv2d)}
    if layer is not None:
        if layer not in modules:
            raise ArgumentError(f"the network has no layer {layer!r}; its convolutions are {', '.join(watched)}")
        watched = {layer: modules[layer]}
    calls: list[tuple[str, Tensor]] = []

    def keep(name: str, output: Tensor) -> Tensor:
        calls.append((name, output))
        return output.clone()  # an activation may write into what it is given

    handles = [
        module.register_forward_hook(lambda module, inputs, output, name=name: keep(name, output))
        for name, module in watched.items()
    ]
    try:
        yield calls
    finally:
        for handle in handles:
            handle.remove()


def _chosen(scalars: Tensor, calls: list[tuple[str, Tensor]], layer: str | None, score: TargetFunction) -> Tensor:
    """The maps of the last call that the score depends on, and that says where something is."""
    for name, maps in reversed(calls):
        if not (maps.requires_grad and scalars.requires_grad) or (layer is None and maps.shape[2:].numel() == 1):
            continue
        if torch.autograd.grad(scalars.sum(), maps, retain_graph=True, allow_unused=True)[0] is None:
            continue
        times = sum(called == name for called, _ in calls)
        if times > 1:
            raise ArgumentError(
                f"the layer {name!r} is called {times} times for one score, so that there is no one map of it; explain "
                f"a single head, without a window, or name another layer: {_convolutions(score)}"
            )
        return maps
    which = "no convolution with more than one place takes" if layer is None else f"the layer {layer!r} does not take"
    raise ArgumentError(f"{which} part in this score; the network's convolutions are {_convolutions(score)}")


def _convolutions(score: TargetFunction) -> str:
    named = network_of("grad_cam", score).named_modules()
    return ", ".join(name for name, module in named if isinstance(module, nn.Conv2d)) or "none"


def _map(scalars: Tensor, maps: Tensor) -> Tensor:
    """`[batch]` and `[batch, channel, y, x]` -> `[batch, y, x]`, the maps weighted by their mean gradients."""
    (slopes,) = torch.autograd.grad(scalars.sum(), maps, retain_graph=True, allow_unused=True)
    if slopes is None:
        return torch.zeros_like(maps[:, 0]).detach()
    return (slopes.mean((2, 3), keepdim=True) * maps.detach()).sum(1)


def _on_picture(shown: Tensor, dims: tuple[str, ...], x: Tensor) -> Tensor:
    """`[batch, target, y, x]` of a coarse grid -> `[batch, target, *feature]`."""
    # A network's first spatial axis is the picture's first one, which some environments call x.
    spatial = [place for place, name in enumerate(dims) if name in ("y", "x")]
    size = [x.shape[1 + place] for place in spatial]
    features = x.shape[1:]
    flat = shown.reshape(-1, 1, *shown.shape[2:])
    # Of no pictures there is nothing to enlarge, which interpolate refuses.
    large = functional.interpolate(flat, size, mode="bilinear", align_corners=False) if len(flat) else flat
    placed = [features[place] if place in spatial else 1 for place in range(len(dims))]
    spread = large.reshape(*shown.shape[:2], *placed) if len(flat) else flat.new_zeros(0, shown.shape[1], *placed)
    return spread.expand(*shown.shape[:2], *features) * (prod(size) / prod(features))
