"""Observations of several arrays, choices and texts, and the numbers they become."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from gymnasium import spaces
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rltools.errors import ArgumentError, MismatchError, UnknownNameError
from rltools.spaces import Features, space_features
from rltools.spaces.leaves import leaves, map_leaves, pick, placeholder_observations

NESTED = spaces.Dict(
    camera=spaces.Box(0, 255, (4, 5, 3), np.uint8),
    cell=spaces.Discrete(3, start=1),
    arms=spaces.Tuple([spaces.MultiBinary(2), spaces.MultiDiscrete([2, 3])]),
    note=spaces.Text(9),
)

SIMPLE = st.one_of(
    st.integers(1, 3).map(lambda n: spaces.Box(-1, 1, (n, 2), np.float32)),
    st.integers(1, 4).map(lambda n: spaces.Discrete(n, start=n - 2)),
    st.lists(st.integers(1, 3), min_size=1, max_size=3).map(spaces.MultiDiscrete),
    st.integers(1, 3).map(spaces.MultiBinary),
)
SPACES = st.recursive(
    SIMPLE,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(spaces.Tuple),
        st.dictionaries(st.sampled_from("abc"), inner, min_size=1).map(spaces.Dict),
    ),
    max_leaves=5,
)


def batched(space: spaces.Space[Any], samples: list[Any]) -> Any:
    return map_leaves(
        lambda leaf, _: np.stack([np.asarray(pick(observation, leaf)) for observation in samples]),
        samples[0],
        leaves(space),
    )


def test_names_of_every_kind_of_entry() -> None:
    features = space_features(NESTED)
    assert features.names[:2] == ("camera/0/0/0", "camera/0/0/1")
    assert features.names[60:63] == ("cell=1", "cell=2", "cell=3")
    assert features.names[63:] == (
        "arms/0/0",
        "arms/0/1",
        "arms/1/0=0",
        "arms/1/0=1",
        *(f"arms/1/1={n}" for n in range(3)),
    )
    assert space_features(spaces.Discrete(2)).names == ("obs=0", "obs=1")
    assert space_features(spaces.MultiDiscrete([1, 2])).names == ("obs[0]=0", "obs[1]=0", "obs[1]=1")


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(space=SPACES, seed=st.integers(0, 100))
def test_the_encoding_is_that_of_gymnasium(space: spaces.Space[Any], seed: int) -> None:
    space.seed(seed)
    samples = [space.sample() for _ in range(3)]
    result = space_features(space).encode(batched(space, samples))
    expected = np.stack([spaces.flatten(space, sample) for sample in samples])
    np.testing.assert_array_equal(result.reshape(3, -1), expected)


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(space=SPACES)
def test_unflatten_gives_each_leaf_its_shape_and_place(space: spaces.Space[Any]) -> None:
    features = space_features(space)
    values = np.arange(2 * features.size).reshape(2, *features.shape)
    nested = features.unflatten(values)
    parts = [np.asarray(pick(nested, part.leaf)) for part in features.parts]
    assert [part.shape[1:] for part in parts] == [part.leaf.encoded_shape for part in features.parts]
    again = np.concatenate([part.reshape(2, -1) for part in parts], axis=1)
    np.testing.assert_array_equal(again, values.reshape(2, -1))


@given(space=SPACES)
def test_features_survive_their_file(space: spaces.Space[Any]) -> None:
    features = space_features(space)
    assert Features.from_json(features.to_json()) == features


def test_groups_merge_choices_when_asked() -> None:
    features = space_features(spaces.Dict(cell=spaces.Discrete(3), arms=spaces.MultiDiscrete([2, 2])))
    assert [name for name, _ in features.groups()] == list(features.names)
    merged = {name: places.tolist() for name, places in features.groups(merged=True)}
    assert merged == {"cell": [0, 1, 2], "arms/0": [3, 4], "arms/1": [5, 6]}


def test_pictures_in_a_dict_have_regions() -> None:
    groups = dict(space_features(NESTED).groups())
    assert groups["camera: y0 x0-1 channel 2"].tolist() == [2, 5]
    assert sum(len(places) for places in groups.values()) == space_features(NESTED).size


def test_row_22_a_missing_key_lists_the_keys() -> None:
    with pytest.raises(MismatchError, match=r"the observation has no 'cell'; it has the keys 'camera', 'arms'"):
        space_features(NESTED).encode({"camera": np.zeros((1, 4, 5, 3)), "arms": ()})
    with pytest.raises(MismatchError, match="arms has no 1; it has 1 entries"):
        pick({"arms": (np.zeros(2),)}, leaves(NESTED)[3])


def test_row_23_a_choice_that_is_none_of_its_values() -> None:
    with pytest.raises(ArgumentError, match="cell is 0, which is none of its values 1 to 3"):
        space_features(spaces.Dict(cell=spaces.Discrete(3, start=1))).encode({"cell": np.array([0])})


def test_spaces_without_a_fixed_size_are_refused() -> None:
    with pytest.raises(ArgumentError, match="observations of Sequence at 'a' are not supported"):
        leaves(spaces.Dict(a=spaces.Sequence(spaces.Discrete(2))))


def test_blank_observations_are_in_their_space() -> None:
    blank = placeholder_observations(NESTED, 2)
    for leaf in leaves(NESTED):
        if leaf.kind != "text":
            inner = NESTED
            for key in leaf.path:
                inner = inner[key]
            assert inner.contains(pick(blank, leaf)[0].astype(leaf.dtype))
    assert blank["note"].tolist() == ["", ""]


def test_a_misspelled_feature_is_answered_with_the_nearest_or_the_first_ones():
    named = Features((3,), given_names=("speed", "height", "load"))
    with pytest.raises(UnknownNameError, match="no feature 'sped'; did you mean 'speed'\\?"):
        named.position("sped")
    with pytest.raises(UnknownNameError, match=r"no feature 'xxx'; there are 'speed', 'height', 'load'$"):
        named.position("xxx")
    many = Features((12,))
    with pytest.raises(UnknownNameError, match=r"'obs\[9\]' and 2 more$"):
        many.position("xxx")
