"""Colors of features, actions, signed numbers, shares and values, the same in every plot."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.colors import Colormap

INK, GRAY, PALE = "#222222", "#666666", "#dddddd"
PAPER, ACCENT, RAISES, LOWERS = "#ffffff", "#0f7b8a", "#d9730d", "#7b5fb0"
MEASURED, UNCERTAIN, OPPOSITE = "#5b7fa8", "#e6ecf3", "#2a9180"
"""Measured returns: what is certainly above zero, what is not certain, and the other direction."""
# Okabe and Ito (2008), distinguishable with any color vision; yellow last, because it is faint on white.
_FEATURES = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#56B4E9", "#CC79A7", "#5D5D5D", "#E3D128")


def feature_color(position: int) -> tuple[float, float, float]:
    """The color of the feature at this position; beyond the first eight darker, then lighter."""
    from matplotlib.colors import to_rgb

    color = np.array(to_rgb(_FEATURES[position % len(_FEATURES)]))
    turn = position // len(_FEATURES) % 3
    red, green, blue = (color, color * 0.6, 1 - (1 - color) * 0.5)[turn]
    return float(red), float(green), float(blue)


def action_color(position: int) -> str:
    """The color of the action at this position, in plots and replays."""
    colors = _action_colors()
    return colors[position % len(colors)]


@cache
def _action_colors() -> tuple[str, ...]:
    """The action colors in the style sheet of replays, so that both use the same colors."""
    return tuple(
        re.findall(r"--action-\d+: (#[0-9a-f]{6})", files("rltools._util").joinpath("palette.css").read_text("utf-8"))
    )


def signed_colors() -> Colormap:
    """Color map: purple below zero, white at zero, orange above; gray for steps without attributions."""
    return _part_of("PuOr_r", 0.1, 0.9).with_extremes(bad="#c4c4c4")


def color_limit(values: np.ndarray) -> float:
    """End of a signed color scale: the 99th percentile of the magnitudes, so that a spike does not fade the rest."""
    sizes = np.abs(values[np.isfinite(values)])
    return float(np.percentile(sizes, 99)) or float(sizes.max()) or 1.0 if len(sizes) else 1.0


def share_colors() -> Colormap:
    """Color map from white (0) to blue (large); gray for steps without attributions."""
    return _part_of("Blues", 0.0, 0.9).with_extremes(bad="#c4c4c4")


def value_colors() -> Colormap:
    """Color map from dark violet (low) to yellow (high)."""
    return _part_of("viridis", 0.0, 0.93)


def _part_of(name: str, low: float, high: float) -> Colormap:
    from matplotlib import colormaps
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list(f"{name} {low}-{high}", colormaps[name](np.linspace(low, high, 256)))
