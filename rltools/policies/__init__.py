"""The libraries whose models become policies: one file or folder each, found by its place.

A library is a module with two functions, here or behind an entry point of the group `rltools.policies`:

```
def claims(source: object) -> bool: ...              # whether this is one of its files, folders or live objects
def load(source: Any, known: Known) -> Policy: ...   # its policy
```
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

from rltools.discovery import others, room_modules
from rltools.errors import ArgumentError

if TYPE_CHECKING:
    import torch

    from rltools.policies._surroundings import Surroundings
    from rltools.policy import Policy

GROUP = "rltools.policies"


@dataclass(frozen=True)
class Known:
    """What is known about a source beside itself.

    Attributes:
        name: what to call the policy; None leaves it to the library.
        environment: where the policy is to act; None leaves it to the library, and then to nobody.
        normalize: statistics of observations: None looks for them, False means none on purpose, else a file or a
            live object of the library.
        normalized: whether the agent was trained on normalised observations; None where nothing says.
        dtype: of encoded observations and scores; None is the library's own.
        notes: caveats that go into the policy's source.
    """

    name: str | None = None
    environment: Surroundings | None = None
    normalize: Any = None
    normalized: bool | None = None
    dtype: torch.dtype | None = None
    notes: tuple[str, ...] = ()


class Library(Protocol):
    """What a module must offer to be a policy library."""

    def claims(self, source: object) -> bool:
        """Whether `source`, a path or a live object, is this library's."""
        ...

    def load(self, source: Any, known: Known) -> Policy:
        """The policy in a source that was claimed."""
        ...


def find_library(source: object) -> Library:
    """The library that claims a source: other people's packages are asked first, PyTorch's modules come last.

    Raises:
        ArgumentError: none claims it; the message names those that were asked.
    """
    asked = []
    for name, library in _libraries():
        if library.claims(source):
            return library
        asked.append(name)
    what = f"the path {source}" if isinstance(source, Path) else f"a {type(source).__module__}.{type(source).__name__}"
    raise ArgumentError(
        f"no policy can be made of {what}; asked were {', '.join(asked)}. Give the name of an agent, its folder, a "
        f"model's .zip, a live model, or a TorchPolicy around your own network"
    )


def _libraries() -> Iterator[tuple[str, Library]]:
    for name, point in sorted(others(GROUP).items()):
        yield name, point.load()
    for name in room_modules(__name__):
        if not name.startswith("_"):
            yield name, cast("Library", import_module(f"{__name__}.{name}"))
