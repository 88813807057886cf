"""Warns of recordings that hold the same episodes of the same policy, which are not independent samples."""

from __future__ import annotations

import warnings
from collections.abc import Mapping

from rltools.recording._recording import Recording


class SharedEpisodesWarning(UserWarning):
    """Recordings that are compared hold the same episodes of the same network, and so are not independent."""


def shared_episodes(recordings: Mapping[str, Recording]) -> tuple[str, ...]:
    """A sentence for each pair of recordings of one network that hold the same episodes; () if none do.

    Different networks are meant to be compared in the same episodes.

    Args:
        recordings: by their labels.
    """
    labels = list(recordings)
    seeds = {label: {outcome.seed for outcome in recording.outcomes()} for label, recording in recordings.items()}
    return tuple(
        f"{label} and {other} share {shared} of {len(seeds[label] | seeds[other])} episodes: they have the same "
        f"network and seeds, and agree there by construction; record one of them from another seed"
        for index, label in enumerate(labels)
        for other in labels[index + 1 :]
        if _same_but_for_seeds(recordings[label], recordings[other]) and (shared := len(seeds[label] & seeds[other]))
    )


def warn_about_shared_episodes(recordings: Mapping[str, Recording]) -> None:
    """Warn with the sentences of `shared_episodes`, at the line that called the comparing function."""
    for text in shared_episodes(recordings):
        warnings.warn(text, SharedEpisodesWarning, stacklevel=4)


def _same_but_for_seeds(first: Recording, second: Recording) -> bool:
    mine, theirs = first.header, second.header
    same = (mine.policy_sha256, mine.environment, mine.deterministic, mine.data) == (
        theirs.policy_sha256,
        theirs.environment,
        theirs.deterministic,
        theirs.data,
    )
    return same and first.directory.resolve() != second.directory.resolve()
