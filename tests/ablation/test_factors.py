"""Hiding a factor of a choice: its value is another state's, and the other factors stay."""

import numpy as np
import pytest

import rltools
from rltools.ablation import Ablation, AblationSpec, find_players, open_ablation
from rltools.ablation._open_ablation import positions_of
from rltools.ablation.replacements import ReplacementInput, Visited, find_replacement
from rltools.errors import CorruptError

TAXI = rltools.load_policy("taxi-masked-ppo")


def test_each_factor_is_a_player():
    players = find_players(TAXI.features, "variables")
    assert players.names == ("row", "column", "passenger", "destination")
    assert [len(elements) for elements in players.positions] == [5, 5, 5, 4]
    assert find_players(TAXI.features, "features").names == players.names
    assert find_players(TAXI.features, {"place": ["row", "column"]}).names == ("place", "passenger", "destination")


@pytest.mark.parametrize("hidden", [(), (0,), (1, 3), (0, 1, 2, 3)])
def test_what_is_hidden_is_of_one_other_state_and_the_rest_stays(hidden):
    players = find_players(TAXI.features, "variables")
    states, others = np.arange(500), np.random.default_rng(0).permutation(500)
    visited = Visited(players.decode(TAXI.features.encode(others)))
    x, mask = players.decode(TAXI.features.encode(states)), players.mask(hidden)
    rows = ReplacementInput(x, visited, (np.arange(500) + 0.5) / 500)
    replaced = players.encode(np.where(mask, find_replacement("resample")(rows), x))
    digits = np.stack(np.unravel_index(states, (5, 5, 5, 4)))
    digits[list(hidden)] = np.stack(np.unravel_index(others, (5, 5, 5, 4)))[list(hidden)]
    assert np.array_equal(replaced, TAXI.features.encode(np.ravel_multi_index(tuple(digits), (5, 5, 5, 4))))


def test_it_is_measured_kept_and_read_again(tmp_path):
    recording = rltools.record(TAXI, episodes=4, directory=tmp_path / "run")
    ablation = rltools.ablate(TAXI, recording, seeds=2, most=2, second=None)
    again = open_ablation(recording, ablation.key)
    assert isinstance(again, Ablation)
    assert again.players == ("row", "column", "passenger", "destination")
    assert [elements.tolist() for elements in again.positions] == [
        elements.tolist() for elements in find_players(recording.features, "variables").positions
    ]


def older(names, groups="summary"):
    return AblationSpec("resample", "", groups, names, 0, 10, 64, "agent", "0" * 64, "", "0" * 64)


def test_players_of_older_files_are_found_by_their_names(tmp_path):
    policy = rltools.load_policy("minigrid-dict-ppo")
    recording = rltools.record(policy, episodes=1, max_steps=2, directory=tmp_path / "run")
    regions = recording.features.variables("regions")
    positions = positions_of(recording, older(tuple(name for name, _ in regions)))
    assert all(np.array_equal(mine, theirs) for mine, (_, theirs) in zip(positions, regions, strict=True))
    assert find_players(recording.features, "variables").names == ("direction", "image")
    with pytest.raises(CorruptError, match="do not exist in its recording"):
        positions_of(recording, older(("nobody",)))
