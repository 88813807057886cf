"""Writes the page of one run."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from rltools._util.files import atomic_write, os_errors_as
from rltools._util.glossary import ENDINGS, TERMS
from rltools._util.html import FRAMES, head, render, security_policy
from rltools._util.text import number, plural
from rltools.errors import ArgumentError
from rltools.pages.report._episodes import cards, strip
from rltools.pages.report._parts import Figure, attribution_name, closing, drawn, part
from rltools.pages.report._statement import sentence_html, statement
from rltools.pages.report._tables import facts, tables, write_csv
from rltools.plots import report_plots
from rltools.recording import Recording
from rltools.summary import Caveat, Summary, is_control, run_caveats, summarize
from rltools.targets.scores import target_meaning


def write_report(recording: Recording, *, commands: tuple[str, ...] = (), level: float = 0.95) -> Path:
    """Write `index.html` of a run: findings, plots, replays, tables, caveats, and the commands that reproduce it.

    Beside it, `summary.csv` holds all numbers, and `plots/` each plot for print. `export_report` makes it one file.

    Args:
        recording: a recording with at least one attribution; its `replays/*.html` are shown.
        commands: the commands that reproduce the page.
        level: the level of the intervals.

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
    with os_errors_as(folder):
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
            compared=recording.spec(main.key).parameters.get("reference", ""),
            has_images=recording.features_of(main.key).has_images,
            statement=statement(recording, main, summaries),
            sentence_html=sentence_html,
            terms=TERMS,
            endings=ENDINGS,
            meaning=target_meaning(main.target),
            plural=plural,
            number=number,
            lead=pictures[0][1] if pictures else None,
            chapters=_chapters(pictures[1:]),
            cards=cards(recording, main),
            tables=tables(recording, summaries),
            closing=closing(_caveats(recording, summaries), commands, recording.header, policy=True),
        )
        path = folder / "index.html"
        with atomic_write(path) as temporary:
            temporary.write_text(page, encoding="utf-8", errors="replace")
    return path


def _summaries(recording: Recording, level: float) -> list[Summary]:
    """Summaries of all attributions that explain every episode, the one that heads the findings first."""
    first = recording.find()
    specs = {first: recording.spec(first)} | {
        key: spec for key, spec in recording.specs.items() if recording.complete(key)
    }
    return [
        summarize(
            recording,
            method=key,
            merged=spec.parameters.get("groups") == "summary",  # groups of elements that were replaced together
            level=level,
        )
        for key, spec in specs.items()
    ]


def _figures(recording: Recording, main: Summary, summaries: Sequence[Summary]) -> list[tuple[str, Figure]]:
    """The plots that apply to this run, each with its chapter; the first one is shown beside the headline."""
    folder = recording.directory / "plots"
    return [
        (plot.chapter, drawn(plot.draw, plot.name, plot.caption, folder))
        for plot in report_plots(recording, main, summaries)
    ]


def _chapters(figures: Sequence[tuple[str, Figure]]) -> list[tuple[str, list[Figure]]]:
    chapters = groupby(figures, key=lambda entry: entry[0])
    return [(chapter, [figure for _, figure in entries]) for chapter, entries in chapters]


def _caveats(recording: Recording, summaries: Sequence[Summary]) -> list[Caveat]:
    """The caveats of all methods but the controls."""
    own = (summary for summary in summaries if not is_control(summary.unit))
    return run_caveats(recording, [(attribution_name(recording, summary), summary) for summary in own])
