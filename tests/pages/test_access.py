"""Every kind of page, for everybody: who cannot see it, sees it printed or in other colors, or holds it in one hand."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import access
import pytest
from access import axe, focus_order, measured, media, printed_pages, read_aloud, without_names

import rltools
from rltools.pages.notebook import recording_html
from rltools.pages.replay import replay
from rltools.pages.report import export_report, write_comparison, write_report
from rltools.testing import example_ablation

Pages = Callable[[str], Path]
Findings = dict[str, list[str]]
AGENTS: dict[str, dict[str, Any]] = {
    "cartpole-ppo": {},
    "pendulum-sac": {},
    "taxi-masked-ppo": {"method": "decision_change", "references": 4},
    "minigrid-dict-ppo": {},
    "cartpole-recurrent-ppo": {"window": 3},
}
"""An agent of each kind, and how its second attribution is made: vectors with discrete and with continuous actions,
a one-hot choice, an image in a Dict, and a recurrent policy."""
REPORTS = ("cartpole-ppo", "taxi-masked-ppo", "minigrid-dict-ppo")
KINDS = (*(f"report {agent}" for agent in REPORTS), *(f"replay {agent}" for agent in AGENTS),
         "replay two agents", "experiment", "single file", "notebook")  # fmt: skip
WITH_PLOTS = ("cartpole-ppo", "minigrid-dict-ppo")
"""Of the others a report has no plots, which take longest."""
DECORATION = ("--paper", "--plate", "--line", "--grid")
"""Colors that nothing depends on: grounds, hairlines and grids."""


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], rltools.Recording]:
    """A short recording of an agent, made when it is first asked for."""
    folder, made = tmp_path_factory.mktemp("access"), dict[str, rltools.Recording]()

    def recording(agent: str) -> rltools.Recording:
        if agent not in made:
            policy = rltools.load_policy(agent)
            frames = [0] if agent == "cartpole-ppo" else None
            new = rltools.record(policy, episodes=2, max_steps=20, directory=folder / agent, frames=frames)
            rltools.explain(new, policy, method="gradient")
            made[agent] = rltools.explain(new, policy, **{"method": "gradient"} | AGENTS[agent])
            example_ablation(made[agent], seeds=6)
        return made[agent]

    return recording


@pytest.fixture(scope="module")
def pages(recordings: Callable[[str], rltools.Recording], tmp_path_factory: pytest.TempPathFactory) -> Pages:
    """The page of a kind."""
    folder, made = tmp_path_factory.mktemp("pages"), dict[str, Path]()

    def make(kind: str) -> Path:
        sort, _, agent = kind.partition(" ")
        recording = recordings(agent if agent in AGENTS else "cartpole-ppo")
        run = recording.directory
        match sort:
            case "report":
                page("replay " + agent)
                with pytest.MonkeyPatch.context() as patch:
                    if agent not in WITH_PLOTS:
                        patch.setattr("rltools.pages.report._run.report_plots", lambda *arguments: ())
                    return write_report(recording, commands=(f"rltools analyze {agent}",))
            case "replay":
                beside = recordings("cartpole-recurrent-ppo") if agent == "two agents" else None
                return replay(recording, 0, run / "replays" / f"{kind}.html", beside=beside)
            case "single":
                return export_report(page("report cartpole-ppo").parent, folder / "single.html")
            case "experiment":
                both = {(agent, 0): recordings(agent) for agent in ("cartpole-ppo", "cartpole-recurrent-ppo")}
                return write_comparison(run.parent, "Do both look at the same features?", both)[0]
        card = recording_html(recording)
        (folder / "card.html").write_text(
            f'<!doctype html><html lang="en"><meta name="viewport" content="width=device-width"><title>Card</title>'
            f"<main><h1>A notebook</h1>{card}</main></html>",
            encoding="utf-8",
        )
        return folder / "card.html"

    def page(kind: str) -> Path:
        if kind not in made:
            made[kind] = make(kind)
        return made[kind]

    return page


@pytest.fixture(scope="session")
def axe_script() -> tuple[str | None, str]:
    """The source of axe, or why there is none."""
    try:
        return access.axe_script(), ""
    except (OSError, subprocess.SubprocessError) as reason:
        return None, f"axe cannot be installed: {reason}"


def test_axe_is_there(axe_script: tuple[str | None, str]) -> None:
    script, reason = axe_script
    if script is None:
        pytest.skip(reason)
    assert f"axe v{access.AXE.partition('@')[2]}" in script[:400]


def faint_lines(browser: Any) -> list[str]:
    """Lines in pictures with a contrast below 3:1, but for grids and hairlines."""
    style = "getComputedStyle(document.documentElement)"
    names = ", ".join(f"{style}.getPropertyValue('{name}').trim().toLowerCase()" for name in DECORATION)
    decoration = set(browser.run(f"[{names}]"))
    return [
        f"{line['color']} {line['ratio']}:1 {line['where']} in {line['of']}"
        for line in measured(browser, "drawn")
        if line["kind"] == "line" and line["ratio"] < 3 and line["pure"] not in decoration
    ]


def looks(browser: Any, page: Path, script: str | None) -> Iterator[tuple[str, list[str]]]:
    """What is wrong in each look at a page."""
    browser.open(page, width=1280, height=720)
    yield "complaints", browser.complaints()
    yield "requests", [url for url in browser.requests() if not url.startswith(("file:", "data:"))]
    if script:
        yield "axe", axe(browser, script)
    for name in ("targets", "cut", "wide", "overlapping", "unnamed", "borders"):
        yield name, measured(browser, name)
    yield "small", measured(browser, "small", 10)
    yield "names", without_names(browser)
    yield "lines", faint_lines(browser)
    measured(browser, "marks")
    media(browser, "print")
    yield "printed marks", measured(browser, "unprinted")
    yield "printed controls", measured(browser, "printedControls")
    media(browser, "print", prefers_color_scheme="dark")
    yield "printed from dark", measured(browser, "faint", 4.5, "#fff")
    for scheme in ("light", "dark"):
        media(browser, forced_colors="active", prefers_color_scheme=scheme)
        yield f"forced colors, {scheme}", measured(browser, "unforced")
        yield f"forced texts, {scheme}", measured(browser, "faint", 4.5)
        yield f"forced lines, {scheme}", faint_lines(browser)
    media(browser)
    yield "focus", focus_order(browser)
    browser.open(page, width=1280, height=720, dark=True)
    if script:
        yield "axe, dark", axe(browser, script, only=("color-contrast",))
    yield "lines, dark", faint_lines(browser)
    for width in (400, 320):
        browser.open(page, width=width, height=800)
        for name in ("cut", "wide", "targets", "overlapping"):
            yield f"{name} at {width}", measured(browser, name)
        yield f"small at {width}", measured(browser, "small", 9)


def without_script(browser: Any, page: Path) -> dict[str, list[str]]:
    """What a screen reader finds in a page where scripts are switched off."""
    browser.call("Emulation.setScriptExecutionDisabled", value=True)
    try:
        browser.events.clear()
        browser.call("Page.navigate", url=page.as_uri())
        for _ in range(100):
            if any(event["method"] == "Page.loadEventFired" for event in browser.events):
                break
            time.sleep(0.05)
            browser.call("Page.getFrameTree")  # which reads the events that came
        return read_aloud(browser)
    finally:
        browser.call("Emulation.setScriptExecutionDisabled", value=False)


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_for_everybody(browser: Any, pages: Pages, axe_script: tuple[str | None, str], kind: str) -> None:
    looked = looks(browser, pages(kind), axe_script[0])
    wrong = [f"{name}: {each}" for name, findings in looked for each in findings]
    assert not wrong, "\n".join(["", *wrong])


def test_a_report_is_five_pages_on_paper(browser: Any, pages: Pages) -> None:
    browser.open(pages("report cartpole-ppo"))
    assert printed_pages(browser) <= 5


def test_a_report_reads_without_script(browser: Any, pages: Pages) -> None:
    silent = without_script(browser, pages("report cartpole-ppo"))
    browser.open(pages("report cartpole-ppo"))
    complete = read_aloud(browser)
    player = browser.run("[...document.querySelectorAll('aside')].map((each) => each.outerHTML).join('')")
    for role in ("heading", "table", "image", "figure", "term"):
        added = set(complete.get(role, ())) - set(silent.get(role, ()))
        assert not [name for name in added if name not in player], role
    assert len(silent["columnheader"]) == len(complete["columnheader"])  # whose names become buttons that sort
    assert len(silent["heading"]) > 6
    assert len(silent["image"]) > 5
    assert "" not in silent["image"]


def test_a_replay_without_script_says_whose_episode_it_is(browser: Any, pages: Pages) -> None:
    silent = without_script(browser, pages("replay cartpole-ppo"))
    assert "cartpole-ppo" in silent["heading"][0]
    assert "JavaScript" in " ".join(silent["StaticText"])
