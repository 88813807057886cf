"""The documentation site: its reference is complete, every page is reached, and its tutorials run."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import runpy
from pathlib import Path
from typing import Any

import pytest

DOCS = Path(__file__).parents[1] / "docs"
REFERENCE = runpy.run_path(str(DOCS / "_ext" / "reference.py"))
TUTORIALS = sorted((DOCS / "tutorials").glob("*.md"))
SLOW = {"is-it-true", "own-environment", "paper", "sb3-agent", "training"}
"""Tutorials that would take longer than all others together: `make docs` runs them, and tests of `assess` and of
experiments run what they call."""


def identity(module: str, name: str) -> str:
    return str(REFERENCE["identity"](getattr(importlib.import_module(module), name), f"{module}.{name}"))


@pytest.fixture(scope="module")
def described() -> set[str]:
    return {identity(*name.rsplit(".", 1)) for name in REFERENCE["described_names"]()}


def test_every_public_name_is_described_once(described: set[str]) -> None:
    for module, names in REFERENCE["public_names"]().items():
        things = {name: getattr(importlib.import_module(module), name) for name in names}
        missing = [
            name
            for name, thing in things.items()
            if not inspect.ismodule(thing) and identity(module, name) not in described
        ]
        assert not missing, f"{module} has no description of {', '.join(missing)}"


def imported(code: str) -> set[tuple[str, str]]:
    """What a piece of code imports from rltools, by module and name."""
    nodes = [node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.ImportFrom)]
    return {
        (node.module, alias.name) for node in nodes if (node.module or "").startswith("rltools") for alias in node.names
    }


def test_what_the_pages_import_is_described(described: set[str]) -> None:
    pages = [*DOCS.parent.glob("*.md"), *DOCS.rglob("*.md")]
    blocks = [
        block
        for page in pages
        for block in re.findall(r"```(?:python3?|py)\n(.*?)```", page.read_text("utf-8"), re.DOTALL)
    ]
    names = {
        (module, name) for block in blocks for module, name in imported(block) if not re.search(r"\._|\.cli\b", module)
    }
    assert names
    missing = sorted(f"{module}.{name}" for module, name in names if identity(module, name) not in described)
    assert not missing


def test_every_page_is_in_a_table_of_contents() -> None:
    listed = set()
    for page in DOCS.rglob("*.md"):
        for tree in re.findall(r"```\{toctree\}\n(.*?)```", page.read_text("utf-8"), re.DOTALL):
            entries = [line.strip() for line in tree.splitlines() if line.strip() and not line.startswith(":")]
            names = [re.sub(r"^.*<(.*)>$", r"\1", entry) for entry in entries]  # a short title may stand before it
            listed |= {(page.parent / name).resolve() for name in names}
    pages = [page for page in DOCS.rglob("*.md") if "_build" not in page.parts]
    left_out = [
        page.name for page in pages if page.with_suffix("").resolve() not in listed and page != DOCS / "index.md"
    ]
    assert not left_out


def test_broken_links_of_a_site_are_named(tmp_path: Path) -> None:
    (tmp_path / "api").mkdir()
    (tmp_path / "index.html").write_text(
        '<a href="api/one.html#there">good</a> <a href="#top">good</a> <a href="https://example.org">outside</a>'
        '<a href="api/one.html#elsewhere">no place</a> <img src="lost.png">'
    )
    (tmp_path / "api" / "one.html").write_text('<h2 id="there">One</h2> <a href="../index.html">good</a>')
    assert runpy.run_path(str(DOCS / "_ext" / "links.py"))["broken"](tmp_path) == [
        "index.html links to api/one.html#elsewhere, which has no such place",
        "index.html links to lost.png, which is not there",
    ]


def test_the_home_page_says_what_the_readme_says() -> None:
    """Its sentence of what was measured is checked there."""
    home = (DOCS / "index.md").read_text("utf-8")
    (sentence,) = re.findall(r"^> (Without .*)$", home, re.MULTILINE)
    assert sentence in (DOCS.parent / "README.md").read_text("utf-8").replace("\n> ", " ")


def test_slow_tutorials_are_there() -> None:
    assert {page.stem for page in TUTORIALS} > SLOW


@pytest.mark.parametrize("page", [page for page in TUTORIALS if page.stem not in SLOW], ids=lambda page: page.stem)
def test_a_tutorial_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    cells = re.findall(r"```\{code-cell\}\n(.*?)```", page.read_text("utf-8"), re.DOTALL)
    assert cells
    names: dict[str, Any] = {}
    for cell in cells:
        exec(compile(cell, page.name, "exec"), names)
