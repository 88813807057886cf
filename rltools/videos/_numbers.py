"""Numbers as text that keeps its width while it changes, as on the replay page."""

from __future__ import annotations

import math


def brief(value: float) -> str:
    """At most four digits, none of them idle."""
    if not math.isfinite(value):
        return "–"
    size = abs(value)
    if size != 0 and (size >= 1e7 or size < 1e-4):
        return f"{value:.1e}".replace("-", "−").replace("e+0", "e").replace("e−0", "e−")
    text = f"{value:.4g}" if size < 1000 else f"{value:.1f}".removesuffix(".0")
    return text.replace("-", "−")


def fixed(value: float, scale: float, digits: int = 2) -> str:
    """With as many decimals as give `digits` after the first one at the size of `scale`."""
    if not math.isfinite(value):
        return "–"
    if scale != 0 and not 1e-3 <= scale < 1e6:
        return brief(value)
    decimals = max(0, min(6, digits - math.floor(math.log10(scale)))) if scale > 0 else 0
    text = f"{value:.{decimals}f}"
    return text.lstrip("-") if not text.strip("-0.") else text.replace("-", "−")


def signed(value: float, scale: float) -> str:
    """The same, with a plus sign where there is something."""
    text = fixed(value, scale)
    return f"+{text}" if value > 0 and text.strip("0.") else text
