"""Make the moving picture of the README and the home page: `python docs/moving.py`, an episode as a GIF, also dark."""

import sys
import tempfile
from pathlib import Path

import rltools
from rltools.plots.drawing.style import dark

DOCS = Path(__file__).parent
sys.path.insert(0, str(DOCS))

from gallery import dark_variant  # noqa: E402  (a script that is imported finds only the packages)

PICTURE = DOCS / "landing.gif"
EPISODE = 16
"""The quickest landing of the first twenty, with the highest return."""


def landing(path: Path) -> None:
    """An episode of the reference agent, with what raised and lowered the score of its action at each step."""
    policy = rltools.load_policy("lunarlander-ppo")
    with tempfile.TemporaryDirectory() as folder:
        recording = rltools.record(policy, episodes=20, frames=[EPISODE], directory=folder)
        rltools.explain(recording, policy, method="shapley", references=16)
        rltools.video(recording, EPISODE, path, method="shapley")
        with dark():
            rltools.video(recording, EPISODE, dark_variant(path), method="shapley")


if __name__ == "__main__":
    for picture in (PICTURE, dark_variant(PICTURE)):
        picture.unlink(missing_ok=True)
    landing(PICTURE)
