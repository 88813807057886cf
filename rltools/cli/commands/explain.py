"""`rltools explain`: add attributions to a recording, or explain a data set of another tool."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rltools._util.console import say_as_it_is
from rltools.cli.agent_options import AgentOptions, takes_agent
from rltools.cli.app import MEASURE, app
from rltools.cli.completion import complete_agents_and_runs
from rltools.cli.options import (
    Compile,
    DrawSeed,
    Every,
    Groups,
    MaxBatch,
    Method,
    Overwrite,
    Parameters,
    RecordedAgent,
    References,
    Seconds,
    Target,
    Threads,
    Units,
    Window,
    Workers,
)
from rltools.cli.recorded_agent import needed_agent
from rltools.cli.screen import link, say_wrapped
from rltools.cli.values import parameters, parse_groups
from rltools.errors import ArgumentError

if TYPE_CHECKING:
    from rltools.policies.base import Policy
    from rltools.recording import Recording


@app.command(
    rich_help_panel=MEASURE,
    epilog="Example: `rltools explain runs/lunarlander-ppo --method sampled_shapley --set permutations=32 --every 5`",
)
@takes_agent
def explain(
    run: Annotated[
        str,
        typer.Argument(
            help="The folder of a recording, for instance runs/lunarlander-ppo; with --data the agent.",
            autocompletion=complete_agents_and_runs,
        ),
    ],
    agent: RecordedAgent = None,
    *,
    options: AgentOptions,
    data: Annotated[
        str | None,
        typer.Option(
            metavar="FORMAT:NAME",
            help="Explain a data set, without an environment, for instance minari:ID; or lerobot:FOLDER.",
            show_default=False,
        ),
    ] = None,
    episodes: Annotated[
        int | None,
        typer.Option(min=1, help="With --data: how many episodes, from the first.", show_default="all"),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="With --data: folder of the run.", show_default="runs/AGENT-on-NAME")
    ] = None,
    overwrite: Overwrite = False,
    method: Method = None,
    target: Target = None,
    references: References = None,
    groups: Groups = None,
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
) -> None:
    """Add attributions to a recording, or explain a data set of another tool; both without an environment."""
    from rltools.attributions import find_method
    from rltools.explanation import explain as run_explain
    from rltools.explanation.choice import with_default_method
    from rltools.recording import open_recording
    from rltools.summary import summarize
    from rltools.targets import fitting_target

    values = parameters(settings)
    if groups is not None:
        values["groups"] = _groups(groups, values)
    if method is not None:
        check_settings(method, values, references)
    if data is not None:
        if agent is not None:
            raise ArgumentError(f"--data is explained by one agent, not by {run} and {agent}; leave out one of them")
        policy, recording = _of_data(data, run, options, out, episodes=episodes, overwrite=overwrite)
    else:
        _check_alone(episodes, out, overwrite=overwrite)
        recording = open_recording(run)
        policy, _ = needed_agent(recording, agent, options, "explain")
    if method is None:
        method, values = with_default_method(policy, None, values)
        check_settings(method, values, references)
    explained_target = str(fitting_target(method, find_method(method).needs, target, policy))
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
    if data is not None:
        _write_page(data, policy, recording, options.bounds)


def check_settings(method: str, values: dict[str, Any], references: int | None) -> None:
    """Refuse what a method does not take, before anything is loaded if the method was typed.

    Raises:
        ArgumentError: references or another setting that it does not have.
        UnknownNameError: there is no such method.
    """
    from rltools.attributions import find_method

    declaration = find_method(method)
    declaration.settings(values)
    if references is not None and "references" not in declaration.needs:
        raise ArgumentError(f"{method} uses no references; leave out --references {references}")


def _groups(texts: list[str], values: dict[str, Any]) -> Any:
    if "groups" in values:
        raise ArgumentError("groups are given twice, as --groups and in --set; leave one of them out")
    groups = parse_groups(texts)
    return None if groups == "features" else groups


def _check_alone(episodes: int | None, out: Path | None, *, overwrite: bool) -> None:
    """Refuse options that only a data set takes."""
    typed = {"--episodes": episodes is not None, "--out": out is not None, "--overwrite": overwrite}
    for name, is_typed in typed.items():
        if is_typed:
            raise ArgumentError(f"{name} is for --data; a recording keeps its episodes and its folder: leave it out")


def _of_data(
    data: str,
    agent: str,
    options: AgentOptions,
    out: Path | None,
    *,
    episodes: int | None,
    overwrite: bool,
) -> tuple[Policy, Recording]:
    """The agent, and the data set as a recording of what it makes of it."""
    from rltools.integrations import import_data
    from rltools.rollout.run_folder import data_folder

    policy, _ = options.load(agent)
    folder = out or data_folder(agent, policy, data)
    recording = import_data(
        data,
        policy,
        directory=folder,
        episodes=episodes,
        bounds=options.bounds,
        overwrite=overwrite,
        progress=True,
    )
    return policy, recording


def _write_page(data: str, policy: Policy, recording: Recording, bounds: Any) -> None:
    """Write the page of a data set, with the replays of notable episodes and the images that it has of them."""
    from rltools.experiments.analyze import notable
    from rltools.integrations import import_data
    from rltools.pages.replay import replay_episodes
    from rltools.pages.report import write_report

    numbers = [outcome.number for outcome in notable(recording.readable_outcomes())]
    frames: dict[str, Any] = {"directory": recording.directory, "episodes": len(recording), "frames": numbers}
    import_data(data, policy, bounds=bounds, **frames)
    replay_episodes(recording, numbers, report=True)
    reason = (
        f"the episodes and their actions are those of {recording.header.data}, and there is no environment in which "
        f"features could be hidden"
    )
    page = write_report(recording, commands=(shlex.join(["rltools", *sys.argv[1:]]),), unmeasured=reason)
    say_as_it_is(f"Open {link(page)}")
