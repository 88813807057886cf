"""Public conformance checks, one for each way to extend rltools.

A third party's whole test is a loop over `check_policy`, `check_attribution`, `check_plot` or `check_card`. Each is in
a module of its name, with an underscore because the name is the function's; read `_check_policy.py` first. `truth/` has
policies whose attributions are known. Modules are imported on first use, and may import every room but the command
line.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from rltools._util.discovery import load_member

_MODULES = {
    "check_attribution": "_check_attribution",
    "check_card": "_check_card",
    "check_plot": "_check_plot",
    "check_policy": "_check_policy",
    "PlainFunction": "_plain_function",
    "example_ablation": "_ablations",
    "example_recording": "_recordings",
}

__all__ = [
    "PlainFunction",
    "check_attribution",
    "check_card",
    "check_plot",
    "check_policy",
    "example_ablation",
    "example_recording",
    "truth",
]


def __getattr__(name: str) -> Any:
    if name == "truth":
        return import_module(f"{__name__}.truth")
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return load_member(f"{__name__}.{_MODULES[name]}", name)
