"""The ablation that a plot draws."""

from __future__ import annotations

from rltools._util.text import plural
from rltools.ablation import Ablation, open_ablation
from rltools.errors import ArgumentError, RecordingError
from rltools.recording import Recording


def chosen_ablation(source: Recording | Ablation, key: str | None) -> Ablation:
    """An ablation, or the one of this key in a recording's folder.

    Args:
        source: a recording that was ablated, or an ablation.
        key: the name of its folder, or of its replacement; None is the one with precedence.

    Raises:
        RecordingError: the recording has no ablation.
        UnknownNameError: there is none of this name.
        ArgumentError: a key with an ablation, or something that is neither a recording nor an ablation.
        CorruptError: a file is damaged.
    """
    if isinstance(source, Recording):
        return open_ablation(source, key)
    if not isinstance(source, Ablation):
        raise ArgumentError(
            f"a {type(source).__name__} is not a recording, and no ablation; give what rltools.open_recording(path) "
            f"or rltools.ablate(...) return"
        )
    if key is not None:
        raise ArgumentError(f"ablation={key!r:.80} chooses one of a recording, and this is an ablation; leave it out")
    return source


def without_coalitions(ablation: Ablation) -> RecordingError:
    """The error of an ablation in which coalitions were not measured, or not one seed of them completely."""
    folder = ablation.directory or f"the ablation of {ablation.spec.policy}"
    failed = plural(len(ablation.faults), "episode")
    if (ablation.rollouts.purpose == "coalition").any() and ablation.faults:
        return RecordingError(
            f"{folder} has no seed with a complete episode of every coalition, since {failed} ended by a fault "
            f"({ablation.faults[0].splitlines()[0]:.80}); ablate again with more seeds"
        )
    return RecordingError(
        f"{folder} has no coalitions; measure them with rltools.ablate(policy, recording, coalitions=True)"
    )
