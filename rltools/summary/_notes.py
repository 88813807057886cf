"""Caveats that belong beside the numbers of a summary."""

from __future__ import annotations

from rltools.recording import Outcome, Question, Recording
from rltools.summary._estimates import Statistics
from rltools.summary._sums import Sums, choices


def notes(
    recording: Recording, sums: Sums, overall: Statistics, outcomes: list[Outcome], question: Question, unseen: str
) -> tuple[str, ...]:
    """What a reader should know beside every number; empty where nothing is to be said."""
    faults = sum(outcome.ended == "fault" for outcome in outcomes)
    damaged = len(recording) - len(sums.steps)
    skipped = int(sums.steps.sum()) - overall.n - sums.undefined
    alone = f"at {sums.forced} of {overall.n} steps only one action was allowed"
    alone = "there is only one action" if max(choices(recording), default=0) == 1 else alone
    lacking = "only one action was allowed: there is no other to compare with"
    if "runner_up" not in question.target:
        lacking = "the action was not allowed: its probability has no logarithm"
    one_in = f"one in {question.every} is explained, evenly, to bound the work"
    why = one_in if question.every > 1 else "not explained, or without a finite attribution"
    said = {
        "n = 0: there are no explained steps": overall.n == 0,
        unseen: unseen,
        "no intervals: only one episode has explained steps, and episodes are what is resampled": overall.episodes == 1,
        f"the intervals rest on {overall.episodes} episodes and tend to be too narrow": 2 <= overall.episodes < 20,
        f"{skipped} of {sums.steps.sum()} steps are left out: {why}": skipped,
        f"at {sums.clipped} of {overall.n} explained steps the normalisation clips an entry of the observation, "
        "which no gradient passes through": sums.clipped,
        f"{alone}, so nothing decides": sums.forced,
        f"at {sums.undefined} of {sums.steps.sum()} steps {lacking}, and they do not count": sums.undefined,
        f"{damaged} of {len(recording)} episodes cannot be read and are left out": damaged,
        f"{faults} of {len(outcomes)} episodes were ended by a fault; their returns do not count": faults,
    }
    return tuple(text for text, holds in said.items() if holds)
