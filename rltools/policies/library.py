"""The libraries whose models become policies: one file or folder each, found by its place.

A library is a module with two functions, here or behind an entry point of the group `rltools.policies`:

```
def claims(source: object) -> bool: ...              # whether this is one of its files, folders or live objects
def load(source: Any, known: Known) -> Policy: ...   # its policy
```
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

from rltools._util.discovery import modules_in, others
from rltools.errors import ArgumentError
from rltools.policies._guests import claiming_guest, load_by_guest
from rltools.policies.kinds import described, object_kind

if TYPE_CHECKING:
    import torch

    from rltools.policies.base import Policy
    from rltools.policies.env_info import EnvInfo

GROUP = "rltools.policies"


@dataclass(frozen=True)
class LoadOptions:
    """What is known about a source beside itself.

    Attributes:
        name: what to call the policy; None leaves it to the library.
        environment: where the policy is to act; None leaves it to the library, and then to nobody.
        normalize: statistics of observations: None looks for them, False means none on purpose, else a file or a
            live object of the library.
        normalized: whether the agent was trained on normalized observations; None where nothing says.
        dtype: of encoded observations and scores; None is the library's own.
        notes: caveats that go into the policy's source.
        trust: the sha256 of each file that may run code, 64 hexadecimal digits each; every one must be that of a file
            in the source or beside it. Nothing is run because safe reading failed.
    """

    name: str | None = None
    environment: EnvInfo | None = None
    normalize: Any = None
    normalized: bool | None = None
    dtype: torch.dtype | None = None
    notes: tuple[str, ...] = ()
    trust: frozenset[str] = frozenset()


class Library(Protocol):
    """What a module must offer to be a policy library."""

    def claims(self, source: object) -> bool:
        """Whether `source`, a path or a live object, is this library's."""
        ...

    def load(self, source: Any, known: LoadOptions) -> Policy:
        """The policy in a source that was claimed."""
        ...


def find_library(source: object) -> Library:
    """The library that claims a source: other people's packages are asked first, PyTorch's modules come last.

    A package that cannot be imported, or fails when it is asked, is passed over with a warning that names it.

    Raises:
        ArgumentError: none claims it; the message says what a file or a folder seems to be, and names the libraries
            that were asked about anything else.
    """
    return _claiming(source)[0]


def policy_of(source: Any, known: LoadOptions) -> Policy:
    """The policy in a source, by the library that claims it.

    Raises:
        PluginError: another package claims it, and fails to load it.
        RltoolsError: whatever the library and `find_library` raise.
    """
    library, point = _claiming(source)
    if known.trust and not getattr(library, "RUNS_TRUSTED_FILES", False):
        raise ArgumentError(
            f"trust (--trust) is for models of Stable-Baselines3, and {source} is none, {described(source)}"
        )
    return library.load(source, known) if point is None else load_by_guest(point, library, source, known)


def _claiming(source: object) -> tuple[Library, EntryPoint | None]:
    """The library that claims a source, and the entry point of another package that it is behind."""
    guests = sorted(others(GROUP).items())
    for _, point in guests:
        if guest := claiming_guest(point, source):
            return guest, point
    own = _own()
    for name in own:
        library = cast("Library", import_module(f"{GROUP}.{name}"))
        if library.claims(source):
            return library, None
    if isinstance(source, Path):
        raise ArgumentError(f"no policy can be made of the path {source}, {described(source)}")
    if kind := object_kind(source):
        raise ArgumentError(f"no policy can be made of {kind}")
    raise ArgumentError(
        f"no policy can be made of a {type(source).__module__}.{type(source).__name__}{_nearly(source)}; tried were "
        f"{', '.join([*(name for name, _ in guests), *own])}. Give the name of an agent, its folder, a model's .zip, "
        f"a live model, or a TorchPolicy around your own network"
    )


def _own() -> list[str]:
    """The libraries that lie here: every file or folder with a function `claims`."""
    modules = [name for name in modules_in(GROUP) if not name.startswith("_")]
    return [name for name in modules if hasattr(import_module(f"{GROUP}.{name}"), "claims")]


def _nearly(source: object) -> str:
    """What a class of the user's own still lacks to be a policy; "" of anything that is far from being one."""
    from rltools.policies.base import missing_members

    missing, every = missing_members(source), missing_members(object())
    return f", which lacks {', '.join(missing)} of a Policy" if 2 * len(missing) < len(every) else ""
