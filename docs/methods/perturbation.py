"""The picture of docs/methods/perturbation.md: `python docs/methods/perturbation.py [PICTURE]`."""

import sys
from pathlib import Path

from drawing.maps import rows_of_maps, seen_states

import rltools

SMALLER = {"stride": 2, "radius": 3.0}  # a tile of the room is 6 pixels wide
METHODS = {
    "blur_saliency": SMALLER,
    "sarfa": SMALLER,
    "rise": {"masks": 2000},
    "occlusion": {"groups": "summary", "replacement": "resample"},
}
picture = sys.argv[1] if len(sys.argv) > 1 else Path(__file__).with_suffix(".png")
policy = rltools.load_policy("lavagap-cnn-ppo")
steps, seen, actions, visited = seen_states(policy)
titles = [f"step {step}\n{policy.action_names[action]}" for step, action in zip(steps, actions, strict=True)]
rows = {}
for method, parameters in METHODS.items():
    found = rltools.attribute(policy, seen, method=method, references=visited, target="centered:chosen", **parameters)
    rows[method] = found.values[:, 0]
said = "lavagap-cnn-ppo, centered:chosen: orange is what the score needs; without purple it would rise"
rows_of_maps(seen, titles, rows, height=7.4, said=said).savefig(picture, dpi=150)
