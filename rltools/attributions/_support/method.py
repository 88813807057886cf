"""What every attribution method is: a pure function of a score and a batch of inputs."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from importlib import import_module
from math import prod
from pickle import PicklingError
from typing import Any, Literal, Protocol

import torch
from torch import Tensor, nn

from rltools._util.limits import MAX_PARAMETER, MAX_SEED, MAX_TEXT, in_digits
from rltools._util.short_repr import short_repr
from rltools.attributions._support.parameters import check_parameters
from rltools.errors import ArgumentError, MethodError, argument
from rltools.spaces.axes import is_image

Unit = Literal["score per unit", "score", "squared score", "share", "rank"]
Forwards = Callable[[int, int, Mapping[str, Any]], int]
Settings = Mapping[str, Any]
Fitting = Callable[[Sequence[int], Sequence[str], Settings], tuple[int, Settings]]
Separating = Callable[[Sequence[str], Settings], tuple[str, ...]]
NEEDS = ("gradient", "references", "image", "actions", "decision", "network", "convolution")


class TargetFunction(Protocol):
    """The explained scalars as a function of inputs; see `rltools.targets.Score`.

    Attributes:
        feature_ndim: how many axes a row's features have.
        dims: their names, "y" and "x" those of a picture.
        outputs: how many scalars there are, the targets.
        categorical: whether the scalars name what was decided, so that two of them are equal or not, and no more.
        most_copies: of a row's features, how many may go through the network at once.
        leave_one_out: whether `Result.without` is wanted; recordings keep it, and nothing else has a use for it.

    Example:
        >>> import torch
        >>> from rltools.testing import PlainFunction
        >>> score = PlainFunction(lambda x: x @ torch.tensor([[1.0], [-2.0]]), outputs=1)
        >>> score(torch.ones(3, 2)).shape
        torch.Size([3, 1])
        >>> score.gradients(torch.ones(1, 2)).tolist()
        [[[1.0, -2.0]]]
    """

    feature_ndim: int
    dims: tuple[str, ...]
    outputs: int
    categorical: bool
    most_copies: int
    leave_one_out: bool

    @property
    def network(self) -> nn.Module | None:
        """What is hooked by methods that look inside; None where the policy is a function."""
        ...

    def __call__(self, x: Tensor) -> Tensor:
        """`[batch, ..., *feature]` -> `[batch, ..., target]`."""
        ...

    def gradients(self, x: Tensor) -> Tensor:
        """Those of the scalars, `[target, batch, ..., *feature]`, without a graph."""
        ...

    def rows(self, index: Tensor) -> TargetFunction:
        """The score of some of the rows."""
        ...

    def actions(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Of a policy that chooses one of several actions: their scores, and the one that was chosen in each row.

        `[batch, ..., *feature]` -> `[batch, ..., action]` and int64 `[batch]`.
        """
        ...


@dataclass(frozen=True)
class Result:
    """What a method returns.

    Attributes:
        values: `[batch, target, *feature]`, signed.
        residual: `[batch, target]`, the part of the score's difference that the values leave unexplained.
        standard_error: `[batch, target, *feature]`, of values that were sampled.
        complete: bool `[batch]`, whether the values are as exact as the method promises.
        without: `[block, batch, target, *feature]`, the values without each block of what was drawn for all rows
            together, the references for instance: at least two blocks, from which summaries know how far another draw
            would move them. None where nothing was drawn, or where the score's `leave_one_out` does not ask for it.

    Example:
        >>> import torch
        >>> from rltools.attributions import Result
        >>> Result(torch.zeros(2, 1, 4), residual=torch.zeros(2, 1))
        Result(values=float32[2, 1, 4], residual=float32[2, 1])
    """

    values: Tensor
    residual: Tensor | None = None
    standard_error: Tensor | None = None
    complete: Tensor | None = None
    without: Tensor | None = None

    __repr__ = short_repr


