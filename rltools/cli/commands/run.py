"""`rltools run`: run an experiment file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
import typer.core

from rltools._util.console import say, say_as_it_is
from rltools._util.text import plural
from rltools.cli.app import MEASURE, app
from rltools.cli.completion import complete_experiments
from rltools.cli.options import (
    Import,
    Overwrite,
    Threads,
)
from rltools.cli.placeholders import Placeholders
from rltools.cli.screen import bold, say_wrapped, wrapped
from rltools.errors import ArgumentError

MOST_FINDINGS = 12
"""The most findings that are printed; those of many runs fill screens."""


class WithKeys(Placeholders, typer.core.TyperCommand):
    """A command whose help ends with the keys of an experiment file, from the model that validates the file."""

    epilog: str | None

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help; the model is imported here, because that takes long."""
        from rltools.experiments.file import keys

        rows = "\n".join(f"- `{name}`: {meaning}" for name, meaning in keys())
        example, self.epilog = self.epilog, f"{self.epilog}\n\nKeys of an experiment file:\n\n{rows}"
        super().format_help(ctx, formatter)
        self.epilog = example


def shard(text: str | None) -> tuple[int, int] | None:
    """A part of an experiment, `3/16`, as two numbers.

    Raises:
        ArgumentError: it is not written so.

    >>> shard("3/16"), shard(None)
    ((3, 16), None)
    """
    if text is None:
        return None
    number, slash, count = text.partition("/")
    if not (slash and number.isascii() and number.isdigit() and count.isascii() and count.isdigit()):
        raise ArgumentError(f"shard is {text!r:.40}; write which part of how many, for instance 3/16")
    return int(number), int(count)


def settings_of(texts: list[str]) -> dict[str, str]:
    """Settings of an executor from texts `key=value`.

    Raises:
        ArgumentError: some have no `=`, or keys come twice; the message has all of them.

    >>> settings_of(["partition=cpu", "time=4:00:00"])
    {'partition': 'cpu', 'time': '4:00:00'}
    """
    settings: dict[str, str] = {}
    faults = []
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not key:
            faults.append(f"{text!r:.100} is no setting; write key=value, for instance partition=cpu")
        elif key in settings:
            faults.append(f"{key!r:.100} is set twice; leave one of them out")
        settings[key] = value
    if faults:
        raise ArgumentError("; ".join(faults))
    return settings


@app.command(
    rich_help_panel=MEASURE,
    cls=WithKeys,
    epilog="Example: `rltools run experiments/lunarlander.yaml episodes=5 seeds=[0,100] --workers 4`",
)
def run(
    experiment: Annotated[
        str,
        typer.Argument(help="An experiment file, or the name of one.", autocompletion=complete_experiments),
    ],
    changes: Annotated[
        list[str] | None, typer.Argument(help="Changes to the file, key=value, for the keys below.", show_default=False)
    ] = None,
    *,
    out: Annotated[Path | None, typer.Option(help="Folder of the results.", show_default="runs/EXPERIMENT")] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help="How many cells are computed at the same time; a cell is one step of one run, such as its recording.",
            show_default="the number of idle cores; 1 for a small experiment",
        ),
    ] = None,
    executor: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Where cells are computed: processes, dask://HOST:PORT, slurm or ray.",
            show_default="processes of this machine",
        ),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="A setting of the executor, for instance partition=cpu."),
    ] = None,
    part: Annotated[
        str | None,
        typer.Option("--shard", metavar="I/N", help="Compute only the I-th of N parts, in this process."),
    ] = None,
    join: Annotated[
        bool, typer.Option("--join", help="Join a run that goes on elsewhere: cells that failed are not tried again.")
    ] = False,
    fail_fast: Annotated[
        bool, typer.Option("--fail-fast", help="Begin no further cells after one has failed.")
    ] = False,
    modules: Import = None,
    overwrite: Overwrite = False,
    threads: Threads = None,
) -> None:
    """Run an experiment file: agents, methods, targets and seeds, into one report."""
    from rltools.experiments import run_experiment

    experiment_run = run_experiment(
        experiment,
        changes or (),
        modules=modules or (),
        directory=out,
        overwrite=overwrite,
        threads=threads,
        progress=True,
        executor=executor,
        workers=workers,
        settings=settings_of(settings or []),
        shard=shard(part),
        join=join,
        fail_fast=fail_fast,
    )
    say_as_it_is(*(line for finding in experiment_run.findings[:1] for line in bold(wrapped(finding))))
    say_wrapped(*experiment_run.findings[1:MOST_FINDINGS])
    if (more := len(experiment_run.findings) - MOST_FINDINGS) > 0:
        say_wrapped(f"{plural(more, 'more finding')} on the page; rltools tables {experiment_run.page.parent} has all")
    if experiment_run.page.is_file():
        say(f"Open {experiment_run.page}")
    else:
        say_wrapped(f"This part is done; rltools status {experiment_run.page.parent} says what is left")
