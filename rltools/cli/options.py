"""Arguments and options that several commands share, with their words of help, and what some of them stand for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from rltools._util.console import say
from rltools.errors import ArgumentError

RUN_FOLDER = "runs/AGENT; for a model without a card runs/FOLDER-NAME-SHA256, of the model's file"

Agent = Annotated[str, typer.Argument(help="An agent's name, a model's .zip, a run folder of rl-zoo, or hf:ORG/NAME.")]
Run = Annotated[Path, typer.Argument(help="The folder of a recording, for instance runs/lunarlander-ppo.")]
Env = Annotated[str | None, typer.Option(help="Environment id.", show_default="the agent's own")]
Episodes = Annotated[int, typer.Option(min=1, help="How many episodes.")]
Seed = Annotated[int, typer.Option(min=0, help="Seed of the first episode; the others are drawn from it.")]
DrawSeed = Annotated[
    int, typer.Option("--seed", min=0, help="Of what is drawn: references, and what the method draws.")
]
Method = Annotated[
    str | None,
    typer.Option(
        help="Attribution method; see `rltools list methods`.",
        show_default="shapley up to 12 features, integrated_gradients beyond",
    ),
]
Shown = Annotated[
    str | None,
    typer.Option(
        help="Attribution method, of those recorded; or the name of an attribution's folder, where several fit.",
        show_default="the best predictor among them",
    ),
]
Replayed = Annotated[
    str | None,
    typer.Option(
        help="Attribution method, of those recorded; or the name of an attribution's folder.",
        show_default="all, first the best predictor of those that explain every step",
    ),
]
ShownTarget = Annotated[
    str | None,
    typer.Option(help="What was explained, for instance logit:chosen.", show_default="the default one, if recorded"),
]
Target = Annotated[
    str | None,
    typer.Option(
        help="What is explained, for instance centered:chosen or logit:left.",
        show_default="centered:chosen; action:all for continuous actions",
    ),
]
References = Annotated[
    int | None,
    typer.Option(
        min=1, metavar="N", help="How many visited states shapley and the like compare with.", show_default="8"
    ),
]
ReferencesOfAll = Annotated[
    int | None,
    typer.Option(
        min=1, metavar="N", help="How many visited states the methods that compare compare with.", show_default="32"
    ),
]
Window = Annotated[
    int,
    typer.Option(
        min=0, metavar="N", help="Of a recurrent policy: so many observations, through memory; 0: that of the moment."
    ),
]
Units = Annotated[
    Literal["environment", "network"],
    typer.Option(help="Of features: the environment's, or a network's whose observations are normalized."),
]
Parameters = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="NAME=VALUE",
        help="A parameter of the method, for instance permutations=128 of sampled_shapley; may be repeated.",
    ),
]
Every = Annotated[int, typer.Option(min=1, metavar="N", help="Explain one step of so many, evenly.")]
Seconds = Annotated[
    float | None,
    typer.Option(
        min=0.001,
        metavar="S",
        help="About how long explaining may take; where all steps would take longer, an even sample of them is.",
        show_default="no limit",
    ),
]
SecondsEach = Annotated[
    float,
    typer.Option(
        min=0.001,
        metavar="S",
        help="About how long each method may take; where all steps would take longer, an even sample is explained.",
    ),
]
Threads = Annotated[
    int | None,
    typer.Option(
        min=1,
        metavar="N",
        help="Threads that the network computes on.",
        show_default="1 for a small network, torch's own number for a large one",
    ),
]
MaxBatch = Annotated[
    int | None,
    typer.Option(min=1, metavar="N", help="Rows that go through the network at once.", show_default="by their size"),
]
Compile = Annotated[bool, typer.Option("--compile", help="Compile the network with torch first: seconds to a minute.")]
Device = Annotated[str | None, typer.Option(help="Where the network computes, for instance cuda.", show_default="cpu")]
Normalize = Annotated[
    str | None,
    typer.Option(
        metavar="PATH",
        help="VecNormalize statistics; `none` where there are none on purpose.",
        show_default="looked for beside the model",
    ),
]
Bounds = Annotated[
    Literal["same", "any"],
    typer.Option(help="`any`: other bounds of observations and actions than in training are meant."),
]
Trust = Annotated[
    list[str] | None,
    typer.Option(metavar="SHA256", help="Load the file with this sha256 though it runs code; none is by default."),
]
RunOut = Annotated[Path | None, typer.Option(help="Folder of the run.", show_default=RUN_FOLDER)]
PlotOut = Annotated[Path | None, typer.Option(help="Where the plot goes.", show_default="RUN/plots/NAME-OPTIONS.png")]
PageOut = Annotated[
    Path | None, typer.Option(help="Where the page goes.", show_default="RUN/replays/episode-NUMBER.html")
]
Beside = Annotated[
    Path | None, typer.Option(help="Folder of another agent's recording in the same environment, from the same seeds.")
]
VideoOut = Annotated[
    Path | None,
    typer.Option(help="Write a video instead of a page: .mp4 or .webm (extra `video`), or .gif.", show_default=False),
]
Speed = Annotated[
    float | None,
    typer.Option(min=0.01, help="Of a video; 1 is real time.", show_default="1, slower where an episode is short"),
]
OfEpisode = Annotated[
    int | None,
    typer.Option(min=0, help="Of a plot of one episode: its number.", show_default="the one of median return"),
]
Top = Annotated[int | None, typer.Option(min=1, help="How many features.", show_default="the plot's own")]
Import = Annotated[
    list[str] | None, typer.Option("--import", metavar="MODULE", help="Module that registers your environments.")
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace recordings of other settings.")]
NoFrames = Annotated[
    bool, typer.Option("--no-frames", help="Leave out the pictures of the environment, also those that are kept.")
]


def _say_version(asked: bool) -> None:
    if asked:
        from rltools import __version__

        say(f"rltools {__version__}")
        raise typer.Exit


Version = Annotated[
    bool, typer.Option("--version", is_eager=True, callback=_say_version, help="Say which version it is.")
]


def imported(modules: list[str] | None) -> None:
    """Import what `--import` names."""
    if modules:
        from rltools.envs import import_modules

        import_modules(modules)


def statistics(normalize: str | None) -> Path | bool | None:
    """What `--normalize` says, as `load_policy` takes it."""
    if normalize is None:
        return None
    return False if normalize == "none" else Path(normalize)


def page_path(out: Path | None) -> Path | None:
    """Where `--out` puts a page; what is no page, a file of the recording for instance, is not replaced by one.

    Raises:
        ArgumentError: another ending than a page has.
    """
    if out is not None and out.suffix.lower() not in (".html", ".htm"):
        raise ArgumentError(
            f"--out {out} ends in {out.suffix!r}, and a page in .html; write {out.with_suffix('.html')}"
        )
    return out


def parameters(given: list[str] | None) -> dict[str, Any]:
    """What `--set` says: values are JSON where they can be, and texts otherwise.

    Raises:
        ArgumentError: not NAME=VALUE, a name twice, or the name of something that is no parameter of a method.

    >>> parameters(["permutations=64", "groups=summary"])
    {'permutations': 64, 'groups': 'summary'}
    """
    found: dict[str, Any] = {}
    for text in given or ():
        name, equals, value = text.partition("=")
        if not equals or not name.isidentifier():
            raise ArgumentError(f"--set {text!r} is not NAME=VALUE, for instance --set permutations=128")
        if name in OPTIONS:
            raise ArgumentError(f"--set {text}: {name} is an option of its own; write {OPTIONS[name]} {value}".rstrip())
        if name in _NO_PARAMETERS:
            raise ArgumentError(f"--set {text}: {name} is no parameter of a method; see `rltools list methods`")
        if name in found:
            raise ArgumentError(f"--set gives {name} twice, as {found[name]!r} and as {value!r}; leave one of them out")
        try:
            found[name] = json.loads(value)
        except (ValueError, RecursionError):  # no JSON, a number of thousands of digits, or lists inside each other
            found[name] = value
    return found


OPTIONS = {
    "method": "--method",
    "target": "--target",
    "references": "--references",
    "window": "--window",
    "units": "--units",
    "every": "--every",
    "seconds": "--seconds",
    "seed": "--seed",
    "max_batch": "--max-batch",
    "threads": "--threads",
    "compile": "--compile",
    "device": "--device",
    "normalize": "--normalize",
}
"""What `explain` takes beside a method's parameters, and how it is typed."""
_NO_PARAMETERS = ("recording", "policy", "progress")
