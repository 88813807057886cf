"""The code of docs/onnx.md, and the figures in it."""

from __future__ import annotations

import re
import warnings
from pathlib import Path

import pytest

from rltools.policies.onnx._dialect import DIALECT as ONNX
from rltools.policies.pt2._dialect import DIALECT as EXPORTED

PAGE = (Path(__file__).parents[3] / "docs" / "onnx.md").read_text(encoding="utf-8")


def test_the_page_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (block,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    names: dict[str, object] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        exec(block, names)
    assert repr(names["policy"]) == f"TorchPolicy('{tmp_path.name}-policy', 4 features, 2 actions, heads logit)"


def test_the_figures_of_operators() -> None:
    for title, dialect in (("ONNX: (\\d+) operators", ONNX), (r"torch\.export: (\d+) functions", EXPORTED)):
        (figure,) = re.findall(title, PAGE)
        assert int(figure) == len(dialect.operators) // 10 * 10
