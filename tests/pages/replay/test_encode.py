from __future__ import annotations

import base64
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rltools.pages.replay import _encode as _packing
from rltools.pages.replay._encode import packed, quantized, script_json


@settings(deadline=None, max_examples=30)
@given(st.dictionaries(st.text(max_size=20), st.lists(st.text(max_size=20), max_size=3), max_size=3))
def test_json_in_a_script_cannot_end_it_and_is_read_back(content: Any) -> None:
    text = script_json({"content": content})
    assert not set(text) & set("<>&\u2028\u2029")
    assert json.loads(text) == {"content": content}


def test_numbers_that_json_cannot_hold_are_refused() -> None:
    with pytest.raises(ValueError):
        script_json({"return": float("nan")})


@pytest.mark.parametrize("kind", ["i1", "<i2"])
def test_rounding_is_within_half_a_step_and_keeps_gaps(kind: str) -> None:
    values = np.append(np.random.default_rng(0).normal(size=99), np.nan)
    entry = quantized(values, np.dtype(kind))
    complete = np.frombuffer(base64.b64decode(entry["data"]), kind)
    assert complete[-1] == np.iinfo(kind).min
    np.testing.assert_allclose(complete[:-1] * entry["scale"], values[:-1], atol=entry["scale"] / 2)
    assert np.abs(complete[:-1].astype(int)).max() == np.iinfo(kind).max


@pytest.mark.parametrize("values", [np.zeros((0, 3)), np.zeros(4), np.full(4, np.nan)])
def test_nothing_and_zero_have_a_scale(values: np.ndarray) -> None:
    assert quantized(values, np.dtype("i1"))["scale"] == 1.0


def test_only_big_arrays_are_rounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_packing, "EXACT", 10)
    assert packed(np.ones(10))["kind"] == "f4"
    assert packed(np.ones(11))["kind"] == "i2"


def test_infinity_becomes_a_gap() -> None:
    entry = packed(np.array([1.0, np.inf]))
    assert np.isnan(np.frombuffer(base64.b64decode(entry["data"]), "<f4")).tolist() == [False, True]
