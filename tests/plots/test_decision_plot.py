import numpy as np
import pytest

from rltools.errors import ArgumentError
from rltools.plots import decision
from rltools.spaces import Features
from rltools.summary import contrast_key, decision_at
from rltools.testing import check_plot, example_recording

NAMES = Features((3,), ("feature",), ("speed", "height", "leg"), ("m/s", "7.5 m", ""))


@pytest.fixture
def recording(tmp_path):
    values = [np.zeros((4, 1, 3)), np.zeros((5, 1, 3))]
    values[1][2] = [[2.0, -0.5, 0.25]]
    values[0][3] = np.nan
    residuals = [np.zeros((4, 1)), np.full((5, 1), 0.1)]
    return example_recording(
        tmp_path / "recording",
        values,
        features=NAMES,
        observations=[np.zeros((4, 3)), np.tile([-0.42, 1.5, 0], (5, 1))],
        residuals=residuals,
        method="shapley",
        unit="score",
        labels=("logit:chosen - runner_up",),
    )


def _arrows(axes):
    """Where each arrow begins and where it points to."""
    return [(float(arrow.get_xy()[0, 0]), float(arrow.get_xy()[2, 0])) for arrow in axes.patches]


def _written(axes):
    return " ".join(text.get_text().replace("\n", " ") for text in axes.texts)


def test_bars_lead_from_the_mean_of_the_references_to_the_score(recording):
    axes = decision(recording)
    score = recording.attribution(episodes=[1]).scores[2, 0]
    starts = [start for start, _ in _arrows(axes)]
    assert [end - start for start, end in _arrows(axes)] == pytest.approx([2, -0.5, 0.25, 0.1])
    assert starts[0] == pytest.approx(score - 1.85, abs=1e-5)
    assert starts[3] + 0.1 == pytest.approx(score, abs=1e-5)
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert [label.replace("\N{NO-BREAK SPACE}", " ") for label in labels] == [
        "speed = −0.42 m/s",
        "height = 1.5 × 7.5 m",
        "leg = 0",
        "left unexplained",
    ]
    assert axes.get_title(loc="left").replace("\n", " ") == "What moved the logit at step 2"
    assert "step 2 of episode 1 (5 steps)" in _written(axes)
    assert "largest sum" in _written(axes)
    check_plot(decision, recording)


def test_other_features_are_one_bar(recording):
    axes = decision(recording, top=1)
    assert [end - start for start, end in _arrows(axes)] == pytest.approx([2, -0.25, 0.1])
    assert axes.get_yticklabels()[1].get_text() == "2 other features"


def test_what_does_not_add_up_begins_at_zero_and_says_so(tmp_path):
    recording = example_recording(tmp_path / "r", [np.ones((5, 1, 3))] * 2)
    axes = decision(recording)
    assert {start for start, _ in _arrows(axes)} == {0}
    assert "does not add up" in _written(axes)
    assert "references' mean" not in _written(axes)


def test_a_step_is_asked_for_and_a_missing_one_is_told(recording):
    assert "step 1 of episode 0" in _written(decision(recording, step=1))
    assert "of the episode" in _written(decision(recording, episode=0))
    with pytest.raises(ArgumentError, match="nearest explained one is 2"):
        decision(recording, step=3)
    with pytest.raises(ArgumentError, match="5 steps"):
        decision(recording, episode=1, step=5)


def test_a_step_of_no_episode_is_told(tmp_path):
    with pytest.raises(ArgumentError, match="has no episodes"):
        decision(example_recording(tmp_path / "r", []), step=0)


def test_the_choice_is_told_with_what_came_next(recording):
    episode = recording.episode(1)
    result = decision_at(recording, recording.find(), episode=1, step=4)
    action = int(episode.actions[4])
    assert result.action == ("left", "right")[action]
    assert result.runner_up == ("left", "right")[1 - action]
    assert result.gap == pytest.approx(episode.scores[4, action] - episode.scores[4, 1 - action])


def test_a_contrast_speaks_first(tmp_path, recording):
    assert recording.spec(contrast_key(recording, None, None)).target == "logit:chosen - runner_up"
    plain = example_recording(tmp_path / "plain", [np.ones((5, 1, 3))])
    assert plain.spec(contrast_key(plain, None, None)).target == "centered:chosen"


def test_continuous_actions_have_no_runner_up(tmp_path):
    values = [np.ones((5, 2, 3))]
    labels = ("action:hip", "action:knee")
    recording = example_recording(
        tmp_path / "r", values, labels=labels, action_names=("hip", "knee"), action_start=None
    )
    assert decision_at(recording, recording.find()).action == ""
    assert "took" not in _written(decision(recording))
