"""Decodes choices into the factors that they combine, and back: `state=137` as a row, a column, a passenger, a place.

A choice over `a * b` values is one-hot in `a * b` elements. Decoded it is one-hot in `a + b`: each factor's elements
are the sums of those of the choice, and a choice's elements are the products of those of its factors, by mixed radix
with the last factor varying fastest. Both directions are exact for one-hot values. Between them, where a method mixes
states or takes a mean, factors are independent.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from rltools.spaces.leaves import Leaf, nest, pick
from rltools.spaces.parts import Part

if TYPE_CHECKING:
    from rltools.spaces._features import Features


class Factor(NamedTuple):
    """One of several quantities that a value of a choice combines.

    Attributes:
        name: short, fit for an axis label.
        values: a name for each of its values.
    """

    name: str
    values: tuple[str, ...]


class DecodedChoice(NamedTuple):
    """Where a choice is in an encoded observation, and the sizes of what it is decoded to.

    Attributes:
        start: position of its first element.
        size: how many values it has.
        factors: of the choice; empty if it stays as it is.
    """

    start: int
    size: int
    factors: tuple[Factor, ...]

    @property
    def sizes(self) -> tuple[int, ...]:
        """The number of values of each factor."""
        return tuple(len(factor.values) for factor in self.factors)


def decoded_features(features: Features) -> Features:
    """The features of the same observation with each choice that has factors decoded; the same without factors.

    Example:
        >>> import rltools
        >>> features = rltools.load_policy("taxi-masked-ppo").features
        >>> features.size, features.decoded.size
        (500, 19)
        >>> [name for name, _ in features.decoded.variables()]
        ['row', 'column', 'passenger', 'destination']
    """
    if not any(features.factors):
        return features
    leaves: list[Leaf] = []
    names: list[str] = []
    choices: list[str] = []
    given, counted = iter(features.choices or _choice_names(features)), iter(features.factors)
    for leaf in features.leaves:
        part = next((part for part in features.parts if part.leaf is leaf), None)
        own = features.names[part.start : part.stop] if part is not None else ()
        if leaf.kind != "choice":
            leaves.append(leaf)
            names += own
            continue
        sizes: list[int] = []
        starts: list[int] = []
        first = 0
        for size, start in zip(leaf.sizes, leaf.starts, strict=True):
            choice, factors = next(given), next(counted)
            if factors:
                sizes += [len(factor.values) for factor in factors]
                starts += [0] * len(factors)
                choices += [factor.name for factor in factors]
                names += [f"{factor.name}={value}" for factor in factors for value in factor.values]
            else:
                sizes.append(size)
                starts.append(start)
                choices.append(choice)
                names += own[first : first + size]
            first += size
        leaves.append(replace(leaf, shape=(len(sizes),), sizes=tuple(sizes), starts=tuple(starts)))
    if len(set(names)) < len(names):  # two choices with a factor of the same name: their leaves tell them apart
        names, choices = [], []
    size = sum(leaf.size for leaf in leaves)
    return replace(
        features,
        shape=(size,),
        given_names=tuple(names),
        units=(),
        leaves=tuple(leaves),
        choices=tuple(choices),
        given_lags=(),
        factors=(),
    )


def _choice_names(features: Features) -> list[str]:
    return [name for part in features.parts if part.leaf.kind == "choice" for name in part.choice_names()]


def _choices(features: Features) -> Iterator[Part | DecodedChoice]:
    """The parts of an observation that are no choices, and each choice, in order."""
    factors = iter(features.factors)
    for part in features.parts:
        if part.leaf.kind != "choice":
            yield part
            continue
        start = part.start
        for size in part.leaf.sizes:
            yield DecodedChoice(start, size, next(factors))
            start += size


def decode(features: Features, x: Any, xp: Any = np) -> Any:
    """Encoded observations with their choices decoded into factors.

    Args:
        features: of the encoded observation.
        x: `[..., *shape]`, an array or a tensor; for the mean of several observations, how often each value occurs.
        xp: the module of `x`: numpy or torch.

    Returns:
        `[..., *shape of features.decoded]`, of the same kind and dtype.

    Example:
        >>> import rltools
        >>> features = rltools.load_policy("taxi-masked-ppo").features
        >>> decode(features, features.encode([137])).nonzero()[1].tolist()  # row 1, column 1, in place 4, to 1
        [1, 6, 11, 16]
    """
    if not any(features.factors):
        return x
    lead = x.shape[: x.ndim - len(features.shape)]
    flat = x.reshape(*lead, features.size)
    pieces = []
    for part in _choices(features):
        if isinstance(part, Part):
            pieces.append(flat[..., part.start : part.stop])
            continue
        block = flat[..., part.start : part.start + part.size]
        if not part.factors:
            pieces.append(block)
            continue
        cube, count = block.reshape(*lead, *part.sizes), len(part.sizes)
        for axis in range(count):
            others = tuple(axis_ - count for axis_ in range(count) if axis_ != axis)
            pieces.append(cube.sum(axis=others) if others else cube)
    return xp.concatenate(pieces, axis=-1)


def encode(features: Features, x: Any, xp: Any = np) -> Any:
    """The inverse of `decode`: decoded observations `[..., *shape of features.decoded]` -> `[..., *shape]`.

    Differentiable in torch. The elements of a choice are the products of those of its factors.

    Example:
        >>> import rltools
        >>> features = rltools.load_policy("taxi-masked-ppo").features
        >>> x = features.encode([137, 4])
        >>> bool((encode(features, decode(features, x)) == x).all())
        True
    """
    if not any(features.factors):
        return x
    lead, start, pieces = x.shape[:-1], 0, []
    for part in _choices(features):
        size = prod(part.shape) if isinstance(part, Part) else sum(part.sizes) if part.factors else part.size
        block = x[..., start : start + size]
        start += size
        if isinstance(part, Part) or not part.factors:
            pieces.append(block)
            continue
        product, first = None, 0
        for length in part.sizes:
            factor = block[..., first : first + length]
            first += length
            if product is None:
                product = factor
            else:
                product = (product[..., :, None] * factor[..., None, :]).reshape(*lead, -1)
        pieces.append(product)
    return xp.concatenate(pieces, axis=-1).reshape(*lead, *features.shape)


def decode_observations(features: Features, observations: Any) -> Any:
    """Observations as an environment returns them, with each choice that has factors as the values of these.

    Args:
        features: of the encoded observation.
        observations: `[step, ...]`; for a Dict or Tuple a structure of such arrays.

    Returns:
        The same, as `features.decoded.encode` takes it: a choice is int64 `[step, factor]`.

    Example:
        >>> import numpy as np
        >>> import rltools
        >>> features = rltools.load_policy("taxi-masked-ppo").features
        >>> decode_observations(features, np.array([137])).tolist()
        [[1, 1, 4, 1]]
    """
    if not any(features.factors):
        return observations
    given = iter(features.factors)
    decoded = []
    for leaf in features.leaves:
        values = np.asarray(pick(observations, leaf))
        if leaf.kind == "choice":
            chosen, columns = values.reshape(len(values), -1).astype(np.int64), []
            for index, start in enumerate(leaf.starts):
                sizes = tuple(len(factor.values) for factor in next(given))
                columns += np.unravel_index(chosen[:, index] - start, sizes) if sizes else [chosen[:, index]]
            values = np.stack(columns, axis=1)
        decoded.append((leaf, values))
    return nest(decoded)
