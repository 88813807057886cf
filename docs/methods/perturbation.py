"""The picture of docs/methods/perturbation.md: `python docs/methods/perturbation.py [PICTURE]`."""

import sys
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import rltools
from rltools.plots.style import signed_colours

SMALLER = {"stride": 2, "radius": 3.0}  # a tile of the room is 6 pixels wide
METHODS = {
    "blur_saliency": SMALLER,
    "sarfa": SMALLER,
    "rise": {"masks": 2000},
    "occlusion": {"groups": "summary", "replacement": "resample"},
}
STEPS = 5
picture = sys.argv[1] if len(sys.argv) > 1 else Path(__file__).with_suffix(".png")
policy = rltools.load_policy("lavagap-cnn-ppo")
with tempfile.TemporaryDirectory() as folder:
    recording = rltools.record(policy, episodes=3, directory=folder)
    steps = np.linspace(0, len(recording.episode(0)) - 1, STEPS).astype(int)
    seen, actions = recording.episode(0).observations[steps], recording.episode(0).actions[steps]
    visited = np.concatenate([recording.episode(number).observations[::4] for number in range(3)])[:8]

figure, rows = plt.subplots(1 + len(METHODS), STEPS, figsize=(7, 7.4), layout="constrained")
for axes, state, step, action in zip(rows[0], seen, steps, actions, strict=True):
    axes.imshow(state)
    axes.set_title(f"step {step}\n{policy.action_names[action]}", fontsize=9)
for row, (method, parameters) in zip(rows[1:], METHODS.items(), strict=True):
    found = rltools.attribute(policy, seen, method=method, reference=visited, target="centred:chosen", **parameters)
    maps = found.values[:, 0].sum(-1)  # over the colours of a pixel
    largest = np.abs(maps).max()
    for axes, values in zip(row, maps, strict=True):
        axes.imshow(values, cmap=signed_colours(), vmin=-largest, vmax=largest)
    row[0].set_ylabel(f"{method}\nup to {largest:.2g}", fontsize=9)
rows[0, 0].set_ylabel("what it sees", fontsize=9)
for axes in rows.flat:
    axes.set(xticks=[], yticks=[])
said = "lavagap-cnn-ppo, centred:chosen: orange is what the score needs; without purple it would rise"
figure.suptitle(said, fontsize=9)
figure.savefig(picture, dpi=150)
