"""Where a policy is to act: the spaces of an environment, and what its card calls their entries."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import gymnasium
import numpy as np
from gymnasium import Space
from gymnasium.envs.registration import EnvSpec
from gymnasium.spaces import Box, Discrete

from rltools.cards import EnvironmentCard, environment_card
from rltools.envs import (
    Environment,
    check_kind,
    current_id,
    environment_spec,
    is_newer_version,
    make_environment,
    spec_to_json,
)
from rltools.envs.names import action_names, observed_features
from rltools.errors import MismatchError, SimulationError, argument
from rltools.policies.actions import branches, count_actions
from rltools.policies.base import Placed, Policy
from rltools.policies.bounds import Bounds, Difference, differences
from rltools.spaces import Features
from rltools.spaces.leaves import Leaf, leaves


@dataclass(frozen=True)
class EnvInfo:
    """What a policy needs to know of the environment it acts in.

    Attributes:
        observation_space: as the environment has it.
        action_space: as the environment has it.
        spec: how it is made; None where only a function or a live object makes it.
        notes: caveats, for instance that the environment asked for goes by another id today.
        features: the names of the entries of an observation; None where nobody asked for them.
        named_actions: what the innermost environment calls its actions; empty where nothing names them.
        own_bounds: whether the bounds are those of the innermost environment, which no wrapper changed.
        any_bounds: whether other bounds than those of the training are meant.
        given: the environment as it was given, its statistics as they were then; None where nobody gave one.
    """

    observation_space: Space[Any]
    action_space: Space[Any]
    spec: EnvSpec | None = None
    notes: tuple[str, ...] = ()
    features: Features | None = None
    named_actions: tuple[str, ...] = ()
    own_bounds: bool = True
    any_bounds: bool = False
    given: Environment | None = None

    @property
    def place(self) -> str:
        """What to call the environment."""
        return self.spec.id if self.spec is not None else "the environment"

    @property
    def is_newer(self) -> bool:
        """Whether this is a newer version of a renamed environment, as it is without wrappers: bounds may differ."""
        return self.own_bounds and self.spec is not None and is_newer_version(self.spec.id)

    @property
    def action_names(self) -> tuple[str, ...] | None:
        """The names of the actions, where their number agrees with that of the actions there are."""
        fits = self.named_actions and len(self.named_actions) == count_actions(self.action_space)
        return self.named_actions if fits else None

    @property
    def spec_json(self) -> str | None:
        """The specification as a policy's source keeps it; None where it cannot be written down."""
        return None if self.spec is None else spec_to_json(self.spec)


def inspect_env(env: Environment, *, names: bool = True, bounds: Bounds = "same") -> EnvInfo:
    """What an environment offers. A live one is asked and left alone; any other is made and closed again.

    Args:
        env: an id, a specification, an environment or a function that makes one.
        names: whether to look for its card, which is a file to read.
        bounds: "any" where other bounds than those of the training are meant.

    Raises:
        ArgumentError: it is no environment, and makes none.
        SimulationError: it cannot be made.
    """
    check_kind(env)
    spec = environment_spec(env)
    # Of a live one the specification holds what its wrappers have learned by now; without one it cannot be made again.
    given = spec or (None if isinstance(env, gymnasium.Env) else env)
    live = env if isinstance(env, gymnasium.Env) else make_environment(env)
    spec = spec or environment_spec(live)
    card = environment_card(spec) if names and spec is not None else None
    try:
        spaces = live.observation_space, live.action_space
        features = observed_features(live, card) if names else None
        named = action_names(live, card) if names else ()
        misfit = _misfit(live, card) if names else ()
    finally:
        if live is not env:
            live.close()
    renamed = isinstance(env, str) and current_id(env)[0] != env
    notes = (renamed_note(str(env), current_id(str(env))),) if renamed else ()
    own = live.unwrapped.observation_space == live.observation_space
    return EnvInfo(*spaces, spec, notes + misfit, features, named, own, bounds == "any", given)


def place(policy: Policy, around: EnvInfo | None, bounds: Bounds) -> None:
    """Let a policy know where it acts where nothing else is said, and whether other bounds there are meant."""
    placed = cast("Placed", policy)
    if around is not None and around.given is not None:
        placed.environment = around.given
    if bounds == "any":
        placed.bounds = bounds


