"""Imports go one way, as the data do; and every public name stays what it is."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

import rltools

ROOT = Path(rltools.__file__).parent

# What each room may use of the others. A folder is one room, and so is a file beside them; a room that is not named
# here may be used by nobody but those that say so.
BASE = {"errors", "console", "foreign_files", "limits", "discovery", "progress", "short_repr", "strict_yaml"}
CONTENT = BASE | {"content", "cards", "observations", "features", "environments"}
POLICY = CONTENT | {"policy"}
RECORDING = BASE | {"observations", "features", "recording"}
ALLOWED = {
    "errors": {"recording"},  # the type of an attribute, for type checkers only
    "discovery": {"errors"},
    "console": set(),
    "progress": {"console"},
    "foreign_files": {"errors"},
    "limits": {"errors"},
    "short_repr": set(),
    "strict_yaml": {"errors", "console", "foreign_files"},
    "content": BASE,
    "observations": {"errors", "axes"},
    "regions": set(),
    "bounds": set(),
    "axes": {"bounds"},
    "features": {"errors", "observations", "regions", "axes", "short_repr"},
    "naming": {"errors", "observations", "regions", "axes", "features", "cards", "environments"},
    "cards": BASE | {"content"},
    "environments": BASE,
    "policy": {"errors", "features", "short_repr"},
    "policies": POLICY | {"naming"},
    "loading": POLICY | {"policies"},
    "targets": {"errors", "limits", "policy", "features", "differentiation", "bounds"},
    "threads": {"errors", "policy"},
    "stats": {"short_repr"},
    "attributions": {"errors", "discovery", "limits", "axes", "short_repr"},
    "differentiation": {"errors"},
    "recording": {"errors", "console", "observations", "features", "short_repr"},
    "rollout": POLICY | {"policies", "recording", "threads"},
    "explanation": BASE | {"observations", "features", "policy", "targets", "attributions", "recording", "threads"},
    "summary": RECORDING | {"stats"},
    "plots": RECORDING | {"summary"},
    "pages": {"errors"},
    "replays": RECORDING | {"pages"},
    "videos": RECORDING | {"plots", "replays"},
    "reports": RECORDING | {"summary", "plots", "pages"},
}
"""Rooms that are not here draw all of these together, and nothing here may import them."""


def room_of(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


@cache
def modules() -> dict[str, Path]:
    """Every module of rltools, by its name."""
    found = {}
    for path in sorted(ROOT.rglob("*.py")):
        parts = path.relative_to(ROOT.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imported_by(module: str) -> set[str]:
    """What a module imports anywhere in it, at its top or in a function, in full."""
    found = set()
    for node in ast.walk(ast.parse(modules()[module].read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} imports relatively"
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in modules() else str(node.module) for name in names}
    return found


def arrows(room: str) -> dict[str, str]:
    """The other rooms that a room imports, each with an example."""
    found = {}
    for module in modules():
        if room_of(module) == room:
            for name in imported_by(module):
                if name.startswith("rltools.") and room_of(name) != room:
                    found[room_of(name)] = f"{module} imports {name}"
    return found


def others(module: str) -> set[str]:
    """The packages that a module imports, of those that other people wrote."""
    return {name.split(".")[0] for name in imported_by(module)}


@pytest.mark.parametrize("room", sorted(ALLOWED))
def test_no_arrow_back(room: str) -> None:
    wrong = {name: example for name, example in arrows(room).items() if name not in ALLOWED[room] | {room}}
    assert not wrong, "\n".join(wrong.values())


def test_the_table_has_no_room_that_is_gone() -> None:
    rooms = {room_of(module) for module in modules()}
    assert set(ALLOWED) <= rooms
    assert {name for allowed in ALLOWED.values() for name in allowed} <= rooms


def test_the_commands_are_imported_by_nobody() -> None:
    for module in modules():
        if room_of(module) not in ("cli", "__main__"):
            assert not any(name.startswith("rltools.cli") for name in imported_by(module)), module


@pytest.mark.parametrize(
    ("room", "unknown"),
    [
        ("stats", {"torch", "gymnasium", "stable_baselines3", "matplotlib", "pandas", "pyarrow"}),
        ("recording", {"torch", "gymnasium", "stable_baselines3", "matplotlib"}),
        ("attributions", {"gymnasium", "stable_baselines3", "pyarrow", "pandas", "matplotlib", "pathlib"}),
        ("explanation", {"gymnasium", "stable_baselines3", "matplotlib"}),
        ("rollout", {"stable_baselines3", "sb3_contrib", "matplotlib", "pandas"}),
        ("summary", {"torch", "gymnasium", "matplotlib"}),
        ("plots", {"torch", "gymnasium", "stable_baselines3"}),
        ("replays", {"torch", "gymnasium", "stable_baselines3"}),
        ("videos", {"torch", "gymnasium", "stable_baselines3"}),
    ],
)
def test_what_a_room_knows_nothing_of(room: str, unknown: set[str]) -> None:
    for module in modules():
        if room_of(module) == room:
            assert not others(module) & unknown, module


def test_arrows_are_seen_wherever_they_are() -> None:
    """The reader of imports itself: in functions, under TYPE_CHECKING, of modules and of names."""
    assert "rltools.recording" in imported_by("rltools.errors")
    assert "rltools.recording._export" in imported_by("rltools.recording._recording")
    assert "gymnasium" in others("rltools.rollout._stepping")
    assert "rltools.rollout._stepping" in imported_by("rltools.rollout._record")


def test_no_module_bears_the_name_of_a_public_function() -> None:
    """Once a module is imported, its name in the package is the module: a lazy function of that name would be gone."""
    before = {name: getattr(rltools, name) for name in rltools.__all__}
    for module in pkgutil.walk_packages([str(ROOT)], "rltools."):
        if not module.name.startswith(("rltools._content", "rltools.__main__")):
            importlib.import_module(module.name)
    for name, thing in before.items():
        assert getattr(rltools, name) is thing, name
        assert getattr(rltools, name) is thing, name
    functions = [name for name in rltools.__all__ if name not in ("errors", "plots", "testing")]
    assert all(callable(getattr(rltools, name)) for name in functions)
    assert set(rltools.__all__) <= set(dir(rltools))


def test_a_name_that_is_not_there() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        rltools.nothing  # noqa: B018


def test_import_is_light() -> None:
    code = "import sys, rltools; print(*(set('torch stable_baselines3 matplotlib pandas'.split()) & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == ""
