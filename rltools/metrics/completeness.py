"""How much of the explained score the values of an attribution leave out."""

import numpy as np

from rltools.metrics._support.case import Case
from rltools.metrics._support.metric import Question, metric
from rltools.metrics._support.not_applicable import NotApplicableError
from rltools.metrics._support.value import Value, value_of_rows
from rltools.recording.batches import explained_batches


@metric(
    question=Question.COMPLETENESS,
    paper="Sundararajan, Taly and Yan: Axiomatic Attribution for Deep Networks, ICML 2017",
    better="lower",
    low=0,
    high=float("inf"),
    counts="step",
    blind="Whether the values stand at the right features: any map can be scaled to the right sum.",
)
def completeness(case: Case) -> Value:
    """The part of the score that the values do not add up to, relative to the std of the score.

    For methods that promise it: |score - mean score of the references - sum of the values|, divided by the std of the
    score over the explained steps. A control is as large as the attribution on average, and is held to the same sum.

    Args:
        case: an attribution with residuals.

    Returns:
        At least 0, which is complete.

    Raises:
        NotApplicableError: the method does not promise it, or the score never changes.

    Example:
        >>> import rltools
        >>> policy = rltools.load_policy("cartpole-ppo")
        >>> recording = rltools.record(policy, episodes=2, max_steps=20)
        >>> recording = rltools.explain(recording, policy, method="integrated_gradients")
        >>> table = rltools.assess(recording, metrics="completeness")
        >>> bool(table["value"][0] < 0.02)
        True
    """
    residuals, totals, scores, magnitude, episodes = case.once(("completeness", case.key), lambda: _read(case))
    spread = np.std(scores, axis=0)
    changing = spread > 0
    if not changing.any():
        raise NotApplicableError("the explained score never changes")
    if case.control:
        # Values of a control have no unit: it gets the mean size of the attribution's.
        control = case.control_map()
        scaled = control * magnitude / max(np.abs(control).sum(), np.finfo(float).tiny)
        residuals = residuals + totals - scaled.sum()
    return value_of_rows(np.mean(np.abs(residuals[:, changing]) / spread[changing], axis=1), episodes)


def _read(case: Case) -> tuple[np.ndarray, np.ndarray, np.ndarray, float, np.ndarray]:
    """Residuals, sums of values and scores, `[step, target]`; the mean sum of magnitudes; the episode of each step."""
    residuals, totals, scores, magnitudes, episodes = [], [], [], [], []
    for batch in explained_batches(case.recording, case.key, states=False):
        attribution = batch.attribution
        if attribution.residual is None:
            raise NotApplicableError("the method does not promise that its values add up to the score")
        values = attribution.values.reshape(*attribution.values.shape[:2], -1).astype(np.float64)
        usable = np.isfinite(values).all(axis=(1, 2)) & np.isfinite(attribution.residual).all(axis=1)
        residuals.append(attribution.residual[usable].astype(np.float64))
        totals.append(values[usable].sum(axis=2))
        scores.append(attribution.scores[usable].astype(np.float64))
        magnitudes.append(np.abs(values[usable]).sum(axis=2))
        numbers = np.array([outcome.number for outcome in batch.outcomes])
        episodes.append(numbers[batch.owners[usable]])
    if not sum(map(len, residuals)):
        raise NotApplicableError("no step was explained")
    joined = (np.concatenate(parts) for parts in (residuals, totals, scores))
    return (*joined, float(np.concatenate(magnitudes).mean()), np.concatenate(episodes))  # type: ignore[return-value]
