"""Exporters and importers: a file of this room each, found by its place.

A file `name.py` has a function `write(recording, out, *, overwrite, **options)` declared with `@exporter`, or a
function `read(source)` declared with `@importer`, or both. Other packages offer such a module under the entry-point
group `rltools.integrations`. Nothing else knows which formats there are.
"""

from __future__ import annotations

import inspect
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from rltools._util.discovery import entry_points_of, load_entry_point, load_member, modules_in, unknown_name
from rltools._util.files import os_errors_as, to_disk
from rltools._util.text import did_you_mean, one_line
from rltools.errors import ArgumentError, ConflictError, PluginError, RecordingError, RltoolsError, argument
from rltools.recording import Recording, check_recording

if TYPE_CHECKING:
    from rltools.integrations._data import Data

PACKAGE = "rltools.integrations"
Function = TypeVar("Function", bound=Callable[..., Any])


@dataclass(frozen=True)
class Format:
    """What a file of this room declares.

    Attributes:
        title: what it writes, or reads, in words.
        place: what `out` is, or what stands after `name:` in a source, for instance "the id of the data set".
        extra: the extra of this package that installs what it needs; "" if it needs nothing more.
        default: the `out` of a recording, if none is given; None for an importer.
    """

    title: str
    place: str
    extra: str = ""
    default: Callable[[Recording], str] | None = None


def exporter(
    title: str, *, place: str, default: Callable[[Recording], str], extra: str = ""
) -> Callable[[Function], Function]:
    """Declare the function `write` of a file, which writes a recording in another format.

    It takes `(recording, out, *, overwrite, **options)`, returns where the result is, and leaves nothing behind if it
    fails. Its keyword arguments with defaults are the options that `--set` takes.

    Args:
        title: what it writes, in words.
        place: what `out` is.
        default: the `out` of a recording, if none is given.
        extra: the extra of this package that installs what it needs.

    Example:
        >>> from rltools.integrations import exporter
        >>> @exporter("a table", place="the path of the file", default=lambda recording: "steps.csv")
        ... def write(recording, out, *, overwrite=False):
        ...     "A row for each step."
        ...     recording.to_pandas().to_csv(out)
        ...     return out
        >>> write.declared.place
        'the path of the file'
    """
    return _declared(Format(title, place, extra, default))


def importer(title: str, *, place: str, extra: str = "") -> Callable[[Function], Function]:
    """Declare the function `read` of a file, which opens a data set as a `Data`.

    It takes what stands after `name:` in a source, and must not execute anything that the data set says.

    Args:
        title: what it reads, in words.
        place: what stands after `name:`.
        extra: the extra of this package that installs what it needs.

    Example:
        >>> from rltools.integrations import importer
        >>> @importer("files of NumPy", place="the path of a folder")
        ... def read(source):
        ...     "One file for each episode."
        >>> read.declared.title
        'files of NumPy'
    """
    return _declared(Format(title, place, extra))


def _declared(declaration: Format) -> Callable[[Function], Function]:
    def declare(function: Function) -> Function:
        function.declared = declaration  # type: ignore[attr-defined]
        return function

    return declare


def format_names() -> tuple[str, ...]:
    """The names of all formats, in alphabetical order, without loading any.

    Example:
        >>> from rltools.integrations import format_names
        >>> {"minari", "zarr"} <= set(format_names())
        True
    """
    own = (name for name in modules_in(PACKAGE) if not name.startswith("_"))
    return tuple(sorted({*own, *entry_points_of(PACKAGE)}))


def exporters() -> dict[str, Callable[..., str]]:
    """The function of each format that can be written, by name.

    Raises:
        PluginError: the file of a format cannot be loaded.

    Example:
        >>> from rltools.integrations import exporters
        >>> exporters()["zarr"].declared.extra
        'zarr'
    """
    return {name: function for name in format_names() if (function := _function(name, "write"))}


def importers() -> dict[str, Callable[[str], Data]]:
    """The function of each format that can be read, by name.

    Raises:
        PluginError: the file of a format cannot be loaded.

    Example:
        >>> from rltools.integrations import importers
        >>> importers()["minari"].declared.place
        'the id of a local data set'
    """
    return {name: function for name in format_names() if (function := _function(name, "read"))}


def _function(name: str, role: str) -> Callable[..., Any] | None:
    """The function of a format that has this role; None if it has none.

    Raises:
        PluginError: its file cannot be loaded, or the function is not declared.
    """
    if point := entry_points_of(PACKAGE).get(name):
        function = getattr(load_entry_point(point), role, None)
    else:
        load_member(f"{PACKAGE}.{name}", "__doc__")
        function = getattr(import_module(f"{PACKAGE}.{name}"), role, None)
    if function is not None and not isinstance(getattr(function, "declared", None), Format):
        raise PluginError(f"the function {role} of the format {name} is not declared; put @exporter or @importer above")
    return function


