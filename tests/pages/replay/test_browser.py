"""What a page does in a browser: nothing here needs a network."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from gymnasium.spaces import Box, Discrete
from torch import nn

import rltools
from rltools.errors import FaultError
from rltools.spaces import Features

Made = tuple[rltools.Recording, rltools.Policy]
HOSTILE = ('</script><img src=x onerror="hurt=1">', "a" * 10_000, "$x_1$ 100 %\nnext", "\u202ebackwards & <!--")


@pytest.fixture(scope="module")
def page(explained_cartpole: Made, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return rltools.replay(explained_cartpole[0], 0, tmp_path_factory.mktemp("pages") / "page.html")


def opened(browser: Any, path: Path, fragment: str = "", **options: Any) -> Any:
    browser.open(path, fragment, **options)
    assert browser.complaints() == []
    assert [url for url in browser.requests() if not url.startswith("data:")] == [path.resolve().as_uri()]
    return browser


def number(text: str) -> float:
    return float(text.replace("\u2212", "-"))


def test_the_address_names_a_step(browser: Any, page: Path, explained_cartpole: Made) -> None:
    opened(browser, page, "#step=3")
    episode = explained_cartpole[0].episode(0)
    assert browser.text("#clock") == f"step 3 / {len(episode) - 1}"
    assert browser.text(".now .fact dd") == ("left", "right")[episode.actions[3]]
    displayed = browser.run("[...document.querySelectorAll('.bars .value')].map((cell) => cell.textContent)")
    assert [number(text) for text in displayed] == pytest.approx(episode.observations[3].tolist(), abs=0.0051)
    values = explained_cartpole[0].attribution("shapley", episodes=[0]).values[3, 0]
    drawn = browser.run("[...document.querySelectorAll('.bars .number')].map((cell) => cell.textContent)")
    assert [number(text) for text in drawn] == pytest.approx(values.tolist(), abs=0.0051)
    signs = browser.run("[...document.querySelectorAll('.bars .fill')].map((bar) => bar.className.split(' ')[1])")
    assert signs == ["negative" if value < 0 else "positive" for value in values]


def test_the_address_may_be_nonsense(browser: Any, page: Path, explained_cartpole: Made) -> None:
    last = len(explained_cartpole[0].episode(0)) - 1
    for fragment, step in (("#step=99999", last), ("#step=-1", 0), ("#step=<b>", 0), ("#other", 0)):
        browser.open(page, fragment)
        assert browser.complaints() == []
        assert browser.text("#clock") == f"step {step} / {last}"


def test_the_keyboard_is_enough(browser: Any, page: Path, explained_cartpole: Made) -> None:
    opened(browser, page)
    last = len(explained_cartpole[0].episode(0)) - 1

    def step() -> int:
        return int(browser.run("document.getElementById('scrubber').value"))

    for key, shift, expected in (
        ("ArrowRight", False, 1),
        ("ArrowLeft", False, 0),
        ("ArrowLeft", False, 0),
        ("ArrowRight", True, min(10, last)),
        ("End", False, last),
        ("Home", False, 0),
    ):
        browser.press(key, shift=shift)
        assert step() == expected, (key, shift)
    browser.press(" ")
    assert browser.run("document.getElementById('play').getAttribute('aria-label')") == "Pause"
    browser.wait_for("document.getElementById('play').getAttribute('aria-label') === 'Play'")
    assert step() == last
    reached = set()
    for _ in range(44):
        browser.press("Tab")
        kind = "document.activeElement.id || document.activeElement.className || document.activeElement.textContent"
        reached.add(browser.run(kind))
        observed = "document.activeElement === document.body || getComputedStyle(document.activeElement).outlineStyle"
        assert browser.run(observed) != "none", sorted(reached)
    every = {
        "fullscreen",
        "show-about",
        "theme",
        "show-keys",
        "play",
        "scrubber",
        "1/2",
        "copy",
        "views",
        "closer",
        "chosen-feature",
        "logit",
        "bars",
    }
    assert every <= reached
    assert any("largest change of attribution" in name for name in reached)


def test_the_frame_follows_the_step(browser: Any, page: Path, data_of: Callable[[Path], Any]) -> None:
    pictures = data_of(page)["frames"]["images"]
    opened(browser, page, "#step=2")
    assert browser.run("document.querySelector('.frame-image').src") == pictures[2]
    browser.press("ArrowRight")
    assert browser.run("document.querySelector('.frame-image').src") == pictures[3]
    browser.wait_for("document.querySelector('.frame-image').naturalWidth > 0")


def test_a_click_into_a_plot_goes_there(browser: Any, page: Path, explained_cartpole: Made) -> None:
    opened(browser, page, height=2000)
    steps = len(explained_cartpole[0].episode(0))
    visible = "[...document.querySelectorAll('.track:not([hidden]) .u-over')]"
    tracks = browser.run(f"{visible}.length")
    assert tracks == 8
    for index in range(tracks):
        place = browser.run(
            f"(({{x, y, width, height}}) => [x + width * 0.75, y + height / 2])"
            f"({visible}[{index}].getBoundingClientRect())"
        )
        for kind in ("mousePressed", "mouseReleased"):
            browser.call("Input.dispatchMouseEvent", type=kind, x=place[0], y=place[1], button="left", clickCount=1)
        assert browser.text("#clock").startswith(f"step {int(steps * 0.75)} /")
        marks = browser.run("[...document.querySelectorAll('.mark')].map((mark) => parseFloat(mark.style.left))")
        assert marks == pytest.approx([(int(steps * 0.75) + 0.5) / steps * 100] * len(marks), abs=0.01)
        browser.press("Home")


def change(browser: Any, selector: str, value: int) -> None:
    browser.run(
        f"(() => {{ const list = document.querySelector('{selector}'); list.value = {value};"
        "list.dispatchEvent(new Event('change')); })()"
    )


def test_each_explained_scalar_can_be_chosen(browser: Any, page: Path, explained_cartpole: Made) -> None:
    opened(browser, page, "#step=1")
    names = browser.run("[...document.querySelectorAll('.views option')].map((option) => option.textContent)")
    assert names[0] == "Shapley values of the score of the action taken (centered)"
    assert set(names[1:]) == {
        f"gradient of the {name}"
        for name in ("score of the action taken (centered)", "logit of left", "logit of right")
    }
    assert browser.run("document.querySelector('.standardized-label').hidden") is True
    change(browser, ".views", names.index("gradient of the logit of right"))
    values = explained_cartpole[0].attribution("gradient", "logit:all", episodes=[0]).values[1, 1]
    assert "score per standard deviation" in browser.text(".caption")
    browser.run("document.querySelector('.standardized').click()")
    assert "score per unit of the feature" in browser.text(".caption")
    drawn = browser.run("[...document.querySelectorAll('.bars .number')].map((cell) => cell.textContent)")
    assert [number(text) for text in drawn] == pytest.approx(values.tolist(), abs=0.006)
    assert browser.complaints() == []


@pytest.mark.parametrize("dark", [False, True])
def test_a_phone_needs_no_sideways_scrolling(browser: Any, page: Path, dark: bool) -> None:
    opened(browser, page, width=400, height=800, dark=dark)
    assert browser.run("document.documentElement.scrollWidth") <= 400
    ground = browser.run("getComputedStyle(document.documentElement).backgroundColor")
    light = sum(map(int, re.findall(r"\d+", ground))) > 3 * 128
    assert light is not dark


def test_the_heatmap_is_painted(browser: Any, page: Path) -> None:
    opened(browser, page)
    colors = browser.run(
        "(() => { const canvas = document.querySelector('.heat canvas');"
        "const { width, height } = canvas;"
        "const pixels = canvas.getContext('2d').getImageData(width / 2, 0, width / 4, height).data;"
        "return new Set(new Uint32Array(pixels.buffer)).size; })()"
    )
    assert colors > 10


def test_no_name_becomes_markup(browser: Any, tmp_path: Path) -> None:
    policy = rltools.TorchPolicy(
        nn.Linear(4, 2),
        Box(-9, 9, (4,)),
        Discrete(2),
        name="<img src=x onerror='hurt=1'>",
        action_names=("<b>left</b>", "</script><script>hurt=1</script>"),
        features=Features((4,), ("feature",), HOSTILE, ("<i>m</i>",) * 4),
    )
    recording = rltools.record(policy, "CartPole-v1", episodes=1, directory=tmp_path / "run", bounds="any")
    rltools.explain(recording, policy, method="gradient")
    path = rltools.replay(recording, 0, tmp_path / "page.html", title="</title><script>hurt=1</script>\u2028&amp;")
    raw = path.read_text(encoding="utf-8")
    assert raw.count("<script") == 4
    assert raw.count("</script") == 4
    assert "<img src=x" not in raw
    opened(browser, path, width=400)
    assert browser.run("typeof hurt") == "undefined"
    assert browser.run("document.querySelectorAll('b, i, .bars img, h1 *').length") == 0
    names = browser.run("[...document.querySelectorAll('.feature')].map((name) => name.firstChild.textContent)")
    assert names == list(HOSTILE)
    assert browser.run("document.documentElement.scrollWidth") <= 400


def test_an_episode_without_steps_says_so(browser: Any, scripted: Callable[[int], Made], tmp_path: Path) -> None:
    with pytest.raises(FaultError):
        scripted(0)
    path = rltools.replay(rltools.open_recording(tmp_path / "scripted-0"), 0, tmp_path / "page.html")
    opened(browser, path, "#step=4")
    assert browser.text(".empty") == "This episode has no steps."
    assert "motor broke" in browser.text("#facts")
    assert browser.run("document.getElementById('timeline').hidden") is True
