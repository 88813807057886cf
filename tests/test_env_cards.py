"""Every card in envs/ is compared with the environments it describes."""

import gymnasium
import numpy as np
import pytest
from gymnasium.spaces import Box, Discrete

from rltools.cards import environment_card, read_environment_card
from rltools.content import content_folders
from rltools.environments import environment_spec, make_environment

CARDS = {path.stem: read_environment_card(path) for path in sorted(content_folders("envs")[-1].glob("*.yaml"))}
CHOICES = [
    pytest.param(name, choice, id=f"{name}:{choice.id}{choice.kwargs or ''}")
    for name, card in CARDS.items()
    for choice in card.environments
]
NAMED = [param for param in CHOICES if CARDS[param.values[0]].image is None]


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
    seen = [env.reset(seed=seed)[0].copy()]
    for step in range(steps):
        observation, _, terminated, truncated, _ = env.step(env.action_space.sample())
        seen.append(observation.copy())
        if terminated or truncated:
            seen.append(env.reset(seed=seed + 1 + step)[0].copy())
    env.close()
    return np.stack(seen)


def test_every_classic_control_and_box2d_environment_has_a_card():
    described = {choice.id for card in CARDS.values() for choice in card.environments}
    here = {
        spec.id
        for spec in gymnasium.registry.values()
        if str(spec.entry_point).startswith(("gymnasium.envs.classic_control.", "gymnasium.envs.box2d."))
    }
    assert described == here


@pytest.mark.parametrize(("name", "choice"), CHOICES)
def test_a_card_is_found_for_its_environment_and_has_its_actions(name, choice):
    assert environment_card(specified(choice)) == CARDS[name]
    env = make_environment(specified(choice))
    if isinstance(env.action_space, Discrete):
        assert len(CARDS[name].actions) == env.action_space.n
    else:
        assert isinstance(env.action_space, Box)
        assert (len(CARDS[name].actions),) == env.action_space.shape


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


@pytest.mark.parametrize(("name", "choice"), NAMED)
def test_visited_states_lie_in_the_cards_range(name, choice):
    seen = visited(make_environment(specified(choice)), seed=3)
    low, high = bounds(CARDS[name].observation)
    assert (seen >= low - 1e-5).all()
    assert (seen <= high + 1e-5).all()


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
    said, body = named(CARDS["lunarlander"], observation), env.unwrapped.lander
    assert said["x velocity"] == pytest.approx(body.linearVelocity.x, rel=1e-5)
    assert said["y velocity"] == pytest.approx(body.linearVelocity.y, rel=1e-5)
    assert said["angular velocity"] == pytest.approx(body.angularVelocity, rel=1e-5)
    assert said["x position"] * 10 == pytest.approx(body.position.x - 10, rel=1e-4)


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
    said = named(card, env.step(0)[0])
    assert (said["right leg contact"], said["left leg contact"]) == (1, 0)


def test_units_and_directions_of_the_bipedal_walker():
    env = make_environment("BipedalWalker-v3")
    card = CARDS["bipedalwalker"]
    env.reset(seed=0)
    for _ in range(8):
        observation = env.step(np.array([1, -1, -1, 1], dtype=np.float32))[0]
    said, walker = named(card, observation), env.unwrapped
    assert said["hull angular velocity"] == pytest.approx(walker.hull.angularVelocity, rel=1e-4)
    assert said["x velocity"] == pytest.approx(walker.hull.linearVelocity.x, rel=1e-3)
    assert said["y velocity"] == pytest.approx(walker.hull.linearVelocity.y, rel=1e-3)
    for number, joint in enumerate(("hip 1", "knee 1", "hip 2", "knee 2")):
        assert card.action_names[number] == joint
        assert said[f"{joint} speed"] == pytest.approx(walker.joints[number].speed, rel=1e-4)
        shift = 1 if "knee" in joint else 0
        assert said[f"{joint} angle"] == pytest.approx(walker.joints[number].angle + shift, rel=1e-4)
    straight_down = walker.lidar[0]
    reach = np.hypot(straight_down.p2[0] - walker.hull.position.x, straight_down.p2[1] - walker.hull.position.y)
    assert said["lidar 0"] == pytest.approx(reach, abs=0.02)
