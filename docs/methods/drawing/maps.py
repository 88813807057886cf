"""States of an agent that sees pictures, and a row of maps of them for each method."""

import tempfile
from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

import rltools
from rltools.plots.drawing.colors import signed_colors

STEPS = 5


def seen_states(policy: rltools.Policy) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Steps of an episode, spread evenly over it, their states and actions; and 8 visited states to compare with."""
    with tempfile.TemporaryDirectory() as folder:
        recording = rltools.record(policy, episodes=3, directory=folder)
        episode = recording.episode(0)
        steps = np.linspace(0, len(episode) - 1, STEPS).astype(int)
        visited = np.concatenate([recording.episode(number).observations[::4] for number in range(3)])[:8]
        return steps, episode.observations[steps], episode.actions[steps], visited


def rows_of_maps(
    states: np.ndarray, titles: Sequence[str], rows: dict[str, np.ndarray], *, height: float, said: str
) -> Figure:
    """The states above, and below them a row of signed maps for each name, in colors of its own scale.

    Args:
        states: `[step, y, x, channel]`.
        titles: of the states.
        rows: `[step, y, x, channel]`, attributions of one target by the name of the row.
        height: of the figure, in inches.
        said: above all of it.
    """
    figure, places = plt.subplots(1 + len(rows), STEPS, figsize=(7, height), layout="constrained")
    for axes, state, title in zip(places[0], states, titles, strict=True):
        axes.imshow(state)
        axes.set_title(title, fontsize=9)
    places[0, 0].set_ylabel("what it sees", fontsize=9)
    for row, (name, values) in zip(places[1:], rows.items(), strict=True):
        maps = values.sum(-1)  # over the colors of a pixel
        largest = np.abs(maps).max()
        for axes, one in zip(row, maps, strict=True):
            axes.imshow(one, cmap=signed_colors(), vmin=-largest, vmax=largest)
        row[0].set_ylabel(f"{name}\nup to {largest:.2g}", fontsize=9)
    for axes in places.flat:
        axes.set(xticks=[], yticks=[])
    figure.suptitle(said, fontsize=9)
    return figure
