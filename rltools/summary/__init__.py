"""Numbers per feature, with intervals."""

from rltools.summary._action_means import ActionMeans, action_means
from rltools.summary._alignment import Event
from rltools.summary._components import Cells, Plane, cell_means, component_plane, feature_plane
from rltools.summary._dependence import Dependence, value_dependence
from rltools.summary._estimates import Interval, Statistics
from rltools.summary._phases import Phases, phase_means
from rltools.summary._points import Points, explained_points, stride_for
from rltools.summary._steps import EpisodeSteps, Sample, episode_steps, sample_steps
from rltools.summary._summarise import summarise
from rltools.summary._summary import Ranked, Residuals, Returns, Summary

__all__ = [
    "ActionMeans",
    "Cells",
    "Dependence",
    "EpisodeSteps",
    "Event",
    "Interval",
    "Phases",
    "Plane",
    "Points",
    "Ranked",
    "Residuals",
    "Returns",
    "Sample",
    "Statistics",
    "Summary",
    "action_means",
    "cell_means",
    "component_plane",
    "episode_steps",
    "explained_points",
    "feature_plane",
    "phase_means",
    "sample_steps",
    "stride_for",
    "summarise",
    "value_dependence",
]
