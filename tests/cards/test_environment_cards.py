"""Every card in envs/ is compared with the environments it describes."""

import importlib.util

import gymnasium
import numpy as np
import pytest
from gymnasium.spaces import Box, Discrete, Tuple

from rltools.cards import environment_card, read_environment_card
from rltools.cards.content import content_folders
from rltools.envs import environment_spec, make_environment
from rltools.envs.names import action_names, observed_features
from rltools.errors import SimulationError
from rltools.testing import check_card

FOLDER = content_folders("envs")[-1]
CARDS = {path.stem: read_environment_card(path) for path in sorted(FOLDER.glob("*.yaml"))}
NEEDED = {"atari": "ale_py", "minigrid": "minigrid"}
"""Packages that are not Gymnasium's, by the first word of the names of their cards."""


def package(name):
    return NEEDED.get(name.partition("-")[0])


def installed(name):
    needed = package(name)
    is_installed = needed is None or importlib.util.find_spec(needed) is not None
    return [] if is_installed else [pytest.mark.skip(reason=f"{needed} is not installed")]


ALL = [pytest.param(name, id=name, marks=installed(name)) for name in CARDS]
CHOICES = [
    pytest.param(name, choice, id=f"{name}:{choice.id}{choice.kwargs or ''}", marks=installed(name))
    for name, card in CARDS.items()
    for choice in card.environments
    if "*" not in choice.id
]
NAMED = [param for param in CHOICES if CARDS[param.values[0]].observation]


def specified(choice):
    spec = environment_spec(choice.id)
    spec.kwargs.update(choice.kwargs)
    return spec


def bounds(entries):
    low = [-np.inf if entry.range[0] is None else entry.range[0] for entry in entries]
    high = [np.inf if entry.range[1] is None else entry.range[1] for entry in entries]
    return np.array(low), np.array(high)


def visited(env, seed, steps=400):
    """Observations of a random rollout: float [steps, entry]."""
    env.action_space.seed(seed)
    observations = [env.reset(seed=seed)[0].copy()]
    for step in range(steps):
        observation, _, terminated, truncated, _ = env.step(env.action_space.sample())
        observations.append(observation.copy())
        if terminated or truncated:
            observations.append(env.reset(seed=seed + 1 + step)[0].copy())
    env.close()
    return np.stack(observations)


GROUPS = ("classic_control.", "box2d.", "toy_text.", "mujoco.")


def test_every_environment_of_gymnasium_that_can_be_made_has_a_card():
    described = {choice.id for card in CARDS.values() for choice in card.environments}
    for spec in list(gymnasium.registry.values()):
        if str(spec.entry_point).startswith(tuple(f"gymnasium.envs.{group}" for group in GROUPS)):
            try:
                make_environment(spec).close()
            except SimulationError:
                continue  # of older releases, which this one registers only to say that they have gone
            assert spec.id in described


@pytest.mark.parametrize("name", ALL)
def test_a_card_says_what_is_there(name):
    check_card(FOLDER / f"{name}.yaml")


@pytest.mark.parametrize(("name", "choice"), CHOICES)
def test_a_card_is_found_for_its_environment_and_has_its_actions(name, choice):
    assert environment_card(specified(choice)) == CARDS[name]
    env = make_environment(specified(choice))
    names = action_names(env, CARDS[name]).names
    if isinstance(env.action_space, Discrete):
        assert len(names) == env.action_space.n
    else:
        assert isinstance(env.action_space, Box)
        assert (len(names),) == env.action_space.shape


@pytest.mark.parametrize(("name", "choice"), NAMED)
def test_entries_have_the_count_and_lie_in_the_declared_range(name, choice):
    space = make_environment(specified(choice)).observation_space
    entries = CARDS[name].observation
    assert (len(entries),) == space.shape
    low, high = bounds(entries)
    # The card may be stricter than the space (a contact is 0 or 1), but never wider.
    slack = 1e-6 * np.abs(np.where(np.isfinite(space.high), space.high, 0))
    assert (low >= space.low - slack).all()
    assert (high <= space.high + slack).all()
    assert (np.isfinite(low) == np.isfinite(space.low)).all()
    assert (np.isfinite(high) == np.isfinite(space.high)).all()


