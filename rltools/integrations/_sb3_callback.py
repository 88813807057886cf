"""The callback of Stable-Baselines3 that records, explains and logs a model while it is trained."""

from __future__ import annotations

import random
import shutil
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType

import numpy as np
import torch
from stable_baselines3.common.callbacks import BaseCallback

from rltools._util.console import say
from rltools._util.files import os_errors_as
from rltools._util.text import one_line
from rltools.envs import Environment
from rltools.errors import (
    ArgumentError,
    ConflictError,
    FaultError,
    GradientError,
    MethodError,
    ModelError,
    RecordingError,
    RltoolsError,
    SimulationError,
    argument,
)
from rltools.explanation import explain
from rltools.integrations._checkpoints import FolderClaim, checkpoint_folders, checkpoint_path
from rltools.integrations._loggers import Unlogged, log_checkpoint
from rltools.policies.load import load_policy
from rltools.recording import Recording, open_recording
from rltools.rollout import record
from rltools.summary import summarize
from rltools.targets import Target

_TRIAL_STEPS = 16
_REFUSED = (ArgumentError, GradientError, MethodError, ModelError, SimulationError, FaultError)
"""Errors in the arguments, the model or the environment, which would recur at every training step."""


class AttributionSkippedWarning(UserWarning):
    """Something could not be recorded, explained or logged during training; the training goes on.

    Example:
        >>> import warnings
        >>> import rltools
        >>> from rltools.integrations import AttributionSkippedWarning
        >>> warnings.simplefilter("ignore", AttributionSkippedWarning)
    """


