"""The commands that record and explain; each only calls what a script would call."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rltools._util.console import say
from rltools.cli._app import app
from rltools.cli._options import (
    Agent,
    Bounds,
    Compile,
    Device,
    DrawSeed,
    Env,
    Episodes,
    Every,
    Import,
    MaxBatch,
    Method,
    NoFrames,
    Normalize,
    Overwrite,
    Parameters,
    References,
    ReferencesOfAll,
    Run,
    RunOut,
    Seconds,
    SecondsEach,
    Seed,
    Target,
    Threads,
    Trust,
    Units,
    Window,
    imported,
    parameters,
    statistics,
)
from rltools.cli._run_help import WithKeys
from rltools.cli._words import counted
from rltools.errors import ArgumentError


@app.command(epilog="Example: `rltools analyze lunarlander-ppo`")
def analyze(
    agent: Agent,
    *,
    env: Env = None,
    episodes: Episodes = 20,
    seed: Seed = 0,
    method: Method = None,
    target: Target = None,
    references: ReferencesOfAll = None,
    seconds: SecondsEach = 60.0,
    normalize: Normalize = None,
    trust: Trust = None,
    bounds: Bounds = "same",
    out: RunOut = None,
    modules: Import = None,
    no_frames: NoFrames = False,
    overwrite: Overwrite = False,
    threads: Threads = None,
) -> None:
    """Record an agent, explain its steps, and write a page that says what it looks at."""
    from rltools.experiments.analyze import analyze as run_analysis

    made = run_analysis(
        agent,
        env,
        episodes=episodes,
        seed=seed,
        method=method,
        target=target,
        references=references,
        seconds=seconds,
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
    say(*made.findings)
    if len(made.recording) > episodes:
        say(f"{made.recording.directory} held {counted(len(made.recording), 'episode')}; all of them are shown.")
    say(f"Open {made.page}")


@app.command(epilog="Example: `rltools record cartpole-ppo --episodes 5 --out runs/mine`")
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
    frames: Annotated[bool, typer.Option("--frames", help="Keep pictures of every step.")] = False,
    overwrite: Overwrite = False,
    threads: Threads = None,
) -> None:
    """Let an agent act, and keep whole episodes."""
    from rltools.policies.load import load_policy
    from rltools.recording.folders import RUNS, run_name
    from rltools.rollout import record as run_record

    imported(modules)
    policy = load_policy(agent, env, normalize=statistics(normalize), trust=trust, bounds=bounds)
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
        progress=True,
    )
    outcomes = recording.readable_outcomes()
    mean = sum(outcome.total_reward for outcome in outcomes) / max(1, len(outcomes))
    steps = sum(outcome.steps for outcome in outcomes)
    say(f"{counted(len(outcomes), 'episode')}, {counted(steps, 'step')}, mean return {mean:.1f}")
    say(f"Kept in {folder}")


@app.command(
    epilog="Example: `rltools explain runs/lunarlander-ppo lunarlander-ppo --method sampled_shapley "
    "--set permutations=32 --every 5`"
)
def explain(
    run: Run,
    agent: Agent,
    *,
    method: Annotated[str, typer.Option(help="Attribution method; see `rltools list methods`.")] = "gradient",
    target: Target = None,
    references: References = None,
    window: Window = 0,
    units: Units = "environment",
    every: Every = 1,
    seconds: Seconds = None,
    seed: DrawSeed = 0,
    settings: Parameters = None,
    max_batch: MaxBatch = None,
    threads: Threads = None,
    compile_: Compile = False,
    device: Device = None,
    normalize: Normalize = None,
    trust: Trust = None,
    modules: Import = None,
) -> None:
    """Add attributions to a recording, without its environment."""
    from rltools.attributions import find_method
    from rltools.explanation import explain as run_explain
    from rltools.policies.load import load_policy
    from rltools.recording import open_recording
    from rltools.summary import summarize
    from rltools.targets import fitting_target

    given = parameters(settings)
    chosen = find_method(method)
    chosen.settings(given)
    if references is not None and "references" not in chosen.needs:
        raise ArgumentError(f"{method} compares with no other states; leave --references {references} out")
    imported(modules)
    recording = open_recording(run)
    policy = load_policy(agent, normalize=statistics(normalize), trust=trust, device=device)
    asked = str(fitting_target(method, chosen.needs, target, policy))
    recording = run_explain(
        recording,
        policy,
        method=method,
        target=asked,
        references=references,
        window=window,
        units=units,
        every=every,
        seconds=seconds,
        seed=seed,
        max_batch=max_batch,
        threads=threads,
        compile=compile_,
        progress=True,
        **given,
    )
    say(*summarize(recording, method=recording.requested[-1]).findings)


@app.command(cls=WithKeys, epilog="Example: `rltools run experiments/lunarlander.yaml episodes=5 seeds=[0,100]`")
def run(
    experiment: Annotated[str, typer.Argument(help="An experiment file, or the name of one.")],
    changes: Annotated[
        list[str] | None, typer.Argument(help="Changes to it, key=value, for the keys below.", show_default=False)
    ] = None,
    *,
    out: Annotated[Path | None, typer.Option(help="Folder of the results.", show_default="runs/EXPERIMENT")] = None,
    modules: Import = None,
    overwrite: Overwrite = False,
    threads: Threads = None,
) -> None:
    """Run an experiment file: agents, methods, targets and seeds, into one report."""
    from rltools.experiments import run_experiment

    made = run_experiment(
        experiment,
        changes or (),
        modules=modules or (),
        directory=out,
        overwrite=overwrite,
        threads=threads,
        progress=True,
    )
    say(*made.findings)
    say(f"Open {made.page}")
