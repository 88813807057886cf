"""Everything rltools raises on purpose.

Each message says what was wrong, the actual value, and what to do next.

```
RltoolsError
├── ArgumentError (also ValueError)    an argument with an invalid value
│   ├── TargetError                    a target that the policy does not have
│   ├── TooCostlyError                 work that takes longer than the limit for a single step
│   └── UnknownNameError               an unknown name of an agent, method, plot, ...
├── GradientError                      an output that cannot be differentiated
├── MethodError                        an attribution method broke its contract
├── PluginError                        an extension in another package that cannot be used
├── ModelError                         a model that cannot be read
│   ├── UnsafeFileError                a file that wants to run code, or to exhaust the machine
│   └── ChecksumError                  a file that is not the one its card names
├── DataError                          a data set that cannot be read, or holds what cannot be explained
├── SimulationError                    an environment that cannot be made or does not behave
│   └── MismatchError                  a policy and an environment that do not match
├── FaultError                         a rollout that was stopped before it recorded something false
├── CellsError                         parts of an experiment that failed, or that no process could begin
├── RecordingError                     a recording that cannot be read or written
│   ├── ConflictError                  a folder that already holds something else
│   │   └── BusyError                  a folder that has another writer at the moment
│   ├── CorruptError                   a damaged file
│   └── FormatError                    a recording of a newer format
└── ConfigError                        a card or an experiment file with faults; all are listed
```
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

# Two of Unicode's noncharacters: they are meant for use inside programs and occur in no text or path.
_BEGIN, _END = "\ufdd0", "\ufdd1"
_ARGUMENT = re.compile(f"{_BEGIN}(\\w+)=([^{_END}]*){_END}")


def argument(name: str, value: object = "") -> str:
    """Mark an argument of a function, to be named in an error message.

    `str(error)` writes it as in Python, `env=`, and the command line as its own option, `--env ID`.

    Args:
        name: of the argument.
        value: what to pass; the default names the argument alone.

    Returns:
        Marked text, to be put into the message of an `RltoolsError` or an `RltoolsWarning` and nowhere else.

    Example:
        >>> from rltools.errors import ModelError, argument
        >>> str(ModelError(f"give the environment as {argument('env')}, or pass {argument('normalize', False)}"))
        'give the environment as env=, or pass normalize=False'
    """
    return f"{_BEGIN}{name}={value}{_END}"


def message_of(error: BaseException, write: Callable[[str, str], str] = "{}={}".format) -> str:
    """The message of an error or a warning, with its arguments written by `write(name, value)`.

    Args:
        error: of any type.
        write: returns the text for an argument; by default as in Python.

    Returns:
        The message without marks.

    Example:
        >>> from rltools.errors import ModelError, argument, message_of
        >>> error = ModelError(f"give the environment as {argument('env')}")
        >>> message_of(error, lambda name, value: f"--{name} ID")
        'give the environment as --env ID'
    """
    text = BaseException.__str__(error)
    return _ARGUMENT.sub(lambda match: write(match[1], match[2]), text)


class RltoolsError(Exception):
    """The root of the tree above; its message names arguments with `argument`.

    Example:
        >>> import rltools
        >>> try:
        ...     rltools.load_policy("cartpole-pop")
        ... except rltools.errors.RltoolsError as error:
        ...     print(type(error).__name__)
        UnknownNameError
    """

    def __str__(self) -> str:
        """The message with arguments written as in Python: `env=`, not `--env ID`."""
        return message_of(self)


class RltoolsWarning(UserWarning):
    """A warning of rltools whose message names arguments with `argument`.

    Example:
        >>> from rltools.errors import RltoolsWarning, argument
        >>> str(RltoolsWarning(f"an even sample is explained with {argument('seconds', 60)}"))
        'an even sample is explained with seconds=60'
    """

    def __str__(self) -> str:
        """The message with arguments written as in Python."""
        return message_of(self)


class ArgumentError(RltoolsError, ValueError):
    """An argument with an invalid value.

    Example:
        >>> import rltools
        >>> rltools.record(rltools.load_policy("cartpole-ppo"), episodes=-1)
        Traceback (most recent call last):
            ...
        rltools.errors.ArgumentError: episodes is -1; it must be at least 1
    """


class TargetError(ArgumentError):
    """A target that the policy does not have.

    Example:
        >>> import rltools
        >>> rltools.attribute(rltools.load_policy("cartpole-ppo"), [[0.0] * 4], target="q_value:chosen")
        Traceback (most recent call last):
            ...
        rltools.errors.TargetError: cartpole-ppo has no target 'q_value:chosen'. A target is ...
    """


class TooCostlyError(ArgumentError):
    """Work that takes longer than the limit for a single step.

    Example:
        >>> import rltools
        >>> policy = rltools.load_policy("cartpole-ppo")
        >>> recording = rltools.record(policy, episodes=1, max_steps=5)
        >>> rltools.explain(recording, policy, method="shapley", seconds=1e-9)
        Traceback (most recent call last):
            ...
        rltools.errors.TooCostlyError: shapley of centered:chosen takes about ... for a single step, ...
    """


class UnknownNameError(ArgumentError):
    """An unknown name of an agent, a method, a plot, ...

    Example:
        >>> import rltools
        >>> rltools.attribute(rltools.load_policy("cartpole-ppo"), [[0.0] * 4], method="gradeint")
        Traceback (most recent call last):
            ...
        rltools.errors.UnknownNameError: no method 'gradeint'; did you mean gradient or ...
    """


class GradientError(RltoolsError):
    """An output that cannot be differentiated with respect to its input.

    Example:
        >>> import torch, rltools
        >>> rltools.input_gradient(lambda x: x.detach().sum(1), torch.ones(2, 3))
        Traceback (most recent call last):
            ...
        rltools.errors.GradientError: the output does not depend on the input in a differentiable ...
    """


class MethodError(RltoolsError):
    """An attribution method broke its contract.

    Example:
        >>> import torch
        >>> from rltools.attributions import method
        >>> from rltools.testing import PlainFunction
        >>> @method(unit="score", cost=0)
        ... def nothing(f, x):
        ...     "Forgets to return a Result."
        >>> nothing(PlainFunction(lambda x: x, outputs=2), torch.ones(1, 2))
        Traceback (most recent call last):
            ...
        rltools.errors.MethodError: method nothing returned a NoneType; it must return a Result
    """


class PluginError(RltoolsError):
    """An extension in another package that cannot be used.

    Example:
        >>> from importlib.metadata import EntryPoint
        >>> from rltools._util.discovery import load_entry_point
        >>> load_entry_point(EntryPoint("rainbow", "tinyrl_plots.rainbow", "rltools.plots"))
        Traceback (most recent call last):
            ...
        rltools.errors.PluginError: rainbow, ... cannot be loaded: ModuleNotFoundError: ...
    """


class ModelError(RltoolsError):
    """A model that cannot be read.

    Example:
        >>> import rltools
        >>> from pathlib import Path
        >>> size = Path("model.zip").write_text("version https://git-lfs.github.com/spec/v1")
        >>> rltools.load_policy("model.zip")
        Traceback (most recent call last):
            ...
        rltools.errors.ModelError: model.zip ...
    """


class UnsafeFileError(ModelError):
    """A file that wants to run code, or to exhaust the machine.

    Example:
        >>> import base64, json, pickle, zipfile, rltools
        >>> class Shell:
        ...     def __reduce__(self):
        ...         return print, ("this would have run",)
        >>> data = {"policy_class": {":type:": "x", ":serialized:": base64.b64encode(pickle.dumps(Shell())).decode()}}
        >>> with zipfile.ZipFile("model.zip", "w") as file:
        ...     file.writestr("data", json.dumps(data))
        ...     file.writestr("policy.pth", b"")
        >>> rltools.load_policy("model.zip", "CartPole-v1")
        Traceback (most recent call last):
            ...
        rltools.errors.UnsafeFileError: model.zip: policy_class wants builtins.print, ... it was NOT run. ...
    """


class ChecksumError(ModelError):
    """A file that is not the one its card names.

    Example:
        >>> import rltools
        >>> from pathlib import Path
        >>> size = Path("model.zip").write_bytes(b"another model")
        >>> rltools.load_policy("model.zip", trust="0" * 64)
        Traceback (most recent call last):
            ...
        rltools.errors.ChecksumError: no file has the trusted sha256 ...: ... nothing was loaded. ...
    """


class DataError(RltoolsError):
    """A data set of another tool that cannot be read, or holds what cannot be explained.

    Example:
        >>> import rltools
        >>> rltools.import_data("minari:cartpole/none-v0", rltools.load_policy("cartpole-ppo"))
        Traceback (most recent call last):
            ...
        rltools.errors.DataError: no data set cartpole/none-v0 in ...
    """


class SimulationError(RltoolsError):
    """An environment that cannot be made or does not behave.

    Example:
        >>> import rltools
        >>> rltools.record(rltools.load_policy("cartpole-ppo"), "CartPoll-v1")
        Traceback (most recent call last):
            ...
        rltools.errors.SimulationError: no environment 'CartPoll-v1' is registered; did you mean ...
    """


class MismatchError(SimulationError):
    """A policy and an environment that do not match.

    Example:
        >>> import rltools
        >>> rltools.load_policy("cartpole-ppo", "Pendulum-v1")
        Traceback (most recent call last):
            ...
        rltools.errors.MismatchError: cartpole-ppo observes shape [4] and Pendulum-v1 gives shape ...
    """


class FaultError(RltoolsError):
    """A rollout that was stopped before it recorded something false.

    Attributes:
        recording: the `Recording` of the steps before the fault; None if there are none.

    Example:
        >>> import gymnasium, rltools
        >>> class Broken(gymnasium.Wrapper):
        ...     def step(self, action):
        ...         raise RuntimeError("a motor is stuck")
        >>> policy = rltools.load_policy("cartpole-ppo")
        >>> try:
        ...     rltools.record(policy, lambda: Broken(gymnasium.make("CartPole-v1")), episodes=1)
        ... except rltools.errors.FaultError as error:
        ...     print(error.recording.outcome(0).fault)
        step 0 failed: RuntimeError: a motor is stuck
    """

    recording: Any = None


class CellsError(RltoolsError):
    """Cells of an experiment failed, or could not be done: those that they need failed, or no process could begin.

    Example:
        >>> import rltools
        >>> raise rltools.errors.CellsError("3 of 40 cells failed")
        Traceback (most recent call last):
        rltools.errors.CellsError: 3 of 40 cells failed
    """


class RecordingError(RltoolsError):
    """A recording that cannot be read or written.

    Example:
        >>> import rltools
        >>> rltools.open_recording("runs/nothing")
        Traceback (most recent call last):
            ...
        rltools.errors.RecordingError: no recording in runs/nothing: recording.json is missing; ...
    """


class ConflictError(RecordingError):
    """A folder that already holds something else.

    Example:
        >>> import rltools
        >>> policy = rltools.load_policy("cartpole-ppo")
        >>> recording = rltools.record(policy, episodes=1, directory="runs/poles")
        >>> rltools.record(policy, episodes=1, seed=7, directory="runs/poles")
        Traceback (most recent call last):
            ...
        rltools.errors.ConflictError: runs/poles holds a recording of cartpole-ppo in CartPole-v1 ...
    """


class BusyError(ConflictError):
    """A folder that has another writer at the moment.

    Example:
        >>> import rltools
        >>> from pathlib import Path
        >>> from rltools._util.lock import folder_lock
        >>> policy = rltools.load_policy("cartpole-ppo")
        >>> with folder_lock(Path("runs/poles")):
        ...     recording = rltools.record(policy, episodes=1, directory="runs/poles")
        Traceback (most recent call last):
            ...
        rltools.errors.BusyError: this process is writing to runs/poles already; wait for it, ...
    """


class CorruptError(RecordingError):
    """A damaged file.

    Example:
        >>> import rltools
        >>> recording = rltools.record(rltools.load_policy("cartpole-ppo"), episodes=1)
        >>> size = recording.episode_path(0).write_bytes(b"PAR1")
        >>> recording.episode(0)
        Traceback (most recent call last):
            ...
        rltools.errors.CorruptError: .../episodes/000000.parquet is damaged ...
    """


class FormatError(RecordingError):
    """A recording of a newer format.

    Example:
        >>> import json, rltools
        >>> recording = rltools.record(rltools.load_policy("cartpole-ppo"), episodes=1)
        >>> path = recording.directory / "recording.json"
        >>> size = path.write_text(json.dumps(json.loads(path.read_text()) | {"format": 99}))
        >>> rltools.open_recording(recording.directory)
        Traceback (most recent call last):
            ...
        rltools.errors.FormatError: .../recording.json has format 99, and this version reads up to ...; update rltools
    """


class ConfigError(RltoolsError):
    """A card or an experiment file with faults; the message lists all of them.

    Example:
        >>> import rltools
        >>> from pathlib import Path
        >>> size = Path("poles.yaml").write_text("{agents: [cartpole-ppo], episods: 2}")
        >>> rltools.run_experiment("poles.yaml")
        Traceback (most recent call last):
            ...
        rltools.errors.ConfigError: poles.yaml: 3 faults
          ...
          episods: unknown key; did you mean 'episodes'?
    """
