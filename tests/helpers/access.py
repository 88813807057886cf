"""What a page lets be read and reached by everybody, measured in a browser: each function lists what is wrong."""

from __future__ import annotations

import base64
import io
import itertools
import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

AXE = "axe-core@4.14.1"
"""The checker of pages by Deque Systems (MPL-2.0), and the version that everybody's pages are checked by."""
RULES = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")
_SCRIPT = Path(__file__).with_suffix(".js").read_text(encoding="utf-8")


def measured(browser: Any, name: str, *arguments: Any) -> Any:
    """Call a function of `access.js` in the page that is open."""
    return browser.run(f"{_SCRIPT}.{name}(...{json.dumps(arguments)})")


def axe_script() -> str:
    """The source of axe, installed once by npm into the user's cache.

    Raises:
        FileNotFoundError: there is no npm here.
        subprocess.CalledProcessError: npm cannot install it, for instance without a network.
        subprocess.TimeoutExpired: npm takes too long.
    """
    from filelock import FileLock

    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "rltools-tests"
    folder = cache / AXE.replace("@", "-")
    source = folder / "node_modules" / "axe-core" / "axe.min.js"
    if not source.is_file():
        if (npm := shutil.which("npm")) is None:
            raise FileNotFoundError("npm is not installed")
        cache.mkdir(parents=True, exist_ok=True)
        quiet = ["--no-save", "--no-audit", "--no-fund", "--ignore-scripts", "--fetch-retries=0", "--loglevel=error"]
        with FileLock(cache / "lock"):
            install = [npm, "install", "--prefix", str(folder), *quiet, AXE]
            subprocess.run(install, check=True, timeout=60, capture_output=True)
    return source.read_text(encoding="utf-8")


def axe(browser: Any, script: str, *, only: tuple[str, ...] = ()) -> list[str]:
    """Violations by axe: the rule, the element, and what is wrong with it."""
    if not browser.run("typeof axe === 'object'"):
        browser.run(f"{script}; true")
    chosen = {"type": "rule", "values": only} if only else {"type": "tag", "values": RULES}
    options = {"resultTypes": ["violations"], "iframes": False, "runOnly": chosen}
    result = browser.run(f"axe.run(document, {json.dumps(options)})")
    return [
        f"{violation['id']}: {' '.join(map(str, node['target']))}: {node['failureSummary'].splitlines()[-1].strip()}"
        for violation in result["violations"]
        for node in violation["nodes"]
    ]


def media(browser: Any, kind: str = "", **features: str) -> None:
    """Look at the page as printed (`"print"`), or with features of media such as `forced_colors="active"`."""
    pairs = [{"name": name.replace("_", "-"), "value": value} for name, value in features.items()]
    browser.call("Emulation.setEmulatedMedia", media=kind, features=pairs)


def printed_pages(browser: Any) -> int:
    """How many pages of A4 the page takes, printed as a browser does it by itself: without backgrounds."""
    size = {"paperWidth": 8.27, "paperHeight": 11.69}
    data = browser.call("Page.printToPDF", printBackground=False, preferCSSPageSize=True, **size)["data"]
    return len(re.findall(rb"/Type\s*/Page\b(?!s)", base64.b64decode(data)))


def focus_order(browser: Any, most: int = 400) -> list[str]:
    """What the Tab key does wrong: controls that it does not reach, and those that do not look focused."""
    browser.run("document.activeElement?.blur(); getSelection().removeAllRanges(); scrollTo(0, 0)")
    wrong: list[str] = []
    for _ in range(most):
        browser.press("Tab")
        if (now := measured(browser, "focused")) is None:
            break
        wrong += [] if now["marked"] else [f"{now['name']}: no visible focus"]
        wrong += [] if now["inside"] else [f"{now['name']}: focused out of sight"]
    return [*dict.fromkeys(wrong), *(f"{name}: not reached" for name in measured(browser, "unreached"))]


