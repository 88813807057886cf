import numpy as np
import pytest

from rltools.errors import ArgumentError
from rltools.plots import episode_grid
from rltools.recording import Outcome, median_episode
from rltools.summary import Uneventful, spread_outcomes
from rltools.testing import example_recording


@pytest.fixture
def recording(tmp_path):
    values = [np.random.default_rng(index).normal(size=(10 + index, 1, 6)) for index in range(20)]
    return example_recording(tmp_path / "recording", values, unit="score", method="shapley")


def _outcomes(*returns):
    return [Outcome(index, index, 1 if total else 0, total, "terminated") for index, total in enumerate(returns)]


def _small_print(axes):
    return " ".join(text.get_text().replace("\n", " ") for text in axes.texts)


def _cells(axes):
    return [cell for cell in axes.child_axes if cell.get_title(loc="left")]


def test_the_best_and_the_worst_are_among_those_spread():
    chosen = spread_outcomes(_outcomes(5, 1, 9, 7, 3, 0), 3, "return")
    assert [outcome.total_reward for outcome in chosen] == [9, 5, 1]
    assert [outcome.number for outcome in spread_outcomes(_outcomes(5, 1, 9), 2, "number")] == [0, 1]


def test_another_order_is_refused(recording):
    with pytest.raises(ArgumentError, match="return, number"):
        episode_grid(recording, by="length")


def test_the_median_is_of_those_that_have_steps():
    assert median_episode(_outcomes(5, 1, 9, 0)) == 0
    assert median_episode(_outcomes(0)) is None


def test_it_says_how_many_episodes_and_features_are_left_out(recording):
    axes = episode_grid(recording)
    assert len(_cells(axes)) == 12
    assert "12 of 20 episodes" in _small_print(axes)
    assert "top 4 of 6 features" in _small_print(axes)
    assert _cells(axes)[0].get_title(loc="left") == "#19: return 29"
    assert _cells(axes)[-1].get_title(loc="left") == "#0: return 10"


def test_all_cells_share_their_colors_and_their_steps(recording):
    cells = _cells(episode_grid(recording, most=4))
    limits = {image.get_clim() for cell in cells for image in cell.images}
    assert len(limits) == 1
    low, high = limits.pop()
    assert low == -high
    assert len({cell.get_xlim() for cell in cells}) == 1


def test_rows_are_the_features_in_their_order_and_the_mark_is_at_the_end(recording):
    from rltools.summary import summarize

    order = [result.position for result in summarize(recording).top(3)]
    cell = _cells(episode_grid(recording, by="number", top=3))[2]
    pixels = np.concatenate([image.get_array() for image in cell.images])
    values = recording.attribution(episodes=[2]).values[:, 0, order].T
    assert np.allclose(pixels, values)
    (mark,) = cell.lines
    assert mark.get_xdata()[0] == len(values[0]) - 0.5


def test_actions_are_below_and_what_is_uneventful_at_the_end_is_left_out(tmp_path, monkeypatch):
    values = [np.random.default_rng(0).normal(size=(80, 1, 3))] * 2
    actions = [np.concatenate([np.arange(20) % 2, np.zeros(60, np.int64)])] * 2
    recording = example_recording(tmp_path / "r", values, actions=actions, unit="score")
    at_rest = {number: np.arange(80) >= 20 for number in (0, 1)}
    monkeypatch.setattr("rltools.plots._episode_grid.uneventful_steps", lambda _: Uneventful(at_rest, 120, 160))
    axes = episode_grid(recording)
    cell, _ = _cells(axes)
    assert "gray: 110 uneventful steps at the end" in _small_print(axes)
    assert cell.images[0].get_array().shape[1] == 25
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["left", "right"]
