"""ONNX operators that change shapes, and choose or make elements."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from rltools.policies.graphs.graph import Node
from rltools.policies.onnx._elementwise import Operator, integers


def _axes(node: Node, axes: Tensor | None) -> list[int] | None:
    """The axes, an input since version 13 and a setting before."""
    chosen_axes: list[int] | None = node.settings.get("axes") if axes is None else integers(axes)
    return chosen_axes


def _reshape(node: Node, like: Tensor, x: Tensor, shape: Tensor) -> Tensor:
    sizes = integers(shape)
    if not node.settings.get("allowzero"):
        sizes = [x.shape[axis] if size == 0 else size for axis, size in enumerate(sizes)]
    return x.reshape(sizes)


def _flatten(node: Node, like: Tensor, x: Tensor) -> Tensor:
    axis = node.settings.get("axis", 1)
    axis = axis + x.ndim if axis < 0 else axis
    return x.reshape(int(x.shape[:axis].numel()), -1) if x.numel() else x.flatten(axis)


def _transpose(node: Node, like: Tensor, x: Tensor) -> Tensor:
    return x.permute(node.settings.get("perm") or [*reversed(range(x.ndim))])


def _squeeze(node: Node, like: Tensor, x: Tensor, axes: Tensor | None = None) -> Tensor:
    chosen_axes = _axes(node, axes)
    if chosen_axes is None:
        return x.squeeze()
    wide = [axis for axis in chosen_axes if x.shape[axis] != 1]
    if wide:
        raise ValueError(f"axis {wide[0]} has {x.shape[wide[0]]} elements, not 1")
    return x.squeeze(tuple(chosen_axes))


def _unsqueeze(node: Node, like: Tensor, x: Tensor, axes: Tensor | None = None) -> Tensor:
    chosen_axes = _axes(node, axes) or []
    ndim = x.ndim + len(chosen_axes)
    for axis in sorted(axis % ndim for axis in chosen_axes):
        x = x.unsqueeze(axis)
    return x


def _concat(node: Node, like: Tensor, *inputs: Tensor) -> Tensor:
    return torch.cat(inputs, node.settings["axis"])


def _split(node: Node, like: Tensor, x: Tensor, split: Tensor | None = None) -> tuple[Tensor, ...]:
    axis = node.settings.get("axis", 0)
    sizes = node.settings.get("split") if split is None else integers(split)
    if sizes is None:
        parts = node.settings.get("num_outputs", len(node.outputs))
        sizes = -(-x.shape[axis] // parts)  # the last part may be smaller
    return torch.split(x, sizes, axis)


def _slice(node: Node, like: Tensor, x: Tensor, *limits: Tensor | None) -> Tensor:
    if limits:
        starts, ends, axes, steps = (
            None if part is None else integers(part) for part in (*limits, None, None, None, None)[:4]
        )
    else:
        starts, ends, axes, steps = (node.settings.get(name) for name in ("starts", "ends", "axes", "steps"))
    assert starts is not None
    assert ends is not None
    axes = [*range(len(starts))] if axes is None else axes
    for start, end, axis, step in zip(starts, ends, axes, steps or [1] * len(starts), strict=True):
        if step < 0:
            positions = range(x.shape[axis])[slice(start, end if end >= -x.shape[axis] else None, step)]
            x = x.index_select(axis, torch.tensor([*positions], dtype=torch.int64, device=x.device))
        else:
            index: list[Any] = [slice(None)] * x.ndim
            index[axis] = slice(start, end, step)
            x = x[tuple(index)]
    return x


def _gather(node: Node, like: Tensor, x: Tensor, positions: Tensor) -> Tensor:
    if positions.is_floating_point():
        raise TypeError("positions depend on the observations, which have no gradient there")
    axis = node.settings.get("axis", 0) % x.ndim
    wrapped = torch.where(positions < 0, positions + x.shape[axis], positions).long()
    chosen = x.index_select(axis, wrapped.reshape(-1))
    return chosen.reshape(*x.shape[:axis], *positions.shape, *x.shape[axis + 1 :])


def _gather_elements(node: Node, like: Tensor, x: Tensor, positions: Tensor) -> Tensor:
    axis = node.settings.get("axis", 0)
    wrapped = torch.where(positions < 0, positions + x.shape[axis], positions)
    return torch.gather(x, axis, wrapped.long())


def _shape(node: Node, like: Tensor, x: Tensor) -> Tensor:
    sizes = [*x.shape][node.settings.get("start", 0) : node.settings.get("end")]
    return torch.tensor(sizes, dtype=torch.int64, device=like.device)


def _expand(node: Node, like: Tensor, x: Tensor, shape: Tensor) -> Tensor:
    # Either of the two may have a size of 1 where the other has more.
    sizes = integers(shape)
    own = [1] * (len(sizes) - x.ndim) + [*x.shape]
    return x.expand([*own[: len(own) - len(sizes)], *map(max, own[len(own) - len(sizes) :], sizes)])


def _filled(node: Node, like: Tensor, shape: Tensor) -> Tensor:
    value = node.settings.get("value")
    value = torch.zeros(1) if value is None else value.reshape(-1)[:1]
    return value.to(like.device).expand(integers(shape) or [1]).reshape(integers(shape))


def _range(node: Node, like: Tensor, start: Tensor, limit: Tensor, step: Tensor) -> Tensor:
    return torch.arange(start.item(), limit.item(), step.item(), dtype=start.dtype, device=like.device)


def _tile(node: Node, like: Tensor, x: Tensor, times: Tensor) -> Tensor:
    return x.repeat(integers(times))


def _pad(node: Node, like: Tensor, x: Tensor, pads: Tensor | None = None, value: Any = None, *more: Any) -> Tensor:
    mode = node.settings.get("mode") or "constant"
    amounts = node.settings["pads"] if pads is None else integers(pads)
    if mode != "constant" or (more and more[0] is not None):
        raise NotImplementedError(f"padding of the mode {mode!r}, or of some axes alone")
    fill = node.settings.get("value", 0.0) if value is None else value.item()
    half = len(amounts) // 2
    # Torch wants the last axis first, its beginning and its end together.
    pairs = [amount for axis in reversed(range(half)) for amount in (amounts[axis], amounts[axis + half])]
    return functional.pad(x, pairs, value=fill)


OPERATORS: dict[str, Operator] = {
    "Concat": _concat,
    "ConstantOfShape": _filled,
    "Expand": _expand,
    "Flatten": _flatten,
    "Gather": _gather,
    "GatherElements": _gather_elements,
    "Pad": _pad,
    "Range": _range,
    "Reshape": _reshape,
    "Shape": _shape,
    "Size": lambda node, like, x: torch.tensor(x.numel(), device=like.device),
    "Slice": _slice,
    "Split": _split,
    "Squeeze": _squeeze,
    "Tile": _tile,
    "Transpose": _transpose,
    "Unsqueeze": _unsqueeze,
}
"""By name; see `rltools.policies.onnx._elementwise`."""
