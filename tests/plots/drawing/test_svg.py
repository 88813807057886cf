import base64
import io
import json
import re
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from PIL import Image

from rltools._util.palette import palette
from rltools.plots.drawing.colors import action_color, signed_colors, theme_color
from rltools.plots.drawing.steps import link_dots, link_rows, link_span
from rltools.plots.drawing.style import Heading, heading, heading_of
from rltools.plots.drawing.svg import figure_svg, heading_points, step_links, svg_markup

HOSTILE = "<script>alert(1)</script> & \"quotes\" 'and' $x^2$ ]]> --> {{ 7 * 7 }}"


@pytest.fixture
def axes():
    return Figure(figsize=(4, 3), facecolor=theme_color("paper")).subplots()


def markup(axes, colors="page", name="plot", alt="what it shows"):
    return svg_markup(figure_svg(axes.figure), name, alt, colors)


def elements(text, tag):
    return [each for each in ET.fromstring(text).iter() if each.tag.rpartition("}")[2] == tag]


def test_text_is_text_and_names_are_only_text(axes):
    axes.set_title(HOSTILE, parse_math=False)
    for colors in ("page", "light", "dark"):
        text = markup(axes, colors, alt=HOSTILE)
        assert HOSTILE in [each.text for each in elements(text, "text")]
        assert ET.fromstring(text).get("aria-label") == HOSTILE
        assert "<script" not in text


def test_a_page_allows_every_part_of_it(axes):
    axes.bar([0, 1], [1, 2], hatch="//")
    axes.imshow([[0.0, 1.0]])
    text = markup(axes)
    assert not re.search(r"\sstyle=|<style|<script|<metadata|href=\"(?!#|data:image/png)", text)
    root = ET.fromstring(text)
    assert root.get("role") == "img"
    assert (root.get("width"), root.get("height")) == ("384", "288")
    assert {each.get("font-family") for each in root.iter()} == {None, "rltools, sans-serif"}


def test_ids_are_those_of_one_picture_and_references_stay_whole(axes):
    axes.scatter([0, 1], [1, 2])
    axes.fill_between([0, 1], [1, 2], hatch="//")
    text = markup(axes, name="first")
    ids = re.findall(r'\sid="([^"]*)"', text)
    assert len(ids) == len(set(ids))
    assert all(each.startswith("first-") for each in ids)
    references = re.findall(r'href="#([^"]*)"|url\(#([^)]*)\)', text)
    assert references
    assert {first or second for first, second in references} <= set(ids)


def test_colors_of_the_palette_are_those_of_the_page(axes):
    axes.plot([0, 1], color=action_color(0))
    axes.add_patch(axes.patch.__class__(xy=(0, 0), width=1, height=1, facecolor=signed_colors()(1.0)))
    axes.axvspan(0, 1, color="#123456")
    page, dark = markup(axes), markup(axes, "dark")
    for name in ("action-0", "raises"):
        assert f"var(--{name})" in page
        assert palette()[name] not in page
        assert palette(dark=True)[name] in dark
    assert "#123456" in page
    assert "#123456" in dark
    assert palette()["action-0"] in markup(axes, "light")


def test_a_blend_with_the_paper_is_a_blend_in_the_dark_too(axes):
    axes.axvspan(0, 1, color=signed_colors()(0.75))
    assert "color-mix(in srgb,var(--raises) 50%,var(--paper))" in markup(axes)
    ends = (np.array([int(palette(dark=True)[name][k : k + 2], 16) for k in (1, 3, 5)]) for name in ("paper", "raises"))
    middle = sum(ends) / 2
    fills = [each.get("fill", "") for each in elements(markup(axes, "dark"), "path")]
    rgb = [[int(fill[k : k + 2], 16) for k in (1, 3, 5)] for fill in fills if fill.startswith("#")]
    assert min(np.abs(np.array(each) - middle).max() for each in rgb) <= 2


def pixels(image):
    content = base64.b64decode(image.get("href").partition(",")[2])
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))


