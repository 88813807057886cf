"""What is logged of a recording during training."""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from stable_baselines3.common.logger import Figure, KVWriter, Logger, TensorBoardOutputFormat

from rltools.recording import Recording
from rltools.summary import Summary

if TYPE_CHECKING:
    import matplotlib.figure


_TEXT = ("stdout", "log")
_RETURN, _IMPORTANCE = "attribution/mean_return", "attribution/importance"


class Unlogged(Exception):  # noqa: N818 - names what could not be logged, and is shown as a warning only
    """Some of it could not be logged, and why.

    Attributes:
        kinds: what failed and the types of the errors, which stay the same where their texts name steps or times.
    """

    def __init__(self, failures: Mapping[str, str]) -> None:
        super().__init__("; ".join(failures.values()))
        self.kinds = "; ".join(failures)


def log_checkpoint(logger: Logger, recording: Recording, summary: Summary, step: int) -> None:
    """Log shares, mean return and the figure of the importance, after so many steps of training.

    Through the outputs of the training's logger, but at once: what the training has collected and not yet written is
    left to it. Tables of text get the mean return only, TensorBoard the figure too. To Weights & Biases where a run of
    it is active. Each output gets its own, whatever happens to the others.

    Raises:
        Unlogged: outputs that failed, with their causes.
    """
    names = metric_names(summary.features)
    shares = {names[entry.position]: entry.share for entry in summary.top()}
    failures: dict[str, str] = {}
    outputs = [output for output in logger.output_formats if isinstance(output, KVWriter)]
    run, figure = None, None
    with _noted("looking for a run of Weights & Biases", failures):
        run = _active_run()
    if run is not None or any(isinstance(output, TensorBoardOutputFormat) for output in outputs):
        with _noted("drawing the figure", failures):
            figure = _figure(recording, summary)
    for output in outputs:
        with _noted(f"logging to {type(output).__name__}", failures):
            own = Logger(logger.get_dir(), [output])
            own.set_level(logger.level)
            own.record("time/total_timesteps", step, exclude="tensorboard")
            for name, share in shares.items():
                own.record(name, share, exclude=_TEXT)
            own.record(_RETURN, summary.returns.mean)
            if figure is not None and isinstance(output, TensorBoardOutputFormat):
                own.record(_IMPORTANCE, Figure(figure, close=False))
            own.dump(step)
    if run is not None:
        with _noted("logging to Weights & Biases", failures):
            # No step of its own: a run that follows TensorBoard counts them by global_step.
            logged = {**shares, _RETURN: summary.returns.mean, "global_step": step}
            run.log(logged if figure is None else logged | {_IMPORTANCE: _wandb_image(figure)})
    if failures:
        raise Unlogged(failures)


@contextmanager
def _noted(doing: str, failures: dict[str, str]) -> Iterator[None]:
    """What fails is noted, and the rest goes on: loggers are written by others, and raise whatever they like."""
    try:
        yield
    except Exception as error:
        kind = f"{doing} failed: {type(error).__name__}"
        failures[kind] = f"{kind}: {one_line(error)}"


def one_line(error: Exception) -> str:
    """What somebody else's error says, in a line: those of databases show a query, too."""
    return " ".join(str(error).split())


def _figure(recording: Recording, summary: Summary) -> matplotlib.figure.Figure:
    from rltools.plots import importance

    figure = importance(recording, method=summary.method, target=summary.target).get_figure(root=True)
    assert figure is not None
    return figure


def _active_run() -> Any:
    """The run of Weights & Biases that the training's own script began; None where it did not even import it."""
    return getattr(sys.modules.get("wandb"), "run", None)


def _wandb_image(figure: matplotlib.figure.Figure) -> Any:
    """The figure as pixels: Weights & Biases takes figures only of a process that has loaded pyplot."""
    from PIL import Image

    pixels = io.BytesIO()
    figure.savefig(pixels, format="png")
    return sys.modules["wandb"].Image(Image.open(pixels))


LONGEST = 200
"""Bytes of a feature's part of a name: MLflow keeps a metric as a file, whose name has at most 250."""
RESERVED = ("mean_return", "importance")
"""What is logged beside the features."""


def metric_names(features: Sequence[str]) -> list[str]:
    """`attribution/<feature>` for each feature: letters, digits, spaces and `_-.` only, and no two alike.

    MLflow refuses other characters, and some disks compare names of files without case. In the features' own order:
    which of two gets a number must not change with their ranks.

    >>> metric_names(["pole angle", "cos(angle)", "obs[3]", "obs(3)"])
    ['attribution/pole angle', 'attribution/cos_angle', 'attribution/obs_3', 'attribution/obs_3_2']
    """
    taken = {*RESERVED}
    names = []
    for feature in features:
        plain = re.sub(r"[^\w\-. ]+", "_", feature).encode()[:LONGEST].decode(errors="ignore")
        plain = plain.strip("_. ")
        name = numbered = plain if re.search(r"\w", plain) else "feature"
        count = 1
        while numbered.casefold() in taken:
            count += 1
            numbered = f"{name}_{count}"
        taken.add(numbered.casefold())
        names.append(f"attribution/{numbered}")
    return names
