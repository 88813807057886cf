"""Fits what commands print to the terminal: 80 columns in a pipe, bold and links only where they can be shown.

Names out of cards and models are escaped by `as_text` before anything is laid out, so that only our own codes, for bold
text and for links, reach the terminal.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rltools._util.console import as_text, say, say_as_it_is

if TYPE_CHECKING:
    from rltools.pages.answer import Answer, Bar

COLUMNS = 80
"""The width in a pipe."""
NARROWEST = 40
BLOCKS = " ▏▎▍▌▋▊▉█"
"""A cell of a bar from empty to full, in eighths."""
BAR_CELLS = 24
"""The length of the longest bar."""
_JOINED = "\N{NO-BREAK SPACE}"
_BESIDE = re.compile(r"\d (?:%(?: \[[^\[\]]{1,24}\])?|± \S+|\[[^\[\]]{1,24}\])")
"""A number with what stands beside it."""
_CONTINUED = " " * 4
"""How the further lines of a long error begin."""
MOST_FINDINGS = 6
"""How many statements of a section are printed; the page has all."""


def is_terminal() -> bool:
    """Whether codes for bold text and links can be shown on standard output."""
    stream = sys.stdout
    return bool(stream and stream.isatty()) and os.environ.get("TERM", "") != "dumb" and "NO_COLOR" not in os.environ


def columns() -> int:
    """The width of the terminal; 80 in a pipe."""
    if not (sys.stdout and sys.stdout.isatty()):
        return COLUMNS
    return max(NARROWEST, shutil.get_terminal_size((COLUMNS, 24)).columns)


def wrapped(text: object, indent: str = "", hanging: str | None = None, width: int | None = None) -> list[str]:
    """Lines of a text that fit; a single word that does not, such as a path or a command, stays whole.

    A number stays beside its percent sign, its interval and its plus or minus.

    >>> wrapped("one two three", "  ", width=9), wrapped("it is 34 % [30, 37]", width=14)
    (['  one two', '  three'], ['it is', '34 % [30, 37]'])
    """
    joined = _BESIDE.sub(lambda match: match[0].replace(" ", _JOINED), as_text(text))
    lines = textwrap.wrap(
        joined,
        width or columns(),
        initial_indent=indent,
        subsequent_indent=indent if hanging is None else hanging,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [line.replace(_JOINED, " ") for line in lines] or [indent.rstrip()]


def bold(lines: Sequence[str]) -> list[str]:
    """Escaped lines, bold where that can be shown."""
    return [f"\x1b[1m{line}\x1b[0m" for line in lines] if is_terminal() else list(lines)


def link(path: Path) -> str:
    """A path that opens on a click, where the terminal can (OSC 8); else the path itself, which scripts can read."""
    text = as_text(path)
    if not is_terminal():
        return text
    return f"\x1b]8;;{path.resolve().as_uri()}\x1b\\{text}\x1b]8;;\x1b\\"


def grid(rows: Sequence[tuple[str, str]], width: int | None = None) -> list[str]:
    """Two columns that fit: names, and beside them their descriptions, each wrapped within its own column.

    >>> grid([("angle", "how far the lander is tilted"), ("x", "where it is")], width=30)
    ['  angle  how far the lander is', '         tilted', '  x      where it is']
    """
    width = width or columns()
    longest = max((len(as_text(name)) for name, _ in rows), default=1)
    return table(rows, width=width, widths=(min(longest, max(8, width // 3)),))


def table(
    rows: Sequence[Sequence[str]], *, width: int | None = None, widths: Sequence[int] = (), right: Sequence[int] = ()
) -> list[str]:
    """Lines of a table that fits, indented by two: text that is too long for its column is wrapped within it.

    Args:
        rows: the texts of each row.
        width: of the table; None for that of the terminal.
        widths: of the first columns, if they are not to be as wide as what is in them.
        right: the columns that are aligned on the right.

    >>> table([("feature", "loss"), ("angle", "441")], right=(1,), width=40)
    ['  feature  loss', '  angle     441']
    """
    from io import StringIO

    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    laid_out = Table.grid(padding=(0, 2, 0, 0))
    for column in range(max(map(len, rows), default=0)):
        fixed = widths[column] if column < len(widths) else None
        laid_out.add_column(width=fixed, overflow="fold", justify="right" if column in right else "left")
    for row in rows:
        laid_out.add_row(*(Text(as_text(text)) for text in row))
    stream = StringIO()
    console = Console(file=stream, width=(width or columns()) - 2, force_terminal=False, color_system=None)
    console.print(laid_out)
    return [f"  {line}".rstrip() for line in stream.getvalue().splitlines()]


def terms(rows: Sequence[tuple[str, str]]) -> list[str]:
    """Terms with their values, which are wrapped beside them.

    >>> terms([("policy", "cartpole-ppo"), ("steps", "500")])
    ['policy  cartpole-ppo', 'steps   500']
    """
    width = max((len(term) for term, _ in rows), default=0)
    return [line for term, value in rows for line in wrapped(value, f"{term:<{width}}  ", " " * (width + 2))]


def bars(drawn: Sequence[Bar], width: int | None = None) -> list[str]:
    """A line for each bar: its label, blocks, and its number.

    >>> from rltools.pages.answer import Bar
    >>> bars([Bar("angle", 1.0, "441 ± 71"), Bar("x velocity", 0.37, "161 ± 60")], width=60)
    ['  angle       ████████████████████████  441 ± 71', '  x velocity  ████████▉                 161 ± 60']
    """
    width = width or columns()
    numbers = max((len(bar.text) for bar in drawn), default=0)
    room = width - 2 - 2 - 2 - BAR_CELLS - numbers
    labels = [_shortened(as_text(bar.label), max(8, room)) for bar in drawn]
    longest = max(map(len, labels), default=0)
    lines = [
        f"  {label:<{longest}}  {_blocks(bar.length):<{BAR_CELLS}}  {bar.text}"
        for label, bar in zip(labels, drawn, strict=True)
    ]
    return [line.rstrip() for line in lines]


def _blocks(length: float) -> str:
    whole, eighths = divmod(round(8 * BAR_CELLS * min(1.0, length)), 8)
    return BLOCKS[-1] * whole + (BLOCKS[eighths] if eighths else "")


def _shortened(text: str, most: int) -> str:
    half = (most - 1) // 2
    return text if len(text) <= most else f"{text[:half]}…{text[len(text) - (most - 1 - half) :]}"


def show_answer(answer: Answer, page: Path) -> None:
    """Print what a run says: the answer in bold, its bars, how far to trust it, the page, and then the rest."""
    say_as_it_is(*bold(wrapped(answer.headline)), *bars(answer.bars))
    for line in filter(None, (answer.trust, answer.returns)):
        say_as_it_is(*wrapped(line))
    say_as_it_is(f"Open {link(page)}")
    for index, section in enumerate(answer.sections):
        statements = section.findings[1:] if index == 0 else section.findings
        if statements:
            say_as_it_is("", *bold([section.heading]), *_statements(statements))
    _show_caveats(answer)


def _statements(statements: Sequence[object]) -> list[str]:
    lines = [line for each in statements[:MOST_FINDINGS] for line in wrapped(each, "  ", "    ")]
    more = len(statements) - MOST_FINDINGS
    return lines if more <= 0 else [*lines, f"  and {more} more on the page"]


def _show_caveats(answer: Answer) -> None:
    """The caveats that undermine printed numbers, with their dagger; the page has all."""
    from rltools.summary import DAGGER, Finding

    marks = {mark for each in answer.findings if isinstance(each, Finding) for mark in each.marks}
    marking = [caveat for caveat in answer.caveats if caveat.id in marks]
    lines = [line for caveat in marking for line in wrapped(f"{DAGGER} {caveat}", "  ", "    ")]
    others = len(answer.caveats) - len(marking)
    if others:
        more = "more caveats" if marking else "caveats"
        lines.append(f"  {others} {more if others > 1 else more.removesuffix('s')} on the page")
    if lines:
        say_as_it_is("", *bold(["What to be careful with"]), *lines)


def wrapped_error(message: str) -> list[str]:
    """Lines of an error or a warning that fit into the terminal; each fault begins a line.

    In a pipe or a log each stays whole, so that whoever searches them reads all of it.
    """
    lines = message.split("\n")
    if not (sys.stderr and sys.stderr.isatty()):
        return lines
    width, faults = max(NARROWEST, shutil.get_terminal_size((COLUMNS, 24)).columns), lines
    lines = []
    for line in faults:
        indent = line[: len(line) - len(line.lstrip())]
        lines += wrapped(line.strip(), indent, f"{indent}{_CONTINUED}", width)
    return lines


def say_wrapped(*texts: object) -> None:
    """Print texts, each wrapped to the width."""
    for text in texts:
        say(*wrapped(text))
