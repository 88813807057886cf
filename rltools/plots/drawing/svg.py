"""Turns a figure into SVG with real text and the palette's colors, for the inside of a page and for files.

A page's policy forbids style attributes, and a page may be dark: in its SVG, looks are presentation attributes, and the
colors of the palette are its custom properties, so that one picture serves both.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Mapping
from functools import cache
from io import BytesIO
from typing import TYPE_CHECKING, Any, Literal
from xml.etree import ElementTree as ET

import numpy as np

from rltools._util.html import font_faces, image_data_url
from rltools._util.palette import palette
from rltools.plots.drawing.steps import Link, linked
from rltools.plots.drawing.style import HEADING_GID

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PIXELS_PER_POINT = 96 / 72
"""The resolution of a page: a figure of 10 inches is 960 pixels wide there."""
_SVG = "{http://www.w3.org/2000/svg}"
_XLINK = "{http://www.w3.org/1999/xlink}"
_NUMBER = re.compile(r"-?\d+\.\d{3,}")
_GEOMETRY = frozenset({"d", "x", "y", "x1", "x2", "y1", "y2", "width", "height"})
_COLORED = ("fill", "stroke", "stop-color")
_RAMPS = ("raises", "lowers", "measured")
"""Colors that scales blend with the paper."""
_BLENDS = 100
_MOST_COLORS, _CLOSE = 2000, 4
"""Bitmaps with more colors, or with one that is farther from the palette's, are photographs."""
_DEFAULTS = {"fill-opacity": "1", "stroke-opacity": "1", "opacity": "1", "stroke-linejoin": "round"}
_FONT = re.compile(r"(?:(?:italic|oblique)\s+)?(?:(bold|\d00)\s+)?([\d.]+px)")
Colors = Literal["page", "light", "dark"]


def figure_svg(figure: Figure) -> bytes:
    """The figure as matplotlib writes it, with text as text; the same figure gives the same bytes.

    Args:
        figure: a figure drawn with the light palette.
    """
    from matplotlib import rc_context

    image = BytesIO()
    with rc_context({"svg.hashsalt": "rltools", "svg.fonttype": "none"}):
        figure.savefig(image, format="svg", metadata={"Date": None})
    return image.getvalue()


def svg_markup(svg: bytes, name: str, alt: str, colors: Colors = "page", *, links: str = "", top: float = 0.0) -> str:
    """An SVG of matplotlib as markup without style attributes.

    Args:
        svg: what `figure_svg` returned.
        name: an identifier; all ids begin with it, so that several pictures can stand in a page.
        alt: what the picture shows, for screen readers.
        colors: `page` for the custom properties of the page that it stands in, `light` or `dark` for a file.
        links: JSON of `step_links`, which becomes the attribute `data-links`.
        top: how much to cut off at the top, in points, with the heading in it; see `heading_points`.

    Raises:
        xml.etree.ElementTree.ParseError: a text has characters that XML forbids.
    """
    root = ET.fromstring(svg)  # noqa: S314 - matplotlib wrote it
    for unused in [*root.findall(f"{_SVG}metadata"), *(each for each in root if each.find(f"{_SVG}style") is not None)]:
        root.remove(unused)
    if top:
        for parent in list(root.iter()):
            for each in [child for child in parent if child.get("id", "").startswith(HEADING_GID)]:
                parent.remove(each)
    names = {old: f"{name}-{new}" for old, new in _short_ids(root).items()}
    color = _color_writer(colors)
    for element in root.iter():
        element.tag = element.tag.removeprefix(_SVG)
        _set_attributes(element, names, color)
        element.tail = None
        if element.tag not in ("text", "tspan", "title"):
            element.text = None
    _flatten_dots(root)
    if colors != "light":
        _add_dark_images(root, colors)
    width, height = (float(size) for size in root.attrib["viewBox"].split()[2:])
    height -= top
    root.attrib |= {
        "viewBox": f"0 {top:.6g} {width:.6g} {height:.6g}",
        "width": f"{width * PIXELS_PER_POINT:.0f}",
        "height": f"{height * PIXELS_PER_POINT:.0f}",
        "role": "img",
        "aria-label": alt,
        "font-family": "rltools, sans-serif",
        "stroke-linejoin": "round",
    } | ({"data-links": links} if links else {})
    if colors != "page":
        root.set("xmlns", "http://www.w3.org/2000/svg")
        root.insert(0, title := ET.Element("title"))
        title.text = alt
        root.insert(1, style := ET.Element("style"))
        style.text = font_faces()
    return ET.tostring(root, encoding="unicode")


