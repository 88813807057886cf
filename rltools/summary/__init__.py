"""Numbers per feature, with intervals."""

from rltools.attributions import is_control
from rltools.stats import Interval, chance
from rltools.summary._action_matrix import ActionMeans, action_means
from rltools.summary._agreement import FEWEST_RANKED, Agreement, Ranking, agreement
from rltools.summary._decision import Decision, contrast_key, decision_at
from rltools.summary._dependence import Dependence, value_dependence
from rltools.summary._estimates import Statistics
from rltools.summary._images import Choosing, ImageSteps, pictured
from rltools.summary._lags import Lags, lag_shares, lagged_key
from rltools.summary._part_shares import part_shares
from rltools.summary._phases import Event, Phases, phase_means
from rltools.summary._points import Points, explained_points, stride_for
from rltools.summary._state_map import Cells, Plane, cell_means, component_plane, feature_plane
from rltools.summary._summarize import summarize
from rltools.summary._summary import Ranked, Residuals, Returns, Summary
from rltools.summary._training import TrainingCurve, training_curve
from rltools.summary._when import When, when
from rltools.summary.episodes import EpisodeSteps, Sorting, episode_steps, median_episode, spread_outcomes
from rltools.summary.findings import (
    DECISION,
    decision_sentences,
    effect,
    leaders,
    named_method,
    percent,
    ranked_features,
    with_interval,
)

__all__ = [
    "DECISION",
    "FEWEST_RANKED",
    "ActionMeans",
    "Agreement",
    "Cells",
    "Choosing",
    "Decision",
    "Dependence",
    "EpisodeSteps",
    "Event",
    "ImageSteps",
    "Interval",
    "Lags",
    "Phases",
    "Plane",
    "Points",
    "Ranked",
    "Ranking",
    "Residuals",
    "Returns",
    "Sorting",
    "Statistics",
    "Summary",
    "TrainingCurve",
    "When",
    "action_means",
    "agreement",
    "cell_means",
    "chance",
    "component_plane",
    "contrast_key",
    "decision_at",
    "decision_sentences",
    "effect",
    "episode_steps",
    "explained_points",
    "feature_plane",
    "is_control",
    "lag_shares",
    "lagged_key",
    "leaders",
    "median_episode",
    "named_method",
    "part_shares",
    "percent",
    "phase_means",
    "pictured",
    "ranked_features",
    "spread_outcomes",
    "stride_for",
    "summarize",
    "training_curve",
    "value_dependence",
    "when",
    "with_interval",
]
