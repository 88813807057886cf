import numpy as np
import pytest

from rltools.summary import Points, explained_points, stride_for, value_dependence
from rltools.testing import example_recording


def _points(values, attributions, *, episodes=None, actions=None):
    steps = len(values)
    episodes = np.arange(steps) % 5 if episodes is None else episodes
    names = () if actions is None else ("left", "right", "up")
    actions = np.full(steps, -1) if actions is None else actions
    attributions = np.column_stack([attributions, np.zeros((steps, values.shape[1] - 1))])
    return Points(values, attributions, np.zeros(steps), actions, episodes, episodes, np.arange(steps), names, steps)


def test_means_of_bins_of_equally_many_steps():
    values = np.random.default_rng(0).permutation(1000)[:, None] / 1000.0
    result = value_dependence(_points(values, values[:, 0] ** 2), 0)
    assert not result.curve.few
    middles = (np.arange(20) + 0.5) / 20
    np.testing.assert_allclose(result.curve.centers, middles - 0.0005, atol=1e-9)
    np.testing.assert_allclose(result.curve.mean.value, middles**2, atol=3e-3)
    assert (result.curve.mean.low <= result.curve.mean.value).all()
    assert (result.curve.mean.value <= result.curve.mean.high).all()


def test_a_bin_for_each_of_few_values():
    values = np.repeat([0.0, 1.0, 5.0], 10)[:, None]
    result = value_dependence(_points(values, 2 * values[:, 0]), 0)
    assert result.curve.few
    assert result.curve.centers.tolist() == [0, 1, 5]
    np.testing.assert_allclose(result.curve.mean.value, [0, 2, 10])
    assert not value_dependence(_points(values[:10:3], values[:10:3, 0]), 0).curve.few


def test_a_value_that_is_there_very_often_leaves_no_empty_bins():
    values = np.where(np.arange(1000) % 10, 0.0, np.arange(1000) / 1000)[:, None]
    result = value_dependence(_points(values, values[:, 0]), 0)
    assert np.isfinite(result.curve.mean.value).all()
    assert len(result.curve.centers) < 20
    assert (np.diff(result.curve.centers) > 0).all()


def test_intervals_are_over_episodes():
    values = np.random.default_rng(0).permutation(200)[:, None] / 200.0
    episodes = np.arange(200) % 6
    result = value_dependence(_points(values, (episodes % 2).astype(float), episodes=episodes), 0)
    # Half of six episodes are all 0 and half are all 1: the standard error of their mean is 1 / (2 sqrt(5)), and
    # 97.5 % of Student's t with five degrees of freedom are 2.571.
    width = result.curve.mean.high - result.curve.mean.low
    assert (np.abs(width / (2.571 / 5**0.5) - 1) < 0.5).all()
    few = value_dependence(_points(values, (episodes % 2).astype(float), episodes=episodes % 4), 0)
    assert np.isnan(few.curve.mean.low).all()
    alone = value_dependence(_points(values, values[:, 0], episodes=np.zeros(200, np.int64)), 0)
    assert np.isnan(alone.curve.mean.low).all()
    assert np.isfinite(alone.curve.mean.value).all()


def test_an_influence_that_turns_its_sign_is_found():
    values = np.random.default_rng(0).uniform(-1, 1, (2000, 4))
    interaction = values[:, 0] * values[:, 2]
    result = value_dependence(_points(values, interaction), 0)
    assert result.other == 2
    assert result.correlation > 0.9
    assert result.by_action == 0


def test_nothing_else_matters_where_nothing_else_is():
    values = np.ones((100, 2))
    values[:, 0] = np.random.default_rng(0).normal(size=100)
    assert value_dependence(_points(values, values[:, 0]), 0).other is None


def test_the_action_is_measured_as_a_feature_of_two_values_would_be():
    rng = np.random.default_rng(0)
    values = rng.uniform(-1, 1, (2000, 2))
    actions = rng.integers(0, 2, 2000)
    values[:, 1] = actions
    attributions = actions + 0.5 * rng.normal(size=2000)
    result = value_dependence(_points(values, attributions, actions=actions), 0)
    assert result.other == 1
    assert result.by_action == pytest.approx(result.correlation)


def test_points_carry_what_was_done(tmp_path):
    values = [np.random.default_rng(index).normal(size=(5, 1, 2)) for index in range(2)]
    values[0][1] = np.nan
    actions = [np.array([3, 4, 3, 3, 4])] * 2
    recording = example_recording(tmp_path / "r", values, actions=actions, action_start=3, unit="score")
    (key,) = recording.specs
    points = explained_points(recording, key)
    assert points.actions.tolist() == [0, 0, 0, 1, 0, 1, 0, 0, 1]
    assert points.episodes.tolist() == [0] * 4 + [1] * 5
    assert points.n == len(points.values) == len(points.scores) == 9
    np.testing.assert_allclose(points.attributions[0], values[0][0, 0], rtol=1e-6)
    scaled = explained_points(recording, key, stride=2, scale=np.array([2.0, 0.0]))
    assert scaled.n == 9
    np.testing.assert_allclose(scaled.attributions, points.attributions[::2] * [2, 0])


def test_without_a_discrete_action_there_is_no_position(tmp_path):
    recording = example_recording(tmp_path / "r", [np.ones((3, 1, 2))], action_start=None, action_names=("torque",))
    (key,) = recording.specs
    points = explained_points(recording, key)
    assert points.actions.tolist() == [-1] * 3
    assert points.action_names == ()


def test_strides_bound_the_number_of_points():
    assert [stride_for(steps, 10) for steps in (0, 1, 10, 11, 100)] == [1, 1, 1, 2, 10]


def test_a_line_does_not_go_where_there_is_no_step():
    rng = np.random.default_rng(0)
    values = np.concatenate([rng.uniform(0, 1, 300), rng.uniform(4, 5, 300)])[:, None]
    curve = value_dependence(_points(values, np.zeros(600)), 0).curve
    breaks = ~curve.joined[1:]
    assert np.flatnonzero(breaks).tolist() == np.flatnonzero(np.diff(curve.centers > 2)).tolist()
    apart = value_dependence(_points(values, np.where(np.arange(600) % 2, -1.0, 1.0)), 0).curve
    assert not apart.supported.any(), "the mean of two branches lies between them"
    assert curve.supported.all()
