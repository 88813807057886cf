"""Attributions by the factors of a choice, by enumeration of every replacement."""

import dataclasses

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.spaces import Discrete
from torch import nn

import rltools
from rltools.metrics import Case, NotApplicableError, find_metric
from rltools.recording import open_recording
from rltools.spaces import space_features
from rltools.spaces.layout import Factor
from rltools.summary import compare_ranks, find_in_run, summarize
from rltools.summary.player_sizes import tells_factors_apart

PLACE = (Factor("row", ("top", "middle", "bottom")), Factor("column", ("left", "right")))
WEIGHTS = torch.tensor([[0.0, 1, 4, 9, 2, -3], [1.0, 0, 0, 0, 0, 5]])
"""The scores of two actions in the six cells."""


class Walk(gymnasium.Env):
    observation_space, action_space = Discrete(6), Discrete(2)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.t = 0
        return int(self.np_random.integers(6)), {}

    def step(self, action):
        self.t += 1
        return int(self.np_random.integers(6)), float(action), self.t == 6, False, {}


@pytest.fixture(scope="module")
def policy():
    net = nn.Linear(6, 2, bias=False)
    with torch.no_grad():
        net.weight.copy_(WEIGHTS)
    features = dataclasses.replace(space_features(Walk.observation_space), factors=(PLACE,), choices=("cell",))
    return rltools.TorchPolicy(net, Walk.observation_space, Walk.action_space, features=features)


@pytest.fixture(scope="module")
def recording(policy, tmp_path_factory):
    recording = rltools.record(policy, Walk, episodes=6, directory=tmp_path_factory.mktemp("run") / "r")
    for method in ("shapley", "sampled_shapley", "occlusion"):
        settings = {"permutations": 4} if method == "sampled_shapley" else {}
        rltools.explain(
            recording, policy, method=method, target="logit:0", groups="variables", references=5, **settings
        )
    rltools.explain(recording, policy, method="decision_change", groups="variables", references=5)
    return rltools.explain(recording, policy, method="gradient", target="logit:0")


def by_hand(state, reference):
    """The Shapley values of the row and the column of a cell against another one, for the score of the first action."""
    (row, column), (other_row, other_column) = divmod(state, 2), divmod(reference, 2)

    def score(row, column):
        return float(WEIGHTS[0, 2 * row + column])

    neither, both = score(other_row, other_column), score(row, column)
    only_row, only_column = score(row, other_column), score(other_row, column)
    return [(only_row - neither + both - only_column) / 2, (only_column - neither + both - only_row) / 2]


@pytest.mark.parametrize("method", ["shapley", "sampled_shapley"])
def test_two_players_in_closed_form(policy, method):
    states, references = np.arange(6), np.array([1, 4, 5])
    result = rltools.attribute(
        policy, states, method=method, target="logit:0", references=references, groups="variables"
    )
    assert (result.values.shape, result.spec.decoded) == ((6, 1, 5), True)
    sums = np.stack([result.values[:, 0, :3].sum(axis=1), result.values[:, 0, 3:].sum(axis=1)], axis=1)
    expected = [np.mean([by_hand(state, reference) for reference in references], axis=0) for state in states]
    assert sums == pytest.approx(np.array(expected), abs=1e-5)


def test_how_often_another_factor_changes_the_decision(policy):
    states, references = np.arange(6), np.array([0, 3, 5])
    result = rltools.attribute(policy, states, method="decision_change", references=references, groups="variables")
    best = WEIGHTS.argmax(dim=0).numpy()
    rows = [[best[2 * (other // 2) + state % 2] != best[state] for other in references] for state in states]
    columns = [[best[2 * (state // 2) + other % 2] != best[state] for other in references] for state in states]
    expected = np.stack([np.mean(rows, axis=1), np.mean(columns, axis=1)], axis=1)
    sums = np.stack([result.values[:, 0, :3].sum(axis=1), result.values[:, 0, 3:].sum(axis=1)], axis=1)
    assert sums == pytest.approx(expected)


@pytest.mark.parametrize("method", ["shapley", "sampled_shapley", "occlusion", "decision_change"])
def test_a_summary_ranks_the_factors(recording, method):
    key = recording.find(method)
    assert recording.spec(key).decoded
    assert recording.features_of(key).shape == (5,)
    summary = summarize(recording, method=method)
    assert (summary.features, summary.factors) == (("row", "column"), ())
    episode = recording.episode(0)
    states = recording.encoded_observations(key, episode)
    assert np.array_equal(states, episode.decoded().states)
    assert [[*divmod(int(cell), 2)] for cell in episode.observations] == episode.decoded().observations.tolist()


def test_values_are_those_of_other_observations_too(recording, policy):
    stored = recording.attribution("shapley", episodes=[0])
    again = rltools.attribute(
        policy,
        recording.episode(0).observations,
        method="shapley",
        target="logit:0",
        groups="variables",
        references=np.array([0]),
    )
    assert (
        again.features.names
        == stored.features.names
        == (
            *(f"row={value}" for value in PLACE[0].values),
            *(f"column={value}" for value in PLACE[1].values),
        )
    )
    table = recording.to_xarray(method="shapley")
    assert table["attribution_shapley"].dims == ("step", "target", "decoded_feature")
    assert tuple(table["decoded_feature"].values) == stored.features.names


def test_a_derivative_stays_at_the_choice_and_says_so(recording):
    key = recording.find("gradient", "logit:0")
    assert not tells_factors_apart(recording, key)
    summary = summarize(recording, method=key)
    assert (summary.features, summary.factors) == (("cell",), ("row", "column"))
    assert "gradient cannot be split into row and column" in str(summary.findings[0])


def test_what_is_measured_and_judged_is_by_factors(recording, policy):
    ablation = rltools.ablate(policy, recording, Walk, seeds=3, most=3, second=None)
    assert ablation.players == ("row", "column")
    table = compare_ranks(recording, ablation, [recording.find("shapley"), recording.find("gradient", "logit:0")])
    assert [column.method for column in table.columns] == ["shapley"]
    decoded = Case(recording, recording.find("shapley"), policy, ablation, steps=6)
    assert decoded.players == ("row", "column")
    assert decoded.values().shape == (6, 1, 2)
    assert decoded.as_control("std").values().shape == (6, 1, 2)
    raw = Case(recording, recording.find("gradient", "logit:0"), policy, ablation, steps=6)
    assert (raw.players, raw.values().shape) == (("cell",), (6, 1, 1))
    for name in ("loss_concordance", "deletion", "cascading_randomization", "noise_stability"):
        assert np.isfinite(find_metric(name)(decoded).value)
    with pytest.raises(NotApplicableError, match="the losses are those of factors of a choice"):
        find_metric("loss_concordance")(raw)


def test_it_is_shown(recording, tmp_path):
    again = open_recording(recording.directory)
    assert any(again.features.factors)
    findings = find_in_run(again, summarize(again, method="shapley"), [])
    assert findings[0].subjects[0].feature in ("row", "column")
    assert rltools.replay(again, 0, tmp_path / "episode.html", method="shapley", target="logit:0").is_file()
    assert "row=top" in (tmp_path / "episode.html").read_text()


def test_explained_again_it_is_there_already(recording, policy):
    before = set(recording.specs)
    rltools.explain(recording, policy, method="shapley", target="logit:0", groups="variables", references=5)
    assert set(recording.specs) == before
