"""Writes replay pages of a recording's episodes, and renders frames first if the environment can be rendered."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rltools.pages.replay.links import links_beside, replay_file
from rltools.pages.replay.page import same_seeds, write_replay
from rltools.recording import Recording, every_step_order
from rltools.recording.folders import short_name
from rltools.rollout.render import add_frames

if TYPE_CHECKING:
    from rltools.envs import Environment


def replay_episodes(
    recording: Recording,
    numbers: Sequence[int],
    env: Environment | None = None,
    *,
    frames: bool = True,
    modules: Sequence[str] = (),
    progress: bool = False,
    report: bool = False,
) -> None:
    """Render the frames of some episodes of a recording, and write `replays/episode-000012.html` of each.

    Args:
        recording: a complete recording with attributions.
        numbers: the numbers of the episodes.
        env: the environment as it was passed to `record`.
        frames: whether to show the environment, rendered now if need be; False leaves out recorded frames, too.
        modules: modules to import because they register environments.
        progress: show a progress bar.
        report: whether the page of the run is about to be written, so that replays can link to it.
    """
    if frames:
        add_frames(recording, numbers, env, modules, progress=progress)
    recording = recording if frames else recording.without_frames()
    for number in numbers:
        path = replay_file(recording, number)
        links = links_beside(recording, path, number, numbers, report=report)
        write_replay(recording, number, path, links=links)


def replay_episode(
    recording: Recording,
    number: int | Sequence[int],
    path: Path | None = None,
    *,
    method: str | None = None,
    target: str | None = None,
    beside: Recording | None = None,
    frames: bool = True,
    modules: Sequence[str] = (),
) -> Path:
    """Write the replay of one or several episodes; frames that the recording lacks are rendered first.

    Args:
        recording: the recording of the episodes.
        number: the number of the episode, or the numbers of several.
        path: the path of the page; in `replays` of the recording by default.
        method: see `replay`.
        target: see `replay`.
        beside: see `replay`.
        frames: whether to show the environment, rendered now if need be; False leaves out recorded frames, too.
        modules: modules to import because they register environments.

    Returns:
        The path.

    Raises:
        RltoolsError: an error of `replay`. An environment that cannot be rendered is only a warning.
    """
    numbers = [number] if isinstance(number, int) else list(number)
    for each in numbers:
        recording.outcome(each)  # raises before anything is rendered
    if method is not None or target is not None:
        every_step_order(recording, method, target)  # raises early, too
    others = [] if beside is None else same_seeds(recording, numbers, beside)
    if frames:
        add_frames(recording, numbers, None, modules, progress=False)
    if frames and beside is not None:
        add_frames(beside, others, None, modules, progress=False)
    if not frames:
        recording = recording.without_frames()
        beside = None if beside is None else beside.without_frames()
    path = path or _path(recording, *numbers, beside=beside)
    return write_replay(recording, number, path, method=method, target=target, beside=beside)


def _path(recording: Recording, *numbers: int, beside: Recording | None = None) -> Path:
    which = f"episode{'s' if len(numbers) > 1 else ''}-{'-'.join(f'{number:06d}' for number in numbers)}"
    other = "" if beside is None else f"-beside-{beside.directory.resolve().name}"
    return recording.directory / "replays" / f"{short_name(which + other)}.html"
