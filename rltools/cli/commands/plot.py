"""`rltools plot`: a plot of a recording."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from rltools._util.console import say
from rltools.cli.app import SHOW, app
from rltools.cli.options import (
    OfEpisode,
    PlotOut,
    Run,
    Shown,
    ShownTarget,
    Top,
)
from rltools.errors import ArgumentError, PluginError


@app.command(rich_help_panel=SHOW, epilog="Example: `rltools plot runs/lunarlander-ppo beeswarm --out beeswarm.png`")
def plot(
    run: Run,
    name: Annotated[str, typer.Argument(help="See `rltools list plots`.")],
    *,
    method: Shown = None,
    target: ShownTarget = None,
    episode: OfEpisode = None,
    top: Top = None,
    out: PlotOut = None,
) -> None:
    """Draw a plot of a recording; the ending of --out decides the format (png, svg, pdf)."""
    options = {"method": method, "target": target, "episode": episode, "top": top}
    say(f"Drawn in {drawn(run, name, out, options)}")


def drawn(run: Path, name: str, out: Path | None, options: dict[str, Any]) -> Path:
    """Draw a plot of the recording in a folder, with those options that are not None; returns its path.

    Raises:
        UnknownNameError: no such plot.
        PluginError: one of another package that cannot be loaded.
        ArgumentError: an option that this plot does not take, or an ending that is no format.
        RltoolsError: whatever the plot raises.
    """
    from matplotlib.backend_bases import FigureCanvasBase

    from rltools import plots
    from rltools._util.files import atomic_write, os_errors_as
    from rltools.recording import open_recording
    from rltools.recording.folders import folder_name

    plot = plots.find_plot(name)
    given = {option: value for option, value in options.items() if value is not None}
    for option in given:
        if option not in _taken(plot):
            takers = ", ".join(other for other in plots.plot_names() if option in _taken_by(other))
            raise ArgumentError(f"the plot {name} has no --{option}; these have: {takers or 'none'}")
    slug = folder_name("-".join([name, *map(str, given.values())]))
    path = out or run / "plots" / f"{slug}.png"
    kind, known = path.suffix.removeprefix(".").lower(), FigureCanvasBase.get_supported_filetypes()
    if kind not in known:
        raise ArgumentError(f"--out {path} ends in {path.suffix!r}; it can end in {', '.join(sorted(known))}")
    figure = plot(open_recording(run), **given).get_figure(root=True)
    with os_errors_as(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path) as temporary:
            figure.savefig(temporary, format=kind, dpi=200)
    return path


def _taken_by(name: str) -> set[str]:
    """The options of a plot; none of one that another package broke."""
    from rltools import plots

    try:
        return _taken(plots.find_plot(name))
    except PluginError:
        return set()


def _taken(plot: Callable[..., Any]) -> set[str]:
    taken = inspect.signature(plot).parameters
    every = any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in taken.values())
    return {*taken, "method", "target", "episode", "top"} if every else set(taken)
