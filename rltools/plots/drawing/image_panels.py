"""Panels that show an image: as it is, under the colors of its attributions, and with a region outlined."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rltools.plots.drawing.colors import signed_colors, theme_color

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.image import AxesImage


_FADED = 0.3
"""Contrast of the observation where attributions are 0."""


def outline(panel: Axes, region: np.ndarray) -> None:
    """Draw a line around the pixels of a region."""
    from matplotlib.collections import LineCollection
    from matplotlib.patheffects import Normal, Stroke

    outside = np.pad(region, 1)
    lines = []
    for y, x in np.argwhere(region):
        sides = {
            ((x - 0.5, y - 0.5), (x + 0.5, y - 0.5)): outside[y, x + 1],
            ((x - 0.5, y + 0.5), (x + 0.5, y + 0.5)): outside[y + 2, x + 1],
            ((x - 0.5, y - 0.5), (x - 0.5, y + 0.5)): outside[y + 1, x],
            ((x + 0.5, y - 0.5), (x + 0.5, y + 0.5)): outside[y + 1, x + 2],
        }
        lines += [ends for ends, inside in sides.items() if not inside]
    halo = [Stroke(linewidth=3.4, foreground=theme_color("paper")), Normal()]
    panel.add_collection(
        LineCollection(lines, colors=theme_color("accent"), linewidths=1.8, capstyle="projecting", path_effects=halo)
    )


def draw_image(panel: Axes, image: np.ndarray) -> list[AxesImage]:
    """Draw an image without ticks; returns what links lead to."""
    # Small grids stay sharp; larger frames are averaged to the pixels of the figure.
    pixels = panel.imshow(np.clip(image, 0, 1), interpolation="nearest" if max(image.shape) < 100 else "auto")
    panel.set_xticks([])
    panel.set_yticks([])
    for spine in panel.spines.values():
        spine.set(color=theme_color("line"), linewidth=0.6)
    return [pixels]


def overlay(image: np.ndarray, values: np.ndarray, limit: float) -> np.ndarray:
    """Signed colors blended over the pale gray image; strong attributions cover it."""
    gray = image @ (0.299, 0.587, 0.114)
    strength = np.clip(np.nan_to_num(values) / limit, -1, 1)
    colors = signed_colors()((np.sign(strength) + 1) / 2)[..., :3]
    covered = np.abs(strength)[..., None]
    blended: np.ndarray = (1 - covered) * (1 - _FADED * (1 - gray[..., None])) + covered * colors
    return blended
