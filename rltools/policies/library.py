"""The libraries whose models become policies: one file or folder each, found by its place.

A library is a module with two functions, here or behind an entry point of the group `rltools.policies`:

```
def claims(source: object) -> bool: ...                    # whether this is one of its files, folders or live objects
def load(source: Any, options: LoadOptions) -> Policy: ... # its policy
```
"""

from __future__ import annotations

import warnings
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from importlib import import_module
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

from rltools._util.console import whole_text
from rltools._util.discovery import PluginWarning, entry_points_of, load_entry_point, modules_in, origin
from rltools._util.text import one_line
from rltools.errors import ArgumentError, PluginError, RltoolsError, argument
from rltools.policies.kinds import described
from rltools.policies.kinds_of_objects import object_kind
from rltools.policies.naming import Naming

if TYPE_CHECKING:
    import torch

    from rltools.policies.base import Policy
    from rltools.policies.env_info import EnvInfo

GROUP = "rltools.policies"
COMMON_NAMES = (
    *("actor", "agent", "best", "best_agent", "best_model", "checkpoint", "final", "final_model", "last", "latest"),
    *("model", "network", "policy", "weights"),
)
"""Names of files that tell nothing of the agent, because everybody's are called so."""
OPTIONAL = ("layout", "activation", "strides", "head")
"""Options that only some libraries take; see `Library`."""


@dataclass(frozen=True)
class LoadOptions:
    """How a source is to be loaded, and what is already known about it.

    Attributes:
        name: what to call the policy; None leaves it to the library.
        environment: where the policy is to act; None if the library has to find out.
        from_model_card: whether the environment is only what the model card of a hub says.
        normalize: statistics of observations: None looks for them, False means none on purpose, else a file or a
            live object of the library.
        normalized: whether the agent was trained on normalized observations; None if unknown.
        dtype: of encoded observations and scores; None is the library's own.
        notes: caveats that go into the policy's source.
        trust: the sha256 of each file that may run code, 64 hexadecimal digits each; every one must belong to a file
            in the source or beside it. Nothing is run just because reading it safely failed.
        naming: the caller's names of features and actions, for an environment that the library finds itself, see
            `in_environment`; one that is known has them already.
        layout: see `load_policy`.
        activation: see `load_policy`.
        strides: see `load_policy`.
        head: see `load_policy`.
        check: see `load_policy`.
    """

    name: str | None = None
    environment: EnvInfo | None = None
    from_model_card: bool = False
    normalize: Any = None
    normalized: bool | None = None
    dtype: torch.dtype | None = None
    notes: tuple[str, ...] = ()
    trust: frozenset[str] = frozenset()
    layout: str | None = None
    activation: str | None = None
    strides: tuple[int, ...] | None = None
    head: str | None = None
    check: Any = None
    naming: Naming = field(default_factory=Naming)

    def name_of(self, path: Path) -> str:
        """The name of the policy in a file: the caller's, else the file's, after its folder's if many files share it.

        >>> LoadOptions().name_of(Path("runs/winter/model.zip")), LoadOptions().name_of(Path("runs/hopper.zip"))
        ('winter-model', 'hopper')
        """
        folder = path.absolute().parent.name
        if self.name is not None or path.stem.lower() not in COMMON_NAMES or not folder:
            return whole_text(self.name or path.stem)
        return whole_text(f"{folder}-{path.stem}")

    def in_environment(self, environment: EnvInfo) -> LoadOptions:
        """The same options in an environment, whose features and actions get the caller's names.

        Raises:
            ArgumentError: another number of names than there are features or actions.
            UnknownNameError: a mapping from a name that there is not.
        """
        return replace(self, environment=self.naming.env_info(environment), naming=Naming())


def statistics_text(normalize: Any) -> str:
    """A short name of statistics: their path, the last two parts of an absolute one, or the class of a live object.

    >>> statistics_text(Path("/home/me/winter/vecnormalize.pkl")), statistics_text({"mean": 0})
    ('winter/vecnormalize.pkl', 'a live dict')
    """
    if not isinstance(normalize, (str, Path)):
        return f"a live {type(normalize).__name__}"
    path = Path(normalize)
    return whole_text("/".join(path.parts[-2:]) if path.is_absolute() else path.as_posix())


class Library(Protocol):
    """The functions that a module must offer to be a policy library.

    A library that can run trusted files (`LoadOptions.trust`) says so with `RUNS_TRUSTED_FILES = True`; one of rltools
    itself that claims whatever the others do not, with `CLAIMS_LAST = True`. The options of `OPTIONAL` that it takes
    are in `TAKES`; one that takes `check` compares the outputs itself. A function `inspection(path)` gives the rows, a
    term and a text each, that `rltools inspect` shows of a path that it claims.
    """

    def claims(self, source: object) -> bool:
        """Whether `source`, a path or a live object, belongs to this library."""
        ...

    def load(self, source: Any, options: LoadOptions) -> Policy:
        """The policy in a source that was claimed."""
        ...