@pytest.mark.parametrize(("name", "choice"), [param for param in NAMED if package(param.values[0]) is None])
def test_visited_states_lie_in_the_cards_range(name, choice):
    observations = visited(make_environment(specified(choice)), seed=3)
    low, high = bounds(CARDS[name].observation)
    assert (observations >= low - 1e-5).all()
    assert (observations <= high + 1e-5).all()


@pytest.mark.parametrize("name", ["carracing", "carracing-discrete"])
def test_a_pictures_layout_channels_and_range(name):
    card = CARDS[name]
    env = make_environment(specified(card.environments[0]))
    space = env.observation_space
    assert card.image.layout == "y,x,channel"
    assert space.shape == (96, 96, len(card.image.channels))
    assert (space.low.min(), space.high.max()) == card.image.range
    observation, _ = env.reset(seed=0)
    playfield = observation[:80].mean(axis=(0, 1))
    assert card.image.channels[int(playfield.argmax())] == "green"
    env.close()


@pytest.mark.parametrize(
    ("env_id", "kwargs", "name"),
    [
        ("LunarLander-v3", {}, "lunarlander"),
        ("LunarLander-v3", {"continuous": False}, "lunarlander"),
        ("LunarLander-v3", {"continuous": True}, "lunarlander-continuous"),
        ("LunarLander-v3", {"continuous": True, "gravity": -5.0}, "lunarlander-continuous"),
        ("LunarLanderContinuous-v2", {}, "lunarlander-continuous"),
        ("LunarLanderContinuous-v3", {"continuous": False}, "lunarlander"),
        ("CarRacing-v3", {"domain_randomize": True}, "carracing"),
        ("CarRacing-v3", {"continuous": False}, "carracing-discrete"),
        ("BipedalWalker-v3", {"hardcore": True}, "bipedalwalker"),
        ("FrozenLake-v1", {}, "frozenlake"),
        ("FrozenLake-v1", {"map_name": "8x8"}, "frozenlake-8x8"),
        ("Taxi-v3", {}, "taxi"),
        ("Hopper-v3", {}, "hopper"),
        ("Ant-v4", {}, "ant-v4"),
    ],
)
def test_the_arguments_decide_which_card_it_is(env_id, kwargs, name):
    spec = environment_spec(env_id)
    spec.kwargs.update(kwargs)
    assert environment_card(spec) == CARDS[name]


def named(card, observation):
    """Entry name -> its value in the unit's own scale: `5 length units/s` multiplies by 5."""
    scales = [float(entry.unit.split()[0]) if entry.unit[:1].isdigit() else 1.0 for entry in card.observation]
    return {
        entry.name: value * scale for entry, value, scale in zip(card.observation, observation, scales, strict=True)
    }


def test_units_of_the_lunar_lander():
    env = make_environment("LunarLander-v3")
    env.reset(seed=0)
    for _ in range(20):
        observation = env.step(3)[0]
    values, body = named(CARDS["lunarlander"], observation), env.unwrapped.lander
    assert values["x velocity"] == pytest.approx(body.linearVelocity.x, rel=1e-5)
    assert values["y velocity"] == pytest.approx(body.linearVelocity.y, rel=1e-5)
    assert values["angular velocity"] == pytest.approx(body.angularVelocity, rel=1e-5)
    assert values["x position"] * 10 == pytest.approx(body.position.x - 10, rel=1e-4)


