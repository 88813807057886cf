from __future__ import annotations

import base64
import io
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from rltools.features import Features
from rltools.replays import _packing
from rltools.replays._packing import packed, quantised, script_json
from rltools.replays._pictures import maps, pictures


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
    entry = quantised(values, np.dtype(kind))
    whole = np.frombuffer(base64.b64decode(entry["data"]), kind)
    assert whole[-1] == np.iinfo(kind).min
    np.testing.assert_allclose(whole[:-1] * entry["scale"], values[:-1], atol=entry["scale"] / 2)
    assert np.abs(whole[:-1].astype(int)).max() == np.iinfo(kind).max


@pytest.mark.parametrize("values", [np.zeros((0, 3)), np.zeros(4), np.full(4, np.nan)])
def test_nothing_and_zero_have_a_scale(values: np.ndarray) -> None:
    assert quantised(values, np.dtype("i1"))["scale"] == 1.0


def test_only_big_arrays_are_rounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_packing, "EXACT", 10)
    assert packed(np.ones(10))["kind"] == "f4"
    assert packed(np.ones(11))["kind"] == "i2"


def test_infinity_becomes_a_gap() -> None:
    entry = packed(np.array([1.0, np.inf]))
    assert np.isnan(np.frombuffer(base64.b64decode(entry["data"]), "<f4")).tolist() == [False, True]


def test_maps_shrink_with_the_number_of_steps() -> None:
    features = Features((30, 24), ("y", "x"))
    values = np.random.default_rng(0).normal(size=(2000, 4, 30, 24)).astype(np.float32)
    entry = maps(values, features)
    assert entry["shape"] == [2000, 4, 15, 15]
    whole = np.frombuffer(base64.b64decode(entry["data"]), "i1").reshape(entry["shape"])
    sums = (whole * entry["scale"]).sum(axis=(2, 3))
    np.testing.assert_allclose(sums, values.sum(axis=(2, 3), dtype=float), atol=15 * 15 * entry["scale"] / 2)


@pytest.mark.parametrize(
    ("shape", "dims", "mode"),
    [
        ((8, 9), ("y", "x"), "L"),
        ((8, 9, 3), ("y", "x", "channel"), "RGB"),
        ((3, 8, 9), ("channel", "y", "x"), "RGB"),
        ((4, 8, 9), ("channel", "y", "x"), "L"),
    ],
)
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_every_image_observation_has_a_picture(shape: tuple[int, ...], dims: tuple[str, ...], mode: str, dtype) -> None:
    observations = (np.random.default_rng(0).random((2, *shape)) * (255 if dtype == np.uint8 else 1)).astype(dtype)
    for uri in pictures(observations, dims):
        kind, content = uri.split(",")
        assert kind == "data:image/webp;base64"
        picture = Image.open(io.BytesIO(base64.b64decode(content)))
        assert picture.size == (9, 8)
    if mode == "L":
        grey = np.asarray(picture.convert("RGB")).astype(int)
        assert np.abs(grey[..., 0] - grey[..., 2]).max() <= 3