def names_in(spec: EnvSpec, observed: Space[Any], acted: Space[Any]) -> tuple[Features | None, tuple[str, ...] | None]:
    """What an environment calls entries and actions of these spaces; None where it cannot be made or has others."""
    try:
        around = inspect_env(spec)
    except SimulationError:
        return None, None
    same = around.features is not None and _entries(around.observation_space) == _entries(observed)
    fits = type(acted) is type(around.action_space) and count_actions(acted) == count_actions(around.action_space)
    return around.features if same else None, around.action_names if fits else None


def _misfit(live: gymnasium.Env[Any, Any], card: EnvironmentCard | None) -> tuple[str, ...]:
    """The caveat about a card that names another number of entries than there are."""
    if card is None or not card.observation:
        return ()
    inner = observed_features(live.unwrapped, card)
    if inner.given_names or inner.size == len(card.observation):
        return ()
    return (f"the environment's card names {len(card.observation)} entries and there are {inner.size}: not used",)


def renamed_note(asked: str, today: tuple[str, dict[str, Any]]) -> str:
    """The caveat about an environment that goes by another id today."""
    env_id, kwargs = today
    arguments = "".join(f", {name}={json.dumps(value)}" for name, value in kwargs.items())
    return f"{asked} is no longer made by Gymnasium; {env_id}{arguments} stands for it and may differ"


def elsewhere_note(
    env_id: str, kwargs: dict[str, Any], around: EnvInfo, wrappers: Sequence[str] = ()
) -> tuple[str, ...]:
    """The caveat, or none, about a policy that acts in another environment than the one it was trained in."""
    today, arguments = current_id(env_id.rpartition(":")[2])  # without the module that registers it
    spec, trained = around.spec, arguments | kwargs
    if spec is not None and spec.id == today and trained.items() <= spec.kwargs.items():
        worn = [wrapper.name for wrapper in spec.additional_wrappers]
        missing = [name for name in wrappers if name not in worn]
        return (f"trained in {', '.join(missing)}, used without",) if missing else ()
    here = "an environment of unknown id" if spec is None else f"{spec.id} {spec.kwargs or ''}".strip()
    return (f"trained on {today} {trained or ''}".strip() + f", used on {here}",)


def with_arguments(env_id: str, kwargs: dict[str, Any]) -> EnvSpec:
    """The specification of an environment by id, with arguments of its own.

    Raises:
        SimulationError: no environment of this id is registered.
    """
    spec = environment_spec(env_id)
    if spec is None:  # an id always has one, or an error
        raise AssertionError(env_id)
    return dataclasses.replace(spec, kwargs=spec.kwargs | kwargs)


def check_match(name: str, observed: Space[Any], acted: Space[Any], around: EnvInfo) -> None:
    """Compare a policy's spaces with its environment's.

    Raises:
        MismatchError: observations of another shape, other actions, or other bounds where these were not said to be
            meant; both are in the message. Bounds that are infinite on one side, or of a newer version of a renamed
            environment, are a matter of `bounds_notes`.
    """
    place, taken = around.place, around.action_space
    if _entries(observed) != _entries(around.observation_space):
        raise MismatchError(
            f"{name} observes {_shape(observed)} and {place} gives {_shape(around.observation_space)}; "
            f"{stacking_hint(observed, around.observation_space)}give the environment it was trained on as "
            f"{argument('env')}"
        )
    differs = branches(acted) != branches(taken) or count_actions(acted) != count_actions(taken)
    if type(acted) is not type(taken) or differs:
        raise MismatchError(
            f"{name} chooses among {_describe(acted)} and {place} takes {_describe(taken)}; "
            f"give the environment it was trained on as {argument('env')}"
        )
    for leaf, given in zip(leaves(observed), leaves(around.observation_space), strict=True):
        if leaf.starts != given.starts:
            which = f"{leaf.name} of " if leaf.name else ""
            raise MismatchError(
                f"{name} counts {which}its observations from {_numbers(leaf.starts)} and {place} from "
                f"{_numbers(given.starts)}; give the environment it was trained on as {argument('env')}"
            )
    if (mine := _starts(acted)) != (theirs := _starts(taken)):
        raise MismatchError(
            f"{name} counts its actions from {mine} and {place} from {theirs}; give the environment it was trained on "
            f"as {argument('env')}"
        )
    if around.any_bounds:
        return
    for verb, other, difference in _differing(observed, acted, around):
        if not difference.endless and not around.is_newer:
            where = difference.where(around.features if verb == "observes" else None)
            more = f", and so do {difference.count - 1} more" if difference.count > 1 else ""
            raise MismatchError(
                f"{name} {verb} {difference.of_model} and {place} {other} {difference.of_env} ({where}{more}): another "
                f"environment than it was trained in; give that one as {argument('env')}, with its arguments and "
                f"wrappers, or say "
                f"that this one is meant: {argument('bounds', repr('any'))}"
            )


