"""The player of a report in a browser: what is pointed at is shown, and a click keeps it in the address."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium import spaces

import rltools
from rltools.pages.replay import replay
from rltools.pages.replay.rows import summed
from rltools.pages.report import export_report, write_report
from rltools.pages.report._player import player
from rltools.pages.report._rows import shown_rows


@pytest.fixture(scope="module")
def page(explained_cartpole: Any) -> tuple[rltools.Recording, Path]:
    recording, _ = explained_cartpole
    replay(recording, 0, recording.directory / "replays" / "episode-000000.html")
    return recording, write_report(recording, commands=("rltools analyze tiny",))


def point(browser: Any, selector: str, *, click: bool = False) -> tuple[int, int]:
    """Move the pointer to an element, and return the step that it names."""
    element = f"document.querySelector({json.dumps(selector)})"
    browser.run(f"{element}.scrollIntoView({{block: 'center'}})")
    x, y = browser.run(f"(() => {{ const b = {element}.getBoundingClientRect(); return [b.x + b.width / 2, b.y + b.height / 2]; }})()")  # fmt: skip  # noqa: E501
    browser.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)
    if click:
        for kind in ("mousePressed", "mouseReleased"):
            browser.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)
    episode, step = browser.run(f"{element}.closest('[data-step]').dataset.step").split(":")
    return int(episode), int(step)


def step_in_player(browser: Any) -> tuple[int, int]:
    return tuple(int(browser.run(f"document.getElementById('player').dataset.{name}")) for name in ("episode", "step"))


def numbers(browser: Any, kind: str) -> list[float]:
    texts = browser.run(f"[...document.querySelectorAll('#player-bars .{kind}')].map((cell) => cell.textContent)")
    return [float(text.replace("−", "-")) for text in texts]


def test_pointing_at_a_bar_shows_its_step_with_the_recorded_numbers(browser: Any, page: Any) -> None:
    recording, path = page
    browser.open(path)
    episode, step = point(browser, ".bars li[data-step] .step")
    assert step_in_player(browser) == (episode, step)
    main = rltools.summarize(recording, method=recording.find())
    rows = shown_rows(recording, main)
    states = recording.episode(episode).states[step]
    values = recording.attribution_of(main.key, episodes=[episode]).values[step]
    expected = summed(values if main.std is None else values * main.std, rows)[0]
    assert numbers(browser, "value") == pytest.approx([states[row.entries[0]] for row in rows], abs=0.01)
    assert numbers(browser, "number") == pytest.approx(expected, abs=0.01 * np.abs(expected).max() + 0.006)
    assert f"episode {episode}, step {step} of " in browser.text("#player-step")
    taken = recording.header.action_names[int(recording.episode(episode).actions[step])]
    assert taken in browser.text("#player-action")


class Places(gymnasium.Env[int, int]):
    """A tour of seven places, one after another."""

    observation_space, action_space = spaces.Discrete(7), spaces.Discrete(2)

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[int, dict[str, Any]]:
        self.place = 0
        return 0, {}

    def step(self, action: int) -> tuple[int, float, bool, bool, dict[str, Any]]:
        self.place += 1
        return self.place % 7, 1.0, self.place == 13, False, {}


def test_a_choice_is_named_at_every_step(browser: Any, tmp_path: Path, without_plots: None) -> None:
    env = Places()
    policy = rltools.TorchPolicy(torch.nn.Linear(7, 2), env.observation_space, env.action_space, name="tourist")
    recording = rltools.record(policy, Places, episodes=2, directory=tmp_path / "run")
    browser.open(
        write_report(rltools.explain(recording, policy, method="gradient"), commands=("rltools analyze tiny",))
    )
    places = []
    for _ in range(14):
        places.append(browser.text("#player-bars .value"))
        browser.run("document.getElementById('player-next').click()")
    assert len(set(places)) > 4
    assert "" not in places


def test_every_step_that_a_link_names_is_there(browser: Any, page: Any) -> None:
    _, path = page
    named = re.findall(r'data-step="(\d+):(\d+)"', path.read_text(encoding="utf-8"))
    assert len(set(named)) > 3
    browser.open(path)
    for episode, step in set(named):
        browser.open(path, f"#episode={episode}&step={step}")
        assert step_in_player(browser) == (int(episode), int(step))


def test_a_click_keeps_the_step_in_the_address_and_a_reload_shows_it_again(browser: Any, page: Any) -> None:
    _, path = page
    browser.open(path)
    episode, step = point(browser, "#numbers td .step", click=True)
    assert browser.run("location.hash") == f"#episode={episode}&step={step}"
    point(browser, ".bars li[data-step] .step")
    browser.call("Input.dispatchMouseEvent", type="mouseMoved", x=5, y=5)
    assert step_in_player(browser) == (episode, step)  # what is only pointed at goes away again
    browser.open(path, browser.run("location.hash"))
    assert step_in_player(browser) == (episode, step)
    assert browser.run("document.getElementById('player').classList.contains('pinned')")
    browser.press(".")
    assert step_in_player(browser) == (episode, step + 1)
    assert browser.run("location.hash") == f"#episode={episode}&step={step + 1}"
    browser.press("Escape")
    assert browser.run("location.hash") == ""
    assert browser.complaints() == []


def test_the_link_to_the_replay_names_the_step(browser: Any, page: Any) -> None:
    _, path = page
    browser.open(path, "#episode=0&step=7")
    assert browser.run("document.getElementById('player-replay').getAttribute('href')") == (
        "replays/episode-000000.html#step=7"
    )
    browser.open(path, "#episode=1&step=3")
    assert browser.run("document.getElementById('player-replay').hidden")
    assert browser.run("document.getElementById('player-frame').hidden")


def test_in_a_single_file_the_replay_opens_inside_at_the_step(browser: Any, page: Any, tmp_path: Path) -> None:
    recording, _ = page
    browser.open(export_report(recording.directory, tmp_path / "one.html"), "#episode=0&step=7")
    browser.run("document.getElementById('player-replay').click()")
    inside = "document.querySelector('details.replay iframe').contentDocument"
    browser.wait_for(f"{inside}?.getElementById('clock')?.textContent.startsWith('step 7 ')")
    assert browser.complaints() == []


def test_without_script_everything_is_there_but_the_player(browser: Any, page: Any) -> None:
    _, path = page
    browser.open(path)
    texts = "[...document.querySelectorAll('.headline, .findings li, .bar-name, td, dd')].map((each) => each.innerText)"
    with_script = browser.run(texts)
    browser.call("Emulation.setScriptExecutionDisabled", value=True)
    try:
        browser.call("Page.navigate", url=f"{path.resolve().as_uri()}?without-script")
        browser.wait_for("location.search === '?without-script' && document.readyState === 'complete'")
        assert not browser.run("document.getElementById('player').checkVisibility()")
        without = browser.run(texts)
        assert [text for text in without if text not in with_script] == []
        assert browser.run("document.querySelector('.headline').checkVisibility()")
        assert "replays/episode-000000.html#step=" in browser.run("document.querySelector('a.step').href")
    finally:
        browser.call("Emulation.setScriptExecutionDisabled", value=False)


def test_it_prints_on_few_pages_without_controls(browser: Any, page: Any) -> None:
    _, path = page
    browser.open(path)
    data = browser.call("Page.printToPDF", preferCSSPageSize=True)["data"]
    pages = re.findall(rb"/Type\s*/Page[^s]", base64.b64decode(data))
    assert 2 <= len(pages) <= 5
    browser.call("Emulation.setEmulatedMedia", media="print")
    try:
        visible = "[...document.querySelectorAll('button, select, #player, .beside')].filter((each) => each.checkVisibility())"  # noqa: E501
        assert browser.run(f"{visible}.length") == 0
    finally:
        browser.call("Emulation.setEmulatedMedia", media="")


def test_on_a_phone_no_bar_and_no_number_is_cut(browser: Any, page: Any) -> None:
    _, path = page
    browser.open(path, width=400)
    assert browser.run("document.documentElement.scrollWidth") <= 400
    ends = browser.run("[...document.querySelectorAll('.bars :is(rect, text, line)')].map((each) => each.getBoundingClientRect().right)")  # fmt: skip  # noqa: E501
    assert ends
    assert max(ends) <= 400
    browser.open(path, "#episode=0&step=3", width=400)
    assert browser.run("document.getElementById('player').classList.contains('open')")


def test_tables_sort(browser: Any, page: Any) -> None:
    _, path = page
    browser.open(path)
    column = "[...document.querySelectorAll('#numbers table.sortable')[0].tBodies[0].rows].map((row) => Number(row.cells[1].dataset.value))"  # noqa: E501
    before = browser.run(column)
    button = "document.querySelectorAll('#numbers table.sortable')[0].tHead.rows[0].cells[1].querySelector('.sort')"
    browser.run(f"{button}.click()")
    assert browser.run(column) == sorted(before, reverse=True)
    browser.run(f"{button}.click()")
    assert browser.run(column) == sorted(before)


def test_decisions_of_other_elements_than_the_main_attribution_are_left_out(tmp_path: Path) -> None:
    policy = rltools.load_policy("taxi-masked-ppo")
    recording = rltools.record(policy, episodes=1, directory=tmp_path)
    recording = rltools.explain(recording, policy, method="decision_change", groups="variables", references=2)
    recording = rltools.explain(recording, policy, method="gradient")  # of 500 values instead of four factors
    summaries = [rltools.summarize(recording, method=key) for key in recording.requested]
    built = player(recording, summaries[1], summaries, {})
    assert built is not None
    assert not built.index["decides"]
    assert built.episodes[0]["decisions"] is None
