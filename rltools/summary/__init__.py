"""Numbers per feature, with intervals."""

from rltools.summary._estimates import Interval, Statistics
from rltools.summary._steps import EpisodeSteps, Sample, episode_steps, sample_steps
from rltools.summary._summarise import Ranked, Residuals, Returns, Summary, summarise

__all__ = [
    "EpisodeSteps",
    "Interval",
    "Ranked",
    "Residuals",
    "Returns",
    "Sample",
    "Statistics",
    "Summary",
    "episode_steps",
    "sample_steps",
    "summarise",
]
