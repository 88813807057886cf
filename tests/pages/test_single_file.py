"""A page with its replays as one file."""

from __future__ import annotations

import html
import re
from html.parser import HTMLParser

import pytest

from rltools import explain, record
from rltools.errors import ArgumentError
from rltools.pages.replay import replay
from rltools.pages.report import export_report, write_comparison, write_report
from rltools.pages.single_file import joined


@pytest.fixture(scope="module")
def folder(cartpole, tmp_path_factory):
    """An experiment of one run, with a replay of each of its episodes."""
    folder = tmp_path_factory.mktemp("mailed")
    recording = record(cartpole, episodes=2, max_steps=10, directory=folder / "run")
    explain(recording, cartpole, method="gradient")
    for number in range(2):
        replay(recording, number, folder / "run" / "replays" / f"episode-{number:06d}.html")
    write_report(recording)
    write_comparison(folder, "What is asked", {("tiny", 0): recording})
    return folder


class Read(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def all(self, tag):
        return [attrs for name, attrs in self.tags if name == tag]


def test_the_replays_are_in_it_as_they_were(folder):
    path = export_report(folder / "run")
    assert path == folder / "run" / "report.html"
    frames = Read(path.read_text(encoding="utf-8")).all("iframe")
    assert len(frames) == 2
    for frame in frames:
        number = int(frame["title"].removeprefix("Replay of episode "))
        assert frame["srcdoc"] == (folder / "run" / "replays" / f"episode-{number:06d}.html").read_text("utf-8")
        assert "src" not in frame


@pytest.mark.parametrize("part", ["run", "."])
def test_nothing_leads_out_of_it(folder, part):
    page = Read(export_report(folder / part, folder / "sent" / "one.html").read_text(encoding="utf-8"))
    addresses = [attrs.get("src") or attrs.get("href") for _, attrs in page.tags]
    assert not [address for address in addresses if address and not address.startswith(("data:", "#"))]


def test_one_policy_allows_what_the_parts_do_and_no_more(folder):
    page = Read(export_report(folder / "run").read_text(encoding="utf-8"))
    policies = [attrs["content"] for attrs in page.all("meta") if attrs.get("http-equiv") == "Content-Security-Policy"]
    assert len(policies) == 1
    inner = page.all("iframe")[0]["srcdoc"]
    scripts = re.findall(r"script-src ([^;\"]+)", html.unescape(inner))[0].split()
    assert scripts
    assert all(script in policies[0] for script in scripts)
    assert "file:" not in policies[0]
    assert "unsafe" not in policies[0]
    assert policies[0].startswith("default-src 'none'")


def test_a_policy_that_allows_more_is_not_taken_over():
    both = [
        "default-src 'none'; style-src 'sha256-YQ=='",
        "default-src *; script-src 'unsafe-inline' 'sha256-Yg=='",
    ]
    assert joined(both) == "default-src 'none'; style-src 'sha256-YQ=='; script-src 'sha256-Yg=='"


def test_what_does_not_fit_is_left_out_and_named(folder):
    page = (folder / "run" / "index.html").read_text(encoding="utf-8")
    small = export_report(folder / "run", limit=len(page) + 10).read_text(encoding="utf-8")
    assert "<iframe" not in small
    assert small.count("Left out of this file") == 2


def test_a_frame_that_leads_out_of_the_folder_is_not_read(folder, tmp_path):
    (tmp_path / "secret.html").write_text("<p>secret")
    (tmp_path / "run").mkdir()
    meta = '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'">'
    place = '<template data-single-file="replay" data-file="../secret.html" data-title="x"></template>'
    frame = f'{place}<iframe src="../secret.html" title="x" loading="lazy"></iframe>'
    (tmp_path / "run" / "index.html").write_text(meta + frame)
    sentence = export_report(tmp_path / "run").read_text()
    assert "secret" not in sentence
    assert "no longer exists" in sentence


def test_a_link_to_a_replay_leads_to_where_it_now_is(folder):
    page = Read(export_report(folder / "run").read_text(encoding="utf-8"))
    ids = {attrs["id"] for attrs in page.all("details") if "id" in attrs}
    links = [attrs for attrs in page.all("a") if "data-step" in attrs]
    assert ids == {"replay-episode-000000", "replay-episode-000001"}
    assert links
    assert all(link["href"].removeprefix("#") in ids for link in links)


def test_a_folder_without_a_page_is_said(tmp_path):
    with pytest.raises(ArgumentError, match="no page at"):
        export_report(tmp_path)
