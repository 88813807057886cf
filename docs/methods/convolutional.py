"""Draw the picture of docs/methods/convolutional.md: `python docs/methods/convolutional.py [PICTURE]`."""

import sys
from pathlib import Path

from drawing.maps import draw_maps, sample_episode

import rltools

METHODS = {
    "grad_cam\n9 x 9 positions": ("grad_cam", {"layer": "features_extractor.cnn.0"}),
    "grad_cam\n3 x 3 positions": ("grad_cam", {}),
    "gradient": ("gradient", {}),
    "guided_backprop": ("guided_backprop", {}),
    "deep_lift": ("deep_lift", {}),
}
picture = sys.argv[1] if len(sys.argv) > 1 else Path(__file__).with_suffix(".png")
policy = rltools.load_policy("lavagap-cnn-ppo")
steps, observations, actions, visited = sample_episode(policy)
titles = [f"step {step}\n{policy.action_names[action]}" for step, action in zip(steps, actions, strict=True)]
rows = {}
for name, (method, parameters) in METHODS.items():
    references = {"references": visited} if method == "deep_lift" else {}
    result = rltools.attribute(
        policy, observations, method=method, target="centered:chosen", **references, **parameters
    )
    rows[name] = result.values[:, 0]
title = "lavagap-cnn-ppo, centered:chosen: orange speaks for the chosen action, purple against it"
draw_maps(observations, titles, rows, height=8.7, title=title).savefig(picture, dpi=150)
