"""Writes an episode as a video."""

from __future__ import annotations

import math
from importlib.util import find_spec
from numbers import Real
from pathlib import Path

from rltools._util.files import atomic_write, os_errors_as
from rltools._util.progress import progress_bar
from rltools.errors import ArgumentError, RecordingError
from rltools.pages.replay.data import frames_per_second
from rltools.recording import Recording, as_path, check_recording
from rltools.videos._encode import CODECS, timing, write_gif, write_movie


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
    """Write an episode as a video: frames, attributions, actions, and the whole episode with a moving line.

    The video shows what a replay page shows first, and the features that matter most in this episode. An `.mp4` or
    `.webm` has one frame per step; several below 10 steps per second, and one for every nth step above 60. A `.gif`
    loops forever and shows every nth step: at most 12.5 frames per second and 250 in total, unless `fps` asks for more.
    The last step is always shown, and held for a second.

    Args:
        recording: the recording of the episode.
        episode: its number.
        path: the path of the file, which appears whole or not at all: .mp4, .webm or .gif. Its folder is made if need
            be.
        method: which attribution to show; None is the best predictor, preferably one that explains every step.
        target: the target as text; None as for `method`. If it has several scalars, the one with the largest
            attributions is shown.
        speed: 1 is real time: the rate that the environment declares if frames were recorded, else 30 steps per second.
            None is real time, or slower so that a short episode lasts four seconds, but at least two steps per second.
        width: the width of the video in pixels, rounded to an even number; the aspect ratio is 16:9.
        fps: frames per second, at the same speed.
        progress: show a progress bar.

    Raises:
        ArgumentError: an unknown file extension, PyAV is not installed, or a number out of range.
        UnknownNameError: there is no such episode.
        RecordingError: the episode has no steps or no such attribution, or the folder cannot be written to.
        CorruptError: a file of the recording is damaged.

    Example:
        >>> import rltools
        >>> policy = rltools.load_policy("cartpole-ppo")
        >>> recording = rltools.explain(rltools.record(policy, episodes=1, max_steps=4), policy, method="gradient")
        >>> rltools.video(recording, 0, "poles.gif", width=640).name
        'poles.gif'
    """
    from rltools.videos._frame import frame  # with it comes matplotlib

    check_recording(recording)
    kind = check_video(path := as_path(path, "the path of the video"), speed)
    if not isinstance(width, Real) or not 640 <= width <= 3840:
        raise ArgumentError(f"width={width!r}; give a whole number of pixels from 640 to 3840")
    outcome, real = recording.outcome(episode), frames_per_second(recording, episode)
    if outcome.steps == 0:
        why = f" ({outcome.fault})" if outcome.fault else ""
        raise RecordingError(f"episode {episode} of {recording.directory} has no steps{why}; choose another")
    rate, fps, steps = timing(outcome.steps, real or 30.0, speed, fps, gif=kind == "gif")
    steps += [steps[-1]] * (0 if kind == "gif" else round(fps))  # a GIF can hold its last frame
    words = ", real time" if rate == real else f", {rate / real:.3g} × real time" if real else ""
    draw = frame(recording, episode, method, target, int(width), f"{rate:.3g} steps/s{words}")
    with os_errors_as(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        bar = progress_bar(f"video of episode {episode}", len(steps), show=progress, unit="frame")
        with atomic_write(path) as file, bar as done:
            if kind == "gif":
                write_gif(file, draw, fps, steps, done)
            else:
                write_movie(file, kind, draw, fps, steps, done)
    return path


def check_video(path: Path, speed: float | None = None) -> str:
    """The kind of a video, by its ending; an ArgumentError for others, without PyAV, or for no speed."""
    if speed is not None and not (isinstance(speed, Real) and math.isfinite(speed) and speed > 0):
        raise ArgumentError(f"speed={speed!r}; give a number above 0, 1 for real time")
    kind = path.suffix.lower().removeprefix(".")
    if kind != "gif" and kind not in CODECS:
        raise ArgumentError(f"{path.name} does not end in .mp4, .webm or .gif; choose one of these")
    if kind in CODECS and find_spec("av") is None:
        install = 'pip install "rltools-attribution[video]"; a .gif needs nothing more'
        raise ArgumentError(f"{path.name} is written by PyAV, which is not installed: {install}")
    return kind
