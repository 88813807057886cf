"""Attributions with everything needed to read them."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from math import sqrt
from typing import Any

import numpy as np

from rltools._util.notebook import notebook_html
from rltools._util.short_repr import array_repr, short_repr, value_repr
from rltools.spaces import Features


@dataclass(frozen=True)
class AttributionSpec:
    """What was asked of a policy: which method, of which scalar, compared with what.

    Attributes:
        method: its name, as `rltools list` shows it.
        target: as text, `centered:chosen`.
        labels: one per scalar of the target, always resolved.
        unit: of the values, the text of a `rltools.attributions.Unit`, for instance "score per unit" of the feature.
        parameters: of the method, its defaults included, and what it compares with.
        policy_sha256: the policy that was asked.
        every: one of so many steps was explained.
        separated: the axes of an image along which the method tells its entries apart, where these are not all of them:
            along the others its values are spread evenly. Not a part of what was asked.
        unseen: row-major positions of entries of which the method, which takes derivatives, says 0 although other
            values of theirs change the score; None where nobody tried. Not a part of what was asked either.

    Example:
        >>> import rltools
        >>> policy = rltools.load_policy("cartpole-ppo")
        >>> recording = rltools.record(policy, episodes=3, max_steps=40)
        >>> recording = rltools.explain(recording, policy)
        >>> spec = recording.spec(recording.find())
        >>> spec.method, spec.target, spec.unit
        ('gradient', 'centered:chosen', 'score per unit')
    """

    method: str
    target: str
    labels: tuple[str, ...]
    unit: str
    parameters: dict[str, Any]
    policy_sha256: str
    every: int = 1
    separated: tuple[str, ...] = ()
    unseen: tuple[int, ...] | None = field(default=None, compare=False)

    def rows(self, features: Features, *, merged: bool = False) -> list[tuple[str, np.ndarray]]:
        """What a summary has a row for: what the method tells apart; pairs as `Features.groups` has them.

        Args:
            features: that were explained.
            merged: a choice as one row, the sum of its one-hot entries.
        """
        given = self.parameters.get("groups")
        if isinstance(given, Mapping):
            places = {name: [features.position(one) for one in members] for name, members in given.items()}
            together = [(name, np.array(entries)) for name, entries in places.items()]
            taken = {entry for entries in places.values() for entry in entries}
            alone = [(name, np.array([at])) for at, name in enumerate(features.names) if at not in taken]
            return [*together, *alone]
        return features.groups(merged=merged or given is not None, separated=self.separated)

    __repr__ = short_repr

    @property
    def window(self) -> int:
        """How many observations of a recurrent policy were explained together; 0 for the one of the moment alone."""
        return int(self.parameters.get("window", 0))

    @property
    def effect(self) -> str:
        """Of a recurrent policy, which effect of an observation this is, in words; "" of others."""
        if self.window:
            return f"through memory over {self.window} observations"
        return "the observation of the moment, memory held" if self.parameters.get("memory") == "held" else ""

    @property
    def fingerprint(self) -> str:
        """What tells it from other specs, whatever was found out in answering it: 8 hexadecimal digits."""
        # Files of older recordings are sealed with the spelling that targets had then.
        labels = tuple(map(_in_older_spelling, self.labels))
        asked = replace(self, unseen=None, target=_in_older_spelling(self.target), labels=labels).to_json()
        return f"{zlib.crc32(json.dumps(asked, sort_keys=True).encode('utf-8', 'surrogatepass')):08x}"

    def to_json(self) -> dict[str, Any]:
        """As `attribution.json` keeps it."""
        kept = asdict(self) | {"labels": list(self.labels)}
        separated, unseen = kept.pop("separated"), kept.pop("unseen")
        kept |= {"separated": list(separated)} if separated else {}
        return kept | ({} if unseen is None else {"unseen": list(unseen)})

    @classmethod
    def from_json(cls, entry: dict[str, Any]) -> AttributionSpec:
        """What `to_json` wrote."""
        # Older ones do not say.
        separated, unseen = tuple(entry.get("separated", ())), entry.get("unseen")
        found = {"separated": separated, "unseen": None if unseen is None else tuple(unseen)}
        target, *labels = (text.replace("centred:", "centered:") for text in (entry["target"], *entry["labels"]))
        return cls(**(entry | {"labels": tuple(labels), "target": target} | found))


def _in_older_spelling(target: str) -> str:
    return target.replace("centered:", "centred:")


@dataclass(frozen=True)
class Attribution:
    """How much each feature had to do with a score, for many states.

    Attributes:
        values: float `[step, target, *feature]`, signed; NaN where a step was not explained or the method failed.
        scores: float `[step, target]`, the explained scalars.
        spec: method, target, unit, parameters and policy.
        features: names, units and shape of the last axes.
        residual: float `[step, target]`, what the values leave unexplained; None where the method has none.
        standard_error: float, shaped as `values`; None where the method has none.
        complete: bool `[step]`, whether the residual is as small as the method promises; None where it has none.
        clipped: float `[step]`, how many entries of the observation a normalization clips, so that no gradient passes
            through them; None where none can be.
        references: `[reference, *feature]`, the states features were compared with; None where none are needed.

    `attribution["x velocity"]` is the values `[step, target]` of one feature.

    Example:
        >>> import rltools
        >>> policy = rltools.load_policy("cartpole-ppo")
        >>> recording = rltools.record(policy, episodes=3, max_steps=40)
        >>> attribution = rltools.attribute(policy, recording.episode(0).observations, target="logit:all")
        >>> attribution.values.shape
        (40, 2, 4)
        >>> attribution.labels
        ('logit:push left', 'logit:push right')
        >>> attribution["pole angle"].shape
        (40, 2)
    """

    values: np.ndarray
    scores: np.ndarray
    spec: AttributionSpec
    features: Features
    residual: np.ndarray | None = None
    standard_error: np.ndarray | None = None
    complete: np.ndarray | None = None
    clipped: np.ndarray | None = None
    references: np.ndarray | None = None

    def __repr__(self) -> str:
        """What was asked, and the shape of the answer."""
        return (
            f"Attribution({value_repr(self.method)} of {value_repr(self.target)}: values {array_repr(self.values)} in "
            f"{self.unit}; {self.features!r})"
        )

    def __len__(self) -> int:
        """How many steps it has."""
        return len(self.values)

    def __getitem__(self, name: str) -> np.ndarray:
        """The values `[step, target]` of the feature of this name.

        Raises:
            UnknownNameError: no feature has this name.
        """
        flat = self.values.reshape(*self.values.shape[:2], -1)
        return flat[:, :, self.features.position(name)]

    @property
    def method(self) -> str:
        """The method's name."""
        return self.spec.method

    @property
    def target(self) -> str:
        """The target as text."""
        return self.spec.target

    @property
    def labels(self) -> tuple[str, ...]:
        """A label for each explained scalar."""
        return self.spec.labels

    @property
    def unit(self) -> str:
        """Of the values."""
        return self.spec.unit

    def _repr_html_(self) -> str | None:
        """The card that notebooks show."""
        return notebook_html(self)


_GOLDEN = (sqrt(5) - 1) / 2


def first_sampled(number: int, every: int) -> int:
    """The first step of an episode that a sample of one step in so many holds; every `every`-th follows.

    The first steps of the episodes are spread evenly over the stride, however many episodes there are: multiples of the
    golden ratio, without their whole part (Weyl 1916). So beginnings and ends of episodes are sampled like the rest,
    and of episodes shorter than the stride as many have a step as should.

    Args:
        number: of the episode, from 0.
        every: the stride.

    >>> [first_sampled(number, 100) for number in range(6)]
    [0, 61, 23, 85, 47, 9]
    """
    return int(number * _GOLDEN % 1 * every)
