"""`rltools ablate`: measure what the return is when the policy does not see a feature."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rltools._util.console import say, say_as_it_is
from rltools.cli.app import MEASURE, app
from rltools.cli.options import Bounds, Device, Env, Import, Normalize, RunOut, Trust, Workers, import_all, statistics
from rltools.cli.screen import bold, say_wrapped, table, wrapped
from rltools.errors import ArgumentError

if TYPE_CHECKING:
    from rltools.ablation import Ablation
    from rltools.recording import Recording

Source = Annotated[
    str, typer.Argument(metavar="AGENT|RUN", help="An agent, as for `rltools record`; or the folder of a recording.")
]
RunAgent = Annotated[
    str | None, typer.Argument(metavar="[AGENT]", help="The agent of a RUN, unless it comes with the package.")
]
Replace = Annotated[
    str, typer.Option(help="What stands in the place of a hidden feature: resample, mean, zero, hold or nearest.")
]
Second = Annotated[
    str, typer.Option(help="Another replacement, run at up to 8 seeds, to see whether it agrees; `none` for none.")
]
Seeds = Annotated[int, typer.Option(min=1, help="At how many seeds each feature is hidden.")]
Most = Annotated[int, typer.Option(min=1, help="Up to how many seeds the leaders are raced at.")]
GroupsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--groups",
        metavar="NAME=A,B",
        help="Hide features A and B together, as NAME; may be repeated. Or `features`: every element alone.",
        show_default="a choice, a Dict entry or a region is one",
    ),
]
Coalitions = Annotated[
    bool, typer.Option("--coalitions", help="Also hide sets of features: outcome Shapley values and curves.")
]
LeaveOut = Annotated[
    float | None,
    typer.Option(
        min=0.001,
        max=0.999,
        metavar="PART",
        help="Also search what can be replaced together for less than this part of the return, for instance 0.05.",
        show_default=False,
    ),
]
NumEnvs = Annotated[int, typer.Option(min=1, help="How many episodes run side by side.")]
MaxSteps = Annotated[
    int | None,
    typer.Option(min=1, help="Ends an episode that does not end by itself.", show_default="as in the recording"),
]
SeedOfSeeds = Annotated[int, typer.Option("--seed", min=0, help="From which the seeds of the episodes are derived.")]


@app.command(rich_help_panel=MEASURE, epilog="Example: `rltools ablate cartpole-ppo --seeds 8 --most 8`")
def ablate(
    source: Source,
    agent: RunAgent = None,
    *,
    replace: Replace = "resample",
    second: Second = "mean",
    seeds: Seeds = 16,
    most: Most = 128,
    groups: GroupsOption = None,
    coalitions: Coalitions = False,
    leave_out: LeaveOut = None,
    env: Env = None,
    num_envs: NumEnvs = 64,
    max_steps: MaxSteps = None,
    seed: SeedOfSeeds = 0,
    workers: Workers = 1,
    device: Device = None,
    normalize: Normalize = None,
    trust: Trust = None,
    bounds: Bounds = "same",
    out: RunOut = None,
    modules: Import = None,
) -> None:
    """Measure what the return is when the policy does not see a feature, in whole episodes."""
    from rltools.ablation import ablate as run_ablation
    from rltools.policies.load import load_policy
    from rltools.recording.folders import RUNS, run_name

    import_all(modules)
    recording, name = _recording(source, agent, out)
    policy = load_policy(name, env, normalize=statistics(normalize), trust=trust, bounds=bounds, device=device)
    ablation = run_ablation(
        policy,
        recording,
        env,
        replace=replace,
        second=None if second == "none" else second,
        seeds=seeds,
        most=max(most, seeds),
        groups=parse_groups(groups),
        coalitions=coalitions,
        leave_out=False if leave_out is None else leave_out,
        directory=None if recording is not None else out or RUNS / run_name(name, policy),
        num_envs=num_envs,
        max_steps=max_steps,
        seed=seed,
        workers=workers,
        bounds=bounds,
        progress=True,
    )
    print_ablation(ablation)


def _recording(source: str, agent: str | None, out: Path | None) -> tuple[Recording | None, str]:
    """The recording of a RUN, if it is one, and what to load as its agent.

    Raises:
        ArgumentError: a RUN whose agent is unknown, or arguments that do not go together.
    """
    from rltools.cards.content import content_path
    from rltools.recording import open_recording

    if not (Path(source) / "recording.json").is_file():
        if agent is not None:
            raise ArgumentError(
                f"{source} is no recording, and {agent} is given as its agent; write `rltools ablate {agent}`, or the "
                f"folder of a recording first"
            )
        return None, source
    if out is not None:
        raise ArgumentError(f"{source} is a recording, and its folder gets the files; leave out --out")
    recording = open_recording(source)
    name = recording.header.policy
    if agent is None and content_path("agents", name) is None:
        raise ArgumentError(
            f"{source} is a recording of {name}, which is no agent by that name here; give it after the folder, for "
            f"instance `rltools ablate {source} best_model.zip`"
        )
    return recording, agent or name


def parse_groups(texts: list[str] | None) -> str | dict[str, list[str]]:
    """The value of `--groups` as `rltools.ablate` takes it.

    Raises:
        ArgumentError: a text is neither NAME=FEATURE,FEATURE nor `features`.

    >>> parse_groups(["legs=left leg contact,right leg contact"]), parse_groups(["features"]), parse_groups(None)
    ({'legs': ['left leg contact', 'right leg contact']}, 'features', 'variables')
    """
    if not texts:
        return "variables"
    if len(texts) == 1 and "=" not in texts[0]:
        return texts[0]
    groups: dict[str, list[str]] = {}
    for text in texts:
        name, equals, members = text.partition("=")
        if not equals or not name or not members:
            raise ArgumentError(f"--groups {text!r} is not NAME=FEATURE,FEATURE, for instance legs=left,right")
        if name in groups:
            raise ArgumentError(f"--groups gives {name!r} twice; write all of its features once")
        groups[name] = [member.strip() for member in members.split(",")]
    return groups


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
