"""The light colors of the replay page, read from its style sheet: one place says what raises and what lowers."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

import numpy as np

from rltools.plots.drawing.colors import action_color

Color = tuple[int, int, int]
RAMP = 41
"""So many colors between the ends do for a few hundred."""


def color(name: str) -> Color:
    """What the page's style sheet calls `--name`."""
    return of_hex(_sheet()[name])


@cache
def _sheet() -> dict[str, str]:
    text = files("rltools").joinpath("pages/replay/page/page.css").read_text("utf-8")
    light = text[: text.index("}")]
    return dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", light))


def own_colors() -> list[Color]:
    """All that a video is drawn with, but for its pictures and what lies between two colors."""
    named = ("paper", "ink", "muted", "faint", "rule", "accent", "positive", "negative", "zero", "gap")
    actions = {of_hex(action_color(at)): None for at in range(8)}
    ramp = heat(np.linspace(-1, 1, RAMP), 1).tolist()
    return list(dict.fromkeys([*map(color, named), *actions, *map(tuple, ramp)]))


def of_hex(text: str) -> Color:
    """`#c2500c` as bytes."""
    red, green, blue = bytes.fromhex(text[1:])
    return red, green, blue


def heat(values: np.ndarray, scale: float) -> np.ndarray:
    """Numbers as colors: uint8 `[..., 3]`, pale at zero, full from `scale` on, gray where there is none."""
    share = np.clip(np.nan_to_num(values) / (scale or 1.0), -1, 1)[..., None]
    ends = np.where(share < 0, color("negative"), color("positive"))
    zero = np.array(color("zero"))
    mixed = zero + (ends - zero) * np.abs(share)
    return np.rint(np.where(np.isfinite(values)[..., None], mixed, color("gap"))).astype(np.uint8)


def veil(values: np.ndarray, scale: float) -> np.ndarray:
    """A map as colors to lay over a picture: uint8 `[y, x, 4]`, clear at zero, as the page draws it."""
    share = np.sqrt(np.clip(np.abs(np.nan_to_num(values)) / (scale or 1.0), 0, 1))[..., None]
    ends = np.where(values[..., None] < 0, color("negative"), color("positive"))
    return np.concatenate([ends, np.rint(230 * share)], axis=-1).astype(np.uint8)
