"""`rltools assess`: judge the attributions of a recording by metrics."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from math import isnan
from typing import TYPE_CHECKING, Annotated

import typer

from rltools._util.console import say_as_it_is
from rltools._util.glossary import method_title
from rltools._util.text import plural, two_decimals
from rltools.cli.agent_options import AgentOptions, takes_agent
from rltools.cli.app import MEASURE, app
from rltools.cli.completion import complete_methods, complete_metrics
from rltools.cli.messages import message_with_options
from rltools.cli.options import RecordedAgent, Run
from rltools.cli.recorded_agent import needed_agent
from rltools.cli.screen import say_wrapped, table, wrapped
from rltools.errors import ArgumentError

if TYPE_CHECKING:
    from rltools.metrics import Assessment


@app.command(
    rich_help_panel=MEASURE,
    epilog="Example: `rltools assess runs/lunarlander-ppo --metric loss_concordance --metric completeness`",
)
@takes_agent
def assess(
    run: Run,
    agent: RecordedAgent = None,
    *,
    options: AgentOptions,
    metric: Annotated[
        list[str] | None,
        typer.Option(
            help="A metric; may be repeated. See `rltools list metrics`.",
            show_default="all",
            autocompletion=complete_metrics,
        ),
    ] = None,
    method: Annotated[
        str | None,
        typer.Option(
            help="Only this attribution method, or the name of an attribution's folder.",
            show_default="all",
            autocompletion=complete_methods,
        ),
    ] = None,
    target: Annotated[str | None, typer.Option(help="Only this target.", show_default="all")] = None,
    steps: Annotated[
        int, typer.Option(min=1, metavar="N", help="About how many recorded steps are explained again.")
    ] = 64,
    curve_seeds: Annotated[
        int,
        typer.Option(
            min=0,
            metavar="N",
            help="For deletion and insertion, hide the features along each order in whole episodes at this many seeds.",
        ),
    ] = 0,
    seed: Annotated[int, typer.Option(min=0, help="Seed of random numbers, weights, noise and references.")] = 0,
) -> None:
    """Judge every attribution of a recording by metrics, beside controls that know nothing of the agent."""
    from rltools.metrics import assessments
    from rltools.recording import open_recording

    recording = open_recording(run)
    policy, unknown = None, ""
    try:
        policy, _ = needed_agent(recording, agent, options, "assess")
    except ArgumentError as error:
        if agent is not None:
            raise
        unknown = message_with_options(error)
    result = assessments(
        recording,
        policy,
        metric,
        method=method,
        target=target,
        steps=steps,
        curve_seeds=curve_seeds,
        seed=seed,
        progress=True,
    )
    say_as_it_is(*lines(result.rows))
    if result.left_out:
        say_wrapped(result.left_out_text)
    if unknown:
        say_wrapped(f"Metrics that explain the agent again are left out: {unknown}")


def lines(rows: Sequence[Assessment]) -> list[str]:
    """A block for each metric: its controls, then each attribution with its value and the verdict."""
    blocks: list[str] = []
    for metric, of_metric in groupby(rows, key=lambda row: row.metric):
        judged = list(of_metric)
        first = judged[0]
        blocks += [""] if blocks else []
        blocks += wrapped(f"{first.question}: {metric}, {first.better} is better{_controls(first)}", hanging="  ")
        blocks += table([(_name(row), f"{row.text} ({plural(row.n, row.counts)})", row.verdict) for row in judged])
    return blocks


def _name(row: Assessment) -> str:
    """The attribution, with what tells it apart from others."""
    from rltools.targets.scores import target_name

    target = "" if row.target == "decision" else f" of {target_name(row.target)}"
    return f"{method_title(row.method)}{target}{f' ({row.settings})' if row.settings else ''}"


def _controls(row: Assessment) -> str:
    values = {"random numbers": row.random, "std alone": row.std, "equal numbers": row.constant}
    written = [f"{name} {two_decimals(value)}" for name, value in values.items() if not isnan(value)]
    return f"; {', '.join(written)}" if written else ""
