"""Every example of a docstring runs and prints what it shows, and everything public has one."""

from __future__ import annotations

import doctest
from pathlib import Path

import docstrings
import pytest

import rltools

GALLERY = {f"rltools.plots._{name}.{name}" for name in rltools.plots.plot_names()}
"""Examples that tests/plots/test_gallery.py runs, for the pictures they draw."""
EXAMPLES = sorted(
    (test for test in docstrings.examples() if test.examples and test.name not in GALLERY), key=lambda test: test.name
)


@pytest.mark.parametrize("test", EXAMPLES, ids=lambda test: test.name.removeprefix("rltools."))
def test_an_example_prints_what_it_shows(
    test: doctest.DocTest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, without_plots: None
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path / "minari"))
    assert not [example for example in test.examples if doctest.SKIP in example.options], "an example that is not run"
    told: list[str] = []
    runner = doctest.DocTestRunner(docstrings.Checker(), verbose=False, optionflags=docstrings.FLAGS)
    runner.run(test, out=told.append, clear_globs=True)
    assert not told, "".join(told)


def test_everything_public_has_an_example() -> None:
    without = [name for name, thing in docstrings.public().items() if ">>> " not in docstrings.documented(thing)]
    assert not without, without


def test_what_is_found() -> None:
    names = {test.name for test in EXAMPLES}
    assert {"rltools", "rltools.attributions.gradient", "rltools.spaces.parts.ago"} <= names
    assert {"rltools.load_policy", "rltools.plots.importance", "rltools.testing.check_plot"} <= set(docstrings.public())
    assert set(docstrings.public()) >= {f"rltools.{name}" for name in rltools.__all__} - {
        "rltools.errors",
        "rltools.plots",
        "rltools.testing",
    }


@pytest.mark.parametrize(
    ("want", "got", "same"),
    [
        ("0.25", "0.2500001", True),
        ("0.25", "0.24", True),  # rounded elsewhere
        ("0.25", "0.23", False),
        ("-1.5e-3", "-0.0015", True),
        ("[1, 2]", "[1, 3]", False),
        ("(4,)", "(4,)", True),
        ("x 0.5 m", "x 0.50001 m", True),
        ("x 0.5 m", "y 0.5 m", False),
        ("34 % [32, 35]", "34 % [32, 36]", False),
        ("{'a': ...}", "{'a': 3, 'b': 4}", True),
        ("pole angle", "cart velocity", False),
    ],
)
def test_outputs_are_compared(want: str, got: str, same: bool) -> None:
    assert docstrings.Checker().check_output(f"{want}\n", f"{got}\n", docstrings.FLAGS) is same
