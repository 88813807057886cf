"""`rltools replay`: a page or a video of an episode."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from rltools._util.console import say
from rltools.cli.app import SHOW, app
from rltools.cli.options import (
    Beside,
    Import,
    NoFrames,
    PageOut,
    Replayed,
    Run,
    ShownTarget,
    Speed,
    VideoOut,
    imported,
    page_path,
)
from rltools.errors import ArgumentError


@app.command(rich_help_panel=SHOW, epilog="Example: `rltools replay runs/lunarlander-ppo 3 --out landing.html`")
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
