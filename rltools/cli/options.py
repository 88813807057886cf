"""Arguments and options that several commands share, with their help; those of an agent are in `agent_options.py`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from rltools._util.console import say
from rltools._util.glossary import TERMS
from rltools.cli.completion import (
    complete_agents,
    complete_episodes,
    complete_experiment_folders,
    complete_methods,
    complete_runs,
)

RUN_FOLDER = "runs/AGENT, and in another environment than its own runs/AGENT--WHAT-DIFFERS"

Agent = Annotated[
    str,
    typer.Argument(
        help="An agent's name, a model's file, a run folder of rl-zoo, or hf:ORG/NAME.", autocompletion=complete_agents
    ),
]
RecordedAgent = Annotated[
    str | None,
    typer.Argument(
        help="The agent that was recorded.",
        show_default="loaded as it was then, if its file is still the same",
        autocompletion=complete_agents,
    ),
]
Run = Annotated[
    Path,
    typer.Argument(help="The folder of a recording, for instance runs/lunarlander-ppo.", autocompletion=complete_runs),
]
ExperimentFolder = Annotated[
    Path,
    typer.Argument(
        help="The folder of an experiment's results, for instance runs/lunarlander, or its name.",
        autocompletion=complete_experiment_folders,
    ),
]
Episodes = Annotated[int, typer.Option(min=1, help="How many episodes to record.")]
Seed = Annotated[int, typer.Option(min=0, help="Seed of the first episode; the other seeds are derived from it.")]
DrawSeed = Annotated[
    int,
    typer.Option(
        "--seed", min=0, help=f"Seed of the random draws: {TERMS['references'].name}, and what the method samples."
    ),
]
Method = Annotated[
    str | None,
    typer.Option(
        help="Attribution method; see `rltools list methods`.",
        show_default="shapley up to 12 features, integrated_gradients beyond",
        autocompletion=complete_methods,
    ),
]
RecordedMethod = Annotated[
    str | None,
    typer.Option(
        help="A recorded attribution method; or the name of an attribution's folder, if several match.",
        show_default="the best predictor among them",
        autocompletion=complete_methods,
    ),
]
RecordedAblation = Annotated[
    str | None,
    typer.Option(
        help="Replacement of a recorded ablation, or the name of its folder.",
        show_default="that by resampling, or with most episodes",
    ),
]
ReplayMethod = Annotated[
    str | None,
    typer.Option(
        help="A recorded attribution method; or the name of an attribution's folder.",
        show_default="all; the best predictor that explains every step comes first",
        autocompletion=complete_methods,
    ),
]
RecordedTarget = Annotated[
    str | None,
    typer.Option(
        help="The target that was explained, for instance logit:chosen.", show_default="the default target, if recorded"
    ),
]
Target = Annotated[
    str | None,
    typer.Option(
        help=f"The target: {TERMS['target'].meaning}. For instance centered:chosen or logit:left.",
        show_default="centered:chosen; action:all for continuous actions",
    ),
]


References = Annotated[
    int | None,
    typer.Option(
        min=1,
        metavar="N",
        help=f"How many {TERMS['references'].name} ({TERMS['references'].meaning}) the methods that need them take.",
        show_default="32",
    ),
]
AnalysisWindow = Annotated[
    int | None,
    typer.Option(
        min=0,
        metavar="N",
        help="For a recurrent policy: also explain this many past observations through its state (default 8; 0: none).",
    ),
]
Window = Annotated[
    int,
    typer.Option(
        min=0,
        metavar="N",
        help="For a recurrent policy: explain this many past observations through its state; 0: only the current one.",
    ),
]
Units = Annotated[
    Literal["environment", "network"],
    typer.Option(help="Units of the features: the environment's, or those of a network with normalized observations."),
]
Parameters = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="NAME=VALUE",
        help="A parameter of the method, for instance permutations=128 for sampled_shapley; may be repeated.",
    ),
]
Every = Annotated[int, typer.Option(min=1, metavar="N", help="Explain every Nth step.")]
Seconds = Annotated[
    float | None,
    typer.Option(
        min=0.001,
        metavar="S",
        help="About how long explaining may take; if all steps would take longer, an even sample is explained.",
        show_default="no limit",
    ),
]
SecondsPerMethod = Annotated[
    float,
    typer.Option(
        min=0.001,
        metavar="S",
        help="About how long each method may take; if all steps would take longer, an even sample is explained.",
    ),
]
LossSeeds = Annotated[
    int,
    typer.Option(
        min=1, metavar="N", help="At how many seeds each feature is hidden; fewer if that would take longer than S."
    ),
]
NoAblate = Annotated[
    bool, typer.Option("--no-ablate", help="Do not measure what the return is when a feature is hidden.")
]
Threads = Annotated[
    int | None,
    typer.Option(
        min=1,
        metavar="N",
        help="How many threads the network computes on.",
        show_default="1 for a small network, torch's own number for a large one",
    ),
]
Workers = Annotated[
    int, typer.Option(min=1, metavar="N", help="How many processes work at the same time; each takes seconds to start.")
]
MaxBatch = Annotated[
    int | None,
    typer.Option(min=1, metavar="N", help="Largest number of rows in one batch.", show_default="by their size"),
]
Compile = Annotated[bool, typer.Option("--compile", help="Compile the network with torch first: seconds to a minute.")]
RunOut = Annotated[Path | None, typer.Option(help="Folder of the run.", show_default=RUN_FOLDER)]
PlotOut = Annotated[Path | None, typer.Option(help="Path of the plot.", show_default="RUN/plots/NAME-OPTIONS.png")]
PageOut = Annotated[
    Path | None, typer.Option(help="Path of the page.", show_default="episode-NUMBER.html in RUN/replays")
]
OtherRun = Annotated[
    Path | None, typer.Option(help="Folder of another agent's recording in the same environment, from the same seeds.")
]
VideoOut = Annotated[
    Path | None,
    typer.Option(help="Write a video instead of a page: .mp4 or .webm (extra `video`), or .gif.", show_default=False),
]
Speed = Annotated[
    float | None,
    typer.Option(min=0.01, help="Speed of a video; 1 is real time.", show_default="1, slower if an episode is short"),
]
PlotEpisode = Annotated[
    str | None,
    typer.Option(
        metavar="N",
        help="Number of the episode, for plots of a single one; or worst, best or median.",
        show_default="median",
        autocompletion=complete_episodes,
    ),
]
Top = Annotated[int | None, typer.Option(min=1, help="How many features to show.", show_default="depends on the plot")]
Width = Annotated[
    str | None,
    typer.Option(
        metavar="LENGTH",
        help="Width of a figure for a paper, such as 3.3in or 84mm: in small fonts, without a heading inside.",
        show_default="drawn for a screen",
    ),
]
Points = Annotated[float | None, typer.Option(help="Font size of a figure for a paper.", show_default="8.4")]
Heading = Annotated[
    bool | None,
    typer.Option(
        "--caption/--no-caption",
        help="Draw title and small print above the plot, or print them here, for the caption of a paper.",
        show_default="drawn, but not with --width or --points",
    ),
]
Import = Annotated[
    list[str] | None,
    typer.Option("--import", metavar="MODULE", help="Module that registers your environments; may be repeated."),
]
MaxSteps = Annotated[
    int | None,
    typer.Option(
        min=1,
        metavar="N",
        help="Largest number of steps in an episode.",
        show_default="the environment's own limit, or 10,000",
    ),
]
Groups = Annotated[
    list[str] | None,
    typer.Option(
        "--groups",
        metavar="NAME=A,B",
        help="Take features A and B together, as NAME; may be repeated. Or `features`: each alone; `card`: as the "
        "environment's card says.",
        show_default="a choice, a Dict entry or a region is one",
    ),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace a recording with other settings.")]
NoFrames = Annotated[bool, typer.Option("--no-frames", help="Leave out frames of the environment, even recorded ones.")]


def _print_version(requested: bool) -> None:
    if requested:
        from rltools import __version__

        say(f"rltools {__version__}")
        raise typer.Exit


Version = Annotated[bool, typer.Option("--version", is_eager=True, callback=_print_version, help="Print the version.")]
