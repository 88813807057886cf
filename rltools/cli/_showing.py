"""The commands that show what is there already; each only calls what a script would call."""

from __future__ import annotations

from typing import Annotated

import typer

from rltools.cli._app import app
from rltools.cli._options import (
    Import,
    NoFrames,
    OfEpisode,
    PageOut,
    PlotOut,
    Run,
    Shown,
    ShownTarget,
    Top,
    imported,
)


@app.command(epilog="Example: `rltools plot runs/lunarlander-ppo beeswarm --out beeswarm.png`")
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
    from rltools.cli._plotting import drawn

    options = {"method": method, "target": target, "episode": episode, "top": top}
    typer.echo(f"Drawn in {drawn(run, name, out, options)}")


@app.command(epilog="Example: `rltools replay runs/lunarlander-ppo 3 --out landing.html`")
def replay(
    run: Run,
    episode: Annotated[int, typer.Argument(help="Number of the episode.")],
    *,
    method: Shown = None,
    target: ShownTarget = None,
    out: PageOut = None,
    modules: Import = None,
    no_frames: NoFrames = False,
) -> None:
    """Write one episode as a page to play and scrub through; its pictures are drawn where there are none yet."""
    from rltools.recording import open_recording
    from rltools.replaying import replay_episode

    imported(modules)
    recording = open_recording(run)
    path = replay_episode(
        recording, episode, out, method=method, target=target, frames=not no_frames, modules=modules or ()
    )
    typer.echo(f"Open {path}")


@app.command("list", epilog="Example: `rltools list methods`")
def list_(
    room: Annotated[
        str | None, typer.Argument(help="agents, envs, experiments, methods or plots; all by default.")
    ] = None,
) -> None:
    """Show agents, environments, experiments, methods and plots, one line each."""
    from rltools.cli._listing import listing

    typer.echo(listing(room))


@app.command(epilog="Example: `rltools inspect model.zip`")
def inspect(
    path: Annotated[str, typer.Argument(help="A model's .zip, the folder of a recording, or an agent's name.")],
) -> None:
    """Say what is in a model or in a recording, without executing anything."""
    from rltools.cli._inspecting import inspection

    text, whole = inspection(path)
    typer.echo(text)
    if not whole:
        raise typer.Exit(1)
