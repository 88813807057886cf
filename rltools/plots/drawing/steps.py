"""Links from what a plot draws to the steps behind it, which a page follows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal
from weakref import WeakKeyDictionary

import numpy as np

from rltools.errors import ArgumentError

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.collections import Collection
    from matplotlib.figure import Figure


@dataclass(frozen=True, eq=False)
class Link:
    """What an element of a plot stands for.

    Attributes:
        kind: `dots` are steps, the k-th mark the k-th of them; a `span` is an x range, in which x is the step of an
            episode; `rows` are features, the k-th at y = k.
        episode: int64 `[mark]`, numbers of episodes; a single one of a span, none of rows.
        step: int64 `[mark]`, a step of each; the first and the last of a span.
        names: of the features of rows, from y = 0 on.
        axes: the axes of a span or of rows.
    """

    kind: Literal["dots", "span", "rows"]
    episode: np.ndarray
    step: np.ndarray
    names: tuple[str, ...] = ()
    axes: Axes | None = field(default=None, repr=False)


_LINKS: WeakKeyDictionary[Any, dict[str, Link]] = WeakKeyDictionary()


def linked(figure: Figure) -> dict[str, Link]:
    """What the elements of a figure stand for, by their gid, in the order in which they were linked."""
    return dict(_LINKS.get(figure, {}))


def link_dots(marks: Collection | Sequence[Artist], episodes: np.ndarray, steps: np.ndarray) -> None:
    """Link marks of a plot to steps: hovering the k-th one shows that step.

    Args:
        marks: a collection, such as `axes.scatter` returns, or separate artists, such as the bars of `axes.barh`.
        episodes: int64 `[mark]`, the number of the episode behind each mark.
        steps: int64 `[mark]`, the step in it; of a bar one that represents it.

    Raises:
        ArgumentError: there are more marks than steps, or fewer.

    Example:
        >>> import numpy as np
        >>> from matplotlib.figure import Figure
        >>> from rltools.plots.drawing.steps import link_dots, linked
        >>> axes = Figure().subplots()
        >>> link_dots(axes.scatter([1, 2], [3, 4]), np.array([0, 0]), np.array([7, 12]))
        >>> linked(axes.figure)["dots-0"].step.tolist()
        [7, 12]
    """
    from matplotlib.collections import Collection

    episodes, steps = np.asarray(episodes, np.int64), np.asarray(steps, np.int64)
    count = len(np.ma.getdata(marks.get_offsets())) if isinstance(marks, Collection) else len(marks)
    if not count == len(episodes) == len(steps):
        raise ArgumentError(
            f"{count} marks are linked to {len(episodes)} episodes and {len(steps)} steps; give one step for each mark"
        )
    if isinstance(marks, Collection):
        # Marks without a position are not drawn.
        drawn = np.isfinite(np.ma.filled(np.ma.asarray(marks.get_offsets(), float), np.nan)).all(axis=1)
        _add(marks, Link("dots", episodes[drawn], steps[drawn]))
    else:
        for index, mark in enumerate(marks):
            _add(mark, Link("dots", episodes[[index]], steps[[index]]))


def link_span(axes: Axes, episode: int, steps: int) -> None:
    """Link the x range of axes to the time of an episode: at x = 40 is its step 40.

    Args:
        axes: axes or a panel of a plot.
        episode: the number of the episode.
        steps: how many steps it has.

    Example:
        >>> from matplotlib.figure import Figure
        >>> from rltools.plots.drawing.steps import link_span, linked
        >>> axes = Figure().subplots()
        >>> link_span(axes, 3, steps=200)
        >>> linked(axes.figure)["span-0"].step.tolist()
        [0, 199]
    """
    _add(axes, Link("span", np.array([episode]), np.array([0, max(steps - 1, 0)]), axes=axes))


def link_rows(axes: Axes, names: Sequence[str]) -> None:
    """Link rows of axes to features: the k-th name is that of the row at y = k.

    Args:
        axes: axes or a panel of a plot, with a row at each of y = 0, 1, ...
        names: the features' full names.

    Example:
        >>> from matplotlib.figure import Figure
        >>> from rltools.plots.drawing.steps import link_rows, linked
        >>> axes = Figure().subplots()
        >>> link_rows(axes, ["pole angle", "cart position"])
        >>> linked(axes.figure)["rows-0"].names
        ('pole angle', 'cart position')
    """
    none = np.empty(0, np.int64)
    _add(axes.yaxis, Link("rows", none, none, tuple(names), axes))


def _add(artist: Artist, link: Link) -> None:
    figure = artist.get_figure(root=True)
    if figure is None:
        raise ArgumentError(f"{artist} is in no figure; link marks after they are drawn")
    links = _LINKS.setdefault(figure, {})
    gid = f"{link.kind}-{len(links)}"
    artist.set_gid(gid)
    links[gid] = link
