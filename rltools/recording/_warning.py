"""What is said of a file that cannot be read, where the others are used."""

from __future__ import annotations

import warnings

from rltools.errors import CorruptError


class DamagedFileWarning(UserWarning):
    """A file of a recording cannot be read; the others are used.

    Example:
        >>> import warnings
        >>> import rltools
        >>> policy = rltools.load_policy("cartpole-ppo")
        >>> recording = rltools.record(policy, episodes=3, max_steps=40)
        >>> size = recording.episode_path(1).write_bytes(b"PAR1")
        >>> with warnings.catch_warnings(record=True) as caught:
        ...     warnings.simplefilter("always")
        ...     print([episode.outcome.number for episode in recording])
        [0, 2]
        >>> caught[0].category.__name__
        'DamagedFileWarning'
    """


def name_damage(error: CorruptError, stacklevel: int = 3) -> None:
    """Warn of a damaged file, at the line that called the function that found it; of more with a higher level."""
    warnings.warn(str(error), DamagedFileWarning, stacklevel=stacklevel)
