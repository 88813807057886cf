"""The README's pictures: `python docs/screenshots.py [NAME ...]`; that of a page needs Chromium."""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

import rltools
from rltools.pages.replay import replay_episode

DOCS = Path(__file__).parent
STEP, SIZE = 28, (1280, 1610)


def importance(path: Path) -> None:
    """What `make demo` draws first, here from one step in five."""
    policy = rltools.load_policy("lunarlander-ppo")
    with tempfile.TemporaryDirectory() as folder:
        recording = rltools.record(policy, episodes=20, directory=folder)
        rltools.explain(recording, policy, method="shapley", references=32, every=5)
        rltools.plots.importance(recording).figure.savefig(path, dpi=160)


def replay(path: Path) -> None:
    """A replay of the reference agent, in the middle of its flight."""
    policy = rltools.load_policy("lunarlander-ppo")
    with tempfile.TemporaryDirectory() as folder:
        recording = rltools.record(policy, episodes=3, directory=Path(folder) / "lunarlander-ppo")
        rltools.explain(recording, policy, method="shapley")
        page = replay_episode(recording, 0)
        screenshot(f"{page.as_uri()}#step={STEP}", path)


def screenshot(address: str, path: Path) -> None:
    """What Chromium shows, in few enough colors for a README."""
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        raise SystemExit("no Chromium is installed")
    with tempfile.TemporaryDirectory() as profile:
        taken = Path(profile) / "taken.png"
        options = ("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--virtual-time-budget=4000")
        place = (f"--user-data-dir={profile}", f"--screenshot={taken}", f"--window-size={SIZE[0]},{SIZE[1]}")
        subprocess.run([browser, *options, *place, address], check=True, capture_output=True)
        Image.open(taken).convert("P", palette=Image.Palette.ADAPTIVE, colors=256).save(path, optimize=True)


PICTURES = {"lunarlander-ppo": importance, "replay": replay}

if __name__ == "__main__":
    for name in sys.argv[1:] or PICTURES:
        PICTURES[name](DOCS / f"{name}.png")
