import numpy as np
import pytest
from scipy.stats import spearmanr

from rltools.errors import RecordingError
from rltools.plots import agreement, importance
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
    axes = agreement(recording)
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert labels == ["shapley", "random (control)"]
    assert np.diff(axes.get_yticks())[0] > 1
    assert len(axes.patches) == 3
    _check_drawing(axes, recording)


def test_controls_are_named_beside_other_methods(recording):
    legend = importance(recording, method=["shapley", "random"]).get_legend()
    assert [text.get_text() for text in legend.get_texts()] == ["shapley", "random (control)"]


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
    assert any("shapley" in text for text in _texts(axes))
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
