"""What tells one network from another, looked up whenever it is asked for: networks are trained further."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from rltools.errors import ArgumentError
from rltools.policies._modes import tree
from rltools.policies._plan import HOOKS
from rltools.policy import Source

if TYPE_CHECKING:
    from gymnasium.envs.registration import EnvSpec

MOST_KEPT = 1 << 20
"""Bytes of parameters that are kept to be compared, which takes a tenth of hashing them again."""


def fingerprint(module: nn.Module) -> str:
    """The sha256 of what a module computes with: its layers' classes and settings, what hangs on them, and values."""
    return _digest(_state([module]))


class CurrentSource:
    """The source of a policy whose network may change after the policy was made.

    Args:
        source: as it is at first.
        roots: the modules that are computed with; a function of none is taken to stay as it is.
        sha256_of: from the network's fingerprint to the policy's sha256; None is for a file, whose sha256 stays as long
            as the network is as it was read, and is another one for each state that it is in afterwards.
    """

    def __init__(self, source: Source, roots: list[nn.Module], sha256_of: Callable[[str], str] | None) -> None:
        self.name = source.name
        self._roots = roots
        self._kept = _state(self._roots)
        self._first, self._current = source, source
        self._fingerprint = self._fingerprint_of_first = _digest(self._kept)
        self._sha256_of = sha256_of or self._of_changed_file

    def __call__(self) -> Source:
        """The source now."""
        state = _state(self._roots)
        if state != self._kept:
            self._kept, self._fingerprint = state, _digest(state)
        sha256 = self._sha256_of(self._fingerprint) if self._roots else self._first.sha256
        if self._current.sha256 != sha256:
            self._current = replace(self._first, sha256=sha256)
        return self._current

    def _of_changed_file(self, fingerprint: str) -> str:
        if fingerprint == self._fingerprint_of_first:
            return self._first.sha256
        return hashlib.sha256(f"{self._first.sha256} {fingerprint}".encode()).hexdigest()


def _state(roots: list[nn.Module]) -> list[str | bytes]:
    """What tells one state of modules from another; large tensors as their hashes, others as their bytes."""
    state: list[str | bytes] = []
    size = 0
    for module in tree(roots):
        kind = type(module)
        state.append(kind.__qualname__)
        settings = getattr(kind, "__constants__", ())
        if settings:
            own = vars(module)
            state.append(str([own.get(name) for name in settings]))
        state += [str(getattr(hook, "__qualname__", type(hook))) for hook in _hooks(module)]
        for name, value in _tensors(module):
            content = _bytes(value)
            size += len(content)
            state += [f"{name} {value.dtype}", content if size < MOST_KEPT else hashlib.sha256(content).digest()]
    return state


def _digest(state: list[str | bytes]) -> str:
    digest = hashlib.sha256()
    for entry in state:
        content = entry if isinstance(entry, bytes) else entry.encode()
        digest.update(f"{len(content)}:".encode() + content)
    return digest.hexdigest()


def _hooks(module: nn.Module) -> Iterator[Any]:
    state = vars(module)
    if "forward" in state:
        yield state["forward"]
    for name in HOOKS:
        yield from state.get(name, {}).values()


def _tensors(module: nn.Module) -> Iterator[tuple[str, Tensor]]:
    for tensors in (module._parameters, module._buffers):
        for name, value in tensors.items():
            if is_lazy(value):
                raise ArgumentError(
                    f"{module} has no shape yet; call the network with some observations once, and give it then"
                )
            if value is not None:
                yield name, value


def _bytes(value: Tensor) -> bytes:
    plain = value.detach()
    if plain.is_meta:
        return b""
    array: np.ndarray = plain.cpu().contiguous().reshape(-1).view(torch.uint8).numpy()
    return array.tobytes()


def source_of(module: object, name: str | None, environment: EnvSpec | None) -> Source:
    """Where a module or function comes from, as far as it can be told."""
    spec = None if environment is None else environment.to_json()
    if isinstance(module, nn.Module):
        return Source(name or type(module).__name__, fingerprint(module), spec)
    qualified = str(getattr(module, "__qualname__", type(module).__qualname__))
    note = "a function cannot be fingerprinted: the sha256 is that of its name only"
    return Source(name or qualified, hashlib.sha256(qualified.encode()).hexdigest(), spec, notes=(note,))


def device_of(roots: list[nn.Module]) -> torch.device:
    """Where modules' parameters or buffers are at this moment; the processor for those without."""
    pending = [*roots]
    while pending:
        module = pending.pop()
        for _, value in _tensors(module):
            return value.device
        pending += [child for child in module._modules.values() if child is not None]
    return torch.device("cpu")
