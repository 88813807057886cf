"""Draw the rooms of rltools in the order in which data flows: `python docs/rooms.py [PICTURE]`."""

import sys
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

BANDS = {
    "foundations": {
        "errors": "the exception tree",
        "_util": "files, YAML, HTML,\ndiscovery",
        "stats": "intervals,\nrank agreement",
        "spaces": "observations and\ntheir features",
    },
    "load_policy": {
        "cards": "agents, environments",
        "envs": "made, and named\nfeature by feature",
        "policies": "one interface for\nevery library",
    },
    "attribute": {
        "targets": "which scalar\nis explained",
        "attributions": "one method per file",
    },
    "record, explain, ablate": {
        "recording": "a folder of\nimmutable files",
        "rollout": "steps the environment",
        "explanation": "explains what\nwas recorded",
        "ablation": "the return without\na feature",
    },
    "summarize, assess, plot, report": {
        "summary": "numbers per feature,\nfindings",
        "metrics": "one metric per file",
        "plots": "one plot per file",
        "pages": "reports, replays,\nnotebooks",
        "videos": "an episode as a video",
    },
    "use": {
        "wrappers": "live, in your\nown loop",
        "integrations": "while training",
        "experiments": "analyze, run",
        "testing": "checks for your\nown parts",
        "cli": "one command\nper file",
    },
}
"""Bands from top to bottom, by the verb that they serve; their rooms, each with a few words. Imports go upward only."""
FILLS = ("#eeeeee", "#dcebf7", "#d9efe6", "#fdebd0", "#f7e0ef", "#e8e8f4")
INK, GRAY = "#222222", "#666666"
WIDTH, BAND, GAP = 10.0, 0.92, 0.3
LEFT = 1.5
"""Of the rooms; the verbs stand before them."""


def draw(picture: str | Path) -> None:
    """Draw the picture."""
    height = len(BANDS) * (BAND + GAP) + 0.35
    figure = Figure(figsize=(WIDTH, height), dpi=110)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, WIDTH), ylim=(height, 0))
    axes.set_axis_off()
    most = max(map(len, BANDS.values()))
    for index, (verb, rooms) in enumerate(BANDS.items()):
        top = 0.15 + index * (BAND + GAP)
        axes.text(LEFT - 0.15, top + BAND / 2, verb.replace(", ", ",\n"), ha="right", va="center", color=GRAY, size=10)
        width = (WIDTH - LEFT - 0.15) / most
        for column, (room, text) in enumerate(rooms.items()):
            _draw_room(axes, (LEFT + column * width, top, width - 0.12, BAND), room, text, FILLS[index])
        if index:
            x = LEFT + width / 2 - 0.06
            axes.annotate("", (x, top - 0.02), (x, top - GAP + 0.02), arrowprops={"arrowstyle": "->", "color": GRAY})
    bottom = height - 0.12
    axes.text(LEFT, bottom, "data flows down; a room imports only rooms above it, or left of it", color=GRAY, size=9)
    figure.savefig(picture)


def _draw_room(axes: Axes, box: tuple[float, float, float, float], room: str, text: str, fill: str) -> None:
    left, top, width, height = box
    shape = "round,pad=0,rounding_size=0.08"
    axes.add_patch(FancyBboxPatch((left, top), width, height, boxstyle=shape, facecolor=fill, edgecolor="none"))
    middle = left + width / 2
    axes.text(middle, top + 0.27, room, ha="center", va="center", weight="bold", color=INK, size=11)
    axes.text(middle, top + 0.62, text, ha="center", va="center", color=INK, size=8.5, linespacing=1.15)


if __name__ == "__main__":
    draw(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).with_suffix(".png"))
