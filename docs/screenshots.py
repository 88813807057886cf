"""The README's pictures: `python docs/screenshots.py [NAME ...]`; that of a page needs Chromium."""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image
from PIL.PngImagePlugin import PngInfo

import rltools
from rltools.pages.replay import replay_episode

DOCS = Path(__file__).parent
STEP, SIZE = 28, (1280, 1610)
TRIES = 5
"""Pictures of one page until two in turn are the same."""


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


def browser() -> str | None:
    """The Chromium that is installed, or None."""
    return shutil.which("chromium") or shutil.which("google-chrome")


def browser_version() -> str:
    """Which one it is: others draw letters and edges in ways of their own. It is noted in a picture as its Software."""
    program = browser()
    if program is None:
        raise SystemExit("no Chromium is installed")
    return subprocess.run([program, "--version"], check=True, capture_output=True, text=True).stdout.strip()


def screenshot(address: str, path: Path) -> None:
    """What Chromium shows, in few enough colors for a README."""
    drawn_by, taken = PngInfo(), _taken(address)
    drawn_by.add_text("Software", browser_version())
    for _ in range(TRIES):
        before, taken = taken, _taken(address)
        if taken == before:
            break
    else:
        raise SystemExit(f"{TRIES + 1} pictures of {address} in turn differ; the page does not come to rest")
    taken.convert("P", palette=Image.Palette.ADAPTIVE, colors=256).save(path, optimize=True, pnginfo=drawn_by)


def _taken(address: str) -> Image.Image:
    """A picture of the page once all of it is drawn: a busy machine has parts of it missing otherwise."""
    with tempfile.TemporaryDirectory() as profile:
        taken = Path(profile) / "taken.png"
        options = ("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--virtual-time-budget=4000")
        whole = "--run-all-compositor-stages-before-draw"
        place = (f"--user-data-dir={profile}", f"--screenshot={taken}", f"--window-size={SIZE[0]},{SIZE[1]}")
        subprocess.run([str(browser()), *options, whole, *place, address], check=True, capture_output=True)
        return Image.open(taken).convert("RGB")


PICTURES = {"lunarlander-ppo": importance, "replay": replay}

if __name__ == "__main__":
    for name in sys.argv[1:] or PICTURES:
        PICTURES[name](DOCS / f"{name}.png")
