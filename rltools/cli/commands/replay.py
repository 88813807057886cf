"""`rltools replay`: write episodes as a page or a video."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rltools._util.console import say
from rltools.cli.app import SHOW, app
from rltools.cli.completion import complete_episodes
from rltools.cli.options import (
    Import,
    NoFrames,
    OtherRun,
    PageOut,
    RecordedTarget,
    ReplayMethod,
    Run,
    Speed,
    VideoOut,
)
from rltools.cli.values import import_all, page_path
from rltools.errors import ArgumentError


@app.command(rich_help_panel=SHOW, epilog="Example: `rltools replay runs/lunarlander-ppo 3 --out landing.html`")
def replay(
    run: Run,
    episode: Annotated[
        list[str],
        typer.Argument(
            metavar="EPISODE",
            help="Number of the episode, or worst, best or median; with several, the page switches between them.",
            autocompletion=complete_episodes,
        ),
    ],
    *,
    method: ReplayMethod = None,
    target: RecordedTarget = None,
    beside: OtherRun = None,
    out: PageOut = None,
    video: VideoOut = None,
    speed: Speed = None,
    modules: Import = None,
    no_frames: NoFrames = False,
) -> None:
    """Write episodes as a page to play and scrub through, or one as a video; missing frames are rendered."""
    from rltools.pages.replay import replay_episode
    from rltools.recording import open_recording
    from rltools.rollout.render import add_frames
    from rltools.videos import check_video
    from rltools.videos import video as write_video

    page = page_path(out)
    import_all(modules)
    recording = open_recording(run)
    numbers = list(dict.fromkeys(map(recording.number_of, episode)))
    if video is not None:
        _check_alone(episode, beside, out)
        # Whatever is wrong is said before frames are rendered, which takes longer than the video.
        check_video(video, speed)
        recording.outcome(numbers[0])
        if method is not None or target is not None:
            recording.find(method, target)
        if no_frames:
            recording = recording.without_frames()
        else:
            add_frames(recording, numbers[:1], None, modules or (), progress=True)
        path = write_video(recording, numbers[0], video, method=method, target=target, speed=speed, progress=True)
        say(f"Open {path}")
        return
    if speed is not None:
        raise ArgumentError("--speed is for --video; a page has buttons for the speed")
    other = None if beside is None else open_recording(beside)
    path = replay_episode(
        recording,
        numbers[0] if len(numbers) == 1 else numbers,
        page,
        method=method,
        target=target,
        beside=other,
        frames=not no_frames,
        modules=modules or (),
    )
    say(f"Open {path}")


def _check_alone(episode: list[str], beside: Path | None, out: Path | None) -> None:
    """Refuse options that a page supports and a video does not."""
    if len(episode) > 1:
        raise ArgumentError(f"--video shows one episode, not {len(episode)}; run the command once for each")
    if beside is not None:
        raise ArgumentError("--video shows one agent; leave out --beside, or leave out --video for a page of both")
    if out is not None:
        raise ArgumentError(
            f"--video is the path of a video, and --out {out} the path of a page; leave one of them out"
        )