class AttributionCallback(BaseCallback):
    """Records what the agent attends to while it learns, and logs scalars, and a figure for TensorBoard.

    Before the first step, and then every `every` steps, episodes of the current model are recorded in separate
    environments, explained and logged through the model's own logger: `attribution/<feature>`, the share of each
    feature in the total importance, from 0 to 1; `attribution/mean_return`; and the figure `attribution/importance`. In
    the name of a metric `_` replaces what some loggers refuse: "cos(angle)" is logged as `attribution/cos_angle`. An
    active run of Weights & Biases gets them too. The training is exactly as it would be without the callback:
    parameters, random streams and statistics of observations are the same to the last bit.

    Args:
        eval_env: an id, a specification, a vector of environments or a function that makes one; see `rltools.record`.
        every: training steps between two recordings, counted over all environments as SB3 counts them.
        episodes: how many episodes are recorded each time, always with the same seeds.
        method: a name from `rltools list methods`.
        target: what is explained, for instance "logit:chosen"; None is "centered:chosen" for discrete actions,
            "action:all" for others.
        references: how many visited observations features are compared with, by methods that compare; None is 32.
        seed: the seed of the first episode.
        max_steps: see `rltools.record`.
        directory: the folder for `step-000010000` and so on, for `rltools.integrations.open_checkpoints`; None keeps
            the recordings in temporary folders as long as they are in use.
        overwrite: delete the recordings in `directory` of later steps than the training is at; they are from another
            training run.
        verbose: 1 prints the first finding of each recording.

    Attributes:
        recordings: the recordings by training steps, in order; pass them to `rltools.plots.training`.

    Raises:
        ArgumentError: numbers below 1, a seed below 0 or a vector environment; when training starts, a method or a
            target that the model does not have.
        SimulationError: when training starts, an environment that cannot be made.
        MismatchError: when training starts, an environment whose spaces are not the model's.
        FaultError: when training starts, an environment that raises.
        ConflictError: when training starts, a folder with later steps of another training run or the first step of
            another model, or one that another training run writes to, in this process or in another.
        RecordingError: when training starts, a folder that cannot be written to.

    Later failures, also in a logger, become an `AttributionSkippedWarning`, once for each cause, and the training goes
    on.

    Example:
        >>> from stable_baselines3 import PPO
        >>> from rltools.integrations import AttributionCallback
        >>> callback = AttributionCallback("CartPole-v1", every=128, episodes=2)
        >>> model = PPO("MlpPolicy", "CartPole-v1", n_steps=128, seed=0).learn(256, callback=callback)
        >>> list(callback.recordings)
        [0, 128, 256]
    """

    def __init__(
        self,
        eval_env: Environment,
        *,
        every: int = 10_000,
        episodes: int = 5,
        method: str = "gradient",
        target: str | Target | None = None,
        references: int | None = None,
        seed: int = 0,
        max_steps: int | None = None,
        directory: str | Path | None = None,
        overwrite: bool = False,
        verbose: int = 0,
    ) -> None:
        super().__init__(verbose)
        for name, number in (
            ("every", every),
            ("episodes", episodes),
            ("references", references),
            ("max_steps", max_steps),
        ):
            if number is not None and number < 1:
                raise ArgumentError(f"{name} is {number}; it must be at least 1")
        if seed < 0:
            raise ArgumentError(f"seed is {seed}; it must be at least 0")
        self._env, self._every, self._episodes, self._seed = eval_env, every, episodes, seed
        self._method, self._target, self._references = method, target, references
        self._max_steps, self._overwrite = max_steps, overwrite
        self._directory = None if directory is None else Path(directory)
        self._claim = None if self._directory is None else FolderClaim(self._directory)
        self._recordings: dict[int, Recording] = {}
        self._last = 0
        self._tried: object = None
        self._warned: set[str] = set()

    @property
    def recordings(self) -> Mapping[int, Recording]:
        """The recordings so far, by training steps, in order."""
        return MappingProxyType(self._recordings)

    def _init_callback(self) -> None:
        """Try everything once on a few steps, so that errors come before the first training step."""
        if self._tried is self.model:  # a training run that is continued
            return
        with untouched_random_state():
            try:
                self._explained_episodes(None, episodes=1, max_steps=min(_TRIAL_STEPS, self._max_steps or _TRIAL_STEPS))
            except _REFUSED:
                raise
            except Exception as error:  # the fault of the machine, or of other code: it may work later
                self._warn(_cause(error))
        self._tried = self.model

    def _on_training_start(self) -> None:
        if self._claim is not None:
            self._claim.begin(self.model, self.locals)
        self._last = self.num_timesteps
        if any(step > self.num_timesteps for step in self._recordings):  # the recordings of an earlier training run
            self._recordings = {}
        if self._directory is not None and not self._recordings:
            self._recordings = self._resumed(self._directory)
        if not self._recordings:
            self._log()

    def _on_step(self) -> bool:
        if self.num_timesteps // self._every > self._last // self._every:
            self._last = self.num_timesteps
            self._log()
        return True

    def _on_training_end(self) -> None:
        if self._claim is None:
            return
        try:
            self._claim.end()
        except RltoolsError as error:
            warnings.warn(str(error), AttributionSkippedWarning, stacklevel=2)

    def _resumed(self, directory: Path) -> dict[int, Recording]:
        """The earlier recordings of the same training run.

        Raises:
            ConflictError: there are later steps than this run has reached, or the first one is of another model.
            RecordingError: recordings to overwrite cannot be deleted.
        """
        folders = checkpoint_folders(directory)
        # Only before the first step: later the model may be trained on after it was recorded, at the same count.
        if self.num_timesteps == 0 and 0 in folders and self._is_of_another_model(folders[0]):
            if not self._overwrite:
                raise ConflictError(
                    f"{directory} holds a recording of another model at 0 steps of training; choose another folder "
                    f"(directory=), or delete it with {argument('overwrite', True)}"
                )
            with os_errors_as(directory):
                shutil.rmtree(folders.pop(0))
        later = [step for step in folders if step > self.num_timesteps]
        if later and not self._overwrite:
            raise ConflictError(
                f"{directory} holds recordings of up to {later[-1]} steps of training, and this training is at "
                f"{self.num_timesteps}; choose another folder (directory=), continue with "
                f"learn(..., reset_num_timesteps=False), or delete the later ones with {argument('overwrite', True)}"
            )
        with os_errors_as(directory):
            for step in later:
                shutil.rmtree(folders.pop(step))
        resumed = {}
        for step, folder in folders.items():
            try:
                recording = open_recording(folder)
                if recording.specs:
                    resumed[step] = recording
            except RecordingError as error:  # damaged since: the training does not need it
                self._warn(str(error))
        return resumed

    def _is_of_another_model(self, folder: Path) -> bool:
        try:
            recorded = open_recording(folder).header.policy_sha256
        except RecordingError:  # damaged since: it is recorded anew
            return False
        return recorded != load_policy(self.model, self._env).source.sha256

    def _log(self) -> None:
        """Record, explain and log the current model; any error is a warning: it must not end hours of training."""
        step = self.num_timesteps
        folder = None if self._directory is None else checkpoint_path(self._directory, step)
        try:
            with untouched_random_state():
                recording = self._explained_episodes(folder, episodes=self._episodes, max_steps=self._max_steps)
                summary = summarize(recording, method=self._method)
                self._recordings[step] = recording
                log_checkpoint(self.logger, recording, summary, step)
            if self.verbose:
                say(f"After {step:,} steps of training: {summary.findings[0]}")
        except Exception as error:
            self._warn(_cause(error), error.kinds if isinstance(error, Unlogged) else "")

    def _warn(self, cause: str, kind: str = "") -> None:
        """Warn of each cause, or each kind of causes, once: a logger that fails does so at every recording."""
        if (kind or cause) in self._warned:
            return
        self._warned.add(kind or cause)
        message = f"after {self.num_timesteps} steps of training: {cause}; the training goes on"
        warnings.warn(message, AttributionSkippedWarning, stacklevel=3)

    def _explained_episodes(self, folder: Path | None, *, episodes: int, max_steps: int | None) -> Recording:
        """Episodes of the current model, with their attributions."""
        # Loaded each time, because the wrappers of the model's environment may have changed.
        policy = load_policy(self.model, self._env)
        recording = record(
            policy,
            self._env,
            episodes=episodes,
            seed=self._seed,
            directory=folder,
            max_steps=max_steps,
            overwrite=True,
        )
        return explain(
            recording, policy, method=self._method, target=self._target, references=self._references, seed=self._seed
        )


def _cause(error: Exception) -> str:
    """The cause of an error; errors of rltools are whole sentences, others may be a single word."""
    return str(error) if isinstance(error, RltoolsError | Unlogged) else f"{type(error).__name__}: {one_line(error)}"


@contextmanager
def untouched_random_state() -> Iterator[None]:
    """Restore the global random state of Python, NumPy and torch, on every device, afterwards.

    Recording uses its own generators; a user's environment may not.
    """
    python, numpy, cpu = random.getstate(), np.random.get_state(), torch.get_rng_state()  # noqa: NPY002
    initialized = torch.cuda.is_initialized()  # type: ignore[no-untyped-call]  # reading a state would initialize it
    devices = torch.cuda.get_rng_state_all() if initialized else None
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)  # noqa: NPY002
        torch.set_rng_state(cpu)
        if devices is not None:
            torch.cuda.set_rng_state_all(devices)
