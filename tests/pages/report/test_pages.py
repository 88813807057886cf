"""The pages of runs and experiments: whole, escaped, and loading nothing."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from rltools import explain, record
from rltools.errors import ArgumentError, RecordingError
from rltools.pages.replay import replay
from rltools.pages.report import write_comparison, write_report
from rltools.spaces import Features
from rltools.testing import example_ablation

SCRIPT = "<script>alert(1)</script>"
HOSTILE = {
    "policy": f"p{SCRIPT}</title></style><img src=x onerror=alert(2)>",
    "feature": f"f\"{SCRIPT}' onload=alert(3) </style>",
    "unit": "m</span><iframe src=https://example.org>",
    "action": "a<b>&amp;{{ 7*7 }}",
    "note": f"n</li>{SCRIPT}<a href='javascript:alert(4)'>x</a>",
    "title": f"t</h1>{SCRIPT}{{% raw %}}",
    "command": f"rltools run '</pre>{SCRIPT}'",
}


class Page(HTMLParser):
    """The tags of a page, the texts outside of them, and what is in its styles and scripts."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.styles: list[str] = []
        self.scripts: list[str] = []
        self.inside = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        self.inside = tag
        if tag == "script" and "type" not in dict(attributes):
            self.scripts.append("")

    def handle_endtag(self, tag):
        self.inside = ""

    def handle_data(self, data):
        if self.inside == "script":
            if self.scripts:
                self.scripts[-1] += data
        else:
            (self.styles if self.inside == "style" else self.texts).append(data)

    @property
    def text(self):
        return " ".join(self.texts)

    @property
    def policy(self):
        result = [attrs["content"] for tag, attrs in self.tags if attrs.get("http-equiv") == "Content-Security-Policy"]
        assert len(result) == 1
        return {part.split()[0]: part.split()[1:] for part in result[0].split("; ")}


@pytest.fixture(scope="module")
def pages(make_policy, make_env, tmp_path_factory):
    """The page of a run and the page of an experiment, in which everything has a hostile name."""
    folder = tmp_path_factory.mktemp("reports")
    features = Features((3,), ("feature",), (HOSTILE["feature"], "plain", "other"), (HOSTILE["unit"], "", "s"))
    env = make_env(length=6)
    policy = make_policy(env, features=features, name=HOSTILE["policy"], action_names=(HOSTILE["action"], "b"))
    policy.source = dataclasses.replace(policy.source, notes=(HOSTILE["note"],))
    recording = record(policy, env, episodes=2, directory=folder / "run", frames=[0])
    explain(recording, policy, method="gradient", target="logit:all")
    example_ablation(recording, seeds=3)
    replay(recording, 0, folder / "run" / "replays" / "episode-000000.html")
    (folder / "run" / "replays" / "mine & <b>.html").write_text("<p>mine")
    run = write_report(recording, commands=(HOSTILE["command"],))
    page, _ = write_comparison(
        folder, HOSTILE["title"], {(HOSTILE["policy"], 0): recording}, commands=(HOSTILE["command"],)
    )
    return {"run": run.read_text(encoding="utf-8"), "experiment": page.read_text(encoding="utf-8"), "folder": folder}


@pytest.mark.parametrize("kind", ["run", "experiment"])
def test_hostile_names_are_text_and_nothing_else(pages, kind):
    page = Page(pages[kind])
    tags = {tag for tag, _ in page.tags}
    assert not tags & {"iframe", "object", "embed", "form", "base"}
    assert len(page.scripts) == 1
    assert not [text for key, text in HOSTILE.items() if key != "action" and text in page.scripts[0]]
    assert not [name for _, attrs in page.tags for name in attrs if name.startswith("on") or name == "style"]
    for key in ("policy", "feature", "note", "command") + (("unit",) if kind == "run" else ("title",)):
        assert HOSTILE[key] in page.text, key


@pytest.mark.parametrize("kind", ["run", "experiment"])
def test_a_page_loads_nothing_from_anywhere_else(pages, kind):
    page = Page(pages[kind])
    for tag, attrs in page.tags:
        for address in (attrs.get("src"), attrs.get("href"), attrs.get("srcset"), attrs.get("action")):
            if address is None:
                continue
            inside = not re.match(r"[a-zA-Z][a-zA-Z0-9+.-]*:|//|/", address)
            assert inside or (tag in ("img", "image", "link") and address.startswith("data:")), address
            assert not inside or ".." not in address
    assert not re.search(r"url\((?!data:)|@import", "".join(page.styles))


@pytest.mark.parametrize("kind", ["run", "experiment"])
def test_the_security_policy_allows_the_pages_own_style_and_script(pages, kind):
    page = Page(pages[kind])
    for name, texts in (("style-src", page.styles), ("script-src", page.scripts)):
        digests = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in texts]
        assert page.policy[name] == [f"'sha256-{digest}'" for digest in digests]
        assert len(digests) == 1
    assert page.policy["default-src"] == ["'none'"]
    assert page.policy["img-src"] == ["data:"]
    assert page.policy["font-src"] == ["data:"]
    assert "frame-src" not in page.policy


