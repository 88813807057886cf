"""Replay pages of a recording's episodes, with pictures where the environment can be drawn."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rltools.environments import spec_from_json
from rltools.errors import RltoolsError, SimulationError
from rltools.progress import progress_bar
from rltools.recording import Recording
from rltools.recording._files import numbered
from rltools.replaying._drawing import draw_episode, drawing_in
from rltools.replaying._process import draw_elsewhere
from rltools.replays import replay

if TYPE_CHECKING:
    from rltools.environments import Environment


class NoPicturesWarning(UserWarning):
    """An environment cannot be drawn; its replays show everything else."""


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
        numbers: of the episodes.
        env: as it was given to `record`.
        frames: whether to draw the environment where it was not yet.
        modules: to import for environments that they register.
        progress: show a progress bar.
    """
    if frames:
        _draw(recording, numbers, env, modules, progress=progress)
    for number in numbers:
        replay(recording, number, _path(recording, number))


def replay_episode(
    recording: Recording,
    number: int,
    path: Path | None = None,
    *,
    method: str | None = None,
    target: str | None = None,
    frames: bool = True,
    modules: Sequence[str] = (),
) -> Path:
    """Write the replay of one episode, with pictures that are drawn now where there are none.

    Args:
        recording: where the episode is.
        number: of the episode.
        path: of the page; in `replays` of the recording by default.
        method: as for `replay`.
        target: as for `replay`.
        frames: whether to draw the environment where it was not yet.
        modules: to import for environments that they register.

    Returns:
        The path.

    Raises:
        RltoolsError: whatever `replay` raises; that an environment cannot be drawn is a warning.
    """
    recording.outcome(number)  # an episode that is not there is no matter of drawing
    if frames:
        _draw(recording, [number], None, modules, progress=False)
    return replay(recording, number, path or _path(recording, number), method=method, target=target)


def _path(recording: Recording, number: int) -> Path:
    return recording.directory / "replays" / f"episode-{number:06d}.html"


def _draw(
    recording: Recording, numbers: Sequence[int], env: Environment | None, modules: Sequence[str], *, progress: bool
) -> None:
    """Add pictures to some episodes of a recording; where they cannot be drawn, one warning says why.

    An environment that has a specification is drawn in a process of its own, because a renderer without a screen can
    end the whole process. One that only a function makes, or that only this process knows, is drawn in this one.
    """
    there = set(numbered(recording.directory / "frames"))
    missing = [number for number in numbers if number not in there]
    try:
        steps = sum(recording.outcome(number).steps for number in missing)
        with progress_bar(f"draw {recording.header.policy}", steps, shown=progress) as advance:
            if steps and not (
                recording.header.environment and draw_elsewhere(recording.directory, missing, modules, advance)
            ):
                _draw_here(recording, missing, _recorded(recording, modules) if env is None else env, advance)
    except RltoolsError as error:
        # The numbers were recorded before, so that a replay has everything else to show.
        warnings.warn(f"frames could not be drawn ({error})", NoPicturesWarning, stacklevel=3)


def _recorded(recording: Recording, modules: Sequence[str]) -> Environment:
    if not recording.header.environment:
        raise SimulationError("the environment was made by a function, which a recording cannot hold")
    return spec_from_json(recording.header.environment, allowed_modules=modules)


def _draw_here(recording: Recording, numbers: Sequence[int], env: Environment, advance: Callable[[int], None]) -> None:
    with drawing_in(recording.directory):
        for number in numbers:
            draw_episode(recording, number, env, advance)
