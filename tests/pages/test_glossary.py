"""The terms that pages show are in the glossary, and no page defines one on its own."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import rltools
from rltools._util.glossary import ACTIONS, ENDINGS, SCORES, TERMS
from rltools.pages.report import write_report
from rltools.summary.target_meaning import target_meaning
from rltools.targets import SCORES as TARGET_SCORES

PACKAGE = Path(rltools.__file__).parent
ROOMS = ("summary", "plots", "pages", "videos", "cli")
LONGEST_COMMON = 20
"""Characters of a meaning that may stand elsewhere: "the action taken" is also plain English."""


def sources():
    for room in ROOMS:
        for path in sorted((PACKAGE / room).rglob("*")):
            if path.suffix in {".py", ".js", ".html"} and "vendor" not in path.parts:
                yield path, path.read_text(encoding="utf-8")


def test_every_term_that_a_page_asks_for_is_in_the_glossary():
    requested = re.compile(r"terms\.(\w+)\.(?:name|meaning)|TERMS\[[\"'](\w+)[\"']\]|term(?:Name|Meaning)\(\"(\w+)\"\)")
    keys = {key for _, text in sources() for match in requested.finditer(text) for key in match.groups() if key}
    assert {"share", "std", "references", "residual"} <= keys
    assert keys <= TERMS.keys()


def test_no_page_defines_a_term_on_its_own():
    meanings = [term.meaning for terms in (TERMS, SCORES, ACTIONS, ENDINGS) for term in terms.values()]
    meanings = [meaning for meaning in meanings if len(meaning) > LONGEST_COMMON and "{}" not in meaning]
    copies = [(path.name, meaning) for path, text in sources() for meaning in meanings if meaning in text]
    assert copies == []


def test_a_definition_on_a_page_takes_its_text_from_the_glossary():
    for path, text in sources():
        if path.suffix == ".html":
            for title in re.findall(r'class="term"[^>]* title="([^"]*)"', text):
                assert re.fullmatch(r"\{\{ terms\.\w+\.meaning \}\}", title), path
            for name, following in re.findall(r"<dfn>(\w+)</dfn> is (\S+ \S+ \S+)", text):
                assert following.startswith(f"{{{{ terms.{name}.meaning"), path


def test_a_report_shows_the_meanings(make_policy, tmp_path):
    policy = make_policy("CartPole-v1")
    recording = rltools.record(policy, episodes=2, max_steps=5, directory=tmp_path / "run")
    page = write_report(rltools.explain(recording, policy)).read_text(encoding="utf-8").replace("&#39;", "'")
    assert TERMS["share"].meaning in page
    assert TERMS["std"].meaning in page
    assert target_meaning("centered:chosen") in page


@pytest.mark.parametrize("terms", [TERMS, SCORES, ACTIONS, ENDINGS])
def test_a_meaning_is_a_phrase_and_leads_to_a_page(terms):
    for term in terms.values():
        assert term.name
        assert not term.meaning.endswith(".")
        assert (PACKAGE.parent / term.link).is_file()


def test_every_score_of_a_target_has_a_meaning():
    assert set(TARGET_SCORES) <= SCORES.keys()
