"""A condition that is put together term by term, and checked at every call of a network."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Condition:
    """Terms that must all be true, as one function: a loop over the modules of a small network takes longer.

    Terms are texts of this package alone; what they are about is passed by its value.
    """

    def __init__(self) -> None:
        self._terms: list[str] = []
        self._values: dict[int, Any] = {}

    def require(self, term: str, *values: Any) -> None:
        """Add a term: an expression in which `{0}`, `{1}`, ... stand for values."""
        self._values |= {id(value): value for value in values}  # kept alive, and so no other object gets its id
        self._terms.append(term.format(*(f"v{id(value)}" for value in values)))

    def compiled(self) -> Callable[[], bool]:
        """A function that says whether every term is true at the time it is called."""
        names = {f"v{number}": value for number, value in self._values.items()}
        # As defaults of arguments, values are local variables, which are the fastest to read.
        arguments = ", ".join(f"{name}={name}" for name in names)
        text = f"lambda {arguments}: {' and '.join(self._terms) or 'True'}"
        function: Callable[[], bool] = eval(compile(text, __file__, "eval"), names)  # noqa: S307  as dataclasses are made
        return function
