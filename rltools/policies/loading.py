"""The keyword arguments of `load_policy`, for whatever passes them on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypedDict

from rltools.policies.bounds import Bounds
from rltools.spaces.renaming import Names

if TYPE_CHECKING:
    import torch


class Loading(TypedDict, total=False):
    """The keyword arguments of `load_policy`."""

    normalize: Any
    dtype: torch.dtype | None
    trust: str | Iterable[str] | None
    device: str | None
    bounds: Bounds
    name: str | None
    names: Names | None
    units: Names | None
    action_names: Sequence[str] | None
    layout: str | None
    activation: str | None
    strides: Sequence[int] | None
    head: str | None
    check: Any