def export(
    recording: Recording, to: str, out: str | Path | None = None, *, overwrite: bool = False, **options: Any
) -> str:
    """Write a recording, with its attributions, in the format of another tool.

    Nothing half-written is left behind: a file or folder appears whole or not at all.

    Args:
        recording: the recording.
        to: the name of the format: "lerobot", "minari", "mlflow", "rerun", "wandb" or "zarr".
        out: where to write; a path, or for services and libraries that keep data sets themselves a name. None is the
            format's own choice.
        overwrite: replace what is there.
        options: options of the format, for instance `jpeg=True` of "minari".

    Returns:
        Where the result is, as text: a path, an id or an address.

    Raises:
        UnknownNameError: there is no such format.
        ArgumentError: the format cannot be written, does not take an option, or needs a package that is not installed;
            or the recording has no episodes.
        ConflictError: there is something already.
        RecordingError: it cannot be written there.

    Example:
        >>> import rltools
        >>> policy = rltools.load_policy("cartpole-ppo")
        >>> recording = rltools.explain(rltools.record(policy, episodes=2, max_steps=40), policy, method="gradient")
        >>> rltools.export(recording, "zarr", "poles.zarr")
        'poles.zarr'
    """
    check_recording(recording)
    writers = exporters()
    if to not in writers:
        raise unknown_name("format to export to", str(to), writers)
    if not recording.outcomes():
        raise ArgumentError(f"{recording.directory} has no episodes to export; record some first")
    write = writers[to]
    declared: Format = write.declared  # type: ignore[attr-defined]
    place = str(out) if out is not None else declared.default(recording) if declared.default else ""
    chosen = _checked(to, write, options)
    try:
        return write(recording, place, overwrite=overwrite, **chosen)
    except RltoolsError:
        raise
    # The library of another tool writes here, and may raise anything.
    except Exception as error:
        raise RecordingError(
            f"{to} could not write {recording.directory} to {place} ({type(error).__name__}: "
            f"{one_line(error)[:300]}); nothing was left there"
        ) from error


def _checked(name: str, write: Callable[..., Any], options: dict[str, Any]) -> dict[str, Any]:
    """The options of a format, each of the type of its default."""
    parameters = inspect.signature(write).parameters.values()
    defaults = {
        each.name: each.default
        for each in parameters
        if each.kind is inspect.Parameter.KEYWORD_ONLY and each.name != "overwrite"
    }
    for option, value in options.items():
        if option not in defaults:
            raise ArgumentError(
                f"{name} takes no option {option!r}; {did_you_mean(option, defaults)}"
                if defaults
                else f"{name} takes no options, and {option!r} is one; leave it out"
            )
        default = defaults[option]
        fits = isinstance(value, int | float) and not isinstance(value, bool)
        if not (fits if isinstance(default, float) else type(value) is type(default)):
            kind = "a number" if isinstance(default, float) else type(default).__name__
            raise ArgumentError(
                f"the option {option} of {name} is {value!r:.80}; it must be {kind}, such as {default!r}"
            )
    return options


def required(module: str, extra: str) -> Any:
    """A module of a package that an extra installs.

    Raises:
        ArgumentError: it cannot be imported; the message has the line that installs it.

    Example:
        >>> from rltools.integrations import required
        >>> required("no_such_library", "zarr")
        Traceback (most recent call last):
            ...
        rltools.errors.ArgumentError: no_such_library cannot be imported (...); pip install 'rltools-attribution[zarr]'
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise ArgumentError(
            f"{module.partition('.')[0]} cannot be imported ({one_line(error)}); "
            f"pip install 'rltools-attribution[{extra}]'"
        ) from None


@contextmanager
def appearing_whole(path: Path, *, overwrite: bool) -> Iterator[Path]:
    """Yield a temporary path beside `path`; the file or folder there takes its final name at the end, if all went well.

    Raises:
        ConflictError: there is something at `path`, and it is not to be replaced.
        RecordingError: the folder around it cannot be written to.

    Example:
        >>> from pathlib import Path
        >>> from rltools.integrations import appearing_whole
        >>> with appearing_whole(Path("numbers.txt"), overwrite=False) as path:
        ...     size = path.write_text("1 2 3")
        ...     print(Path("numbers.txt").exists())
        False
        >>> Path("numbers.txt").read_text()
        '1 2 3'
    """
    if path.exists() and not overwrite:
        raise ConflictError(f"{path} exists; choose another place, or replace it with {argument('overwrite', True)}")
    temporary, aside = (path.with_name(f".unfinished-{name}{path.name}") for name in ("", "old-"))
    try:
        with os_errors_as(path.parent):
            path.parent.mkdir(parents=True, exist_ok=True)
            _remove(temporary)  # of an export that was killed
            yield temporary
            _all_to_disk(temporary)
            if path.exists():
                path.rename(aside)
            temporary.rename(path)
    finally:
        with suppress(OSError):  # the error that led here is to be reported
            _remove(temporary)
            _remove(aside)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _all_to_disk(path: Path) -> None:
    for file in [path] if path.is_file() else [each for each in path.rglob("*") if each.is_file()]:
        to_disk(file)
