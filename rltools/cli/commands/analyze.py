"""`rltools analyze`: record, measure and explain an agent, and write a page."""

from __future__ import annotations

from rltools._util.text import plural
from rltools.cli.app import MEASURE, app
from rltools.cli.options import (
    Agent,
    AnalysisReferences,
    AnalysisWindow,
    Bounds,
    Device,
    Env,
    Episodes,
    Import,
    LossSeeds,
    Method,
    NoAblate,
    NoFrames,
    Normalize,
    Overwrite,
    RunOut,
    SecondsPerMethod,
    Seed,
    Target,
    Threads,
    Trust,
    Workers,
    statistics,
)
from rltools.cli.screen import say_wrapped, show_answer


@app.command(rich_help_panel=MEASURE, epilog="Example: `rltools analyze lunarlander-ppo`")
def analyze(
    agent: Agent,
    *,
    env: Env = None,
    episodes: Episodes = 20,
    seed: Seed = 0,
    method: Method = None,
    target: Target = None,
    references: AnalysisReferences = None,
    window: AnalysisWindow = None,
    seconds: SecondsPerMethod = 60.0,
    no_ablate: NoAblate = False,
    seeds: LossSeeds = 16,
    normalize: Normalize = None,
    trust: Trust = None,
    bounds: Bounds = "same",
    out: RunOut = None,
    modules: Import = None,
    no_frames: NoFrames = False,
    overwrite: Overwrite = False,
    threads: Threads = None,
    workers: Workers = 1,
    device: Device = None,
) -> None:
    """Record an agent, measure what it needs, explain its steps, and write a page about that."""
    from rltools.experiments.analyze import analyze as run_analysis

    analysis = run_analysis(
        agent,
        env,
        episodes=episodes,
        seed=seed,
        method=method,
        target=target,
        references=references,
        window=window,
        seconds=seconds,
        ablate=not no_ablate,
        seeds=seeds,
        normalize=statistics(normalize),
        trust=trust,
        bounds=bounds,
        frames=not no_frames,
        modules=modules or (),
        directory=out,
        overwrite=overwrite,
        threads=threads,
        workers=workers,
        device=device,
        progress=True,
    )
    if len(analysis.recording) > episodes:
        count = plural(len(analysis.recording), "episode")
        say_wrapped(f"{analysis.recording.directory} held {count}; all of them are shown.")
    show_answer(analysis.answer, analysis.page)
