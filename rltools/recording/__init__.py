"""Episodes and attributions, on disk and in memory."""

from rltools.recording._attribution import Attribution, Question
from rltools.recording._episode import Episode, Outcome
from rltools.recording._header import Header
from rltools.recording._recording import DamagedFileWarning, Recording, open_recording

__all__ = [
    "Attribution",
    "DamagedFileWarning",
    "Episode",
    "Header",
    "Outcome",
    "Question",
    "Recording",
    "open_recording",
]
