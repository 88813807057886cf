"""What a replay links to, and what it says where no script runs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import rltools
from rltools.pages.replay import replay_episodes

Made = tuple[rltools.Recording, rltools.Policy]


@pytest.fixture
def run(explained_cartpole: Made, tmp_path: Path) -> rltools.Recording:
    policy = explained_cartpole[1]
    recording = rltools.record(policy, "CartPole-v1", episodes=3, max_steps=5, seed=5, directory=tmp_path / "run")
    return rltools.explain(recording, policy, method="shapley", references=8)


def links(page: Path) -> dict[str, str]:
    text = page.read_text(encoding="utf-8")
    return dict(re.findall(r'<a id="(\w+)" href="([^"]+)"', text))


def test_a_replay_of_a_run_leads_to_its_report_and_to_the_other_episodes(run: rltools.Recording) -> None:
    replay_episodes(run, [0, 2], frames=False, report=True)
    folder = run.directory / "replays"
    first, last = folder / "episode-000000.html", folder / "episode-000002.html"
    assert links(first) == {"report": "../index.html", "next": last.name}
    assert links(last) == {"report": "../index.html", "previous": first.name}
    # One that is added later knows those that are there, and the report only if it is.
    added = rltools.replay(run, 1, folder / "episode-000001.html")
    assert links(added) == {"previous": first.name, "next": last.name}
    (run.directory / "index.html").write_text("")
    assert links(rltools.replay(run, 1, added))["report"] == "../index.html"


def test_a_page_elsewhere_leads_nowhere(run: rltools.Recording, tmp_path: Path) -> None:
    assert links(rltools.replay(run, 0, tmp_path / "page.html")) == {}


def test_links_are_followed_by_keys_and_are_not_there_inside_another_page(
    browser: Any, run: rltools.Recording, tmp_path: Path
) -> None:
    replay_episodes(run, [0, 1], frames=False, report=True)
    folder = run.directory / "replays"
    browser.open(folder / "episode-000000.html")
    browser.press("n")
    browser.wait_for(
        "location.pathname.endsWith('episode-000001.html') && document.getElementById('previous') !== null"
    )
    outer = tmp_path / "outer.html"
    address = (folder / "episode-000000.html").as_uri()
    outer.write_text(f'<iframe src="{address}" width="1000" height="700" onload="ready = true"></iframe>')
    browser.open(outer)
    browser.wait_for("typeof ready !== 'undefined'")
    frame = browser.call("Page.getFrameTree")["frameTree"]["childFrames"][0]["frame"]["id"]
    world = browser.call("Page.createIsolatedWorld", frameId=frame)["executionContextId"]
    hidden = "[...document.querySelectorAll('#pages a')].every((link) => link.hidden)"
    answer = browser.call("Runtime.evaluate", expression=hidden, contextId=world, returnByValue=True)
    assert answer["result"]["value"] is True


def test_without_script_a_page_says_its_facts_and_moments(run: rltools.Recording, tmp_path: Path) -> None:
    page = rltools.replay(run, 1, tmp_path / "page.html").read_text(encoding="utf-8")
    inside = page[page.index("<noscript>") : page.index("</noscript>")]
    assert f"<dd>{run.outcome(1).seed}</dd>" in inside
    assert "<h2>tiny</h2>" in inside
    rows = re.findall(r'<tr><th scope="row">(\d+)</th><td>(.*?)</td><td>(.*?)</td><td>(.*?)</td></tr>', inside)
    episode, values = run.episode(1), run.attribution("shapley", episodes=[1]).values[:, 0]
    assert rows
    for step, _, action, attributions in rows:
        assert action == ("left", "right")[episode.actions[int(step)]]
        largest = run.features.names[int(abs(values[int(step)]).argmax())]
        assert attributions.startswith(f"{largest} ")
    assert '<h1 id="title" class="name">tiny</h1>' in page
