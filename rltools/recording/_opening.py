"""Opening a folder as a recording."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rltools.attributions import is_control
from rltools.errors import ArgumentError, RecordingError
from rltools.recording._header import read_header
from rltools.recording._recording import Recording
from rltools.recording.attribution import AttributionSpec
from rltools.recording.specs import HEADLINE


def open_recording(path: str | Path) -> Recording:
    """Open the recording in a folder, without reading its episodes.

    Raises:
        ArgumentError: something that is no path.
        RecordingError: there is none, or the system does not let us read it.
        FormatError: a newer version of rltools wrote it.
        CorruptError: its `recording.json` is damaged.

    Example:
        >>> import rltools
        >>> policy = rltools.load_policy("cartpole-ppo")
        >>> recording = rltools.record(policy, episodes=2, directory="runs/poles")
        >>> rltools.open_recording("runs/poles")
        Recording('runs/poles': 2 episodes of cartpole-ppo in CartPole-v1, explained: nothing)
    """
    directory = as_path(path, "the folder of a recording")
    path = directory / "recording.json"
    if not _is_file(path):
        usual = Path("runs") / directory
        next_step = f"did you mean {usual}?" if _is_file(usual / path.name) else "`rltools record` makes one"
        raise RecordingError(f"no recording in {directory}: {path.name} is missing; {next_step}")
    header, seal = read_header(path)
    return Recording(directory, header, seal=seal)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError) as error:  # a name that is too long, or that no system takes
        cause = getattr(error, "strerror", None) or error
        name = str(path.parent)[:200]
        raise RecordingError(f"cannot open {name!r}: {cause}; name the folder of a recording") from error


def check_recording(given: Any) -> None:
    """Refuse what is no recording.

    Raises:
        ArgumentError: it is not.

    >>> check_recording("runs/poles")
    Traceback (most recent call last):
    rltools.errors.ArgumentError: a str ('runs/poles') is no recording; open it first: ...
    """
    if isinstance(given, Recording):
        return
    if isinstance(given, str | Path):
        name = str(given)[:200]
        raise ArgumentError(
            f"a {type(given).__name__} ({name!r}) is no recording; open it first: rltools.open_recording({name!r})"
        )
    raise ArgumentError(
        f"a {type(given).__name__} is no recording; give one, as rltools.open_recording(path) or rltools.record(...) "
        f"return it"
    )


def as_path(given: Any, what: str) -> Path:
    """A path that was given for something.

    Args:
        given: a text or a path.
        what: it is of, for the message.

    Raises:
        ArgumentError: something else.

    >>> as_path(3, "the folder of a recording")
    Traceback (most recent call last):
    rltools.errors.ArgumentError: the folder of a recording is a path, a text or a pathlib.Path, not 3, a int
    """
    if isinstance(given, str | Path):
        return Path(given)
    if isinstance(given, Recording):
        raise ArgumentError(f"{what} is a path, and a Recording was given, which is open already; use it as it is")
    try:
        name = given.__fspath__()
    except Exception:
        name = None
    if isinstance(name, str):
        return Path(name)
    raise ArgumentError(f"{what} is a path, a text or a pathlib.Path, not {given!r:.80}, a {type(given).__name__}")


def every_step_first(recording: Recording, method: str | None = None, target: str | None = None) -> str:
    """The folder name of the attribution that speaks first, and of those of every step where it is one of a sample.

    What explains one step of 27 leaves a replay empty most of the time. A method that is asked for by its name, and a
    recording in which nothing explains every step, are shown as they are.

    Raises:
        ArgumentError: what is given is no recording.
        RecordingError: nothing that fits was explained.
    """
    check_recording(recording)
    return _every_step(recording, recording.find(method, target), method, target)


def every_step_order(recording: Recording, method: str | None = None, target: str | None = None) -> list[str]:
    """The folder names of all attributions that fit: that of `every_step_first`, then the others as `fitting` has them.

    Several that differ only in other settings, say in their references, are no fault where all of them are shown.

    Raises:
        ArgumentError: what is given is no recording.
        RecordingError: nothing that fits was explained.
    """
    check_recording(recording)
    fitting = recording.fitting(method, target)
    first = _every_step(recording, fitting[0] if fitting else recording.find(method, target), method, target)
    return [first, *(key for key in fitting if key != first)]


def _every_step(recording: Recording, first: str, method: str | None, target: str | None) -> str:
    asked = recording.spec(first)
    if method is not None or asked.every == 1:
        return first

    def precedence(key: str) -> tuple[bool, int, str]:
        spec = recording.specs[key]
        place = HEADLINE.index(spec.method) if spec.method in HEADLINE else len(HEADLINE)
        return spec.target != asked.target, place, spec.target

    whole = [key for key, spec in recording.specs.items() if _whole(spec, target) and recording.complete(key)]
    return min(whole, key=precedence, default=first)


def _whole(spec: AttributionSpec, target: str | None) -> bool:
    """Whether it explains every step, of the moment, and is no control."""
    fits = target in (None, spec.target) and not spec.window
    return fits and spec.every == 1 and not is_control(spec.unit)
