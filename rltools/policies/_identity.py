"""Fingerprints of networks, computed again when the network has changed, for instance by training."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import chain, starmap
from operator import is_, itemgetter
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from rltools.envs import spec_to_json
from rltools.errors import ArgumentError
from rltools.policies._modes import tree
from rltools.policies.base import Source
from rltools.policies.vjp._plan import HOOKS

if TYPE_CHECKING:
    from gymnasium.envs.registration import EnvSpec

MOST_COPIED = 1 << 25
"""Most bytes of parameters copied for comparison, which takes a tenth of the time of hashing them again."""


def fingerprint(module: nn.Module) -> str:
    """The sha256 of what a module computes with: its layers' classes, settings, hooks and values."""
    return _digest(_state([module]))


class CurrentSource:
    """The source of a policy whose network may change after the policy was made.

    Args:
        source: at first.
        roots: the modules that the policy computes with; a function without modules is assumed not to change.
        sha256_of: from the network's fingerprint to the policy's sha256. With None, for a model from a file, it is the
            file's sha256 until the network changes, and then one that depends on both.
    """

    def __init__(self, source: Source, roots: list[nn.Module], sha256_of: Callable[[str], str] | None) -> None:
        self.name = source.name
        self._roots = roots
        self._first, self._current = source, source
        self._snapshot: _Snapshot | None = _Snapshot(roots)
        self._fingerprint = self._fingerprint_of_first = _digest(_state(roots))
        self._sha256_of = sha256_of or self._of_changed_file

    def __getstate__(self) -> dict[str, Any]:
        """Without the snapshot, which refers to these very modules: a copy takes its own."""
        return vars(self) | {"_snapshot": None}

    def __call__(self) -> Source:
        """The source now."""
        if not self._roots:
            return self._first
        if self._snapshot is None or not self._snapshot.is_current():
            self._snapshot = _Snapshot(self._roots)
            self._fingerprint = _digest(_state(self._roots))
        sha256 = self._sha256_of(self._fingerprint)
        if self._current.sha256 != sha256:
            self._current = replace(self._first, sha256=sha256)
        return self._current

    def _of_changed_file(self, fingerprint: str) -> str:
        if fingerprint == self._fingerprint_of_first:
            return self._first.sha256
        return hashlib.sha256(f"{self._first.sha256} {fingerprint}".encode()).hexdigest()


class _Snapshot:
    """A copy of what modules compute with, to notice any change in a tenth of the time that hashing takes.

    Large networks and TorchScript are not copied, and their snapshot is never current.
    """

    def __init__(self, roots: list[nn.Module]) -> None:
        self._modules = tree(roots)
        self._tensors = [value for module in self._modules for _, value in _tensors(module)]
        self._is_comparable = (
            not any(isinstance(module, torch.jit.ScriptModule) for module in self._modules)
            and all(map(_is_plain, self._tensors))
            and sum(value.nbytes for value in self._tensors) <= MOST_COPIED
        )
        if not self._is_comparable:
            return
        self._states = [*map(vars, self._modules)]
        self._of_hooks = [(state, name) for state in self._states for name in HOOKS]
        self._of_settings = [
            (state, name)
            for state, module in zip(self._states, self._modules, strict=True)
            for name in getattr(type(module), "__constants__", None) or ()
        ]
        self._structure, self._held = self._current_structure(), [*self._current_held(), _END]
        self._arrays = [value.detach().numpy() for value in self._tensors]
        self._addresses = [value.data_ptr() for value in self._tensors]
        self._contents = [array.tobytes() for array in self._arrays]

    def is_current(self) -> bool:
        """Whether nothing has changed."""
        return (
            self._is_comparable
            and all(map(is_, chain(self._current_held(), (_END,)), self._held))
            and self._current_structure() == self._structure
            and [value.data_ptr() for value in self._tensors] == self._addresses
            and [array.tobytes() for array in self._arrays] == self._contents
        )

    def _current_held(self) -> Iterator[Any]:
        """The children, parameters and buffers of all modules, without a line of Python for each of them."""
        return chain.from_iterable(map(dict.values, chain.from_iterable(map(_holding, self._states))))

    def _current_structure(self) -> list[Any]:
        return [
            *map(type, self._modules),
            *map(len, self._states),
            [*map(bool, starmap(dict.get, self._of_hooks))],
            [*starmap(dict.get, self._of_settings)],
        ]


