"""Logs a recording during training: shares of features, mean return, and a figure."""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from stable_baselines3.common.logger import Figure, KVWriter, Logger, TensorBoardOutputFormat

from rltools._util.text import one_line
from rltools.recording import Recording
from rltools.summary import Summary

if TYPE_CHECKING:
    import matplotlib.figure


_TEXT = ("stdout", "log")
_RETURN, _IMPORTANCE = "attribution/mean_return", "attribution/importance"


class Unlogged(Exception):  # noqa: N818 - names what could not be logged, and is shown as a warning only
    """Some values could not be logged, and why.

    Attributes:
        kinds: the operations that failed, and the types of their errors; unlike the messages, without steps or times.
    """

    def __init__(self, failures: Mapping[str, str]) -> None:
        super().__init__("; ".join(failures.values()))
        self.kinds = "; ".join(failures)


def log_checkpoint(logger: Logger, recording: Recording, summary: Summary, step: int) -> None:
    """Log shares, mean return and the importance figure, after some number of training steps.

    They go to the outputs of the training's logger immediately, without flushing what the training has collected.
    Tables of text get the mean return only, TensorBoard also gets the figure, and so does an active run of Weights &
    Biases. An output that fails does not affect the others.

    Raises:
        Unlogged: outputs that failed, with their causes.
    """
    names = metric_names(summary.features)
    shares = {names[feature.position]: feature.share for feature in summary.top()}
    failures: dict[str, str] = {}
    outputs = [output for output in logger.output_formats if isinstance(output, KVWriter)]
    run, figure = None, None
    with _collecting("looking for a run of Weights & Biases", failures):
        run = _active_run()
    if run is not None or any(isinstance(output, TensorBoardOutputFormat) for output in outputs):
        with _collecting("drawing the figure", failures):
            figure = _figure(recording, summary)
    for output in outputs:
        with _collecting(f"logging to {type(output).__name__}", failures):
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
        with _collecting("logging to Weights & Biases", failures):
            # No step argument: a run that syncs TensorBoard counts by global_step.
            logged = {**shares, _RETURN: summary.returns.mean, "global_step": step}
            run.log(logged if figure is None else logged | {_IMPORTANCE: _wandb_image(figure)})
    if failures:
        raise Unlogged(failures)


@contextmanager
def _collecting(doing: str, failures: dict[str, str]) -> Iterator[None]:
    """Collect a failure and go on: loggers of other packages may raise anything."""
    try:
        yield
    except Exception as error:
        kind = f"{doing} failed: {type(error).__name__}"
        failures[kind] = f"{kind}: {one_line(error)}"


def _figure(recording: Recording, summary: Summary) -> matplotlib.figure.Figure:
    from rltools.plots import importance

    figure = importance(recording, method=summary.method, target=summary.target).get_figure(root=True)
    assert figure is not None
    return figure


def _active_run() -> Any:
    """The Weights & Biases run that the training script started; None if it did not import wandb."""
    return getattr(sys.modules.get("wandb"), "run", None)


def _wandb_image(figure: matplotlib.figure.Figure) -> Any:
    """The figure as pixels: Weights & Biases takes figures only if pyplot is loaded."""
    from PIL import Image

    pixels = io.BytesIO()
    figure.savefig(pixels, format="png")
    return sys.modules["wandb"].Image(Image.open(pixels))


LONGEST = 200
"""The most bytes of a feature's name in a metric: MLflow stores a metric as a file, whose name may have 250."""
RESERVED = ("mean_return", "importance")
"""Metrics that are logged besides the features."""


def metric_names(features: Sequence[str]) -> list[str]:
    """`attribution/<feature>` for each feature: letters, digits, spaces and `_-.` only, and no two alike.

    MLflow refuses other characters, and some file systems ignore case. Names are in the features' own order, so which
    of two gets a number does not change with their ranks.

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
