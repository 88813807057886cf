"""Parts that the pages of runs and of experiments share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rltools._util.files import atomic_write
from rltools._util.html import image_data_url, render
from rltools.plots.drawing.alt import alt_text
from rltools.recording import Header
from rltools.summary import Caveat

if TYPE_CHECKING:
    from markupsafe import Markup
    from matplotlib.axes import Axes


def part(name: str) -> str:
    """The text of a template or a style sheet of this package."""
    return files("rltools.pages.report").joinpath("page").joinpath(name).read_text(encoding="utf-8")


def macros(name: str) -> Any:
    """The macros of a template of this package."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(part(name)).module


def picture_links(figures: Iterable[Figure]) -> dict[str, Any]:
    """The steps of the marks of all pictures, by the ids of their elements."""
    return {}


def seeds_text(header: Header) -> str:
    """The seeds of the episodes."""
    if header.seed < 0:
        return "as passed to reset"
    others = "the next ones" if header.seeds == "consecutive" else "others derived from it"
    return f"{header.seed} and {others}, one per episode"


def closing(caveats: Sequence[Caveat], commands: Sequence[str], header: Header, *, policy: bool) -> Markup:
    """The end of every page: caveats, the commands that reproduce it, and agents, seeds and versions."""
    from markupsafe import Markup

    facts = [("Policy", f"{header.policy} ({header.library})"), ("sha256", header.policy_sha256)] if policy else []
    facts += [("Environment", header.environment_text)] if policy else []
    facts += [("Seeds", seeds_text(header))] if policy else []
    facts += [("Versions", ", ".join(f"{name} {version}" for name, version in header.versions.items()))]
    filled = render(part("closing.html"), caveats=caveats, commands=commands, facts=facts)
    return Markup(filled)  # noqa: S704  the template escaped what it was given


DOTS_PER_INCH = 160
PIXELS_PER_INCH = 96
"""The resolution of a page: figures keep their size, so that their text can be read."""
LARGEST_VECTOR = 400_000
"""Bytes; a larger vector image, of thousands of dots, is slower than a bitmap."""


@dataclass(frozen=True)
class Figure:
    """A figure of a report.

    Attributes:
        name: the name of its files, without the ending.
        caption: how to read it.
        address: a data URI with the image.
        files: the names of its files in the folder of plots.
        alt: what it shows, for screen readers.
        width: the width in pixels of the page.
        height: the height in pixels of the page.
    """

    name: str
    caption: str
    address: str
    files: tuple[str, ...]
    alt: str
    width: int
    height: int

    @property
    def markup(self) -> Markup:
        """The image as an element."""
        from markupsafe import Markup

        image = '<img src="{}" alt="{}" width="{}" height="{}">'
        return Markup(image).format(self.address, self.alt, self.width, self.height)  # noqa: S704


def drawn(plot: Callable[[], Axes], name: str, caption: str, folder: Path) -> Figure:
    """Draw a plot into `folder/name.png` and, for print, `folder/name.svg`."""
    from matplotlib import rc_context

    axes = plot()
    figure = axes.get_figure(root=True)
    if figure is None:
        raise AssertionError("a plot returned axes without a figure")
    folder.mkdir(parents=True, exist_ok=True)
    # A fixed salt and no date: the same recording gives the same bytes.
    with rc_context({"svg.hashsalt": "rltools"}):
        images = {}
        for kind, metadata in (("png", {"Software": None}), ("svg", {"Date": None})):
            image = BytesIO()
            figure.savefig(image, format=kind, dpi=DOTS_PER_INCH, metadata=metadata)
            images[kind] = image.getvalue()
            with atomic_write(folder / f"{name}.{kind}") as temporary:
                temporary.write_bytes(images[kind])
    vector = len(images["svg"]) <= LARGEST_VECTOR
    address = image_data_url(images["svg"], "svg+xml") if vector else image_data_url(images["png"])
    width, height = (round(inches * PIXELS_PER_INCH) for inches in figure.get_size_inches())
    files = tuple(f"{name}.{kind}" for kind in images)
    return Figure(name, caption, address, files, alt_text(axes), width, height)
