"""A recording in a notebook."""

from __future__ import annotations

import numpy as np

from rltools.errors import RltoolsError
from rltools.notebooks._card import Row, Table, card, counted, rest, short
from rltools.notebooks._summary import of_agent, ranked_table, shown_as
from rltools.recording import Recording
from rltools.summary import Summary, summarise

QUICK = 5_000_000
"""So many attributed numbers are summarised where nobody asked; more would keep a notebook waiting."""
FEW = 5


def recording_html(recording: Recording) -> str:
    """Whose episodes, how they went, what was explained, and, where that is quick, what matters most."""
    outcomes = recording.outcomes()
    steps = sum(outcome.steps for outcome in outcomes)
    returns = np.array([outcome.total_reward for outcome in outcomes if outcome.ended != "fault"])
    questions = recording.questions
    sentences = [f"explained: {'; '.join(map(short, recording.described.values())) or 'nothing'}"]
    summary, note = (
        _headline(recording, steps) if questions else (None, "rltools.explain(recording, policy) explains it")
    )
    return card(
        "Recording",
        of_agent(recording.header.policy, recording.header.environment_id),
        facts=(
            counted(len(recording), "episode"),
            counted(steps, "step"),
            *_returns(returns),
            counted(recording.features.size, "feature"),
            f"actions: {short(', '.join(recording.header.action_names))}",
        ),
        sentences=sentences,
        table=_outcome_table(recording) if summary is None else ranked_table(summary, FEW),
        notes=(
            *(rest(min(FEW, len(summary.features)), len(summary.features)) if summary else ()),
            note,
            "in a temporary folder" if recording.keep_alive else f"in {recording.directory}",
        ),
    )


def _headline(recording: Recording, steps: int) -> tuple[Summary | None, str]:
    try:
        question = recording.question(recording.find())
        if steps * recording.features.size * len(question.labels) > QUICK:
            return None, "rltools.summarise(recording) says what matters most"
        summary = summarise(recording)
    except RltoolsError as error:
        return None, str(error)
    return summary, shown_as(summary)


def _returns(returns: np.ndarray) -> tuple[str, ...]:
    if len(returns) == 0:
        return ()
    if len(returns) == 1:
        return (f"return {returns[0]:.4g}",)
    return (f"mean return {returns.mean():.4g} ({returns.min():.4g} to {returns.max():.4g})",)


def _outcome_table(recording: Recording) -> Table:
    """How the first episodes went."""
    return Table(
        ("episode", "ended", "steps", "return"),
        tuple(
            Row((str(outcome.number), outcome.ended), (f"{outcome.steps:,}", f"{outcome.total_reward:.4g}"))
            for outcome in recording.outcomes()[:FEW]
        ),
    )
