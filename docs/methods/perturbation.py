"""Draw the picture of docs/methods/perturbation.md: `python docs/methods/perturbation.py [PICTURE]`."""

import sys
from pathlib import Path

from drawing.maps import draw_maps, sample_episode

import rltools

SMALLER = {"stride": 2, "radius": 3.0}  # a tile of the room is 6 pixels wide
METHODS = {
    "blur_saliency": SMALLER,
    "sarfa": SMALLER,
    "rise": {"masks": 2000},
    "occlusion": {"groups": "variables", "replacement": "resample"},
}
picture = sys.argv[1] if len(sys.argv) > 1 else Path(__file__).with_suffix(".png")
policy = rltools.load_policy("lavagap-cnn-ppo")
steps, observations, actions, visited = sample_episode(policy)
titles = [f"step {step}\n{policy.action_names[action]}" for step, action in zip(steps, actions, strict=True)]
rows = {}
for method, parameters in METHODS.items():
    result = rltools.attribute(
        policy, observations, method=method, references=visited, target="centered:chosen", **parameters
    )
    rows[method] = result.values[:, 0]
title = "lavagap-cnn-ppo, centered:chosen: orange is what the score needs; without purple it would rise"
draw_maps(observations, titles, rows, height=7.4, title=title).savefig(picture, dpi=150)
