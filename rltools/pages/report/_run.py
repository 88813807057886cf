"""The page of one run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any

from rltools import plots
from rltools._util.files import atomic_write, os_errors_as
from rltools._util.glossary import ENDINGS, TERMS
from rltools._util.html import FRAMES, head, render, security_policy
from rltools._util.text import number, plural
from rltools.errors import ArgumentError
from rltools.pages.report._episodes import cards, strip
from rltools.pages.report._parts import Figure, attribution_name, closing, drawn, part
from rltools.pages.report._statement import sentence_html, statement
from rltools.pages.report._tables import facts, tables, write_csv
from rltools.plots import plot_names
from rltools.recording import Recording
from rltools.summary import FEWEST_RANKED, Caveat, Summary, is_control, run_caveats, summarize
from rltools.summary.target_meaning import target_meaning


def write_report(recording: Recording, *, commands: tuple[str, ...] = (), level: float = 0.95) -> Path:
    """Write `index.html` of a run: the findings in words, plots, replays, tables, caveats, and how to get it again.

    Beside it `summary.csv` holds all numbers, and `plots/` each picture for print. `export_report` makes it one file.

    Args:
        recording: with at least one attribution; its `replays/*.html` are shown.
        commands: that make it again.
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
            merged=spec.parameters.get("groups") == "summary",  # what was replaced together
            level=level,
        )
        for key, spec in specs.items()
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
    """The caveats of all methods but the controls."""
    own = (summary for summary in summaries if not is_control(summary.unit))
    return run_caveats(recording, [(attribution_name(recording, summary), summary) for summary in own])


FEATURES, COURSE = "Feature by feature", "In the course of an episode"
ACTING, OTHERS = "Action by action", "By other methods"
FEWEST_EPISODES = 3
"""Of fewer there is no course of an episode to speak of."""
FEWEST_METHODS = 3
"""Of fewer only one number is to be seen, which a sentence says."""
BEESWARM = (
    "Each dot is one step: to the right the feature raised the explained score, to the left it lowered it. The color "
    "is the feature's value at that step."
)
PHASES = "How strongly each feature weighs in the course of an episode, all episodes stretched to one length."
TIMELINE = (
    "The episode with the median return, step by step: what the features were, and in color what they did to the score."
)
IMAGES = (
    "What the agent saw, and over it what each pixel did to the score: orange raised it, purple lowered it. One step "
    "from each stretch of the episode with the median return."
)
DEPENDENCE = (
    "The leading feature by its value: each dot is one step, the black line the mean with its interval. Where colors "
    "part, each follows the feature in its own direction, and the mean is of all of them."
)
ACTIONS = (
    "What each feature did to the score, by action. Orange cells raised it, purple ones lowered it; where the interval "
    "of a mean holds 0 the cell is hatched."
)
DECISION = (
    "One step taken apart, the one with the largest sum: from the score that is usual at the top to that of this step, "
    "feature by feature."
)
LAGS = "How far back it looks: the share of each feature at each moment, now at the right."
AGREEMENT = (
    "Whether other methods rank the features alike: 1 is the same order, 0 an unrelated one. An order that only one "
    "method finds is worth less."
)


@dataclass(frozen=True)
class Wanted:
    """A plot for a page: its name, how to read it, what else to ask it for, and under which heading it stands."""

    name: str
    caption: str
    heading: str
    options: dict[str, Any] = field(default_factory=dict)


def wanted(recording: Recording, main: Summary, summaries: Sequence[Summary]) -> tuple[Wanted, ...]:
    """The plots that fit a run, in the order of its page; the first one stands beside the headline.

    Args:
        recording: where from.
        main: the summary that heads the findings.
        summaries: all that was explained.
    """
    if main.n == 0:
        return ()
    there = set(plot_names())
    return tuple(one for one in _fitting(recording, main, summaries) if one.name in there)


def _fitting(recording: Recording, main: Summary, summaries: Sequence[Summary]) -> Iterator[Wanted]:
    features = recording.features_of(main.key)
    asked = {"method": main.key, "target": main.target}
    several = len(main.features) > 1
    if features.has_images:
        yield Wanted("images", IMAGES, FEATURES, asked)
    yield Wanted("importance", _importance(main), FEATURES, asked)
    if not features.has_images:
        yield Wanted("beeswarm", BEESWARM, FEATURES, asked)
        if not _is_choice(recording, main):
            yield Wanted("dependence", DEPENDENCE, FEATURES, asked)
    if sum(outcome.steps > 1 for outcome in main.outcomes) >= FEWEST_EPISODES:
        yield Wanted("phases", PHASES, COURSE, asked)
    if not features.has_images:
        yield Wanted("timeline", TIMELINE, COURSE, asked)
    windows = [recording.spec(summary.key).window for summary in summaries]
    if max(windows, default=0):
        past = summaries[windows.index(max(windows))]
        yield Wanted("lags", LAGS, COURSE, {"method": past.key, "target": past.target, "window": max(windows)})
    elif _has_moments(recording, main):
        yield Wanted("lags", LAGS, COURSE, asked)
    if several and (main.by_action or len(main.labels) > 1):
        yield Wanted("action_matrix", ACTIONS, ACTING, asked)
    if several:
        yield Wanted("decision", DECISION, ACTING, asked)
    alike = {
        one.method for one, window in zip(summaries, windows, strict=True) if one.target == main.target and not window
    }
    if len(alike) >= FEWEST_METHODS and len(main.features) >= FEWEST_RANKED:
        yield Wanted("agreement", AGREEMENT, OTHERS, {"target": main.target})


def _importance(main: Summary) -> str:
    drawn = " and the draw of what they are compared with" if main.overall.draws else ""
    return (
        f"How much of the decision each feature carries, over all explained steps. The lines are "
        f"{100 * main.level:.0f} % intervals over episodes{drawn}."
    )


def _is_choice(recording: Recording, main: Summary) -> bool:
    """Whether the leading feature is one value of a choice, 0 or 1, so that nothing can be seen along its values."""
    features, spec = recording.features_of(main.key), recording.spec(main.key)
    # A summary may count each choice as one feature, or each of its values.
    entries = dict([*spec.rows(features, merged=True), *spec.rows(features)])[main.top(1)[0].feature]
    part = next(part for part in features.parts if part.start <= entries[0] < part.stop)
    return part.leaf.kind == "choice"


def _has_moments(recording: Recording, main: Summary) -> bool:
    """Whether several moments are observed at once, and the method tells them apart."""
    separated = recording.spec(main.key).separated
    stacked = any("lag" in part.dims for part in recording.features_of(main.key).parts)
    return stacked and (not separated or "lag" in separated)
