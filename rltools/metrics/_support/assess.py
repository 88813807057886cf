"""Computes metrics for every attribution of a recording, and for controls beside each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from rltools._util.limits import MAX_EPISODES, MAX_SEED, MAX_STEPS, check_count
from rltools._util.progress import progress_bar
from rltools.attributions import is_control
from rltools.errors import ArgumentError, PluginError, RecordingError, argument
from rltools.metrics._support.assessment import NAN, Assessment, Assessments, LeftOut
from rltools.metrics._support.case import Case
from rltools.metrics._support.controls import Control, verdict
from rltools.metrics._support.discovery import find_metric, metric_names
from rltools.metrics._support.measured_orders import sets_along
from rltools.metrics._support.metric import Metric
from rltools.metrics._support.not_applicable import NotApplicableError
from rltools.metrics._support.order_curves import coalition_returns
from rltools.metrics._support.value import Value, mean_value
from rltools.recording import Recording, check_recording

if TYPE_CHECKING:
    import pandas as pd

    from rltools.ablation import Ablation
    from rltools.envs import Environment
    from rltools.policies.base import Policy

RANDOM_MAPS = 200
"""How many random maps a metric that only reads is compared with."""
FEWER_RANDOM_MAPS = 20
"""How many, if each takes passes through the network."""
LIMIT = 0.95
"""The share of random maps that `Assessment.random_limit` is better than."""
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
        ablation: the measured losses, or the key of those in the recording; None for those with the most episodes.
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
        ablation: the measured losses, or the key of those in the recording; None for those with the most episodes.
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
    if not _keys(recording, None, None)[0]:
        return ()
    chosen = _chosen(metrics)[0]
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
        >>> recording = rltools.explain(rltools.record(policy, episodes=2, max_steps=20), policy)
        >>> assessments(recording, metrics="loss_concordance").left_out_text
        'Left out: loss_concordance: no losses were measured; run rltools.ablate(...) first.'
    """
    check_recording(recording)
    _check(policy, steps, curve_seeds, seed, level)
    chosen, left_out = _chosen(metrics)
    keys, incomplete = _keys(recording, method, target)
    if not keys and not incomplete:
        wanted = " of ".join(filter(None, (method, target))) or "attribution"
        raise RecordingError(f"no {wanted} in {recording.directory}; add one with rltools.explain(...)")
    measured = _measured(recording, ablation)
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
        measured = _with_curves(recording, policy, measured, keys, curve_seeds, env, progress=progress)
    rows: list[Assessment] = []
    shared: dict[object, object] = {}
    is_long = any("policy" in each.needs for each in runnable)  # what only reads takes a second or two
    with progress_bar("assess", len(keys) * len(runnable), show=progress and is_long, unit="value") as advance:
        for each in runnable:
            refusals: dict[str, list[str]] = {}
            for key in keys:
                case = Case(recording, key, policy, measured, steps, seed, shared=shared)
                try:
                    rows.append(_assessment(each, case, level))
                except NotApplicableError as refusal:
                    refusals.setdefault(str(refusal), []).append(recording.described[key])
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


def _assessment(metric: Metric, case: Case, level: float) -> Assessment:
    value = metric(case)
    if not np.isfinite(value.value):
        raise NotApplicableError("it has no value here")
    ends = value.interval(level, metric.low, metric.high)
    controls: dict[str, Value] = {}
    limit = NAN
    passed: list[str] = []
    failed: list[str] = []
    unknown: list[str] = []
    for control in metric.controls:
        maps = _control_values(metric, case, control)
        controls[control] = mean = mean_value(maps)
        lead = _lead(metric, value, mean, level)
        if control == "random":
            limit = float(np.quantile([metric.sign * each.value for each in maps], LIMIT) * metric.sign)
            lead = False if not metric.sign * (value.value - limit) > 0 else lead
        (unknown if lead is None else passed if lead else failed).append(control)
    spec = case.spec
    return Assessment(
        method=spec.method,
        target=spec.target,
        settings=case.recording.told_apart(case.key),
        metric=metric.name,
        question=str(metric.question),
        value=value.value,
        low=float(ends.low),
        high=float(ends.high),
        n=value.n,
        counts=metric.counts,
        better=metric.better,
        random=controls["random"].value if "random" in controls else NAN,
        random_limit=limit,
        std=controls["std"].value if "std" in controls else NAN,
        constant=controls["constant"].value if "constant" in controls else NAN,
        separates=False if failed else None if unknown or not passed else True,
        verdict=verdict(passed, failed, unknown),
        control=is_control(spec.unit),
        replacement=case.ablation.replace if case.ablation is not None and "ablation" in metric.needs else "",
        key=case.key,
    )


