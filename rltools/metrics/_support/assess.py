"""Computes metrics for every attribution of a recording, and for controls beside each."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from rltools._util.progress import progress_bar
from rltools.errors import RecordingError
from rltools.metrics._support.assessment import Assessment, Assessments, LeftOut
from rltools.metrics._support.case import Case
from rltools.metrics._support.judge import assessment_of
from rltools.metrics._support.not_applicable import NotApplicableError
from rltools.metrics._support.selection import (
    ablation_to_judge_by,
    check_arguments,
    chosen_keys,
    chosen_metrics,
    with_curves,
)
from rltools.recording import Recording, check_recording

if TYPE_CHECKING:
    import pandas as pd

    from rltools.ablation import Ablation
    from rltools.envs import Environment
    from rltools.policies.base import Policy

STEPS = 64
"""About how many recorded steps a metric explains again."""


def assess(
    recording: Recording,
    policy: Policy | None = None,
    metrics: Sequence[str] | str | None = None,
    *,
    ablation: Ablation | str | None = None,
    method: str | None = None,
    target: str | None = None,
    steps: int = STEPS,
    curve_seeds: int = 0,
    env: Environment | None = None,
    seed: int = 0,
    level: float = 0.95,
    progress: bool = False,
) -> pd.DataFrame:
    """Judge every recorded attribution by metrics, each beside controls that know nothing of the agent.

    A metric that needs the policy, or measured losses, is left out without them; `attrs["left_out"]` of the result says
    which, and why. A method is only worth believing where `separates` is true: where it is certainly better than a map
    of random numbers and than the std of the features.

    Args:
        recording: with at least one attribution.
        policy: the policy that was recorded, for metrics that explain it again or change what it sees; it stays as it
            is.
        metrics: names of metrics; None for all of them.
        ablation: the measured losses, or the key of those in the recording; None for those with precedence.
        method: only attributions of this method, or the one with this key; None for all.
        target: only attributions of this target; None for all.
        steps: about how many recorded steps a metric explains again, spread evenly over the episodes.
        curve_seeds: measure what deletion and insertion need, if the ablation has not all sets of features: at so many
            seeds the sets along the order of each attribution, of the losses and of a few random orders are hidden in
            whole episodes, which are kept beside the ablation. 0 measures nothing.
        env: the environment of these episodes, as for `rltools.ablate`.
        seed: of everything that is drawn: random maps, weights, noise, references.
        level: of the intervals, between 0 and 1.
        progress: show a progress bar.

    Returns:
        A row for each attribution and metric; see `rltools.metrics.Assessment` for the columns.

    Raises:
        RecordingError: no attribution fits, or there is no such ablation.
        UnknownNameError: there is no such metric.
        ArgumentError: a level outside 0 to 1, or a number of steps or a seed that is none.
        MismatchError: the policy is not the one that was recorded.

    Example:
        >>> import rltools
        >>> policy = rltools.load_policy("cartpole-ppo")
        >>> recording = rltools.record(policy, episodes=3, max_steps=40)
        >>> for method in ("gradient", "integrated_gradients"):
        ...     recording = rltools.explain(recording, policy, method=method)
        >>> table = rltools.assess(recording, metrics=["completeness", "loss_concordance"])
        >>> table[["method", "metric", "separates"]].values.tolist()
        [['integrated_gradients', 'completeness', True]]
        >>> table.attrs["left_out"][0]
        'loss_concordance: no losses were measured; run rltools.ablate(...) first'
    """
    return assessments(
        recording,
        policy,
        metrics,
        ablation=ablation,
        method=method,
        target=target,
        steps=steps,
        curve_seeds=curve_seeds,
        env=env,
        seed=seed,
        level=level,
        progress=progress,
    ).to_pandas()


def assess_recorded(
    recording: Recording,
    *,
    ablation: Ablation | str | None = None,
    metrics: Sequence[str] | None = None,
    level: float = 0.95,
) -> tuple[Assessment, ...]:
    """What metrics that need neither the policy nor an environment say of every attribution; fast enough for a page.

    Args:
        recording: the recording; without attributions the result is empty.
        ablation: the measured losses, or the key of those in the recording; None for those with precedence.
        metrics: names of metrics; None for all that only read.
        level: of the intervals.

    Raises:
        UnknownNameError: there is no such metric.
        RecordingError: there is no such ablation.

    Example:
        >>> import rltools
        >>> from rltools.metrics import assess_recorded
        >>> policy = rltools.load_policy("cartpole-ppo")
        >>> recording = rltools.record(policy, episodes=2, max_steps=20)
        >>> assess_recorded(recording)
        ()
        >>> recording = rltools.explain(recording, policy, method="integrated_gradients")
        >>> [(row.method, row.metric) for row in assess_recorded(recording)]
        [('integrated_gradients', 'completeness')]
    """
    check_recording(recording)
    if not chosen_keys(recording, None, None)[0]:
        return ()
    chosen = chosen_metrics(metrics)[0]
    names = [each.name for each in chosen if "policy" not in each.needs]
    return assessments(recording, metrics=names, ablation=ablation, level=level).rows if names else ()


def assessments(
    recording: Recording,
    policy: Policy | None = None,
    metrics: Sequence[str] | str | None = None,
    *,
    ablation: Ablation | str | None = None,
    method: str | None = None,
    target: str | None = None,
    steps: int = STEPS,
    curve_seeds: int = 0,
    env: Environment | None = None,
    seed: int = 0,
    level: float = 0.95,
    progress: bool = False,
) -> Assessments:
    """`assess` as data, without pandas, and with what was left out.

    Example:
        >>> import rltools
        >>> from rltools.metrics import assessments
        >>> policy = rltools.load_policy("cartpole-ppo")
        >>> recording = rltools.explain(rltools.record(policy, episodes=2, max_steps=20), policy, method="gradient")
        >>> assessments(recording, metrics="loss_concordance").left_out_text
        'Left out: loss_concordance: no losses were measured; run rltools.ablate(...) first.'
    """
    check_recording(recording)
    check_arguments(policy, steps, curve_seeds, seed, level)
    chosen, left_out = chosen_metrics(metrics)
    keys, incomplete = chosen_keys(recording, method, target)
    if not keys and not incomplete:
        wanted = " of ".join(filter(None, (method, target))) or "attribution"
        raise RecordingError(f"no {wanted} in {recording.directory}; add one with rltools.explain(...)")
    measured = ablation_to_judge_by(recording, ablation)
    left_out += [LeftOut("every metric", "not every episode is explained", incomplete)] if incomplete else []
    if not keys:
        return Assessments((), tuple(left_out))
    missing = {"policy": policy is None, "ablation": measured is None}
    runnable = []
    for each in chosen:
        if needed := [name for name in sorted(each.needs) if missing[name]]:
            left_out.append(LeftOut(each.name, " and ".join(_MISSING[name] for name in needed)))
        else:
            runnable.append(each)
    if curve_seeds and measured is not None and {"deletion", "insertion"} & {each.name for each in runnable}:
        measured = with_curves(recording, policy, measured, keys, curve_seeds, env, progress=progress)
    rows: list[Assessment] = []
    shared: dict[object, object] = {}
    is_long = any("policy" in each.needs for each in runnable)  # what only reads takes a second or two
    if is_long:  # before anything is computed, because another policy is refused
        with suppress(NotApplicableError):
            _ = Case(recording, keys[0], policy, measured, steps, seed, shared=shared).sample
    with progress_bar("assess", len(keys) * len(runnable), show=progress and is_long, unit="value") as advance:
        for each in runnable:
            refusals: dict[str, list[str]] = {}
            for key in keys:
                case = Case(recording, key, policy, measured, steps, seed, shared=shared)
                try:
                    rows.append(assessment_of(each, case, level))
                except NotApplicableError as refusal:
                    refusals.setdefault(str(refusal), []).append(recording.descriptions[key])
                advance(1)
            for reason, described in refusals.items():
                everything = len(described) == len(keys)
                left_out.append(LeftOut(each.name, reason, () if everything else tuple(described)))
    return Assessments(tuple(rows), tuple(left_out))


_MISSING = {
    "policy": "it explains the policy again; give the agent that was recorded",
    "ablation": "no losses were measured; run rltools.ablate(...) first",
}
"""Why a metric is left out if one of its needs is missing."""
