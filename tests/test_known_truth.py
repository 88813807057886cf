"""The page known-truth, about policies whose attributions are known, has the tables that are computed."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest
import torch

from rltools.attributions import find_method, method_names
from rltools.testing.truth import truths

SCRIPT = runpy.run_path(str(Path(__file__).parents[1] / "docs" / "known_truth.py"))
PERCENT = re.compile(r"([\d.,]+) %")


def same(written: str, computed: str) -> bool:
    """Whether two tables are alike: their words are equal, and their figures up to rounding."""
    if PERCENT.sub("%", written) != PERCENT.sub("%", computed):
        return False
    figures = [[float(figure.replace(",", "")) for figure in PERCENT.findall(table)] for table in (written, computed)]
    return all(abs(first - second) <= 0.1 * max(first, second) for first, second in zip(*figures, strict=True))


def test_the_tables_of_the_page_are_those_that_are_computed() -> None:
    page, tables = SCRIPT["PAGE"].read_text(encoding="utf-8"), SCRIPT["tables"]()
    assert same(page, SCRIPT["with_tables"](page, tables)), "run `python docs/known_truth.py`"
    everything = "\n".join(tables.values())
    methods = [name for name in method_names() if not find_method(name).needs & {"image", "convolution"}]
    assert all(f"`{name}`" in everything for name in (*methods, *truths()))


def test_the_code_of_the_page_runs(capsys: pytest.CaptureFixture[str]) -> None:
    (block,) = re.findall(r"```python\n(.*?)```", SCRIPT["PAGE"].read_text(encoding="utf-8"), re.DOTALL)
    exec(block, {"untrained_network": torch.nn.Linear(8, 2)})
    names = ("inert", "noise", "copy of pole angle", "copy of pole angle, 3 steps ago")
    assert capsys.readouterr().out.strip() == repr(names)


def test_another_figure_is_noticed() -> None:
    assert same("| 13 % | 0 |", "| 14 % | 0 |")
    assert not same("| 13 % | 0 |", "| 19 % | 0 |")
    assert not same("| 13 % | 0 |", "| 13 % | refused |")
    with pytest.raises(SystemExit, match="the page lacks the tables other"):
        SCRIPT["with_tables"]("text", {"other": "| 1 % |"})
