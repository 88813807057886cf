"""The caller's own names for features and actions, in place of those of the environment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from rltools.errors import ArgumentError, argument
from rltools.policies.actions import count_actions, default_names
from rltools.spaces import Features, space_features
from rltools.spaces.rename import Names, renamed

if TYPE_CHECKING:
    from gymnasium import Space

    from rltools.policies.env_info import EnvInfo

ORIGIN = "the argument action_names"


@dataclass(frozen=True)
class Naming:
    """Names that a caller gives; see `rltools.load_policy` for each of them.

    Attributes:
        names: of features; None leaves them.
        units: of features; None leaves them.
        action_names: one per action; None leaves them.
    """

    names: Names | None = None
    units: Names | None = None
    action_names: Sequence[str] | None = None

    def __bool__(self) -> bool:
        """Whether anything is named."""
        return any(each is not None for each in (self.names, self.units, self.action_names))

    def features(self, features: Features) -> Features:
        """Features with these names and units.

        Raises:
            ArgumentError: another number of names than there are elements.
            UnknownNameError: a mapping from a name that there is not.
        """
        return renamed(features, self.names, self.units)

    def actions(self, names: Sequence[str] | None, space: Space[Any]) -> tuple[str, ...]:
        """The names of the actions: the caller's, else these, else numbered ones.

        Raises:
            ArgumentError: another number of names than there are actions, or names that are not texts.
        """
        if self.action_names is None:
            return tuple(names or default_names(space))
        own = self.action_names
        if isinstance(own, str) or not all(isinstance(name, str) for name in own):
            raise ArgumentError(f"action_names is {own!r:.80}; give a list of texts, one for each action")
        if len(own) != (count := count_actions(space)):
            raise ArgumentError(
                f"{len(own)} action names for {count} actions: {', '.join(own)!r:.200}; give one for each discrete "
                f"action, or dimension of a continuous one"
            )
        return tuple(own)

    def env_info(self, env_info: EnvInfo) -> EnvInfo:
        """An environment whose features and actions have these names.

        Raises:
            ArgumentError: as `features` and `actions`.
            UnknownNameError: as `features`.
        """
        if not self:
            return env_info
        features = self.features(env_info.features or space_features(env_info.observation_space))
        if self.action_names is None:
            return replace(env_info, features=features)
        named = self.actions(None, env_info.action_space)
        return replace(env_info, features=features, named_actions=named, action_origin=ORIGIN)


def check_loaded(naming: Naming, what: str) -> None:
    """Refuse names for a policy that is made already.

    Raises:
        ArgumentError: there are any.
    """
    if naming:
        raise ArgumentError(
            f"{what} is a policy already; give {argument('names')}, {argument('units')} and {argument('action_names')} "
            f"when it is made"
        )
