"""Episodes and attributions, on disk and in memory: a folder of immutable files.

Read `_recording.py` first: `Recording` opens the files lazily and delegates to the modules beside it, which take the
protocol in `_folder.py`. `episode.py` and `attribution.py` hold the values, `parquet.py` and `sealed_json.py` the file
formats, `seal.py` the checksums, `writers.py` the writers of the files. Imports errors, `_util`, spaces and cards.
"""

from rltools.recording._advantages import Advantages, advantages, episode_advantages, episode_margins, margins
from rltools.recording._header import Header
from rltools.recording._open import as_path, check_recording, every_step_first, every_step_order, open_recording
from rltools.recording._recording import Recording
from rltools.recording.attribution import Attribution, AttributionSpec
from rltools.recording.draws import read_draws
from rltools.recording.episode import (
    Episode,
    Outcome,
    median_episode,
    nested_observations,
    notable_episodes,
    observation_column,
    recorded_leaves,
)
from rltools.recording.seal import DamagedFileWarning
from rltools.recording.seeds import episode_seed
from rltools.recording.shared_episodes import SharedEpisodesWarning, shared_episodes, warn_about_shared_episodes

__all__ = [
    "Advantages",
    "Attribution",
    "AttributionSpec",
    "DamagedFileWarning",
    "Episode",
    "Header",
    "Outcome",
    "Recording",
    "SharedEpisodesWarning",
    "advantages",
    "as_path",
    "check_recording",
    "episode_advantages",
    "episode_margins",
    "episode_seed",
    "every_step_first",
    "every_step_order",
    "margins",
    "median_episode",
    "nested_observations",
    "notable_episodes",
    "observation_column",
    "open_recording",
    "read_draws",
    "recorded_leaves",
    "shared_episodes",
    "warn_about_shared_episodes",
]
