"""What tells one network from another."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from rltools.policy import Source

if TYPE_CHECKING:
    from gymnasium.envs.registration import EnvSpec


def fingerprint(module: nn.Module) -> str:
    """The sha256 of a module's parameters and buffers: their names, types, shapes and bytes."""
    digest = hashlib.sha256(type(module).__qualname__.encode())
    for name, value in module.state_dict().items():
        if isinstance(value, Tensor):
            digest.update(f"{name} {value.dtype} {list(value.shape)}".encode())
            digest.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def source_of(module: object, name: str | None, environment: EnvSpec | None) -> Source:
    """Where a module or function comes from, as far as it can be told."""
    spec = None if environment is None else environment.to_json()
    if isinstance(module, nn.Module):
        return Source(name or type(module).__name__, fingerprint(module), spec)
    qualified = str(getattr(module, "__qualname__", type(module).__qualname__))
    note = "a function cannot be fingerprinted: the sha256 is that of its name only"
    return Source(name or qualified, hashlib.sha256(qualified.encode()).hexdigest(), spec, notes=(note,))


def device_of(module: object) -> torch.device:
    """Where a module's parameters are; the processor for anything else."""
    parameter = next(module.parameters(), None) if isinstance(module, nn.Module) else None
    return torch.device("cpu") if parameter is None else parameter.device
