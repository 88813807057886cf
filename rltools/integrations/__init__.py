"""Connects rltools to other tools: what agents attend to, logged while they learn; exports and imports.

A file `name.py` is the format `name`: it writes recordings, reads data sets, or both, and is found by its place; other
packages offer formats under the entry-point group `rltools.integrations`. `_formats.py` is the contract, and with
`minari.py` the file to read first; `_sb3_callback.py` is the callback of Stable-Baselines3. Modules are imported on
first use, because they need other libraries. May import every room above.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rltools.integrations._checkpoints import open_checkpoints
    from rltools.integrations._data import Data, DataEpisode
    from rltools.integrations._formats import (
        appearing_whole,
        export,
        exporter,
        exporters,
        format_names,
        importer,
        importers,
        required,
    )
    from rltools.integrations._import import import_data
    from rltools.integrations._sb3_callback import AttributionCallback, AttributionSkippedWarning

__all__ = [
    "AttributionCallback",
    "AttributionSkippedWarning",
    "Data",
    "DataEpisode",
    "appearing_whole",
    "export",
    "exporter",
    "exporters",
    "format_names",
    "import_data",
    "importer",
    "importers",
    "open_checkpoints",
    "required",
]

_MODULES = {
    "AttributionCallback": "_sb3_callback",
    "AttributionSkippedWarning": "_sb3_callback",
    "Data": "_data",
    "DataEpisode": "_data",
    "appearing_whole": "_formats",
    "export": "_formats",
    "exporter": "_formats",
    "exporters": "_formats",
    "format_names": "_formats",
    "import_data": "_import",
    "importer": "_formats",
    "importers": "_formats",
    "required": "_formats",
    "open_checkpoints": "_checkpoints",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
