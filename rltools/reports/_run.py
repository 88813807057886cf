"""The page of one run."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from rltools import plots
from rltools.errors import ArgumentError
from rltools.pages import FRAMES, head, render, security_policy
from rltools.recording import Recording
from rltools.recording._files import appearing, cause_named
from rltools.reports._figures import Figure, drawn
from rltools.reports._parts import asked_of, caveats, closing, counted, facts, part, score_table
from rltools.reports._words import meaning
from rltools.summary import Summary, summarise
from rltools.summary._findings import DECISION, decision_sentences


def write_report(recording: Recording, *, commands: tuple[str, ...] = (), level: float = 0.95) -> Path:
    """Write `index.html` of a run: the findings in words, plots, replays, tables, caveats, and how to get it again.

    Args:
        recording: with at least one attribution; its `replays/*.html` are shown.
        commands: that made it, for whoever wants to make it again.
        level: of the intervals.

    Returns:
        The path of the page.

    Raises:
        RecordingError: nothing was explained.
        ArgumentError: the recording has no episodes.
    """
    if len(recording) == 0:
        raise ArgumentError(f"{recording.directory} has no episodes to report on; record some first")
    folder = recording.directory
    main = summarise(recording, level=level)
    asked = [
        summarise(
            recording,
            method=question.method,
            target=question.target,
            window=question.window,
            merged=question.parameters.get("groups") == "summary",  # what was replaced together
            level=level,
        )
        for key, question in recording.questions.items()
        if recording.complete(key)
    ]
    others = {summary.key: summary for summary in asked if summary.key != main.key}
    summaries = [main, *others.values()]
    style, policy = part("page.css"), recording.header.policy
    with cause_named(folder):
        page = render(
            part("run.html"),
            head=head(f"{policy}: what it looks at", style, security_policy([style], (), FRAMES)),
            policy=policy,
            facts=facts(recording, main),
            main=main,
            findings=[*_decisions(main, summaries), *main.findings],
            meaning=meaning(main.target),
            counted=counted,
            figures=_figures(recording, main),
            replays=_replays(recording),
            tables=_tables(recording, summaries),
            closing=closing(caveats(recording, summaries), commands, recording.header, policy=True),
        )
        path = folder / "index.html"
        with appearing(path) as temporary:
            temporary.write_text(page, encoding="utf-8", errors="replace")
    return path


def _decisions(main: Summary, summaries: Sequence[Summary]) -> tuple[str, ...]:
    """What changes the decision, the best predictor of what is lost without a feature; the main findings may say it."""
    about = (summary for summary in summaries if summary.target == DECISION and main.target != DECISION)
    return next((decision_sentences(summary) for summary in about), ())


def _figures(recording: Recording, main: Summary) -> list[Figure]:
    asked: dict[str, Any] = {"method": main.method, "target": main.target}
    folder = recording.directory / "plots"
    captions = {
        "importance": "How much of the decision each feature carries, over all explained steps. The lines are "
        f"{main.level:.0%} intervals from resampled episodes.",
        "beeswarm": "Each dot is one step: to the right the feature raised the explained score, to the left it lowered "
        "it. The colour is the feature's value at that step.",
        "timeline": "The episode with the median return, step by step: what the features were, and in colour what they "
        "did to the score.",
    }
    if main.n == 0:
        return []
    return [
        drawn(partial(getattr(plots, name), recording, **asked), name, caption, folder)
        for name, caption in captions.items()
    ]


def _replays(recording: Recording) -> list[dict[str, Any]]:
    """The replay pages in the run's folder; those named `episode-000012.html` come with how the episode went."""
    by_return = sorted(recording.outcomes(), key=lambda outcome: outcome.total_reward)
    ranks = {outcome.number: rank for rank, outcome in enumerate(by_return)}
    found = []
    for path in sorted((recording.directory / "replays").glob("*.html")):
        number = path.stem.removeprefix("episode-")
        rank = ranks.get(int(number)) if number.isdigit() else None
        found.append(
            {
                "file": f"replays/{path.name}",
                "name": path.stem,
                "outcome": None if rank is None else by_return[rank],
                "place": "" if rank is None else _place(rank, len(by_return)),
            }
        )
    return found


def _place(rank: int, count: int) -> str:
    """What is special about the episode with this rank by return, from 0 for the lowest."""
    if count == 1:
        return ""
    return {count - 1: ", the best", count // 2: ", the median", 0: ", the worst"}.get(rank, "")


def _tables(recording: Recording, summaries: Sequence[Summary]) -> list[dict[str, Any]]:
    """A table for each; what a target means is said where it comes first, and that of the findings is said there."""
    told = {summaries[0].target}
    tables = []
    for summary in summaries:
        explained = "" if summary.target in told else meaning(summary.target)
        told.add(summary.target)
        shown = {"name": asked_of(recording, summary), "summary": summary, "rows": score_table(summary)}
        tables.append(shown | {"meaning": explained})
    return tables
