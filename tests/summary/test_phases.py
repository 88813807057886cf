import numpy as np
import pytest

from rltools.stats import across
from rltools.summary import action_means, phase_means, summarize
from rltools.testing import example_recording


def _recording(folder, values, **options):
    options = {"unit": "score", "method": "shapley"} | options
    return example_recording(folder, [np.asarray(part, float).reshape(len(part), 1, -1) for part in values], **options)


def _means(recording, **options):
    (key,) = recording.specs
    return phase_means(recording, key, range(recording.features.size), **options)


def test_each_episode_counts_the_same_whatever_its_length(tmp_path):
    result = _means(_recording(tmp_path / "r", [[1.0] * 10, [3.0] * 500]))
    np.testing.assert_allclose(result.positions, np.arange(2, 100, 4))
    np.testing.assert_allclose(result.mean.value, 2)
    assert np.isnan(result.mean.low).all(), "two episodes have no interval"
    assert result.reached.tolist() == [2] * 25
    sizes = [1.0, 3.0, 2.0, 5.0, 4.0]
    of_five = _means(_recording(tmp_path / "s", [[size] * 10 for size in sizes]))
    expected = across(np.array(sizes)).interval(0.95, "positive")
    np.testing.assert_allclose(of_five.mean.low, expected.low)
    np.testing.assert_allclose(of_five.mean.high, expected.high)


def test_a_part_holds_the_steps_it_overlaps(tmp_path):
    result = _means(_recording(tmp_path / "r", [np.arange(50.0)] * 2), signed=True)
    np.testing.assert_allclose(result.mean.value[:, 0], np.arange(0.5, 50, 2))
    short = _means(_recording(tmp_path / "s", [[1.0, 2.0]] * 2))
    assert short.mean.value[:, 0].tolist() == [1] * 12 + [1.5] + [2] * 12


def test_magnitudes_are_taken_before_the_mean(tmp_path):
    recording = _recording(tmp_path / "r", [[-2.0] * 9, [2.0] * 9])
    np.testing.assert_allclose(_means(recording).mean.value, 2)
    np.testing.assert_allclose(_means(recording, signed=True).mean.value, 0)


def test_aligned_at_starts_and_ends(tmp_path):
    recording = _recording(tmp_path / "r", [[1.0, 2.0, 3.0], [5.0]])
    start = _means(recording, align="start")
    assert start.positions.tolist() == [0, 1, 2]
    assert start.mean.value[:, 0].tolist() == [3, 2, 3]
    assert start.reached.tolist() == [2, 1, 1]
    assert np.isnan(start.mean.low[1:]).all()
    end = _means(recording, align="end")
    assert end.positions.tolist() == [-3, -2, -1]
    assert end.mean.value[:, 0].tolist() == [1, 2, 4]


def test_steps_that_were_not_explained_are_left_out(tmp_path):
    result = _means(_recording(tmp_path / "r", [[1.0, np.nan, 3.0], [5.0, 7.0, np.nan], [np.nan] * 3]), align="start")
    assert result.mean.value[:, 0].tolist() == [3, 7, 3]
    assert result.episodes == 2


def test_where_one_in_many_steps_is_explained_bins_are_as_wide(tmp_path):
    values = np.full(12, np.nan)
    values[::3] = np.arange(4)
    result = _means(_recording(tmp_path / "r", [values] * 2, every=3), align="start")
    assert result.width == 3
    assert result.positions.tolist() == [1, 4, 7, 10]
    assert result.mean.value[:, 0].tolist() == [0, 1, 2, 3]


def test_long_episodes_have_a_hundred_bins_at_most(tmp_path):
    result = _means(_recording(tmp_path / "r", [np.ones(1001)] * 2), align="start")
    assert result.width == 11
    assert len(result.positions) == 91


def test_no_steps_are_no_episodes(tmp_path):
    for align in ("time", "start", "end"):
        result = _means(example_recording(tmp_path / align, [np.zeros((0, 1, 2))]), align=align)
        assert result.episodes == 0
        assert not result.reached.any()


def test_scaled_attributions(tmp_path):
    result = _means(_recording(tmp_path / "r", [np.ones((9, 2))] * 2), scale=np.array([2.0, 0.5]))
    np.testing.assert_allclose(result.mean.value, np.tile([2, 0.5], (25, 1)))


def test_means_by_action_are_those_of_the_summary(tmp_path):
    actions = [np.array([0] * 5 + [2] * 3 + [1])] * 2
    recording = _recording(
        tmp_path / "r",
        np.random.default_rng(0).normal(size=(2, 9, 3)),
        actions=actions,
        action_names=("a", "b", "c", "d"),
    )
    summary = summarize(recording)
    result = action_means(summary)
    assert (result.columns, result.steps, result.left_out, result.never) == (("a", "b", "c"), (10, 2, 6), 0, 1)
    np.testing.assert_array_equal(result.mean.value[2], summary.by_action["c"].mean.value[0])
    fewer = action_means(summary, most=2)
    assert (fewer.columns, fewer.left_out) == (("a", "c"), 1)
    np.testing.assert_array_equal(fewer.mean.low[1], summary.by_action["c"].mean.low[0])


def test_a_mean_is_uncertain_where_its_interval_holds_zero(tmp_path):
    values = [np.tile([1.0, sign, 0.0], (4, 1)) for sign in (-1, 1, -1, 1, 1, 1)]
    result = action_means(summarize(_recording(tmp_path / "r", values, actions=[np.array([0, 0, 1, 1])] * 6)))
    assert result.uncertain.tolist() == [[False, True, True]] * 2


def test_labels_are_columns_where_no_discrete_action_is(tmp_path):
    values = [np.ones((5, 3, 2)) * [[1], [2], [3]]] * 2
    labels = ("action:a", "action:b", "action:c")
    recording = example_recording(tmp_path / "r", values, labels=labels, action_names="abc", action_start=None)
    result = action_means(summarize(recording), standardized=True, most=2)
    assert (result.columns, result.left_out, result.per_action) == (labels[:2], 1, False)
    std = summarize(recording).std
    np.testing.assert_allclose(result.mean.value, np.array([[1], [2]]) * std, rtol=1e-5)


@pytest.mark.parametrize("signed", [True, False])
def test_the_same_recording_gives_the_same_intervals(tmp_path, signed):
    recording = _recording(tmp_path / "r", np.random.default_rng(0).normal(size=(6, 30, 1)))
    first, again = (_means(recording, signed=signed).mean for _ in range(2))
    np.testing.assert_array_equal(first.low, again.low)
    assert ((first.low < first.value) & (first.value < first.high)).all()
