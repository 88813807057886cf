"""Something put into one cell of the world is seen under that cell's name."""

import gymnasium
import numpy as np
import pytest
from gymnasium.wrappers import FilterObservation, FlattenObservation, FrameStackObservation

from rltools.cards import environment_card
from rltools.envs import environment_spec, make_environment
from rltools.envs.names import action_names, observed_features

pytest.importorskip("minigrid")
from minigrid import wrappers as mg
from minigrid.core.world_object import Ball

ENV = "MiniGrid-Empty-8x8-v0"
CARD = environment_card(environment_spec(ENV))


def observed(wrap):
    """The environment in a wrapper and without its mission, which is a text, and its features."""
    env = wrap(make_environment(ENV))
    if isinstance(env.observation_space, gymnasium.spaces.Dict):
        env = FilterObservation(env, [key for key in env.observation_space if key != "mission"])
    return env, observed_features(env, CARD)


def moved(env, features, change):
    """Where the encoded observation moves when the world does: indices of the image, or row-major positions."""
    env.reset(seed=0)
    before = encoded(env, features)
    change(env.unwrapped)
    return np.flatnonzero(encoded(env, features) != before)


def encoded(env, features):
    """The observation of the world as it is: stepped with an action that does nothing there."""
    observation = env.step(6)[0]
    nested = isinstance(observation, dict)
    batch = {key: np.asarray(value)[None] for key, value in observation.items()} if nested else observation[None]
    return features.encode(batch).ravel()


def put_ball(x, y):
    return lambda inner: inner.grid.set(x, y, Ball("blue"))


def image_of(features):
    return next(part for part in features.parts if part.leaf.name in ("image", "") and len(part.shape) == 3)


def places(features, positions):
    """The index on each named axis of the entries of the image that moved."""
    image = image_of(features)
    inside = positions[(positions >= image.start) & (positions < image.stop)] - image.start
    return dict(zip(image.dims, np.unravel_index(inside, image.shape), strict=True))


def test_the_image_alone_has_the_cards_axes_and_channels():
    _, features = observed(mg.ImgObsWrapper)
    assert (features.shape, features.dims) == ((7, 7, 3), ("x", "y", "channel"))
    assert features.channels == (("object type", "color", "state"),)


def test_what_the_agent_sees_from_where_it_stands():
    env, features = observed(mg.ImgObsWrapper)
    # It stands at (1, 1) and faces right: two cells ahead is two rows up in its own view, in which it is at (3, 6).
    where = places(features, moved(env, features, put_ball(3, 1)))
    assert set(where["x"]) == {3}
    assert set(where["y"]) == {4}
    names = image_of(features).channels
    assert {names[element] for element in where["channel"]} == {"object type", "color"}


@pytest.mark.parametrize("wrap", [mg.FullyObsWrapper, mg.SymbolicObsWrapper])
def test_the_whole_world_is_seen_by_its_own_coordinates(wrap):
    env, features = observed(wrap)
    where = places(features, moved(env, features, put_ball(5, 2)))
    assert (set(where["x"]), set(where["y"])) == ({5}, {2})
    names = image_of(features).channels
    expected = {"object type"} if wrap is mg.SymbolicObsWrapper else {"object type", "color"}
    assert {names[element] for element in where["channel"]} == expected


def test_one_hot_cells_are_named_by_their_values():
    env, features = observed(mg.OneHotPartialObsWrapper)
    where = places(features, moved(env, features, put_ball(3, 1)))
    names = image_of(features).channels
    assert {names[element] for element in where["channel"]} == {
        "object empty",
        "object ball",
        "color red",
        "color blue",
    }


@pytest.mark.parametrize("wrap", [mg.RGBImgObsWrapper, lambda env: mg.ImgObsWrapper(mg.RGBImgObsWrapper(env))])
def test_a_drawn_world_is_a_picture(wrap):
    env, features = observed(wrap)
    where = places(features, moved(env, features, put_ball(5, 2)))
    assert image_of(features).channels == ("red", "green", "blue")
    assert set(where["x"]) <= set(range(40, 48))
    assert set(where["y"]) <= set(range(16, 24))


def test_a_drawn_view_is_a_picture():
    env, features = observed(mg.RGBImgPartialObsWrapper)
    where = places(features, moved(env, features, put_ball(3, 1)))
    assert set(where["x"]) <= set(range(24, 32))
    assert set(where["y"]) <= set(range(32, 40))


def test_a_smaller_view():
    env, features = observed(lambda env: mg.ViewSizeWrapper(env, 5))
    where = places(features, moved(env, features, put_ball(3, 1)))
    assert (set(where["x"]), set(where["y"])) == ({2}, {2})


def test_the_flat_vector_names_cells_and_letters():
    env, features = observed(mg.FlatObsWrapper)
    names = {features.names[element] for element in moved(env, features, put_ball(3, 1))}
    assert names == {"image: x 3, y 4, object type", "image: x 3, y 4, color"}
    observation = encoded(env, features)
    letters = [name for name, value in zip(features.names, observation, strict=True) if value and "letter" in name]
    spelled = [name.partition("=")[2] for name in letters]
    assert "".join({"space": " "}.get(letter, letter) for letter in spelled) == env.unwrapped.mission


def test_the_words_of_the_mission_are_choices():
    env = mg.DictObservationSpaceWrapper(make_environment(ENV))
    features = observed_features(env, CARD)
    observation, _ = env.reset(seed=0)
    batch = {key: np.asarray(value)[None] for key, value in observation.items()}
    words = [
        features.names[element]
        for element in np.flatnonzero(features.encode(batch)[0])
        if "word" in features.names[element]
    ]
    assert words[:3] == ["mission word 0=get", "mission word 1=to", "mission word 2=the"]
    assert words[-1] == "mission word 49=nothing"
    assert "direction=right" in features.names


@pytest.mark.parametrize(
    ("kind", "label"), [("slope", "slope towards goal"), ("angle_atan2", "angle towards goal (rad)")]
)
def test_the_direction_to_the_goal_is_one_more_entry(kind, label):
    env, features = observed(lambda env: mg.DirectionObsWrapper(env, type=kind))
    changed = moved(env, features, lambda inner: setattr(inner, "agent_pos", (2, 1)))
    assert label in {features.label(int(element)) for element in changed}


def test_turning_moves_the_direction():
    env, features = observed(lambda env: env)
    element = moved(env, features, lambda inner: setattr(inner, "agent_dir", 1))
    assert {features.names[position] for position in element} >= {"direction=right", "direction=down"}


def test_through_other_wrappers():
    env, features = observed(lambda env: FrameStackObservation(mg.ImgObsWrapper(env), 2))
    assert features.dims == ("lag", "x", "y", "channel")
    env, features = observed(lambda env: FlattenObservation(mg.ImgObsWrapper(mg.FullyObsWrapper(env))))
    names = {features.names[element] for element in moved(env, features, put_ball(5, 2))}
    assert names == {"x 5, y 2, object type", "x 5, y 2, color"}


def test_every_environment_of_minigrid_fits_its_card():
    for spec in [spec for spec in gymnasium.registry.values() if "minigrid.envs" in str(spec.entry_point)]:
        if "-WFC-" in spec.id:
            continue  # these build their worlds out of pictures, which takes other packages
        card = environment_card(spec)
        env = mg.ImgObsWrapper(make_environment(spec))
        assert observed_features(env, card).dims == ("x", "y", "channel"), spec.id
        assert len(action_names(env, card).names) == env.action_space.n, spec.id
