"""Compares the bounds of a model's spaces with those of the environment it acts in.

Equal shapes do not make two environments the same task: Box(-8, 8) and Box(-10, 10) come from different arguments or
wrappers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from gymnasium import Space, spaces

from rltools.errors import ArgumentError
from rltools.spaces.leaves import Path

if TYPE_CHECKING:
    from rltools.spaces import Features

Bounds = Literal["same", "any"]
"""Whether an environment must have the bounds that a model was trained with, or may have any."""

ENDLESS = 1e30
"""Magnitude from which a bound means none: some environments write the largest number of their dtype."""


def check_bounds(bounds: str) -> None:
    """Refuse any text but "same" and "any".

    Raises:
        ArgumentError: it is another one.
    """
    if bounds not in ("same", "any"):
        raise ArgumentError(f"bounds is {bounds!r}; it must be 'same' or 'any'")


@dataclass(frozen=True)
class Difference:
    """A difference between the bounds of one array.

    Attributes:
        path: of the array in an observation; () for actions.
        element: flat position of the first element that differs.
        of_model: its bounds in the model, as text.
        of_env: its bounds in the environment.
        count: how many elements differ.
        endless: whether each bound that differs is infinite in one of the two.
    """

    path: Path
    element: int
    of_model: str
    of_env: str
    count: int
    endless: bool

    def where(self, features: Features | None) -> str:
        """The name of the element."""
        parts = () if features is None else features.parts
        start = next((part.start for part in parts if part.leaf.path == self.path), None)
        if features is not None and start is not None:
            return repr(features.names[start + self.element])
        return f"element {self.element}" + (f" of {'/'.join(map(str, self.path))}" if self.path else "")


def differences(model: Space[Any], env: Space[Any]) -> list[Difference]:
    """The differences in bounds or kinds of numbers of two spaces of the same arrays; finite ones come first."""
    result = []
    for path, model_box, env_box in _boxes(model, env, ()):
        if _is_stacked(model_box, env_box):
            continue
        sides = [_ends(model_box.low, env_box.low), _ends(model_box.high, env_box.high)]
        wrong = sides[0][0] | sides[1][0]
        finite = sides[0][1] | sides[1][1]
        kinds = _is_whole(model_box) != _is_whole(env_box)
        if not wrong.any() and not kinds:
            continue
        element = int(np.flatnonzero(finite if finite.any() else wrong)[0]) if wrong.any() else 0
        count = int(wrong.sum()) if wrong.any() else int(wrong.size)
        of_model, of_env = _interval(model_box, element, kinds), _interval(env_box, element, kinds)
        result.append(Difference(path, element, of_model, of_env, count, not finite.any() and not kinds))
    return sorted(result, key=lambda difference: difference.endless)


def with_bounds_of(model: Space[Any], env: Space[Any]) -> Space[Any]:
    """An environment's space with the bounds of a model's; layout and dtypes stay the environment's."""
    if env == model:
        return env
    if isinstance(env, spaces.Dict) and isinstance(model, spaces.Dict):
        parts = {key: with_bounds_of(model.spaces[key], part) for key, part in env.spaces.items()}
        return spaces.Dict(parts, sort_keys=env.sort_keys)
    if isinstance(env, spaces.Tuple) and isinstance(model, spaces.Tuple):
        pairs = zip(model.spaces, env.spaces, strict=True)
        return spaces.Tuple([with_bounds_of(model_part, env_part) for model_part, env_part in pairs])
    if not isinstance(env, spaces.Box) or not isinstance(model, spaces.Box) or _is_whole(env) != _is_whole(model):
        return env
    if _is_stacked(model, env):
        return env
    dtype = np.dtype(env.dtype or np.float32)
    with np.errstate(over="ignore"):
        return spaces.Box(model.low.astype(dtype), model.high.astype(dtype), env.shape, dtype.type)


def _boxes(model: Space[Any], env: Space[Any], path: Path) -> Iterator[tuple[Path, spaces.Box, spaces.Box]]:
    if isinstance(model, spaces.Dict) and isinstance(env, spaces.Dict):
        for key, part in model.spaces.items():
            yield from _boxes(part, env.spaces[key], (*path, key))
    elif isinstance(model, spaces.Tuple) and isinstance(env, spaces.Tuple):
        for position, (model_part, env_part) in enumerate(zip(model.spaces, env.spaces, strict=True)):
            yield from _boxes(model_part, env_part, (*path, position))
    elif isinstance(model, spaces.Box) and isinstance(env, spaces.Box):
        yield path, model, env


def _ends(model: np.ndarray, env: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Find the elements of flat lower or upper bounds that differ, and those of them that are finite in both."""
    model, env = (np.asarray(bound, dtype=np.float64).reshape(-1) for bound in (model, env))
    endless, endless_in_env = np.abs(model) >= ENDLESS, np.abs(env) >= ENDLESS
    wrong = ~np.isclose(model, env, rtol=1e-5, atol=1e-7) & ~(endless & endless_in_env)
    return wrong, wrong & ~endless & ~endless_in_env


def _is_stacked(model_box: spaces.Box, env_box: spaces.Box) -> bool:
    """Whether a model's bounds are those that VecFrameStack declares for stacked vectors.

    It stacks `a b a b` and declares the bounds of `a a b b`.
    """
    if len(model_box.shape) != 1 or model_box.shape != env_box.shape or np.array_equal(model_box.low, env_box.low):
        return False
    times = [count for count in range(2, model_box.shape[0] + 1) if model_box.shape[0] % count == 0]
    return any(
        all(
            np.allclose(np.reshape(bound, (-1, count)).T.reshape(-1), other)
            for bound, other in ((model_box.low, env_box.low), (model_box.high, env_box.high))
        )
        for count in times
    )


def _is_whole(box: spaces.Box) -> bool:
    return np.dtype(box.dtype).kind in "biu"


def _interval(box: spaces.Box, element: int, kinds: bool) -> str:
    low, high = (float(bound.reshape(-1)[element]) for bound in (box.low, box.high))
    numbers = f" of {np.dtype(box.dtype).name}" if kinds else ""
    return f"[{low:g}, {high:g}]{numbers}"