@dataclass(frozen=True)
class Method:
    """An attribution method with what it declares about itself.

    Attributes:
        name: of the function, and of its file.
        unit: of the values; only "score per unit" is ever multiplied by a feature's standard deviation.
        needs: from "gradient"; "references", states to compare with; "image", a picture; "actions", a choice among
            several actions; "decision", the target `decision`; "network", a module to look inside; "convolution", one
            with a convolution.
        axioms: what `rltools.testing.check_attribution` checks. "linear": exact for a linear score, whose weights are
            the values in "score per unit", and weights times (state minus mean reference) in "score". "dummy": 0 for a
            feature that the score ignores. "complete": the values of a row sum to its score minus the references' mean
            score, but for the residual. "symmetric": equal features that are used equally get equal values.
            "invariant": two networks that compute the same function get the same values.
        forwards: passes through the network per row, given the numbers of players and of references, and its
            parameters.
        copies: of a row, how many the method holds at once, given the same; it is given as few rows at once as that
            asks for, and splits more than `score.most_copies` itself.
        fitting: what rows of a shape mean to it, given that, the names of its axes, and the parameters: how many
            features, groups of them or places it tells apart, its players, and the parameters with those filled in
            that follow from the shape.
        largest: the most players it takes; None for any number.
        separates: given the names of a row's axes and the parameters, the axes along which its values differ by what it
            found. Along the others a value is spread evenly, so that no more may be said of their entries than of all
            of them together.
        control: whether it looks at nothing that the policy does, and is there to be compared with; just these have
            the unit "rank".
        function: what computes it.

    Example:
        >>> from rltools.attributions import find_method
        >>> shapley = find_method("shapley")
        >>> shapley.unit, sorted(shapley.needs), shapley.largest
        ('score', ['reference'], 12)
        >>> sorted(shapley.axioms)
        ['complete', 'dummy', 'invariant', 'linear', 'symmetric']
    """

    name: str
    unit: Unit
    needs: frozenset[str]
    axioms: frozenset[str]
    forwards: Forwards
    copies: Forwards
    fitting: Fitting
    largest: int | None
    separates: Separating
    control: bool
    function: Callable[..., Result]

    def __reduce__(self) -> tuple[Callable[..., Method], tuple[str, ...]]:
        """Pickled by its import path, as functions are; a copy is the object itself, because it never changes.

        Raises:
            PicklingError: it is found at none.
        """
        if self.name.startswith("captum:"):
            return _method_named, (self.name,)
        place = self.function.__module__, self.function.__qualname__
        if place[0] not in sys.modules or _method_at(*place) is not self:
            raise PicklingError(
                f"the method {self.name} is not to be found as {'.'.join(place)}; declare it at the top of a module "
                f"that can be imported"
            )
        return _method_at, place

    def __copy__(self) -> Method:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Method:
        return self

    @property
    def description(self) -> str:
        """One line, the first of the function's docstring."""
        return (inspect.getdoc(self.function) or "").split("\n", 1)[0]

    @cached_property
    def defaults(self) -> dict[str, Any]:
        """The parameters it takes beside score, x and reference, with their defaults."""
        parameters = inspect.signature(self.function).parameters.values()
        keyword_only = [p for p in parameters if p.kind is p.KEYWORD_ONLY and p.name != "references"]
        return {parameter.name: parameter.default for parameter in keyword_only}

    def settings(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """The defaults, changed by `parameters`.

        Raises:
            ArgumentError: a parameter the method does not take, a value of another type than it declares, or a number
                far beyond what it can mean.
        """
        check_parameters(self.name, self.function, self.defaults, parameters)
        for name, value in parameters.items():
            _check_size(f"{name} of {self.name}", value, MAX_SEED if name == "seed" else MAX_PARAMETER)
        return self.defaults | parameters

    def passes(self, shape: Sequence[int], dims: Sequence[str], references: int, settings: Settings) -> int:
        """How often the network is asked for one row of this shape, whose axes have these names."""
        players, settled = self.fitting(shape, dims, settings)
        return self.forwards(players, references, settled)

    def held(self, shape: Sequence[int], dims: Sequence[str], references: int, settings: Settings) -> int:
        """How many copies of such a row are held at once."""
        players, settled = self.fitting(shape, dims, settings)
        return self.copies(players, references, settled)

    def __call__(
        self, score: TargetFunction, x: Tensor, *, references: Tensor | None = None, **parameters: Any
    ) -> Result:
        """Attribute the scores of rows `x [batch, *feature]`, and hold the method to its contract.

        Raises:
            ArgumentError: a reference is missing, or there are too many features for it.
            MethodError: the method returned another type or shape, or wrote into its input.
        """
        if x.ndim == 1:  # an observation that is one number
            return self._of_scalars(score, x, references, parameters)
        settings = self.settings(parameters)
        players, _ = self.fitting(x.shape[1:], score.dims, settings)
        if self.largest is not None and players > self.largest:
            raise ArgumentError(
                f"{self.name} takes up to {self.largest} features, and there are {players}; use sampled_shapley or "
                f"integrated_gradients, which take any number, or groups= of features"
            )
        if "references" in self.needs and references is None:
            raise ArgumentError(
                f"{self.name} compares each state with reference states and none were given; pass "
                f"{argument('references')}, for "
                f"instance some of the states the agent visits [reference, *feature]"
            )
        given = {"its input": x} | ({"its reference": references} if references is not None else {})
        before = {name: (_writes(tensor), tensor.requires_grad) for name, tensor in given.items()}
        # A caller's autocast is for the network, which the score sees to, and not for sums of many of its outputs.
        with torch.enable_grad(), torch.autocast(x.device.type, enabled=False):
            if "references" in self.needs:
                result = self.function(score, x, references=references, **settings)
            else:
                result = self.function(score, x, **settings)
        for name, tensor in given.items():
            if (_writes(tensor), tensor.requires_grad) != before[name]:
                raise MethodError(f"method {self.name} wrote into {name}; it must work on a copy")
        self._check(result, (len(x), score.outputs, *x.shape[1:]))
        return result

    def _of_scalars(
        self, score: TargetFunction, x: Tensor, references: Tensor | None, parameters: dict[str, Any]
    ) -> Result:
        """Observations of shape () as vectors of one entry."""
        from rltools.attributions._support.scalar import ScalarFunction

        others = None if references is None else references[:, None]
        found = self(ScalarFunction(score), x[:, None], references=others, **parameters)
        error = found.standard_error
        return replace(found, values=found.values[..., 0], standard_error=None if error is None else error[..., 0])

    def _check(self, result: Any, shape: tuple[int, ...]) -> None:
        if not isinstance(result, Result):
            raise MethodError(f"method {self.name} returned a {type(result).__name__}; it must return a Result")
        rows = shape[:2]
        wanted = {"values": shape, "standard_error": shape, "residual": rows, "complete": rows[:1], "without": shape}
        for name, expected in wanted.items():
            part = getattr(result, name)
            if part is None and name != "values":
                continue
            found = tuple(part.shape) if isinstance(part, Tensor) else type(part).__name__
            if name == "without" and isinstance(part, Tensor) and part.ndim and len(part) > 1:
                found = tuple(part.shape[1:])  # any number of blocks, but one
            if found != expected:
                raise MethodError(f"method {self.name} returned {name} of {found}; they must be of shape {expected}")
            if name != "complete" and not part.is_floating_point():
                raise MethodError(f"method {self.name} returned {name} of {part.dtype}; they must be floats")


def _check_size(name: str, value: Any, most: int) -> None:
    if isinstance(value, list | tuple):
        for entry in value:
            _check_size(name, entry, most)
    elif isinstance(value, str) and len(value) > MAX_TEXT:
        raise ArgumentError(f"{name} is a text of {len(value):,} characters; it must have at most {MAX_TEXT:,}")
    elif isinstance(value, int | float) and abs(value) > most:
        raise ArgumentError(f"{name} is {in_digits(value)}; it must be at most {most:,}")


def _method_at(module: str, name: str) -> Method:
    """What a pickled method comes back as."""
    place: Any = import_module(module)
    for part in name.split("."):
        place = getattr(place, part, None)
    return place  # type: ignore[no-any-return]  # a pickle says what was there


def _method_named(name: str) -> Method:
    """Likewise, a method of Captum."""
    found: Method = import_module("rltools.attributions").find_method(name)
    return found


def _writes(tensor: Tensor) -> int:
    """How often a tensor was written into, as torch counts; a comparison with a copy would cost as much as a small net.

    What is written behind torch's back is for `rltools.testing.check_attribution` to find.
    """
    return 0 if tensor.is_inference() else tensor._version


def every_feature(shape: Sequence[int], dims: Sequence[str], settings: Settings) -> tuple[int, Settings]:
    """Each feature by itself, or each group of them where these are given; see `Method.fitting`."""
    return len(settings.get("groups") or ()) or prod(shape), settings


def every_axis(dims: Sequence[str], settings: Settings) -> tuple[str, ...]:
    """Each feature has a value of its own; see `Method.separates`."""
    return tuple(dims)


def places(dims: Sequence[str], settings: Settings) -> tuple[str, ...]:
    """Of an image only its places, in all channels and frames; where there are groups, or no image, each feature."""
    return ("y", "x") if is_image(dims) and not settings.get("groups") else tuple(dims)


def method(
    *,
    unit: Unit,
    needs: Collection[str] = (),
    axioms: Collection[str] = (),
    forwards: Forwards,
    copies: Forwards | None = None,
    fitting: Fitting = every_feature,
    largest: int | None = None,
    separates: Separating = every_axis,
    control: bool = False,
) -> Callable[[Callable[..., Result]], Method]:
    """Declare a function to be the method of its file; see `Method` for what the arguments mean.

    Example:
        >>> import torch
        >>> from rltools.attributions import Result, method
        >>> from rltools.testing import check_attribution
        >>> @method(unit="score per unit", needs={"gradient"}, forwards=lambda features, references, settings: 2)
        ... def magnitude(score, x):
        ...     "How steep the score is, whichever way."
        ...     return Result(score.gradients(x).movedim(0, 1).abs())
        >>> magnitude.unit, magnitude.description
        ('score per unit', 'How steep the score is, whichever way.')
        >>> check_attribution(magnitude)
    """

    def declare(function: Callable[..., Result]) -> Method:
        if unknown := sorted(set(needs) - set(NEEDS)):
            raise MethodError(f"method {function.__name__} needs {', '.join(unknown)}; methods need {', '.join(NEEDS)}")
        if control != (unit == "rank"):
            raise MethodError(
                f"method {function.__name__} has the unit {unit!r} and control={control}; only the order of a "
                f"control's values means anything, so controls, and no other methods, have the unit 'rank'"
            )
        return Method(
            name=function.__name__,
            unit=unit,
            needs=frozenset(needs),
            axioms=frozenset(axioms),
            forwards=forwards,
            copies=copies or forwards,
            fitting=fitting,
            largest=largest,
            separates=separates,
            control=control,
            function=function,
        )

    return declare


def copies_at_once(most_copies: int, rows: int) -> int:
    """Of each of so many rows, where no more than `most_copies` fit together; at least one."""
    return max(1, most_copies // max(1, rows))


def gradients_at_once(score: TargetFunction, x: Tensor) -> int:
    """Of each row of `x [batch, *feature]`, where gradients are taken: each target has its own, as large as a copy."""
    return copies_at_once(score.most_copies, len(x) * score.outputs)
