"""Writes the page of an experiment: agents, seeds and methods side by side."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from rltools import plots
from rltools._util.files import atomic_write, os_errors_as
from rltools._util.glossary import TERMS, method_title
from rltools._util.html import head, render
from rltools._util.text import capitalized, listed, plural
from rltools.pages.ablation_findings import measured_ablation
from rltools.pages.answer import attribution_name
from rltools.pages.report._compared import MOST_MARKED, Compared, compared_losses, compared_shares
from rltools.pages.report._compared_figures import FIGURES, write_compared, write_pdf
from rltools.pages.report._groups import Groups, compared_groups, group_rows
from rltools.pages.report._measured import judged, needs, needs_caption
from rltools.pages.report._overview import overviews, within_environment
from rltools.pages.report._parts import Figure, closing, drawn, macros, part
from rltools.pages.report._script import page_script, script_markup
from rltools.pages.report._statement import sentence_html
from rltools.plots.drawing.labels import plain
from rltools.recording import Recording, SharedEpisodesWarning, shared_episodes
from rltools.summary import (
    Caveat,
    Finding,
    Summary,
    explained_by,
    find_agreement,
    find_leads,
    find_loss_lead,
    find_needs_alike,
    find_rankings,
    find_runs_alike,
    is_control,
    method_name,
    ranked_features,
    ranking,
    run_caveats,
    summarize_every,
)
from rltools.summary.one_reading import one_reading
from rltools.targets.scores import target_meaning, target_name, target_noun

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from rltools.ablation import Ablation

TABLES = ("returns", "attributions", "losses", "certificates", "agreement", "assessment", "groups", "statistics")
"""The tables of an experiment that the page links to."""
MOST_COMPARED = 8
"""How many runs a figure compares, which is how many markers there are."""
MOST_SHARED = 3
"""The most pairs of runs with the same episodes that are named one by one."""
MOST_CONTROLLED = 6
"""How many runs get figures that compare their methods with the controls."""


@one_reading()
def write_comparison(
    folder: Path,
    title: str,
    runs: Runs,
    *,
    summaries: Mapping[tuple[str, int], Sequence[Summary]] | None = None,
    commands: tuple[str, ...] = (),
    ablations: Mapping[tuple[str, int], Ablation] | None = None,
    assessments: Mapping[tuple[str, int], pd.DataFrame] | None = None,
    environments: Mapping[tuple[str, int], str] | None = None,
    memberships: Mapping[tuple[str, int], str] | None = None,
    groups: Groups | None = None,
    left_out: Sequence[str] = (),
) -> tuple[Path, tuple[str, ...]]:
    """Write `index.html` of an experiment, and its pictures as PDF into `figures/`; it links to the files in `tables/`.

    Args:
        folder: the folder of the experiment, which contains the runs.
        title: the title of the page, the question of the experiment.
        runs: recordings by agent and seed, each explained by the same methods.
        summaries: of each method and target of these, those of the controls last; None makes them.
        commands: the commands that reproduce the page.
        ablations: what the agents need, by agent and seed; None for what is in the folders of the runs.
        assessments: how metrics judge the attributions, by agent and seed, as `rltools.assess` returns them.
        environments: the name of the environment of each run; None for their ids.
        memberships: the group of each run that belongs to one.
        groups: the numbers of the groups; None without any.
        left_out: agents that could not be run, each with the reason.

    Returns:
        The path of the page, and the findings as sentences: whether the runs use the same features, what each needs
        most, if that was measured, its first features by each method, and how well rankings agree. Controls are named
        as such, and have no findings.
    """
    if summaries is None:
        summaries = {run: summarize_every(recording) for run, recording in runs.items()}
    labels = _labels(runs)
    if ablations is None:
        ablations = {run: ablation for run in runs if (ablation := measured_ablation(runs[run])) is not None}
    if environments is None:
        environments = {run: recording.header.environment_id for run, recording in runs.items()}
    measured = [find_loss_lead(ablation, agent=labels[run]) for run, ablation in ablations.items()]
    alike = _alike(runs, labels, summaries, ablations, environments)
    agreement, leads = find_agreement(summaries), find_leads(labels, summaries)
    # What each of many runs needs stands in the picture; sentences on all of them come first.
    many = len(runs) > MOST_MARKED
    answers = (*alike, *leads, *agreement, *measured) if many else (*alike, *measured, *leads, *agreement)
    targets = dict.fromkeys(summary.target for of_run in summaries.values() for summary in of_run)
    compared = _compared(labels, summaries, ablations, environments, groups)
    with os_errors_as(folder), warnings.catch_warnings():
        warnings.simplefilter("ignore", SharedEpisodesWarning)  # a caveat says so
        figures = compared_figures(runs, labels, folder, compared)
        page = render(
            part("comparison.html"),
            head=head(title, part("page.css"), [page_script()]),
            parts=macros("parts.html"),
            plural=plural,
            compared=compared,
            many=many,
            runs=len(runs),
            most_controlled=MOST_CONTROLLED,
            overviews=overviews(folder, runs, labels, summaries, ablations, environments, memberships or {}),
            groups=group_rows(groups) if groups is not None else [],
            script=script_markup(),
            title=title,
            answers=[finding.sentence for finding in answers],
            measured=bool(measured),
            sentence_html=sentence_html,
            meanings=list(filter(None, map(target_meaning, targets))),
            needs=needs(labels, ablations),
            needs_caption=needs_caption(ablations),
            tables=[name for name in TABLES if (folder / "tables" / f"{name}.csv").is_file()],
            judged=judged(labels, assessments or {}),
            left_out=left_out,
            rows=[(labels[run], _rankings(summaries[run])) for run in runs],
            figures=[figure for figure, control in figures if control or not compared],
            closing=closing(
                _caveats(runs, labels, summaries), commands, next(iter(runs.values())).header, policy=False
            ),
        )
        path = folder / "index.html"
        with atomic_write(path) as temporary:
            temporary.write_text(page, encoding="utf-8", errors="replace", newline="\n")
    return path, tuple(map(str, (*alike, *measured, *find_rankings(labels, summaries), *agreement)))


def _compared(
    labels: Mapping[tuple[str, int], str],
    summaries: Mapping[tuple[str, int], Sequence[Summary]],
    ablations: Mapping[tuple[str, int], Ablation],
    environments: Mapping[tuple[str, int], str],
    groups: Groups | None,
) -> list[Compared]:
    """The pictures of all runs, groups first: of the losses, then of each method and target; one per environment."""
    pictures = []
    if groups is not None:
        pictures += compared_groups(groups, [each for of_run in summaries.values() for each in of_run])
    names = list(dict.fromkeys(environments[run] for run in labels))
    own = {
        name: within_environment(name, {run: label for run, label in labels.items() if environments[run] == name})
        for name in names
    }
    title = {name: name if len(names) > 1 else "" for name in names}
    lost = (compared_losses(own[name], ablations, title[name]) for name in names)
    shares = (each for name in names for each in compared_shares(own[name], summaries, title[name]))
    every = [picture for picture in (*pictures, *lost, *shares) if picture is not None]
    by_name = {picture.name: picture for picture in every}
    # Files have names of few characters, in which two environments may be the same.
    return [
        picture if by_name[picture.name] is picture else replace(picture, name=f"{picture.name}-{number}")
        for number, picture in enumerate(every)
    ]


def _alike(
    runs: Runs,
    labels: Mapping[tuple[str, int], str],
    summaries: Mapping[tuple[str, int], Sequence[Summary]],
    ablations: Mapping[tuple[str, int], Ablation],
    environments: Mapping[tuple[str, int], str],
) -> list[Finding]:
    """Whether the runs of each environment need the same feature most; after all of these whether shares are alike.

    By an attribution that all of them have, that of the first run if possible.
    """
    names = list(dict.fromkeys(environments[run] for run in runs))
    needed: list[Finding] = []
    used: list[Finding] = []
    for name in names:
        own = [run for run in runs if environments[run] == name]
        explained = [
            [(each.method, each.target) for each in summaries[run] if not is_control(each.unit)] for run in own
        ]
        spec = runs[own[0]].spec(runs[own[0]].find())
        common = [pair for pair in explained[0] if all(pair in others for others in explained)]
        common.sort(key=lambda pair: pair != (spec.method, spec.target))
        short = within_environment(name, {run: labels[run] for run in own})
        place = name if len(names) > 1 else ""
        if set(own) <= set(ablations):
            need = find_needs_alike({short[run]: find_loss_lead(ablations[run]) for run in own})
            needed += [replace(need, agent=place)] if need is not None else []
        if common:
            same = [next(each for each in summaries[run] if (each.method, each.target) == common[0]) for run in own]
            use = find_runs_alike([*short.values()], same)
            used += [replace(use, agent=place)] if use is not None else []
    return [*needed, *used]


def _caveats(
    runs: Runs, labels: Mapping[tuple[str, int], str], summaries: Mapping[tuple[str, int], Sequence[Summary]]
) -> list[Caveat]:
    """The caveats of all runs, each once."""
    by_label = {labels[run]: recording for run, recording in runs.items()}
    shared = [Caveat("shared_episodes", text=text) for text in _first_few(shared_episodes(by_label))]
    of_runs = (
        caveat
        for run, of_run in summaries.items()
        for caveat in run_caveats(
            runs[run], [(attribution_name(runs[run], each), each) for each in of_run if not is_control(each.unit)]
        )
    )
    return list(dict.fromkeys((*shared, *of_runs)))


def _first_few(texts: Sequence[str]) -> Sequence[str]:
    """All texts if they are few; of many, which pairs of runs quickly are, the first and how many there are."""
    if len(texts) <= MOST_SHARED:
        return texts
    return [f"{texts[0]}. The same holds for {plural(len(texts) - 1, 'other pair')} of runs"]


def _labels(runs: Runs) -> dict[tuple[str, int], str]:
    """The label of each run: the agent's name, and the seed if there are several."""
    several = len({seed for _, seed in runs}) > 1
    return {(agent, seed): f"{agent}, seed {seed}" if several else agent for agent, seed in runs}


