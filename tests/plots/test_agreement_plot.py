import numpy as np
import pytest
from scipy.stats import spearmanr

from rltools.errors import RecordingError
from rltools.plots import agreement, importance
from rltools.plots.drawing.colors import theme_color
from rltools.summary import agreement as ranked_alike
from rltools.testing import example_recording
from rltools.testing._check_plot import _check_drawing
from rltools.testing._recordings import Explained, write_recording

pytestmark = pytest.mark.filterwarnings("ignore::rltools.recording.SharedEpisodesWarning")


def _recording(folder, method, seed, unit="score", features=5):
    values = [
        np.random.default_rng(seed + index).normal(size=(12, 1, features)) * np.arange(1, features + 1)
        for index in range(6)
    ]
    return example_recording(folder, values, method=method, unit=unit)


@pytest.fixture
def recording(tmp_path):
    """Three methods, one of them a control, in one folder."""
    parts = [
        _recording(tmp_path / "a", "shapley", 0),
        _recording(tmp_path / "b", "random", 50, "rank"),
        _recording(tmp_path / "c", "integrated_gradients", 100),
    ]
    explained = {}
    for part in parts:
        (key,) = part.specs
        result = [part.attribution_of(key, episodes=[number]) for number in part.numbers]
        explained[key] = Explained(part.spec(key), result)
    return write_recording(tmp_path / "all", parts[0].header, list(parts[0]), explained)


def _texts(axes):
    return [text.get_text() for text in axes.texts]


def test_it_is_the_mean_of_spearmans_over_episodes(recording):
    result = ranked_alike({"": recording}, None, None)
    assert [part.method for part in result.rankings] == ["integrated_gradients", "shapley", "random"]
    each = []
    for number in recording.numbers:
        sizes = [
            np.abs(recording.attribution(method, episodes=[number]).values).mean(axis=(0, 1))
            for method in ("integrated_gradients", "shapley")
        ]
        each.append(spearmanr(*sizes).statistic)
    assert result.correlation.value[0, 1] == result.correlation.value[1, 0] == pytest.approx(np.mean(each))
    assert result.correlation.low[0, 1] < np.mean(each) < result.correlation.high[0, 1]


def test_controls_are_named_and_set_apart(recording):
    axes = agreement(recording, method=["shapley", "integrated_gradients", "random"])
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert labels == ["integrated gradients", "random (control)"]
    assert np.diff(axes.get_yticks())[0] > 1
    assert len(axes.patches) == 3
    assert sum(text.startswith("[") for text in _texts(axes)) == 1, "those of a control have no interval"
    _check_drawing(axes, recording)


def test_a_single_random_map_is_left_out_unless_it_is_named(recording):
    axes = agreement(recording)
    assert [label.get_text() for label in axes.get_yticklabels()] == ["Shapley values"]


def test_what_chance_gives_is_gray(recording):
    from matplotlib.colors import to_rgb

    result = ranked_alike({"": recording}, None, None)
    axes = agreement(recording, method=["shapley", "integrated_gradients", "random"])
    (limit,) = {float(text.split("±")[1][:4]) for text in _texts(axes) if "within ±" in text}
    gray = [to_rgb(cell.get_facecolor()) == to_rgb(theme_color("uncertain")) for cell in axes.patches]
    values = result.correlation.value[np.tril_indices(3, -1)]
    assert gray == (np.abs(values) < limit).tolist()


def test_controls_are_named_beside_other_methods(recording):
    axes = importance(recording, method=["shapley", "integrated_gradients", "random"])
    texts = _texts(axes)
    assert texts.count("Shapley values") == texts.count("integrated gradients") == 5
    assert any("95 % of 200 random maps" in text.replace("\n", " ") for text in texts)
    bands = [part.get_paths()[0].get_extents() for part in axes.collections if part.get_zorder() == 0]
    assert {round(float(band.x1), 6) for band in bands} == {round(float(bands[0].x1), 6)}, "all features are alike"
    assert bands[0].x0 < 20 < bands[0].x1


def test_agents_are_compared_by_all_pairs_of_episodes(tmp_path):
    agents = {"one": _recording(tmp_path / "one", "shapley", 0), "two": _recording(tmp_path / "two", "shapley", 9)}
    result = ranked_alike(agents, None, None)
    sizes = [
        [np.abs(agent.attribution(episodes=[number]).values).mean(axis=(0, 1)) for number in agent.numbers]
        for agent in agents.values()
    ]
    every = [spearmanr(part, other).statistic for part in sizes[0] for other in sizes[1]]
    assert result.correlation.value[0, 1] == pytest.approx(np.mean(every))
    assert result.correlation.low[0, 1] < np.mean(every) < result.correlation.high[0, 1]
    axes = agreement(agents)
    assert [label.get_text() for label in axes.get_yticklabels()] == ["two"]
    assert any("Shapley values" in text for text in _texts(axes))
    _check_drawing(axes, agents["one"])


def test_one_method_has_nothing_to_be_compared_with(recording):
    assert any("explain with another" in text for text in _texts(agreement(recording, method="shapley")))


def test_two_features_are_too_few(tmp_path):
    agents = {name: _recording(tmp_path / name, "shapley", index, features=2) for index, name in enumerate("ab")}
    texts = _texts(agreement(agents))
    assert "–" in texts
    assert any("2 features have too few orders" in text for text in texts)


def test_a_method_that_is_not_there_is_told(recording):
    with pytest.raises(RecordingError, match="occlusion"):
        agreement(recording, method=["shapley", "occlusion"])
