"""The walls between the rooms of rltools, read from the syntax tree: imports, circles, names and docstrings.

A room is a folder of `rltools/`, or a file beside them. Each test lists every place that fails.
"""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

import rltools

ROOT = Path(rltools.__file__).parent
TESTS = Path(__file__).parent

ORDER = (
    "errors",
    "_util",
    "stats",
    "spaces",
    "cards",
    "envs",
    "policies",
    "targets",
    "attributions",
    "recording",
    "rollout",
    "explanation",
    "ablation",
    "summary",
    "metrics",
    "plots",
    "pages",
    "videos",
    "wrappers",
    "integrations",
    "experiments",
    "testing",
    "cli",
)
"""A room imports only rooms that stand before it."""
PLANNED = {"ablation", "metrics"}
"""Rooms of the design that do not exist yet."""
CIRCLES: tuple[set[str], ...] = ()
"""Modules of one room that may import each other, in functions: a class that delegates to the functions beside it."""
THIRD_PARTY = {
    "stats": {"torch", "gymnasium", "stable_baselines3", "matplotlib", "pandas", "pyarrow"},
    "recording": {"torch", "gymnasium", "stable_baselines3", "matplotlib"},
    "attributions": {"gymnasium", "stable_baselines3", "pyarrow", "pandas", "matplotlib", "pathlib"},
    "explanation": {"gymnasium", "stable_baselines3", "matplotlib"},
    "rollout": {"stable_baselines3", "sb3_contrib", "matplotlib", "pandas"},
    "summary": {"torch", "gymnasium", "matplotlib"},
    "plots": {"torch", "gymnasium", "stable_baselines3"},
    "pages": {"torch", "gymnasium", "stable_baselines3"},
    "videos": {"torch", "gymnasium", "stable_baselines3"},
}
"""Libraries that a room must not import."""
VAGUE_NAMES = {"found", "said", "asked", "one", "at", "of", "known", "shown", "given", "kept", "there"}
"""Pronouns and participles that name nothing."""
STRING_IMPORT = re.compile(r"rltools(\.\w+)+(:\w+)?")


@dataclass(frozen=True)
class Import:
    """One name that a module imports, by a statement or by a string that looks like the path of a module."""

    module: str
    name: str
    line: int
    is_string: bool

    @property
    def target(self) -> str:
        """The module of ours that is imported; "" for other libraries and for strings that lead to none."""
        name = self.name
        while name and name not in modules():
            name = name.rpartition(".")[0]
        return name if name.startswith("rltools.") and name != self.module else ""

    def __str__(self) -> str:
        return f"{modules()[self.module].relative_to(ROOT.parent)}:{self.line} imports {self.name}"


def room_of(module: str) -> str:
    """The room of a module; "" for the package itself, which lists public names and loads them on first use."""
    return module.split(".")[1] if "." in module else ""


