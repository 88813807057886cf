"""An episode as a video."""

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
    """Write an episode as a video: pictures, attributions, actions, and the whole episode with a moving line.

    It shows what a replay page shows first, and the features that matter most in this episode. An `.mp4` or `.webm`
    shows each step in one picture, or in several where there are fewer than 10 steps a second; every nth step where
    there are more than 60. A `.gif` repeats for ever and shows every nth step: at most 12.5 pictures a second and 250
    altogether, unless `fps` asks for more. The last step is always shown, and held for a second.

    Args:
        recording: the recording of the episode.
        episode: its number.
        path: the path of the file, which appears whole or not at all: .mp4, .webm or .gif. Its folder is made if need
            be.
        method: which attribution to show; None is the best predictor, of those of every step where there are any.
        target: the target as text, likewise; of a target of several scalars the one with the largest attributions is
            shown.
        speed: 1 is real time, which the environment says where frames were kept, else 30 steps a second. None is real
            time, or slower so that a short episode lasts four seconds, but no fewer than two steps a second.
        width: the width of the picture in pixels, even or made so; the height follows, 16 to 9.
        fps: pictures a second, at the same speed.
        progress: show a progress bar.

    Returns:
        The path.

    Raises:
        ArgumentError: an unknown ending, PyAV is not installed, or a number that cannot be meant.
        UnknownNameError: no such episode.
        RecordingError: the episode has no steps or no such attribution, or the folder cannot be written to.
        CorruptError: a file of the recording is damaged.

    Example:
        >>> import rltools
        >>> policy = rltools.load_policy("cartpole-ppo")
        >>> recording = rltools.explain(rltools.record(policy, episodes=1, max_steps=4), policy)
        >>> rltools.video(recording, 0, "poles.gif", width=640).name
        'poles.gif'
    """
    from rltools.videos._frame import frame  # with it comes matplotlib

    check_recording(recording)
    path = as_path(path, "the path of the video")
    kind = check_possible(path)
    check_speed(speed)
    if not isinstance(width, Real) or not 640 <= width <= 3840:
        raise ArgumentError(f"width={width!r} pixels; give a whole number from 640 to 3840")
    outcome, real = recording.outcome(episode), frames_per_second(recording, episode)
    if outcome.steps == 0:
        why = f" ({outcome.fault})" if outcome.fault else ""
        raise RecordingError(f"episode {episode} of {recording.directory} has no steps{why}; choose another")
    rate, fps, steps = timing(outcome.steps, real or 30.0, speed, fps, gif=kind == "gif")
    steps += [steps[-1]] * (0 if kind == "gif" else round(fps))  # a GIF can hold its last picture
    words = ", real time" if rate == real else f", {rate / real:.3g} × real time" if real else ""
    draw = frame(recording, episode, method, target, int(width), f"{rate:.3g} steps/s{words}")
    with os_errors_as(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        bar = progress_bar(f"video of episode {episode}", len(steps), show=progress, unit="picture")
        with atomic_write(path) as file, bar as done:
            if kind == "gif":
                write_gif(file, draw, fps, steps, done)
            else:
                write_movie(file, kind, draw, fps, steps, done)
    return path


def check_possible(path: Path) -> str:
    """Which kind a video of this name is; an ArgumentError where it is none, or PyAV is needed and not installed."""
    kind = path.suffix.lower().removeprefix(".")
    if kind != "gif" and kind not in CODECS:
        raise ArgumentError(f"{path.name} does not end as a video does; choose one of .mp4, .webm, .gif")
    if kind in CODECS and find_spec("av") is None:
        install = 'pip install "rltools-attribution[video]"; a .gif needs nothing more'
        raise ArgumentError(f"{path.name} is written by PyAV, which is not installed: {install}")
    return kind


def check_speed(speed: float | None) -> None:
    """An ArgumentError where a video cannot be played so fast."""
    if speed is not None and not (isinstance(speed, Real) and math.isfinite(speed) and speed > 0):
        raise ArgumentError(f"speed={speed!r}; give a number above 0, 1 for real time")