def test_a_heat_map_has_a_twin_for_dark_pages(axes):
    axes.imshow([[-1.0, 0.0, 1.0]], cmap=signed_colors(), interpolation="nearest")
    light, twin = elements(markup(axes), "image")
    assert (light.get("class"), twin.get("class")) == ("on-light", "on-dark")
    (only,) = elements(markup(axes, "dark"), "image")
    for image, colors in ((light, palette()), (twin, palette(dark=True)), (only, palette(dark=True))):
        row = pixels(image)[5]
        seen = [to_hex(row[int(share * len(row))] / 255) for share in (0.1, 0.5, 0.9)]
        assert seen == [colors[name] for name in ("lowers", "paper", "raises")]


def test_a_photograph_stays_as_it_is(axes):
    axes.imshow(np.random.default_rng(0).integers(0, 256, (9, 9, 3), np.uint8))
    (image,) = elements(markup(axes), "image")
    assert image.get("class") is None


def test_linked_marks_are_children_of_their_group_in_order(axes):
    dots = axes.scatter([0.2, 0.4, 0.6], [1, 2, 3], c=[action_color(k) for k in range(3)])
    bars = axes.barh([0, 1], [3, 4], color=theme_color("accent"))
    link_dots(dots, np.array([0, 0, 1]), np.array([5, 6, 7]))
    link_dots(bars.patches, np.array([2, 2]), np.array([8, 9]))
    svg = figure_svg(axes.figure)
    text = svg_markup(svg, "plot", "", links=step_links(axes.figure))
    groups = {each.get("data-link"): each for each in elements(text, "g") if each.get("class") == "dots"}
    marks = [each for each in groups["dots-0"] if each.get("class") == "dot"]
    assert [mark.get("fill") for mark in marks] == [f"var(--action-{k})" for k in range(3)]
    heights = [float(mark.get("y")) for mark in marks]
    assert heights == sorted(heights, reverse=True)
    assert [[each.tag for each in groups[gid]] for gid in ("dots-1", "dots-2")] == [["path"], ["path"]]
    links = json.loads(ET.fromstring(text).get("data-links"))
    assert links["dots-0"] == {"kind": "dots", "episode": [0, 0, 1], "step": [5, 6, 7]}
    assert links["dots-2"] == {"kind": "dots", "episode": [2], "step": [9]}


def test_spans_and_rows_say_where_they_are(axes):
    axes.set(xlim=(-0.5, 99.5), ylim=(1.5, -0.5))
    link_span(axes, 3, steps=100)
    link_rows(axes, ["first", HOSTILE])
    text = svg_markup(figure_svg(axes.figure), "plot", "", links=step_links(axes.figure))
    span, rows = json.loads(ET.fromstring(text).get("data-links")).values()
    assert (span["episode"], span["step"], span["limits"]) == ([3], [0, 99], [-0.5, 99.5])
    assert span["x"] == pytest.approx([0.125 * 288, 0.9 * 288], abs=0.1)
    assert rows["names"] == ["first", HOSTILE]
    top, bottom = span["y"]
    assert rows["y"] == pytest.approx([top + 0.25 * (bottom - top), top + 0.75 * (bottom - top)], abs=0.1)


def test_nothing_linked_is_no_attribute(axes):
    axes.plot([0, 1])
    assert step_links(axes.figure) == ""
    assert "data-links" not in markup(axes)


def test_a_page_writes_the_heading_itself(axes):
    heading(axes, 4.0, "The title", "small print")
    axes.set_xlabel("below")
    svg = figure_svg(axes.figure)
    top = heading_points(axes.figure)
    text = svg_markup(svg, "plot", "", top=top)
    assert "below" in text
    assert "The title" not in text
    assert "small print" not in text
    _, first, _, height = map(float, ET.fromstring(text).get("viewBox").split())
    assert (first, first + height) == pytest.approx((top, 216), abs=0.1)
    assert heading_of(axes) == Heading("The title", ("small print",))
    assert "The title" in svg_markup(svg, "plot", "", "light")


def test_a_file_stands_alone(axes):
    axes.set_title("title")
    text = markup(axes, "light", alt="a < b")
    root = ET.fromstring(text)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert [each.text for each in elements(text, "title")] == ["a < b"]
    assert "@font-face" in elements(text, "style")[0].text
    assert "var(--" not in markup(axes, "dark")
