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
from typing import Any, NamedTuple

import numpy as np

from rltools.spaces.layout import Factor, Layout
from rltools.spaces.leaves import Leaf, nest, pick
from rltools.spaces.parts import Part


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


class DecodedLeaves(NamedTuple):
    """The leaves of a decoded observation, and what their elements are called.

    Attributes:
        leaves: the arrays; a choice with factors is one choice for each of them.
        names: one for each element; empty if two would be alike.
        choices: a name for each choice.
    """

    leaves: tuple[Leaf, ...]
    names: tuple[str, ...]
    choices: tuple[str, ...]


def decoded_leaves(layout: Layout) -> DecodedLeaves:
    """The leaves of an observation with each choice that has factors decoded.

    Example:
        >>> import rltools
        >>> features = rltools.load_policy("taxi-masked-ppo").features
        >>> decoded_leaves(features).choices
        ('row', 'column', 'passenger', 'destination')
        >>> features.size, features.decoded.size
        (500, 19)
    """
    leaves: list[Leaf] = []
    names: list[str] = []
    choices: list[str] = []
    each_choice = zip(layout.choices or _choice_names(layout), layout.factors, strict=True)
    for leaf in layout.leaves:
        part = next((part for part in layout.parts if part.leaf is leaf), None)
        own = layout.names[part.start : part.stop] if part is not None else ()
        if leaf.kind != "choice":
            leaves.append(leaf)
            names += own
            continue
        sizes: list[int] = []
        starts: list[int] = []
        first = 0
        for size, start in zip(leaf.sizes, leaf.starts, strict=True):
            choice, factors = next(each_choice)
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
    return DecodedLeaves(tuple(leaves), tuple(names), tuple(choices))


def _choice_names(layout: Layout) -> list[str]:
    return [name for part in layout.parts if part.leaf.kind == "choice" for name in part.choice_names()]


def _choices(layout: Layout) -> Iterator[Part | DecodedChoice]:
    """The parts of an observation that are no choices, and each choice, in order."""
    factors = iter(layout.factors)
    for part in layout.parts:
        if part.leaf.kind != "choice":
            yield part
            continue
        start = part.start
        for size in part.leaf.sizes:
            yield DecodedChoice(start, size, next(factors))
            start += size


def decode(layout: Layout, x: Any, xp: Any = np) -> Any:
    """Encoded observations with their choices decoded into factors.

    Args:
        layout: of the encoded observation.
        x: `[..., *shape]`, an array or a tensor; for the mean of several observations, how often each value occurs.
        xp: the module of `x`: numpy or torch.

    Returns:
        `[..., *shape of features.decoded]`, of the same kind and dtype.

    Example:
        >>> import rltools
        >>> features = rltools.load_policy("taxi-masked-ppo").features
        >>> decode(features, features.encode([137])).nonzero()[1].tolist()  # row 1, column 1, in place 4, to 1
        [1, 6, 14, 16]
    """
    if not any(layout.factors):
        return x
    lead = x.shape[: x.ndim - len(layout.shape)]
    flat = x.reshape(*lead, layout.size)
    pieces = []
    for part in _choices(layout):
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


def encode(layout: Layout, x: Any, xp: Any = np) -> Any:
    """The inverse of `decode`: decoded observations `[..., *shape of features.decoded]` -> `[..., *shape]`.

    Differentiable in torch. The elements of a choice are the products of those of its factors.

    Example:
        >>> import rltools
        >>> features = rltools.load_policy("taxi-masked-ppo").features
        >>> x = features.encode([137, 4])
        >>> bool((encode(features, decode(features, x)) == x).all())
        True
    """
    if not any(layout.factors):
        return x
    lead, start, pieces = x.shape[:-1], 0, []
    for part in _choices(layout):
        size = prod(part.shape) if isinstance(part, Part) else sum(part.sizes) if part.factors else part.size
        block = x[..., start : start + size]
        start += size
        if isinstance(part, Part) or not part.factors:
            pieces.append(block)
            continue
        product, first = block[..., : part.sizes[0]], part.sizes[0]
        for length in part.sizes[1:]:
            factor = block[..., first : first + length]
            first += length
            product = (product[..., :, None] * factor[..., None, :]).reshape(*lead, -1)
        pieces.append(product)
    return xp.concatenate(pieces, axis=-1).reshape(*lead, *layout.shape)


def decode_observations(layout: Layout, observations: Any) -> Any:
    """Observations as an environment returns them, with each choice that has factors as the values of these.

    Args:
        layout: of the encoded observation.
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
    if not any(layout.factors):
        return observations
    each_choice = iter(layout.factors)
    decoded = []
    for leaf in layout.leaves:
        values = np.asarray(pick(observations, leaf))
        if leaf.kind == "choice":
            chosen = values.reshape(len(values), -1).astype(np.int64)
            columns: list[np.ndarray] = []
            for index, start in enumerate(leaf.starts):
                sizes = tuple(len(factor.values) for factor in next(each_choice))
                columns += np.unravel_index(chosen[:, index] - start, sizes) if sizes else [chosen[:, index]]
            values = np.stack(columns, axis=1)
        decoded.append((leaf, values))
    return nest(decoded)
