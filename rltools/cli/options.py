"""Arguments and options that several commands share, with their help, and how options are named in messages.

One table, `OPTIONS`, pairs an argument of a function with the option that one types for it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from rltools._util.console import say
from rltools._util.glossary import TERMS
from rltools.errors import ArgumentError, message_of

RUN_FOLDER = "runs/AGENT; for a model without a card runs/FOLDER-NAME-SHA256 of its file"

Agent = Annotated[str, typer.Argument(help="An agent's name, a model's .zip, a run folder of rl-zoo, or hf:ORG/NAME.")]
RecordedAgent = Annotated[
    str | None,
    typer.Argument(
        help="The agent that was recorded.", show_default="the reference agent of this name, if it is the same file"
    ),
]
Run = Annotated[Path, typer.Argument(help="The folder of a recording, for instance runs/lunarlander-ppo.")]
ExperimentFolder = Annotated[
    Path, typer.Argument(help="The folder of an experiment's results, for instance runs/lunarlander.")
]
Env = Annotated[str | None, typer.Option(help="Environment id.", show_default="the agent's own")]
Episodes = Annotated[int, typer.Option(min=1, help="How many episodes.")]
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
    ),
]
RecordedMethod = Annotated[
    str | None,
    typer.Option(
        help="A recorded attribution method; or the name of an attribution's folder, if several match.",
        show_default="the best predictor among them",
    ),
]
RecordedAblation = Annotated[
    str | None,
    typer.Option(
        help="The replacement of a recorded ablation, or the name of its folder.",
        show_default="that by resampling, or with most episodes",
    ),
]
ReplayMethod = Annotated[
    str | None,
    typer.Option(
        help="A recorded attribution method; or the name of an attribution's folder.",
        show_default="all; the best predictor that explains every step comes first",
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


def _references_option(methods: str, default: str) -> Any:
    text = f"How many {TERMS['references'].name} ({TERMS['references'].meaning}) {methods} take."
    return typer.Option(min=1, metavar="N", help=text, show_default=default)


References = Annotated[int | None, _references_option("shapley and similar methods", "8")]
AnalysisReferences = Annotated[int | None, _references_option("the methods that need them", "32")]
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
    int, typer.Option(min=1, metavar="N", help="How many processes work at the same time; they take seconds to start.")
]
MaxBatch = Annotated[
    int | None,
    typer.Option(min=1, metavar="N", help="Largest number of rows in one batch.", show_default="by their size"),
]
Compile = Annotated[bool, typer.Option("--compile", help="Compile the network with torch first: seconds to a minute.")]
Device = Annotated[str | None, typer.Option(help="Where the network computes, for instance cuda.", show_default="cpu")]
Normalize = Annotated[
    str | None,
    typer.Option(
        metavar="PATH",
        help="VecNormalize statistics; `none` if observations are not normalized.",
        show_default="looked for beside the model",
    ),
]
Bounds = Annotated[
    Literal["same", "any"],
    typer.Option(help="`any`: accept bounds of observations and actions that differ from those in training."),
]
Trust = Annotated[
    list[str] | None,
    typer.Option(
        metavar="SHA256",
        help="Load the file with this sha256 even though it runs code; by default no such file is loaded.",
    ),
]
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
    int | None,
    typer.Option(
        min=0, help="Number of the episode, for plots of a single one.", show_default="the episode of median return"
    ),
]
Top = Annotated[int | None, typer.Option(min=1, help="How many features.", show_default="depends on the plot")]
Import = Annotated[
    list[str] | None, typer.Option("--import", metavar="MODULE", help="Module that registers your environments.")
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace a recording with other settings.")]
NoFrames = Annotated[bool, typer.Option("--no-frames", help="Leave out frames of the environment, also recorded ones.")]


def _print_version(requested: bool) -> None:
    if requested:
        from rltools import __version__

        say(f"rltools {__version__}")
        raise typer.Exit


Version = Annotated[bool, typer.Option("--version", is_eager=True, callback=_print_version, help="Print the version.")]


def import_all(modules: list[str] | None) -> None:
    """Import the modules that `--import` names."""
    if modules:
        from rltools.envs import import_modules

        import_modules(modules)


def statistics(normalize: str | None) -> Path | bool | None:
    """The value of `--normalize` as `load_policy` takes it."""
    if normalize is None:
        return None
    return False if normalize == "none" else Path(normalize)


def page_path(out: Path | None) -> Path | None:
    """The value of `--out` for a page, which must not replace another file, such as one of the recording.

    Raises:
        ArgumentError: the path does not end in .html or .htm.
    """
    if out is not None and out.suffix.lower() not in (".html", ".htm"):
        raise ArgumentError(
            f"--out {out} ends in {out.suffix!r}, and a page in .html; write {out.with_suffix('.html')}"
        )
    return out


def named_values(texts: list[str] | None) -> dict[str, Any]:
    """The values of `--set` by name: parsed if they are valid JSON, and text otherwise.

    Raises:
        ArgumentError: a text is not NAME=VALUE, or its name is repeated.

    >>> named_values(["fps=50", "task=landing"])
    {'fps': 50, 'task': 'landing'}
    """
    values: dict[str, Any] = {}
    for text in texts or ():
        name, equals, value = text.partition("=")
        if not equals or not name.isidentifier():
            raise ArgumentError(f"--set {text!r} is not NAME=VALUE, for instance --set permutations=128")
        if name in values:
            raise ArgumentError(
                f"--set gives {name} twice, as {values[name]!r} and as {value!r}; leave one of them out"
            )
        try:
            values[name] = json.loads(value)
        except (ValueError, RecursionError):  # not JSON, a number of thousands of digits, or deeply nested lists
            values[name] = value
    return values


def parameters(texts: list[str] | None) -> dict[str, Any]:
    """The parameters of a method in `--set`, as `named_values`.

    Raises:
        ArgumentError: a text is not NAME=VALUE, or its name is repeated or no parameter of a method.

    >>> parameters(["permutations=64", "groups=variables"])
    {'permutations': 64, 'groups': 'variables'}
    """
    for text in texts or ():
        name, _, value = text.partition("=")
        if name in EXPLAIN_OPTIONS:
            option = OPTIONS[name].split()[0]
            raise ArgumentError(f"--set {text}: {name} is an option of its own; write {option} {value}".rstrip())
        if name in _NO_PARAMETERS:
            raise ArgumentError(f"--set {text}: {name} is no parameter of a method; see `rltools list methods`")
    return named_values(texts)


OPTIONS = {
    "ablate": "--no-ablate",
    "bounds": "--bounds",
    "compile": "--compile",
    "device": "--device",
    "env": "--env ID",
    "executor": "--executor NAME",
    "every": "--every N",
    "frames": "--frames",
    "max_batch": "--max-batch N",
    "method": "--method",
    "normalize": "--normalize PATH",
    "overwrite": "--overwrite",
    "references": "--references N",
    "seconds": "--seconds S",
    "shard": "--shard I/N",
    "directory": "--out PATH",
    "leave_out": "--leave-out PART",
    "seed": "--seed N",
    "target": "--target",
    "threads": "--threads N",
    "trust": "--trust SHA256",
    "units": "--units",
    "window": "--window N",
    "workers": "--workers N",
}
"""The option that one types for an argument of a function, with a placeholder for its value."""
EXPLAIN_OPTIONS = (
    "compile",
    "device",
    "every",
    "max_batch",
    "method",
    "normalize",
    "references",
    "seconds",
    "seed",
    "target",
    "threads",
    "units",
    "window",
    "workers",
)
"""The arguments of `explain` besides the parameters of a method."""
_NO_PARAMETERS = ("recording", "policy", "progress")
_PYTHON_VALUES = {"True": "", "False": "none"}
"""Flags are typed without a value, and `none` turns an option off."""


def option(name: str, value: str = "") -> str:
    """The option for an argument of a function, as it is typed.

    >>> option("env"), option("overwrite", "True"), option("normalize", "False"), option("seconds", "60")
    ('--env ID', '--overwrite', '--normalize none', '--seconds 60')
    """
    flag, _, placeholder = OPTIONS.get(name, f"--{name.replace('_', '-')}").partition(" ")
    text = _PYTHON_VALUES.get(value, value.strip("'\"")) if value else placeholder
    return f"{flag} {text}".rstrip()


def message_with_options(error: BaseException) -> str:
    """The message of an error or a warning, with options in place of the arguments of functions."""
    return message_of(error, option)
