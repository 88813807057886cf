"""The picture of a recording on its card: the filmstrip of the median episode, for light and dark notebooks."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from io import BytesIO

from rltools._util.html import image_data_url
from rltools.errors import RltoolsError
from rltools.plots import filmstrip
from rltools.plots.drawing.alt import alt_text
from rltools.plots.drawing.style import dark
from rltools.recording import Recording
from rltools.summary import Summary

DOTS_PER_INCH = 120
COLORS = 128
"""Few enough that a notebook stays small."""


@dataclass(frozen=True)
class Picture:
    """A picture as `data:` URLs, light and dark, and what it shows in words."""

    light: str
    dark: str
    alt: str


def filmstrip_picture(recording: Recording, summary: Summary) -> Picture | None:
    """The filmstrip of the median episode by this attribution; None without explained steps, or if it is damaged."""
    if not summary.n:
        return None
    addresses = []
    alt = ""
    for theme in (nullcontext, dark):
        try:
            with theme():
                axes = filmstrip(recording, method=summary.key, target=summary.target)
        except RltoolsError:
            return None
        alt = alt_text(axes)
        image = BytesIO()
        figure = axes.get_figure(root=True)
        if figure is None:
            raise AssertionError("a plot returned axes without a figure")
        figure.savefig(image, format="png", dpi=DOTS_PER_INCH, metadata={"Software": None})
        addresses.append(image_data_url(_few_colors(image)))
    return Picture(addresses[0], addresses[1], alt)


def _few_colors(image: BytesIO) -> bytes:
    from PIL import Image

    reduced = BytesIO()
    Image.open(image).convert("RGB").quantize(COLORS).save(reduced, "PNG", optimize=True)
    return reduced.getvalue()
