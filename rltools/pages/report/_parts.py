"""Parts that the pages of runs and of experiments share."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from importlib.resources import files
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree.ElementTree import ParseError

from markupsafe import Markup

from rltools._util.files import atomic_write
from rltools._util.html import image_data_url, render
from rltools.envs.names import origin_lines
from rltools.plots.drawing.alt import alt_text
from rltools.plots.drawing.style import Heading, heading_of, within_page
from rltools.plots.drawing.svg import figure_svg, heading_points, step_links, svg_markup
from rltools.recording import Header
from rltools.summary import Caveat

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def part(name: str) -> str:
    """The text of a template or a style sheet of this package."""
    return files("rltools.pages.report").joinpath("page").joinpath(name).read_text(encoding="utf-8")


def macros(name: str) -> Any:
    """The macros of a template of this package."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(part(name)).module


def seeds_text(header: Header) -> str:
    """The seeds of the episodes."""
    if header.data:
        return "those of the data set, as far as it says"
    if header.seed < 0:
        return "as passed to reset"
    others = "the next ones" if header.seeds == "consecutive" else "others derived from it"
    return f"{header.seed} and {others}, one per episode"


def closing(caveats: Sequence[Caveat], commands: Sequence[str], header: Header, *, policy: bool) -> Markup:
    """The end of every page: caveats, the commands that reproduce it, and agents, seeds and versions."""
    facts = [("Policy", f"{header.policy} ({header.library})")] if policy else []
    if policy and header.normalization:
        facts += [("Normalization", f"observations are normalized with the statistics of {header.normalization}")]
    facts += [("sha256 of both" if header.normalization else "sha256", header.policy_sha256)] if policy else []
    facts += [("Environment", header.environment_text)] if policy else []
    facts += [("Names", "; ".join(lines))] if policy and (lines := origin_lines(header.features)) else []
    facts += [("Seeds", seeds_text(header))] if policy else []
    facts += [("Versions", ", ".join(f"{name} {version}" for name, version in header.versions.items()))]
    filled = render(part("closing.html"), caveats=caveats, commands=commands, facts=facts)
    return Markup(filled)  # noqa: S704  the template escaped what it was given


DOTS_PER_INCH = 160
PIXELS_PER_INCH = 96
"""The resolution of a page: figures keep their size, so that their text can be read."""
LARGEST_VECTOR = 600_000
"""Characters; a larger vector image, of thousands of dots, is slower than a bitmap."""
_IMAGE = '<img class="bitmap" src="{{ address }}" alt="{{ alt }}" width="{{ width }}" height="{{ height }}">'


@dataclass(frozen=True)
class Figure:
    """A figure of a report.

    Attributes:
        name: the name of its files, without the ending.
        title: its title, which is not in the picture.
        note: small print that the page does not say elsewhere.
        caption: how to read it.
        markup: the picture as inline SVG, whose colors are those of the page; an `img` if it would be too large.
        files: the names of its files in the folder of plots.
        alt: what it shows, for screen readers.
        width: the width in pixels of the page.
        height: the height in pixels of the page.
    """

    name: str
    title: str
    note: str
    caption: str
    markup: Markup
    files: tuple[str, ...]
    alt: str
    width: int
    height: int


def drawn(plot: Callable[[], Axes], name: str, caption: str, folder: Path, repeated: Collection[str] = ()) -> Figure:
    """Draw a plot for a page, and into `folder` as `name.png`, `name.svg` and `name-dark.svg`.

    Args:
        plot: draws it.
        name: the name of its files, and the beginning of its ids.
        caption: how to read it.
        folder: the folder of its files.
        repeated: small print that the page says already.
    """
    with within_page():
        axes = plot()
    figure = axes.get_figure(root=True)
    if figure is None:
        raise AssertionError("a plot returned axes without a figure")
    folder.mkdir(parents=True, exist_ok=True)
    alt, image = alt_text(axes), BytesIO()
    svg = figure_svg(figure)
    figure.set_layout_engine("none")  # it stays where it is now; another layout would take as long as the drawing
    figure.savefig(image, format="png", dpi=DOTS_PER_INCH, metadata={"Software": None})
    files = {f"{name}.png": image.getvalue()}
    width, height = (round(inches * PIXELS_PER_INCH) for inches in figure.get_size_inches())
    markup = render(_IMAGE, address=image_data_url(files[f"{name}.png"]), alt=alt, width=width, height=height)
    above = Heading("", ())  # of a bitmap it is in the picture
    try:
        files |= {f"{name}.svg": svg_markup(svg, name, alt, "light").encode()}
        files |= {f"{name}-dark.svg": svg_markup(svg, name, alt, "dark").encode()}
        vector = svg_markup(svg, name, alt, links=step_links(figure), top=heading_points(figure))
        if len(vector) <= LARGEST_VECTOR:
            markup, above = vector, heading_of(axes)
    except ParseError:  # a name has characters that no XML may have
        pass
    for file, content in files.items():
        with atomic_write(folder / file) as temporary:
            temporary.write_bytes(content)
    note = " · ".join(part for part in above.notes if part not in repeated)
    safe = Markup(markup)  # noqa: S704 - its texts are escaped
    return Figure(name, above.title, note, caption, safe, tuple(files), alt, width, height)
