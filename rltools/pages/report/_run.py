"""Writes the page of one run."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from rltools._util.files import atomic_write, os_errors_as
from rltools._util.glossary import ENDINGS, TERMS
from rltools._util.html import FRAMES, head, render
from rltools._util.text import number, plural
from rltools.errors import ArgumentError
from rltools.pages.answer import Answer, answer_of
from rltools.pages.report._episodes import cards, strip
from rltools.pages.report._parts import Figure, closing, drawn, part
from rltools.pages.report._statement import sentence_html, statement, trust
from rltools.pages.report._tables import facts, measured_table, tables, write_csv
from rltools.plots import Chapter, report_plots
from rltools.recording import Recording
from rltools.summary import Caveat, Summary
from rltools.targets.scores import target_meaning


def write_report(
    recording: Recording,
    *,
    commands: tuple[str, ...] = (),
    unmeasured: str = "",
    level: float = 0.95,
    answer: Answer | None = None,
) -> Path:
    """Write `index.html` of a run: findings, plots, replays, tables, caveats, and the commands that reproduce it.

    It leads with what was measured, if the folder has an ablation; else it says that nothing was.

    Beside it, `summary.csv` holds all numbers, and `plots/` each plot for print. `export_report` makes it one file.

    Args:
        recording: a recording with at least one attribution; its `replays/*.html` are shown.
        commands: the commands that reproduce the page.
        unmeasured: the reason why nothing was measured, if there is one.
        level: the level of the intervals.
        answer: what the page says, if it is arranged already.

    Returns:
        The path of the page.

    Raises:
        RecordingError: nothing was explained.
        ArgumentError: the recording has no episodes.
    """
    if len(recording) == 0:
        raise ArgumentError(f"{recording.directory} has no episodes to report on; record some first")
    folder = recording.directory
    answer = answer_of(recording, unmeasured=unmeasured, level=level) if answer is None else answer
    summaries, main, losses = answer.summaries, answer.main, answer.measured
    style, policy = part("page.css"), recording.header.policy
    title = f"What {policy} {'needs' if losses else 'looks at'}"
    with os_errors_as(folder):
        write_csv(folder / "summary.csv", summaries)
        pictures = _figures(recording, main, summaries)
        of_losses = [figure for chapter, figure in pictures if chapter == Chapter.MEASURED]
        others = [(chapter, figure) for chapter, figure in pictures if chapter != Chapter.MEASURED]
        page = render(
            part("run.html"),
            head=head(title, style, directives=[FRAMES]),
            title=title,
            policy=policy,
            environment=recording.header.environment_id,
            facts=facts(recording, main),
            strip=strip(main.outcomes, main),
            main=main,
            compared=recording.spec(main.key).parameters.get("reference", ""),
            has_images=recording.features_of(main.key).has_images,
            measured=losses,
            not_measured=Caveat("not_measured", text=unmeasured),
            trust_line=answer.trust,
            losses=statement(answer.section("measured")),
            losses_table=measured_table(losses) if losses else None,
            losses_figures=of_losses,
            trust=trust(answer),
            decision=statement(answer.section("decision")),
            score=statement(answer.section("score")),
            sentence_html=sentence_html,
            terms=TERMS,
            endings=ENDINGS,
            meaning=target_meaning(main.target),
            plural=plural,
            number=number,
            lead=others[0][1] if others else None,
            chapters=_chapters(others[1:]),
            cards=cards(recording, main),
            tables=tables(recording, summaries),
            closing=closing(answer.caveats, commands, recording.header, policy=True),
        )
        path = folder / "index.html"
        with atomic_write(path) as temporary:
            temporary.write_text(page, encoding="utf-8", errors="replace")
    return path


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