def _ranking(summary: Summary) -> str:
    if is_control(summary.unit):
        return ranking([ranked for ranked in summary.top(3) if ranked.share > 0], shares=False)
    return ranking(ranked_features(summary)[:3])


def _heading(summary: Summary) -> str:
    """The method, and what tells it from others of the same method and target."""
    return f"{method_name(summary)} ({summary.apart})" if summary.apart else method_name(summary)


def _rankings(summaries: Sequence[Summary]) -> list[tuple[str, str, str]]:
    """The method, the target and the first features of each attribution."""
    return [
        (_heading(summary), capitalized(target_name(summary.target).removeprefix("the ")), _ranking(summary))
        for summary in summaries
    ]


Runs = Mapping[tuple[str, int], Recording]


def compared_figures(
    runs: Runs, labels: dict[tuple[str, int], str], folder: Path, compared: Sequence[Compared]
) -> list[tuple[Figure, bool]]:
    """The runs side by side, a figure for each method and target that all of them have; then the controls' figures.

    Each figure comes with whether it is one of controls. They are drawn into `plots/`; what the page shows, also the
    pictures that compare the runs there, is drawn into `figures/` as well.
    """
    write_compared(compared, folder / FIGURES)
    by_label = {labels[run]: recording for run, recording in runs.items()}
    explained = [set(explained_by(recording)) - set(_controls(recording)) for recording in runs.values()]
    plotted = [
        (
            partial(plots.importance, by_label, method=method, target=target),
            f"importance-{_slug(method, target)}",
            f"How much of what moves the {target_noun(target)} each feature makes up, by {method_title(method)} of "
            f"{target_name(target)}; the lines are 95 % {TERMS['interval'].name}s over episodes and what was drawn "
            "for all of them.",
            False,
        )
        for method, target in sorted(set.intersection(*explained))
        if len(runs) <= MOST_COMPARED
    ]
    for run, recording in list(runs.items())[:MOST_CONTROLLED]:
        plotted += [(*each, True) for each in _beside_controls(labels[run], recording)]
    drawings = []
    # Captions have the names of the file; the small print has those of models and the ids of environments.
    headers = [recording.header for recording in runs.values()]
    names = {plain(text, 40) for header in headers for text in (header.policy, header.environment_id)}
    for plot, name, caption, control in plotted:
        drawings.append((drawn(plot, name, caption, folder / "plots", names if control else ()), control))
        if control or not compared:
            write_pdf(plot, folder / FIGURES / f"{name}.pdf")
    return drawings


def _beside_controls(label: str, recording: Recording) -> Iterator[tuple[partial[Axes], str, str]]:
    """All methods of a run with the controls for each target of a control: the plot, its name and its caption."""
    controls = _controls(recording)
    for target in dict.fromkeys(target for _, target in controls):
        names = [method for method, other in controls if other == target]
        methods = [method for method, other in explained_by(recording) if other == target and method not in names]
        yield (
            partial(plots.importance, recording, method=[*methods, *names], target=target),
            f"controls-{_slug(label, target)}",
            f"{label}, {target_name(target)}: the methods beside the controls {listed(names)}. A control is "
            f"{TERMS['control'].meaning}; a method with the same order has found nothing.",
        )


def _controls(recording: Recording) -> list[tuple[str, str]]:
    """Methods and targets of the controls."""
    units = {(spec.method, spec.target): spec.unit for spec in recording.specs.values()}
    return [explained for explained in explained_by(recording) if is_control(units[explained])]


def _slug(*parts: str) -> str:
    """Words for the name of a file; a minus stays, so that two values of a sweep do not share one."""
    return "-".join(word for part in parts for word in re.findall(r"(?:(?<==)-)?\w+", part))
