"""Caveats that belong beside the numbers of a summary."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rltools.attributions import is_control
from rltools.recording import Recording
from rltools.summary._estimates import Statistics
from rltools.summary._sums import Sums, choices
from rltools.summary.episodes import Groups, feature_std

FEWEST_DIFFERENT = 3
"""References that have another value of a feature than most: of fewer its numbers hang on which were drawn."""
MOST_NAMED = 4
"""Features in one caveat; of more only how many there are is said."""


def notes(
    recording: Recording,
    key: str,
    sums: Sums,
    overall: Statistics,
    groups: Groups,
    unseen: str,
) -> tuple[str, ...]:
    """What a reader should know beside every number; empty where nothing is to be said."""
    faults = sum(outcome.ended == "fault" for outcome in sums.outcomes)
    ended = "were ended by a fault; their returns do not count"
    if faults == 1:
        ended = "was ended by a fault; its return does not count"
    damaged = len(recording) - len(sums.steps)
    left_out = "is left out" if damaged == 1 else "are left out"
    spec = recording.spec(key)
    skipped = int(sums.steps.sum()) - overall.n - sums.undefined
    alone = f"at {sums.forced} of {overall.n} steps only one action was allowed"
    alone = "there is only one action" if max(choices(recording), default=0) == 1 else alone
    missing_members = "only one action was allowed: there is no other to compare with"
    if "runner_up" not in spec.target:
        missing_members = "the action was not allowed: its probability has no logarithm"
    one_in = f"one in {spec.every} is explained, evenly, to bound the work"
    why = one_in if spec.every > 1 else "not explained, or without a finite attribution"
    too_few = "they are wide, and rough where episodes differ much"
    said = {
        "n = 0: there are no explained steps": overall.n == 0,
        unseen: unseen,
        "no intervals: one episode does not show how far others would be from it": overall.episodes == 1,
        f"the intervals rest on {overall.episodes} episodes: {too_few}": overall.episodes in (2, 3, 4),
        _few(overall, groups): overall.episodes > 1,
        **_references(recording, key, sums, overall, groups),
        f"{skipped} of {sums.steps.sum()} steps are left out: {why}": skipped,
        f"at {sums.clipped} of {overall.n} explained steps the normalization clips an entry of the observation, "
        "which no gradient passes through": sums.clipped,
        f"{alone}, so nothing decides": sums.forced,
        f"at {sums.undefined} of {sums.steps.sum()} steps {missing_members}, and they do not count": sums.undefined,
        f"{damaged} of {len(recording)} episodes cannot be read and {left_out}": damaged,
        f"{faults} of {len(sums.outcomes)} episodes {ended}": faults,
    }
    return tuple(text for text, holds in said.items() if text and holds)


def _few(overall: Statistics, groups: Groups) -> str:
    """Of features that few episodes carry."""
    names = [name for (name, _), few in zip(groups, overall.few, strict=True) if few]
    if not names:
        return ""
    return f"few of the {overall.episodes} episodes carry {_named(names)}: intervals are rough there"


def _references(recording: Recording, key: str, sums: Sums, overall: Statistics, groups: Groups) -> dict[str, bool]:
    """Whether intervals show what another draw of the references would change."""
    spec = recording.spec(key)
    if "reference" not in spec.parameters or is_control(spec.unit) or overall.n == 0:
        return {}
    references = recording.attribution_of(key, episodes=[]).references
    if references is None:  # as of episodes that were seen live
        return {
            "the intervals leave out the draw of the references: what each of them adds was not kept": sums.without
            is None
            and overall.episodes > 1
        }
    count = len(references)
    rare = _rare(references.reshape(count, -1), overall, groups) if count > 1 else []
    return {
        "everything is compared with a single state: another one would give other numbers, which the intervals do not "
        "show": count == 1,
        f"the intervals leave out the draw of the {count} references: what each of them adds was not kept": count > 1
        and sums.without is None
        and overall.episodes > 1,
        f"fewer than {FEWEST_DIFFERENT} of the {count} references differ in {_named(rare)}: intervals are rough there, "
        "and more references (references=, --references) are better": bool(rare),
    }


def _rare(references: np.ndarray, overall: Statistics, groups: Groups) -> list[str]:
    """Features that matter and are nearly the same in all references, as a contact of a leg may be."""
    share = overall.pooled_share.value
    return [
        name
        for at, (name, entries) in enumerate(groups)
        if len(entries) == 1
        and share[at] > 0
        and len(references) - np.unique(references[:, entries[0]], return_counts=True)[1].max() < FEWEST_DIFFERENT
    ]


def _named(names: Sequence[str]) -> str:
    if len(names) > MOST_NAMED:
        return f"{len(names)} features"
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))


DERIVATIVES = (
    *("gradient", "input_x_gradient", "integrated_gradients", "expected_gradients", "smooth_grad", "var_grad"),
    *("deep_lift", "guided_backprop"),
)
"""Methods that see only what a derivative passes through, where a file does not say what was tried."""
_NAMED = 3


def unseen_features(recording: Recording, key: str, groups: Groups, overall: Statistics) -> tuple[str, ...]:
    """The features, or regions, whose every attribution is 0 although other values of theirs change the score.

    Of recordings in which nobody tried that, none.
    """
    tried = set(recording.spec(key).unseen or ())
    zero = _zero(overall)
    return tuple(
        name for (name, entries), nothing in zip(groups, zero, strict=True) if nothing and tried & set(entries.tolist())
    )


def unseen_note(recording: Recording, key: str, groups: Groups, overall: Statistics) -> str:
    """The caveat about what a derivative does not see; "" where there is none to make."""
    spec = recording.spec(key)
    if names := unseen_features(recording, key, groups, overall):
        return (
            f"derivatives do not see {_listed(names)}: {spec.method} is exactly 0 there at every step, and yet "
            f"other values change the score, as where a value is rounded, compared or looked up; ask shapley or "
            f"decision_change"
        )
    if spec.unseen is not None or spec.method not in DERIVATIVES or not _zero(overall).any():
        return ""
    varies = np.nan_to_num(feature_std(recording, key)) > 0
    zero = zip(groups, _zero(overall), strict=True)
    names = tuple(name for (name, entries), nothing in zero if nothing and varies[entries].any())
    if not names:
        return ""
    return (
        f"{spec.method} is exactly 0 at every step for {_listed(names)}, although what is observed there varies: "
        f"either the network ignores it, or no derivative sees how it is used, as where a value is rounded, compared "
        f"or looked up; ask shapley or decision_change"
    )


def _zero(overall: Statistics) -> np.ndarray:
    """Bool `[group]`: of some target every attribution is exactly 0."""
    zero: np.ndarray = (overall.mean_absolute.value == 0).any(axis=0)
    return zero


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _NAMED
    if more > 0:
        return f"{', '.join(names[:_NAMED])} and {more} more"
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
