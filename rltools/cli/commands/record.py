"""`rltools record`: record whole episodes of an agent."""

from __future__ import annotations

from typing import Annotated

import typer

from rltools._util.console import say
from rltools._util.text import plural
from rltools.cli.app import MEASURE, app
from rltools.cli.options import (
    Agent,
    Bounds,
    Device,
    Env,
    Episodes,
    Import,
    Normalize,
    Overwrite,
    RunOut,
    Seed,
    Threads,
    Trust,
    Workers,
    import_all,
    statistics,
)


@app.command(rich_help_panel=MEASURE, epilog="Example: `rltools record cartpole-ppo --episodes 5 --out runs/mine`")
def record(
    agent: Agent,
    *,
    env: Env = None,
    episodes: Episodes = 20,
    seed: Seed = 0,
    normalize: Normalize = None,
    trust: Trust = None,
    bounds: Bounds = "same",
    out: RunOut = None,
    modules: Import = None,
    frames: Annotated[bool, typer.Option("--frames", help="Keep a frame of every step.")] = False,
    overwrite: Overwrite = False,
    threads: Threads = None,
    workers: Workers = 1,
    device: Device = None,
) -> None:
    """Record whole episodes of an agent."""
    from rltools.policies.load import load_policy
    from rltools.recording.folders import RUNS, run_name
    from rltools.rollout import record as run_record

    import_all(modules)
    policy = load_policy(agent, env, normalize=statistics(normalize), trust=trust, bounds=bounds, device=device)
    folder = out or RUNS / run_name(agent, policy)
    recording = run_record(
        policy,
        env,
        episodes=episodes,
        seed=seed,
        directory=folder,
        frames=frames,
        overwrite=overwrite,
        threads=threads,
        workers=workers,
        progress=True,
    )
    outcomes = recording.readable_outcomes()
    mean = sum(outcome.total_reward for outcome in outcomes) / max(1, len(outcomes))
    steps = sum(outcome.steps for outcome in outcomes)
    say(f"{plural(len(outcomes), 'episode')}, {plural(steps, 'step')}, mean return {mean:.1f}")
    say(f"Saved in {folder}")
