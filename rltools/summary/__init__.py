"""Numbers per feature with intervals, and findings and caveats as data, each with one wording.

`summarize` goes through a recording once (`_sums.py`), makes statistics of the sums (`_estimates.py`) and puts them
into a `Summary`. `_find*.py` make findings and caveats of summaries; `_wording*.py` and `caveats.py` put them into
words. The numbers of each plot have a file of the plot's name. Read `_summarize.py` first. May import `recording` and
the rooms that it imports.
"""

from rltools.attributions import is_control
from rltools.stats import FEWEST_RANKED, Interval, chance
from rltools.summary._ablation_curves import ORDERS, AblationCurves, ablation_curves
from rltools.summary._action_matrix import ActionMeans, action_means
from rltools.summary._agreement import RANDOM, Agreement, Ranking, agreement, without_random
from rltools.summary._coalition_values import PlayerValues, player_values
from rltools.summary._data import (
    DECISION,
    Ranked,
    Residuals,
    Returns,
    is_continuous,
    leaders,
    ranked_at,
    ranked_features,
)
from rltools.summary._decision import Decision, contrast_key, decision_at
from rltools.summary._dependence import Curve, Dependence, value_dependence
from rltools.summary._estimates import Statistics
from rltools.summary._every import explained_by, summarize_every
from rltools.summary._filmstrip import Filmstrip, filmstrip_steps
from rltools.summary._find_caveats import caveats_of_summary, run_caveats
from rltools.summary._find_in_run import find_in_run
from rltools.summary._find_in_runs import find_agreement, find_leads, find_rankings
from rltools.summary._find_levels import find_decision
from rltools.summary._find_losses import ablation_caveats, find_loss_lead, find_losses, loss_of
from rltools.summary._find_memory import find_memory, with_memory
from rltools.summary._images import Choosing, ImageSteps, steps_as_images
from rltools.summary._importance import RANDOM_MAPS, random_shares
from rltools.summary._lags import Lags, lag_shares, lagged_key
from rltools.summary._losses import MeasuredLosses, measured_losses
from rltools.summary._marks import marked, marked_loss
from rltools.summary._phases import Event, Phases, phase_means
from rltools.summary._points import Points, explained_points, extreme_steps, stride_for
from rltools.summary._quantity import Quantity, quantity_of, unit_words
from rltools.summary._runs_alike import differing_features, find_needs_alike, find_runs_alike
from rltools.summary._state_map import Cells, Plane, cell_means, component_plane, feature_plane
from rltools.summary._summarize import summarize
from rltools.summary._summary import Summary
from rltools.summary._training import TrainingCurve, training_curve
from rltools.summary._trust import RankColumn, RankTable, compare_ranks, find_trust, find_trust_line, loss_controls
from rltools.summary._trust_in_methods import find_trust_of_methods
from rltools.summary._uneventful import Uneventful, find_uneventful, uneventful_steps
from rltools.summary._when import When, when
from rltools.summary._wording import beside_losses, method_name, ranking
from rltools.summary._wording_of_losses import loss_text, rank_range, verdict_text
from rltools.summary._wording_of_trust import write_trust
from rltools.summary.caveats import Caveat
from rltools.summary.episodes import (
    EpisodeSteps,
    Sorting,
    episode_steps,
    spread_outcomes,
)
from rltools.summary.finding import Finding
from rltools.summary.sentence import DAGGER, Sentence, Span

__all__ = [
    "DAGGER",
    "DECISION",
    "FEWEST_RANKED",
    "ORDERS",
    "RANDOM",
    "RANDOM_MAPS",
    "AblationCurves",
    "ActionMeans",
    "Agreement",
    "Caveat",
    "Cells",
    "Choosing",
    "Curve",
    "Decision",
    "Dependence",
    "EpisodeSteps",
    "Event",
    "Filmstrip",
    "Finding",
    "ImageSteps",
    "Interval",
    "Lags",
    "MeasuredLosses",
    "Phases",
    "Plane",
    "PlayerValues",
    "Points",
    "Quantity",
    "RankColumn",
    "RankTable",
    "Ranked",
    "Ranking",
    "Residuals",
    "Returns",
    "Sentence",
    "Sorting",
    "Span",
    "Statistics",
    "Summary",
    "TrainingCurve",
    "Uneventful",
    "When",
    "ablation_caveats",
    "ablation_curves",
    "action_means",
    "agreement",
    "beside_losses",
    "caveats_of_summary",
    "cell_means",
    "chance",
    "compare_ranks",
    "component_plane",
    "contrast_key",
    "decision_at",
    "differing_features",
    "episode_steps",
    "explained_by",
    "explained_points",
    "extreme_steps",
    "feature_plane",
    "filmstrip_steps",
    "find_agreement",
    "find_decision",
    "find_in_run",
    "find_leads",
    "find_loss_lead",
    "find_losses",
    "find_memory",
    "find_needs_alike",
    "find_rankings",
    "find_runs_alike",
    "find_trust",
    "find_trust_line",
    "find_trust_of_methods",
    "find_uneventful",
    "is_continuous",
    "is_control",
    "lag_shares",
    "lagged_key",
    "leaders",
    "loss_controls",
    "loss_of",
    "loss_text",
    "marked",
    "marked_loss",
    "measured_losses",
    "method_name",
    "phase_means",
    "player_values",
    "quantity_of",
    "random_shares",
    "rank_range",
    "ranked_at",
    "ranked_features",
    "ranking",
    "run_caveats",
    "spread_outcomes",
    "steps_as_images",
    "stride_for",
    "summarize",
    "summarize_every",
    "training_curve",
    "uneventful_steps",
    "unit_words",
    "value_dependence",
    "verdict_text",
    "when",
    "with_memory",
    "without_random",
    "write_trust",
]