def test_sides_of_the_lunar_lander():
    env = make_environment("LunarLander-v3")
    card = CARDS["lunarlander"]
    for action, sign in (("left engine", -1), ("right engine", 1)):
        env.reset(seed=0)
        before, _ = env.reset(seed=0)
        for _ in range(3):
            after = env.step(card.action_names.index(action))[0]
        moved = {name: value - named(card, before)[name] for name, value in named(card, after).items()}
        assert sign * moved["x velocity"] > 0 > sign * moved["angular velocity"]
    sides = {leg.position.x > env.unwrapped.lander.position.x: leg for leg in env.unwrapped.legs}
    sides[True].ground_contact, sides[False].ground_contact = True, False
    values = named(card, env.step(0)[0])
    assert (values["right leg contact"], values["left leg contact"]) == (1, 0)


def test_units_and_directions_of_the_bipedal_walker():
    env = make_environment("BipedalWalker-v3")
    card = CARDS["bipedalwalker"]
    env.reset(seed=0)
    for _ in range(8):
        observation = env.step(np.array([1, -1, -1, 1], dtype=np.float32))[0]
    values, walker = named(card, observation), env.unwrapped
    assert values["hull angular velocity"] == pytest.approx(walker.hull.angularVelocity, rel=1e-4)
    assert values["x velocity"] == pytest.approx(walker.hull.linearVelocity.x, rel=1e-3)
    assert values["y velocity"] == pytest.approx(walker.hull.linearVelocity.y, rel=1e-3)
    for number, joint in enumerate(("hip 1", "knee 1", "hip 2", "knee 2")):
        assert card.action_names[number] == joint
        assert values[f"{joint} speed"] == pytest.approx(walker.joints[number].speed, rel=1e-4)
        shift = 1 if "knee" in joint else 0
        assert values[f"{joint} angle"] == pytest.approx(walker.joints[number].angle + shift, rel=1e-4)
    straight_down = walker.lidar[0]
    reach = np.hypot(straight_down.p2[0] - walker.hull.position.x, straight_down.p2[1] - walker.hull.position.y)
    assert values["lidar 0"] == pytest.approx(reach, abs=0.02)


def test_the_state_of_the_taxi_is_read_as_the_environment_writes_it():
    env = make_environment("Taxi-v4")
    features = observed_features(env, CARDS["taxi"])
    places, inner = ("at red", "at green", "at yellow", "at blue", "in the taxi"), env.unwrapped
    for state in (0, 1, 137, 328, 499):
        row, column, passenger, destination = inner.decode(state)
        where = f"state=row {row}, column {column}, passenger {places[passenger]}, "
        assert features.names[state] == where + f"destination {places[destination][3:]}"


@pytest.mark.parametrize(("name", "columns"), [("frozenlake", 4), ("frozenlake-8x8", 8), ("cliffwalking", 12)])
def test_cells_are_counted_row_by_row(name, columns):
    env = make_environment(specified(CARDS[name].environments[0]))
    features = observed_features(env, CARDS[name])
    state = env.reset(seed=0)[0]
    assert features.names[state] == f"cell=row {state // columns}, column {state % columns}"
    down = CARDS[name].action_names.index("down")
    moves = {new - 1 for _, new, *_ in env.unwrapped.P[1][down]}
    assert columns in moves or name == "cliffwalking"


def test_blackjack_names_each_of_its_three_parts():
    env = make_environment("Blackjack-v1")
    features = observed_features(env, CARDS["blackjack"])
    assert isinstance(env.observation_space, Tuple)
    values = features.encode((np.array([14]), np.array([10]), np.array([1])))[0]
    assert [features.names[position] for position in np.flatnonzero(values)] == [
        "player's sum=14",
        "dealer's card=10",
        "usable ace=yes",
    ]


def test_another_map_of_the_lake_has_no_names_of_this_one():
    spec = environment_spec("FrozenLake-v1")
    spec.kwargs["desc"] = ["SFF", "FFF", "FFG"]
    assert observed_features(make_environment(spec), environment_card(spec)).names[4] == "obs=4"
