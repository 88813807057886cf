"""What is printed is text: nothing that a file says reaches the terminal as a command to it."""

from __future__ import annotations

import io
import re
import sys
from pathlib import Path

import pytest

from rltools._util.console import as_text, say, say_each
from rltools._util.progress import progress_bar

HOSTILE = {
    "\x1b[31mred": r"\x1b[31mred",
    "\x1b]8;;https://evil.example\x1b\\link": r"\x1b]8;;https://evil.example\x1b\link",
    "\x9b2J": r"\x9b2J",
    "bell\a": r"bell\x07",
    "over\rwritten": r"over\rwritten",
    "back\b\b": r"back\x08\x08",
    "two\nlines": r"two\nlines",
    "two\u2028lines": r"two\u2028lines",
    "\u202eesrever": r"\u202eesrever",
    "\u2066isolated\u2069": r"\u2066isolated\u2069",
    "a\u200bb\ufeff": r"a\u200bb\ufeff",
    "half \udc80": r"half \udc80",
    "tag \U000e0041": r"tag \U000e0041",
    "[red]plain[/red]": "[red]plain[/red]",
    "[link=https://evil.example]x[/link]": "[link=https://evil.example]x[/link]",
    "Größe 角度 ± 3\u00a0m": "Größe 角度 ± 3\u00a0m",
}


@pytest.mark.parametrize("text", HOSTILE)
def test_what_a_terminal_obeys_is_written_out(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert as_text(text) == HOSTILE[text]
    assert not re.search(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069]", as_text(text))
    say(text, "next")
    say(text, error=True)
    assert capsys.readouterr() == (f"{HOSTILE[text]}\nnext\n", f"{HOSTILE[text]}\n")


def test_lines_that_are_ours_stay_lines(capsys: pytest.CaptureFixture[str]) -> None:
    say_each("one\ntwo \x1b[0m")
    assert capsys.readouterr().out == "one\ntwo \\x1b[0m\n"


def test_what_cannot_be_encoded_is_written_out(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", stream)
    say("3 ± 1 m")
    stream.seek(0)
    assert stream.read() == "3 \\xb1 1 m\n"


@pytest.mark.parametrize("text", [text for text in HOSTILE if len(text) < 20])
def test_a_progress_bar_takes_its_description_as_text(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with progress_bar(text, 2, show=True) as advance:
        advance(2)
    err = capsys.readouterr().err
    assert HOSTILE[text] in err
    rest = err.replace(HOSTILE[text], "")
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", rest)


def test_nothing_prints_but_the_console() -> None:
    """Whatever is added later goes through it too; the child process speaks to its parent, not to a terminal."""
    package = Path(sys.modules["rltools"].__file__ or "").parent
    printing = re.compile(r"(?<![\w.>])print\(|\becho\(|std(?:out|err)\.write\(")
    allowed = {"_util/console.py", "_render_child.py"}
    for path in package.rglob("*.py"):
        code = "\n".join(
            line for line in path.read_text("utf-8").splitlines() if not line.lstrip().startswith((">>>", "..."))
        )
        assert {path.name, path.relative_to(package).as_posix()} & allowed or not printing.search(code), path