def without_names(browser: Any) -> list[str]:
    """Controls and pictures that have no name for a screen reader."""
    nodes = browser.call("Accessibility.getFullAXTree")["nodes"]
    roles = {"button", "link", "slider", "checkbox", "combobox", "image", "img", "figure", "radio", "tab", "Canvas"}
    return [
        f"{node['role']['value']} without a name"
        for node in nodes
        if not node["ignored"] and node["role"]["value"] in roles - {"figure"} and not node.get("name", {}).get("value")
    ]


def read_aloud(browser: Any) -> dict[str, list[str]]:
    """The names of headings, tables, images and so on, by role, as a screen reader finds them; it needs no script."""
    result: dict[str, list[str]] = {}
    for node in browser.call("Accessibility.getFullAXTree")["nodes"]:
        if not node["ignored"]:
            result.setdefault(node["role"]["value"], []).append(str(node.get("name", {}).get("value", "")))
    return result


def screenshot(browser: Any, scale: float = 1.0) -> np.ndarray:
    """What is to be seen, `[y, x, 3]`, bytes."""
    view = browser.call("Page.getLayoutMetrics")["cssVisualViewport"]
    clip = {"x": view["pageX"], "y": view["pageY"], "width": view["clientWidth"], "height": view["clientHeight"]}
    data = browser.call("Page.captureScreenshot", format="png", clip=clip | {"scale": scale})["data"]
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB"))


def luminance(pixels: np.ndarray) -> np.ndarray:
    """Relative luminance of sRGB bytes `[..., 3]`, 0 to 1 (WCAG 2)."""
    value = pixels / 255
    linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    return linear @ np.array([0.2126, 0.7152, 0.0722])


def flashes(frames: np.ndarray, per_second: float, cell: int) -> float:
    """The largest share of a field of view that flashes more than three times within a second.

    WCAG 2.3.1 allows a quarter. A flash is a pair of opposing changes of luminance by a tenth, of which the darker is
    below 0.8; the field is 341 x 256 px, ten degrees of a screen at the usual distance.

    Args:
        frames: luminance `[frame, y, x]`.
        per_second: how many frames are displayed in a second.
        cell: how many pixels of the page a cell of the frames is wide.
    """
    window, height, width = max(2, round(per_second)), 256 // cell, 341 // cell
    most = 0.0
    for start in range(max(1, len(frames) - window)):
        flashing = _changes(frames[start : start + window + 1]) > 2 * 3
        sums = np.pad(flashing.cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
        fields = sums[height:, width:] - sums[:-height, width:] - sums[height:, :-width] + sums[:-height, :-width]
        most = max(most, fields.max() / (height * width))
    return most


def _changes(frames: np.ndarray) -> np.ndarray:
    """How often each cell turns from lighter to darker or back, by a tenth at least, `[y, x]`."""
    reference, direction = frames[0].copy(), np.zeros(frames[0].shape, int)
    count = np.zeros(frames[0].shape, int)
    for frame in frames[1:]:
        large = (abs(frame - reference) >= 0.1) & (np.minimum(frame, reference) < 0.8)
        sign = np.where(large, np.sign(frame - reference), 0).astype(int)
        count += (sign != 0) & (sign != direction)
        direction = np.where(sign != 0, sign, direction)
        # A change that goes on in its direction moves the end from which the way back is measured.
        onward = (sign != 0) | ((frame - reference) * direction > 0)
        reference = np.where(onward, frame, reference)
    return count


def unsteady(browser: Any, steps: int) -> list[str]:
    """Elements that come and go, or jump, while the steps of an episode pass; the arrow key goes to each."""
    seen = []
    for _ in range(steps):
        seen.append(measured(browser, "placed"))
        browser.press("ArrowRight")
    wrong = []
    for place in dict.fromkeys(place for each in seen for place in each):
        tops = [each[place][0] if place in each else None for each in seen]
        name = next(each[place][1] for each in seen if place in each)
        switches = sum((before is None) != (after is None) for before, after in itertools.pairwise(tops))
        jumps = sum(None not in {before, after} and before != after for before, after in itertools.pairwise(tops))
        wrong += [f"{name}: comes and goes {switches} times in {steps} steps"] if switches > 1 else []
        wrong += [f"{name}: jumps {jumps} times in {steps} steps"] if jumps > 1 else []
    return wrong
