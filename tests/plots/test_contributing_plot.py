"""The plot of the CONTRIBUTING page, run as it stands."""

import re
import sys
import types
from pathlib import Path

import numpy as np
import pytest

from rltools.testing import check_plot, example_recording

PAGE = Path(__file__).parents[2] / "CONTRIBUTING.md"


@pytest.fixture
def concentration():
    (block,) = re.findall(r"```py\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    module = types.ModuleType("concentration")
    sys.modules["concentration"] = module
    exec(compile(block, "_concentration.py", "exec"), vars(module))
    assert module.__doc__
    assert module.concentration.__doc__
    yield module.concentration
    del sys.modules["concentration"]


def test_a_plot_is_one_short_file(concentration, tmp_path):
    values = [np.random.default_rng(0).normal(size=(9, 1, 3)) for _ in range(3)]
    check_plot(concentration, example_recording(tmp_path / "recording", values))


def test_it_shows_what_it_says(concentration, tmp_path):
    values = [np.tile(np.array([1.0, 3.0, 0.0]), (5, 1, 1))] * 2
    axes = concentration(example_recording(tmp_path / "recording", values, unit="score", method="shapley"))
    assert [bar.get_height() for bar in axes.patches] == pytest.approx([75, 100, 100])
