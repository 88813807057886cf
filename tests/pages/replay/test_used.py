"""A page in use: played, zoomed, pointed at, made dark, made narrow, searched for moments."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rltools
from rltools.plots.drawing.colors import action_color

Made = tuple[rltools.Recording, rltools.Policy]
DARK = "document.documentElement.dataset.theme === 'dark'"


@pytest.fixture(scope="module")
def page(explained_cartpole: Made, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return rltools.replay(explained_cartpole[0], 0, tmp_path_factory.mktemp("pages") / "page.html")


@pytest.fixture
def used(browser: Any, page: Path) -> Any:
    """The page, opened at step 4; at the end it has complained of nothing and asked for nothing."""
    browser.open(page, "#step=4", height=2400)
    yield browser
    assert browser.complaints() == []
    assert [url for url in browser.requests() if not url.startswith("data:")] == [page.resolve().as_uri()]


def step(browser: Any) -> int:
    return int(browser.run("document.getElementById('scrubber').value"))


def test_scrubbing_shows_the_step(used: Any) -> None:
    used.run(
        "(() => { const s = document.getElementById('scrubber'); s.value = 7; s.dispatchEvent(new Event('input')); })()"
    )
    assert used.text("#clock").startswith("step 7 /")
    used.press("c")
    assert used.run("location.hash") == "#step=7"
    used.wait_for("document.getElementById('copied').textContent !== ''")


def test_playing_goes_on_until_it_is_paused(used: Any) -> None:
    used.press("<")
    assert used.text("#speed [aria-pressed=true]") == "1/2"
    used.press("Home")
    used.press(" ")
    used.wait_for("Number(document.getElementById('scrubber').value) > 1")
    used.press(" ")
    stopped = step(used)
    used.run("new Promise((done) => setTimeout(done, 100))")
    assert step(used) == stopped


def test_moments_are_buttons_marks_and_keys(used: Any, data_of: Callable[[Path], Any], page: Path) -> None:
    highlights = data_of(page)["highlights"]
    steps = [moment["step"] for moment in highlights]
    assert {"margin", "entropy", "attribution"} <= {kind for moment in highlights for kind in moment["kinds"]}
    text = used.run("[...document.querySelectorAll('#highlight-list a')].map((x) => x.textContent)")
    assert text == [f"step {moment['step']}{moment['text']}" for moment in highlights]
    assert used.run("document.querySelectorAll('#highlight-marks .highlight-mark').length") == len(highlights)
    used.press("Home")
    for expected in sorted({index for index in steps if index > 0}):
        used.press("]")
        assert step(used) == expected
        assert (
            used.run("document.querySelector('#highlight-list [aria-current=true] .step').textContent")
            == f"step {expected}"
        )
    used.press("End")
    used.press("[")
    last = int(used.run("document.getElementById('scrubber').max"))
    assert step(used) == max(index for index in steps if index < last)
    used.run("document.querySelector('#highlight-list a').click()")
    assert step(used) == steps[0]


def test_the_probabilities_are_ribbons(used: Any, explained_cartpole: Made) -> None:
    """What is seen in the column of a step is divided as the probabilities are."""
    scores = explained_cartpole[0].episode(0).scores.astype(float)
    share = (np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True))[4, 0]
    painted = used.run(
        "(() => { const canvas = document.querySelector('.scores canvas');"
        "const over = document.querySelector('.scores .u-over').getBoundingClientRect();"
        "const box = canvas.getBoundingClientRect();"
        f"const x = Math.round(over.x - box.x + over.width * 4.3 / {len(scores)});"
        "const y = Math.round(over.y - box.y);"
        "const pixels = canvas.getContext('2d').getImageData(x, y, 1, Math.floor(over.height)).data;"
        "return Array.from({ length: pixels.length / 4 }, (_, k) => [...pixels.slice(4 * k, 4 * k + 3)].join()); })()"
    )
    first, second = (",".join(str(int(action_color(k)[i : i + 2], 16)) for i in (1, 3, 5)) for k in range(2))
    assert painted.count(first) / len(painted) == pytest.approx(share, abs=0.03)
    assert painted.count(second) / len(painted) == pytest.approx(1 - share, abs=0.03)
    assert painted[1] == first  # the first action is at the top


def test_zoom_keeps_the_step_in_sight_and_turns_the_page(
    browser: Any, scripted: Callable[[int], Made], tmp_path: Path
) -> None:
    browser.open(rltools.replay(scripted(200)[0], 0, tmp_path / "page.html"), "#step=120")
    mark = "parseFloat(document.querySelector('.mark').style.left)"
    complete = "document.getElementById('whole').disabled"
    assert (browser.run(mark), browser.run(complete)) == (pytest.approx(100 * 120.5 / 200), True)
    browser.press("+")
    browser.press("+")
    assert browser.run(complete) is False
    assert browser.run(mark) == pytest.approx(100 * 120.5 / 200, abs=2)  # to a whole step of fifty
    browser.press("ArrowLeft")
    assert browser.run(mark) == pytest.approx(100 * 120.5 / 200 - 2, abs=2)
    browser.press("End")
    assert browser.run(mark) == pytest.approx(99)
    browser.press("0")
    assert browser.run(mark) == pytest.approx(100 * 199.5 / 200)
    assert browser.complaints() == []


def test_pointing_says_values_with_their_units(used: Any, explained_cartpole: Made) -> None:
    point = (
        "(() => {{ const over = document.querySelectorAll({selector!r})[{index}];"
        "const {{ x, y, width, height }} = over.getBoundingClientRect();"
        "over.dispatchEvent(new PointerEvent('pointermove', {{ clientX: x + width / 2, clientY: y + height * {down},"
        "bubbles: true }})); return document.getElementById('tip').innerText; }})()"
    )
    middle = len(explained_cartpole[0].episode(0)) // 2
    heat = used.run(point.format(selector=".u-over", index=0, down=0.6)).split("\n")
    assert heat[:4] == ["step", str(middle), "pole angle", "attribution"]
    assert heat[4].endswith(" score")
    assert heat[6].endswith(" rad")
    assert used.run("document.querySelector('.ghost').dataset.step") == str(middle)
    probabilities = used.run(point.format(selector=".scores .u-over", index=0, down=0.5)).split("\n")
    assert "probability" in probabilities
    assert {"left", "right"} <= set(probabilities)
    bar = used.run(point.format(selector=".bars .row:not(.headers)", index=1, down=0.5))
    assert "cart velocity" in bar
    assert " m/s" in bar
    leave = "document.querySelectorAll('.bars .row:not(.headers)')[1].dispatchEvent(new PointerEvent('pointerleave'))"
    used.run(leave)
    assert used.run("document.getElementById('tip').hidden") is True


def test_dark_and_light_are_as_the_system_says_until_somebody_chooses(browser: Any, page: Path) -> None:
    browser.open(page, dark=True)
    assert browser.run(DARK) is True
    browser.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "light"}])
    browser.wait_for(f"!({DARK})")
    ground = "document.querySelector('.legend canvas').getContext('2d').getImageData(127, 0, 1, 1).data[0]"
    assert browser.run(ground) > 200
    browser.press("d")
    assert browser.run(DARK) is True
    assert browser.run(ground) < 60
    browser.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark"}])
    browser.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "light"}])
    assert browser.run(DARK) is True
    assert browser.complaints() == []


def test_plots_follow_the_width_of_the_window(used: Any) -> None:
    width = "document.querySelector('.track canvas').getBoundingClientRect().width"
    before = used.run(width)
    used.call("Emulation.setDeviceMetricsOverride", width=420, height=900, deviceScaleFactor=1, mobile=True)
    used.wait_for(f"{width} < 400")
    assert before > 800
    assert used.run("document.documentElement.scrollWidth") <= 420


def test_the_list_of_keys_opens_and_closes(used: Any) -> None:
    used.press("?")
    assert used.run("document.getElementById('help').open") is True
    before = step(used)
    used.press("ArrowRight")  # behind the list nothing moves
    assert step(used) == before
    used.press("Escape")
    used.wait_for("!document.getElementById('help').open")
    used.press("ArrowRight")
    assert step(used) == before + 1
