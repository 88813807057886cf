"""Make the moving picture of the README and the home page: `python docs/moving.py`, an episode as a GIF."""

import tempfile
from pathlib import Path

import rltools

PICTURE = Path(__file__).with_name("landing.gif")
EPISODE = 16
"""The quickest landing of the first twenty, with the highest return."""


def landing(path: Path) -> None:
    """An episode of the reference agent, with what raised and lowered the score of its action at each step."""
    policy = rltools.load_policy("lunarlander-ppo")
    with tempfile.TemporaryDirectory() as folder:
        recording = rltools.record(policy, episodes=20, directory=folder)
        rltools.explain(recording, policy, method="shapley", references=16)
        rltools.replay(recording, EPISODE, Path(folder) / "frames.html")  # renders the frames
        rltools.video(recording, EPISODE, path, method="shapley")


if __name__ == "__main__":
    PICTURE.unlink(missing_ok=True)
    landing(PICTURE)
