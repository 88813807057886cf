"""The pages: what they link to is there, their code runs, and so do the scripts of their pictures."""

from __future__ import annotations

import json
import re
import runpy
import tomllib
from pathlib import Path

import pictures
import pytest
from PIL import Image, ImageDraw
from ruamel.yaml import YAML

import rltools

DOCS = Path(__file__).parents[1] / "docs"
MADE = {"reference", "_build"}
"""Folders that `make docs` writes."""
WRITTEN = [page for page in sorted(DOCS.rglob("*.md")) if page.relative_to(DOCS).parts[0] not in MADE]
PRINTED = {
    "convolutional": {"No region leads: ": 4, "(3, 1, 42, 42, 3)": 1, "(2, 1, 42, 42, 3)": 1},
    "decisions": {"of replacements (decision change).": 1},
    "gradients": {"Of what moves the ": 3, "left unexplained": 1},
    "perturbation": {"Of what moves the ": 3, "typical error": 1},
    "shapley": {"pole angle'": 4, "left unexplained": 2},
}
"""What the code of each page of methods prints, and how often."""


@pytest.mark.parametrize("page", WRITTEN, ids=lambda page: page.stem)
def test_links_lead_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        assert "://" in link or (page.parent / link).exists(), f"{page.name} links to {link}, which is not there"


@pytest.mark.parametrize("page", sorted((DOCS / "methods").glob("*.md")), ids=lambda page: page.stem)
def test_every_page_of_methods_is_reached_and_has_its_picture(page: Path) -> None:
    if page.stem == "README":
        return
    assert f"({page.name})" in (DOCS / "methods" / "README.md").read_text(encoding="utf-8")
    assert f"({page.stem}.png)" in page.read_text(encoding="utf-8")
    assert page.with_suffix(".py").is_file()


def test_every_page_of_methods_is_run() -> None:
    assert {page.stem for page in (DOCS / "methods").glob("*.md")} == {*PRINTED, "README"}


