"""`rltools record`: record whole episodes of an agent."""

from __future__ import annotations

from typing import Annotated

import typer

from rltools._util.console import say
from rltools._util.text import plural
from rltools.cli.agent_options import AgentOptions, takes_agent
from rltools.cli.app import MEASURE, app
from rltools.cli.options import (
    Agent,
    Episodes,
    MaxSteps,
    Overwrite,
    RunOut,
    Seed,
    Threads,
    Workers,
)


@app.command(rich_help_panel=MEASURE, epilog="Example: `rltools record cartpole-ppo --episodes 5 --out runs/mine`")
@takes_agent
def record(
    agent: Agent,
    *,
    options: AgentOptions,
    episodes: Episodes = 20,
    seed: Seed = 0,
    max_steps: MaxSteps = None,
    out: RunOut = None,
    frames: Annotated[bool, typer.Option("--frames", help="Keep a frame of every step.")] = False,
    overwrite: Overwrite = False,
    threads: Threads = None,
    workers: Workers = 1,
) -> None:
    """Record whole episodes of an agent."""
    from rltools.rollout import record as run_record
    from rltools.rollout.run_folder import run_folder

    policy, env = options.load(agent)
    folder = out or run_folder(agent, policy, env, options.loading)
    recording = run_record(
        policy,
        env,
        episodes=episodes,
        seed=seed,
        directory=folder,
        frames=frames,
        max_steps=max_steps,
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
