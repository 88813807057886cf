"""`rltools slurm`: print a job script that runs an experiment on a Slurm cluster."""

from __future__ import annotations

import shlex
from typing import Annotated

import typer

from rltools._util.console import say
from rltools.cli.app import MEASURE, app

SCRIPT = """#!/bin/bash
#SBATCH --job-name=rltools
#SBATCH --array=1-{jobs}
#SBATCH --cpus-per-task=1
#SBATCH --time={time}
#SBATCH --output=slurm-%A-%a.log
#SBATCH --requeue
# Each job takes the next free cell of the experiment until none is left: submit it from a folder that all nodes share.
# A job that is killed costs the cell that it was at; submit the script again to go on.
export OMP_NUM_THREADS=1
srun {command}"""


@app.command(rich_help_panel=MEASURE, epilog="Example: `rltools slurm experiments/lunarlander.yaml --jobs 16`")
def slurm(
    experiment: Annotated[str, typer.Argument(help="An experiment file, or the name of one.")],
    changes: Annotated[
        list[str] | None, typer.Argument(help="Changes to the file, key=value.", show_default=False)
    ] = None,
    *,
    jobs: Annotated[int, typer.Option(min=1, metavar="N", help="How many jobs run at the same time.")] = 16,
    time: Annotated[str, typer.Option(metavar="TIME", help="Time limit of a job, as Slurm writes it.")] = "4:00:00",
) -> None:
    """Print a job script that runs an experiment on a Slurm cluster, as an array of jobs on one folder."""
    from rltools.experiments import read_experiment
    from rltools.experiments.file import experiment_file

    read_experiment(experiment_file(experiment), changes or ())  # faults are said here, not by a job in an hour
    command = shlex.join(["rltools", "run", experiment, *(changes or []), "--workers", "1", "--join"])
    say(*SCRIPT.format(jobs=jobs, time=time, command=command).split("\n"))
