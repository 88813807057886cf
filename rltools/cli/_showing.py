"""The commands that show what is there already; each only calls what a script would call."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from rltools._util.console import say, say_each
from rltools.cli._app import app
from rltools.cli._options import (
    Beside,
    Import,
    NoFrames,
    OfEpisode,
    PageOut,
    PlotOut,
    Replayed,
    Run,
    Shown,
    ShownTarget,
    Speed,
    Top,
    VideoOut,
    imported,
    page_path,
)
from rltools.errors import ArgumentError


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
    say(f"Drawn in {drawn(run, name, out, options)}")


@app.command(epilog="Example: `rltools replay runs/lunarlander-ppo 3 --out landing.html`")
def replay(
    run: Run,
    episode: Annotated[list[int], typer.Argument(help="Number of the episode; several are switched between.")],
    *,
    method: Replayed = None,
    target: ShownTarget = None,
    beside: Beside = None,
    out: PageOut = None,
    video: VideoOut = None,
    speed: Speed = None,
    modules: Import = None,
    no_frames: NoFrames = False,
) -> None:
    """Write episodes as a page to play and scrub through, or one as a video; missing pictures are drawn."""
    from rltools.pages.replay import replay_episode
    from rltools.recording import open_recording
    from rltools.videos import film_episode

    page = page_path(out)
    imported(modules)
    recording = open_recording(run)
    drawing: dict[str, Any] = {"frames": not no_frames, "modules": modules or ()}
    if video is not None:
        _check_alone(episode, beside, out)
        made = film_episode(
            recording, episode[0], video, method=method, target=target, speed=speed, progress=True, **drawing
        )
        say(f"Filmed in {made}")
        return
    if speed is not None:
        raise ArgumentError("--speed is that of a --video; a page has buttons for it")
    other = None if beside is None else open_recording(beside)
    numbers = episode[0] if len(episode) == 1 else episode
    made = replay_episode(recording, numbers, page, method=method, target=target, beside=other, **drawing)
    say(f"Open {made}")


def _check_alone(episode: list[int], beside: Path | None, out: Path | None) -> None:
    """What a page can have and a video cannot."""
    if len(episode) > 1:
        raise ArgumentError(f"--video shows one episode, and {len(episode)} are named; run it once for each")
    if beside is not None:
        raise ArgumentError("--video shows one agent; leave out --beside, or leave out --video for a page of both")
    if out is not None:
        raise ArgumentError(f"--video says where the video goes, and --out {out} is of a page; leave one of them out")


@app.command(epilog="Example: `rltools mail runs/lunarlander-ppo --out lander.html`")
def mail(
    folder: Annotated[Path, typer.Argument(help="Of a run or of an experiment, with its page.")],
    *,
    out: Annotated[Path | None, typer.Option(help="Where the file goes.", show_default="FOLDER/report.html")] = None,
) -> None:
    """Put a run's or an experiment's page, pictures and replays into one file that can be sent."""
    from rltools.pages.report import export_report

    path = export_report(folder, page_path(out))
    say(f"Send {path} ({path.stat().st_size / 1e6:.1f} MB)")


@app.command("list", epilog="Example: `rltools list methods`")
def list_(
    room: Annotated[
        str | None, typer.Argument(help="agents, envs, experiments, methods or plots; all by default.")
    ] = None,
) -> None:
    """Show agents, environments, experiments, methods and plots, one line each."""
    from rltools.cli._listing import listing

    say_each(listing(room))


@app.command(epilog="Example: `rltools inspect model.zip`")
def inspect(
    path: Annotated[str, typer.Argument(help="A model's .zip, the folder of a recording, or an agent's name.")],
) -> None:
    """Say what is in a model or in a recording, without executing anything."""
    from rltools.cli._inspecting import inspection

    text, whole = inspection(path)
    say_each(text)
    if not whole:
        raise typer.Exit(1)
