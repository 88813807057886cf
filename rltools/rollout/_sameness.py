"""Whether an environment that is made anew is the one that was given.

Wrappers of a user's own can carry what nothing here knows of: a running mean under another name, a curriculum. They
are told by what they do: from one seed and with the same actions, the environment given and a second one must observe
the same, and so must one that has lived through an episode and one that has not.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import gymnasium
import numpy as np
from gymnasium.wrappers import TransformObservation

from rltools.envs import Environment, chain, freeze_all, holds_statistics, make_environment, normalizers
from rltools.errors import SimulationError
from rltools.policies.base import Policy
from rltools.rollout.act import allowed_actions
from rltools.rollout.faults import told
from rltools.spaces.leaves import leaves, pick

Env = gymnasium.Env[Any, Any]

SEED = 1_234_567
STEPS = 8
LIVED = 200
"""Steps, in as many episodes as it takes, after which nothing must have changed."""
PATIENCE = 2.0
"""Seconds after which living through episodes ends early: a slow simulator need not be kept busy by a question."""
LEARNING = 3
"""What learns changes less from one moment to the next than from nothing on, at least by so much; noise does not."""
RELATIVE, ABSOLUTE = 1e-3, 1e-4
"""Simulations remember contacts, which moves the last digits; statistics that start from nothing move the first."""

# Their wrappers are known: what they carry is within an episode, or in statistics that are carried over.
_KNOWN = ("gymnasium", "minigrid", "stable_baselines3", "sb3_contrib", "ale_py", "rltools")
_NOISE = (
    "the environment observes something else each time it is reset with the same seed, so nothing tells whether one "
    "that is made anew is like that of the training"
)
_ITSELF = "the environment itself"
# These only look on, and a policy cannot always be copied.
_HOLD_POLICIES = ("AttributionWrapper", "ReplayWrapper")


class _OnlyOneError(Exception):
    """No second environment can be made while the first one is open."""


@dataclass(frozen=True)
class _Look:
    """Observations from the start of an episode, each as one vector, and the actions between them."""

    observations: list[np.ndarray]
    actions: list[Any]


def check_same(environment: Environment, made: Env, policy: Policy) -> tuple[str, ...]:
    """The caveats about an environment that is made anew for each episode.

    A live environment is copied for this where it can be; where it cannot, and has something of the user's own, it is
    reset and stepped a few times itself, its statistics as they were.

    Args:
        environment: as it was given.
        made: an environment that was made like it; it is reset and stepped.
        policy: that acts in it; of a masked one only actions that are allowed are tried.

    Raises:
        SimulationError: a wrapper carries something from episode to episode, which is lost in one that is made anew.
    """
    try:
        if isinstance(environment, gymnasium.Env):
            return _beside_live(environment, made, policy)
        return _after_an_episode(environment, made, policy) if _own_layers(made) else ()
    except _OnlyOneError as only:
        return (
            f"a second environment could not be open beside the first ({only}), so nothing tells whether one that is "
            f"made anew is like that of the training",
        )


def _own_layers(env: Env) -> list[Env]:
    """Wrappers that nothing is known of, or that take a function, and an environment with statistics of its own.

    Any other environment is taken to begin anew at each reset: trying it out would take another one that is open beside
    the first, which not every simulator allows.
    """
    innermost, *wrappers = chain(env)
    own = [
        layer
        for layer in wrappers
        if type(layer).__module__.partition(".")[0] not in _KNOWN or type(layer) is TransformObservation
    ]
    return [innermost, *own] if holds_statistics(innermost) else own


def _beside_live(live: Env, first: Env, policy: Policy) -> tuple[str, ...]:
    while type(live).__name__ in _HOLD_POLICIES and isinstance(live, gymnasium.Wrapper):
        live = live.env
    copied = _copied(live)
    if copied is None and not _own_layers(live):
        return ()
    with _opened(live) as second:
        looks = _both(first, second, policy)
        if isinstance(looks, str):
            return (looks,) if looks else ()
        with _held(live if copied is None else copied) as given:
            try:
                seen, again = (_look(given, policy, looks.actions) for _ in range(2))
            except Exception as error:
                return (f"the environment given could not be compared with those made like it: {told(error)}",)
            if _alike(looks, seen):  # what has learned nothing yet is like what starts from nothing
                with _opened(live) as fresh:
                    return _after_an_episode(live, fresh, policy) if _own_layers(fresh) else ()
            if _only_noise(looks, seen, again):
                return (_NOISE,)
            culprit = _culprit(given, first)
    raise SimulationError(
        f"a second {live} observes something else from the same seed than the one given: {culprit} has changed since "
        f"it was made, and that is lost in an environment that is made anew for each episode; give a function that "
        f"makes it as it was in training, with what was learned, and that learns no more"
    )


def _after_an_episode(environment: Environment, first: Env, policy: Policy) -> tuple[str, ...]:
    with _opened(environment) as second:
        looks = _both(first, second, policy)
        if isinstance(looks, str):
            return (looks,) if looks else ()
        try:
            _live_through(second, policy)
            seen, again = (_look(second, policy, looks.actions) for _ in range(2))
        except Exception:
            return ()  # recording says what goes wrong
        if _alike(looks, seen):
            return ()
        if _only_noise(looks, seen, again):
            return (_NOISE,)
        with _opened(environment) as fresh:
            culprit = _culprit(second, fresh)
            if culprit == _ITSELF and holds_statistics(second.unwrapped):
                culprit = type(second.unwrapped).__name__
    if culprit == _ITSELF:
        return (
            "the environment itself observes something else from the same seed after an episode; here each episode has "
            "one that is made anew",
        )
    raise SimulationError(
        f"{culprit} learns from episode to episode: after one episode it gives other observations from the same seed, "
        f"and the policy would act on what it gives before it has learned anything; give the environment that it was "
        f"trained in, as it is after training, or a function that makes it with what was learned, and that learns no "
        f"more; for a running mean and variance there is gymnasium's NormalizeObservation with what was learned: "
        f"rltools.FrozenStatistics(NormalizeObservation(env), mean=..., var=...)"
    )


def _both(first: Env, second: Env, policy: Policy) -> _Look | str:
    """What two environments made alike observe; a caveat where that differs; "" where recording will say what fails."""
    try:
        looks = _look(first, policy)
        again = _look(second, policy, looks.actions)
    except Exception:
        return ""
    if _alike(looks, again):
        return looks
    return _NOISE


def _look(env: Env, policy: Policy, actions: list[Any] | None = None) -> _Look:
    """Reset an environment, and take these actions, or some that are allowed."""
    found, taken = [], []
    observation, info = env.reset(seed=SEED)
    found.append(_vector(env, observation))
    space = copy.deepcopy(env.action_space)
    space.seed(SEED)
    for step in range(STEPS if actions is None else len(actions)):
        action = _some_action(env, info, space, policy) if actions is None else actions[step]
        taken.append(action)
        observation, _, terminated, truncated, info = env.step(action)
        found.append(_vector(env, observation))
        if terminated or truncated:
            break
    return _Look(found, taken)


def _live_through(env: Env, policy: Policy) -> None:
    _, info = env.reset(seed=SEED + 1)
    space = copy.deepcopy(env.action_space)
    space.seed(SEED)
    end = time.monotonic() + PATIENCE
    for step in range(LIVED):
        if time.monotonic() > end:
            return
        _, _, terminated, truncated, info = env.step(_some_action(env, info, space, policy))
        if terminated or truncated:
            _, info = env.reset(seed=SEED + 2 + step)


def _some_action(env: Env, info: dict[str, Any], space: Any, policy: Policy) -> Any:
    if not policy.masked:
        return space.sample()
    mask, start, chosen = allowed_actions(env, info, policy), 0, []
    for size in policy.branches:
        chosen.append(int(np.flatnonzero(mask[start : start + size])[0]))
        start += size
    first = np.asarray(getattr(space, "start", 0))
    actions = np.reshape(chosen, space.shape or ()) + first
    return actions.astype(space.dtype) if space.shape else int(actions)


def _vector(env: Env, observation: Any) -> np.ndarray:
    """The numbers of an observation; texts are left out."""
    parts = [
        np.asarray(pick(observation, leaf), dtype=np.float64).reshape(-1)
        for leaf in leaves(env.observation_space)
        if leaf.kind != "text"
    ]
    return np.concatenate(parts) if parts else np.zeros(0)


def _alike(one: _Look, other: _Look) -> bool:
    return len(one.observations) == len(other.observations) and all(
        mine.shape == theirs.shape and np.allclose(mine, theirs, RELATIVE, ABSOLUTE, equal_nan=True)
        for mine, theirs in zip(one.observations, other.observations, strict=True)
    )


def _only_noise(fresh: _Look, seen: _Look, again: _Look) -> bool:
    """Whether observations differ no less between two looks at one environment than between it and a fresh one."""
    return LEARNING * _distance(seen, again) > _distance(fresh, seen)


def _distance(one: _Look, other: _Look) -> float:
    pairs = zip(one.observations, other.observations, strict=False)
    return float(
        np.mean([np.abs(mine - theirs).mean() for mine, theirs in pairs if mine.size and mine.shape == theirs.shape])
    )


def _culprit(changed: Env, fresh: Env) -> str:
    """Which layer is the first that observes something else, from the inside outwards."""
    for mine, theirs in zip(_told_layers(changed), _told_layers(fresh), strict=False):
        with suppress(Exception):
            one, other = (_vector(env, env.reset(seed=SEED)[0]) for env in (mine, theirs))
            if one.shape != other.shape or not np.allclose(one, other, RELATIVE, ABSOLUTE, equal_nan=True):
                return type(mine).__name__ if isinstance(mine, gymnasium.Wrapper) else _ITSELF
    return "a wrapper or the environment itself"


def _told_layers(env: Env) -> list[Env]:
    """The layers that an environment and one made like it have both."""
    left_out = ("FrozenStatistics", "Monitor", "OrderEnforcing", "PassiveEnvChecker", "RecordVideo")
    return [layer for layer in chain(env) if type(layer).__name__ not in left_out]


def _copied(live: Env) -> Env | None:
    try:
        return copy.deepcopy(live)
    except Exception:  # whatever an environment holds may refuse in its own way
        return None


@contextmanager
def _held(env: Env) -> Iterator[Env]:
    """The environment with its learned statistics frozen, and afterwards as they were."""
    kept = [(wrapper, wrapper.obs_rms, getattr(wrapper, "update_running_mean", None)) for wrapper in normalizers(env)]
    try:
        yield freeze_all(env)
    finally:
        for wrapper, running, updates in kept:
            wrapper.obs_rms = running
            if updates is not None:
                wrapper.update_running_mean = updates


@contextmanager
def _opened(environment: Environment) -> Iterator[Env]:
    try:
        env = make_environment(environment)
    except SimulationError as error:  # recording says so where it is no matter of two at once
        raise _OnlyOneError(told(error)) from error
    try:
        yield env
    finally:
        with suppress(Exception):
            env.close()
