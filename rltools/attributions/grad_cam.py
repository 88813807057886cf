"""Which places of an image the last convolution responds to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from math import prod

import torch
from torch import Tensor, nn
from torch.nn import functional

from rltools.attributions._support.hooks import network_of
from rltools.attributions._support.method import method
from rltools.attributions._support.result import Result
from rltools.attributions._support.units import Unit
from rltools.errors import ArgumentError
from rltools.spaces.axes import is_image
from rltools.targets.function import TargetFunction, differentiated


@method(
    unit=Unit.SCORE,
    needs={"gradient", "network", "convolution"},
    cost=2,
    parts="pixel",
)
def grad_cam(f: TargetFunction, x: Tensor, *, layer: str | None = None, positive: bool = False) -> Result:
    """What the last convolution's maps add to the target value at each place, by the mean gradient of each map.

    The map on the network's own coarse grid is enlarged to the image bilinearly, and spread evenly over its channels:
    the sum over channels is the map. Signed, while the paper keeps positive values only.

    Args:
        f: the target function, `[batch, ..., *feature] -> [batch, ..., target]`, of a network with a convolution.
        x: float `[batch, *feature]`, images.
        layer: the name of the module whose maps are taken, as in `named_modules()`; None is the last convolution that
            the target value depends on and that has more than one place, before its activation.
        positive: keep positive values only, as the paper does.

    Returns:
        values `[batch, target, *feature]`, in units of the target value.

    Raises:
        ArgumentError: no images, no network or no convolution, no such layer, or one that is called more than once.

    Selvaraju, Cogswell, Das, Vedantam, Parikh, Batra: Grad-CAM (2017).

    Example:
        >>> import rltools
        >>> policy = rltools.load_policy("lavagap-cnn-ppo")
        >>> observations = rltools.record(policy, episodes=1, max_steps=4).episode(0).observations
        >>> rltools.attribute(policy, observations, method="grad_cam").values.shape
        (4, 1, 42, 42, 3)
    """
    if not is_image(f.dims):
        raise ArgumentError(
            f"grad_cam needs observations that are one image with axes y and x, and these have the axes "
            f"{', '.join(f.dims)}, as vectors and Dicts have; take gradient or occlusion"
        )
    leaf = x.detach().requires_grad_()
    with _recorded_maps(network_of("grad_cam", f), layer) as calls:
        values = f(leaf)
    maps = _chosen_maps(values, calls, layer, f)
    if maps.ndim != 4 or len(maps) != len(x):
        raise ArgumentError(
            f"the layer gives {list(maps.shape)} for {len(x)} images, and grad_cam needs [batch, channel, y, x]; "
            f"take a convolution as layer: {_convolutions(f)}"
        )
    weighted = torch.stack([_weighted_map(values[..., target], maps) for target in range(f.outputs)], dim=1)
    return Result(_on_image(weighted.clamp(min=0) if positive else weighted, f.dims, x))


@contextmanager
def _recorded_maps(network: nn.Module, layer: str | None) -> Iterator[list[tuple[str, Tensor]]]:
    """Record the outputs of a layer, or of every convolution, with its name, in the order of the calls."""
    modules = dict(network.named_modules())
    watched = {name: module for name, module in modules.items() if isinstance(module, nn.Conv2d)}
    if layer is not None:
        if layer not in modules:
            raise ArgumentError(f"the network has no layer {layer!r}; its convolutions are {', '.join(watched)}")
        watched = {layer: modules[layer]}
    calls: list[tuple[str, Tensor]] = []

    def record(name: str, output: Tensor) -> Tensor:
        calls.append((name, output))
        return output.clone()  # an activation may write into its input

    handles = [
        module.register_forward_hook(lambda module, inputs, output, name=name: record(name, output))
        for name, module in watched.items()
    ]
    try:
        yield calls
    finally:
        for handle in handles:
            handle.remove()


def _chosen_maps(values: Tensor, calls: list[tuple[str, Tensor]], layer: str | None, f: TargetFunction) -> Tensor:
    """The maps of the last call that the target values depend on, with more than one place."""
    for name, maps in reversed(calls):
        if not (maps.requires_grad and values.requires_grad) or (layer is None and maps.shape[2:].numel() == 1):
            continue
        if differentiated(values.sum(), (maps,), retain_graph=True)[0] is None:
            continue
        times = sum(called_name == name for called_name, _ in calls)
        if times > 1:
            raise ArgumentError(
                f"the layer {name!r} is called {times} times for one score, so there is no single map of it; explain "
                f"a single head, without a window, or name another layer: {_convolutions(f)}"
            )
        return maps
    refused = "no convolution with more than one place takes" if layer is None else f"the layer {layer!r} does not take"
    raise ArgumentError(f"{refused} part in this score; the network's convolutions are {_convolutions(f)}")


def _convolutions(f: TargetFunction) -> str:
    named = network_of("grad_cam", f).named_modules()
    return ", ".join(name for name, module in named if isinstance(module, nn.Conv2d)) or "none"


def _weighted_map(values: Tensor, maps: Tensor) -> Tensor:
    """`[batch]` and `[batch, channel, y, x]` -> `[batch, y, x]`, the maps weighted by their mean gradients."""
    (gradients,) = differentiated(values.sum(), (maps,), retain_graph=True)
    if gradients is None:
        return torch.zeros_like(maps[:, 0]).detach()
    return (gradients.mean((2, 3), keepdim=True) * maps.detach()).sum(1)


def _on_image(maps: Tensor, dims: tuple[str, ...], x: Tensor) -> Tensor:
    """`[batch, target, y, x]` of a coarse grid -> `[batch, target, *feature]`."""
    # A network's first spatial axis is the image's first one, which some environments call x.
    spatial = [axis for axis, name in enumerate(dims) if name in ("y", "x")]
    features, lead = x.shape[1:], maps.shape[:2]
    size = [features[axis] for axis in spatial]
    beside = [features[axis] if axis in spatial else 1 for axis in range(len(dims))]
    if not len(maps):
        return maps.new_zeros(*lead, *features)  # interpolate refuses an empty batch
    large = functional.interpolate(maps.flatten(0, 1)[:, None], size, mode="bilinear", align_corners=False)
    return large.reshape(*lead, *beside).expand(*lead, *features) * (prod(size) / prod(features))