def test_the_links_of_a_page_lead_to_files_that_are_there(pages):
    from urllib.parse import unquote

    for kind, index in (("run", pages["folder"] / "run"), ("experiment", pages["folder"])):
        addresses = [attrs.get("href") or attrs.get("src") for _, attrs in Page(pages[kind]).tags]
        links = [address for address in addresses if address and not address.startswith(("data:", "#"))]
        assert links
        assert not [link for link in links if not (index / unquote(link).partition("#")[0]).is_file()]


def test_a_page_that_is_written_again_is_the_same(pages):
    from rltools import open_recording

    recording = open_recording(pages["folder"] / "run")
    assert write_report(recording, commands=(HOSTILE["command"],)).read_text(encoding="utf-8") == pages["run"]


def test_what_cannot_be_reported_is_said(make_policy, make_env, tmp_path):
    env = make_env(length=2)
    recording = record(make_policy(env), env, episodes=1, directory=tmp_path / "run")
    with pytest.raises(RecordingError, match="explained there: nothing yet"):
        write_report(recording)
    (tmp_path / "run" / "episodes" / "000000.parquet").unlink()
    with pytest.raises(ArgumentError, match="no episodes to report on"):
        write_report(recording)


def test_saturated_steps_are_a_caveat(make_env, tmp_path, without_plots):
    import torch

    from rltools import TorchPolicy

    env = make_env(length=4)
    created = env()
    dead = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2))
    with torch.no_grad():
        dead[0].weight.zero_()
        dead[0].bias.fill_(-1)
    recording = record(
        TorchPolicy(dead, created.observation_space, created.action_space), env, episodes=1, directory=tmp_path
    )
    policy = TorchPolicy(dead, created.observation_space, created.action_space)
    explain(recording, policy, method="gradient")
    page = Page(write_report(recording).read_text(encoding="utf-8"))
    assert "the network is saturated there" in page.text
    assert np.array_equal(recording.attribution("gradient").values, np.zeros((4, 1, 3), np.float32))


def test_where_nothing_was_measured_the_page_says_so_and_leads_with_what_changes_the_decision(
    cartpole, tmp_path, without_plots
):
    recording = record(cartpole, episodes=2, max_steps=20, directory=tmp_path / "run")
    explain(recording, cartpole, method="gradient")
    explain(recording, cartpole, method="decision_change", references=8, groups="variables")
    page = write_report(recording).read_text(encoding="utf-8")
    lead, score = re.findall(r'<p class="headline">(.*?)</p>', page)
    assert lead.startswith("Replacing ")
    assert f"<h1>What {recording.header.policy} looks at</h1>" in page
    assert re.search(r'<section id="finding".*?<p class="trust-line warning">Nothing was measured: ', page, re.DOTALL)
    assert re.match(r'Of what moves [^<]+, <b>[a-z ]+</b> makes up <span class="share">\d+ %</span>', score)
    assert '<p class="how">(gradient × std)</p>' in page
    assert '<p class="how">(decision change)</p>' in page
    assert "saturated" not in page


def test_the_returns_are_on_the_page_once_and_as_a_strip(cartpole, tmp_path, without_plots):
    recording = record(cartpole, episodes=3, max_steps=20, directory=tmp_path / "run")
    rewards = [outcome.total_reward for outcome in recording.outcomes()]
    explain(recording, cartpole, method="gradient")
    page = write_report(recording).read_text(encoding="utf-8")
    assert page.count("Mean return") == 1
    dots = page.partition('<figure class="strip">')[2].partition("</figure>")[0].count("<circle")
    assert dots == (3 if len(set(rewards)) > 1 else 0)


def test_all_numbers_lie_beside_the_page(pages):
    import pandas as pd

    table = pd.read_csv(pages["folder"] / "run" / "summary.csv")
    assert set(table["method"]) == {"gradient"}
    assert {"feature", "target", "share", "share_low", "mean"} <= set(table.columns)


def test_an_experiment_leads_with_what_was_measured_and_says_where_nothing_was(cartpole, tmp_path):
    recording = record(cartpole, episodes=2, max_steps=20, directory=tmp_path / "run")
    explain(recording, cartpole, method="gradient")
    page, texts = write_comparison(tmp_path, "title", {("cartpole-ppo", 0): recording})
    assert "No episode was run in which an agent does not see a feature" in page.read_text(encoding="utf-8")
    assert not any("the return falls" in text for text in texts)
    example_ablation(recording, lambda name, hidden, number: 100.0 + number - 50 * (hidden == (1,)), seeds=8)
    page, texts = write_comparison(tmp_path, "title", {("cartpole-ppo", 0): recording})
    text = page.read_text(encoding="utf-8")
    assert "No episode was run" not in text
    headline = re.sub("<[^>]*>", "", re.search(r'<p class="headline">(.*?)</p>', text)[1])
    assert headline == texts[0]
    assert headline.startswith(f"cartpole-ppo: without {recording.features.names[1]} (replaced by that of another ")
