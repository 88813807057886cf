"""Opens a folder as a recording."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rltools.attributions import is_control
from rltools.errors import ArgumentError, RecordingError
from rltools.recording._header import read_header
from rltools.recording._recording import Recording
from rltools.recording.attribution import AttributionSpec
from rltools.recording.specs import headline_rank


def open_recording(path: str | Path) -> Recording:
    """Open the recording in a folder, without reading its episodes.

    Raises:
        ArgumentError: `path` is not a path.
        RecordingError: there is no recording, or it cannot be read.
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


def check_recording(value: Any) -> None:
    """Refuse an argument that is not a recording.

    Raises:
        ArgumentError: it is something else.

    >>> check_recording("runs/poles")
    Traceback (most recent call last):
    rltools.errors.ArgumentError: a str ('runs/poles') is not a recording; open it first: ...
    """
    if isinstance(value, Recording):
        return
    if isinstance(value, str | Path):
        name = str(value)[:200]
        raise ArgumentError(
            f"a {type(value).__name__} ({name!r}) is not a recording; open it first: rltools.open_recording({name!r})"
        )
    raise ArgumentError(
        f"a {type(value).__name__} is not a recording; pass one, as rltools.open_recording(path) or "
        f"rltools.record(...) returns"
    )


def as_path(value: Any, name: str) -> Path:
    """An argument as a path.

    Args:
        value: a string or a path.
        name: of the argument, for the message.

    Raises:
        ArgumentError: it is something else.

    >>> as_path(3, "the folder of a recording")
    Traceback (most recent call last):
    rltools.errors.ArgumentError: the folder of a recording must be a str or a pathlib.Path, not 3 (int)
    """
    if isinstance(value, str | Path):
        return Path(value)
    if isinstance(value, Recording):
        raise ArgumentError(f"{name} must be a path, and a Recording was given, which is open already; use it as it is")
    try:
        text = value.__fspath__()
    except Exception:
        text = None
    if isinstance(text, str):
        return Path(text)
    raise ArgumentError(f"{name} must be a str or a pathlib.Path, not {value!r:.80} ({type(value).__name__})")


def every_step_first(recording: Recording, method: str | None = None, target: str | None = None) -> str:
    """The key of the attribution to show first, preferably one that explains every step.

    An attribution of one step in 27 leaves a replay empty most of the time. A method that is requested by name, and a
    recording in which no attribution explains every step, are shown as they are.

    Raises:
        ArgumentError: `recording` is not a recording.
        RecordingError: nothing matches.
    """
    check_recording(recording)
    return _every_step(recording, recording.find(method, target), method, target)


def every_step_order(recording: Recording, method: str | None = None, target: str | None = None) -> list[str]:
    """The keys of all attributions that match: the one of `every_step_first`, then the others in order of precedence.

    Several that differ only in other settings, such as references, are not an error: all of them are shown.

    Raises:
        ArgumentError: `recording` is not a recording.
        RecordingError: nothing matches.
    """
    check_recording(recording)
    matching = recording.find_all(method, target)
    first = _every_step(recording, matching[0] if matching else recording.find(method, target), method, target)
    return [first, *(key for key in matching if key != first)]


def _every_step(recording: Recording, first: str, method: str | None, target: str | None) -> str:
    preferred = recording.spec(first)
    if method is not None or preferred.every == 1:
        return first
    specs = {
        key: spec
        for key, spec in recording.specs.items()
        if _explains_every_step(spec, target) and _as_telling(spec, preferred) and recording.is_complete(key)
    }

    def precedence(key: str) -> tuple[bool, int, str]:
        return specs[key].target != preferred.target, headline_rank(specs[key]), specs[key].target

    return min(specs, key=precedence, default=first)


def _as_telling(spec: AttributionSpec, preferred: AttributionSpec) -> bool:
    """Whether it keeps what the preferred one tells: the factors of choices, and the score explained by them."""
    return not preferred.decoded or (spec.decoded and spec.target == preferred.target)


def _explains_every_step(spec: AttributionSpec, target: str | None) -> bool:
    """Whether it explains the current observation of every step, and is not a control, whose unit is ranks."""
    return target in (None, spec.target) and not spec.window and spec.every == 1 and not is_control(spec.unit)
