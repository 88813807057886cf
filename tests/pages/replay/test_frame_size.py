"""Frames of much detail are made smaller until the page can be mailed."""

import io

import numpy as np
import pytest
from PIL import Image

from rltools.pages.replay.data import LARGEST, fitted


def _frame(detail: float, seed: int = 0) -> bytes:
    noise = np.random.default_rng(seed).normal(0, 255 * detail, (400, 400, 3))
    ramp = np.linspace(0, 255, 400)[None, :, None]
    file = io.BytesIO()
    Image.fromarray((ramp + noise).clip(0, 255).astype(np.uint8)).save(file, "WEBP", quality=70)
    return file.getvalue()


def test_small_frames_are_as_they_were():
    frames = [_frame(0.0)] * 3
    assert fitted(frames) == frames


@pytest.mark.parametrize("count", [1, 30])
def test_large_frames_are_small_afterwards_and_in_their_order(count):
    frames = [_frame(0.04, seed) for seed in range(count)]
    assert sum(map(len, frames)) > LARGEST * count
    result = fitted(frames)
    assert len(result) == count
    assert sum(map(len, result)) <= 1.05 * LARGEST * count
    for before, after in zip(frames, result, strict=True):
        small = np.asarray(Image.open(io.BytesIO(before)).resize((40, 40), Image.Resampling.BOX), np.float64)
        again = np.asarray(Image.open(io.BytesIO(after)).resize((40, 40), Image.Resampling.BOX), np.float64)
        assert np.abs(small - again).mean() < 6
