"""Writes the page of one run."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from itertools import groupby
from pathlib import Path

from rltools._util.files import atomic_write, os_errors_as
from rltools._util.glossary import TERMS, method_title
from rltools._util.html import head, render
from rltools._util.text import number, plural
from rltools.errors import ArgumentError
from rltools.pages.ablation_findings import AblationFindings
from rltools.pages.answer import Answer, answer_of
from rltools.pages.report._bars import Bars, loss_bars, share_bars
from rltools.pages.report._episodes import cards, replay_files, return_strip, strip
from rltools.pages.report._extremes import Extremes, extremes
from rltools.pages.report._parts import (
    Figure,
    closing,
    drawn,
    macros,
    part,
)
from rltools.pages.report._player import player
from rltools.pages.report._script import episode_scripts, first_step, json_markup, page_script, script_markup
from rltools.pages.report._statement import sentence_html, statement, trust
from rltools.pages.report._tables import facts, measured_table, signed, tables, write_csv
from rltools.plots import Chapter, report_plots
from rltools.plots.drawing.style import describe
from rltools.recording import Recording
from rltools.summary import DECISION, Caveat, Summary, is_continuous
from rltools.summary.one_reading import one_reading
from rltools.targets.scores import target_meaning, target_name, target_noun

FILMSTRIP = "filmstrip"
"""The plot that stands on the cards of episodes."""


@one_reading()
def write_report(
    recording: Recording,
    *,
    commands: tuple[str, ...] = (),
    unmeasured: str = "",
    level: float = 0.95,
    answer: Answer | None = None,
    experiment: str = "",
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
        experiment: the title of the experiment whose page is in the folder above; "" if the run belongs to none.

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
    policy = recording.header.policy
    title = f"What {policy} {'needs' if losses else 'looks at'}"
    replays, _ = replay_files(recording, main)
    with os_errors_as(folder):
        write_csv(folder / "summary.csv", summaries)
        extreme_steps = {summary.key: extremes(recording, summary, replays) for summary in summaries}
        steps = player(recording, main, summaries, replays)
        has_images = recording.features_of(main.key).has_images
        bars = _bars(main, summaries, losses, extreme_steps, has_images=has_images)
        pictures = _figures(recording, main, summaries, {FILMSTRIP, *(each.name for each in bars.values() if each)})
        of_losses = [figure for chapter, figure in pictures if chapter == Chapter.MEASURED]
        others = [(chapter, figure) for chapter, figure in pictures if chapter != Chapter.MEASURED]
        pictured = not bars["score"] and bool(others)
        page = render(
            part("run.html"),
            head=head(title, part("page.css"), [page_script()]),
            parts=macros("parts.html"),
            title=title,
            policy=policy,
            experiment=experiment,
            environment=recording.header.environment_id,
            facts=facts(recording, main),
            returns=return_strip(strip(main.outcomes, main), main, answer.returns),
            main=main,
            compared=recording.spec(main.key).parameters.get("reference", ""),
            has_images=has_images,
            measured=losses,
            not_measured=Caveat("not_measured", text=unmeasured),
            of_data=next((each for each in answer.caveats if each.kind in ("data", "data_continuous")), None),
            sections=[(section, statement(section)) for section in answer.sections if section.key != "trust"],
            trust_line=answer.trust,
            trust=trust(answer),
            losses_table=measured_table(losses) if losses else None,
            losses_figures=of_losses,
            sentence_html=sentence_html,
            terms=TERMS,
            meaning=target_meaning(main.target),
            plural=plural,
            number=number,
            signed=signed,
            method_title=method_title,
            target=target_name(main.target),
            noun=target_noun(main.target),
            bars=bars,
            lead=others[0][1] if pictured else None,
            chapters=_chapters(others[1:] if pictured else others),
            cards=cards(recording, main),
            tables=tables(recording, summaries, extreme_steps),
            player=steps,
            first_step=first_step((bars[section.key] for section in answer.sections if section.key in bars), steps),
            player_index=json_markup(steps.index if steps else {}),
            player_episodes=episode_scripts(steps),
            script=script_markup(),
            closing=closing(answer.caveats, commands, recording.header, policy=True),
        )
        path = folder / "index.html"
        with atomic_write(path) as temporary:
            temporary.write_text(page, encoding="utf-8", errors="replace", newline="\n")
    return path


def _bars(
    main: Summary,
    summaries: Sequence[Summary],
    losses: AblationFindings | None,
    extreme_steps: Mapping[str, Sequence[Extremes]],
    *,
    has_images: bool,
) -> dict[str, Bars | None]:
    """The pictures of what was measured, of how the decision changes and of what moves the score."""
    examples = {
        name: each.example for name, each in zip(main.features, extreme_steps[main.key], strict=False) if each.example
    }
    decision = next((summary for summary in summaries if summary.target == DECISION), None)
    changes = "How far the action moves" if decision and is_continuous(decision) else "How often the decision changes"
    bars = {
        "measured": loss_bars(losses, examples) if losses else None,
        "decision": share_bars(decision, extreme_steps[decision.key], changes) if decision else None,
        "score": None,
    }
    if main.target != DECISION and not has_images:
        bars["score"] = share_bars(main, extreme_steps[main.key], f"Share of what moves the {target_noun(main.target)}")
    return bars


def _figures(
    recording: Recording, main: Summary, summaries: Sequence[Summary], as_bars: Container[str]
) -> list[tuple[str, Figure]]:
    """The plots that apply to this run, each with its chapter, without those that are drawn as bars.

    All of them are drawn into the folder of plots.
    """
    folder = recording.directory / "plots"
    figures = [
        (plot.name, plot.chapter, drawn(plot.draw, plot.name, plot.caption, folder, describe(main)))
        for plot in report_plots(recording, main, summaries)
    ]
    return [(chapter, figure) for name, chapter, figure in figures if name not in as_bars]


def _chapters(figures: Sequence[tuple[str, Figure]]) -> list[tuple[str, list[Figure]]]:
    chapters = groupby(figures, key=lambda entry: entry[0])
    return [(chapter, [figure for _, figure in entries]) for chapter, entries in chapters]
