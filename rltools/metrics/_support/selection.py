"""Chooses what is assessed: metrics, attributions and the measured losses, and refuses arguments that mean nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rltools._util.limits import MAX_EPISODES, MAX_SEED, MAX_STEPS, check_count, check_level
from rltools.attributions import is_control
from rltools.errors import ArgumentError, PluginError, argument
from rltools.metrics._support.assessment import LeftOut
from rltools.metrics._support.case import Case
from rltools.metrics._support.discovery import find_metric, metric_names
from rltools.metrics._support.measured_orders import sets_along
from rltools.metrics._support.metric import Metric
from rltools.metrics._support.order_curves import coalition_returns
from rltools.recording import Recording

if TYPE_CHECKING:
    from rltools.ablation import Ablation
    from rltools.envs import Environment
    from rltools.policies.base import Policy


def check_arguments(policy: Policy | None, steps: int, curve_seeds: int, seed: int, level: float) -> None:
    """Check the arguments of `assess`.

    Raises:
        ArgumentError: a count, a seed or a level that is none, or a policy that is none.
    """
    check_count("steps", steps, most=MAX_STEPS)
    check_count("curve_seeds", curve_seeds, least=0, most=MAX_EPISODES)
    check_count("seed", seed, least=0, most=MAX_SEED)
    check_level(level)
    if policy is not None:
        from rltools.policies.base import check_is_policy

        check_is_policy(policy)


def chosen_metrics(metrics: Sequence[str] | str | None) -> tuple[list[Metric], list[LeftOut]]:
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


def chosen_keys(recording: Recording, method: str | None, target: str | None) -> tuple[list[str], tuple[str, ...]]:
    """The keys of the attributions of every episode that are judged, controls last; and the others in words."""
    specs = {
        key: spec
        for key, spec in recording.specs.items()
        if method in (None, key, spec.method) and target in (None, spec.target)
    }
    complete = {key: recording.is_complete(key) for key in specs}
    keys = sorted((key for key in specs if complete[key]), key=lambda key: (is_control(specs[key].unit), key))
    described = recording.descriptions
    return keys, tuple(described[key] for key in specs if not complete[key])


def ablation_to_judge_by(recording: Recording, ablation: Ablation | str | None) -> Ablation | None:
    """The ablation itself, that with a key, or the one in the recording with precedence; None if there is none."""
    from rltools.ablation import ablations, open_ablation

    if isinstance(ablation, str):
        return open_ablation(recording, ablation)
    if ablation is not None:
        return ablation
    return next(iter(ablations(recording)), None)


def with_curves(
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
