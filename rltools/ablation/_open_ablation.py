"""Opens the ablations in a recording's folder."""

from __future__ import annotations

import numpy as np

from rltools._util.text import nearest_names
from rltools.ablation._ablation import Ablation
from rltools.ablation._folder import (
    FOLDER,
    AblationSpec,
    ablation_keys,
    batch_identity,
    lost_batches,
    read_batches,
    read_spec,
)
from rltools.ablation._players import OLDER, find_players, players_named
from rltools.errors import ArgumentError, CorruptError, RecordingError, UnknownNameError
from rltools.recording import Recording
from rltools.recording.attribution import VARIABLES
from rltools.recording.seal import warn_of_damage

DEFAULT_REPLACEMENT = "resample"


def ablations(recording: Recording) -> tuple[Ablation, ...]:
    """All ablations in a recording's folder, the one with precedence first.

    That is one by resampling before others, one of the features as a summary has them before one of other groups, and
    of these the one with the most episodes.

    Raises:
        CorruptError: a file is damaged.

    Example:
        >>> import rltools
        >>> from rltools.ablation import ablations
        >>> policy = rltools.load_policy("cartpole-ppo")
        >>> ablations(rltools.record(policy, episodes=1))
        ()
    """
    opened = [_open(recording, key) for key in ablation_keys(recording.directory)]
    return tuple(sorted(opened, key=_precedence))


def _precedence(ablation: Ablation) -> tuple[bool, bool, int, str]:
    """What sorts ablations; nothing that copying a folder changes."""
    spec = ablation.spec
    return (
        spec.replace != DEFAULT_REPLACEMENT,
        spec.groups not in (VARIABLES, OLDER),
        -len(ablation.rollouts),
        ablation.key,
    )


def open_ablation(recording: Recording, key: str | None = None) -> Ablation:
    """An ablation in a recording's folder.

    Args:
        recording: the recording.
        key: the name of its folder, or of its replacement; None is the one with precedence, see
            `ablations`.

    Raises:
        RecordingError: there is none.
        UnknownNameError: there is none of this name.
        CorruptError: a file is damaged.

    Example:
        >>> import rltools
        >>> from rltools.ablation import open_ablation
        >>> policy = rltools.load_policy("cartpole-ppo")
        >>> recording = rltools.record(policy, episodes=5)
        >>> ablation = rltools.ablate(policy, recording, seeds=2, most=2, second=None)
        >>> bool(open_ablation(recording).baseline().value == ablation.baseline().value)
        True
    """
    keys = ablation_keys(recording.directory)
    if not keys:
        raise RecordingError(
            f"{recording.directory} has no ablation; make one with rltools.ablate(policy, recording), or with "
            f"`rltools ablate`"
        )
    matching = [name for name in keys if key in (None, name, name.rpartition("-")[0])]
    if not matching:
        close = nearest_names(str(key), keys) or list(keys)
        raise UnknownNameError(f"no ablation {key!r:.80} in {recording.directory}; there are {', '.join(close)}")
    return min((_open(recording, name) for name in matching), key=_precedence)


def _open(recording: Recording, key: str) -> Ablation:
    """The ablation in the folder of this name."""
    folder = recording.directory / FOLDER / key
    spec, seal = read_spec(folder)
    if spec.recording != recording.seal:
        raise CorruptError(f"{folder} belongs to another recording; delete it, and ablate again")
    rollouts = read_batches(folder, spec, batch_identity(folder, recording.seal, seal))
    if lost := lost_batches(folder):
        names = ", ".join(path.name for path in lost)
        warn_of_damage(
            CorruptError(f"{folder} lacks {names}; ablate again with the same settings to run those episodes")
        )
    return Ablation(spec, positions_of(recording, spec), rollouts, folder, recording.keep_alive)


def positions_of(recording: Recording, spec: AblationSpec) -> tuple[np.ndarray, ...]:
    """The positions of each player's elements.

    Raises:
        CorruptError: the recording has other features than the ablation.
    """
    try:
        if spec.groups == OLDER:
            return players_named(recording.features, spec.players).positions
        players = find_players(recording.features, spec.groups)
    except (ArgumentError, UnknownNameError) as error:
        raise CorruptError(f"the players of the ablation {spec.key} do not exist in its recording: {error}") from error
    if players.names != spec.players:
        raise CorruptError(f"the ablation {spec.key} has other players than its recording; delete it, and ablate again")
    return players.positions
