"""How numbers are written: the interval decides the digits, and both ends and the value have the same ones."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest

from rltools._util.text import (
    decimals_of,
    interval,
    number,
    plus_minus,
    share_interval,
    value_with_unit,
    with_unit,
)

NAN = float("nan")


def decimals(text: str) -> set[int]:
    """The numbers of decimals in a text."""
    return {len(part.partition(".")[2]) for part in re.findall(r"\d[\d,]*(?:\.\d+)?", text)}


@pytest.mark.parametrize("seed", range(40))
def test_value_and_ends_have_the_same_digits(seed: int) -> None:
    rng = np.random.default_rng(seed)
    value, half = rng.normal() * 10.0 ** rng.integers(-3, 4), 10.0 ** rng.uniform(-4, 3)
    assert len(decimals(interval(value, value - half, value + half))) == 1
    assert len(decimals("".join(plus_minus(value, value - half, value + half)))) == 1
    share, (low, high) = rng.uniform(0.05, 0.95), np.sort(rng.uniform(0, 1, 2))
    assert len(decimals("".join(share_interval(share, low, high)))) == 1


@pytest.mark.parametrize(
    ("ends", "text"),
    [
        ((0.10, 0.097, 0.11), ("10.0 %", " [9.7, 11.0]")),
        ((0.08, 0.05, 0.099), ("8 %", " [5, 10]")),
        ((0.082, 0.064, 0.10), ("8.2 %", " [6.4, 10.0]")),
        ((0.36, 0.34, 0.38), ("36 %", " [34, 38]")),
        ((0.5, 0.5, 0.5), ("50 %", "")),
        ((NAN, NAN, NAN), ("–", "")),
    ],
)
def test_shares(ends: tuple[float, float, float], text: tuple[str, str]) -> None:
    assert share_interval(*ends) == text


def test_an_end_that_is_not_0_does_not_read_as_0() -> None:
    assert interval(9, 0.3, 18) == "9.0 [0.3, 18.0]"
    assert interval(9, 0.0, 18) == "9 [0, 18]"
    assert "".join(plus_minus(-3.2, -6.3, -0.1)) == "−3.2 ± 3.1"


def test_no_end_of_an_interval_is_shown_if_both_are_the_same_or_unknown() -> None:
    assert interval(500, 500, 500) == "500"
    assert interval(2.5, NAN, NAN) == "2.5"
    assert interval(1e-9, -1e-9, 2e-9) == "1e−09", "no row of zeros"
    assert plus_minus(7, NAN, NAN) == ("7", "")
    assert plus_minus(1, 0, math.inf) == ("1", "")


def test_decimals_grow_with_the_precision_and_are_limited() -> None:
    assert [decimals_of(-half, half) for half in (300, 3, 0.3, 0.03, 1e-12)] == [0, 0, 1, 2, 6]
    assert decimals_of(-1.5, 1.5) == 1, "two digits of a half that begins with 1"


def test_thousands_are_grouped_and_never_written_with_an_exponent() -> None:
    assert [number(value) for value in (999.96, 3533.4, 10_000, 123_456.7, -1_234.5)] == [
        "1,000",
        "3,533",
        "10,000",
        "123,457",
        "−1,234",
    ]


def test_a_unit_that_is_a_multiple_is_a_divisor_on_an_axis_and_a_factor_after_a_value() -> None:
    assert with_unit("y velocity", "7.5 length units/s") == "y velocity / (7.5 length units/s)"
    assert value_with_unit("−0.80", "7.5 length units/s") == "−0.80 × 7.5 length units/s"
    assert (with_unit("angle", "rad"), value_with_unit("0.1", "rad")) == ("angle (rad)", "0.1 rad")
