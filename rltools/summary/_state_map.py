"""Projects visited observations onto a plane, and averages magnitudes of attributions in the cells of a grid."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rltools._util.short_repr import short_repr
from rltools.summary._points import Points


@dataclass(frozen=True)
class Plane:
    """Two directions in the space of the features.

    Attributes:
        weights: float `[2, group]`, the weight of each feature in each direction.
        places: float `[step, 2]`, the position of each step in the plane.
        explained: float `[2]`, the share of the features' variance along each direction; NaN for two chosen features.
    """

    weights: np.ndarray
    places: np.ndarray
    explained: np.ndarray

    __repr__ = short_repr


@dataclass(frozen=True)
class Cells:
    """The cells of a grid over a plane that hold enough steps.

    Attributes:
        centers: float `[cell, 2]`.
        counts: int64 `[cell]`, steps in the cell.
        magnitude: float `[cell]`, the mean over steps of the summed magnitudes of all features.
        share: float `[cell, group]`, the part of that which each feature makes up; NaN where all are 0.
        sides: float `[2]`, the lengths of a cell's sides.
    """

    centers: np.ndarray
    counts: np.ndarray
    magnitude: np.ndarray
    share: np.ndarray
    sides: np.ndarray

    __repr__ = short_repr


def feature_plane(points: Points, x: int, y: int) -> Plane:
    """The plane of two features, in their own units."""
    weights = np.zeros((2, points.values.shape[1]))
    weights[0, x] = weights[1, y] = 1
    return Plane(weights, points.values[:, [x, y]], np.full(2, np.nan))


def component_plane(points: Points) -> Plane:
    """The plane of the first two principal components of the standardized features.

    The largest weight of each component is positive. Missing components, of a single feature or of features that never
    change, are 0.
    """
    groups = points.values.shape[1]
    weights, explained = np.zeros((2, groups)), np.zeros(2)
    std = points.values.std(axis=0) if len(points.values) else np.zeros(groups)
    # The std of a feature that never changes is made of rounding errors.
    changes = std > 1e-9 * np.maximum(1, np.abs(points.values).max(axis=0, initial=0))
    distances = points.values - points.values.mean(axis=0) if len(points.values) else points.values
    standardized = np.divide(distances, std, out=np.zeros_like(distances), where=changes)
    if changes.any():
        variances, directions = np.linalg.eigh(standardized.T @ standardized / len(standardized))
        components = min(2, int(changes.sum()))
        weights[:components] = directions[:, ::-1][:, :components].T
        explained[:components] = variances[::-1][:components] / variances.sum()
        strongest = np.abs(weights).argmax(axis=1)
        weights *= np.where(weights[[0, 1], strongest] < 0, -1, 1)[:, None]
    return Plane(weights, standardized @ weights.T, explained)


def cell_means(points: Points, plane: Plane, *, cells: int, least: int) -> Cells:
    """Means over the cells of a `cells` by `cells` grid that hold at least `least` steps.

    The grid spans the positions of all but one percent of the steps, so that a few far ones do not make it coarse.
    """
    if len(plane.places) == 0:
        nothing = np.zeros((0, points.attributions.shape[1]))
        return Cells(np.zeros((0, 2)), np.zeros(0, np.int64), np.zeros(0), nothing, np.ones(2))
    low, high = np.percentile(plane.places, [0.5, 99.5], axis=0)
    sides = np.where(high > low, (high - low) / cells, 1.0)
    cell = np.floor((plane.places - low) / sides).astype(np.int64)
    # The highest position belongs to the last cell.
    cell = np.where((cell == cells) & (plane.places <= high), cells - 1, cell)
    inside = ((cell >= 0) & (cell < cells)).all(axis=1)
    number = cell[inside, 0] * cells + cell[inside, 1]
    counts = np.bincount(number, minlength=cells * cells)
    used = np.flatnonzero(counts >= least)
    centers = low + (np.stack([used // cells, used % cells], axis=1) + 0.5) * sides

    def mean(values: np.ndarray) -> np.ndarray:
        columns = [np.bincount(number, weights=column, minlength=cells * cells) for column in values[inside].T]
        return np.stack([column[used] / counts[used] for column in columns], axis=1)

    sizes = mean(np.abs(points.attributions))
    magnitude = sizes.sum(axis=1)
    whole = magnitude[:, None]
    share = np.divide(sizes, whole, out=np.full(sizes.shape, np.nan), where=whole > 0)
    return Cells(centers, counts[used], magnitude, share, sides)
