"""`rltools run`: run an experiment file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
import typer.core

from rltools._util.console import say, say_as_it_is
from rltools.cli.app import MEASURE, app
from rltools.cli.options import (
    Import,
    Overwrite,
    Threads,
)
from rltools.cli.screen import bold, say_wrapped, wrapped


class WithKeys(typer.core.TyperCommand):
    """A command whose help ends with the keys of an experiment file, from the model that validates the file."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help; the model is imported here, because that takes long."""
        from rltools.experiments.file import keys

        rows = "\n".join(f"- `{name}`: {meaning}" for name, meaning in keys())
        example, self.epilog = self.epilog, f"{self.epilog}\n\nKeys of an experiment file:\n\n{rows}"
        super().format_help(ctx, formatter)
        self.epilog = example


@app.command(
    rich_help_panel=MEASURE,
    cls=WithKeys,
    epilog="Example: `rltools run experiments/lunarlander.yaml episodes=5 seeds=[0,100]`",
)
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

    experiment_run = run_experiment(
        experiment,
        changes or (),
        modules=modules or (),
        directory=out,
        overwrite=overwrite,
        threads=threads,
        progress=True,
    )
    first, *others = experiment_run.findings
    say_as_it_is(*bold(wrapped(first)))
    say_wrapped(*others)
    say(f"Open {experiment_run.page}")
