"""The script of a report's pages and the data that it reads, as markup."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from rltools.pages.replay._encode import script_json
from rltools.pages.replay._script import inlined
from rltools.pages.report._bars import Bars
from rltools.pages.report._player import Player

if TYPE_CHECKING:
    from markupsafe import Markup

_ENTRY = "report"
"""The first module; its imports lead to all others."""


@cache
def page_script() -> str:
    """The modules of the page, and those of the replay that they import, as one script."""
    return inlined(_ENTRY, _module)


def _module(name: str) -> str:
    pages = files("rltools.pages")
    own = pages.joinpath("report", "page", f"{name}.js")
    return (own if own.is_file() else pages.joinpath("replay", "page", f"{name}.js")).read_text(encoding="utf-8")


def script_markup() -> Markup:
    """The script as it stands in a page."""
    from markupsafe import Markup

    return Markup(page_script())  # noqa: S704  the package's own files


def json_markup(content: Mapping[str, Any]) -> Markup:
    """Data as it stands in a script element; nothing in it can end the element."""
    from markupsafe import Markup

    return Markup(script_json(dict(content)))  # noqa: S704  `script_json` escapes what could be markup


def episode_scripts(player: Player | None) -> list[tuple[int, Markup]]:
    """The number of each episode, and its steps."""
    return [] if player is None else [(int(each["number"]), json_markup(each)) for each in player.episodes]


def first_step(bars: Iterable[Bars | None], player: Player | None) -> str:
    """The step that the player shows at first, that of the first bar of the page that has one: `12:79`."""
    for each in bars:
        for bar in each.rows if each else ():
            if bar.step:
                return f"{bar.step.episode}:{bar.step.step}"
    return f"{player.episodes[0]['number']}:0" if player and player.episodes else ""
