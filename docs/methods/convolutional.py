"""The picture of docs/methods/convolutional.md: `python docs/methods/convolutional.py [PICTURE]`."""

import sys
from pathlib import Path

from drawing.maps import rows_of_maps, seen_states

import rltools

METHODS = {
    "grad_cam\n9 x 9 places": ("grad_cam", {"layer": "features_extractor.cnn.0"}),
    "grad_cam\n3 x 3 places": ("grad_cam", {}),
    "gradient": ("gradient", {}),
    "guided_backprop": ("guided_backprop", {}),
    "deep_lift": ("deep_lift", {}),
}
picture = sys.argv[1] if len(sys.argv) > 1 else Path(__file__).with_suffix(".png")
policy = rltools.load_policy("lavagap-cnn-ppo")
steps, seen, actions, visited = seen_states(policy)
titles = [f"step {step}\n{policy.action_names[action]}" for step, action in zip(steps, actions, strict=True)]
rows = {}
for name, (method, parameters) in METHODS.items():
    compared = {"references": visited} if method == "deep_lift" else {}
    found = rltools.attribute(policy, seen, method=method, target="centered:chosen", **compared, **parameters)
    rows[name] = found.values[:, 0]
said = "lavagap-cnn-ppo, centered:chosen: orange speaks for the chosen action, purple against it"
rows_of_maps(seen, titles, rows, height=8.7, said=said).savefig(picture, dpi=150)
