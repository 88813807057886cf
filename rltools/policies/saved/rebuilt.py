"""What a layout takes and returns: a file's contents and what the caller knows, and a network with heads."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gymnasium import Space
from torch import Tensor, nn

from rltools.policies._normalization import Normalization
from rltools.policies.base import Discounting, RecurrentState

MOST_KEYS = 10_000
"""Tensors and values in a file; a large network with its optimizer has a tenth."""


@dataclass(frozen=True)
class Contents:
    """What a file or a folder of another library holds; nothing in it was executed.

    Attributes:
        path: of the file or the folder.
        format: how it was read, for instance "torch.save" or "safetensors".
        tensors: every tensor and array, by its keys joined with dots: `actor_state_dict.mlp.0.weight`.
        values: every other plain value by its keys: numbers, texts, booleans, None, and lists of these.
        sha256: of everything that was read.
        left_out: the keys of what is neither, each with what it is; it was not read.
        environment: the id of the environment of its training, if settings that were read name one.
    """

    path: Path
    format: str
    tensors: Mapping[str, Tensor]
    values: Mapping[str, Any]
    sha256: str
    left_out: tuple[str, ...] = ()
    environment: str | None = None

    def under(self, prefix: str) -> dict[str, Tensor]:
        """The tensors whose keys begin with `prefix` and a dot, by the rest of their keys."""
        start = f"{prefix}." if prefix else ""
        return {key.removeprefix(start): value for key, value in self.tensors.items() if key.startswith(start)}


@dataclass(frozen=True)
class Wanted:
    """What the caller knows about the network of a file.

    Attributes:
        observation_space: of the environment.
        action_space: of the environment.
        activation: the name of the function between layers; None if the caller did not say.
        strides: of its convolutions; None if the caller did not say.
        head: what its outputs are; None if the caller did not say.
        statistics: of observations, as the caller gave them beside the file; None without any.
        is_unnormalized: whether the caller says that it was trained on plain observations.
    """

    observation_space: Space[Any]
    action_space: Space[Any]
    activation: str | None = None
    strides: tuple[int, ...] | None = None
    head: str | None = None
    statistics: Normalization | None = None
    is_unnormalized: bool = False


@dataclass(frozen=True)
class Rebuilt:
    """A network that was rebuilt from weights.

    Attributes:
        module: it, with all parameters, in eval mode.
        heads: as those of `TorchPolicy`; the first one decides.
        normalization: of observations, before anything else.
        memory: of a recurrent network.
        std: of the actions of a Box around the first head's scores, as of `TorchPolicy`.
        choose: from scores to actions, as of `TorchPolicy`.
        discounting: as far as the file says.
        notes: caveats.
        activation: the function between layers, if settings that were read name it.
    """

    module: nn.Module
    heads: Mapping[str, Callable[..., Tensor]]
    normalization: Normalization | None = None
    memory: RecurrentState | None = None
    std: Callable[..., Tensor] | None = None
    choose: Callable[..., Any] | None = None
    discounting: Discounting = field(default_factory=Discounting)
    notes: tuple[str, ...] = ()
    activation: str | None = None
