"""The class of attribution methods: pure functions of a target function and a batch of inputs, with declarations."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass, replace
from functools import cached_property
from importlib import import_module
from math import prod
from pickle import PicklingError
from typing import Any, Literal, get_args

import torch
from torch import Tensor

from rltools._util.text import first_line
from rltools.attributions._support.image import grid_size
from rltools.attributions._support.parameters import check_parameters
from rltools.attributions._support.result import Cost, CostFunction, Result, Settings
from rltools.attributions._support.scalar import ScalarFunction
from rltools.attributions._support.units import Unit, is_control
from rltools.errors import ArgumentError, MethodError, argument
from rltools.spaces.axes import is_image
from rltools.targets.function import TargetFunction

NEEDS = ("gradient", "references", "image", "actions", "decision", "network", "convolution")
Parts = Literal["feature", "pixel", "place"]


@dataclass(frozen=True)
class Method:
    """An attribution method with its declarations.

    Attributes:
        name: of the function, and of its file.
        unit: of the values. A method in `Unit.RANK` is a control: it ignores the policy.
        needs: from "gradient"; "references", states to compare with; "image", an image; "actions", a choice among
            several actions; "decision", the target `decision`; "network", a module to look inside; "convolution", one
            with a convolution.
        axioms: what `rltools.testing.check_attribution` checks. "linear": exact for a linear target function, whose
            weights are the values per unit, and weights times (state minus mean reference) otherwise. "dummy": 0 for a
            feature that the function ignores. "complete": the values of a row sum to its target value minus the
            references' mean, but for the residual. "symmetric": equal features that are used equally get equal values.
            "invariant": two networks that compute the same function get the same values.
        cost: the cost of a row, given the number of parts of a row, the number of references and the parameters. It is
            declared as a number of passes through the network, or as a function of these three to that or to `Cost`.
        parts: the parts of an image without groups that get a value of their own: each "feature"; each "pixel", or each
            "place" of a grid with its parameter `stride`, both spread evenly over channels and frames. The parts of
            rows that are not images are features; groups, if there are any, replace all of these.
        largest: the most parts it takes; None for any number.
        function: computes it.

    Example:
        >>> from rltools.attributions import find_method
        >>> shapley = find_method("shapley")
        >>> str(shapley.unit), sorted(shapley.needs), shapley.largest
        ('score', ['references'], 12)
        >>> sorted(shapley.axioms)
        ['complete', 'dummy', 'invariant', 'linear', 'symmetric']
    """

    name: str
    unit: Unit
    needs: frozenset[str]
    axioms: frozenset[str]
    cost: Callable[[int, int, Settings], Cost]
    parts: Parts
    largest: int | None
    function: Callable[..., Result]

    def __reduce__(self) -> tuple[Callable[..., Method], tuple[str, ...]]:
        """Pickle it by its import path, as functions are; a copy is the object itself, because it never changes.

        Raises:
            PicklingError: it has no import path.
        """
        if self.name.startswith("captum:"):
            return _method_named, (self.name,)
        path = self.function.__module__, self.function.__qualname__
        if path[0] not in sys.modules or _method_at(*path) is not self:
            raise PicklingError(
                f"the method {self.name} is not found as {'.'.join(path)}; declare it at the top of a module "
                f"that can be imported"
            )
        return _method_at, path

    def __copy__(self) -> Method:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Method:
        return self

    @property
    def description(self) -> str:
        """The first line of the function's docstring."""
        return first_line(self.function)

    @property
    def control(self) -> bool:
        """Whether it ignores the policy, and only serves as a comparison."""
        return is_control(self.unit)

    @cached_property
    def defaults(self) -> dict[str, Any]:
        """The parameters it takes besides the function, x and references, with their defaults."""
        parameters = inspect.signature(self.function).parameters.values()
        keyword_only = [p for p in parameters if p.kind is p.KEYWORD_ONLY and p.name != "references"]
        return {parameter.name: parameter.default for parameter in keyword_only}

    def settings(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """The defaults, updated by `parameters`.

        Raises:
            ArgumentError: a parameter the method does not take, a value of another type than it declares, or a number
                far beyond what it can mean.
        """
        check_parameters(self.name, self.function, self.defaults, parameters)
        return self.defaults | parameters

    def count_parts(self, shape: Sequence[int], dims: Sequence[str], settings: Settings) -> int:
        """How many parts of a row it tells apart: features, groups of them, or places of an image.

        Args:
            shape: of a row.
            dims: names of its axes.
            settings: all parameters; a stride below 1, which the method refuses, counts as 1.
        """
        if settings.get("groups"):
            return len(settings["groups"])
        if self.parts == "place" and is_image(dims):
            return prod(grid_size(shape, dims, max(1, settings["stride"])))
        return prod(shape)

    def cost_of_row(self, shape: Sequence[int], dims: Sequence[str], references: int, settings: Settings) -> Cost:
        """The passes and copies that a row of this shape takes; `dims` are the names of its axes."""
        if settings.get("replacement", "") is None:
            settings = {**settings, "replacement": usual_replacement(dims)}
        return self.cost(self.count_parts(shape, dims, settings), references, settings)

    def separates(self, dims: Sequence[str], settings: Settings) -> tuple[str, ...]:
        """The axes along which values are measured separately; along the others a value is spread evenly.

        So elements along the others can only be judged together.
        """
        spread = self.parts != "feature" and is_image(dims) and not settings.get("groups")
        return ("y", "x") if spread else tuple(dims)

    def __call__(self, f: TargetFunction, x: Tensor, *, references: Tensor | None = None, **parameters: Any) -> Result:
        """Attribute the target values of rows `x [batch, *feature]`, and hold the method to its contract.

        Raises:
            ArgumentError: references are missing, or there are too many features for it.
            MethodError: the method returned another type or shape, or wrote into its input.
        """
        return self.with_settings(f, x, references, self.settings(parameters))

    def with_settings(
        self, f: TargetFunction, x: Tensor, references: Tensor | None, settings: Mapping[str, Any]
    ) -> Result:
        """The same for a caller that has all parameters, as `settings` returns them."""
        if x.ndim == 1:  # an observation that is one number
            return self._of_scalars(f, x, references, settings)
        if self.largest is not None:
            parts = self.count_parts(x.shape[1:], f.dims, settings)
            if parts > self.largest:
                raise ArgumentError(
                    f"{self.name} takes up to {self.largest} features, and there are {parts}; use sampled_shapley or "
                    f"integrated_gradients, which take any number, or groups= of features"
                )
        if "references" in self.needs and references is None:
            raise ArgumentError(
                f"{self.name} compares each state with reference states and none were given; pass "
                f"{argument('references')}, for "
                f"instance some of the states the agent visits [reference, *feature]"
            )
        before = _state(x), None if references is None else _state(references)
        # A caller's autocast is meant for the network, where the target function applies it, not for sums of outputs.
        with _without_autocast(x):
            result = self.unchecked(f, x, references, settings)
        after = _state(x), None if references is None else _state(references)
        if after != before:
            name = "its input" if after[0] != before[0] else "its reference"
            raise MethodError(f"method {self.name} wrote into {name}; it must work on a copy")
        self._check(result, (x.shape[0], f.outputs, *x.shape[1:]))
        return result

    def unchecked(self, f: TargetFunction, x: Tensor, references: Tensor | None, settings: Mapping[str, Any]) -> Result:
        """Call the function with all its parameters, for rows like those that `__call__` has checked before."""
        if "references" in self.needs:
            return self.function(f, x, references=references, **settings)
        return self.function(f, x, **settings)

    def _of_scalars(
        self, f: TargetFunction, x: Tensor, references: Tensor | None, settings: Mapping[str, Any]
    ) -> Result:
        """Attributions of observations of shape (), as vectors of one element."""
        vectors = None if references is None else references[:, None]
        result = self.with_settings(ScalarFunction(f), x[:, None], vectors, settings)
        error = result.standard_error
        return replace(result, values=result.values[..., 0], standard_error=None if error is None else error[..., 0])

    def _check(self, result: Any, shape: tuple[int, ...]) -> None:
        if not isinstance(result, Result):
            raise MethodError(f"method {self.name} returned a {type(result).__name__}; it must return a Result")
        rows = shape[:2]
        shapes = {"values": shape, "standard_error": shape, "residual": rows, "complete": rows[:1], "without": shape}
        for name, expected in shapes.items():
            part = getattr(result, name)
            if part is None and name != "values":
                continue
            actual = tuple(part.shape) if isinstance(part, Tensor) else type(part).__name__
            if name == "without" and isinstance(part, Tensor) and part.ndim and len(part) > 1:
                actual = tuple(part.shape[1:])  # any number of blocks, but one
            if actual != expected:
                raise MethodError(f"method {self.name} returned {name} of {actual}; they must be of shape {expected}")
            if name != "complete" and not part.is_floating_point():
                raise MethodError(f"method {self.name} returned {name} of {part.dtype}; they must be floats")


def _without_autocast(x: Tensor) -> AbstractContextManager[Any]:
    """With gradients and without autocast on the device of x; nothing is entered where that is so already."""
    if torch.is_grad_enabled() and not torch.is_autocast_enabled("cpu" if x.is_cpu else x.device.type):
        return _AS_IT_IS
    contexts = ExitStack()
    contexts.enter_context(torch.enable_grad())
    contexts.enter_context(torch.autocast(x.device.type, enabled=False))
    return contexts


_AS_IT_IS: AbstractContextManager[None] = nullcontext()


def _method_at(module: str, name: str) -> Method:
    """Load a pickled method."""
    value: Any = import_module(module)
    for part in name.split("."):
        value = getattr(value, part, None)
    return value  # type: ignore[no-any-return]  # the pickle names a method


def _method_named(name: str) -> Method:
    """Load a pickled method of Captum."""
    method_of_captum: Method = import_module("rltools.attributions").find_method(name)
    return method_of_captum


def _state(tensor: Tensor) -> tuple[int, bool]:
    """How often a tensor was written into, as torch counts, and whether it requires a gradient.

    A comparison with a copy would cost as much as a small net. Writes that torch does not count are detected by
    `rltools.testing.check_attribution`.
    """
    return 0 if tensor.is_inference() else tensor._version, tensor.requires_grad


def _cost_function(declared: int | CostFunction) -> Callable[[int, int, Settings], Cost]:
    def cost(parts: int, references: int, settings: Settings) -> Cost:
        value = declared(parts, references, settings) if callable(declared) else declared
        passes, copies = value if isinstance(value, Cost) else (value, 0)
        return Cost(passes, copies or passes)

    return cost


def usual_replacement(dims: Sequence[str]) -> str:
    """The replacement of parts if a method's parameter is None: "blur" for an image, else "resample"."""
    return "blur" if is_image(dims) else "resample"


def method(
    *,
    unit: Unit | str,
    cost: int | CostFunction,
    needs: Collection[str] = (),
    axioms: Collection[str] = (),
    parts: Parts = "feature",
    largest: int | None = None,
) -> Callable[[Callable[..., Result]], Method]:
    """Declare a function to be the method of its file; see `Method` for what the arguments mean.

    Example:
        >>> import torch
        >>> from rltools.attributions import Result, method
        >>> from rltools.testing import check_attribution
        >>> @method(unit="score per unit", needs={"gradient"}, cost=2)
        ... def magnitude(f, x):
        ...     "How steep the target function is, in either direction."
        ...     return Result(f.gradients(x).movedim(0, 1).abs())
        >>> str(magnitude.unit), magnitude.description
        ('score per unit', 'How steep the target function is, in either direction.')
        >>> check_attribution(magnitude)
    """

    def declare(function: Callable[..., Result]) -> Method:
        name = function.__name__
        if unknown := sorted(set(needs) - set(NEEDS)):
            raise MethodError(f"method {name} needs {', '.join(unknown)}; methods need {', '.join(NEEDS)}")
        if unit not in list(Unit):
            raise MethodError(f"method {name} has the unit {unit!r}; units are {', '.join(map(repr, map(str, Unit)))}")
        if parts not in get_args(Parts):
            raise MethodError(
                f"method {name} has the parts {parts!r}; they are {', '.join(map(repr, get_args(Parts)))}"
            )
        return Method(
            name=name,
            unit=Unit(unit),
            needs=frozenset(needs),
            axioms=frozenset(axioms),
            cost=_cost_function(cost),
            parts=parts,
            largest=largest,
            function=function,
        )

    return declare
