"""The notebooks of the documentation: their cells run, and what they show is stored; and the scripts of the page."""

from __future__ import annotations

import ast
import base64
import json
import re
from pathlib import Path
from typing import Any

import docstrings
import pictures
import pytest

DOCS = Path(__file__).parents[1] / "docs"
NOTEBOOKS = sorted((DOCS / "notebooks").glob("*.ipynb"))
LARGEST = 300_000
"""Bytes of a notebook."""
PLACES = re.compile(r"/(?:home|root|tmp|work|Users|var/folders)/|[A-Z]:\\\\")


def cells(path: Path) -> list[dict[str, Any]]:
    code_cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return [cell for cell in code_cells if cell["cell_type"] == "code"]


def test_there_are_some() -> None:
    assert {path.stem for path in NOTEBOOKS} >= {"first-look", "any-agent"}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_its_cells_show_what_is_stored(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"__name__": "__main__"}
    checker = docstrings.Checker()
    results = []
    with pictures.watched() as digests:
        for number, cell in enumerate(cells(path)):
            result = run_cell("".join(cell["source"]), f"{path.name}, code cell {number}", names)
            stored = output_of(cell, "execute_result").get("data", {})
            results.append((cell, stored, rendered(result, stored), capsys.readouterr().out))
    pictures.require_same_episodes(path.stem, digests())
    for number, (cell, stored, result, printed) in enumerate(results):
        stale = f"cell {number} of {path.name} shows something else: run `python docs/pictures.py {path.stem}`"
        assert checker.check_output(output_of(cell, "stream").get("text", ""), printed, docstrings.FLAGS), stale
        assert (result is None) == (not stored), stale
        if isinstance(result, bytes):
            (tmp_path / "stored.png").write_bytes(base64.b64decode(stored["image/png"]))
            (tmp_path / "shown.png").write_bytes(result)
            assert pictures.difference(tmp_path / "stored.png", tmp_path / "shown.png") <= pictures.FEW, stale
        elif "text/html" in stored:
            assert checker.check_output(words(stored["text/html"]), words(result), docstrings.FLAGS), stale
        elif stored:
            assert checker.check_output(stored["text/plain"], result, docstrings.FLAGS), stale


def rendered(result: Any, stored: dict[str, str]) -> Any:
    """What a notebook shows of a result now, as a later cell may change it: in the form that is stored."""
    if result is None:
        return None
    if "image/png" in stored:
        return result._repr_png_()
    return result._repr_html_() if "text/html" in stored else repr(result)


def run_cell(source: str, name: str, names: dict[str, Any]) -> Any:
    """Run a cell as a notebook does; returns what its last line is worth, None where that is a statement."""
    *before, last = ast.parse(source, name).body
    if not isinstance(last, ast.Expr):
        exec(compile(ast.Module([*before, last], []), name, "exec"), names)
        return None
    exec(compile(ast.Module(before, []), name, "exec"), names)
    return eval(compile(ast.Expression(last.value), name, "eval"), names)


def output_of(cell: dict[str, Any], kind: str) -> dict[str, Any]:
    """The output of a kind, with its texts in one piece."""
    for output in cell["outputs"]:
        if output["output_type"] == kind:
            data = {mime: "".join(text) for mime, text in output.get("data", {}).items()}
            return {"text": "".join(output.get("text", "")), "data": data}
    return {}


def words(page: str) -> str:
    """What is read of a card or a table."""
    without = re.sub(r"<style.*?</style>", "", page, flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]*>", " ", without).split())


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_what_it_shows_is_stored(path: Path) -> None:
    assert path.stat().st_size < LARGEST
    code_cells = cells(path)
    assert [cell["execution_count"] for cell in code_cells] == list(range(1, len(code_cells) + 1)), (
        "run docs/notebooks/run.py"
    )
    outputs = [output for cell in code_cells for output in cell["outputs"]]
    assert not [output for output in outputs if output["output_type"] == "error" or output.get("name") == "stderr"]
    kinds = [kind for output in outputs for kind in output.get("data", ())]
    assert kinds.count("image/png") >= 2
    assert kinds.count("text/html") >= 3
    for output in outputs:
        result = {kind: text for kind, text in output.get("data", {}).items() if kind != "image/png"}
        assert not PLACES.search(json.dumps([result, output.get("text", "")])), "a path of the machine it was run on"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_says_nothing_of_when_it_was_run(path: Path) -> None:
    notebook = json.loads(path.read_text(encoding="utf-8"))
    assert set(notebook["metadata"]) == {"kernelspec"}
    assert not any(cell["metadata"] for cell in notebook["cells"])


def test_the_scripts_of_the_page_on_integrations(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path / "minari"))
    blocks = re.findall(r"```python\n(.*?)```", (DOCS / "integrations.md").read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) == 3
    training: dict[str, Any] = {}
    live: dict[str, Any] = {}
    other_tools: dict[str, Any] = {}
    exec(blocks[0], training)
    exec(blocks[1], live)
    exec(blocks[2], other_tools)
    assert other_tools["data"].header.data == "minari:poles/ppo-v0"
    assert list(training["recordings"]) == [0, 512, 1024]
    assert (tmp_path / "training.png").is_file()
    assert (tmp_path / "runs" / "live" / "replays" / "episode-000000.html").is_file()
