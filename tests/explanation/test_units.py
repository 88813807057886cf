"""The environment's units and the network's, and what a normalization clips."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import rltools
from rltools.errors import ArgumentError
from rltools.policies._normalization import Normalization


@pytest.fixture
def policy() -> rltools.TorchPolicy:
    """Two actions; the third entry is normalized so strongly that it is often clipped."""
    torch.manual_seed(0)
    plain = rltools.load_policy("cartpole-ppo")
    normalization = Normalization(
        torch.tensor([0.1, 0.0, 0.0, 0.0], dtype=torch.float64),
        torch.tensor([0.5, 2.0, 0.005, 1.0], dtype=torch.float64),
        torch.tensor([10.0, 10.0, 10.0, torch.inf], dtype=torch.float64),
    )
    return rltools.TorchPolicy(
        torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Tanh(), torch.nn.Linear(8, 2)),
        plain.observation_space,
        plain.action_space,
        features=plain.features,
        normalization=normalization,
    )


@pytest.fixture
def recording(policy: rltools.TorchPolicy, tmp_path: Any) -> rltools.Recording:
    return rltools.record(policy, "CartPole-v1", episodes=4, directory=tmp_path)


def test_a_network_gradient_is_per_deviation(policy: rltools.TorchPolicy, recording: rltools.Recording) -> None:
    rltools.explain(recording, policy, method="gradient")
    rltools.explain(recording, policy, method="gradient", units="network")
    by_unit = {spec.unit: recording.attribution_of(key) for key, spec in recording.specs.items()}
    assert set(by_unit) == {"score per unit", "score per deviation"}
    environment, network = (by_unit[unit].values[:, 0] for unit in ("score per unit", "score per deviation"))
    std = np.array([0.5, 2.0, 0.005, 1.0])
    passing = by_unit["score per unit"].clipped == 0
    assert passing.any()
    np.testing.assert_allclose(environment[passing] * std, network[passing], rtol=1e-4, atol=1e-7)
    assert (environment[~passing][:, 2] == 0).all()
    np.testing.assert_array_equal(by_unit["score per deviation"].clipped, by_unit["score per unit"].clipped)


def test_shapley_values_do_not_depend_on_units(policy: rltools.TorchPolicy, recording: rltools.Recording) -> None:
    rltools.explain(recording, policy, method="shapley", references=8)
    rltools.explain(recording, policy, method="shapley", references=8, units="network")
    first, second = (recording.attribution_of(key).values for key in recording.specs)
    np.testing.assert_allclose(first, second, atol=1e-5)


def test_clipped_entries_are_counted_and_said(policy: rltools.TorchPolicy, recording: rltools.Recording) -> None:
    result = rltools.explain(recording, policy, method="gradient").attribution()
    angle = np.concatenate([episode.observations[:, 2] for episode in recording])
    np.testing.assert_array_equal(result.clipped, np.abs(angle / 0.005) > 10)
    note = f"at {int(result.clipped.sum())} of {len(angle)} explained steps the normalization clips an element"
    assert any(text.startswith(note) for text in rltools.summarize(recording).notes)


def test_a_network_without_units_of_its_own(tmp_path: Any) -> None:
    policy = rltools.load_policy("cartpole-ppo")
    recording = rltools.record(policy, episodes=1, max_steps=3, directory=tmp_path)
    assert rltools.explain(recording, policy, method="gradient").attribution().clipped is None
    with pytest.raises(ArgumentError, match="its network has no other units"):
        rltools.explain(recording, policy, method="gradient", units="network")
    with pytest.raises(ArgumentError, match="units are 'environment' or 'network', not 'metric'"):
        rltools.explain(recording, policy, method="gradient", units="metric")  # type: ignore[arg-type]
