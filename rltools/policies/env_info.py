"""The environment a policy acts in: its spaces, the names in its card, and whether they fit the policy."""

from __future__ import annotations

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
    single_environment,
    spec_to_json,
    vector_statistics,
)
from rltools.envs.names import Names, action_names, observed_features
from rltools.errors import ArgumentError, MismatchError, SimulationError, argument
from rltools.policies.actions import branches, count_actions
from rltools.policies.base import HasEnvironment, Policy
from rltools.policies.bounds import Bounds, Difference, differences
from rltools.spaces import Features
from rltools.spaces.leaves import Leaf, leaves


@dataclass(frozen=True)
class EnvInfo:
    """Everything a policy needs to know about the environment it acts in.

    Attributes:
        observation_space: of the environment.
        action_space: of the environment.
        spec: how it is made; None if only a function or a live object makes it.
        notes: caveats, for instance that the requested environment goes by another id today.
        features: names of an observation's elements; None if `inspect_env` was told to leave them out.
        named_actions: what the innermost environment calls its actions; empty if nothing names them.
        action_origin: where these names are from, a phrase that completes "named by"; "" without names. Those of the
            features are in `features.origins`.
        own_bounds: whether the bounds are those of the innermost environment, unchanged by wrappers.
        any_bounds: whether other bounds than those of the training are accepted.
        env: the environment as it was passed in, with its statistics as they were then; None if it was not.
        title: what messages call it, if it has no specification, for instance the name of a data set.
    """

    observation_space: Space[Any]
    action_space: Space[Any]
    spec: EnvSpec | None = None
    notes: tuple[str, ...] = ()
    features: Features | None = None
    named_actions: tuple[str, ...] = ()
    action_origin: str = ""
    own_bounds: bool = True
    any_bounds: bool = False
    env: Environment | None = None
    title: str = ""

    @property
    def name(self) -> str:
        """The name of the environment in messages."""
        return self.spec.id if self.spec is not None else self.title or "the environment"

    @property
    def is_newer(self) -> bool:
        """Whether it is a newer version of a renamed environment, without wrappers: its bounds may differ."""
        return self.own_bounds and self.spec is not None and is_newer_version(self.spec.id)

    @property
    def action_names(self) -> tuple[str, ...] | None:
        """The names of the actions; None unless there is one for each action."""
        fits = self.named_actions and len(self.named_actions) == count_actions(self.action_space)
        return self.named_actions if fits else None

    @property
    def spec_json(self) -> str | None:
        """The specification as JSON for a policy's source; None if it cannot be serialized."""
        return None if self.spec is None else spec_to_json(self.spec)


def inspect_env(env: Environment, *, names: bool = True, bounds: Bounds = "same") -> EnvInfo:
    """The spaces, specification and names of an environment. A live one is left alone; any other is made and closed.

    Args:
        env: an id, a specification, an environment or a function that makes one.
        names: whether to look for names, which reads the file of its card.
        bounds: "any" if other bounds than those of the training are accepted.

    Raises:
        ArgumentError: it is neither an environment nor a function that makes one.
        SimulationError: it cannot be made.
    """
    check_kind(env)
    env = single_environment(env)
    spec = environment_spec(env)
    # The specification of a live one holds what its wrappers have learned; without one it cannot be made again.
    source = spec or (None if isinstance(env, gymnasium.Env) else env)
    live = env if isinstance(env, gymnasium.Env) else make_environment(env)
    spec = spec or environment_spec(live)
    card = environment_card(spec) if names and spec is not None else None
    try:
        spaces = live.observation_space, live.action_space
        features = observed_features(live, card) if names else None
        named = action_names(live, card) if names else Names((), "")
        misfit = _misfit(live, card) if names else ()
    finally:
        if live is not env:
            live.close()
    renamed = isinstance(env, str) and current_id(env)[0] != env
    notes = (renamed_note(str(env), current_id(str(env))),) if renamed else ()
    own = live.unwrapped.observation_space == live.observation_space
    return EnvInfo(*spaces, spec, notes + misfit, features, named.names, named.origin, own, bounds == "any", source)


def check_normalizes(policy: Policy, env: object) -> None:
    """Refuse environments in VecNormalize for a policy that does not normalize observations itself.

    Raises:
        MismatchError: it would get other observations than in its training.
    """
    if vector_statistics(env) is None:
        return
    try:
        policy.in_network_units()  # type: ignore[attr-defined]
    except (AttributeError, ArgumentError):
        raise MismatchError(
            f"the environments are in VecNormalize, and {policy.source.name} takes observations as they are; give the "
            f"VecNormalize as {argument('normalize')} when the policy is loaded, or what is in it (.venv) as "
            f"{argument('env')} if the policy was trained without it"
        ) from None


