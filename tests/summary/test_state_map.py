import numpy as np
import pytest

from rltools.summary import Points, cell_means, component_plane, feature_plane


def _points(values, attributions=None):
    steps = len(values)
    attributions = np.ones_like(values) if attributions is None else attributions
    zeros = np.zeros(steps, np.int64)
    return Points(values, attributions, np.zeros(steps), zeros - 1, zeros, zeros, np.arange(steps), (), steps)


def test_components_are_those_of_the_correlation_matrix():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(500, 4)) @ rng.normal(size=(4, 4)) * [1, 10, 100, 0.1] + 1000
    plane = component_plane(_points(values))
    variances, vectors = np.linalg.eigh(np.corrcoef(values.T))
    np.testing.assert_allclose(plane.explained, variances[::-1][:2] / 4, rtol=1e-6)
    np.testing.assert_allclose(np.abs(plane.weights), np.abs(vectors[:, ::-1][:, :2].T), rtol=1e-6)
    assert (plane.weights.max(axis=1) == np.abs(plane.weights).max(axis=1)).all()
    np.testing.assert_allclose(plane.places.var(axis=0), variances[::-1][:2], rtol=1e-6)


def test_what_never_changes_has_no_weight():
    values = np.random.default_rng(0).normal(size=(50, 3))
    values[:, 1] = 0.1
    plane = component_plane(_points(values))
    assert (plane.weights[:, 1] == 0).all()
    alone = component_plane(_points(values[:, :1]))
    assert alone.explained.tolist() == [pytest.approx(1), 0]
    assert (alone.places[:, 1] == 0).all()


@pytest.mark.parametrize("values", [np.zeros((0, 3)), np.ones((1, 3)), np.full((9, 2), 0.1)])
def test_nothing_that_changes_is_one_place(values):
    plane = component_plane(_points(values))
    assert (plane.places == 0).all()
    assert (plane.explained == 0).all()
    assert len(cell_means(_points(values), plane, cells=5, least=1).counts) == min(1, len(values))


def test_two_features_keep_their_units():
    values = np.random.default_rng(0).normal(size=(50, 3))
    plane = feature_plane(_points(values, 2 * values), 2, 0)
    np.testing.assert_array_equal(plane.places, values[:, [2, 0]])


def test_cells_are_means_over_their_steps():
    values = np.array([[0, 0], [0.1, 0.2], [1, 1], [1, 1], [1, 0.9]])
    attributions = np.array([[1, 0], [3, 0], [0, -2], [0, -4], [0, -6.0]])
    points = _points(values, attributions)
    cells = cell_means(points, feature_plane(points, 0, 1), cells=2, least=2)
    # The lowest and the highest step in each direction are beyond the 99 % that the grid spans.
    assert cells.counts.sum() <= 5
    index = cells.share[:, 1].argmax()
    assert cells.share[index].tolist() == [0, 1]
    assert cells.magnitude[index] == pytest.approx(4)


def test_a_far_step_does_not_make_the_grid_coarse():
    values = np.concatenate([np.random.default_rng(0).uniform(size=(1000, 2)), [[1e6, 1e6]]])
    points = _points(values)
    cells = cell_means(points, feature_plane(points, 0, 1), cells=10, least=1)
    assert len(cells.counts) == 100
    assert cells.counts.sum() > 950
    assert (cells.sides < 0.2).all()
