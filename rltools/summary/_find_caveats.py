"""Finds the caveats of a summary, and of all summaries of a run together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from rltools.attributions import is_control, is_per_feature_unit
from rltools.recording import Recording
from rltools.summary._actions import choices
from rltools.summary._data import DECISION, SummaryData
from rltools.summary._estimates import Statistics
from rltools.summary._other_actions import other_actions
from rltools.summary._sums import Sums
from rltools.summary.caveats import FEWEST_DIFFERENT, Caveat, CaveatKind
from rltools.summary.episodes import Groups, feature_std

FEW_EPISODES = (2, 3, 4)
"""Numbers of episodes for which intervals are wide and rough."""
DERIVATIVES = (
    *("gradient", "input_x_gradient", "integrated_gradients", "expected_gradients", "smooth_grad", "var_grad"),
    *("deep_lift", "guided_backprop"),
)
"""Methods that see only what a derivative passes through; for files that do not record what was tested."""


def caveats_of_sums(
    recording: Recording, key: str, sums: Sums, overall: Statistics, groups: Groups
) -> tuple[Caveat, ...]:
    """The caveats for every number of a summary, before the summary is made.

    Args:
        recording: the recording of the sums.
        key: the folder name of an attribution in it.
        sums: the sums of that attribution.
        overall: the statistics of all used steps.
        groups: the features of the summary, each with its elements.
    """
    spec, steps = recording.spec(key), int(sums.steps.sum())
    skipped = steps - overall.n - sums.undefined
    damaged = len(recording) - len(sums.steps)
    faults = sum(outcome.ended == "fault" for outcome in sums.outcomes)
    few = tuple(name for (name, _), is_few in zip(groups, overall.few, strict=True) if is_few)
    single = max(choices(recording), default=0) == 1
    undefined: CaveatKind = "no_runner_up" if "runner_up" in spec.target else "not_allowed"
    caveats: list[tuple[object, Caveat]] = [
        *((True, caveat) for caveat in other_actions(recording)),
        (overall.n == 0, Caveat("no_steps")),
        *((True, caveat) for caveat in _constant(recording, key, overall, groups)),
        *((True, caveat) for caveat in _unseen(recording, key, groups, overall)),
        (overall.episodes == 1, Caveat("no_intervals")),
        (overall.episodes in FEW_EPISODES, Caveat("few_episodes", n=overall.episodes)),
        (few and overall.episodes > 1, Caveat("few_carriers", total=overall.episodes, names=few)),
        *((True, caveat) for caveat in _references(recording, key, sums, overall, groups)),
        (skipped, Caveat("skipped", n=skipped, total=steps, text=str(spec.every) if spec.every > 1 else "")),
        (sums.clipped, Caveat("clipped", n=sums.clipped, total=overall.n)),
        (sums.forced, Caveat("single_action" if single else "forced", n=sums.forced, total=overall.n)),
        (sums.undefined, Caveat(undefined, n=sums.undefined, total=steps)),
        (damaged, Caveat("damaged", n=damaged, total=len(recording))),
        (faults, Caveat("faults", n=faults, total=len(sums.outcomes))),
    ]
    return tuple(caveat for holds, caveat in caveats if holds)


def _references(recording: Recording, key: str, sums: Sums, overall: Statistics, groups: Groups) -> Iterator[Caveat]:
    """The caveats about references, and whether the intervals cover another draw of them."""
    spec = recording.spec(key)
    if "reference" not in spec.parameters or is_control(spec.unit) or overall.n == 0:
        return
    references = recording.attribution_of(key, episodes=[]).references
    count = 0 if references is None else len(references)  # None for episodes that were explained live
    if count == 1:
        yield Caveat("one_reference")
    elif sums.without is None and overall.episodes > 1:
        yield Caveat("references_without_error", n=count)
    if references is not None and count > 1:
        rare = _rare(references.reshape(count, -1), overall, groups)
        if rare:
            yield Caveat("few_references", total=count, names=rare)


def _rare(references: np.ndarray, overall: Statistics, groups: Groups) -> tuple[str, ...]:
    """Features that matter and are the same in nearly all references, as the contact of a leg may be."""
    share = overall.pooled_share.value
    return tuple(
        name
        for position, (name, elements) in enumerate(groups)
        if len(elements) == 1
        and share[position] > 0
        and len(references) - np.unique(references[:, elements[0]], return_counts=True)[1].max() < FEWEST_DIFFERENT
    )


def unseen_features(recording: Recording, key: str, groups: Groups, overall: Statistics) -> tuple[str, ...]:
    """The features, or regions, whose attributions are all 0 although other values of them change the score.

    Empty for recordings in which that was not tested.
    """
    tried = set(recording.spec(key).unseen or ())
    zero = _zero(overall)
    return tuple(
        name
        for (name, elements), is_zero in zip(groups, zero, strict=True)
        if is_zero and tried & set(elements.tolist())
    )


def _unseen(recording: Recording, key: str, groups: Groups, overall: Statistics) -> Iterator[Caveat]:
    """The caveat about features that a derivative does not see, if any."""
    spec = recording.spec(key)
    if names := unseen_features(recording, key, groups, overall):
        yield Caveat("unseen", names=names, method=spec.method)
        return
    if spec.unseen is not None or spec.method not in DERIVATIVES or not _zero(overall).any():
        return
    varies = np.nan_to_num(feature_std(recording, key)) > 0
    zero = zip(groups, _zero(overall), strict=True)
    names = tuple(name for (name, elements), is_zero in zero if is_zero and varies[elements].any())
    if names:
        yield Caveat("maybe_unseen", names=names, method=spec.method)


def _constant(recording: Recording, key: str, overall: Statistics, groups: Groups) -> Iterator[Caveat]:
    """The caveat about features without a share because they never change; parts of images may well be of one color."""
    without = ~(overall.importance.value > 0)
    if overall.n == 0 or not without.any():
        return
    varies = feature_std(recording, key) != 0
    if not varies.any():
        yield Caveat("constant")
        return
    of_groups = zip(groups, without, strict=True)
    names = tuple(name for (name, elements), is_without in of_groups if is_without and not varies[elements].any())
    if names and not recording.features_of(key).has_images:
        yield Caveat("constant", names=names)


def _zero(overall: Statistics) -> np.ndarray:
    """Bool `[group]`: whether every attribution of some target is exactly 0."""
    zero: np.ndarray = (overall.mean_absolute.value == 0).any(axis=0)
    return zero


def run_caveats(recording: Recording, summaries: Sequence[tuple[str, SummaryData]]) -> list[Caveat]:
    """The caveats of a run, each once, with the attributions that it is about.

    Args:
        recording: the recording of the summaries.
        summaries: the summaries of its attributions, each with its name on the page.
    """
    about: dict[Caveat, list[str]] = {Caveat("agent", text=note): [] for note in recording.header.notes}
    outcomes = {outcome.number: outcome for _, summary in summaries for outcome in summary.outcomes}
    out_of_space = sum(outcome.out_of_space for outcome in outcomes.values())
    if out_of_space:
        about[Caveat("out_of_space", n=out_of_space)] = []
    for name, summary in summaries:
        for caveat in caveats_of_summary(recording, summary):
            about.setdefault(caveat, []).append(name)
    if any(is_per_feature_unit(summary.unit) for _, summary in summaries):
        about[Caveat("units")] = []
    every = {name for name, _ in summaries}
    return [
        replace(caveat, about=tuple(dict.fromkeys(names)) if set(names) < every else ())
        for caveat, names in about.items()
    ]


def caveats_of_summary(recording: Recording, summary: SummaryData) -> Iterator[Caveat]:
    """The caveats of one summary on a page, including those that findings state in other words."""
    spec = recording.spec(summary.key)
    if spec.every > 1:
        yield Caveat("sample", n=spec.every, total=summary.n_steps)
    # For decisions, zeros mean that nothing changes them; and unseen features need no saturated unit.
    constant = Caveat("constant") in summary.caveats
    if summary.all_zero > 0 and summary.target != DECISION and not summary.unseen and not constant:
        yield Caveat("saturated", share=summary.all_zero)
    if summary.residuals is not None and summary.residuals.over:
        yield Caveat("residual", n=summary.residuals.over, total=summary.n, share=summary.residuals.largest)
    if "reference" in spec.parameters:
        yield Caveat("references", n=int(summary.overall.draws), text=str(spec.parameters["reference"]))
    # "sample" already says which steps are left out.
    yield from (caveat for caveat in summary.caveats if spec.every == 1 or caveat.kind != "skipped")
