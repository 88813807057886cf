"""Sizes of players: the mean of |sum of the values of a player's elements|, by hand."""

import numpy as np
import pytest

import rltools
from rltools.errors import ArgumentError
from rltools.summary.player_sizes import player_sizes
from rltools.testing import example_recording

PAIRS = (np.array([0, 2]), np.array([1]))


def test_it_is_the_mean_of_the_magnitude_of_sums(tmp_path):
    rng = np.random.default_rng(0)
    values = [rng.normal(size=(steps, 2, 3)) for steps in (5, 9)]
    recording = example_recording(
        tmp_path, values, method="shapley", unit="score", labels=("centered:left", "centered:right")
    )
    result = player_sizes(recording, recording.find(), ("outer", "inner"), PAIRS)
    joined = np.concatenate(values).astype(np.float32).astype(float)
    sums = np.stack([joined[..., 0] + joined[..., 2], joined[..., 1]], axis=-1)
    assert result.sizes.value == pytest.approx(np.abs(sums).mean(axis=(0, 1)), rel=1e-5)
    assert (result.players, result.steps, result.sources) == (("outer", "inner"), 14, ("episodes",))
    alone = np.abs(sums[5:]).mean(axis=(0, 1))
    assert result.sizes.without[0][0] == pytest.approx(alone, rel=1e-5)  # without the first episode


def test_values_per_unit_are_multiplied_by_the_std(tmp_path):
    rng = np.random.default_rng(0)
    states = [rng.normal(size=(40, 2)).astype(np.float32) * [1, 10] for _ in range(2)]
    recording = example_recording(tmp_path, [np.ones((40, 1, 2))] * 2, observations=states)
    result = player_sizes(recording, recording.find(), ("small", "large"), ([0], [1]))
    assert result.sizes.value == pytest.approx(np.concatenate(states).std(axis=0), rel=1e-4)


def test_steps_without_values_do_not_count(tmp_path):
    values = np.ones((10, 1, 2))
    values[::2] = np.nan
    recording = example_recording(tmp_path, [values, np.zeros((0, 1, 2))], unit="score")
    result = player_sizes(recording, recording.find(), ("a", "b"), ([0], [1]))
    assert result.steps == 5
    assert result.sizes.value.tolist() == [1, 1]


def test_groups_of_a_method_are_the_players(tmp_path):
    policy = rltools.load_policy("minigrid-dict-ppo")
    recording = rltools.record(policy, episodes=2, max_steps=6, directory=tmp_path / "run")
    recording = rltools.explain(recording, policy, method="decision_change", references=2, groups="variables")
    groups = recording.features.variables()
    result = player_sizes(recording, recording.find(), *zip(*groups, strict=True))
    changes = rltools.summarize(recording).overall.mean.value[0]
    assert groups[0][0] == "direction"
    assert len(groups[0][1]) == 4
    assert result.sizes.value == pytest.approx(changes, abs=1e-6)


def test_a_window_has_every_lag(tmp_path):
    policy = rltools.load_policy("cartpole-recurrent-ppo")
    recording = rltools.record(policy, episodes=2, max_steps=12, directory=tmp_path / "run")
    recording = rltools.explain(recording, policy, method="gradient", window=3)
    key = recording.find(window=3)
    size = recording.features.size
    result = player_sizes(recording, key, recording.features.names, [[position] for position in range(size)])
    values = recording.attribution_of(key).values.astype(float)
    std = rltools.summary.episodes.feature_std(recording, key).reshape(3, size)
    assert result.sizes.value == pytest.approx(np.abs((values[:, 0] * std).sum(axis=1)).mean(axis=0), rel=1e-4)


@pytest.mark.parametrize(
    ("players", "positions", "message"),
    [
        (("a",), ([0], [1]), "2 lists of positions for 1 players"),
        (("a",), ([7],), r"'a' has positions \[7\]; they are at least one, from 0 to 2"),
        (("a",), ([],), r"'a' has positions \[\]"),
    ],
)
def test_bad_players_are_refused(tmp_path, players, positions, message):
    recording = example_recording(tmp_path, [np.ones((4, 1, 3))])
    with pytest.raises(ArgumentError, match=message):
        player_sizes(recording, recording.find(), players, positions)


def test_nothing_recorded_has_no_sizes(tmp_path):
    recording = example_recording(tmp_path, [])
    result = player_sizes(recording, recording.find(), ("a", "b"), ([0], [1]))
    assert np.isnan(result.sizes.value).all()
    assert result.steps == 0
