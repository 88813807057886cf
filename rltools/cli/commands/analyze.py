"""`rltools analyze`: record, measure and explain an agent, and write a page."""

from __future__ import annotations

from rltools._util.text import plural
from rltools.cli.agent_options import AgentOptions, takes_agent
from rltools.cli.app import MEASURE, app
from rltools.cli.options import (
    Agent,
    AnalysisWindow,
    Episodes,
    Groups,
    LossSeeds,
    MaxSteps,
    Method,
    NoAblate,
    NoFrames,
    Overwrite,
    References,
    RunOut,
    SecondsPerMethod,
    Seed,
    Target,
    Threads,
    Workers,
)
from rltools.cli.screen import say_wrapped, show_answer
from rltools.cli.values import parse_groups


@app.command(rich_help_panel=MEASURE, epilog="Example: `rltools analyze lunarlander-ppo`")
@takes_agent
def analyze(
    agent: Agent,
    *,
    options: AgentOptions,
    episodes: Episodes = 20,
    seed: Seed = 0,
    method: Method = None,
    target: Target = None,
    references: References = None,
    window: AnalysisWindow = None,
    groups: Groups = None,
    seconds: SecondsPerMethod = 60.0,
    no_ablate: NoAblate = False,
    seeds: LossSeeds = 16,
    max_steps: MaxSteps = None,
    out: RunOut = None,
    no_frames: NoFrames = False,
    overwrite: Overwrite = False,
    threads: Threads = None,
    workers: Workers = 1,
) -> None:
    """Record an agent, measure what it needs, explain its steps, and write a page about that."""
    from rltools.experiments.analyze import analyze as run_analysis

    analysis = run_analysis(
        agent,
        options.env,
        env_kwargs=options.arguments,
        episodes=episodes,
        seed=seed,
        method=method,
        target=target,
        references=references,
        window=window,
        groups=parse_groups(groups) or "variables",
        seconds=seconds,
        ablate=not no_ablate,
        seeds=seeds,
        max_steps=max_steps,
        frames=not no_frames,
        modules=options.modules or (),
        directory=out,
        overwrite=overwrite,
        threads=threads,
        workers=workers,
        progress=True,
        **options.loading,
    )
    if len(analysis.recording) > episodes:
        count = plural(len(analysis.recording), "episode")
        say_wrapped(f"{analysis.recording.directory} held {count}; all of them are shown.")
    show_answer(analysis.answer, analysis.page)
