"""Everything rltools raises on purpose.

Each message says what was wrong, the actual value, and what to do next.

```
RltoolsError
├── ArgumentError (also ValueError)    an argument that cannot be meant
│   ├── TargetError                    a target the policy does not have
│   ├── TooCostlyError                 work of which a single step takes longer than is allowed
│   └── UnknownNameError               a name of an agent, method, plot, ... that nothing answers to
├── GradientError                      a score that cannot be differentiated
├── MethodError                        an attribution method broke its contract
├── PluginError                        something from another package that cannot be used
├── ModelError                         a model that cannot be read
│   ├── UnsafeFileError                a file that wants to run code, or to exhaust the machine
│   └── ChecksumError                  a file that is not the one its card names
├── SimulationError                    an environment that cannot be made or does not behave
│   └── MismatchError                  a policy and an environment that do not belong together
├── FaultError                         a rollout stopped before something false was recorded
├── RecordingError                     a recording that cannot be read or written
│   ├── ConflictError                  a folder that already holds something else, or has another writer
│   ├── CorruptError                   a damaged file
│   └── FormatError                    a recording of a newer format
└── ConfigError                        a card or an experiment file with faults, all of them listed
```
"""

from __future__ import annotations

from typing import Any


class RltoolsError(Exception):
    """The root of the tree above.

    Example:
        >>> import rltools
        >>> try:
        ...     rltools.load_policy("cartpole-pop")
        ... except rltools.errors.RltoolsError as error:
        ...     print(type(error).__name__)
        UnknownNameError
    """


class ArgumentError(RltoolsError, ValueError):
    """An argument that cannot be meant.

    Example:
        >>> import rltools
        >>> rltools.record(rltools.load_policy("cartpole-ppo"), episodes=-1)
        Traceback (most recent call last):
            ...
        rltools.errors.ArgumentError: episodes is -1; it must be at least 1
    """


class TargetError(ArgumentError):
    """A target the policy does not have.

    Example:
        >>> import rltools
        >>> rltools.attribute(rltools.load_policy("cartpole-ppo"), [[0.0] * 4], target="q_value:chosen")
        Traceback (most recent call last):
            ...
        rltools.errors.TargetError: cartpole-ppo has no target 'q_value:chosen'. A target is ...
    """


class TooCostlyError(ArgumentError):
    """Work of which a single step takes longer than is allowed.

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
    """A name that nothing answers to.

    Example:
        >>> import rltools
        >>> rltools.attribute(rltools.load_policy("cartpole-ppo"), [[0.0] * 4], method="gradeint")
        Traceback (most recent call last):
            ...
        rltools.errors.UnknownNameError: no method 'gradeint'; did you mean gradient or ...
    """


class GradientError(RltoolsError):
    """A score that cannot be differentiated with respect to its input.

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
    """Another package offers something that cannot be used.

    Example:
        >>> from importlib.metadata import EntryPoint
        >>> from rltools._util.discovery import load_offered
        >>> load_offered(EntryPoint("rainbow", "tinyrl_plots.rainbow", "rltools.plots"))
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
        rltools.errors.ChecksumError: what is trusted is not what is there: ... nothing was loaded. ...
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
    """A policy and an environment that do not belong together.

    Example:
        >>> import rltools
        >>> rltools.load_policy("cartpole-ppo", "Pendulum-v1")
        Traceback (most recent call last):
            ...
        rltools.errors.MismatchError: cartpole-ppo observes shape [4] and Pendulum-v1 gives shape ...
    """


class FaultError(RltoolsError):
    """A rollout stopped before something false was recorded.

    Attributes:
        recording: the `Recording` of what was kept; None where nothing was.

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
    """A folder that already holds something else, or has another writer.

    Example:
        >>> import rltools
        >>> policy = rltools.load_policy("cartpole-ppo")
        >>> recording = rltools.record(policy, episodes=1, directory="runs/poles")
        >>> rltools.record(policy, episodes=1, seed=7, directory="runs/poles")
        Traceback (most recent call last):
            ...
        rltools.errors.ConflictError: runs/poles holds a recording of cartpole-ppo in CartPole-v1 ...
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
    """A card or an experiment file with faults, all of them listed.

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
