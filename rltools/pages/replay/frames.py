"""Replay pages of a recording's episodes, with frames rendered where the environment can be rendered."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rltools.pages.replay.page import replay, same_seeds
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
) -> None:
    """Add pictures to some episodes of a recording, and write `replays/episode-000012.html` of each.

    Args:
        recording: complete and explained.
        numbers: the numbers of the episodes.
        env: the environment as it was passed to `record`.
        frames: whether to show the environment, drawn now where it was not yet; False leaves out kept pictures too.
        modules: modules to import because they register environments.
        progress: show a progress bar.
    """
    if frames:
        add_frames(recording, numbers, env, modules, progress=progress)
    recording = recording if frames else recording.without_frames()
    for number in numbers:
        replay(recording, number, _path(recording, number))


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
    """Write the replay of one or several episodes, with pictures that are drawn now where there are none.

    Args:
        recording: the recording of the episodes.
        number: the number of the episode; of several their numbers.
        path: the path of the page; in `replays` of the recording by default.
        method: see `replay`.
        target: see `replay`.
        beside: see `replay`.
        frames: whether to show the environment, drawn now where it was not yet; False leaves out kept pictures too.
        modules: modules to import because they register environments.

    Returns:
        The path.

    Raises:
        RltoolsError: whatever `replay` raises; that an environment cannot be drawn is a warning.
    """
    numbers = [number] if isinstance(number, int) else list(number)
    for each in numbers:
        recording.outcome(each)  # an episode that is not there is no matter of drawing
    if method is not None or target is not None:
        every_step_order(recording, method, target)  # before pictures are drawn: whether what is to be shown is there
    others = [] if beside is None else same_seeds(recording, numbers, beside)
    if frames:
        add_frames(recording, numbers, None, modules, progress=False)
    if frames and beside is not None:
        add_frames(beside, others, None, modules, progress=False)
    if not frames:
        recording = recording.without_frames()
        beside = None if beside is None else beside.without_frames()
    path = path or _path(recording, *numbers, beside=beside)
    return replay(recording, number, path, method=method, target=target, beside=beside)


def _path(recording: Recording, *numbers: int, beside: Recording | None = None) -> Path:
    which = f"episode{'s' if len(numbers) > 1 else ''}-{'-'.join(f'{number:06d}' for number in numbers)}"
    other = "" if beside is None else f"-beside-{beside.directory.resolve().name}"
    return recording.directory / "replays" / f"{short_name(which + other)}.html"
