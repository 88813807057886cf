"""What is logged of a recording during training."""

from __future__ import annotations

import sys
from typing import Any

from stable_baselines3.common.logger import Figure, Logger, TensorBoardOutputFormat

from rltools.recording import Recording
from rltools.summary import Summary

_TEXT = ("stdout", "log")
_FILES = (*_TEXT, "json", "csv")


def log_checkpoint(logger: Logger, recording: Recording, summary: Summary, step: int) -> None:
    """Log shares, mean return and the figure of the importance, after so many steps of training.

    Through the outputs of the training's logger, but at once: what the training has collected and not yet written is
    left to it. Tables of text get the mean return only. To Weights & Biases where a run of it is active.
    """
    run = _active_run()
    shares = {f"attribution/{found.feature}": found.share for found in summary.top()}
    own = Logger(logger.get_dir(), logger.output_formats)
    own.set_level(logger.level)
    own.record("time/total_timesteps", step, exclude="tensorboard")
    for name, share in shares.items():
        own.record(name, share, exclude=_TEXT)
    own.record("attribution/mean_return", summary.returns.mean)
    figure = None
    if run is not None or any(isinstance(output, TensorBoardOutputFormat) for output in logger.output_formats):
        from rltools.plots import importance

        figure = importance(recording, method=summary.method, target=summary.target).get_figure(root=True)
        assert figure is not None
        own.record("attribution/importance", Figure(figure, close=False), exclude=_FILES)
    if logger.output_formats:
        own.dump(step)
    if run is not None:
        # No step of its own: a run that follows TensorBoard counts them by global_step.
        logged = {**shares, "attribution/mean_return": summary.returns.mean, "global_step": step}
        run.log(logged | {"attribution/importance": sys.modules["wandb"].Image(figure)})


def _active_run() -> Any:
    """The run of Weights & Biases that the training's own script began; None where it did not even import it."""
    return getattr(sys.modules.get("wandb"), "run", None)
