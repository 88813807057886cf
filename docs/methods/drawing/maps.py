"""Observations of an agent with image observations, and a row of attribution maps for each method."""

import tempfile
from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

import rltools
from rltools.plots.drawing.colors import signed_colors

STEPS = 5


def sample_episode(policy: rltools.Policy) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Evenly spaced steps of an episode, their observations and actions, and 8 visited states as references."""
    with tempfile.TemporaryDirectory() as folder:
        recording = rltools.record(policy, episodes=3, directory=folder)
        episode = recording.episode(0)
        steps = np.linspace(0, len(episode) - 1, STEPS).astype(int)
        visited = np.concatenate([recording.episode(number).observations[::4] for number in range(3)])[:8]
        return steps, episode.observations[steps], episode.actions[steps], visited


def draw_maps(
    observations: np.ndarray, titles: Sequence[str], rows: dict[str, np.ndarray], *, height: float, title: str
) -> Figure:
    """Draw the observations, and below them a row of signed maps for each name, each with its own color scale.

    Args:
        observations: `[step, y, x, channel]`.
        titles: titles of the observations.
        rows: attributions of one target `[step, y, x, channel]`, by the name of the row.
        height: height of the figure in inches.
        title: title of the figure.
    """
    figure, panels = plt.subplots(1 + len(rows), STEPS, figsize=(7, height), layout="constrained")
    for axes, observation, step_title in zip(panels[0], observations, titles, strict=True):
        axes.imshow(observation)
        axes.set_title(step_title, fontsize=9)
    panels[0, 0].set_ylabel("observation", fontsize=9)
    for row, (name, values) in zip(panels[1:], rows.items(), strict=True):
        maps = values.sum(-1)  # over the colors of a pixel
        largest = np.abs(maps).max()
        for axes, step_map in zip(row, maps, strict=True):
            axes.imshow(step_map, cmap=signed_colors(), vmin=-largest, vmax=largest)
        row[0].set_ylabel(f"{name}\nup to {largest:.2g}", fontsize=9)
    for axes in panels.flat:
        axes.set(xticks=[], yticks=[])
    figure.suptitle(title, fontsize=9)
    return figure