def heading_points(figure: Figure) -> float:
    """The height of title and small print at the top of a figure that has been drawn, in points."""
    above = figure.findobj(lambda artist: str(artist.get_gid() or "").startswith(HEADING_GID))
    for artist in above:
        artist.set_visible(False)
    below = figure.get_tightbbox().y1
    for artist in above:
        artist.set_visible(True)
    return max(72 * (float(figure.get_figheight()) - float(below)) - 3, 0.0) if above else 0.0


def step_links(figure: Figure) -> str:
    """What the elements of a figure stand for, as JSON `{gid: {kind, episode, step, ...}}`; empty if there is nothing.

    An element's id is the name of the markup, a hyphen and its gid. A span also has `x`, its left and right end in the
    units of the SVG, `y`, its upper and lower end, and `limits`, the steps at its ends. Rows have `names`, and `y`, the
    middle of each. The figure must have been drawn.
    """
    links = {gid: _link_data(link, figure) for gid, link in linked(figure).items()}
    return json.dumps(links, separators=(",", ":")) if links else ""


def _link_data(link: Link, figure: Figure) -> dict[str, Any]:
    data: dict[str, Any] = {"kind": link.kind}
    if link.kind != "rows":
        data |= {"episode": link.episode.tolist(), "step": link.step.tolist()}
    if link.axes is not None:
        points, height = 72 / figure.dpi, 72 * float(figure.get_figheight())
        low, high = (round(float(end), 3) for end in link.axes.get_xlim())
        box = link.axes.get_window_extent()
        if link.kind == "span":
            data |= {"x": [round(box.x0 * points, 2), round(box.x1 * points, 2)], "limits": [low, high]}
            data |= {"y": [round(height - box.y1 * points, 2), round(height - box.y0 * points, 2)]}
        else:
            places = np.column_stack([np.zeros(len(link.names)), np.arange(len(link.names))])
            middles = height - link.axes.transData.transform(places)[:, 1] * points
            data |= {"names": list(link.names), "y": [round(float(middle), 2) for middle in middles]}
    return data


def _short_ids(root: ET.Element) -> dict[str, str]:
    """Our own gids as they are, and short names for matplotlib's long ones."""
    ids = [each.attrib["id"] for each in root.iter() if "id" in each.attrib]
    return {old: old if re.fullmatch(r"(dots|span|rows)-\d+", old) else str(k) for k, old in enumerate(ids)}


def _set_attributes(element: ET.Element, names: Mapping[str, str], color: Callable[[str], str]) -> None:
    """Style becomes attributes, ids become unique, colors become those of the page, and numbers short."""
    look = dict(part.split(":", 1) for part in element.attrib.pop("style", "").split(";") if ":" in part)
    attributes = {key.removeprefix(_XLINK): value for key, value in element.attrib.items()}
    attributes |= {key.strip(): value.strip() for key, value in look.items()}
    if font := _FONT.match(attributes.pop("font", "")):  # older versions of matplotlib
        attributes |= {"font-size": font[2]} | ({"font-weight": font[1]} if font[1] else {})
    attributes.pop("font-family", None)
    if "id" in attributes:
        attributes["id"] = names[attributes["id"]]
        if match := re.search(r"(dots|span|rows)-\d+$", attributes["id"]):
            attributes |= {"class": match[1], "data-link": match[0]}
    for key, value in attributes.items():
        if key in _GEOMETRY:
            attributes[key] = " ".join(_NUMBER.sub(lambda number: f"{float(number[0]):.2f}", value).split())
        elif key in _COLORED and value.startswith("#"):
            attributes[key] = color(value)
        elif value.startswith("data:"):
            attributes[key] = "".join(value.split())
        elif value.startswith("#") and value[1:] in names:
            attributes[key] = f"#{names[value[1:]]}"
        elif value.startswith("url(#"):
            attributes[key] = f"url(#{names[value[5:-1]]})"
    if element.tag in ("text", "tspan"):
        attributes.pop("transform", "") if "rotate(-0 " in attributes.get("transform", "") else None
    element.attrib.clear()
    element.attrib |= {key: value for key, value in attributes.items() if _DEFAULTS.get(key) != value}


