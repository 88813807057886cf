"""An episode as a video."""

from __future__ import annotations

import math
from numbers import Real
from pathlib import Path

from rltools._util.files import atomic_write, os_errors_as
from rltools._util.progress import progress_bar
from rltools.errors import ArgumentError, RecordingError
from rltools.recording import Recording, as_path, check_recording
from rltools.videos._frames import frames
from rltools.videos._gif import SAMPLED, write_gif
from rltools.videos._movie import MOVIES, movie_library, write_movie
from rltools.videos._pen import HIGH, WIDE
from rltools.videos._scene import Scene, scene_of
from rltools.videos._timing import Timing, pace, timing

_SUFFIXES = (*MOVIES, ".gif")
_NARROWEST, _WIDEST = 640, 3840


def video(
    recording: Recording,
    episode: int,
    path: str | Path,
    *,
    method: str | None = None,
    target: str | None = None,
    speed: float | None = None,
    width: int = 1280,
    fps: float | None = None,
    progress: bool = False,
) -> Path:
    """Write an episode as a video: pictures, attributions, actions, and the whole episode with a moving line.

    It shows what a replay page shows first: the method that predicts best, of those that explain every step, the
    features that matter most in this episode, gradients times the standard deviation of their feature. Where nothing
    was explained it shows the rest.

    An `.mp4` or `.webm` shows each step in one picture, or in several where there are fewer than 10 steps a second;
    every nth step where there are more than 60. A `.gif` repeats for ever and shows every nth step: at most 12.5
    pictures a second and 250 altogether, unless `fps` asks for more. The last step is always shown, and held for a
    second.

    Args:
        recording: where the episode is.
        episode: its number.
        path: of the file, which appears whole or not at all; its ending says which kind: .mp4, .webm or .gif. Its
            folder is made where there is none.
        method: which attribution to show, where several were recorded; None is the best predictor of those that explain
            every step, where any does.
        target: as text, likewise; of a target of several scalars the one with the largest attributions is shown.
        speed: 1 is real time, which the environment says where frames were kept, else 30 steps a second; 0.2 is a
            fifth of it. None is real time, slowed down so that a short episode lasts four seconds, but to no fewer than
            two steps a second.
        width: of the picture in pixels, even or made so; the height follows, 16 to 9.
        fps: pictures a second, at the same speed.
        progress: show a progress bar.

    Returns:
        The path.

    Raises:
        ArgumentError: an unknown ending, PyAV is not installed, or a number that cannot be meant.
        UnknownNameError: no such episode.
        RecordingError: the episode has no steps, no attribution fits, or none of this episode yet; or the folder cannot
            be written to.
        CorruptError: a file of the recording is damaged.

    Example:
        >>> import rltools
        >>> policy = rltools.load_policy("cartpole-ppo")
        >>> recording = rltools.record(policy, episodes=1, max_steps=4)
        >>> rltools.explain(recording, policy)
        Recording(...)
        >>> rltools.video(recording, 0, "poles.gif", width=640).name
        'poles.gif'
    """
    check_recording(recording)
    path = as_path(path, "the path of the video")
    suffix = check_possible(path)
    size = _size(width)
    check_speed(speed)
    _check_steps(recording, episode)
    scene = scene_of(recording, episode, method, target)
    rate = pace(len(scene.episode), scene.rate, speed)
    plan = timing(len(scene.episode), rate, fps, gif=suffix == ".gif")
    with os_errors_as(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        with (
            atomic_write(path) as temporary,
            progress_bar(f"video of episode {episode}", len(plan.steps), show=progress, unit="picture") as done,
        ):
            images = frames(scene, plan.steps, size, _in_words(scene, rate))
            if suffix == ".gif":
                some = list(frames(scene, _spread(plan), size, _in_words(scene, rate)))
                write_gif(temporary, images, some, plan.fps, len(plan.steps), done)
            else:
                write_movie(temporary, suffix, images, size, plan.fps, done)
    return path


def check_possible(path: Path) -> str:
    """Whether a video of this name can be written here; returns its ending.

    Raises:
        ArgumentError: an unknown ending, or PyAV is not installed.
    """
    suffix = path.suffix.lower()
    if suffix not in _SUFFIXES:
        raise ArgumentError(f"{path.name} does not end as a video does; choose one of {', '.join(_SUFFIXES)}")
    if suffix in MOVIES:
        movie_library(path)
    return suffix


def check_speed(speed: float | None) -> None:
    """Whether a video can be played so fast.

    Raises:
        ArgumentError: it cannot.
    """
    if speed is not None and not (isinstance(speed, Real) and math.isfinite(speed) and speed > 0):
        raise ArgumentError(f"speed={speed!r}; give a number above 0, 1 for real time")


def _size(width: int) -> tuple[int, int]:
    if not isinstance(width, Real) or not _NARROWEST <= width <= _WIDEST:
        raise ArgumentError(f"width={width!r} pixels; give a whole number from {_NARROWEST} to {_WIDEST}")
    return int(width) + int(width) % 2, 2 * round(width * HIGH / WIDE / 2)


def _check_steps(recording: Recording, episode: int) -> None:
    outcome = recording.outcome(episode)
    if outcome.steps == 0:
        why = f" ({outcome.fault})" if outcome.fault else ""
        raise RecordingError(
            f"episode {episode} of {recording.directory} has no steps{why}, so there is nothing to show; choose another"
        )


def _in_words(scene: Scene, rate: float) -> str:
    text = f"{rate:.3g} steps/s"
    if not scene.rate_known:
        return text
    return f"{text}, {'real time' if rate == scene.rate else f'{rate / scene.rate:.3g} × real time'}"


def _spread(plan: Timing) -> list[int]:
    """Some of the steps, from the first to the last."""
    last = len(plan.steps) - 1
    return [plan.steps[round(at * last / (SAMPLED - 1))] for at in range(SAMPLED)]
