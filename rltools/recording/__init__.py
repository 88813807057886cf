"""Episodes and attributions, on disk and in memory."""

from rltools.recording._attribution import Attribution, Question
from rltools.recording._draws import read_draws
from rltools.recording._episode import (
    Episode,
    Outcome,
    nested_observations,
    observation_column,
    recorded_leaves,
)
from rltools.recording._every_step import every_step_first, every_step_order
from rltools.recording._given import as_path, check_recording
from rltools.recording._header import Header
from rltools.recording._opening import open_recording
from rltools.recording._recording import Recording
from rltools.recording._seeds import (
    SharedEpisodesWarning,
    episode_seed,
    shared_episodes,
    warn_of_shared_episodes,
)
from rltools.recording._warning import DamagedFileWarning

__all__ = [
    "Attribution",
    "DamagedFileWarning",
    "Episode",
    "Header",
    "Outcome",
    "Question",
    "Recording",
    "SharedEpisodesWarning",
    "as_path",
    "check_recording",
    "episode_seed",
    "every_step_first",
    "every_step_order",
    "nested_observations",
    "observation_column",
    "open_recording",
    "read_draws",
    "recorded_leaves",
    "shared_episodes",
    "warn_of_shared_episodes",
]
