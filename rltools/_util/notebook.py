"""How objects show themselves in a notebook: the classes ask here, and `rltools` itself says what draws them.

What draws an object imports the room of its class, so that class cannot import it back.
"""

from __future__ import annotations

from collections.abc import Callable

Renderer = Callable[[object], str]

_load: list[Callable[[], Renderer]] = []


def render_with(load: Callable[[], Renderer]) -> None:
    """Say what draws objects; `load` is called when the first of them is shown."""
    _load[:] = [load]


def notebook_html(shown: object) -> str | None:
    """The HTML of an object; None leaves it to the notebook, which then prints it."""
    return _load[0]()(shown) if _load else None
