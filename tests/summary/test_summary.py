import dataclasses
import json
import warnings

import numpy as np
import pandas as pd
import pytest

import rltools
from rltools.errors import ArgumentError, RecordingError
from rltools.pages.report._tables import facts
from rltools.recording import DamagedFileWarning, SharedEpisodesWarning
from rltools.spaces import Features
from rltools.summary import explained_points, find_decision, leaders, summarize
from rltools.summary.episodes import feature_std
from rltools.testing import example_recording


def _sentences(summary):
    """The findings of a summary as sentences."""
    return tuple(map(str, summary.findings))


def _values(*episodes):
    """Each episode a list of rows; a row is one number per feature of one target."""
    return [np.array(rows, dtype=float).reshape(len(rows), 1, -1) for rows in episodes]


def _drawn(seed=0, lengths=(30, 20, 25), targets=1, shape=(3,)):
    rng = np.random.default_rng(seed)
    return [rng.normal(size=(length, targets, *shape)) * np.arange(1, shape[-1] + 1) for length in lengths]


def test_numbers_are_those_of_the_pooled_steps(tmp_path):
    values = _drawn()
    recording = example_recording(tmp_path / "r", values, unit="score")
    pooled = np.concatenate(values)[:, 0].astype(np.float32)
    result = summarize(recording).overall
    absolute = np.abs(pooled).mean(axis=0)
    assert result.n == len(pooled) == 75
    np.testing.assert_allclose(result.mean.value[0], pooled.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(result.mean_absolute.value[0], absolute, rtol=1e-5)
    np.testing.assert_allclose(result.share.value[0], absolute / absolute.sum(), rtol=1e-5)
    assert result.standardized_share is None


def test_standardized_numbers_are_multiplied_by_the_deviation_of_the_states(tmp_path):
    values = _drawn()
    states = [np.random.default_rng(1).normal(1e4, [1, 10, 0.1], (len(part), 3)) for part in values]
    result = summarize(example_recording(tmp_path / "r", values, observations=states))
    std = np.concatenate(states).std(axis=0)
    absolute = np.abs(np.concatenate(values)[:, 0]).mean(axis=0) * std
    np.testing.assert_allclose(result.std, std, rtol=1e-6)
    np.testing.assert_allclose(result.overall.standardized_mean_absolute.value[0], absolute, rtol=1e-5)
    np.testing.assert_allclose(result.overall.standardized_share.value[0], absolute / absolute.sum(), rtol=1e-5)
    assert [ranked.feature for ranked in result.top(2)] == ["obs[1]", "obs[0]"]


def test_only_scores_per_unit_are_standardized(tmp_path):
    result = summarize(example_recording(tmp_path / "r", _drawn(), unit="probability"))
    assert result.std is None
    assert not [column for column in result.table.columns if column.startswith("standardized")]


def test_intervals_are_those_of_student_over_episodes(tmp_path):
    values = _values([[-1.0, 0.0]] * 4, [[2.0, 0.0]] * 4, [[8.0, 0.0]] * 4)
    result = summarize(example_recording(tmp_path / "r", values, unit="score"))
    mean = result.overall.drawn["mean"].interval(0.95)
    # The mean of -1, 2 and 8 has the standard error sqrt(7), and 97.5 % of Student's t with 2 degrees are 4.3027.
    assert mean.value[0, 0] == pytest.approx(3)
    half = 4.3027 * 7**0.5
    assert (mean.low[0, 0], mean.high[0, 0]) == (pytest.approx(3 - half, rel=1e-4), pytest.approx(3 + half, rel=1e-4))
    assert np.isnan(result.overall.mean.low).all(), "three episodes have no interval"
    assert result.overall.each["mean"][:, 0, 0].tolist() == [-1, 2, 8]
    more = example_recording(tmp_path / "s", [*values, *values], unit="score")
    wide, narrow = (summarize(more, level=level).overall.mean for level in (0.95, 0.5))
    assert wide.low[0, 0] < narrow.low[0, 0] < narrow.high[0, 0] < wide.high[0, 0]


def test_a_ratio_is_drawn_with_its_episodes_and_not_averaged_over_them(tmp_path):
    """A long episode weighs as many steps as it has."""
    values = _values([[1.0]] * 1, [[0.0]] * 99, [[-0.5]] * 50)
    summary = summarize(example_recording(tmp_path / "r", values, unit="score"))
    result = summary.overall.drawn["mean"].interval(0.95)
    assert result.value[0, 0] == pytest.approx(-24 / 150)
    without = np.array([-25 / 149, -24 / 51, 1 / 100])
    half = 4.3027 * (2 / 3 * ((without + 24 / 150) ** 2).sum()) ** 0.5
    assert result.high[0, 0] - result.value[0, 0] == pytest.approx(half, rel=1e-4)


def test_the_deviation_is_drawn_anew_with_the_episodes(tmp_path):
    """A feature that is constant within an episode has a deviation that rests on few episodes, and so has its share."""
    ones = [np.ones((5, 1, 2)) for _ in range(12)]
    rng = np.random.default_rng(0)
    states = [np.stack([np.full(5, rng.normal()), rng.normal(size=5)], axis=1) for _ in ones]
    result = summarize(example_recording(tmp_path / "r", ones, observations=states)).overall
    wide = result.standardized_share.high - result.standardized_share.low
    assert wide[0, 0] > 0.1
    assert (result.share.high - result.share.low)[0, 0] == pytest.approx(0)


def test_the_same_recording_gives_the_same_intervals(tmp_path):
    recording = example_recording(tmp_path / "r", _drawn(lengths=range(5, 17)))
    first, again = (summarize(recording).overall.mean.low for _ in range(2))
    np.testing.assert_array_equal(first, again)


@pytest.mark.parametrize("sign", [1, -1])
def test_a_mean_of_values_of_one_sign_has_the_interval_of_its_magnitude(tmp_path, sign):
    values = _values(*[[[size]] * 4 for size in (1.0, 2.0, 6.0, 1.0, 5.0)])
    result = summarize(example_recording(tmp_path / "r", [sign * part for part in values], unit="score")).overall
    ends = sorted(float(sign * end[0, 0]) for end in (result.mean.low, result.mean.high))
    assert ends == [result.mean_absolute.low[0, 0], result.mean_absolute.high[0, 0]]
    assert 0 < ends[0] < 3 < ends[1]


def test_one_episode_has_no_interval_and_says_so(tmp_path):
    result = summarize(example_recording(tmp_path / "r", _drawn(lengths=(9,))))
    assert np.isnan(result.overall.share.low).all()
    assert np.isfinite(result.overall.share.value).all()
    assert any("no intervals" in note for note in result.notes)


def test_episodes_without_steps_are_not_resampled(tmp_path):
    result = summarize(example_recording(tmp_path / "r", _drawn(lengths=(9, 0))))
    assert result.overall.episodes == 1
    assert np.isnan(result.overall.share.low).all()


@pytest.mark.parametrize("lengths", [(), (0,), (0, 0)])
def test_no_steps_are_n_0(tmp_path, lengths):
    result = summarize(example_recording(tmp_path / "r", _drawn(lengths=lengths)))
    assert result.n == result.n_steps == 0
    assert _sentences(result)[0].startswith("There are no explained steps")
    assert np.isnan(result.all_zero)
    assert np.isnan(result.table["mean"]).all()


def test_steps_that_were_not_explained_or_failed_are_left_out_and_counted(tmp_path):
    values = _values([[1.0, 1.0], [np.nan, np.nan], [3.0, np.nan]], [[np.inf, 1.0], [2.0, 2.0]])
    result = summarize(example_recording(tmp_path / "r", values, unit="score"))
    assert (result.n, result.n_steps, result.non_finite) == (2, 5, 2)
    assert result.overall.mean.value[0].tolist() == [1.5, 1.5]
    assert any("3 of 5 steps are left out" in note for note in result.notes)


def test_all_zero_steps_are_counted_and_a_share_of_0_in_0_is_nan(tmp_path):
    some = summarize(example_recording(tmp_path / "r", _values([[0.0, 0.0], [1.0, 0.0]], [[0.0, 0.0], [0.0, 2.0]])))
    assert some.all_zero == 0.5
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        none = summarize(example_recording(tmp_path / "s", _values([[0.0, 0.0]] * 3, [[0.0, 0.0]] * 3)))
    assert none.all_zero == 1
    assert np.isnan(none.overall.share.value).all()
    assert np.isnan(none.overall.share.low).all()
    assert "every attribution is exactly 0" in _sentences(none)[0]


def test_by_action_takes_the_steps_of_each_action_by_name(tmp_path):
    values = _values([[1.0], [-5.0]], [[3.0], [7.0]])
    recording = example_recording(
        tmp_path / "r", values, actions=[np.array([-1, 0]), np.array([-1, 0])], action_start=-1, unit="score"
    )
    result = summarize(recording)
    assert {name: part.mean.value.item() for name, part in result.by_action.items()} == {"left": 2.0, "right": 1.0}
    table = result.table.set_index(["action", "feature"])
    assert table.loc[("right", "obs[0]"), "mean"] == 1
    assert result.by_action["right"].drawn["mean"].interval(0.95).low == pytest.approx(1 - 6 * 12.7062, rel=1e-4)


def test_an_action_that_only_one_episode_took_has_no_interval(tmp_path):
    actions = [*[np.array([0, 0])] * 5, np.array([0, 1])]
    values = _values(*[[[float(number)], [1.0]] for number in range(6)])
    result = summarize(example_recording(tmp_path / "r", values, actions=actions))
    assert result.by_action["right"].episodes == 1
    assert np.isnan(result.by_action["right"].mean.low).all()
    assert np.isfinite(result.by_action["left"].mean.low).all()


def test_continuous_actions_have_no_names_to_group_by(tmp_path):
    labels = ("action:hip", "action:knee")
    result = summarize(
        example_recording(
            tmp_path / "r", _drawn(targets=2), action_names=("hip", "knee"), action_start=None, labels=labels
        )
    )
    assert result.by_action == {}
    assert result.target == "action:all"


def test_several_targets_are_pooled_by_their_magnitudes(tmp_path):
    rows = [[[4.0, 0.0], [-1.0, 5.0]]] * 3
    labels = ("centered:left", "centered:right")
    result = summarize(example_recording(tmp_path / "r", [np.array(rows)] * 2, labels=labels, unit="score"))
    assert result.overall.share.value.tolist() == [[1, 0], [pytest.approx(1 / 6), pytest.approx(5 / 6)]]
    assert [(ranked.feature, ranked.share) for ranked in result.top()] == [("obs[0]", 0.5), ("obs[1]", 0.5)]
    assert len(result.table[result.table["action"] == ""]) == 4


def test_an_image_is_summarized_by_region_and_channel(tmp_path):
    rng = np.random.default_rng(0)
    values = [rng.normal(size=(4, 1, 8, 8, 3)) for _ in range(2)]
    pictures = [rng.integers(0, 255, (4, 8, 8, 3), dtype=np.uint8) for _ in range(2)]
    result = summarize(example_recording(tmp_path / "r", values, observations=pictures), detail="elements")
    assert len(result.features) == 4 * 4 * 3
    index = result.features.index("y2-3 x4-5 channel 1")
    region = np.concatenate(values)[:, 0, 2:4, 4:6, 1].astype(np.float32)
    std = np.concatenate(pictures).std(axis=0)[2:4, 4:6, 1]
    assert result.overall.mean.value[0, index] == pytest.approx(region.sum(axis=(1, 2)).mean(), rel=1e-5)
    standardized = np.abs((region * std).sum(axis=(1, 2))).mean()
    assert result.overall.standardized_mean_absolute.value[0, index] == pytest.approx(standardized, rel=1e-5)


def test_residuals_are_relative_to_the_spread_of_the_score(tmp_path):
    residuals = [np.array([[0.0], [1e-4], [-0.5]], np.float32), np.zeros((2, 1), np.float32)]
    recording = example_recording(tmp_path / "r", _drawn(lengths=(3, 2)), residuals=residuals, unit="score")
    scores = recording.attribution().scores
    result = summarize(recording)
    assert result.residuals.over == 1
    assert result.residuals.largest == pytest.approx(0.5 / scores.std(), rel=1e-5)
    assert any("less exact than they should be at 1 of 5 steps" in sentence for sentence in _sentences(result))


def test_returns_come_with_an_interval_over_episodes(tmp_path):
    returns = summarize(example_recording(tmp_path / "r", _drawn(lengths=(10, 20, 30)))).returns
    assert (returns.mean, returns.n) == (20, 3)
    assert np.isnan(returns.low)
    assert sorted(returns.each) == [10, 20, 30]
    returns = summarize(example_recording(tmp_path / "s", _drawn(lengths=(10, 20, 30, 40, 50)))).returns
    half = 2.7764 * 50**0.5
    assert (returns.mean, returns.n, returns.each) == (30, 5, ())
    assert (returns.low, returns.high) == (pytest.approx(30 - half, rel=1e-4), pytest.approx(30 + half, rel=1e-4))


def test_findings_are_sentences_with_numbers(tmp_path):
    names = Features((2,), ("feature",), ("y velocity", "angle"))
    values = _values(*[[[3.0, 1.0]] * 3] * 6)
    result = summarize(example_recording(tmp_path / "r", values, features=names, unit="score", method="shapley"))
    assert (
        _sentences(result)[0]
        == "Of what moves the score of the action taken (centered), y velocity makes up 75 % (Shapley values)."
    )
    assert _sentences(result)[1] == "Next: angle with 25 %."
    assert "Return 3 in each of 6 episodes." in _sentences(result)


def _changes(folder, *episodes, labels=("decision",), **more):
    """A summary of how the decision changes; each episode is a list of steps, a step `[target, feature]`."""
    values = [np.array(rows, dtype=float).reshape(len(rows), len(labels), -1) for rows in episodes]
    names = Features((values[0].shape[2],), ("feature",), ("angle", "height", "fuel")[: values[0].shape[2]])
    recording = example_recording(
        folder / "r", values, features=names, unit="share", method="decision_change", labels=labels, **more
    )
    return dataclasses.replace(summarize(recording), target="decision")


def test_what_changes_the_decision_is_said_as_it_is_and_not_as_a_share_of_all(tmp_path):
    result = _changes(tmp_path, *[[[0.25, share, 0.0]] * 4 for share in (0.58, 0.6, 0.62, 0.6, 0.58, 0.62)])
    assert _sentences(result)[:2] == (
        "Replacing height with its value in another visited state changes the action in 60.0 % [58.1, 61.9] of "
        "replacements (decision change).",
        "Next: angle in 25 %.",
    )
    assert find_decision(result) == result.findings[:2]
    assert result.top(1)[0].share == pytest.approx(0.6 / 0.85)


def test_what_changes_the_decision_at_one_action(tmp_path):
    values = [[[0.1, 0.9]] * 12 + [[0.8, 0.0]] * 6] * 6
    result = _changes(tmp_path, *values, actions=[np.array([0] * 12 + [1] * 6)] * 6)
    sentence = "When the agent takes 'right' (36 steps), angle changes the action most often: 80 %."
    assert sentence in _sentences(result)


def test_a_lead_that_is_not_certain_is_not_sentences(tmp_path):
    """In half of the episodes one feature is in front, in the other half the other."""
    names = Features((3,), ("feature",), ("x", "y", "z"))
    either = [[[3.0, 1.0, 0.1]] * 12, [[1.0, 3.2, 0.1]] * 12] * 3
    actions = [np.array([0] * 6 + [1] * 6)] * 6
    result = summarize(
        example_recording(
            tmp_path / "r", _values(*either), features=names, unit="score", method="shapley", actions=actions
        )
    )
    assert "(centered), y makes up 50 % [" in _sentences(result)[0]
    assert _sentences(result)[0].endswith("]: which of these comes first is uncertain (Shapley values).")
    assert " and x 48 % [" in _sentences(result)[0]
    assert [each.feature for each in leaders(result)] == ["y", "x"]


def test_the_lead_at_an_action_is_said_only_where_it_is_certain(tmp_path):
    names = Features((3,), ("feature",), ("x", "y", "z"))
    actions = [np.array([0] * 40 + [1] * 10)] * 6
    for rows, expected in (
        ([[1.0, 0.1, 3.0]] * 2, "z has the largest share: 73 %"),
        ([[1.0, 3.0, 3.4], [1.0, 3.0, 2.4]], ""),
    ):
        values = [[[9.0, 0.1, 0.1]] * 40 + [rows[number % 2]] * 10 for number in range(6)]
        result = summarize(
            example_recording(
                tmp_path / (expected[:1] or "tie"), _values(*values), features=names, unit="score", actions=actions
            )
        )
        start = "When the agent takes 'right' (60 steps), "
        text = [sentence for sentence in _sentences(result) if sentence.startswith(start)]
        assert len(text) == 1
        if expected:
            assert expected in text[0]
        else:
            assert "no feature certainly comes first" in text[0]
            assert text[0].endswith("cannot be told apart.")


def test_of_one_episode_no_lead_is_sentences(tmp_path):
    result = summarize(example_recording(tmp_path / "r", _values([[1.0, 9.0]] * 5), unit="score"))
    assert "a single episode does not show which comes first" in _sentences(result)[0]


def test_a_feature_that_few_episodes_carry_is_marked(tmp_path):
    episodes = [[[5.0, 1.0, 9.0 if number < 2 else 0.0]] * 4 for number in range(20)]
    result = summarize(example_recording(tmp_path / "r", _values(*episodes), unit="score"))
    assert result.overall.carriers.tolist() == [pytest.approx(20), pytest.approx(20), pytest.approx(2)]
    assert [ranked.feature for ranked in result.top() if ranked.few] == ["obs[2]"]
    assert "few of the 20 episodes carry obs[2]: intervals are rough there" in result.notes


def test_nothing_is_said_of_an_action_taken_a_few_times(tmp_path):
    values = [[[0.1, 0.9]] * 12 + [[0.8, 0.0]] * 4] * 2
    result = _changes(tmp_path, *values, actions=[np.array([0] * 12 + [1] * 4)] * 2)
    assert result.by_action["right"].n == 8
    assert not any("'right'" in sentence for sentence in _sentences(result))


def test_steps_at_which_nothing_alone_changes_the_decision_are_no_fault(tmp_path):
    result = _changes(tmp_path, [[0.0, 0.0], [0.5, 0.0]], [[0.0, 0.0], [0.5, 0.0]])
    assert "At 50 % of the steps no feature alone changes the decision." in _sentences(result)
    assert not any("saturation" in sentence for sentence in _sentences(result))
    none = _changes(tmp_path / "none", [[0.0, 0.0]], [[0.0, 0.0]])
    assert _sentences(none)[0].startswith("Replacing a single feature never changes the decision")


def test_how_far_an_action_moves_is_in_units_of_its_range(tmp_path):
    single = _changes(tmp_path / "one", *[[[0.12, 0.05]] * 3] * 6, labels=("decision:torque",), action_start=None)
    assert _sentences(single)[:2] == (
        "Replacing angle with its value in another visited state moves the action by 12 % of its range "
        "(decision change).",
        "Next: height by 5 %.",
    )
    rows = [[[0.1, 0.2], [0.3, 0.0]]] * 3
    several = _changes(tmp_path, *[rows] * 6, labels=("decision:hip", "decision:knee"), action_start=None)
    assert _sentences(several)[0].startswith(
        "Replacing angle with its value in another visited state moves knee by 30 %"
    )
    assert _sentences(several)[1] == "Next: height by 20 % (hip)."


def test_of_several_choices_the_one_that_changes_most_is_named(tmp_path):
    rows = [[[0.1, 0.2], [0.3, 0.0]]] * 3
    result = _changes(tmp_path, *[rows] * 6, labels=("decision[0]", "decision[1]"))
    assert "changes choice 1 in 30 % of replacements" in _sentences(result)[0]


def test_without_steps_nothing_is_said_of_the_decision(tmp_path):
    result = dataclasses.replace(summarize(example_recording(tmp_path / "r", _drawn(lengths=(0,)))), target="decision")
    assert find_decision(result) == ()


def test_several_targets_together_are_no_decision(tmp_path):
    labels = ("centered:chosen", "value")
    result = summarize(example_recording(tmp_path / "r", _drawn(targets=2), labels=labels, unit="score"))
    result = dataclasses.replace(result, target="centered:chosen & value")
    start = "Of what moves the score of the action taken (centered) and the value of the state, "
    assert _sentences(result)[0].startswith(start)
    assert _sentences(result)[0].endswith("(gradient).")


def test_the_table_is_long_with_an_interval_for_each_number(tmp_path):
    table = summarize(example_recording(tmp_path / "r", _drawn(lengths=(10, 20, 30, 15, 25)))).table
    assert isinstance(table, pd.DataFrame)
    assert list(table.columns[:6]) == ["feature", "unit", "target", "action", "n", "episodes"]
    for name in ("mean", "mean_absolute", "share", "standardized_mean", "standardized_share"):
        assert (table[f"{name}_low"] <= table[name]).all()
        assert (table[name] <= table[f"{name}_high"]).all()
    assert set(table["action"]) == {"", "left", "right"}


def test_a_damaged_episode_is_named_left_out_and_sentences(tmp_path):
    recording = example_recording(tmp_path / "r", _drawn(lengths=(10, 20, 30)))
    recording.episode_path(1).write_bytes(b"not a file of columns")
    with pytest.warns(DamagedFileWarning, match="000001"):
        result = summarize(recording)
    assert (result.n, result.episodes) == (40, 2)
    assert "1 of 3 episodes cannot be read and is left out" in result.notes
    recording.episode_path(2).write_bytes(b"neither")
    with pytest.warns(DamagedFileWarning, match="000001"), pytest.warns(DamagedFileWarning, match="000002"):
        assert "2 of 3 episodes cannot be read and are left out" in summarize(recording).notes


def test_returns_are_of_the_episodes_whose_rows_can_be_read(tmp_path):
    recording = example_recording(tmp_path / "r", _drawn(lengths=(10, 20, 30)))
    path = recording.episode_path(2)
    content = bytearray(path.read_bytes())
    content[60] ^= 255
    path.write_bytes(content)
    assert recording.outcome(2).steps == 30, "what it says beside its rows is whole"
    returns = [recording.outcome(number).total_reward for number in (0, 1)]
    with pytest.warns(DamagedFileWarning, match="000002"):
        result = summarize(recording)
    assert (result.episodes, result.returns.n) == (2, 2)
    assert result.returns.mean == pytest.approx(np.mean(returns))
    assert [outcome.number for outcome in result.outcomes] == [0, 1]
    assert dict(facts(recording, result))["Episodes"].startswith("2 (")


@pytest.mark.parametrize(
    ("ended", "text"),
    [
        (["fault", "limit", "limit"], "1 of 3 episodes was ended by a fault; its return does not count"),
        (["fault", "limit", "fault"], "2 of 3 episodes were ended by a fault; their returns do not count"),
    ],
)
def test_faults_are_counted_in_words_that_fit(ended, text, tmp_path, monkeypatch):
    recording = example_recording(tmp_path / "r", _drawn(lengths=(10, 20, 30)))
    read = rltools.recording.batches.outcome_in

    def changed(path, metadata, seal):
        outcome = read(path, metadata, seal)
        return dataclasses.replace(outcome, ended=ended[outcome.number])

    monkeypatch.setattr(rltools.recording.batches, "outcome_in", changed)
    assert text in summarize(recording).notes


def test_nothing_explained_says_what_to_do(tmp_path):
    recording = example_recording(tmp_path / "r", _drawn())
    with pytest.raises(RecordingError, match="shapley"):
        summarize(recording, method="shapley")


@pytest.mark.parametrize("wrong", [{"level": 95}, {"level": 0}])
def test_arguments_that_cannot_be_meant(tmp_path, wrong):
    with pytest.raises(ArgumentError, match="level"):
        summarize(example_recording(tmp_path / "r", _drawn()), **wrong)


def test_a_summary_cannot_be_changed(tmp_path):
    result = summarize(example_recording(tmp_path / "r", _drawn()))
    with pytest.raises(dataclasses.FrozenInstanceError):
        result.n = 0


def test_deviation_joins_episodes_exactly(tmp_path):
    states = [np.random.default_rng(part).normal(1e6, 1e-1, (length, 2)) for part, length in enumerate((7, 1, 90))]
    recording = example_recording(tmp_path / "r", _drawn(lengths=(7, 1, 90), shape=(2,)), observations=states)
    np.testing.assert_allclose(feature_std(recording), np.concatenate(states).std(axis=0), rtol=1e-6)


def test_a_sample_is_spread_over_all_explained_steps(tmp_path):
    values = _values([[1.0], [np.nan], [2.0], [3.0]], [[4.0], [5.0], [6.0]])
    recording = example_recording(tmp_path / "r", values)
    key = recording.find()
    assert explained_points(recording, key).attributions.ravel().tolist() == [1, 2, 3, 4, 5, 6]
    assert explained_points(recording, key, stride=2).attributions.ravel().tolist() == [1, 3, 5]
    assert explained_points(recording, key, stride=4, scale=np.array([10.0])).attributions.ravel().tolist() == [10, 50]


def test_recordings_of_the_same_episodes_say_so_where_they_are_compared(tmp_path, cartpole):
    recordings = {}
    for name, seed, episodes in (("a", 3, 2), ("b", 3, 3), ("c", 4, 2)):
        recordings[name] = rltools.record(
            cartpole, episodes=episodes, seed=seed, max_steps=4, directory=tmp_path / name
        )
        rltools.explain(recordings[name], cartpole, method="gradient")
    with pytest.warns(SharedEpisodesWarning, match="a and b share 2 of 3 episodes") as recorded_warnings:
        rltools.plots.agreement(recordings)
    assert len(recorded_warnings) == 1
    rltools.plots.agreement({"a": recordings["a"], "c": recordings["c"]})
    with pytest.warns(SharedEpisodesWarning):
        rltools.plots.importance({"a": recordings["a"], "b": recordings["b"]})


def test_recordings_of_older_versions_keep_their_seeds(tmp_path, cartpole):
    recording = rltools.record(cartpole, episodes=1, seed=3, max_steps=4, directory=tmp_path)
    header = json.loads((tmp_path / "recording.json").read_text())
    del header["seeds"], header["layers"], header["seal"], header["format"]
    (tmp_path / "recording.json").write_text(json.dumps(header | {"format": 2}))
    recording = rltools.record(cartpole, episodes=3, seed=3, max_steps=4, directory=tmp_path)
    assert [outcome.seed for outcome in recording.outcomes()] == [3, 4, 5]
    assert recording.header.environment_text == "CartPole-v1"


def test_episodes_of_one_step_that_all_agree_show_no_lead(tmp_path):
    few = summarize(example_recording(tmp_path / "few", _values(*[[[6.7, 1.0]]] * 2), unit="score"))
    assert _sentences(few)[0].startswith(
        "Of what moves the score of the action taken (centered), obs[0] makes up 87 % (in 2 episodes) and obs[1] 13 % "
        "(in 2 episodes): too few episodes"
    )
    assert [ranked.feature for ranked in leaders(few)] == ["obs[0]", "obs[1]"]
    many = summarize(example_recording(tmp_path / "many", _values(*[[[6.7, 1.0]]] * 6), unit="score"))
    assert _sentences(many)[0].endswith("obs[0] makes up 87 % (gradient).")
