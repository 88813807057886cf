"""Which episodes of another recording began alike."""

from __future__ import annotations

from collections.abc import Sequence

from rltools.errors import RecordingError
from rltools.recording import Recording


def same_seeds(recording: Recording, numbers: Sequence[int], other: Recording) -> list[int]:
    """For each of these episodes the number of the one in the other recording that has the same seed.

    Raises:
        UnknownNameError: no such episode.
        RecordingError: the other is of another environment, or has no episode with one of the seeds.
    """
    ids = [one.header.environment_id for one in (recording, other)]
    if ids[0] != ids[1]:
        raise RecordingError(
            f"{recording.directory} is of {ids[0] or 'an environment made by a function'}, and {other.directory} of "
            f"{ids[1] or 'one made by a function'}; only episodes of one environment can stand side by side"
        )
    by_seed = {outcome.seed: outcome.number for outcome in reversed(other.outcomes())}
    seeds = {number: recording.outcome(number).seed for number in numbers}
    for number, seed in seeds.items():
        if seed not in by_seed:
            there = ", ".join(map(str, sorted(by_seed)[:8])) or "none"
            raise RecordingError(
                f"episode {number} has seed {seed}, and {other.directory} has no episode with it (its seeds: {there}); "
                f"record one with seed={seed}"
            )
    return [by_seed[seed] for seed in seeds.values()]
