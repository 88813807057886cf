"""Choices decoded into factors and back, by enumeration of every value."""

import dataclasses
from itertools import product

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.spaces import Box, Dict, Discrete, MultiDiscrete
from gymnasium.wrappers import DtypeObservation, FlattenObservation, FrameStackObservation

import rltools
from rltools.cards import environment_card
from rltools.envs.names import observed_features
from rltools.spaces import Features, space_features
from rltools.spaces.factors import decode, decode_observations, encode
from rltools.spaces.layout import Factor

PLACE = (Factor("row", ("0", "1", "2")), Factor("column", ("0", "1")))
LAMP = (Factor("lamp", ("off", "on")), Factor("color", ("red", "green")))


def factored(space, factors):
    return dataclasses.replace(space_features(space), factors=factors)


def test_every_state_of_taxi_by_mixed_radix():
    features = rltools.load_policy("taxi-masked-ppo").features
    values = np.arange(500)
    decoded = features.decoded
    by_hand = np.array(list(product(range(5), range(5), range(5), range(4))))
    assert decode_observations(features, values).tolist() == by_hand.tolist()
    x = features.encode(values)
    factors = decode(features, x)
    starts = np.array([0, 5, 10, 15])
    assert (np.sort(factors.argsort(axis=1)[:, -4:], axis=1) == by_hand + starts).all()
    assert np.array_equal(decoded.encode(by_hand), factors)
    assert np.array_equal(encode(features, factors), x)
    for state, name in enumerate(features.names):
        chosen = [decoded.names[element].replace("=", " ") for element in factors[state].nonzero()[0]]
        assert name == f"state={', '.join(chosen)}"


def test_choices_beside_other_arrays():
    features = factored(Dict(a=Box(-1, 1, (2, 2)), b=Discrete(6), c=MultiDiscrete([3, 4])), (PLACE, (), LAMP))
    assert [name for name, _ in features.decoded.variables()] == ["a", "row", "column", "c/0", "lamp", "color"]
    rng = np.random.default_rng(0)
    observations = {"a": rng.normal(size=(72, 2, 2)).astype(np.float32), "b": np.tile(np.arange(6), 12)}
    observations["c"] = np.array(list(product(range(3), range(4))) * 6)
    x = features.encode(observations)
    factors = decode(features, x)
    assert factors.shape == (72, 4 + 5 + 3 + 4) == (72, features.decoded.size)
    assert np.array_equal(features.decoded.encode(decode_observations(features, observations)), factors)
    assert np.array_equal(encode(features, factors), x)
    assert np.array_equal(decode(features, torch.from_numpy(x), torch).numpy(), factors)


def test_a_mean_decodes_to_how_often_each_value_occurs_and_encodes_as_independent():
    features = factored(Discrete(6), (PLACE,))
    mean = features.encode(np.array([0, 3, 3, 5])).mean(axis=0)
    factors = decode(features, mean)
    assert factors.tolist() == [0.25, 0.5, 0.25, 0.25, 0.75]  # rows 0 1 1 2, columns 0 1 1 1
    assert encode(features, factors) == pytest.approx(np.outer([0.25, 0.5, 0.25], [0.25, 0.75]).reshape(-1))


def test_it_is_differentiable():
    features = factored(Discrete(6), (PLACE,))
    factors = decode(features, torch.eye(6), torch).requires_grad_()
    weights = torch.arange(6.0)
    (encode(features, factors, torch) @ weights).sum().backward()
    # Of the state row 2, column 1: by its row the values of the column, by its column those of the row.
    assert factors.grad[5].tolist() == [1, 3, 5, 4, 5]


def test_two_choices_with_a_factor_of_one_name_are_told_apart():
    features = factored(Dict(here=Discrete(6), there=Discrete(6)), (PLACE, PLACE))
    names = [name for name, _ in features.decoded.variables()]
    assert len(set(names)) == 4


def test_files_hold_factors_and_older_ones_none():
    features = factored(Dict(b=Discrete(6), c=Discrete(4)), (PLACE, ()))
    entry = features.to_json()
    assert Features.from_json(entry).factors == (PLACE, ())
    del entry["factors"]
    older = Features.from_json(entry)
    assert (older.factors, older.decoded is older) == ((), True)
    assert decode(older, np.ones(10)) is not None


@pytest.mark.parametrize("wrapper", [FlattenObservation, FrameStackObservation, DtypeObservation])
def test_a_wrapper_that_changes_the_choice_leaves_no_factors(wrapper):
    env = gymnasium.make("Taxi-v4")
    card = environment_card(env.spec)
    arguments = {FrameStackObservation: (2,), DtypeObservation: (np.int32,)}.get(wrapper, ())
    assert any(observed_features(env, card).factors)
    assert not any(observed_features(wrapper(env, *arguments), card).factors)
