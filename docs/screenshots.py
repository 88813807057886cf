"""Draw the pictures of the README: `python docs/screenshots.py [NAME ...]`; the replay page needs Chromium."""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image
from PIL.PngImagePlugin import PngInfo

import rltools
from rltools.pages.replay import replay_episode
from rltools.plots.drawing.style import dark

DOCS = Path(__file__).parent
sys.path.insert(0, str(DOCS))

from gallery import dark_variant  # noqa: E402  (a script that is imported finds only the packages)

STEP, SIZE = 28, (1280, 720)
TRIES = 5
"""Screenshots of a page, until two in a row are equal."""


def losses(path: Path) -> None:
    """The first plot of `make demo`: how much of the return is lost without each feature."""
    policy = rltools.load_policy("lunarlander-ppo")
    with tempfile.TemporaryDirectory() as folder:
        recording = rltools.record(policy, episodes=20, directory=folder)
        rltools.ablate(policy, recording)
        rltools.plots.losses(recording).figure.savefig(path, dpi=160)
        with dark():
            rltools.plots.losses(recording).figure.savefig(dark_variant(path), dpi=160)


def at_a_glance(path: Path) -> None:
    """The episode of median return in frames, with what mattered below them."""
    policy = rltools.load_policy("lunarlander-ppo")
    with tempfile.TemporaryDirectory() as folder:
        recording = rltools.record(policy, episodes=3, frames=True, directory=folder)
        rltools.explain(recording, policy, method="shapley", references=8)
        rltools.plots.filmstrip(recording).figure.savefig(path, dpi=160)
        with dark():
            rltools.plots.filmstrip(recording).figure.savefig(dark_variant(path), dpi=160)


def replay(path: Path) -> None:
    """A replay of the reference agent, in the middle of its flight."""
    policy = rltools.load_policy("lunarlander-ppo")
    with tempfile.TemporaryDirectory() as folder:
        recording = rltools.record(policy, episodes=3, directory=Path(folder) / "lunarlander-ppo")
        rltools.explain(recording, policy, method="shapley", references=8)
        page = replay_episode(recording, 0)
        screenshot(f"{page.as_uri()}#step={STEP}", path)
        screenshot(f"{page.as_uri()}#step={STEP}", dark_variant(path), "--blink-settings=preferredColorScheme=0")


def browser() -> str | None:
    """The path of Chromium, or None if it is not installed."""
    return shutil.which("chromium") or shutil.which("google-chrome")


def browser_version() -> str:
    """The version of Chromium, which a picture stores as its Software: versions differ in letters and edges."""
    program = browser()
    if program is None:
        raise SystemExit("no Chromium is installed")
    return subprocess.run([program, "--version"], check=True, capture_output=True, text=True).stdout.strip()


def screenshot(address: str, path: Path, *settings: str) -> None:
    """Save a screenshot of the page, with few enough colors for a README; `settings` are Chromium's."""
    metadata, image = PngInfo(), _screenshot(address, *settings)
    metadata.add_text("Software", browser_version())
    for _ in range(TRIES):
        before, image = image, _screenshot(address, *settings)
        if image == before:
            break
    else:
        raise SystemExit(f"{TRIES + 1} screenshots of {address} in a row differ; the page keeps changing")
    image.convert("P", palette=Image.Palette.ADAPTIVE, colors=256).save(path, optimize=True, pnginfo=metadata)


def _screenshot(address: str, *settings: str) -> Image.Image:
    """A screenshot of the page when all of it is drawn; on a busy machine parts would be missing otherwise."""
    with tempfile.TemporaryDirectory() as profile:
        file = Path(profile) / "screenshot.png"
        options = ("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--virtual-time-budget=4000")
        complete = "--run-all-compositor-stages-before-draw"
        output = (f"--user-data-dir={profile}", f"--screenshot={file}", f"--window-size={SIZE[0]},{SIZE[1]}")
        subprocess.run(
            [str(browser()), *options, complete, *settings, *output, address], check=True, capture_output=True
        )
        return Image.open(file).convert("RGB")


PICTURES = {"lunarlander-ppo": losses, "lunarlander-filmstrip": at_a_glance, "replay": replay}

if __name__ == "__main__":
    for name in sys.argv[1:] or PICTURES:
        PICTURES[name](DOCS / f"{name}.png")
