"""Sums over batches of episodes are those of a loop over episodes, however many are read together."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import rltools
from rltools.recording import DamagedFileWarning, Recording, read_draws
from rltools.recording import batches as _batches
from rltools.recording.batches import explained_batches, explained_episodes, state_batches
from rltools.recording.writers import BlockFile
from rltools.summary import _sums
from rltools.summary._levels import level_of
from rltools.summary._sums import Sums, collect
from rltools.summary.episodes import feature_std
from rltools.testing import example_recording

LENGTHS = (7, 0, 12, 1, 30, 5)


@pytest.fixture
def recording(tmp_path: Path) -> Recording:
    """Episodes of several lengths, with gaps, zeros, values that are not finite, and states far from zero."""
    rng = np.random.default_rng(0)
    values = [rng.normal(size=(length, 2, 3)) for length in LENGTHS]
    values[2][::3] = np.nan
    values[4][5], values[4][9] = 0, np.inf
    states = [rng.normal(1e3, [1, 10, 0.1], (length, 3)) for length in LENGTHS]
    actions = [rng.integers(0, 4, length) for length in LENGTHS]
    names, labels = tuple("abcd"), ("centered:chosen", "centered:a")
    return example_recording(
        tmp_path / "r", values, observations=states, actions=actions, action_names=names, labels=labels
    )


def _by_episode(recording: Recording, key: str) -> dict[str, np.ndarray]:
    """The same sums, one episode, one action and one step at a time."""
    std = feature_std(recording, key)
    episodes = [recording.episode(number) for number in recording.numbers]
    taken = sorted({int(action) for episode in episodes for action in episode.actions})
    counts, totals = np.zeros((len(episodes), 2 + len(taken)), int), np.zeros((len(episodes), 2 + len(taken), 4, 2, 3))
    zero, failed = np.zeros(len(episodes), int), np.zeros(len(episodes), int)
    for row, episode in enumerate(episodes):
        attribution = recording.attribution_of(key, episodes=[episode.outcome.number])
        for values, scores, action in zip(attribution.values, attribution.scores, episode.actions, strict=True):
            if not np.isfinite(values).all():
                failed[row] += int(np.isfinite(scores).all())
                continue
            each = values.astype(np.float64)
            kinds = np.stack([each, np.abs(each), each * std, np.abs(each * std)])
            for category in (0, 1 + taken.index(int(action))):
                counts[row, category] += 1
                totals[row, category] += kinds
            zero[row] += int((values == 0).all())
    return {"counts": counts, "totals": totals, "zero": zero, "failed": failed}


@pytest.mark.parametrize("numbers", [1, 200, 1 << 20])
def test_sums_are_those_of_a_loop_over_episodes(
    recording: Recording, numbers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = recording.find()
    expected = _by_episode(recording, key)
    monkeypatch.setattr(_batches, "BATCH_NUMBERS", numbers)
    monkeypatch.setattr(_sums, "AT_ONCE", min(numbers, 40))
    (sums,) = collect(recording, key, [level_of(recording, key)])
    for name, numbers_of_loop in expected.items():
        np.testing.assert_allclose(getattr(sums, name), numbers_of_loop, rtol=1e-12, atol=1e-12)
    assert sums.steps.tolist() == list(LENGTHS)
    states = np.concatenate([episode.states for episode in recording]).astype(np.float64)
    assert sums.std is not None
    np.testing.assert_allclose(sums.std, states.std(axis=0), rtol=1e-9)
    assert sums.states is not None
    count, total, squares = sums.states.sum(axis=0)
    np.testing.assert_allclose(squares / count - (total / count) ** 2, states.var(axis=0), rtol=1e-9)


def test_batches_hold_what_single_episodes_hold(recording: Recording, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_batches, "BATCH_NUMBERS", 250)
    key, pairs = recording.find(), list(explained_episodes(recording, recording.find()))
    batches = list(explained_batches(recording, key))
    assert 1 < len(batches) < len(LENGTHS)
    assert [outcome.number for batch in batches for outcome in batch.outcomes] == list(recording.numbers)
    for name in ("values", "scores"):
        parts = [getattr(batch.attribution, name) for batch in batches]
        expected = np.concatenate([getattr(attribution, name) for _, attribution in pairs])
        np.testing.assert_array_equal(np.concatenate(parts), expected)
    states = np.concatenate([episode.states for episode, _ in pairs])
    np.testing.assert_array_equal(np.concatenate([batch.states for batch in batches]), states)
    np.testing.assert_array_equal(np.concatenate(list(state_batches(recording))), states)


@pytest.mark.parametrize("numbers", [1, 1 << 20])
def test_draws_add_up_as_in_single_files(tmp_path: Path, numbers: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_batches, "BATCH_NUMBERS", numbers)
    policy = rltools.load_policy("cartpole-ppo")
    recording = rltools.record(policy, episodes=4, max_steps=15, directory=tmp_path / "r")
    recording = rltools.explain(recording, policy, method="shapley", references=16)
    key = recording.find("shapley")
    (sums,) = collect(recording, key, [level_of(recording, key)])
    draws = [read_draws(recording, key, number) for number in recording.numbers]
    actions = [episode.actions for episode in recording]
    sizes = np.stack([np.abs(part).sum(axis=(1, 2), dtype=np.float64) for part in draws if part is not None], axis=1)
    assert sums.sizes_without is not None
    np.testing.assert_allclose(sums.sizes_without, sizes, rtol=1e-12)
    assert sums.without is not None
    for category, chosen in enumerate((None, *sums.taken)):
        pairs = zip(draws, actions, strict=True)
        parts = [part if chosen is None else part[:, taken == chosen] for part, taken in pairs if part is not None]
        expected = sum(part.sum(axis=1, dtype=np.float64) for part in parts)
        np.testing.assert_allclose(sums.without[:, category, 0], expected, rtol=1e-12)


def test_rows_out_of_order_are_gaps_in_their_own_episode(recording: Recording) -> None:
    key = recording.find()
    path = recording.directory / "attributions" / key / "000002.parquet"
    attribution = recording.attribution_of(key, episodes=[2])
    file = BlockFile(path)
    steps = np.arange(LENGTHS[2], dtype=np.int64)[::-1].copy()
    file.write({"t": steps, "values": attribution.values, "scores": attribution.scores})
    file.finish({})
    with pytest.warns(DamagedFileWarning, match="not in the order of 12 steps"):
        (sums,) = collect(recording, key, [level_of(recording, key)])
    assert isinstance(sums, Sums)
    assert sums.counts[:, 0].tolist() == [7, 0, 0, 1, 29, 5]
