"""The page of one run."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import groupby
from pathlib import Path

from rltools import plots
from rltools.errors import ArgumentError
from rltools.pages import FRAMES, head, render, security_policy
from rltools.recording import Recording
from rltools.recording._files import appearing, cause_named
from rltools.reports._choice import Wanted, wanted
from rltools.reports._episodes import cards, strip
from rltools.reports._figures import Figure, drawn
from rltools.reports._parts import Caveat, caveats, closing, counted, number, part
from rltools.reports._sentences import emphasised, told
from rltools.reports._tables import facts, tables, write_csv
from rltools.reports._words import meaning
from rltools.summary import Summary, is_control, summarise


def write_report(recording: Recording, *, commands: tuple[str, ...] = (), level: float = 0.95) -> Path:
    """Write `index.html` of a run: the findings in words, plots, replays, tables, caveats, and how to get it again.

    Beside it `summary.csv` holds all numbers, and `plots/` each picture for print. `mail_report` makes one file of it.

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
    summaries = _summaries(recording, level)
    main = summaries[0]
    style, policy = part("page.css"), recording.header.policy
    with cause_named(folder):
        write_csv(folder / "summary.csv", summaries)
        pictures = _figures(recording, main, summaries)
        page = render(
            part("run.html"),
            head=head(f"{policy}: what it looks at", style, security_policy([style], (), FRAMES)),
            policy=policy,
            environment=recording.header.environment_id,
            facts=facts(recording, main),
            strip=strip(main.outcomes, main),
            main=main,
            compared=recording.question(main.key).parameters.get("reference", ""),
            has_images=recording.features_of(main.key).has_images,
            leading=main.top(1)[0].feature,
            told=told(recording, main, summaries),
            emphasised=emphasised,
            meaning=meaning(main.target),
            counted=counted,
            number=number,
            lead=pictures[0][1] if pictures else None,
            chapters=_chapters(pictures[1:]),
            cards=cards(recording, main),
            tables=tables(recording, summaries),
            closing=closing(_caveats(recording, summaries), commands, recording.header, policy=True),
        )
        path = folder / "index.html"
        with appearing(path) as temporary:
            temporary.write_text(page, encoding="utf-8", errors="replace")
    return path


def _summaries(recording: Recording, level: float) -> list[Summary]:
    """Of all that was explained of every episode, the one that heads the findings first."""
    first = recording.find()
    asked = {first: recording.question(first)} | {
        key: question for key, question in recording.questions.items() if recording.complete(key)
    }
    return [
        summarise(
            recording,
            method=key,
            merged=question.parameters.get("groups") == "summary",  # what was replaced together
            level=level,
        )
        for key, question in asked.items()
    ]


def _figures(recording: Recording, main: Summary, summaries: Sequence[Summary]) -> list[tuple[Wanted, Figure]]:
    folder = recording.directory / "plots"
    return [
        (one, drawn(partial(getattr(plots, one.name), recording, **one.options), one.name, one.caption, folder))
        for one in wanted(recording, main, summaries)
    ]


def _chapters(pictures: Sequence[tuple[Wanted, Figure]]) -> list[tuple[str, list[Figure]]]:
    by_heading = groupby(pictures, key=lambda one: one[0].heading)
    return [(heading, [figure for _, figure in chapter]) for heading, chapter in by_heading]


def _caveats(recording: Recording, summaries: Sequence[Summary]) -> list[Caveat]:
    """Those of the methods that say something about the agent."""
    return caveats(recording, [summary for summary in summaries if not is_control(summary.unit)])
