"""The HTML representation of objects in a notebook: `rltools` registers the renderer that classes call here.

The renderer imports the rooms of these classes, so they cannot import it.
"""

from __future__ import annotations

TYPE_CHECKING = False  # importing `typing` or `collections` takes long, and rltools itself imports this
if TYPE_CHECKING:
    from collections.abc import Callable

    Renderer = Callable[[object], str]

_load: list[Callable[[], Renderer]] = []


def render_with(load: Callable[[], Renderer]) -> None:
    """Register a renderer; `load` is called for the first object that is displayed."""
    _load[:] = [load]


def notebook_html(thing: object) -> str | None:
    """The HTML of an object; None lets the notebook print its repr."""
    return _load[0]()(thing) if _load else None