_holding = itemgetter("_modules", "_parameters", "_buffers")
_END = object()


def _state(roots: list[nn.Module]) -> list[Any]:
    """Everything that a fingerprint depends on."""
    state: list[Any] = []
    for module in tree(roots):
        kind, own = type(module), vars(module)
        state.append(kind.__qualname__)
        if settings := getattr(kind, "__constants__", None):
            state.append([own.get(name) for name in settings])
        # TorchScript keeps its own method there from the first call on.
        is_replaced = "forward" in own and not isinstance(module, torch.jit.ScriptModule)
        if is_replaced or any(map(own.get, HOOKS)):
            state.append(_names_of_hooks(own))
        for name, value in _tensors(module):
            state += (name, value.dtype, _bytes(value))
        if isinstance(module, torch.jit.ScriptModule) and not any(_tensors(module)):
            state.append(_script(module))
    return state


def _script(module: torch.jit.ScriptModule) -> str:
    """The code of TorchScript and the weights in it, as a frozen module has them."""
    graph: Any = module.inlined_graph
    constants = [node.output().toIValue() for node in graph.findAllNodes("prim::Constant", recurse=True)]
    values = [value for value in constants if isinstance(value, Tensor)]
    # Names of types contain a counter.
    text = re.sub(r"\.?___torch_mangle_\d+", "", graph.str(print_source_ranges=False))
    return f"{text} {[hashlib.sha256(_bytes(value)).hexdigest() for value in values]}"


def _digest(state: list[Any]) -> str:
    digest = hashlib.sha256()
    for part in state:
        content = part if isinstance(part, bytes) else str(part).encode()
        digest.update(f"{len(content)}:".encode() + content)
    return digest.hexdigest()


def _names_of_hooks(own: dict[str, Any]) -> list[str]:
    hooks = [hook for name in HOOKS for hook in own.get(name, {}).values()]
    return [str(getattr(hook, "__qualname__", type(hook))) for hook in (own.get("forward"), *hooks)]


def _tensors(module: nn.Module) -> Iterator[tuple[str, Tensor]]:
    for tensors in (module._parameters, module._buffers):
        for name, value in tensors.items():
            if value is None:
                continue
            if is_lazy(value):
                raise ArgumentError(
                    f"{module} has no shape yet; call the network with some observations once before you pass it"
                )
            yield name, value


def _is_plain(value: Tensor) -> bool:
    """Whether NumPy can read a tensor's memory."""
    return value.is_cpu and value.dtype in _OF_NUMPY and type(value) in (Tensor, nn.Parameter)


def _bytes(value: Tensor) -> bytes:
    if value.is_meta:
        return b""
    if _is_plain(value):
        return value.detach().numpy().tobytes()
    plain: np.ndarray = value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy()
    return plain.tobytes()


_OF_NUMPY = (torch.float32, torch.float64, torch.int64)


def source_of(module: object, name: str | None, environment: EnvSpec | None) -> Source:
    """The source of a module or function, as far as it is known."""
    spec = None if environment is None else spec_to_json(environment)
    if isinstance(module, nn.Module):
        return Source(name or type(module).__name__, fingerprint(module), spec)
    qualified = str(getattr(module, "__qualname__", type(module).__qualname__))
    note = "a function cannot be fingerprinted: the sha256 is that of its name only"
    return Source(name or qualified, hashlib.sha256(qualified.encode()).hexdigest(), spec, notes=(note,))


def device_of(roots: list[nn.Module]) -> torch.device:
    """The device of modules; the CPU for those without parameters or buffers."""
    first = first_tensor(roots)
    return torch.device("cpu") if first is None else first.device


def first_tensor(modules: Iterable[nn.Module | None]) -> Tensor | None:
    """The first parameter or buffer of modules and those inside them; None if there is none."""
    for module in modules:
        if module is None:
            continue
        for tensors in (module._parameters, module._buffers):
            if tensors:
                for value in tensors.values():
                    if value is not None:
                        return value
        if (children := module._modules) and (first := first_tensor(children.values())) is not None:
            return first
    return None
