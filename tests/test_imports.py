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
from pathlib import Path

import pytest
from structure import (
    circles,
    circles_of,
    imports_between_rooms,
    imports_in,
    imports_of,
    is_private,
    modules,
    names_in,
    room_of,
    tree_of,
    vague_names,
)

import rltools

ROOT = Path(rltools.__file__).parent
CHECKOUT = ROOT.parent
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
PLANNED: set[str] = set()
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


def report(failures: list[str]) -> str:
    return "\n".join([f"{len(failures)}:", *failures])


def test_no_room_imports_a_private_module_of_another() -> None:
    failures = [str(each) for each in imports_between_rooms(CHECKOUT) if is_private(each.target)]
    assert not failures, report(failures)


def test_imports_go_only_up_in_the_order_of_the_rooms() -> None:
    rank = {room: index for index, room in enumerate(ORDER)}
    failures = [
        str(each)
        for each in imports_between_rooms(CHECKOUT)
        if room_of(each.module) != "__main__"
        and rank.get(room_of(each.target), len(rank)) > rank.get(room_of(each.module), -1)
    ]
    assert not failures, report(failures)


def test_the_order_names_the_rooms_that_exist() -> None:
    rooms = {room_of(module) for module in modules(CHECKOUT)} - {"", "__main__"}
    assert rooms | PLANNED == set(ORDER)


def test_nothing_imports_relatively() -> None:
    failures = [
        str(each) for module in modules(CHECKOUT) for each in imports_of(CHECKOUT, module) if each.name.startswith(".")
    ]
    assert not failures, report(failures)


def test_no_modules_import_each_other() -> None:
    failures = [" <-> ".join(sorted(circle)) for circle in circles_of(CHECKOUT) if circle not in CIRCLES]
    assert not failures, report(failures)


@pytest.mark.parametrize("room", sorted(THIRD_PARTY))
def test_libraries_that_a_room_does_not_import(room: str) -> None:
    failures = [
        str(each)
        for module in modules(CHECKOUT)
        if room_of(module) == room
        for each in imports_of(CHECKOUT, module)
        if not each.is_string and each.name.split(".")[0] in THIRD_PARTY[room]
    ]
    assert not failures, report(failures)


@pytest.mark.parametrize("folder", [ROOT, TESTS], ids=["rltools", "tests"])
def test_names_say_what_they_name(folder: Path) -> None:
    failures = [
        f"{path.relative_to(folder.parent)}:{line} {name}"
        for path in sorted(folder.rglob("*.py"))
        for line, name in vague_names(path)
    ]
    assert not failures, report(failures)


def test_every_room_says_what_it_is_in_three_lines() -> None:
    failures = [
        module
        for module, path in modules(CHECKOUT).items()
        if module.count(".") == 1
        and path.name == "__init__.py"
        and len((ast.get_docstring(tree_of(path)) or "").splitlines()) < 3
    ]
    assert not failures, report(failures)


def test_the_docstring_of_a_module_begins_with_a_sentence() -> None:
    """Its first paragraph may be longer than a line; it ends in a period, or in a colon before a list."""
    failures = []
    for module, path in modules(CHECKOUT).items():
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
    names = {
        each.name
        for each in imports_in("rltools.stats", ast.parse(SAMPLE), frozenset())
        if each.name.startswith("rltools")
    }
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
