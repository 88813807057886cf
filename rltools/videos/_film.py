"""Writes the video of an episode, and renders frames first if the recording has none."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rltools.recording import Recording
from rltools.rollout.render import add_frames
from rltools.videos._video import check_possible, check_speed, video


def film_episode(
    recording: Recording,
    number: int,
    path: Path,
    *,
    method: str | None = None,
    target: str | None = None,
    speed: float | None = None,
    frames: bool = True,
    modules: Sequence[str] = (),
    progress: bool = False,
) -> Path:
    """Write the video of one episode; frames that the recording lacks are rendered first.

    Args:
        recording: the recording of the episode.
        number: the number of the episode.
        path: see `video`.
        method: see `video`.
        target: see `video`.
        speed: see `video`.
        frames: whether to show the environment, rendered now if need be; False leaves out recorded frames, too.
        modules: modules to import because they register environments.
        progress: show progress bars.

    Returns:
        The path.

    Raises:
        RltoolsError: an error of `video`. An environment that cannot be rendered is only a warning.
    """
    # Before frames are rendered, which takes longer than the video.
    check_possible(path)
    check_speed(speed)
    recording.outcome(number)
    if method is not None or target is not None:
        recording.find(method, target)  # raises early, too
    if frames:
        add_frames(recording, [number], None, modules, progress=progress)
    recording = recording if frames else recording.without_frames()
    return video(recording, number, path, method=method, target=target, speed=speed, progress=progress)