@cache
def modules() -> dict[str, Path]:
    """Every module of rltools, by its name."""
    paths = {}
    for path in sorted(ROOT.rglob("*.py")):
        parts = path.relative_to(ROOT.parent).with_suffix("").parts
        if parts[1] != "_content":
            paths[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return paths


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def docstring_of(node: ast.AST) -> ast.AST | None:
    """The constant that is the docstring of a module, a class or a function, if it has one."""
    if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and node.body:
        first = node.body[0]
        if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
            return first.value
    return None


def imports_in(module: str, tree: ast.Module) -> list[Import]:
    """Everything that a module imports: at its top, in a function, under TYPE_CHECKING, or by a string."""
    docstrings = {id(docstring_of(node)) for node in ast.walk(tree)}
    imports = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imports += [Import(module, alias.name, node.lineno, False) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            source = "." * node.level + (node.module or "")
            imports += [Import(module, f"{source}.{alias.name}", node.lineno, False) for alias in node.names]
        elif (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and id(node) not in docstrings
            and STRING_IMPORT.fullmatch(node.value)
        ):
            imports.append(Import(module, node.value.replace(":", "."), node.lineno, True))
    return imports


@cache
def imports_of(module: str) -> list[Import]:
    return imports_in(module, tree_of(modules()[module]))


def imports_between_rooms() -> Iterator[Import]:
    for module in modules():
        for each in imports_of(module):
            if room_of(module) and each.target and room_of(each.target) != room_of(module):
                yield each


def is_private(module: str) -> bool:
    """Whether the name of a module, or of a folder in its room, begins with an underscore."""
    return any(part.startswith("_") for part in module.split(".")[2:])


def report(failures: list[str]) -> str:
    return "\n".join([f"{len(failures)}:", *failures])


def test_no_room_imports_a_private_module_of_another() -> None:
    failures = [str(each) for each in imports_between_rooms() if is_private(each.target)]
    assert not failures, report(failures)


def test_imports_go_only_up_in_the_order_of_the_rooms() -> None:
    rank = {room: index for index, room in enumerate(ORDER)}
    failures = [
        str(each)
        for each in imports_between_rooms()
        if room_of(each.module) != "__main__"
        and rank.get(room_of(each.target), len(rank)) > rank.get(room_of(each.module), -1)
    ]
    assert not failures, report(failures)


def test_the_order_names_the_rooms_that_exist() -> None:
    rooms = {room_of(module) for module in modules()} - {"", "__main__"}
    assert rooms | PLANNED == set(ORDER)


def test_nothing_imports_relatively() -> None:
    failures = [str(each) for module in modules() for each in imports_of(module) if each.name.startswith(".")]
    assert not failures, report(failures)


def circles(arrows: dict[str, set[str]]) -> list[set[str]]:
    """The strongly connected components of a graph that have more than one node (Tarjan 1972)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    components: list[set[str]] = []

    def visit(node: str) -> None:
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in sorted(arrows.get(node, ())):
            if other not in index:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], index[other])
        if low[node] == index[node]:
            component = set(stack[stack.index(node) :])
            del stack[stack.index(node) :]
            if len(component) > 1:
                components.append(component)

    for node in sorted(arrows):
        if node not in index:
            visit(node)
    return components


def test_no_modules_import_each_other() -> None:
    """Imports in functions and under TYPE_CHECKING count; a string is no arrow, because it is loaded on first use."""
    arrows = {
        module: {each.target for each in imports_of(module) if each.target and not each.is_string}
        for module in modules()
        if module != "rltools"
    }
    failures = [" <-> ".join(sorted(circle)) for circle in circles(arrows) if circle not in CIRCLES]
    assert not failures, report(failures)


@pytest.mark.parametrize("room", sorted(THIRD_PARTY))
def test_libraries_that_a_room_does_not_import(room: str) -> None:
    failures = [
        str(each)
        for module in modules()
        if room_of(module) == room
        for each in imports_of(module)
        if not each.is_string and each.name.split(".")[0] in THIRD_PARTY[room]
    ]
    assert not failures, report(failures)


def names_in(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Every name that a module binds and every attribute that it sets, with its line."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.id if isinstance(node, ast.Name) else node.attr
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg
        elif isinstance(node, ast.alias) and node.asname:
            yield node.lineno, node.asname
        elif isinstance(getattr(node, "name", None), str) and not isinstance(
            node, ast.alias
        ):  # functions, classes, ...
            yield node.lineno, node.name


@pytest.mark.parametrize("folder", [ROOT, TESTS], ids=["rltools", "tests"])
def test_names_say_what_they_name(folder: Path) -> None:
    failures = [
        f"{path.relative_to(folder.parent)}:{line} {name}"
        for path in sorted(folder.rglob("*.py"))
        for line, name in names_in(tree_of(path))
        if name.strip("_") in VAGUE_NAMES
    ]
    assert not failures, report(failures)


def test_every_room_says_what_it_is_in_three_lines() -> None:
    failures = [
        module
        for module, path in modules().items()
        if module.count(".") == 1
        and path.name == "__init__.py"
        and len((ast.get_docstring(tree_of(path)) or "").splitlines()) < 3
    ]
    assert not failures, report(failures)


def test_the_docstring_of_a_module_begins_with_a_sentence() -> None:
    """Its first paragraph may be longer than a line; it ends in a period, or in a colon before a list."""
    failures = []
    for module, path in modules().items():
        first, _, _ = (ast.get_docstring(tree_of(path)) or "").partition("\n\n")
        if not re.match(r"[A-Z`].+[.:]$", first, re.DOTALL) or first.startswith("TODO"):
            failures.append(f"{module}: {first[:80]!r}")
    assert not failures, report(failures)


SAMPLE = '''
"""A docstring may name rltools.cli, also alone: it is no import."""
from typing import TYPE_CHECKING
if TYPE_CHECKING:
    from rltools.recording import Recording
def function(given, other=None):
    """rltools.plots"""
    import rltools.summary.findings
    return load("rltools.pages.notebook:html")
'''


def test_imports_are_read_wherever_they_are() -> None:
    names = {each.name for each in imports_in("rltools.stats", ast.parse(SAMPLE)) if each.name.startswith("rltools")}
    assert names == {"rltools.recording.Recording", "rltools.summary.findings", "rltools.pages.notebook.html"}
    assert {name for _, name in names_in(ast.parse(SAMPLE))} == {"function", "given", "other"}


def test_circles_are_seen() -> None:
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"a", "d"}, "d": set()}) == [{"a", "b", "c"}]
    assert circles({"a": {"b"}, "b": {"c"}, "c": set()}) == []


def test_no_module_bears_the_name_of_a_public_function() -> None:
    """Once a module is imported, its name in the package is the module: a lazy function of that name would be gone."""
    before = {name: getattr(rltools, name) for name in rltools.__all__}
    for module in pkgutil.walk_packages([str(ROOT)], "rltools."):
        if not module.name.startswith(("rltools._content", "rltools.__main__")):
            importlib.import_module(module.name)
    for name, thing in before.items():
        assert getattr(rltools, name) is thing, name
    functions = [name for name in rltools.__all__ if name not in ("errors", "plots", "testing")]
    assert all(callable(getattr(rltools, name)) for name in functions)
    assert set(rltools.__all__) <= set(dir(rltools))


def test_an_unknown_name_of_the_package() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        rltools.nothing  # noqa: B018


def test_import_is_light() -> None:
    code = "import sys, rltools; print(*(set('torch stable_baselines3 matplotlib pandas'.split()) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
