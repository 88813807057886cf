"""The protocol of a recording, for the functions that read its files.

`Recording` delegates to such functions. They take this protocol, so that they need not import the class that imports
them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from rltools.recording._header import Header
from rltools.recording.attribution import Attribution, AttributionSpec
from rltools.recording.episode import Episode, Outcome
from rltools.spaces import Features


class RecordingFolder(Protocol):
    """The part of `Recording` that functions of this package read; see there for the docstrings."""

    @property
    def directory(self) -> Path: ...

    @property
    def header(self) -> Header: ...

    @property
    def seal(self) -> str: ...

    @property
    def features(self) -> Features: ...

    @property
    def numbers(self) -> tuple[int, ...]: ...

    @property
    def specs(self) -> Mapping[str, AttributionSpec]: ...

    def __iter__(self) -> Iterator[Episode]: ...

    def episode_path(self, number: int) -> Path: ...

    def episode(self, number: int) -> Episode: ...

    def outcome(self, number: int) -> Outcome: ...

    def identity(self, number: int) -> dict[str, str]: ...

    def spec(self, key: str) -> AttributionSpec: ...

    def spec_seal(self, key: str) -> str: ...

    def features_of(self, key: str) -> Features: ...

    def find(self, method: str | None = None, target: str | None = None) -> str: ...

    def attribution_of(self, key: str, *, episodes: Sequence[int] | None = None) -> Attribution: ...
