import itertools
import re

import pytest
from color_difference import ciede2000, contrast, difference, lab

from rltools._util.html import head, theme_css
from rltools._util.palette import palette, palette_css

LIGHT, DARK = palette(), palette(dark=True)
BOTH = pytest.mark.parametrize("colors", [LIGHT, DARK], ids=["light", "dark"])
SIGNED = ("raises", "lowers")


def actions(colors):
    return [colors[f"action-{position}"] for position in range(8)]


# Some of the 34 published pairs: hues on both sides of 0 and of 180 degrees, grays, and colors far apart.
SHARMA = [
    ((50, 2.6772, -79.7751), (50, 0, -82.7485), 2.0425),
    ((50, -1.1848, -84.8006), (50, 0, -82.7485), 1.0000),
    ((50, 0, 0), (50, -1, 2), 2.3669),
    ((50, 2.49, -0.001), (50, -2.49, 0.0009), 7.1792),
    ((50, 2.49, -0.001), (50, -2.49, 0.0011), 7.2195),
    ((50, -0.001, 2.49), (50, 0.0009, -2.49), 4.8045),
    ((50, -0.001, 2.49), (50, 0.0011, -2.49), 4.7461),
    ((50, 2.5, 0), (50, 0, -2.5), 4.3065),
    ((50, 2.5, 0), (73, 25, -18), 27.1492),
    ((50, 2.5, 0), (61, -5, 29), 22.8977),
    ((50, 2.5, 0), (58, 24, 15), 19.4535),
    ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644),
    ((22.7233, 20.0904, -46.694), (23.0331, 14.973, -42.5619), 2.0373),
    ((90.8027, -2.0831, 1.441), (91.1528, -1.6435, 0.0447), 1.4441),
    ((2.0776, 0.0795, -1.135), (0.9033, -0.0636, -0.5514), 0.9082),
]


@pytest.mark.parametrize(("first", "second", "expected"), SHARMA)
def test_color_differences_are_the_published_ones(first, second, expected):
    assert ciede2000(first, second) == pytest.approx(expected, abs=1e-4)
    assert ciede2000(second, first) == pytest.approx(expected, abs=1e-4)


def test_known_contrasts_and_visions():
    assert contrast("#ffffff", "#000000") == pytest.approx(21)
    assert contrast("#ffffff", "#767676") == pytest.approx(4.54, abs=0.005)
    assert lab("#ffffff") == pytest.approx((100, 0, 0), abs=0.05)
    # Red and green of one lightness are told apart with normal vision only.
    assert ciede2000(lab("#c84f4f"), lab("#6f7f2a")) > 2 * difference("#c84f4f", "#6f7f2a")


@BOTH
def test_actions_stay_apart_with_any_color_vision(colors):
    assert min(difference(*pair) for pair in itertools.combinations(actions(colors), 2)) > 20


@BOTH
def test_no_action_has_a_color_that_means_something_else(colors):
    for action, name in itertools.product(actions(colors), (*SIGNED, "accent", "measured", "ink")):
        assert ciede2000(lab(action), lab(colors[name])) > 10, (action, name)


@BOTH
def test_the_signs_and_the_accent_stay_apart_with_any_color_vision(colors):
    for pair in itertools.combinations([*SIGNED, "accent"], 2):
        assert difference(*(colors[name] for name in pair)) > 20, pair


@BOTH
def test_lines_and_text_are_clear_of_paper_and_plate(colors):
    for name, color in colors.items():
        if name.startswith(("action", "value")):
            assert contrast(color, colors["paper"]) >= 3, name
    for ground in ("paper", "plate"):
        assert all(contrast(colors[name], colors[ground]) >= 3 for name in (*SIGNED, "measured"))
        assert all(contrast(colors[name], colors[ground]) >= 4.5 for name in ("ink", "muted", "accent"))


@BOTH
def test_what_is_not_explained_does_not_look_like_zero(colors):
    assert contrast(colors["missing"], colors["paper"]) >= 1.5


@BOTH
def test_values_get_lighter_from_low_to_high(colors):
    lightness = [lab(colors[f"value-{level}"])[0] for level in range(9)]
    assert lightness == sorted(lightness)
    assert difference(colors["value-0"], colors["value-8"]) > 35


def test_dark_pages_have_every_color_whether_the_system_or_the_reader_chooses():
    assert LIGHT.keys() == DARK.keys()
    blocks = [re.findall(r"--[a-z0-9-]+: #\w+", block) for block in palette_css().split("{")]
    light, by_system, by_reader = (block for block in blocks if block)
    assert by_system == by_reader == [f"--{name}: {color}" for name, color in DARK.items()]
    assert light == [f"--{name}: {color}" for name, color in LIGHT.items()]


def test_a_page_holds_the_palette_and_the_font_once():
    page = head("a < b", "p { color: var(--ink); }", ["let x;"], ["frame-src 'self'"])
    assert page.count(theme_css()) == page.count("@font-face") - 1 == 1
    assert len(page) < 60_000
    policy = re.search(r'content="(default-src[^"]*)"', page)[1]
    assert "font-src data:" in policy
    assert "frame-src &#39;self&#39;" in policy
    assert policy.count("sha256-") == 2
    assert "<title>a &lt; b</title>" in page
