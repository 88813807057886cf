"""Every command that a page, a docstring or a message shows is one that the command line takes; nothing is run here."""

from __future__ import annotations

import importlib.util
import re
import shlex
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
MADE = {ROOT / "docs" / "reference", ROOT / "docs" / "_build"}
"""Folders that `make docs` writes."""
PAGES = sorted(
    [
        *(ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "llms.txt", ROOT / "skills" / "rltools" / "SKILL.md"),
        *(page for page in (ROOT / "docs").rglob("*.md") if MADE.isdisjoint(page.parents)),
    ]
)
SOURCES = sorted((ROOT / "rltools").rglob("*.py"))
SPANS = re.compile(r"`([^`\n]+)`")
BLOCKS = re.compile(r"```(?:sh|bash|console)?\n(.*?)```", re.DOTALL)


def lines_of(page: Path) -> list[str]:
    """What stands in blocks without a language, and between backticks."""
    text = page.read_text(encoding="utf-8")
    blocks = [line for block in BLOCKS.findall(text) for line in block.splitlines()] if page.suffix == ".md" else []
    spans = SPANS.findall(re.sub(r"```.*?```", "", text, flags=re.DOTALL))
    return [line.strip() for line in [*blocks, *spans]]


def commands(start: str, paths: list[Path]) -> list[tuple[str, str]]:
    """Lines that begin so, each with where it stands."""
    lines = [(line, path) for path in paths for line in lines_of(path)]
    return sorted({(line, str(path.relative_to(ROOT))) for line, path in lines if line.startswith(start)})


@cache
def command_line() -> Any:
    import typer.main

    from rltools.cli.app import app_with_commands

    return typer.main.get_command(app_with_commands())


def parse(line: str) -> None:
    """As the command line reads it, without doing it.

    Raises:
        UsageError: it would be refused.
    """
    _, name, *rest = shlex.split(line, comments=True)
    if name in ("--help", "--version", "--install-completion"):
        return
    command = command_line().commands.get(name)
    assert command is not None, f"there is no command {name}"
    if rest and rest[0] in getattr(command, "commands", {}):
        name, *rest = rest
        command = command.commands[name]
    if rest:  # `rltools explain` alone only names the command
        command.make_context(name, rest)


@pytest.mark.parametrize(("line", "source"), commands("rltools ", PAGES + SOURCES))
def test_a_command_is_taken(line: str, source: str) -> None:
    parse(line)


def test_what_is_not_taken_is_noticed() -> None:
    from typer import TyperException

    with pytest.raises(TyperException, match="No such option"):
        parse("rltools replay RUN 0 --windoww 8")
    with pytest.raises(TyperException, match="run"):
        parse("rltools explain --method shapley")
    with pytest.raises(AssertionError, match="no command"):
        parse("rltools analyse model.zip")


def options() -> list[tuple[str, str]]:
    """Every option that a page names, and every one that code that people see names: `(--trust)`, "use --force"."""
    named = re.compile(r"(?<![\w-])--[a-z]+(?:-[a-z]+)*(?![\w:-])")
    return sorted(
        {
            (name, str(path.relative_to(ROOT)))
            for path in PAGES + SOURCES
            for name in named.findall(path.read_text(encoding="utf-8"))
        }
    )


OF_OTHERS = {
    *("--array", "--cpus-per-task", "--job-name", "--output", "--requeue"),  # sbatch
    *("--address", "--head", "--ray-client-server-port"),  # ray start
    *("--nthreads", "--nworkers"),  # dask worker
}
"""Options of the commands of clusters, which pages show too."""


@pytest.mark.parametrize(("option", "source"), options())
def test_an_option_is_one_of_some_command(option: str, source: str) -> None:
    commands = [command_line(), *command_line().commands.values()]
    every = [*commands, *(each for command in commands[1:] for each in getattr(command, "commands", {}).values())]
    parameters = [parameter for command in every for parameter in command.params]
    options_known = {
        "--help",
        *OF_OTHERS,
        *(name for part in parameters for name in (*part.opts, *part.secondary_opts)),
    }
    assert option in options_known, f"{source} shows {option}, which no command takes"


@pytest.mark.parametrize(("line", "source"), commands("make ", PAGES))
def test_a_target_of_make_is_there(line: str, source: str) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in shlex.split(line, comments=True)[1:]:
        assert f"\n{target}:" in makefile, f"{source} shows {line}"


@pytest.mark.parametrize(("line", "source"), commands("pip install", PAGES))
def test_an_extra_is_there(line: str, source: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for extras in re.findall(r"\[([\w,-]+)\]", line):
        assert set(extras.split(",")) <= set(project["optional-dependencies"]), f"{source} shows {line}"


@pytest.mark.parametrize(
    ("line", "source"), commands("python ", PAGES + SOURCES + sorted((ROOT / "docs").rglob("*.py")))
)
def test_a_script_is_there(line: str, source: str) -> None:
    _, script, *rest = shlex.split(line, comments=True)
    if script == "-m":
        assert importlib.util.find_spec(rest[0]) is not None, f"{source} shows {line}"
    else:
        assert (ROOT / script).is_file(), f"{source} shows {line}"
