"""Networks of vectors in environments whose observations are several arrays, as Isaac Lab's `{"policy": ...}`."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
from gymnasium import Space
from torch import Tensor

from rltools.policies.base import RecurrentState
from rltools.policies.saved.rebuilt import Rebuilt
from rltools.spaces.leaves import leaves


def join(x: Any) -> Tensor:
    """All arrays of an observation as one, `[batch, element]`, in the order of its space.

    Example:
        >>> import torch
        >>> from rltools.policies.saved.joined import join
        >>> join({"policy": torch.zeros(2, 3), "depth": torch.ones(2, 2, 2)}).shape
        torch.Size([2, 7])
    """
    if isinstance(x, Tensor):
        return x.flatten(1)
    parts = x.values() if isinstance(x, Mapping) else x
    return torch.cat([join(part) for part in parts], dim=1)


def taking_joined(rebuilt: Rebuilt, space: Space[Any]) -> Rebuilt:
    """A network of vectors whose observations are the arrays of a Dict or a Tuple, joined; others as they are."""
    parts = [leaf for leaf in leaves(space) if leaf.kind != "text"]
    if len(parts) == 1 and not parts[0].path:
        return rebuilt
    note = f"its network sees {', '.join(leaf.name for leaf in parts)} joined to one vector, in this order"
    return dataclasses.replace(
        rebuilt,
        heads={name: partial(_of_joined, head) for name, head in rebuilt.heads.items()},
        std=None if rebuilt.std is None else partial(_of_joined, rebuilt.std),
        memory=None if rebuilt.memory is None else _remembering(rebuilt.memory),
        notes=(*rebuilt.notes, note) if len(parts) > 1 else rebuilt.notes,
    )


def _of_joined(function: Callable[..., Any], x: Any, *more: Any) -> Any:
    return function(join(x), *more)


def _remembering(memory: RecurrentState) -> RecurrentState:
    def recall(name: str, x: Any, state: Tensor) -> Tensor:
        return memory.recall(name, join(x), state)

    def advance(x: Any, state: Tensor) -> tuple[Tensor, Tensor]:
        return memory.advance(join(x), state)

    return RecurrentState(memory.size, recall, advance)
