"""The plots of a run, as files beside it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from rltools.pages import image_address
from rltools.recording._files import appearing

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DOTS_PER_INCH = 160


@dataclass(frozen=True)
class Figure:
    """A picture of a report.

    Attributes:
        name: of its files, without their ending.
        caption: what to see in it.
        address: of the picture, which it carries itself.
        files: the names of its files.
    """

    name: str
    caption: str
    address: str
    files: tuple[str, ...]


def drawn(plot: Callable[[], Axes], name: str, caption: str, folder: Path) -> Figure:
    """Draw a plot into `folder/name.png` and, for print, `folder/name.svg`."""
    from matplotlib import rc_context

    figure = plot().get_figure(root=True)
    if figure is None:
        raise AssertionError("a plot returned axes without a figure")
    folder.mkdir(parents=True, exist_ok=True)
    # A fixed salt and no date: the same recording gives the same bytes.
    with rc_context({"svg.hashsalt": "rltools"}):
        pictures = {}
        for kind, metadata in (("png", {"Software": None}), ("svg", {"Date": None})):
            picture = BytesIO()
            figure.savefig(picture, format=kind, dpi=DOTS_PER_INCH, metadata=metadata)
            pictures[kind] = picture.getvalue()
            with appearing(folder / f"{name}.{kind}") as temporary:
                temporary.write_bytes(pictures[kind])
    return Figure(name, caption, image_address(pictures["png"]), tuple(f"{name}.{kind}" for kind in pictures))
