"""The colors of pages, plots and videos, read from `palette.css`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType


@cache
def palette(*, dark: bool = False) -> Mapping[str, str]:
    """The colors by their names in the style sheet without the two dashes, as `#rrggbb`.

    Args:
        dark: those of a dark page.

    Example:
        >>> from rltools._util.palette import palette
        >>> palette()["paper"], palette(dark=True)["paper"]
        ('#ffffff', '#141518')
    """
    rules = re.findall(r"(:root[^{]*)\{([^{}]*)\}", palette_css())
    body = next(body for selector, body in rules if ('"dark"' in selector if dark else selector.strip() == ":root"))
    return MappingProxyType(dict(re.findall(r"--([a-z0-9-]+):\s*(#[0-9a-f]{6})", body)))


@cache
def palette_css() -> str:
    """The style sheet with the colors as custom properties, for light and dark, without its comments."""
    text = files("rltools._util").joinpath("palette.css").read_text(encoding="utf-8")
    return re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL).strip()
