"""The page of a run in a browser, and the one file that is made of it: nothing is refused, nothing is fetched."""

from __future__ import annotations

import pytest

from rltools.pages.replay import replay
from rltools.pages.report import export_report, write_report


@pytest.fixture(scope="module")
def pages(explained_cartpole, tmp_path_factory):
    recording, _ = explained_cartpole
    replay(recording, 0, recording.directory / "replays" / "episode-000000.html")
    page = write_report(recording, commands=("rltools analyze tiny",))
    # Alone in a folder, as it arrives by mail.
    return {"page": page, "file": export_report(recording.directory, tmp_path_factory.mktemp("mail") / "report.html")}


@pytest.mark.parametrize("kind", ["page", "file"])
@pytest.mark.parametrize(("width", "dark"), [(1280, False), (400, True)])
def test_it_opens_without_a_complaint_and_fits(browser, pages, kind, width, dark):
    browser.open(pages[kind], width=width, dark=dark)
    browser.run("document.getElementById('replays').scrollIntoView()")
    browser.wait_for("document.readyState === 'complete'")
    assert browser.complaints() == []
    assert not [address for address in browser.requests() if not address.startswith(("file:", "data:"))]
    assert browser.run("document.documentElement.scrollWidth") <= width
    assert browser.run("[...document.images].every((image) => image.complete && image.naturalWidth > 0)")


def test_the_replay_in_the_file_runs(browser, pages):
    browser.open(pages["file"])
    browser.run("document.querySelector('details.replay').open = true")
    browser.run("document.querySelector('iframe').scrollIntoView()")
    inside = "document.querySelector('iframe').contentDocument"
    # Drawn by its script, which the policy of the page around it must allow too.
    browser.wait_for(f"({inside}?.querySelectorAll('canvas').length ?? 0) > 0")
    assert browser.complaints() == []
    assert [address for address in browser.requests() if address.startswith("file:")] == [pages["file"].as_uri()]