def policy_of(source: Any, options: LoadOptions) -> Policy:
    """The policy in a source, by the library that claims it: other packages are asked first, plain modules come last.

    A package that cannot be imported, or whose `claims` fails, is skipped with a warning that names it.

    Raises:
        ArgumentError: no library claims it; the message says what a file or folder seems to be, and for other objects
            which libraries were tried. Or files are trusted and the library runs none.
        PluginError: another package claims it, and fails to load it.
        RltoolsError: whatever the library raises.
    """
    claimant = _claimant(source)
    if options.trust and (claimant is None or not getattr(claimant[0], "RUNS_TRUSTED_FILES", False)):
        raise ArgumentError(
            f"trust (--trust) is for files that run code, models of Stable-Baselines3 and TorchScript programs, and "
            f"{source} is neither: {described(source) if claimant is None else 'it is read without running anything'}"
        )
    if claimant is None:
        raise _unclaimed(source)
    library, point = claimant
    takes = getattr(library, "TAKES", ())
    _check_taken(source, options, takes)
    policy = library.load(source, options) if point is None else _load_by_plugin(point, library, source, options)
    if options.check is not None and "check" not in takes:
        from rltools.policies.check import check_outputs

        check_outputs(policy, options.check)
    return policy


def inspection_of(path: Path) -> list[tuple[str, str]] | None:
    """What the library that claims a path shows of it; None if none claims it, or the library shows nothing.

    Raises:
        RltoolsError: whatever the library raises.
    """
    claimant = _claimant(path)
    show = None if claimant is None else getattr(claimant[0], "inspection", None)
    return None if show is None else show(path)


def _check_taken(source: object, options: LoadOptions, takes: Collection[str]) -> None:
    """Refuse options that a library would ignore."""
    for name in OPTIONAL:
        if getattr(options, name) is not None and name not in takes:
            what = str(source) if isinstance(source, Path) else f"a {type(source).__name__}"
            raise ArgumentError(
                f"{name} is for files of weights alone{' and graphs' if name == 'head' else ''}, and {what} describes "
                f"its own network; give no {argument(name)}"
            )


def _claimant(source: object) -> tuple[Library, EntryPoint | None] | None:
    """The library that claims a source, with its entry point if it is in another package; None if none does."""
    for _, point in sorted(entry_points_of(GROUP).items()):
        if plugin := _claiming_plugin(point, source):
            return plugin, point
    libraries = (cast("Library", import_module(f"{GROUP}.{name}")) for name in _own())
    return next(((library, None) for library in libraries if library.claims(source)), None)


def _unclaimed(source: object) -> ArgumentError:
    """The error for a source that no library claims."""
    if isinstance(source, Path):
        return ArgumentError(f"no policy can be made from the path {source}, {described(source)}")
    if kind := object_kind(source):
        return ArgumentError(f"no policy can be made from {kind}")
    return ArgumentError(
        f"no policy can be made from a {type(source).__module__}.{type(source).__name__}{_nearly(source)}; tried: "
        f"{', '.join([*sorted(entry_points_of(GROUP)), *_own()])}. Give the name of an agent, its folder, a model's "
        f".zip, a live model, or a TorchPolicy around your own network"
    )


def _own() -> list[str]:
    """The libraries of rltools itself: every public file or folder of this room that has a function `claims`."""
    modules = {name: import_module(f"{GROUP}.{name}") for name in modules_in(GROUP) if not name.startswith("_")}
    libraries = [name for name, module in modules.items() if hasattr(module, "claims")]
    return sorted(libraries, key=lambda name: getattr(modules[name], "CLAIMS_LAST", False))


def _nearly(source: object) -> str:
    """Says what a user's own class still lacks to be a policy; "" for anything that is far from being one."""
    from rltools.policies.base import missing_members

    missing, required = missing_members(source), missing_members(object())
    return f", which lacks {', '.join(missing)} of a Policy" if 2 * len(missing) < len(required) else ""


def _claiming_plugin(point: EntryPoint, source: object) -> Library | None:
    """The library behind an entry point, if it claims a source; None, with a warning, if it fails."""
    try:
        library: Library = load_entry_point(point)
        return library if library.claims(source) else None
    except PluginError as error:
        reason = str(error)
    except RltoolsError:
        raise
    except Exception as error:
        reason = f"{_titled(point)} cannot say whether it knows a source: {_text(error)}; fix or uninstall it"
    warnings.warn(f"{reason}. It is left out", PluginWarning, stacklevel=4)
    return None


def _load_by_plugin(point: EntryPoint, library: Library, source: Any, options: LoadOptions) -> Policy:
    """The policy in a source that the library behind an entry point claimed.

    Raises:
        PluginError: it failed with an error that is not one of rltools, or returned something that is not a policy.
    """
    from rltools.policies.base import missing_members

    try:
        policy = library.load(source, options)
    except RltoolsError:
        raise
    except Exception as error:
        raise PluginError(f"{_titled(point)} failed to load {source}: {_text(error)}; fix or uninstall it") from error
    if missing := missing_members(policy):
        raise PluginError(
            f"{_titled(point)} made a {type(policy).__name__} of {source}, which lacks {', '.join(missing)} of "
            f"rltools.policies.base.Policy; rltools.testing.check_policy says what a policy must be"
        )
    return policy


def _titled(point: EntryPoint) -> str:
    return f"the policy library {point.name} ({origin(point)})"


def _text(error: Exception) -> str:
    return f"{type(error).__name__}: {one_line(error)[:300]}"
