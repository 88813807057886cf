"""Spaces out of a pickle, without the classes in it."""

import pickle
from collections import OrderedDict

import numpy as np
import pytest
from gymnasium.spaces import Box, Dict, Discrete, Graph, MultiBinary, MultiDiscrete, Text, Tuple

from rltools.errors import ArgumentError, ModelError
from rltools.policies.untrusted.decode import decode_space
from rltools.policies.untrusted.pickles import unpickle

VECTOR = Box(np.array([-1, -np.inf], np.float32), np.array([2, np.inf], np.float32))


def decoded(space):
    return decode_space(unpickle(pickle.dumps(space), "a space", "nowhere"))


def seeded(space):
    space.seed(3)
    return space


@pytest.mark.parametrize(
    "space",
    [
        VECTOR,
        Box(0, 255, (4, 3, 3), np.uint8),
        Discrete(5),
        Discrete(3, start=-2),
        MultiDiscrete([3, 2]),
        MultiDiscrete([[3, 2], [4, 4]]),
        MultiDiscrete([3, 2], start=[1, -1], dtype=np.int32),
        MultiBinary(4),
        MultiBinary([2, 3]),
        Dict(b=VECTOR, a=Discrete(2)),
        Dict(OrderedDict(z=MultiBinary(2), a=MultiDiscrete([2]))),
        Dict(outer=Dict(inner=Dict(x=VECTOR)), y=Discrete(2)),
        seeded(Dict(b=VECTOR, a=Discrete(2))),
    ],
    ids=str,
)
def test_a_space_is_what_it_was(space):
    result = decoded(space)
    assert result == space
    assert type(result) is type(space)
    if isinstance(space, Dict):
        assert list(result.spaces) == list(space.spaces)


@pytest.mark.parametrize("space", [Tuple([VECTOR]), Text(3), Dict(a=Graph(VECTOR, None))], ids=str)
def test_other_spaces_are_named(space):
    kind = "Graph" if isinstance(space, Dict) else type(space).__name__
    with pytest.raises(ArgumentError, match=f"it has a {kind} space, which is not supported"):
        decoded(space)


def altered(space, **state):
    space.__dict__.update(state)
    return space


def deep(levels):
    space = Discrete(2)
    for _ in range(levels):
        space = altered(Dict(), spaces={"a": space})
    return space


def itself():
    space = Dict()
    space.spaces["a"] = space
    return space


@pytest.mark.parametrize(
    ("space", "message"),
    [
        (altered(Discrete(2), n=10**12), "choices"),
        (altered(Discrete(2), n=0), "choices"),
        (altered(Discrete(2), n=2.5), "choices"),
        (altered(Discrete(2), n="2"), "numbers belong"),
        (altered(Discrete(2), start=0.5), "integer belongs"),
        (altered(MultiDiscrete([2]), nvec=np.array([600_000, 600_000])), "more than 1,000,000 choices"),
        (altered(MultiDiscrete([2]), nvec=np.array([], np.int64)), "choices"),
        (altered(MultiDiscrete([2]), nvec=np.array([-3])), "choices"),
        (altered(MultiBinary(2), n=10**9), "choices"),
        (altered(MultiBinary(2), n=(2000, 2000)), "choices"),
        (altered(Dict(), spaces={3: Discrete(2)}), "keys are not strings"),
        (altered(Dict(), spaces=[Discrete(2)]), "keys are not strings"),
        (altered(Dict(), spaces={"a": 3}), "not a space"),
        (deep(9), "inside each other"),
        (altered(Dict(), spaces={str(index): Discrete(2) for index in range(1100)}), "more than 1024 spaces"),
    ],
)
def test_what_no_model_has_is_refused(space, message):
    with pytest.raises(ValueError, match=message):
        decoded(space)


def test_a_dict_that_holds_itself_is_refused():
    with pytest.raises((ValueError, ModelError), match=r"inside each other|far beyond its size"):
        decoded(itself())


def test_what_is_no_space_is_refused():
    with pytest.raises(ValueError, match="not a space"):
        decode_space(3)