def _lead(metric: Metric, value: Value, control: Value, level: float) -> bool | None:
    """Whether a value is certainly better than a control's, part by part; None if it is, without an interval."""
    ends = value.minus(control).interval(level)
    if not metric.sign * float(ends.value) > 0:
        return False
    worst = float(ends.low if metric.sign > 0 else -ends.high)
    return None if np.isnan(worst) else worst > 0


def _control_values(metric: Metric, case: Case, control: Control) -> Sequence[Value]:
    """The values of a metric for a control: of one map, or of many random ones."""
    count = FEWER_RANDOM_MAPS if "policy" in metric.needs else RANDOM_MAPS
    draws = range(count if control == "random" else 1)
    spec = case.spec

    def compute() -> list[Value]:
        return [metric(case.as_control(control, draw)) for draw in draws]

    # What only looks at measured losses is the same for every attribution.
    if metric.needs == {"ablation"}:
        return case.once((metric.name, control), compute)
    return case.once((metric.name, control, case.key, spec.target), compute)


def _with_curves(
    recording: Recording,
    policy: Policy | None,
    measured: Ablation,
    keys: Sequence[str],
    seeds: int,
    env: Environment | None,
    *,
    progress: bool,
) -> Ablation:
    """The ablation with the sets of players along the order of each attribution, unless it has all sets."""
    cases = [Case(recording, key, policy, measured) for key in keys]
    if policy is None or coalition_returns(cases[0]) is not None or len(cases[0].players) < 2:
        return measured
    if measured.directory is None:
        raise ArgumentError(
            f"{argument('curve_seeds', seeds)} adds episodes to the files of an ablation, and this one has none; pass "
            f"one that rltools.ablate(policy, recording) returned"
        )
    from rltools.ablation import measure

    explained = [case for case in cases if case.has_steps]
    sets = sets_along(explained or [cases[0].as_control("std")])
    return measure(policy, recording, measured, sets, env=env, seeds=seeds, progress=progress)


def _check(policy: Policy | None, steps: int, curve_seeds: int, seed: int, level: float) -> None:
    check_count("steps", steps, most=MAX_STEPS)
    check_count("curve_seeds", curve_seeds, least=0, most=MAX_EPISODES)
    check_count("seed", seed, least=0, most=MAX_SEED)
    if isinstance(level, bool) or not isinstance(level, int | float) or not 0 < level < 1:
        raise ArgumentError(f"level={level!r}: the level is between 0 and 1, for instance 0.95")
    if policy is not None:
        from rltools.policies.base import check_is_policy

        check_is_policy(policy)


def _chosen(metrics: Sequence[str] | str | None) -> tuple[list[Metric], list[LeftOut]]:
    """The metrics of these names in order; of all metrics, those that cannot be loaded are left out."""
    names = [metrics] if isinstance(metrics, str) else metric_names() if metrics is None else [*metrics]
    if not names:
        raise ArgumentError(f"metrics is empty; name some of {', '.join(metric_names())}, or leave it out for all")
    chosen, left_out = [], []
    for name in dict.fromkeys(names):
        try:
            chosen.append(find_metric(name))
        except PluginError as error:
            if metrics is not None:
                raise
            left_out.append(LeftOut(name, str(error)))
    return sorted(chosen, key=lambda each: each.sort_key), left_out


def _keys(recording: Recording, method: str | None, target: str | None) -> tuple[list[str], tuple[str, ...]]:
    """The keys of the attributions of every episode that are judged, controls last; and the others in words."""
    specs = {
        key: spec
        for key, spec in recording.specs.items()
        if method in (None, key, spec.method) and target in (None, spec.target)
    }
    complete = {key: recording.complete(key) for key in specs}
    keys = sorted((key for key in specs if complete[key]), key=lambda key: (is_control(specs[key].unit), key))
    described = recording.described
    return keys, tuple(described[key] for key in specs if not complete[key])


def _measured(recording: Recording, ablation: Ablation | str | None) -> Ablation | None:
    """The ablation itself, that with a key, or the one in the recording with the most episodes."""
    from rltools.ablation import ablations, open_ablation

    if isinstance(ablation, str):
        return open_ablation(recording, ablation)
    if ablation is not None:
        return ablation
    return max(ablations(recording), key=lambda each: len(each.rollouts.number), default=None)
