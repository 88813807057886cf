"""Bounds that stand for none: the largest number of a type, and whatever no quantity reaches."""

import numpy as np
import pytest
import torch
from gymnasium.spaces import Box
from torch import nn

import rltools
from rltools.errors import TargetError
from rltools.experiments.analyze import specs
from rltools.policies.sb3._heads import normalize_actions
from rltools.policies.vjp._layers import RescaleLayer
from rltools.spaces.axes import bounds_of
from rltools.targets import fitting_target, unbounded_action

FLOAT32, FLOAT64 = float(np.finfo(np.float32).max), float(np.finfo(np.float64).max)
NONE = [
    (-FLOAT32, FLOAT32, np.float32),
    (-FLOAT64, FLOAT64, np.float64),
    (-3e38, 3e38, np.float32),
    (-1e30, 1e30, np.float32),
    (-1e30, 1e30, np.float64),
    (-np.inf, np.inf, np.float32),
    (-65504, 65504, np.float16),
]


def policy_of(low, high, dtype=np.float32):
    torch.manual_seed(0)
    space = Box(np.array([low, -1], dtype), np.array([high, 1], dtype), dtype=dtype)
    net = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 2))
    return rltools.TorchPolicy(net, Box(-5, 5, (3,)), space, action_names=["gas", "steer"])


@pytest.mark.parametrize(("low", "high", "dtype"), NONE)
def test_they_are_no_bounds(low, high, dtype):
    space = Box(np.array([low, -1, low], dtype), np.array([high, 1, 0], dtype), dtype=dtype)
    result = bounds_of(space)
    np.testing.assert_array_equal(result[0], [-np.inf, -1, -np.inf])
    np.testing.assert_array_equal(result[1], [np.inf, 1, 0])


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.int64, np.float32])
def test_ordinary_bounds_are(dtype):
    low, high = (0, 255) if dtype is np.uint8 else (-128, 127)
    result = bounds_of(Box(low, high, (2,), dtype))
    np.testing.assert_array_equal(result, [[low, low], [high, high]])


def test_the_ends_of_long_integers_are_none_and_zero_is_one():
    info = np.iinfo(np.int32)
    result = bounds_of(Box(np.array([info.min, 0], np.int32), np.array([info.max, 9], np.int32), dtype=np.int32))
    np.testing.assert_array_equal(result, [[-np.inf, 0], [np.inf, 9]])
    np.testing.assert_array_equal(bounds_of(Box(0, np.iinfo(np.uint32).max, (1,), np.uint32)), [[0], [np.inf]])


@pytest.mark.parametrize(("low", "high", "dtype"), [*NONE, (0, FLOAT32, np.float32), (-FLOAT64, 0, np.float64)])
def test_a_change_of_such_an_action_has_no_measure(low, high, dtype):
    policy = policy_of(low, high, dtype)
    assert unbounded_action(policy) == "gas"
    with pytest.raises(TargetError, match=r"'gas'.* has no bounds; give the policy an action_space with bounds"):
        fitting_target("decision_change", {"decision"}, None, policy)


def test_the_message_has_the_bounds_that_are_none():
    with pytest.raises(TargetError, match=r"'gas', from -3\.4e\+38 to 3\.4e\+38, has no bounds"):
        rltools.attribute(policy_of(-FLOAT32, FLOAT32), np.zeros(3), method="decision_change", references=np.ones(3))


def test_an_analysis_leaves_the_decision_out():
    spec = specs(policy_of(-FLOAT32, FLOAT32), "shapley", None)
    assert [method for method, _ in spec] == ["gradient", "shapley"]
    assert {target for _, target in spec} == {"action:all"}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("high", [FLOAT32, 3e38, FLOAT64])
def test_an_action_squashed_into_such_bounds_is_a_number(high, dtype):
    bounds = torch.tensor([-high], dtype=torch.float64), torch.tensor([high], dtype=torch.float64)
    layer, x = RescaleLayer(*bounds), torch.tensor([[-1.0], [-0.5], [0.0], [1.0]], dtype=dtype)
    result, back = layer.vjp(x)
    largest = min(high, torch.finfo(dtype).max)
    torch.testing.assert_close(result / largest, x)
    torch.testing.assert_close(back(torch.full_like(x, 1e-3)) / largest, torch.full_like(x, 1e-3))
    if high == FLOAT32:
        torch.testing.assert_close(normalize_actions(Box(-high, high, (1,), np.float32))(result), x)


def test_bounds_within_reach_are_used_as_they_are():
    layer = RescaleLayer(torch.tensor([-2.0]), torch.tensor([3.0]))
    assert not layer.are_huge
    torch.testing.assert_close(
        RescaleLayer(torch.tensor([-2.0]), torch.tensor([3.0]))(torch.zeros(1, 1)), torch.full((1, 1), 0.5)
    )
