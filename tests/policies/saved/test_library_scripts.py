"""The scripts of `make libraries`: each has its dependencies in it, and wrote the golden files of its name."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest
from library_cases import described, space_of

TESTS = Path(__file__).parents[2]
SCRIPTS = sorted(path for path in (TESTS / "libraries").glob("*.py") if path.stem != "run")


@pytest.fixture(scope="module")
def run() -> ModuleType:
    spec = importlib.util.spec_from_file_location("libraries_run", TESTS / "libraries" / "run.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_a_script_pins_the_library_whose_files_it_writes(script: Path, run: ModuleType) -> None:
    installed = [pin.replace("[", "=").split("=")[0] for pin in run.dependencies(script.read_text(encoding="utf-8"))[0]]
    written = [
        json.loads(path.read_text()) for path in (TESTS / "golden/libraries" / script.stem).glob("*/expected.json")
    ]
    assert written
    assert {"torch", "numpy"} & set(installed) or len(installed) > 1
    assert {case["library"] for case in written} <= {*installed, "cleanrl", "torch"}  # cleanrl: of no package index


def test_the_newest_version_stands_among_the_dependencies_and_older_ones_replace_it(run: ModuleType) -> None:
    newest, *older = run.dependencies((TESTS / "libraries" / "rsl_rl.py").read_text(encoding="utf-8"))
    assert newest[0] == "rsl-rl-lib==5.5.1"
    assert [pins[0] for pins in older] == ["rsl-rl-lib==4.0.1", "rsl-rl-lib==3.1.3", "rsl-rl-lib==2.3.3"]
    assert all(pins[1:] == newest[1:] for pins in older)


def test_a_script_without_metadata_is_refused(run: ModuleType) -> None:
    with pytest.raises(ValueError, match="# /// script"):
        run.dependencies("import torch")


@pytest.mark.parametrize(
    "description",
    [
        {"discrete": 4},
        {"multi_discrete": [3, 2]},
        {"multi_binary": 3},
        {"dict": {"image": {"box": {"low": 0.0, "high": 255.0, "shape": [2, 3], "dtype": "uint8"}}}},
        {"box": {"low": [-1.0, -2.0], "high": 1.0, "shape": [2], "dtype": "float32"}},
    ],
    ids=str,
)
def test_spaces_can_be_described(description: dict[str, object]) -> None:
    assert described(space_of(description)) == description