def bounds_notes(observed: Space[Any], acted: Space[Any], around: EnvInfo) -> tuple[str, ...]:
    """The caveats about bounds that differ and were let pass by `check_match`."""
    return tuple(
        f"trained with {'observations' if verb == 'observes' else 'actions'} in {difference.of_model} where "
        f"{around.place} has {difference.of_env} "
        f"({difference.where(around.features if verb == 'observes' else None)}"
        + (f" and {difference.count - 1} more" if difference.count > 1 else "")
        + ")"
        for verb, _, difference in _differing(observed, acted, around)
    )


def _differing(observed: Space[Any], acted: Space[Any], around: EnvInfo) -> list[tuple[str, str, Difference]]:
    found = [("observes", "gives", difference) for difference in differences(observed, around.observation_space)]
    return found + [("acts in", "takes", difference) for difference in differences(acted, around.action_space)]


def _starts(space: Space[Any]) -> Any:
    """From what each discrete choice counts."""
    start = getattr(space, "start", 0)
    return int(start) if np.ndim(start) == 0 else np.asarray(start).reshape(-1).tolist()


def _numbers(starts: tuple[int, ...]) -> str:
    return str(starts[0] if len(starts) == 1 else list(starts))


def _entries(space: Space[Any]) -> list[tuple[Any, ...]]:
    """What must agree of two spaces of observations: where each array is and its shape, and of choices how many."""
    return [(leaf.path, leaf.shape, leaf.kind == "text", leaf.sizes) for leaf in leaves(space)]


def _shape(space: Space[Any]) -> str:
    found = leaves(space)
    if len(found) > 1 or found[0].path:
        return "{" + ", ".join(f"{leaf.name}: {_leaf_shape(leaf)}" for leaf in found) + "}"
    return _leaf_shape(found[0])


def _leaf_shape(leaf: Leaf) -> str:
    if leaf.kind == "choice":
        return f"one of {leaf.sizes[0]} values" if not leaf.shape else f"choices among {list(leaf.sizes)} values"
    return f"shape {list(leaf.shape)}" if leaf.kind == "number" else "a text"


def _describe(space: Space[Any]) -> str:
    if isinstance(space, Discrete):
        return f"{int(space.n)} actions"
    several = f" of {list(branches(space))} values" if not isinstance(space, Box) else ""
    return f"{type(space).__name__} actions {space.shape}{several}"


MOST = 16
"""Observations in one; more are hardly ever stacked, and large multiples come about by chance."""


def stacking_hint(observed: Space[Any], given: Space[Any]) -> str:
    """What to do where a network's observations may be several of the environment's in one; "" where they are not.

    Stable-Baselines3's VecFrameStack makes them so, along the last axis, and then puts the channels of images first.
    """
    found = _stacked(observed, given)
    if found is None:
        return ""
    times, how = found
    return f"if it sees {times} observations in one, as VecFrameStack stacks them, {how}; else "


def _stacked(observed: Space[Any], given: Space[Any]) -> tuple[int, str] | None:
    """How many observations are in one, and what makes them so."""
    if not isinstance(observed, Box) or not isinstance(given, Box):
        return None
    if observed.shape[1:] == given.shape and given.shape:
        return observed.shape[0], _wrapped(f"FrameStackObservation(stack_size={observed.shape[0]})")
    times = _times(observed.shape, given.shape)
    if times is None:
        return None
    frames = f"FrameStackObservation(stack_size={times}, padding_type='zero')"
    if len(given.shape) == 1:
        return times, _wrapped(f"{frames} and FlattenObservation")
    if given.shape[2] == 1:
        return times, _wrapped(f"ReshapeObservation(shape={list(given.shape[:2])}) and {frames}")
    return times, f"give a function that makes an environment whose channels are those of its last {times} pictures"


def _wrapped(how: str) -> str:
    return f"wrap it in {how}, in a function that is given as env or by the wrappers of an agent's card"


def _times(observed: tuple[int, ...], given: tuple[int, ...]) -> int | None:
    """By what the last axis, or that of the channels where a network has them first, is longer than the given one."""
    if len(observed) != len(given) or len(given) not in (1, 3):
        return None
    for *beside, stacked in (observed, (*observed[1:], observed[0])):
        times, left = divmod(stacked, given[-1])
        if tuple(beside) == given[:-1] and left == 0 and 2 <= times <= MOST:
            return times
    return None
