"""`rltools explain`: add attributions to a recording."""

from __future__ import annotations

from typing import Annotated

import typer

from rltools.cli.app import MEASURE, app
from rltools.cli.options import (
    Compile,
    Device,
    DrawSeed,
    Every,
    Import,
    MaxBatch,
    Normalize,
    Parameters,
    RecordedAgent,
    References,
    Run,
    Seconds,
    Target,
    Threads,
    Trust,
    Units,
    Window,
    Workers,
    import_all,
    parameters,
    statistics,
)
from rltools.cli.recorded_agent import needed_agent
from rltools.cli.screen import say_wrapped
from rltools.errors import ArgumentError


@app.command(
    rich_help_panel=MEASURE,
    epilog="Example: `rltools explain runs/lunarlander-ppo --method sampled_shapley --set permutations=32 --every 5`",
)
def explain(
    run: Run,
    agent: RecordedAgent = None,
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
    workers: Workers = 1,
    compile_: Compile = False,
    device: Device = None,
    normalize: Normalize = None,
    trust: Trust = None,
    modules: Import = None,
) -> None:
    """Add attributions to a recording, without its environment."""
    from rltools.attributions import find_method
    from rltools.explanation import explain as run_explain
    from rltools.recording import open_recording
    from rltools.summary import summarize
    from rltools.targets import fitting_target

    values = parameters(settings)
    declaration = find_method(method)
    declaration.settings(values)
    if references is not None and "references" not in declaration.needs:
        raise ArgumentError(f"{method} uses no references; leave out --references {references}")
    import_all(modules)
    recording = open_recording(run)
    loading = {"normalize": statistics(normalize), "trust": trust, "device": device}
    policy = needed_agent(recording, agent, loading, "rltools explain")
    explained_target = str(fitting_target(method, declaration.needs, target, policy))
    recording = run_explain(
        recording,
        policy,
        method=method,
        target=explained_target,
        references=references,
        window=window,
        units=units,
        every=every,
        seconds=seconds,
        seed=seed,
        max_batch=max_batch,
        threads=threads,
        workers=workers,
        compile=compile_,
        progress=True,
        **values,
    )
    say_wrapped(*summarize(recording, method=recording.requested[-1]).findings)
