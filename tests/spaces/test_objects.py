"""What is in the cells of an image, by the codes of a card."""

import gymnasium
import numpy as np
import pytest
from gymnasium.wrappers import NormalizeObservation

from rltools.cards import environment_card
from rltools.envs.names import observed_features
from rltools.spaces import Features
from rltools.spaces.layout import Objects
from rltools.spaces.objects import object_kinds, part_with_objects

pytest.importorskip("minigrid")
from minigrid.core.constants import OBJECT_TO_IDX
from minigrid.wrappers import FullyObsWrapper, ImgObsWrapper, RGBImgPartialObsWrapper


def features_of(wrap):
    env = gymnasium.make("MiniGrid-LavaGapS5-v0")
    return observed_features(wrap(env), environment_card(env.spec)), wrap(env)


@pytest.mark.parametrize("wrap", [lambda env: env, FullyObsWrapper, ImgObsWrapper])
def test_the_cells_of_a_real_observation(wrap):
    features, env = features_of(wrap)
    part, objects = part_with_objects(features)
    observation, _ = env.reset(seed=0)
    image = observation if isinstance(observation, np.ndarray) else observation["image"]
    kinds = object_kinds(part, objects, image.reshape(1, -1)).reshape(image.shape)
    assert (kinds == image[..., :1]).all()
    names = {objects.names[kind] for kind in np.unique(kinds)}
    assert {"walls", "lava", "goal"} <= names
    for name, code in OBJECT_TO_IDX.items():
        assert name.rstrip("s")[:3] == objects.names[code][:3]


@pytest.mark.parametrize("wrap", [RGBImgPartialObsWrapper, lambda env: NormalizeObservation(ImgObsWrapper(env))])
def test_pixels_and_rescaled_codes_are_no_objects(wrap):
    assert part_with_objects(features_of(wrap)[0]) is None


def test_files_hold_them():
    features, _ = features_of(lambda env: env)
    assert Features.from_json(features.to_json()).part_objects == features.part_objects
    entry = features.to_json()
    del entry["objects"]
    assert part_with_objects(Features.from_json(entry)) is None


def test_what_is_no_code_is_none_of_them():
    part = Features((1, 3, 1), ("y", "x", "channel"), channels=(("type",),)).parts[0]
    observed = np.array([[np.nan, -1.0, 1.0]])
    assert object_kinds(part, Objects("type", ("empty", "wall")), observed).tolist() == [[2, 2, 1]]
