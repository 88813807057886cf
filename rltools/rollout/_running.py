"""An episode under way, and what keeps its steps."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Protocol

import gymnasium
import numpy as np

from rltools.recording import Outcome


class Writer(Protocol):
    """What keeps the steps of one episode."""

    def write(self, columns: dict[str, np.ndarray], frames: list[bytes]) -> None:
        """Append a block of steps."""
        ...

    def finish(
        self, outcome: Outcome, final_observation: dict[str, np.ndarray] | None, frames_per_second: float
    ) -> None:
        """The episode has ended."""
        ...

    def abandon(self) -> None:
        """The episode will not end."""
        ...


@dataclass
class Running:
    """An episode under way.

    `slot` is its place in the buffers, `begun` the round of its first step, `flushed` how many of its steps the writer
    has.
    """

    number: int
    seed: int
    env: gymnasium.Env[Any, Any]
    writer: Writer
    drawn: bool
    slot: int
    rng: np.random.Generator
    frames_per_second: float
    begun: int
    steps: int = 0
    flushed: int = 0
    total_reward: float = 0.0
    terminated: bool = False
    truncated: bool = False
    out_of_space: int = 0
    frames: list[bytes] = field(default_factory=list)
    step: Callable[[Any], tuple[Any, Any, Any, Any, Any]] = field(init=False)

    def __post_init__(self) -> None:
        """Look up what is called at every step."""
        self.step = self.env.step

    def outcome(self, ended: str, fault: str) -> Outcome:
        """How it went, now that it has ended."""
        return Outcome(self.number, self.seed, self.steps, self.total_reward, ended, fault, self.out_of_space)

    def close(self) -> None:
        """Close its environment; one that has failed often fails again here, when its episode is kept already."""
        with suppress(Exception):
            self.env.close()
