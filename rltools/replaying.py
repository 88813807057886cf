"""Episodes stepped again for their pictures, and their replay pages."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rltools.errors import FaultError, SimulationError
from rltools.replays import replay
from rltools.rollout import record

if TYPE_CHECKING:
    from rltools.environments import Environment
    from rltools.policy import Policy
    from rltools.recording import Outcome, Recording


class NoPicturesWarning(UserWarning):
    """An environment cannot be drawn; its replays show everything else."""


def replay_episodes(
    recording: Recording, policy: Policy, env: Environment | None, outcomes: Sequence[Outcome], **settings: Any
) -> None:
    """Add pictures to some episodes of a recording, and write `replays/episode-000012.html` of each.

    Args:
        recording: complete and explained.
        policy: that was recorded.
        env: as it was given to `record`.
        outcomes: of the episodes.
        settings: all others that were given to `record`; another choice is refused there.
    """
    numbers = [outcome.number for outcome in outcomes]
    try:
        # The folder may hold more episodes than were asked for this time, and one of those may be shown.
        record(policy, env, frames=numbers, **(settings | {"episodes": len(recording)}))
    except (SimulationError, FaultError) as error:
        # The same episodes were stepped without pictures before, so only drawing can have failed.
        warnings.warn(f"the replays have no pictures: {error}", NoPicturesWarning, stacklevel=2)
    for number in numbers:
        replay(recording, number, recording.directory / "replays" / f"episode-{number:06d}.html")
