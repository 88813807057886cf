"""Pictures as MP4 or WebM."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rltools.errors import ArgumentError
from rltools.videos._timing import LAST

if TYPE_CHECKING:
    from PIL.Image import Image

# What plays everywhere first; libx264 is missing where PyAV was built without it.
_MP4 = (("libx264", {"preset": "superfast", "crf": "20"}), ("mpeg4", {"b": "6M"}))
_WEBM = (("libvpx-vp9", {"deadline": "realtime", "cpu-used": "8", "crf": "30", "b": "0"}),)
_COLORS = {"dst_colorspace": "ITU709", "dst_color_range": "MPEG"}
MOVIES: dict[str, tuple[str, tuple[tuple[str, dict[str, str]], ...]]] = {
    ".mp4": ("mp4", _MP4),
    ".webm": ("webm", _WEBM),
}
"""For each suffix the format, and the codecs to try with their options."""


def movie_library(path: Path) -> Any:
    """PyAV.

    Raises:
        ArgumentError: it is not installed.
    """
    try:
        import av
    except ImportError:
        raise ArgumentError(
            f'{path.name} is written by PyAV, which is not installed: pip install "rltools-attribution[video]"; '
            f"a .gif needs nothing more"
        ) from None
    return av


def write_movie(
    path: Path, suffix: str, images: Iterable[Image], size: tuple[int, int], fps: float, done: Callable[[int], None]
) -> None:
    """Encode RGB pictures, all of one size; the last one stays for a second.

    Args:
        path: of the file, whatever its name.
        suffix: ".mp4" or ".webm".
        images: one after another.
        size: width and height of them, in pixels, even.
        fps: of them a second.
        done: called after each.
    """
    av = movie_library(path)
    kind, codecs = MOVIES[suffix]
    codec, options = next(found for found in codecs if found[0] in av.codecs_available)
    with av.open(str(path), "w", format=kind, options={"movflags": "+faststart"} if kind == "mp4" else {}) as file:
        stream = file.add_stream(codec, rate=Fraction(fps).limit_denominator(1001), options=options)
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        _say_colors(av, stream.codec_context)
        converted = av.video.reformatter.VideoReformatter().reformat  # one for all, which is faster than one for each

        def show(image: Image) -> None:
            frame = av.VideoFrame.from_ndarray(np.asarray(image), format="rgb24")
            file.mux(stream.encode(converted(frame, format="yuv420p", **_COLORS)))

        image: Image | None = None
        for image in images:
            show(image)
            done(1)
        if image is not None:
            for _ in range(round(LAST * fps)):
                show(image)
        file.mux(stream.encode(None))


def _say_colors(av: Any, context: Any) -> None:
    """Without this a player guesses by the size of the picture, and guesses wrong: colors shift."""
    context.colorspace = av.video.reformatter.Colorspace.ITU709
    context.color_range = av.video.reformatter.ColorRange.MPEG
    context.color_primaries = context.color_trc = 1  # BT.709, of both
