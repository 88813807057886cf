"""A replay is one screen that can be touched: all is in sight, nothing jumps, and rows, images and plots answer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from gymnasium.spaces import Box, Discrete
from torch import nn

import rltools
from tests.pages.conftest import Scripted
from tests.pages.replay.test_shown import pictured

Made = tuple[rltools.Recording, rltools.Policy]
IN_SIGHT = """(() => {
  const parts = ['#title', '.explained', '.decided', '.margin', '.heat', '.strip', '.scores', '.return', '#transport'];
  return parts.filter((part) => {
    const box = document.querySelector(part)?.getBoundingClientRect();
    return !box || box.height < 1 || box.top < 0 || box.bottom > innerHeight + 1 || box.right > innerWidth + 1;
  });
})()"""


class Torques(Scripted):
    """The same observations, with three continuous actions."""

    def __init__(self, space: Box, steps: int) -> None:
        super().__init__(space, steps)
        self.action_space = Box(-1, 1, (3,))  # type: ignore[assignment]


def made(directory: Path, features: int, actions: Discrete | Box, steps: int = 30) -> rltools.Recording:
    """A recording of random observations, explained by gradients."""
    torch.manual_seed(0)
    space = Box(-np.inf, np.inf, (features,), np.float32)
    outputs = 3 if isinstance(actions, Box) else int(actions.n)
    policy = rltools.TorchPolicy(nn.Linear(features, outputs), space, actions, name="tiny")
    env = Torques if isinstance(actions, Box) else Scripted
    recording = rltools.record(policy, lambda: env(space, steps), episodes=1, directory=directory)
    return rltools.explain(recording, policy, method="gradient")


@pytest.fixture(scope="module")
def pages(
    explained_cartpole: Made, images: rltools.Recording, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    """Replays of several kinds of agents."""
    folder = tmp_path_factory.mktemp("pages")
    recordings = {
        "frames": explained_cartpole[0],
        "image": images,
        "two features": made(folder / "two", 2, Discrete(2)),
        "forty features": made(folder / "forty", 40, Discrete(2)),
        "continuous": made(folder / "continuous", 11, Box(-1, 1, (3,))),
    }
    written = {name: rltools.replay(each, 0, folder / f"{name}.html") for name, each in recordings.items()}
    return written | {"dict": pictured(folder)[1]}


@pytest.mark.parametrize("size", [(1280, 720), (1920, 1080)], ids=str)
@pytest.mark.parametrize("kind", ["frames", "image", "two features", "forty features", "continuous", "dict"])
def test_everything_is_on_one_screen(browser: Any, pages: dict[str, Path], kind: str, size: tuple[int, int]) -> None:
    browser.open(pages[kind], "#step=1", width=size[0], height=size[1])
    assert browser.run("document.documentElement.scrollHeight") <= size[1]
    assert browser.run("document.documentElement.scrollWidth") <= size[0]
    missing = set(browser.run(IN_SIGHT))
    assert missing == ({".margin", ".strip"} if kind == "continuous" else set())
    # Nothing that a plot or a table shows has to be scrolled to either, and the window is used.
    assert browser.run(
        "document.getElementById('tracks').scrollHeight <= document.getElementById('tracks').clientHeight"
    )
    axis = browser.run("document.querySelector('.axis').getBoundingClientRect().bottom")
    assert axis > 0.85 * size[1]
    assert browser.complaints() == []


SAMPLED = """(async () => {
  const bars = document.querySelector('.bars');
  const rows = [...document.querySelectorAll('.bars .row:not([hidden]), .legend, .caption, .track, .label')];
  const place = (each) => { const box = each.getBoundingClientRect(); return `${box.top} ${box.height}`; };
  const before = rows.map(place);
  const seen = { moved: 0, strength: new Set(), empty: 0, sources: new Set() };
  document.getElementById('play').click();
  while (document.getElementById('play').getAttribute('aria-label') === 'Pause') {
    await new Promise((done) => requestAnimationFrame(done));
    if (document.getElementById('play').getAttribute('aria-label') !== 'Pause') break;
    seen.moved += rows.filter((each, k) => place(each) !== before[k]).length;
    seen.strength.add(getComputedStyle(document.querySelector('.fill')).opacity);
    seen.empty += [...bars.querySelectorAll('.number')].filter((cell) => cell.textContent === '–').length;
    seen.sources.add(document.querySelector('.source').textContent);
  }
  return { ...seen, strength: [...seen.strength], sources: [...seen.sources] };
})()"""


def test_sampled_steps_are_held_and_nothing_blinks(
    browser: Any, scripted: Callable[[int], Made], tmp_path: Path
) -> None:
    recording, policy = scripted(30)
    rltools.explain(recording, policy, method="gradient", every=4)
    browser.open(rltools.replay(recording, 0, tmp_path / "page.html"), "#step=4", width=1280, height=720)
    opacity = "getComputedStyle(document.querySelector('.fill')).opacity"
    values = "[...document.querySelectorAll('.bars .number')].map((cell) => cell.textContent)"
    assert (browser.run(opacity), browser.text(".source")) == ("1", "explained at step 4")
    explained = browser.run(values)
    browser.press("ArrowRight")
    assert (browser.run(opacity), browser.text(".source")) == ("0.6", "explained at step 4")
    assert browser.run(values) == explained
    browser.press("Home")
    seen = browser.run(SAMPLED)
    assert (seen["moved"], seen["empty"]) == (0, 0)
    assert seen["strength"] == ["0.6"]  # one strength while it plays, or it would flicker
    assert set(seen["sources"]) <= {f"explained at step {step}" for step in range(0, 30, 4)}
    assert len(seen["sources"]) > 3
    # Cells of the heatmap are as wide as the stride: no color of "not explained" is left.
    assert browser.run("document.querySelector('.legend .gap')") is None


def test_a_step_far_from_an_explained_one_is_not_explained(
    browser: Any, scripted: Callable[[int], Made], tmp_path: Path
) -> None:
    from rltools.testing import example_recording

    values = np.random.default_rng(0).normal(size=(20, 1, 3))
    values[8:] = np.nan
    recording = example_recording(tmp_path / "run", [values])
    browser.open(rltools.replay(recording, 0, tmp_path / "page.html"), "#step=12", width=1280, height=720)
    assert browser.text(".source") == "not explained"
    assert browser.run("document.querySelector('.legend .gap').textContent") == "not explained"


def hover(browser: Any, selector: str, x: float, y: float) -> str:
    """The label beside the pointer, over an element at a share of its width and height."""
    place = browser.run(
        f"(({{left, top, width, height}}) => [left + width * {x}, top + height * {y}])"
        f"(document.querySelector({selector!r}).getBoundingClientRect())"
    )
    browser.call("Input.dispatchMouseEvent", type="mouseMoved", x=place[0], y=place[1])
    return str(browser.run("document.getElementById('tip').innerText"))


def accents(browser: Any, kind: str) -> int:
    """How many pixels of an image have the color of what is selected or pointed at."""
    return int(
        browser.run(
            "(() => { const canvas = document.querySelector('.canvas." + kind + "');"
            "const probe = document.createElement('canvas').getContext('2d');"
            "probe.fillStyle = getComputedStyle(document.documentElement).getPropertyValue('--accent');"
            "probe.fillRect(0, 0, 1, 1); const [r, g, b] = probe.getImageData(0, 0, 1, 1).data;"
            "const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height); let n = 0;"
            "for (let i = 0; i < data.length; i += 4)"
            " n += Math.abs(data[i] - r) + Math.abs(data[i + 1] - g) + Math.abs(data[i + 2] - b) < 12; return n; })()"
        )
    )


def test_a_pixel_says_what_it_is_and_marks_its_row(
    browser: Any, pages: dict[str, Path], images: rltools.Recording
) -> None:
    browser.open(pages["image"], "#step=3", width=1280, height=720)
    browser.wait_for("document.querySelector('.canvas.cover') && !document.querySelector('.canvas.cover').hidden")
    selected = browser.run("document.querySelector('.label.selected').textContent")
    assert browser.text(".region").startswith(selected)
    before = accents(browser, "seen")
    tip = hover(browser, ".canvas.cover", 2.5 / 24, 7.5 / 20).split("\n")
    std = np.concatenate([episode.states for episode in images]).astype(float).std(axis=0)
    values = (images.attribution().values[3, 0] * std.reshape(4, 20, 24)).sum(axis=0)  # of all four moments
    assert tip[0] == "x 2, y 7"
    assert float(tip[tip.index("attribution of this pixel") + 1].replace("−", "-")) == pytest.approx(
        values[7, 2], abs=float(np.abs(values).max()) / 60
    )
    assert "y5-9 x0-5" in tip
    pointed = "[...document.querySelectorAll('.label.pointed')].map((label) => label.textContent)"
    assert browser.run(pointed) in ([], ["y5-9 x0-5"])  # its row, if it is among those that matter most
    assert accents(browser, "seen") > before  # and the region is outlined
    hover(browser, "#title", 0.5, 0.5)
    assert accents(browser, "seen") == before


def test_a_row_outlines_its_region(browser: Any, pages: dict[str, Path]) -> None:
    browser.open(pages["image"], "#step=3", width=1280, height=720)
    browser.wait_for("document.querySelector('.canvas.cover') && !document.querySelector('.canvas.cover').hidden")
    before = accents(browser, "cover")
    hover(browser, ".label:not(.selected)", 0.5, 0.5)
    assert accents(browser, "cover") > before


def test_an_image_stands_beside_its_attribution(browser: Any, pages: dict[str, Path]) -> None:
    browser.open(pages["image"], "#step=3", width=1280, height=720)
    tops = browser.run("[...document.querySelectorAll('.canvas')].map((each) => each.getBoundingClientRect().top)")
    assert len(tops) == 2
    assert tops[0] == tops[1]
    labels = browser.run("[...document.querySelectorAll('.canvas')].map((each) => each.getAttribute('aria-label'))")
    assert labels[0] == "The observation of step 3"
    assert "attribution of each pixel" in labels[1]
    assert browser.run("getComputedStyle(document.querySelector('.bars')).display") == "none"
    browser.run("document.querySelector('.region-bars').click()")
    assert browser.run("document.querySelector('.bars').clientHeight") > 20


def test_features_are_selected_by_keys(browser: Any, pages: dict[str, Path]) -> None:
    browser.open(pages["frames"], width=1280, height=720)
    names = browser.run("[...document.querySelectorAll('.row .feature')].map((each) => each.firstChild.textContent)")
    selected = "document.querySelector('.row.selected .feature span').textContent"
    first = names.index(browser.run(selected))
    for key, by in (("j", 1), ("j", 2), ("k", 1)):
        browser.press(key)
        assert browser.run(selected) == names[(first + by) % len(names)]
    browser.run("document.querySelector('.bars').focus()")
    browser.call("Input.dispatchKeyEvent", type="keyDown", key="ArrowDown", code="ArrowDown")
    assert browser.run(selected) == names[(first + 2) % len(names)]


def test_bars_that_are_cut_say_so(browser: Any, tmp_path: Path) -> None:
    from rltools.testing import example_recording

    values = np.ones((200, 1, 2))
    values[7, 0] = (50, -50)
    recording = example_recording(tmp_path / "run", [values])
    browser.open(rltools.replay(recording, 0, tmp_path / "page.html"), "#step=7", width=1280, height=720)
    fills = "[...document.querySelectorAll('.fill')].map((each) => each.className)"
    assert browser.run(fills) == ["fill positive cut", "fill negative cut"]
    numbers = browser.run("[...document.querySelectorAll('.number')].map((each) => each.textContent)")
    assert [float(text.replace("−", "-")) for text in numbers] == pytest.approx([50, -50], abs=3)
    assert browser.run("document.querySelector('.legend .torn') !== null") is True
    browser.press("ArrowRight")
    assert browser.run(fills) == ["fill positive", "fill positive"]


def test_shares_are_bars_from_the_left(browser: Any, explained_cartpole: Made, tmp_path: Path) -> None:
    _, policy = explained_cartpole
    recording = rltools.record(policy, "CartPole-v1", episodes=1, max_steps=6, directory=tmp_path / "run")
    recording = rltools.explain(recording, policy, method="decision_change", references=8)
    browser.open(rltools.replay(recording, 0, tmp_path / "page.html"), width=1280, height=720)
    share = recording.attribution("decision_change").values[0, 0]
    numbers = browser.run("[...document.querySelectorAll('.bars .number')].map((each) => each.textContent)")
    assert numbers == [f"{100 * each:.0f} %" for each in share]
    widths = browser.run("[...document.querySelectorAll('.bars .fill')].map((each) => parseFloat(each.style.width))")
    assert widths == pytest.approx(100 * share, abs=0.01)
    assert browser.run("document.querySelector('.fill').className") == "fill plain"
    assert browser.text(".legend") == "0 %100 %"
    assert "replacements of a feature another action follows" in browser.text(".caption")


def test_a_row_of_scores_has_the_digits_that_tell_them_apart(browser: Any, tmp_path: Path) -> None:
    torch.manual_seed(0)
    module = nn.Linear(4, 2)
    module.weight.data.zero_()
    module.bias.data = torch.tensor([4.0004, 4.0])
    policy = rltools.TorchPolicy(module, Box(-np.inf, np.inf, (4,), np.float32), Discrete(2), name="close")
    recording = rltools.record(policy, "CartPole-v1", episodes=1, max_steps=3, directory=tmp_path / "run")
    browser.open(rltools.replay(recording, 0, tmp_path / "page.html"), width=1280, height=720)
    logits = browser.run("[...document.querySelectorAll('.action')].map((row) => row.lastChild.textContent)")
    assert logits == ["4.0004", "4.0000"]
    assert browser.text(".margin").startswith("margin 0.0004")