def place(policy: Policy, env_info: EnvInfo | None, bounds: Bounds) -> None:
    """Attach to a policy the environment it acts in by default, and whether other bounds there are accepted."""
    placed = cast("HasEnvironment", policy)
    if env_info is not None and env_info.env is not None:
        placed.environment = env_info.env
    if bounds == "any":
        placed.bounds = bounds


def names_in(spec: EnvSpec, observed: Space[Any], acted: Space[Any]) -> tuple[Features | None, tuple[str, ...] | None]:
    """An environment's features and action names for these spaces; None if it cannot be made or has other spaces."""
    try:
        env_info = inspect_env(spec)
    except SimulationError:
        return None, None
    same = env_info.features is not None and _layout(env_info.observation_space) == _layout(observed)
    fits = type(acted) is type(env_info.action_space) and count_actions(acted) == count_actions(env_info.action_space)
    return env_info.features if same else None, env_info.action_names if fits else None


def _misfit(live: gymnasium.Env[Any, Any], card: EnvironmentCard | None) -> tuple[str, ...]:
    """The caveat about a card that names more or fewer elements than there are."""
    if card is None or not card.observation:
        return ()
    inner = observed_features(live.unwrapped, card)
    if inner.given_names or inner.size == len(card.observation):
        return ()
    return (f"the environment's card names {len(card.observation)} elements and there are {inner.size}: not used",)


def renamed_note(env_id: str, today: tuple[str, dict[str, Any]]) -> str:
    """The caveat about an environment that goes by another id today."""
    new_id, kwargs = today
    arguments = "".join(f", {name}={json.dumps(value)}" for name, value in kwargs.items())
    return f"{env_id} is no longer part of Gymnasium; {new_id}{arguments} replaces it and may differ"


def elsewhere_note(
    env_id: str, kwargs: dict[str, Any], env_info: EnvInfo, wrappers: Sequence[str] = ()
) -> tuple[str, ...]:
    """The caveat, if any, about a policy that acts in an environment other than that of its training."""
    today, arguments = current_id(env_id.rpartition(":")[2])  # without the module that registers it
    spec, trained = env_info.spec, arguments | kwargs
    if spec is not None and spec.id == today and trained.items() <= spec.kwargs.items():
        present = [wrapper.name for wrapper in spec.additional_wrappers]
        missing = [name for name in wrappers if name not in present]
        return (f"trained in {', '.join(missing)}, used without",) if missing else ()
    here = "an environment of unknown id" if spec is None else f"{spec.id} {spec.kwargs or ''}".strip()
    return (f"trained on {today} {trained or ''}".strip() + f", used on {here}",)


TRAINED_ON = f"give the environment it was trained on as {argument('env')}"


def check_match(
    name: str, observed: Space[Any], acted: Space[Any], env_info: EnvInfo, advice: str = TRAINED_ON
) -> None:
    """Compare a policy's spaces with its environment's, or with those of a data set; `advice` says what to do.

    Raises:
        MismatchError: observations of another shape, other actions, or other bounds that were not accepted; the message
            has both. Bounds that are infinite on one side, or those of a newer version of a renamed environment, are
            left to `bounds_notes`.
    """
    place, taken = env_info.name, env_info.action_space
    if _layout(observed) != _layout(env_info.observation_space):
        raise MismatchError(
            f"{name} observes {_shape(observed)} and {place} gives {_shape(env_info.observation_space)}; "
            f"{stacking_hint(observed, env_info.observation_space)}{advice}"
        )
    differs = branches(acted) != branches(taken) or count_actions(acted) != count_actions(taken)
    if type(acted) is not type(taken) or differs:
        raise MismatchError(f"{name} chooses among {_describe(acted)} and {place} takes {_describe(taken)}; {advice}")
    for leaf, other in zip(leaves(observed), leaves(env_info.observation_space), strict=True):
        if leaf.starts != other.starts:
            part = f"{leaf.name} of " if leaf.name else ""
            raise MismatchError(
                f"{name} counts {part}its observations from {_numbers(leaf.starts)} and {place} from "
                f"{_numbers(other.starts)}; {advice}"
            )
    if (own_start := _starts(acted)) != (env_start := _starts(taken)):
        raise MismatchError(f"{name} counts its actions from {own_start} and {place} from {env_start}; {advice}")
    if env_info.any_bounds:
        return
    for verb, verb_of_env, difference in _differing(observed, acted, env_info):
        if not difference.endless and not env_info.is_newer:
            where = difference.where(env_info.features if verb == "observes" else None)
            others = difference.count - 1
            more = f", and so {'does' if others == 1 else 'do'} {others} more" if others else ""
            raise MismatchError(
                f"{name} {verb} {difference.of_model} and {place} {verb_of_env} {difference.of_env} ({where}{more}): "
                f"this is not the environment it was trained in; give that one as {argument('env')}, with its "
                f"arguments and wrappers, or accept this one with {argument('bounds', repr('any'))}"
            )


