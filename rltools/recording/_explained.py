"""The attributions of many episodes, one after another, from the files that `explain` wrote."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from rltools.errors import CorruptError
from rltools.recording._attribution import Question
from rltools.recording._columns import read_columns
from rltools.recording._files import read_json

Columns = dict[str, np.ndarray]


def read_question(path: Path) -> Question:
    """What an `attribution.json` says was asked.

    Raises:
        CorruptError: it is damaged.
    """
    entry = read_json(path)
    try:
        return Question.from_json(entry)
    except (KeyError, TypeError) as error:
        raise CorruptError(
            f"{path} is not as `explain` writes it ({error}); explain again once it is deleted"
        ) from error


def read_rows(path: Path, steps: int) -> Columns:
    """The columns of one episode's attributions, a row for each of its steps, a gap where one was not explained.

    Raises:
        CorruptError: the file is damaged.
    """
    columns = read_columns(path)
    rows = columns.pop("t")
    if len(rows) == steps:
        return columns
    full = {name: _gap(steps, part) for name, part in columns.items()}
    for name, part in columns.items():
        full[name][rows] = part
    return full


def join_rows(parts: Sequence[tuple[int, Columns]], targets: int, shape: tuple[int, ...]) -> Columns:
    """Columns of all episodes one after another, a gap where an episode lacks one that others have.

    Args:
        parts: for each episode its steps, and the columns that `read_rows` gave; none of a damaged file.
        targets: how many scalars were explained.
        shape: of the features.
    """
    like = {"values": np.zeros((0, targets, *shape), np.float32), "scores": np.zeros((0, targets), np.float32)}
    for _, columns in parts:
        like |= columns
    return {
        name: np.concatenate(
            [one[:0], *(columns[name] if name in columns else _gap(steps, one) for steps, columns in parts)]
        )
        for name, one in like.items()
    }


def _gap(steps: int, like: np.ndarray) -> np.ndarray:
    """NaN for so many steps; where booleans say whether a promise was kept, a step without any breaks none."""
    return np.full((steps, *like.shape[1:]), True if like.dtype == np.bool_ else np.nan, like.dtype)
