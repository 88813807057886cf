"""What notebooks show: every name escaped, the target named, numbers with intervals, quick and never an error."""

from __future__ import annotations

import html
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import rltools
from rltools.pages.notebook import analysis_html, attribution_html, recording_html, summary_html
from rltools.pages.notebook._card import card
from rltools.recording import Attribution, AttributionSpec
from rltools.spaces import Features
from rltools.summary.sentence import share_of
from rltools.targets.scores import target_name

OURS = {"div", "style", "p", "b", "bdi", "span", "table", "thead", "tbody", "tr", "th", "td", "i"}
PICTURES = {"picture", "source", "img"}
HOSTILE = [
    "<script>alert(1)</script>",
    "</style><img src=x onerror=alert(1)>",
    "\"><svg onload='alert(1)'>",
    "'; background:url(javascript:alert(1))",
    "{{ 7 * 7 }}{% raw %}",
    "&lt;b&gt;",
    "\u202egnol\u0000\ud800",
    "x" * 10_000,
]


class Seen(HTMLParser):
    """The tags, attributes and texts of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.open: list[str] = []
        self.texts: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag not in ("source", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.texts.append(data)


def check(page: str) -> str:
    """Nothing but our own elements, all of them closed; returns the text."""
    observed = Seen(page)
    assert not observed.open
    assert observed.tags - PICTURES <= OURS
    pictured = {"src", "srcset", "media", "alt"} if "picture" in observed.tags else set()
    assert observed.attributes - pictured <= {"class", "style", "scope", "aria-hidden"}
    assert re.findall(r'src(?:set)?="(?!data:image/png;base64,)', page) == []
    page.encode("utf-8")
    return " ".join(" ".join(observed.texts).split())


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory, cartpole: Any) -> rltools.Recording:
    folder = tmp_path_factory.mktemp("shown") / "run"
    return rltools.explain(
        rltools.record(cartpole, episodes=20, max_steps=15, directory=folder), cartpole, method="gradient"
    )


def attribution(names: tuple[str, ...], unit: str = "score", target: str = "centered:chosen") -> Attribution:
    values = np.arange(3 * len(names), dtype=np.float32).reshape(3, 1, len(names))
    spec = AttributionSpec("shapley", target, (target,), unit, {}, "0" * 64)
    features = Features((len(names),), given_names=names, units=tuple(f"u{index}" for index in range(len(names))))
    return Attribution(values, np.zeros((3, 1), np.float32), spec, features)


def test_a_recording(recording: rltools.Recording) -> None:
    text = check(recording_html(recording))
    requested = recording.spec(recording.find())
    assert f"{len(recording)} episodes" in text
    assert recording.header.policy in text
    assert f"of {target_name(requested.target)}; 95 % interval over episodes" in text
    top = rltools.summarize(recording).top(1)[0]
    assert top.feature in text
    assert re.search(r"\d %? ?\[\d", text)
    assert str(recording.directory) in text


def test_a_card_reads_well_without_its_style(recording: rltools.Recording) -> None:
    """Where a page of notebooks leaves out styles, spans stand beside each other as they are."""
    page = re.sub(r"<style>.*?</style>", "", recording_html(recording), flags=re.DOTALL)
    blocks = re.split(r"</?(?:p|table|thead|tbody|tr|div)\b[^>]*>", page)
    lines = [" ".join(html.unescape(re.sub(r"</?t[dh]\b[^>]*>", " ", block)).split()) for block in blocks]
    text = [re.sub(r"<[^>]+>", "", line) for line in lines if line]
    assert text[0] == "Recording: tiny in CartPole-v1"
    steps = sum(outcome.steps for outcome in recording.outcomes())
    assert text[1].startswith(f"20 episodes · {steps} steps · mean return ")
    assert text[1].endswith(" · 4 features · actions: push left, push right")


def test_a_recording_without_attributions(cartpole: Any) -> None:
    recording = rltools.record(cartpole, episodes=2, max_steps=5)
    text = check(recording_html(recording))
    assert "explained: nothing" in text
    assert "limit 5 5" in text
    assert "in a temporary folder" in text
    assert str(recording.directory) not in text


def test_a_recording_that_is_explained_in_part(cartpole: Any) -> None:
    recording = rltools.record(cartpole, episodes=1, max_steps=5)
    rltools.explain(recording, cartpole, method="gradient")
    rltools.record(cartpole, episodes=2, max_steps=5, directory=recording.directory)
    assert "not explained yet" in check(recording_html(recording))


def test_a_large_recording_is_not_summarized(recording: rltools.Recording, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rltools.pages.notebook._recording.QUICK", 1)
    assert "rltools.summarize(recording) says" in check(recording_html(recording))


def test_a_summary(recording: rltools.Recording) -> None:
    summary = rltools.summarize(recording)
    page = summary_html(summary)
    text = check(page)
    for result in summary.top(3):
        assert result.feature in text
        assert str(share_of(result)) in text
    widths = [float(width) for width in re.findall(r'<div style="width:([\d.]+)%', page)]
    assert widths == sorted(widths, reverse=True)
    assert max(widths) <= 100
    assert all(
        float(left) + float(width) <= 100.1 for left, width in re.findall(r"left:([\d.]+)%;width:([\d.]+)", page)
    )


def test_a_summary_of_one_episode_has_no_intervals(cartpole: Any) -> None:
    recording = rltools.record(cartpole, episodes=1, max_steps=5)
    page = summary_html(rltools.summarize(rltools.explain(recording, cartpole, method="gradient")))
    assert "fewer than 5 episodes: no interval" in check(page)
    assert "<i " not in page


def test_a_summary_of_decisions(cartpole: Any) -> None:
    recording = rltools.record(cartpole, episodes=2, max_steps=30)
    text = check(
        summary_html(rltools.summarize(rltools.explain(recording, cartpole, method="decision_change", references=8)))
    )
    assert "decision changed" in text
    assert "how often, or how far, replacing a feature changes the decision" in text


def test_what_analyze_returns(recording: rltools.Recording, tmp_path: Path) -> None:
    from rltools.experiments.analyze import Analysis

    analysis = Analysis(recording, rltools.summarize(recording), tmp_path / "index.html")
    text = check(analysis_html(analysis.answer, analysis.page))
    assert str(analysis.findings[0]) in text
    assert "index.html" in text


def test_an_attribution_shows_itself() -> None:
    result = attribution(("speed", "height"))
    assert result._repr_html_() == attribution_html(result)
    text = check(attribution_html(result))
    assert "Shapley values of the score of the action taken (centered)" in text
    assert "height 60 % speed 40 %" in text  # means of 1, 3, 5 and of 0, 2, 4


def test_values_per_unit_are_no_shares() -> None:
    text = check(attribution_html(attribution(("speed", "height"), unit="score per unit")))
    assert "%" not in text
    assert "height u1 3 speed u0 2" in text


def test_a_control_says_that_it_is_one() -> None:
    assert "only the order means anything" in check(attribution_html(attribution(("a", "b"), unit="rank")))


def test_more_steps_than_anybody_looks_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rltools.pages.notebook._recording.QUICK", 4)
    assert "2 of 3 steps looked at" in check(attribution_html(attribution(("speed", "height"))))


def test_many_features_and_no_steps() -> None:
    result = attribution(tuple(f"x{index}" for index in range(400)))
    assert "and 390 more of 400 features" in check(attribution_html(result))
    empty = Attribution(result.values[:0], result.scores[:0], result.spec, result.features)
    assert "0/0" in check(attribution_html(empty))


@pytest.mark.parametrize("name", HOSTILE)
def test_names_are_only_text(name: str) -> None:
    text = check(attribution_html(attribution((name, "b"), target=name)))
    check(attribution_html(attribution((name, "b"), unit="score per unit")))
    if len(name) < 80 and name.isprintable():
        assert name in text


@given(st.text(st.characters(exclude_categories=())), st.text())
def test_whatever_is_said_is_text(each: str, other: str) -> None:
    page = card(each, other, facts=[each], sentences=[other], notes=[each])
    check(page)
    assert html.escape(other, quote=False).replace("'", "&#39;").split("\r")[0][:5] in page.replace("&#34;", '"')


def test_the_style_names_no_color_of_text() -> None:
    page = card("a", "b")
    assert "color: inherit" in page
    assert "http" not in page


def test_an_explained_recording_has_its_filmstrip_for_light_and_dark(recording: rltools.Recording) -> None:
    page = recording_html(recording)
    light, dark = (re.search(rf'{name}="data:image/png;base64,([^"]+)"', page) for name in ("src", "srcset"))
    assert light is not None
    assert dark is not None
    assert light[1] != dark[1]
    assert 'alt="An episode at a glance' in page


def test_a_recording_without_attributions_has_no_filmstrip(cartpole: Any) -> None:
    assert "<picture" not in recording_html(rltools.record(cartpole, episodes=2, max_steps=5))