def bounds_notes(observed: Space[Any], acted: Space[Any], env_info: EnvInfo) -> tuple[str, ...]:
    """The caveats about different bounds that `check_match` let pass."""
    return tuple(
        f"trained with {'observations' if verb == 'observes' else 'actions'} in {difference.of_model} where "
        f"{env_info.name} has {difference.of_env} "
        f"({difference.where(env_info.features if verb == 'observes' else None)}"
        + (f" and {difference.count - 1} more" if difference.count > 1 else "")
        + ")"
        for verb, _, difference in _differing(observed, acted, env_info)
    )


def _differing(observed: Space[Any], acted: Space[Any], env_info: EnvInfo) -> list[tuple[str, str, Difference]]:
    observing = [("observes", "gives", difference) for difference in differences(observed, env_info.observation_space)]
    return observing + [("acts in", "takes", difference) for difference in differences(acted, env_info.action_space)]


def _starts(space: Space[Any]) -> Any:
    """The first value of each discrete choice."""
    start = getattr(space, "start", 0)
    return int(start) if np.ndim(start) == 0 else np.asarray(start).reshape(-1).tolist()


def _numbers(starts: tuple[int, ...]) -> str:
    return str(starts[0] if len(starts) == 1 else list(starts))


def _layout(space: Space[Any]) -> list[tuple[Any, ...]]:
    """The properties that two observation spaces must share: path and shape of each array, and the sizes of choices."""
    return [(leaf.path, leaf.shape, leaf.kind == "text", leaf.sizes) for leaf in leaves(space)]


def _shape(space: Space[Any]) -> str:
    parts = leaves(space)
    if len(parts) > 1 or parts[0].path:
        return "{" + ", ".join(f"{leaf.name}: {_leaf_shape(leaf)}" for leaf in parts) + "}"
    return _leaf_shape(parts[0])


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
"""Most observations that a hint takes to be stacked; more are rare, and large multiples arise by chance."""


def stacking_hint(observed: Space[Any], single: Space[Any]) -> str:
    """Advice for a network that may observe several stacked observations of the environment; "" if it does not.

    Stable-Baselines3's VecFrameStack stacks them along the last axis, and then puts the channels of images first.
    """
    stack = _stacked(observed, single)
    if stack is None:
        return ""
    times, how = stack
    return f"if it sees {times} observations in one, as VecFrameStack stacks them, {how}; else "


def _stacked(observed: Space[Any], single: Space[Any]) -> tuple[int, str] | None:
    """How many observations are stacked in one, and the wrappers that stack them."""
    if not isinstance(observed, Box) or not isinstance(single, Box):
        return None
    if observed.shape[1:] == single.shape and single.shape:
        return observed.shape[0], _wrapped(f"FrameStackObservation(stack_size={observed.shape[0]})")
    times = _times(observed.shape, single.shape)
    if times is None:
        return None
    frames = f"FrameStackObservation(stack_size={times}, padding_type='zero')"
    if len(single.shape) == 1:
        return times, _wrapped(f"{frames} and FlattenObservation")
    if single.shape[2] == 1:
        return times, _wrapped(f"ReshapeObservation(shape={list(single.shape[:2])}) and {frames}")
    return times, f"give a function that makes an environment whose channels are those of its last {times} images"


def _wrapped(how: str) -> str:
    return f"wrap it in {how}, in a function that is given as env or in the wrappers of an agent's card"


def _times(observed: tuple[int, ...], single: tuple[int, ...]) -> int | None:
    """How many times longer the last axis is, or the first one if the network has the channels there."""
    if len(observed) != len(single) or len(single) not in (1, 3):
        return None
    for *beside, stacked in (observed, (*observed[1:], observed[0])):
        times, left = divmod(stacked, single[-1])
        if tuple(beside) == single[:-1] and left == 0 and 2 <= times <= MOST:
            return times
    return None
