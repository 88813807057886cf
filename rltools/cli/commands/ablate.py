"""`rltools ablate`: measure what the return is when the policy does not see a feature."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rltools._util.console import say, say_as_it_is
from rltools.cli.agent_options import AgentOptions, takes_agent
from rltools.cli.app import MEASURE, app
from rltools.cli.completion import complete_agents, complete_agents_and_runs, complete_replacements
from rltools.cli.options import Groups, RunOut, Workers
from rltools.cli.recorded_agent import needed_agent
from rltools.cli.screen import bold, say_wrapped, table, wrapped
from rltools.cli.values import parse_groups
from rltools.errors import ArgumentError

if TYPE_CHECKING:
    from rltools.ablation import Ablation
    from rltools.recording import Recording

Source = Annotated[
    str,
    typer.Argument(
        metavar="AGENT|RUN",
        help="An agent, as for `rltools record`; or the folder of a recording.",
        autocompletion=complete_agents_and_runs,
    ),
]
RunAgent = Annotated[
    str | None,
    typer.Argument(
        metavar="AGENT",
        help="The agent, if the first argument is a recording.",
        show_default="loaded as it was then, if its file is still the same",
        autocompletion=complete_agents,
    ),
]
Replace = Annotated[
    str,
    typer.Option(
        help="What stands in the place of a hidden feature: resample, mean, zero, hold or nearest.",
        autocompletion=complete_replacements,
    ),
]
Second = Annotated[
    str, typer.Option(help="A second replacement, run at up to 8 seeds to check the first; `none` for none.")
]
Seeds = Annotated[int, typer.Option(min=1, help="At how many seeds each feature is hidden.")]
Most = Annotated[int, typer.Option(min=1, help="Largest number of seeds, for the features that may be needed most.")]
Coalitions = Annotated[
    bool, typer.Option("--coalitions", help="Also hide sets of features: outcome Shapley values and curves.")
]
LeaveOut = Annotated[
    float | None,
    typer.Option(
        min=0.001,
        max=0.999,
        metavar="PART",
        help="Also search the most features that can be replaced for less than this part of the return.",
        show_default=False,
    ),
]
NumEnvs = Annotated[int, typer.Option(min=1, help="How many episodes run side by side.")]
MaxSteps = Annotated[
    int | None,
    typer.Option(min=1, help="Largest number of steps in an episode.", show_default="as in the recording"),
]
SeedOfSeeds = Annotated[int, typer.Option("--seed", min=0, help="Seed from which those of the episodes are derived.")]


@app.command(rich_help_panel=MEASURE, epilog="Example: `rltools ablate cartpole-ppo --seeds 8 --most 8`")
@takes_agent
def ablate(
    source: Source,
    agent: RunAgent = None,
    *,
    options: AgentOptions,
    replace: Replace = "resample",
    second: Second = "mean",
    seeds: Seeds = 16,
    most: Most = 128,
    groups: Groups = None,
    coalitions: Coalitions = False,
    leave_out: LeaveOut = None,
    num_envs: NumEnvs = 64,
    max_steps: MaxSteps = None,
    seed: SeedOfSeeds = 0,
    workers: Workers = 1,
    out: RunOut = None,
) -> None:
    """Measure what the return is when the policy does not see a feature, in whole episodes."""
    from rltools.ablation import ablate as run_ablation
    from rltools.rollout.run_folder import run_folder

    recording = _recording(source, agent, out)
    policy, env = options.load(source) if recording is None else needed_agent(recording, agent, options, "ablate")
    ablation = run_ablation(
        policy,
        recording,
        env,
        replace=replace,
        second=None if second == "none" else second,
        seeds=seeds,
        most=max(most, seeds),
        groups=parse_groups(groups) or "variables",
        coalitions=coalitions,
        leave_out=False if leave_out is None else leave_out,
        directory=None if recording is not None else out or run_folder(source, policy, env, options.loading),
        num_envs=num_envs,
        max_steps=max_steps,
        seed=seed,
        workers=workers,
        bounds=options.bounds,
        progress=True,
    )
    print_ablation(ablation)


def _recording(source: str, agent: str | None, out: Path | None) -> Recording | None:
    """The recording of a RUN, if it is one.

    Raises:
        ArgumentError: arguments that do not go together.
    """
    from rltools.recording import open_recording

    if not (Path(source) / "recording.json").is_file():
        if agent is not None:
            raise ArgumentError(
                f"{source} is no recording, and {agent} is given as its agent; write `rltools ablate {agent}`, or the "
                f"folder of a recording first"
            )
        return None
    if out is not None:
        raise ArgumentError(f"{source} is a recording, and its folder gets the files; leave out --out")
    return open_recording(source)


def print_ablation(ablation: Ablation) -> None:
    """Print what was measured: the findings, a table of all features, what to be careful with, and the folder."""
    from rltools.recording import open_recording
    from rltools.summary import ablation_caveats, find_losses

    assert ablation.directory is not None
    recording = open_recording(ablation.directory.parents[1])
    first, *others = find_losses(ablation, recording)
    say_as_it_is(*bold(wrapped(first)))
    say_wrapped(*others, "")
    say_as_it_is(*losses_table(ablation))
    say_wrapped("", *ablation_caveats(ablation, recording))
    say(f"Saved in {ablation.directory}")


def losses_table(ablation: Ablation) -> list[str]:
    """A line for each feature, the largest loss first: its loss with the interval, the seeds, and the verdict."""
    from rltools.summary import loss_of, loss_text, verdict_text

    losses, verdicts = ablation.losses(), ablation.verdicts()
    rows = [("feature", "loss of return", "seeds", "verdict")]
    for player in map(int, losses.order):
        loss = loss_text(loss_of(losses, player))
        verdict = verdict_text(verdicts[player].kind, verdicts[player].partner)
        rows.append((losses.players[player], loss, str(losses.seeds[player]), verdict))
    return table(rows, right=(1, 2))
