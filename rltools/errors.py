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

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rltools.recording import Recording


class RltoolsError(Exception):
    """The root of the tree above."""


class ArgumentError(RltoolsError, ValueError):
    """An argument that cannot be meant."""


class TargetError(ArgumentError):
    """A target the policy does not have."""


class TooCostlyError(ArgumentError):
    """Work of which a single step takes longer than is allowed."""


class UnknownNameError(ArgumentError):
    """A name that nothing answers to."""


class GradientError(RltoolsError):
    """A score that cannot be differentiated with respect to its input."""


class MethodError(RltoolsError):
    """An attribution method broke its contract."""


class ModelError(RltoolsError):
    """A model that cannot be read."""


class UnsafeFileError(ModelError):
    """A file that wants to run code, or to exhaust the machine."""


class ChecksumError(ModelError):
    """A file that is not the one its card names."""


class SimulationError(RltoolsError):
    """An environment that cannot be made or does not behave."""


class MismatchError(SimulationError):
    """A policy and an environment that do not belong together."""


class FaultError(RltoolsError):
    """A rollout stopped before something false was recorded.

    Attributes:
        recording: what was kept; None where nothing was.
    """

    recording: Recording | None = None


class RecordingError(RltoolsError):
    """A recording that cannot be read or written."""


class ConflictError(RecordingError):
    """A folder that already holds something else, or has another writer."""


class CorruptError(RecordingError):
    """A damaged file."""


class FormatError(RecordingError):
    """A recording of a newer format."""


class ConfigError(RltoolsError):
    """A card or an experiment file with faults, all of them listed."""
