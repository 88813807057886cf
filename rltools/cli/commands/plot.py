"""`rltools plot`: draw a plot of a recording."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from rltools._util.console import say
from rltools.cli.app import SHOW, app
from rltools.cli.completion import complete_plots
from rltools.cli.options import (
    Heading,
    PlotEpisode,
    PlotOut,
    Points,
    RecordedAblation,
    RecordedMethod,
    RecordedTarget,
    Run,
    Top,
    Width,
)
from rltools.errors import ArgumentError, PluginError

_INCHES = {"": 1.0, "in": 1.0, "cm": 1 / 2.54, "mm": 1 / 25.4, "pt": 1 / 72.27}


@app.command(
    rich_help_panel=SHOW,
    epilog="Examples: `rltools plot runs/lunarlander-ppo beeswarm --out beeswarm.png`, "
    "`rltools plot runs/lunarlander-ppo losses --width 3.3in --out losses.pdf`",
)
def plot(
    run: Run,
    name: Annotated[str, typer.Argument(help="A plot; see `rltools list plots`.", autocompletion=complete_plots)],
    *,
    method: RecordedMethod = None,
    target: RecordedTarget = None,
    ablation: RecordedAblation = None,
    episode: PlotEpisode = None,
    top: Top = None,
    width: Width = None,
    points: Points = None,
    caption: Heading = None,
    out: PlotOut = None,
) -> None:
    """Draw a plot of a recording; the ending of --out sets the format (png, svg, pdf)."""
    from rltools.plots.drawing.paper import PAPER_POINTS, paper

    options = {"method": method, "target": target, "ablation": ablation, "episode": episode, "top": top}
    if width is None and points is None and caption is not False:
        path, _ = draw(run, name, out, options)
        say(f"Open {path}")
        return
    with paper(None if width is None else inches(width), points=points or PAPER_POINTS, caption=bool(caption)):
        path, text = draw(run, name, out, options)
    if not caption:
        say(f"For its caption: {text}")
    say(f"Open {path}")


def inches(length: str) -> float:
    """A length such as `3.3in`, `84mm`, `8.4cm` or `240pt` in inches; a number alone is in inches.

    Raises:
        ArgumentError: it is something else.
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*([a-z]*)\s*", length.lower())
    if match is None or match[2] not in _INCHES:
        raise ArgumentError(f"--width {length!r} is no length; give it as 3.3in, 84mm, 8.4cm or 240pt")
    return float(match[1]) * _INCHES[match[2]]


def draw(run: Path, name: str, out: Path | None, options: dict[str, Any]) -> tuple[Path, str]:
    """Draw a plot of the recording in a folder, with the options that are not None; returns its path and caption.

    Raises:
        UnknownNameError: there is no such plot.
        PluginError: the plot of another package cannot be loaded.
        ArgumentError: the plot does not have an option, or the path does not end in a format.
        RltoolsError: an error of the plot.
    """
    from matplotlib.backend_bases import FigureCanvasBase

    from rltools import plots
    from rltools._util.files import atomic_write, os_errors_as
    from rltools.plots.drawing.paper import current_paper
    from rltools.recording import open_recording
    from rltools.recording.folders import folder_name

    plot = plots.find_plot(name)
    chosen = {option: value for option, value in options.items() if value is not None}
    for option in chosen:
        if option not in _options(plot):
            takers = ", ".join(other for other in plots.plot_names() if option in _options_of_plot(other))
            raise ArgumentError(f"the plot {name} has no --{option}; these have: {takers or 'none'}")
    slug = folder_name("-".join([name, *map(str, chosen.values())]))
    path = out or run / "plots" / f"{slug}.png"
    kind, formats = path.suffix.removeprefix(".").lower(), FigureCanvasBase.get_supported_filetypes()
    if kind not in formats:
        raise ArgumentError(f"--out {path} ends in {path.suffix!r}; use {', '.join(sorted(formats))}")
    recording = open_recording(run)
    if "episode" in chosen:
        chosen["episode"] = recording.number_of(chosen["episode"])
    axes = plot(recording, **chosen)
    figure = axes.get_figure(root=True)
    with os_errors_as(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path) as temporary:
            figure.savefig(temporary, format=kind, dpi=200 if current_paper() is None else 300)
    return path, plots.caption(axes)


def _options_of_plot(name: str) -> set[str]:
    """The options of a plot; none if it is in a package that cannot be loaded."""
    from rltools import plots

    try:
        return _options(plots.find_plot(name))
    except PluginError:
        return set()


def _options(plot: Callable[..., Any]) -> set[str]:
    names = inspect.signature(plot).parameters
    takes_all = any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in names.values())
    return {*names, "method", "target", "episode", "top"} if takes_all else set(names)
