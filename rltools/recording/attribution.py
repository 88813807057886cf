"""Attributions, and the specification that says how they were computed."""

from __future__ import annotations

import hashlib
import json
import re
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from math import sqrt
from typing import Any

import numpy as np

from rltools._util.notebook import notebook_html
from rltools._util.short_repr import array_repr, short_repr, value_repr
from rltools.spaces import Features
from rltools.spaces.groups import group_rows
from rltools.spaces.layout import Rows
from rltools.spaces.variables import Detail, rows_of

VARIABLES = "variables"
"""The parameter `groups` of a method that takes the variables of an observation as its players."""


@dataclass(frozen=True)
class AttributionSpec:
    """The specification of an attribution: method, target, references, parameters, stride and policy.

    Its `key` names the folder of its attributions in a recording, and `attribution.json` there holds it.

    Attributes:
        method: its name, as `rltools list` shows it.
        target: as text, `centered:chosen`.
        labels: one per scalar of the target, always resolved.
        unit: of the values, the text of a `rltools.attributions.Unit`, for instance "score per unit" of the feature.
        parameters: of the method, with its defaults, and if they apply `reference` (an identifier of the references),
            `window` (observations of a recurrent policy), `units` ("network"), `memory` ("held") and `decoded` (true
            if choices are explained by their factors).
        policy_sha256: the policy that is explained.
        every: the stride; one step in `every` is explained.
        separated: the axes of an image along which the method tells elements apart, if these are not all of them:
            along the others its values are spread evenly. Follows from the method and its parameters.
        unseen: row-major positions of features for which a method that takes derivatives returns 0 although the target
            value depends on them; None if this was not tested. A result, not a part of the specification.

    Example:
        >>> import rltools
        >>> policy = rltools.load_policy("cartpole-ppo")
        >>> recording = rltools.record(policy, episodes=3, max_steps=40)
        >>> recording = rltools.explain(recording, policy, method="gradient")
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

    __repr__ = short_repr

    @property
    def references(self) -> str:
        """An identifier of the references: "8 visited states, seed 0", or a hash of states; "" without references."""
        return str(self.parameters.get("reference", ""))

    @property
    def window(self) -> int:
        """How many observations of a recurrent policy are explained together; 0 for the current one alone."""
        return int(self.parameters.get("window", 0))

    @property
    def decoded(self) -> bool:
        """Whether choices are explained by the factors that their values combine."""
        return bool(self.parameters.get("decoded", False))

    @property
    def effect(self) -> str:
        """The effect of an observation that is attributed for a recurrent policy, in words; "" for other policies."""
        if self.window:
            return f"through the recurrent state over {self.window} observations"
        return "the current observation, recurrent state fixed" if self.parameters.get("memory") == "held" else ""

    @property
    def key(self) -> str:
        """The name of its folder: a slug, and 8 hexadecimal digits of a hash of the specification."""
        options = [f"{name}-{self.parameters[name]}" for name in ("window", "units") if name in self.parameters]
        slug = re.sub(r"[^A-Za-z0-9]+", "-", "-".join([f"{self.method}-{self.target}", *options])).strip("-")[:60]
        return f"{slug}-{hashlib.sha256(self._specified.encode()).hexdigest()[:8]}"

    @property
    def older_key(self) -> str:
        """Its key in versions that called centered targets `centred`; the same for other targets."""
        return self._in_older_spelling().key

    @property
    def fingerprint(self) -> str:
        """Its checksum, which the files of the attribution carry: 8 hexadecimal digits."""
        # Older recordings are sealed with the spelling that targets had then.
        sealed = json.dumps(replace(self._in_older_spelling(), unseen=None).to_json(), sort_keys=True)
        return f"{zlib.crc32(sealed.encode('utf-8', 'surrogatepass')):08x}"

    def specifies_same(self, other: AttributionSpec) -> bool:
        """Whether both specify the same attribution, whatever its results are."""
        return self._specified == other._specified

    @property
    def _specified(self) -> str:
        """The specification as canonical JSON, without the attributes that follow from it."""
        return json.dumps(replace(self, separated=(), unseen=None).to_json(), sort_keys=True)

    def _in_older_spelling(self) -> AttributionSpec:
        target, *labels = (text.replace("centered:", "centred:") for text in (self.target, *self.labels))
        return replace(self, target=target, labels=tuple(labels))

    def rows(self, features: Features, detail: Detail = "variables") -> Rows:
        """The rows of a summary: pairs of a name and the positions of its elements.

        Rows are never finer than what the method tells apart: its groups, and the axes in `separated`.

        Args:
            features: the explained features.
            detail: how fine; see `rltools.spaces.variables.rows_of`.
        """
        groups = self.parameters.get("groups")
        if isinstance(groups, Mapping):
            named = group_rows(features, groups)
            grouped = {int(position) for _, positions in named for position in positions}
            return [
                *named,
                *((name, np.array([i])) for i, name in enumerate(features.names) if i not in grouped),
            ]
        if groups == VARIABLES:
            return features.variables()
        if groups is not None:  # "summary" in older files: each choice, and each channel of each region
            return features.groups(merged=True, separated=self.separated)
        return rows_of(features, detail, self.separated)

    def to_json(self) -> dict[str, Any]:
        """The content of `attribution.json`."""
        content = asdict(self) | {"labels": list(self.labels)}
        separated, unseen = content.pop("separated"), content.pop("unseen")
        content |= {"separated": list(separated)} if separated else {}
        return content | ({} if unseen is None else {"unseen": list(unseen)})

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> AttributionSpec:
        """The specification that `to_json` wrote, also in an older version."""
        separated, unseen = tuple(content.get("separated", ())), content.get("unseen")
        target, *labels = (text.replace("centred:", "centered:") for text in (content["target"], *content["labels"]))
        changed = {
            "target": target,
            "labels": tuple(labels),
            "separated": separated,
            "unseen": None if unseen is None else tuple(unseen),
        }
        return cls(**(content | changed))


@dataclass(frozen=True)
class Attribution:
    """How much each feature contributed to the target value, for many steps.

    Attributes:
        values: float `[step, target, *feature]`, signed; NaN if a step was not explained or the method failed.
        scores: float `[step, target]`, the explained target values.
        spec: method, target, unit, parameters and policy.
        features: names, units and shape of the last axes.
        residual: float `[step, target]`, the part of the target value that the values do not account for; None for
            methods without a residual.
        standard_error: float, shaped like `values`; None for methods without one.
        complete: bool `[step]`, whether the residual is as small as the method promises; None for methods without a
            promise.
        clipped: float `[step]`, how many elements of the observation a normalization clips, so that no gradient passes
            through them; None if nothing clips.
        references: `[reference, *feature]`, the states that features were compared with; None for methods without
            references.

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
        """Method, target and the shape of the values."""
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
        """The labels of the explained scalars."""
        return self.spec.labels

    @property
    def unit(self) -> str:
        """The unit of the values."""
        return self.spec.unit

    def _repr_html_(self) -> str | None:
        """The card that notebooks display."""
        return notebook_html(self)


_GOLDEN = (sqrt(5) - 1) / 2


def first_sampled(number: int, every: int) -> int:
    """The first explained step of an episode when one step in `every` is explained; every `every`-th follows.

    The first steps of the episodes are spread evenly over the stride, however many episodes there are: by multiples of
    the golden ratio, without their whole part (Weyl 1916). So beginnings and ends of episodes are sampled like the
    rest, and among episodes shorter than the stride the right share has a step.

    Args:
        number: the number of the episode, from 0.
        every: the stride.

    >>> [first_sampled(number, 100) for number in range(6)]
    [0, 61, 23, 85, 47, 9]
    """
    return int(number * _GOLDEN % 1 * every)