PAGES = [page for page in (*DOCS.parent.glob("*.md"), *WRITTEN) if "```" in page.read_text("utf-8")]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_no_code_of_a_page_is_never_run(page: Path) -> None:
    """Python is run by the test that the page names; commands are parsed by test_commands_shown, TOML and YAML here."""
    text = page.read_text(encoding="utf-8")
    blocks = re.findall(r"^```(\w*)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    assert {language for language, _ in blocks} <= {"python", "py", "python3", "toml", "yaml", ""}
    for language, block in blocks:
        if language == "toml":
            tomllib.loads(block)
        if language == "yaml":
            assert YAML(typ="safe").load(block)
    if {"python", "py", "python3"} & {language for language, _ in blocks}:
        tests = [DOCS.parent / name for name in re.findall(r"<!-- run by (\S+) -->", text)]
        assert tests, f"{page.name} does not say which test runs its code"
        for test in tests:
            assert page.stem in test.read_text(encoding="utf-8")


@pytest.mark.parametrize("page", PRINTED)
def test_the_code_of_a_page_runs(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", (DOCS / "methods" / f"{page}.md").read_text("utf-8"), re.DOTALL)
    names: dict[str, object] = {}
    for block in blocks:  # each goes on where the one before it ended
        exec(block, names)
    output = capsys.readouterr().out
    assert {words: output.count(words) for words in PRINTED[page]} == PRINTED[page]


@pytest.mark.parametrize("script", sorted((DOCS / "methods").glob("*.py")), ids=lambda script: script.stem)
def test_a_script_draws_the_picture_that_is_shown(
    script: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = tmp_path / "picture.png"
    pictures.require_same_episodes(script.stem, pictures.run_script(script, picture, monkeypatch))
    pictures.check_same(script.with_suffix(".png"), picture)


ROOMS = runpy.run_path(str(DOCS / "rooms.py"))


def test_the_picture_of_the_rooms_is_the_one_that_is_drawn(tmp_path: Path) -> None:
    ROOMS["draw"](tmp_path / "rooms.png")
    pictures.check_same(DOCS / "rooms.png", tmp_path / "rooms.png")


def test_every_room_is_in_the_picture_and_has_a_file_to_read_first() -> None:
    package = DOCS.parent / "rltools"
    modules = {path.parent.name for path in package.glob("*/__init__.py")} | {
        path.stem for path in package.glob("*.py")
    }
    rooms = modules - {"__init__", "__main__"}
    assert {room for band in ROOMS["BANDS"].values() for room in band} == rooms
    page = (DOCS.parent / "CONTRIBUTING.md").read_text(encoding="utf-8")
    first = dict(re.findall(r"^\| `(\w+)` \| .* \| `(\S+)` \|$", page, re.MULTILINE))
    assert set(first) == rooms
    assert all((DOCS.parent / path).is_file() for path in first.values()), first


_SCRIPT = runpy.run_path(str(DOCS / "screenshots.py"))
SCREENSHOTS = _SCRIPT["PICTURES"]


def test_every_screenshot_is_shown() -> None:
    pages = [(DOCS.parent / "README.md"), *DOCS.glob("*.md")]
    on_pages = {
        name for page in pages for name in re.findall(r'src="(?:docs/)?([\w-]+)\.png"', page.read_text("utf-8"))
    }
    assert on_pages == set(SCREENSHOTS)


def test_the_moving_picture_moves() -> None:
    with Image.open(DOCS / "landing.gif") as picture:
        assert picture.n_frames > 50
    assert (DOCS / "landing.gif").stat().st_size < 1_000_000


@pytest.mark.parametrize("name", SCREENSHOTS)
def test_a_picture_of_the_readme_is_the_one_that_is_drawn(name: str, tmp_path: Path) -> None:
    if name == "replay" and not _SCRIPT["browser"]():
        pytest.skip("no Chromium is installed")
    with pictures.watched() as digests:
        SCREENSHOTS[name](tmp_path / f"{name}.png")
    pictures.require_same_episodes(name, digests())
    with Image.open(DOCS / f"{name}.png") as stored:
        drawn_by = stored.info.get("Software")
    # Another browser draws letters and edges in its own way; another episode, step or layout differs in far more.
    few = 0.02 if name == "replay" and drawn_by != _SCRIPT["browser_version"]() else pictures.FEW
    pictures.check_same(DOCS / f"{name}.png", tmp_path / f"{name}.png", few)


def test_pictures_of_other_episodes_are_not_compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    noted = tmp_path / "episodes.json"
    monkeypatch.setitem(pictures._EPISODES, "EPISODES", noted)
    played = []
    for seed in (0, 0, 1):
        with pictures.watched() as digests:
            rltools.record(rltools.load_policy("cartpole-ppo"), episodes=2, seed=seed, max_steps=20)
        played.append(digests())
    assert played[0] == played[1]
    assert played[0]["seeds"] != played[2]["seeds"]
    with pytest.raises(AssertionError, match=r"does not say .* `python docs/pictures.py poles"):
        pictures.require_same_episodes("poles", played[0])
    noted.write_text(json.dumps({"poles": played[0]}))
    pictures.require_same_episodes("poles", played[1])
    with pytest.raises(AssertionError, match=r"other seeds .* `python docs/pictures.py poles"):
        pictures.require_same_episodes("poles", played[2])
    with pytest.raises(pytest.skip.Exception, match="acts differently here"):
        pictures.require_same_episodes("poles", played[0] | {"actions": "others"})


def test_one_command_draws_all_of_them() -> None:
    makers = runpy.run_path(str(DOCS / "pictures.py"))["commands"]()
    stored = {
        path.stem.removesuffix("-dark")
        for kind in ("*.png", "*.gif")
        for path in DOCS.rglob(kind)
        if path.relative_to(DOCS).parts[0] not in MADE
    }
    assert set(makers) == stored
    assert all(Path(script).is_file() for script, *_ in makers.values())


def test_pictures_are_told_apart(tmp_path: Path) -> None:
    picture = Image.open(DOCS / "methods" / "shapley.png").convert("RGB")
    picture.save(tmp_path / "same.png")
    ImageDraw.Draw(picture).text((300, 40), "another word", fill="black", font_size=24)
    picture.save(tmp_path / "other.png")
    pictures.check_same(DOCS / "methods" / "shapley.png", tmp_path / "same.png")
    with pytest.raises(AssertionError, match=r"python docs/pictures.py shapley"):
        pictures.check_same(DOCS / "methods" / "shapley.png", tmp_path / "other.png")
    picture.resize((400, 400)).save(tmp_path / "small.png")
    assert pictures.difference(DOCS / "methods" / "shapley.png", tmp_path / "small.png") == 1
