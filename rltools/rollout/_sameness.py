"""Checks whether a freshly made environment behaves like the one that was passed.

A user's wrappers can carry hidden state from episode to episode: a running mean under another name, a curriculum. It is
detected by its effects: from the same seed and with the same actions, the environment that was passed and a second one
must return the same observations, and so must one that has been through an episode and one that has not.
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

from rltools.envs import Environment, chain, freeze_statistics, has_running_statistics, make_environment, normalizers
from rltools.errors import SimulationError
from rltools.policies.base import Policy
from rltools.rollout.act import allowed_actions
from rltools.rollout.faults import error_text
from rltools.spaces.leaves import leaves, pick

Env = gymnasium.Env[Any, Any]

SEED = 1_234_567
STEPS = 8
WARM_UP_STEPS = 200
"""How many steps, over as many episodes as needed, must leave the environment unchanged."""
WARM_UP_SECONDS = 2.0
"""Seconds after which these steps end early, so that the check of a slow simulator stays short."""
LEARNING = 3
"""State that learns changes at least this many times less between two looks than since the start; noise does not."""
RELATIVE, ABSOLUTE = 1e-3, 1e-4
"""Tolerances: simulators carry contacts over, which moves the last digits; statistics from zero move the first."""

# Their wrappers are trusted: they carry state within an episode, or in statistics that are copied.
_TRUSTED = ("gymnasium", "minigrid", "stable_baselines3", "sb3_contrib", "ale_py", "rltools")
_NOISE = (
    "the environment returns other observations each time it is reset with the same seed, so it is not known whether "
    "a freshly made one is like that of the training"
)
_ITSELF = "the environment itself"
# These only observe, and a policy cannot always be copied.
_HOLD_POLICIES = ("AttributionWrapper", "ReplayWrapper")


class _OnlyOneError(Exception):
    """No second environment can be made while the first one is open."""


@dataclass(frozen=True)
class _Trace:
    """The first observations of an episode, each as one vector, and the actions between them."""

    observations: list[np.ndarray]
    actions: list[Any]


def check_same(environment: Environment, copy_env: Env, policy: Policy) -> tuple[str, ...]:
    """The caveats about an environment that is freshly made for each episode.

    A live environment is copied for this if possible; if not, and if it has wrappers of the user's own, it is itself
    reset and stepped a few times, with its statistics restored afterwards.

    Args:
        environment: the environment as it was passed.
        copy_env: a freshly made environment; it is reset and stepped.
        policy: the policy that acts in it; only allowed actions are tried.

    Raises:
        SimulationError: a wrapper carries state from episode to episode, which a freshly made environment lacks.
    """
    try:
        if isinstance(environment, gymnasium.Env):
            return _compare_live(environment, copy_env, policy)
        return _compare_after_episodes(environment, copy_env, policy) if _own_layers(copy_env) else ()
    except _OnlyOneError as only:
        return (
            f"a second environment could not be opened beside the first ({only}), so it is not known whether a freshly "
            f"made one is like that of the training",
        )


def _own_layers(env: Env) -> list[Env]:
    """Wrappers that are not trusted, or that take a function, and an environment with statistics of its own.

    Any other environment is assumed to start afresh at each reset: to test it would take another one that is open
    beside the first, which not every simulator allows.
    """
    innermost, *wrappers = chain(env)
    own = [
        layer
        for layer in wrappers
        if type(layer).__module__.partition(".")[0] not in _TRUSTED or type(layer) is TransformObservation
    ]
    return [innermost, *own] if has_running_statistics(innermost) else own


def _compare_live(live: Env, first: Env, policy: Policy) -> tuple[str, ...]:
    while type(live).__name__ in _HOLD_POLICIES and isinstance(live, gymnasium.Wrapper):
        live = live.env
    copied = _copied(live)
    if copied is None and not _own_layers(live):
        return ()
    with _open(live) as second:
        looks = _both(first, second, policy)
        if isinstance(looks, str):
            return (looks,) if looks else ()
        with _frozen(live if copied is None else copied) as original:
            try:
                first_look, second_look = (_look(original, policy, looks.actions) for _ in range(2))
            except Exception as error:
                return (f"the environment could not be compared with those made like it: {error_text(error)}",)
            if _alike(looks, first_look):  # nothing has been learned yet, and may be later
                with _open(live) as fresh:
                    return _compare_after_episodes(live, fresh, policy) if _own_layers(fresh) else ()
            if _only_noise(looks, first_look, second_look):
                return (_NOISE,)
            culprit = _culprit(original, first)
    raise SimulationError(
        f"a second {live} returns other observations from the same seed than the one that was passed: {culprit} has "
        f"changed since it was made, and a fresh environment for each episode lacks that change; pass a "
        f"function that makes it as it was in training, with its learned state frozen"
    )


def _compare_after_episodes(environment: Environment, first: Env, policy: Policy) -> tuple[str, ...]:
    with _open(environment) as second:
        looks = _both(first, second, policy)
        if isinstance(looks, str):
            return (looks,) if looks else ()
        try:
            _warm_up(second, policy)
            first_look, second_look = (_look(second, policy, looks.actions) for _ in range(2))
        except Exception:
            return ()  # recording reports the error
        if _alike(looks, first_look):
            return ()
        if _only_noise(looks, first_look, second_look):
            return (_NOISE,)
        with _open(environment) as fresh:
            culprit = _culprit(second, fresh)
            if culprit == _ITSELF and has_running_statistics(second.unwrapped):
                culprit = type(second.unwrapped).__name__
    if culprit == _ITSELF:
        return (
            "the environment itself returns other observations from the same seed after an episode; here each episode "
            "has a freshly made one",
        )
    raise SimulationError(
        f"{culprit} learns from episode to episode: after one episode it returns other observations from the same "
        f"seed, and the policy would act on observations of an untrained wrapper; pass the environment of the "
        f"training, as it is after training, or a function that makes it with its learned state "
        f"frozen; for a running mean and variance use gymnasium's NormalizeObservation with frozen statistics: "
        f"rltools.FrozenStatistics(NormalizeObservation(env), mean=..., var=...)"
    )


def _both(first: Env, second: Env, policy: Policy) -> _Trace | str:
    """The look at two environments made alike; a caveat if they differ; "" if one raises, as recording will."""
    try:
        looks = _look(first, policy)
        again = _look(second, policy, looks.actions)
    except Exception:
        return ""
    if _alike(looks, again):
        return looks
    return _NOISE


def _look(env: Env, policy: Policy, actions: list[Any] | None = None) -> _Trace:
    """Reset an environment, and take these actions, or some that are allowed."""
    observations, taken_actions = [], []
    observation, info = env.reset(seed=SEED)
    observations.append(_vector(env, observation))
    space = copy.deepcopy(env.action_space)
    space.seed(SEED)
    for step in range(STEPS if actions is None else len(actions)):
        action = _some_action(env, info, space, policy) if actions is None else actions[step]
        taken_actions.append(action)
        observation, _, terminated, truncated, info = env.step(action)
        observations.append(_vector(env, observation))
        if terminated or truncated:
            break
    return _Trace(observations, taken_actions)


def _warm_up(env: Env, policy: Policy) -> None:
    _, info = env.reset(seed=SEED + 1)
    space = copy.deepcopy(env.action_space)
    space.seed(SEED)
    end = time.monotonic() + WARM_UP_SECONDS
    for step in range(WARM_UP_STEPS):
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


def _alike(first: _Trace, second: _Trace) -> bool:
    return len(first.observations) == len(second.observations) and all(
        mine.shape == theirs.shape and np.allclose(mine, theirs, RELATIVE, ABSOLUTE, equal_nan=True)
        for mine, theirs in zip(first.observations, second.observations, strict=True)
    )


def _only_noise(fresh: _Trace, first: _Trace, second: _Trace) -> bool:
    """Whether two looks at the same environment differ about as much as a look at it and one at a fresh one."""
    return LEARNING * _distance(first, second) > _distance(fresh, first)


def _distance(first: _Trace, second: _Trace) -> float:
    pairs = zip(first.observations, second.observations, strict=False)
    return float(
        np.mean([np.abs(mine - theirs).mean() for mine, theirs in pairs if mine.size and mine.shape == theirs.shape])
    )


def _culprit(changed: Env, fresh: Env) -> str:
    """The first layer, from the inside outwards, that returns other observations."""
    for mine, theirs in zip(_compared_layers(changed), _compared_layers(fresh), strict=False):
        with suppress(Exception):
            a, b = (_vector(env, env.reset(seed=SEED)[0]) for env in (mine, theirs))
            if a.shape != b.shape or not np.allclose(a, b, RELATIVE, ABSOLUTE, equal_nan=True):
                return type(mine).__name__ if isinstance(mine, gymnasium.Wrapper) else _ITSELF
    return "a wrapper or the environment itself"


def _compared_layers(env: Env) -> list[Env]:
    """The layers that an environment and one made like it have in common."""
    left_out = ("FrozenStatistics", "Monitor", "OrderEnforcing", "PassiveEnvChecker", "RecordVideo")
    return [layer for layer in chain(env) if type(layer).__name__ not in left_out]


def _copied(live: Env) -> Env | None:
    try:
        return copy.deepcopy(live)
    except Exception:  # an environment may hold anything
        return None


@contextmanager
def _frozen(env: Env) -> Iterator[Env]:
    """The environment with frozen statistics, which are restored afterwards."""
    statistics = [(layer, layer.obs_rms, getattr(layer, "update_running_mean", None)) for layer in normalizers(env)]
    try:
        yield freeze_statistics(env)
    finally:
        for wrapper, running, updates in statistics:
            wrapper.obs_rms = running
            if updates is not None:
                wrapper.update_running_mean = updates


@contextmanager
def _open(environment: Environment) -> Iterator[Env]:
    try:
        env = make_environment(environment)
    except SimulationError as error:  # recording reports it, unless two at the same time are the problem
        raise _OnlyOneError(error_text(error)) from error
    try:
        yield env
    finally:
        with suppress(Exception):
            env.close()
