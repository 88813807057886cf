"""What an environment is made of, as its recording tells it: arguments, wrappers, and what these have learned."""

from __future__ import annotations

import math
from typing import Any

import gymnasium
import numpy as np

from rltools.environments import chain, normalizers

Layer = dict[str, Any]

# They are in every environment that `gymnasium.make` makes, and change nothing of one that behaves.
_UNTOLD = ("OrderEnforcing", "PassiveEnvChecker")
LARGEST = 256
"""Numbers of an argument; larger arrays are told by their shape."""


def layers_of(env: gymnasium.Env[Any, Any]) -> tuple[Layer, ...]:
    """The environment and each of its wrappers, from the inside outwards, as plain data.

    Each has its class's `name` and its `kwargs` as far as they are known; the environment its `id`, where it has one;
    and a wrapper that normalises observations its `statistics`: `mean` and `var`, nested lists `[*observation]`.
    """
    inner, *wrappers = chain(env)
    spec = inner.spec
    kwargs = {} if spec is None else {name: value for name, value in spec.kwargs.items() if name != "render_mode"}
    first: Layer = {"name": type(inner).__name__, "kwargs": _plain(kwargs)}
    if spec is not None:
        first["id"] = spec.id
    learned = {id(wrapper): wrapper.obs_rms for wrapper in normalizers(env)}
    layers = [first]
    for wrapper in wrappers:
        name = type(wrapper).__name__
        if name in _UNTOLD:
            continue
        given = {} if name == "FrozenStatistics" else getattr(wrapper, "_saved_kwargs", {})
        layer: Layer = {"name": name, "kwargs": _plain(dict(given))}
        if (running := learned.get(id(wrapper))) is not None:
            layer["statistics"] = {"mean": np.asarray(running.mean).tolist(), "var": np.asarray(running.var).tolist()}
        layers.append(layer)
    return tuple(layers)


def _plain(value: Any) -> Any:
    """A value as JSON has it; of anything else its name."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool | int | str | float):
        return str(value) if isinstance(value, float) and not math.isfinite(value) else value
    if isinstance(value, dict):
        return {str(name): _plain(entry) for name, entry in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(entry) for entry in value] if len(value) <= LARGEST else f"{len(value)} entries"
    if isinstance(value, np.ndarray):
        return _plain(value.tolist()) if value.size <= LARGEST else f"an array of shape {list(value.shape)}"
    return str(getattr(value, "__qualname__", type(value).__qualname__))