def _flatten_dots(root: ET.Element) -> None:
    """Linked marks become children of their group, without a group for each; the k-th has class `dot`."""
    for group in root.iter("g"):
        if group.get("class") != "dots":
            continue
        definitions = [each for each in group if each.tag == "defs"]
        marks = [each for each in group.iter() if each.tag == "use"]
        if not marks:  # a single bar
            marks = [each for each in group.iter("path") if not any(each in list(part.iter()) for part in definitions)]
        clips = {each.get("clip-path") for each in group.iter() if each.get("clip-path")}
        for each in list(group):
            group.remove(each)
        if len(clips) == 1:
            group.set("clip-path", clips.pop() or "")
        for mark in marks:
            mark.attrib.pop("clip-path", None)
            mark.set("class", "dot")
        group.extend([*definitions, *marks])


def _color_writer(colors: Colors) -> Callable[[str], str]:
    """The function that writes a color of the light palette for a page, or for a light or a dark file."""
    if colors == "light":
        return lambda color: color
    dark, ground = palette(dark=True), "paper"

    def write(color: str) -> str:
        color = color.lower()
        if (name := _names().get(color)) is not None:
            return f"var(--{name})" if colors == "page" else dark[name]
        if (blend := _blend(color)) is None:
            return color
        name, share = blend
        if colors == "page":
            return f"color-mix(in srgb,var(--{name}) {share}%,var(--{ground}))"
        return _hex(_rgb(dark[ground]) + share / _BLENDS * (_rgb(dark[name]) - _rgb(dark[ground])))

    return write


def _names() -> dict[str, str]:
    return {color: name for name, color in palette().items()}


def _blend(color: str) -> tuple[str, int] | None:
    """The palette's color and its percentage in a blend with the paper; None for a color that is no such blend."""
    light = palette()
    paper = _rgb(light["paper"])
    for name in _RAMPS:
        way, part = _rgb(light[name]) - paper, _rgb(color) - paper
        share = float(way @ part / (way @ way))
        if 0 < share < 1 and np.abs(share * way - part).max() <= 1.5:
            return name, round(_BLENDS * share)
    return None


def _rgb(color: str) -> np.ndarray:
    return np.array([int(color[start : start + 2], 16) for start in (1, 3, 5)], float)


def _hex(rgb: np.ndarray) -> str:
    return "#" + "".join(f"{round(float(part)):02x}" for part in rgb)


def _add_dark_images(root: ET.Element, colors: Colors) -> None:
    """Beside each bitmap in the palette's colors one for the dark, or in its place in a dark file."""
    for parent in list(root.iter()):
        for index, image in reversed(list(enumerate(parent))):
            if image.tag != "image" or (dark := _dark_image(image.get("href", ""))) is None:
                continue
            if colors == "dark":
                image.set("href", dark)
                continue
            twin = ET.Element("image", {**image.attrib, "href": dark, "class": "on-dark"})
            twin.attrib.pop("id", None)
            image.set("class", "on-light")
            parent.insert(index + 1, twin)


def _dark_image(address: str) -> str | None:
    """A bitmap in the dark palette's colors as a data URL; None if it has other colors than the palette's scales."""
    from PIL import Image

    with Image.open(BytesIO(base64.b64decode(address.partition(",")[2]))) as opened:
        pixels = np.asarray(opened.convert("RGBA")).copy()
    opaque = pixels[..., 3] > 0
    different, inverse = np.unique(pixels[opaque][:, :3], axis=0, return_inverse=True)
    if not 0 < len(different) <= _MOST_COLORS:
        return None
    light, dark = _scales()
    distances = np.abs(different[:, None].astype(int) - light).max(axis=2)
    if distances.min(axis=1).max() > _CLOSE:
        return None
    pixels[opaque, :3] = dark[distances.argmin(axis=1)][inverse.ravel()]
    image = BytesIO()
    Image.fromarray(pixels).save(image, "PNG", optimize=True)
    return image_data_url(image.getvalue())


@cache
def _scales() -> tuple[np.ndarray, np.ndarray]:
    """The colors of the palette and of its scales, int `[color, 3]`, and in the same order those of the dark."""
    shares = np.linspace(0, 1, 2 * _BLENDS)[:, None]
    both = []
    for colors in (palette(), palette(dark=True)):
        paper = _rgb(colors["paper"])
        ramps = [paper + shares * (_rgb(colors[name]) - paper) for name in _RAMPS]
        both.append(np.rint(np.vstack([*ramps, *(_rgb(color) for color in colors.values())])).astype(int))
    return both[0], both[1].astype(np.uint8)
