"""An environment that observes what it is told to, and the card of it."""

import gymnasium
import numpy as np
import pytest
from gymnasium.spaces import Box, Dict, Discrete, MultiBinary, MultiDiscrete, Tuple

from rltools.cards import Choice, Element, EnvironmentCard, EnvironmentChoice, ImageObservation, ObservationCard
from rltools.envs.names import observed_features

VECTOR = Box(-10, 10, (3,), np.float32)
PICTURE = Box(0, 255, (8, 10, 3), np.uint8)
NESTED = Dict(pose=Box(-10, 10, (2,), np.float32), gear=Discrete(3, start=1), camera=Box(0, 255, (2, 3, 3), np.uint8))
PAIR = Tuple([Box(-10, 10, (2,), np.float32), Discrete(3)])
SPACES = {
    "vector": VECTOR,
    "picture": PICTURE,
    "nested": NESTED,
    "pair": PAIR,
    "discrete": Discrete(4),
    "multi": MultiDiscrete([2, 3]),
    "bits": MultiBinary(3),
}


class Scripted(gymnasium.Env):
    """Observes `state`, which the test changes."""

    action_space = Discrete(2)
    metadata = {"render_modes": ["rgb_array"], "render_fps": 10}  # noqa: RUF012

    def __init__(self, space, render_mode=None):
        self.observation_space, self.render_mode = space, render_mode
        self.state = zero(space)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return copied(self.state), {}

    def step(self, action):
        return copied(self.state), 0.0, False, False, {}

    def render(self):
        return np.zeros((6, 7, 3), np.uint8)


def zero(space):
    if isinstance(space, Dict):
        return {key: zero(part) for key, part in space.items()}
    if isinstance(space, Tuple):
        return tuple(zero(part) for part in space)
    if isinstance(space, Discrete):
        return space.start
    return np.zeros(space.shape, space.dtype)


def copied(value):
    if isinstance(value, dict):
        return {key: copied(part) for key, part in value.items()}
    if isinstance(value, tuple):
        return tuple(copied(part) for part in value)
    return np.array(value) if isinstance(value, np.ndarray) else value


def entries(*names):
    return tuple(
        Element(name=name, unit=unit, meaning="m") for name, unit in zip(names, ("m", "rad", ""), strict=False)
    )


def choice(name, count):
    return Choice(name=name, meaning="m", values=tuple(f"{name}{value}" for value in range(count)))


IMAGE = ImageObservation(layout="y,x,channel", channels=("red", "green", "blue"), meaning="m")
CONTENTS = {
    "vector": {"observation": entries("height", "lean", "load")},
    "picture": {"image": IMAGE},
    "nested": {
        "parts": {
            "pose": ObservationCard(observation=entries("height", "lean")),
            "gear": ObservationCard(choices=(choice("gear", 3),)),
            "camera": ObservationCard(image=IMAGE),
        }
    },
    "pair": {
        "parts": {
            "0": ObservationCard(observation=entries("height", "lean")),
            "1": ObservationCard(choices=(choice("gear", 3),)),
        }
    },
    "discrete": {"choices": (choice("cell", 4),)},
    "multi": {"choices": (choice("gear", 2), choice("lamp", 3))},
    "bits": {"observation": entries("door", "gate", "lid")},
}


@pytest.fixture(scope="session")
def scripted():
    """Gives a function of the kind of observation: the environment and its card."""

    def make(kind, **choices):
        card = EnvironmentCard(
            environments=(EnvironmentChoice(id="Scripted-v0"),),
            description="a test",
            source="https://example.org/",
            **CONTENTS[kind],
        )
        return Scripted(SPACES[kind], **choices), card

    return make


@pytest.fixture(scope="session")
def moved():
    """Gives a function that says which named entries of an environment's observation move when its state does."""

    def find(env, card, change, steps=0):
        features = observed_features(env, card)
        before = encoded(features, env, None, steps)
        after = encoded(features, env, change, steps)
        return {features.names[position] for position in np.flatnonzero((before != after).ravel())}

    return find


def encoded(features, env, change, steps):
    """The last observation of an episode in which `change` is applied to the first one alone."""
    inner = env.unwrapped
    inner.state = zero(inner.observation_space)
    if change is not None:
        state = change(copied(inner.state))
        inner.state = inner.state if state is None else state
    observation, _ = env.reset(seed=0)
    for _ in range(steps):
        inner.state = zero(inner.observation_space)
        observation = env.step(0)[0]
    batch = batched(observation)
    return features.encode(batch).reshape(features.size)


def batched(observation):
    if isinstance(observation, dict):
        return {key: batched(part) for key, part in observation.items()}
    if isinstance(observation, tuple):
        return tuple(batched(part) for part in observation)
    return np.asarray(observation)[None]
