"""`rltools analyze`: record, measure and explain an agent, and write a page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rltools._util.console import say
from rltools._util.text import plural
from rltools.cli.app import MEASURE, app
from rltools.cli.options import (
    Agent,
    AnalysisReferences,
    AnalysisWindow,
    Bounds,
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
    statistics,
)

if TYPE_CHECKING:
    from rltools.experiments.analyze import Analysis
    from rltools.summary import Caveat, Finding


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
        progress=True,
    )
    for heading, findings in groups_of(analysis):
        say(heading, *(f"  {finding}" for finding in findings))
    if len(analysis.recording) > episodes:
        say(f"{analysis.recording.directory} held {plural(len(analysis.recording), 'episode')}; all of them are shown.")
    say(f"Open {analysis.page}")


def groups_of(analysis: Analysis) -> list[tuple[str, tuple[Finding | Caveat, ...]]]:
    """The findings under headings: what was measured first, or that nothing was."""
    from rltools.summary import DECISION, Caveat, find_decision

    measured, decisions = analysis.measured, analysis.decisions
    changes = () if decisions is None else find_decision(decisions)
    of_score = "How the decision changes" if analysis.summary.target == DECISION else "What moves the score"
    groups = [("How the decision changes", changes), (of_score, analysis.of_score)]
    if measured is not None:
        groups = [("What the agent needs, measured", measured.findings), ("Trust", measured.trust), *groups]
    else:
        groups.insert(1, ("What the agent needs", (Caveat("not_measured", text=analysis.unmeasured),)))
    return [(heading, findings) for heading, findings in groups if findings]
