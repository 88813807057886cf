"""Encodes video frames as MP4, WebM or GIF, and chooses the step that each frame shows."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from itertools import groupby, pairwise
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np

from rltools.errors import ArgumentError

Draw = Callable[[int], np.ndarray]
"""Draws the frame of a step: uint8 RGBA `[y, x, 4]`, width and height even; the next call overwrites it."""
CODECS: dict[str, list[tuple[str, dict[str, str]]]] = {
    "mp4": [("libx264", {"preset": "superfast", "crf": "20"}), ("mpeg4", {"b": "6M"})],
    "webm": [("libvpx-vp9", {"deadline": "realtime", "cpu-used": "8", "crf": "30", "b": "0"})],
}
"""The codecs of each format and their options; the first plays everywhere, but not every build of PyAV can write it."""


def timing(
    steps: int, real: float, speed: float | None, fps: float | None, *, gif: bool
) -> tuple[float, float, list[int]]:
    """Steps per second, frames per second, and the step of each frame; `real` steps per second are real time.

    The default is real time, or slower, down to 2 steps per second, if the episode would take less than four seconds.
    Each step has one frame unless that is too fast for screens or, below 10 frames per second, too slow for players; a
    GIF has at most 250 frames, 12.5 per second. The last step is always included. Raises an ArgumentError if `fps` is
    out of range.
    """
    limit = 50.0 if gif else 240.0  # viewers play a faster GIF slowly
    if fps is not None and not (isinstance(fps, Real) and 0 < fps <= limit):
        raise ArgumentError(f"fps={fps!r}; give a number of frames per second above 0 and up to {limit:g}")
    rate = min(real, max(2.0, steps / 4.0)) if speed is None else real * speed
    if fps is None and gif:
        fps = rate / max(1 if steps <= 250 else math.ceil(steps / 249), math.ceil(rate / 12.5))
    elif fps is None:
        fps = rate / math.ceil(rate / 60) if rate > 60 else rate * math.ceil(10 / rate)
    sequence = [min(steps - 1, int(k / fps * rate + 1e-9)) for k in range(max(1, math.ceil(steps / rate * fps - 1e-9)))]
    return rate, fps, sequence + [steps - 1] * (sequence[-1] < steps - 1)


def write_movie(path: Path, kind: str, draw: Draw, fps: float, steps: list[int], done: Callable[[int], None]) -> None:
    """Write an MP4 or a WebM of these steps, whatever the name of the file; `done(1)` is called after each frame."""
    import av
    from av.video.reformatter import ColorRange, Colorspace, VideoReformatter

    codec, options = next(choice for choice in CODECS[kind] if choice[0] in av.codecs_available)
    with av.open(str(path), "w", format=kind, options={"movflags": "+faststart"} if kind == "mp4" else {}) as file:
        stream: Any = file.add_stream(codec, rate=Fraction(fps).limit_denominator(1001), options=options)
        context, stream.pix_fmt = stream.codec_context, "yuv420p"
        stream.height, stream.width = draw(steps[0]).shape[:2]
        # BT.709 in all respects: otherwise a player guesses by the size of the frame, and colors shift.
        space = context.colorspace = Colorspace.ITU709
        context.color_range, context.color_primaries, context.color_trc = ColorRange.MPEG, 1, 1
        reformat = VideoReformatter().reformat  # one for all frames, which is faster
        for step, repeats in groupby(steps):
            drawn = av.VideoFrame.from_ndarray(draw(step), format="rgba")
            frame = reformat(drawn, format="yuv420p", dst_colorspace=space, dst_color_range=ColorRange.MPEG)
            for _ in repeats:
                file.mux(stream.encode(frame))
                frame.pts = None  # the stream sets the time of the next frame
                done(1)
        file.mux(stream.encode(None))


def write_gif(path: Path, draw: Draw, fps: float, steps: list[int], done: Callable[[int], None]) -> None:
    """Write a GIF that loops forever, in 256 colors that all frames share; the last frame stays for a second."""
    from PIL import Image

    sample = Image.fromarray(np.concatenate([draw(step)[..., :3] for step in steps[:: math.ceil(len(steps) / 8)]]))
    ways = (Image.Quantize.MEDIANCUT, Image.Quantize.MAXCOVERAGE)  # for large areas, and for small bright details
    colors = np.concatenate([sample.quantize(127, way).getpalette() or [] for way in ways]).astype(int).reshape(-1, 3)
    colors[colors.min(axis=1) > 247], colors[colors.max(axis=1) < 8] = 255, 0  # faint ones would flicker
    palette = Image.new("P", (1, 1))  # the last of its 256 colors is transparent, for pixels that do not change
    palette.putpalette(colors.ravel().tolist())
    # GIF times are in hundredths of a second; round them so that they add up.
    lengths = [10 * (end - start) for start, end in pairwise(round(100 * k / fps) for k in range(len(steps) + 1))]
    lengths[-1] += 1000

    def picture(step: int) -> Image.Image:
        done(1)  # no dithering, which would change every pixel from one frame to the next
        return Image.fromarray(draw(step)).convert("RGB").quantize(palette=palette, dither=Image.Dither.NONE)

    pictures = map(picture, steps)
    look = {"transparency": 255, "disposal": 1, "palette": bytes(colors.astype(np.uint8)).ljust(768, b"\0")}
    how = {"save_all": True, "append_images": pictures, "optimize": True, "loop": 0}
    next(pictures).save(path, "GIF", duration=lengths, **look, **how)
