"""Examples of docstrings: where they are, and whether what they print is what they show."""

from __future__ import annotations

import doctest
import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from functools import cache
from types import ModuleType
from typing import Any

import rltools

ROOMS = (
    "rltools",
    "rltools.attributions",
    "rltools.errors",
    "rltools.integrations",
    "rltools.metrics",
    "rltools.plots",
    "rltools.plots.drawing.alt",
    "rltools.policies.base",
    "rltools.policies.decide",
    "rltools.experiments.publish",
    "rltools.testing",
    "rltools.testing.truth",
    "rltools.wrappers",
)
"""Modules whose public names the documentation imports."""
NAMES = (
    "rltools.spaces.Part",
    "rltools.plots.drawing.style.within_page",
    "rltools.recording.Advantages",
    "rltools.recording.AttributionSpec",
    "rltools.recording.DamagedFileWarning",
    "rltools.recording.Header",
    "rltools.recording.Outcome",
    "rltools.recording.advantages",
    "rltools.recording.margins",
)
"""Further names in the documentation, and what public functions return."""
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
NUMBER = re.compile(r"(?<![\w.])[-−+]?(?:\d+\.\d*|\.\d+|\d+)(?:e[-+]?\d+)?(?![\w])")


class Checker(doctest.OutputChecker):
    """Compares texts as they are, and numbers to the digits that stand there: floats differ from machine to machine."""

    def check_output(self, want: str, got: str, optionflags: int) -> bool:
        """Whether `got` is what `want` shows."""
        if super().check_output(want, got, optionflags):
            return True
        wanted, printed = NUMBER.findall(want), NUMBER.findall(got)
        if len(wanted) != len(printed) or not all(map(same_number, wanted, printed)):
            return False
        return super().check_output(NUMBER.sub("0", want), NUMBER.sub("0", got), optionflags)


def same_number(want: str, got: str) -> bool:
    """Whether two numbers are the same to the digits of the first; whole ones are the same or not."""
    want, got = want.replace("−", "-"), got.replace("−", "-")
    digits = re.fullmatch(r"[-+]?\d*\.(\d*)(?:e([-+]?\d+))?", want)
    if digits is None:
        return want == got or ("." in got and float(want) == float(got))
    last = 10.0 ** (int(digits[2] or 0) - len(digits[1]))
    return abs(float(want) - float(got)) <= 1.001 * last


@cache
def modules() -> list[ModuleType]:
    """The package and every module in it."""
    names = [module.name for module in pkgutil.walk_packages(rltools.__path__, "rltools.")]
    own = [name for name in names if not name.startswith(("rltools._content", "rltools.__main__"))]
    return [rltools, *map(importlib.import_module, own)]


@cache
def public() -> dict[str, Any]:
    """Everything public that can be called, by a name to import it by; methods and metrics by their function."""
    callables: dict[str, Any] = {}
    for room in ROOMS:
        module = importlib.import_module(room)
        names = getattr(module, "__all__", None) or [
            name for name, thing in vars(module).items() if getattr(thing, "__module__", None) == room
        ]
        for name in names:
            thing = getattr(module, name)
            if callable(thing) and not name.startswith("_"):
                callables.setdefault(f"{room}.{name}", thing)
    from rltools.attributions import find_method, method_names

    for full in NAMES:
        room, _, name = full.rpartition(".")
        callables[full] = getattr(importlib.import_module(room), name)
    from rltools.metrics import find_metric, metric_names

    callables |= {f"rltools.metrics.{name}": find_metric(name) for name in metric_names()}
    return callables | {f"rltools.attributions.{name}": find_method(name) for name in method_names()}


def documented(thing: Any) -> str:
    """The docstring of something public; of an attribution method that of its function."""
    return inspect.getdoc(_own(thing)) or ""


def _own(thing: Any) -> Any:
    """The function of an attribution method; anything else as it is, also a class that has a `function`."""
    return thing if isinstance(thing, type) else getattr(thing, "function", thing)


def examples() -> Iterator[doctest.DocTest]:
    """Every docstring with an example, that of private helpers included."""
    finder = doctest.DocTestFinder(exclude_empty=True)
    published = {id(_own(thing)) for thing in public().values()}
    for module in modules():
        for test in finder.find(module, module.__name__):
            yield _with_names(test, module, published)
    from rltools.attributions import find_method, method_names

    for name in method_names():  # a method is no function, and so none that the finder looks into
        yield from finder.find(find_method(name).function, f"rltools.attributions.{name}", globs={})
    from rltools.metrics import find_metric, metric_names

    for name in metric_names():
        yield from finder.find(find_metric(name).function, f"rltools.metrics.{name}", globs={})


def _with_names(test: doctest.DocTest, module: ModuleType, published: set[int]) -> doctest.DocTest:
    """What is public is imported by its example; helpers know the names around them."""
    thing: Any = module
    for part in test.name.removeprefix(module.__name__).split(".")[1:]:
        thing = getattr(thing, part, None)
    test.globs = {} if id(thing) in published or thing is rltools else dict(vars(module))
    return test
