"""Writes the page of an experiment: agents, seeds and methods side by side."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rltools import plots
from rltools._util.files import atomic_write, os_errors_as
from rltools._util.glossary import TERMS, method_title
from rltools._util.html import head, render
from rltools._util.text import capitalized, interval, listed, plural
from rltools.pages.answer import attribution_name
from rltools.pages.measured import measured_ablation
from rltools.pages.report._compared import MOST_MARKED, compared_losses, compared_shares
from rltools.pages.report._measured import judged, needs, needs_caption
from rltools.pages.report._parts import Figure, closing, drawn, macros, part
from rltools.pages.report._script import page_script, script_markup
from rltools.pages.report._statement import sentence_html
from rltools.recording import Recording, SharedEpisodesWarning, shared_episodes
from rltools.summary import (
    Caveat,
    Finding,
    Summary,
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
    summarize,
)
from rltools.summary.one_reading import one_reading
from rltools.targets.scores import target_meaning, target_name, target_noun

if TYPE_CHECKING:
    import pandas as pd

    from rltools.ablation import Ablation

MOST_COMPARED = 8
"""How many runs a figure compares, which is how many markers there are."""
MOST_CONTROLLED = 6
"""How many runs get figures that compare their methods with the controls."""


@one_reading()
def write_comparison(
    folder: Path,
    title: str,
    runs: Runs,
    *,
    commands: tuple[str, ...] = (),
    ablations: Mapping[tuple[str, int], Ablation] | None = None,
    assessments: Mapping[tuple[str, int], pd.DataFrame] | None = None,
    left_out: Sequence[str] = (),
) -> tuple[Path, tuple[str, ...]]:
    """Write `index.html` and `summary.csv` of an experiment.

    Args:
        folder: the folder of the experiment, which contains the runs.
        title: the title of the page, the question of the experiment.
        runs: recordings by agent and seed, each explained by the same methods.
        commands: the commands that reproduce the page.
        ablations: what the agents need, by agent and seed; None for what is in the folders of the runs.
        assessments: how metrics judge the attributions, likewise, as `rltools.assess` returns them; `assessment.csv`.
        left_out: agents that could not be run, each with the reason.

    Returns:
        The path of the page, and the findings as sentences: whether the runs use the same features, what each needs
        most, if that was measured, its first features by each method, and how well rankings agree. Controls are named
        as such, and have no findings.
    """
    summaries = {
        run: _controls_last(
            summarize(recording, method=method, target=target) for method, target in explained_by(recording)
        )
        for run, recording in runs.items()
    }
    labels = _labels(runs)
    if ablations is None:
        ablations = {run: ablation for run in runs if (ablation := measured_ablation(runs[run])) is not None}
    measured = [find_loss_lead(ablation, agent=labels[run]) for run, ablation in ablations.items()]
    alike = _alike(runs, labels, summaries, ablations)
    agreement, leads = find_agreement(summaries), find_leads(labels, summaries)
    # What each of many runs needs stands in the picture; sentences on all of them come first.
    many = len(runs) > MOST_MARKED
    answers = (*alike, *leads, *agreement, *measured) if many else (*alike, *measured, *leads, *agreement)
    targets = dict.fromkeys(summary.target for of_run in summaries.values() for summary in of_run)
    compared = list(filter(None, (compared_losses(labels, ablations), *compared_shares(labels, summaries))))
    with os_errors_as(folder), warnings.catch_warnings():
        warnings.simplefilter("ignore", SharedEpisodesWarning)  # a caveat says so
        _write_table(folder / "summary.csv", summaries)
        figures = compared_figures(runs, labels, folder / "plots")
        page = render(
            part("comparison.html"),
            head=head(title, part("page.css"), [page_script()]),
            parts=macros("parts.html"),
            plural=plural,
            compared=compared,
            script=script_markup(),
            title=title,
            answers=[finding.sentence for finding in answers],
            measured=bool(measured),
            sentence_html=sentence_html,
            meanings=list(filter(None, map(target_meaning, targets))),
            needs=needs(labels, ablations),
            needs_caption=needs_caption(ablations),
            all_losses=(folder / "losses.csv").is_file(),
            judged=judged(labels, assessments or {}),
            left_out=left_out,
            rows=[_row(runs[run], labels[run], summaries[run], folder) for run in runs],
            figures=[figure for figure, control in figures if control or not compared],
            closing=closing(
                _caveats(runs, labels, summaries), commands, next(iter(runs.values())).header, policy=False
            ),
        )
        path = folder / "index.html"
        with atomic_write(path) as temporary:
            temporary.write_text(page, encoding="utf-8", errors="replace")
    return path, tuple(map(str, (*alike, *measured, *find_rankings(labels, summaries), *agreement)))


def _alike(
    runs: Runs,
    labels: Mapping[tuple[str, int], str],
    summaries: Mapping[tuple[str, int], list[Summary]],
    ablations: Mapping[tuple[str, int], Ablation],
) -> list[Finding]:
    """Whether the runs use the same features, by an attribution that all of them have, and need the same most."""
    explained = [
        [(each.method, each.target) for each in of_run if not is_control(each.unit)] for of_run in summaries.values()
    ]
    first = next(iter(runs.values()))
    spec = first.spec(first.find())
    common = [pair for pair in explained[0] if all(pair in others for others in explained)]
    common.sort(key=lambda pair: pair != (spec.method, spec.target))
    answers = []
    if common:
        same = [next(each for each in summaries[run] if (each.method, each.target) == common[0]) for run in runs]
        answers.append(find_runs_alike([labels[run] for run in runs], same))
    if len(ablations) == len(runs):
        answers.append(find_needs_alike({labels[run]: find_loss_lead(each) for run, each in ablations.items()}))
    return [answer for answer in answers if answer is not None]


def _caveats(
    runs: Runs, labels: Mapping[tuple[str, int], str], summaries: Mapping[tuple[str, int], list[Summary]]
) -> list[Caveat]:
    """The caveats of all runs, each once."""
    by_label = {labels[run]: recording for run, recording in runs.items()}
    shared = [Caveat("shared_episodes", text=text) for text in shared_episodes(by_label)]
    of_runs = (
        caveat
        for run, of_run in summaries.items()
        for caveat in run_caveats(
            runs[run], [(attribution_name(runs[run], each), each) for each in of_run if not is_control(each.unit)]
        )
    )
    return list(dict.fromkeys((*shared, *of_runs)))


def _controls_last(summaries: Iterable[Summary]) -> list[Summary]:
    return sorted(summaries, key=lambda summary: is_control(summary.unit))


def _labels(runs: Runs) -> dict[tuple[str, int], str]:
    """The label of each run: the agent's name, and the seed if there are several."""
    several = len({seed for _, seed in runs}) > 1
    return {(agent, seed): f"{agent}, seed {seed}" if several else agent for agent, seed in runs}


def _ranking(summary: Summary) -> str:
    if is_control(summary.unit):
        return ranking([ranked for ranked in summary.top(3) if ranked.share > 0], shares=False)
    return ranking(ranked_features(summary)[:3])


def _row(recording: Recording, label: str, summaries: list[Summary], folder: Path) -> dict[str, Any]:
    returns, page = summaries[0].returns, recording.directory / "index.html"
    return {
        "label": label,
        "page": page.relative_to(folder).as_posix() if page.is_file() else "",
        "mean": f"{returns.mean:.6g}",
        "step_count": summaries[0].n_steps,
        "returns": interval(returns.mean, returns.low, returns.high),
        "episodes": len(recording),
        "steps": f"{summaries[0].n_steps:,}",
        "rankings": [
            (method_name(summary), capitalized(target_name(summary.target).removeprefix("the ")), _ranking(summary))
            for summary in summaries
        ],
    }


def _write_table(path: Path, summaries: Mapping[tuple[str, int], list[Summary]]) -> None:
    import pandas as pd

    tables = [
        summary.table.assign(agent=agent, seed=seed, method=summary.method, control=is_control(summary.unit))
        for (agent, seed), of_run in summaries.items()
        for summary in of_run
    ]
    with atomic_write(path) as temporary:
        pd.concat(tables).to_csv(temporary, index=False)


Runs = Mapping[tuple[str, int], Recording]


def explained_by(recording: Recording) -> list[tuple[str, str]]:
    """Methods and targets of a recording, without windows: attributions of past observations have other features."""
    specs = (spec for key, spec in recording.specs.items() if not spec.window and recording.complete(key))
    return list(dict.fromkeys((spec.method, spec.target) for spec in specs))


def compared_figures(runs: Runs, labels: dict[tuple[str, int], str], folder: Path) -> list[tuple[Figure, bool]]:
    """The runs side by side, a figure for each method and target that all of them have; then the controls' figures.

    Each figure comes with whether it is one of controls.
    """
    by_label = {labels[run]: recording for run, recording in runs.items()}
    explained = [set(explained_by(recording)) - set(_controls(recording)) for recording in runs.values()]
    drawings = [
        (
            drawn(
                partial(plots.importance, by_label, method=method, target=target),
                f"importance-{_slug(method, target)}",
                f"How much of what moves the {target_noun(target)} each feature makes up, by {method_title(method)} of "
                f"{target_name(target)}; the lines are 95 % {TERMS['interval'].name}s over episodes and what was drawn "
                "for all of them.",
                folder,
            ),
            False,
        )
        for method, target in sorted(set.intersection(*explained))
        if len(runs) <= MOST_COMPARED
    ]
    for run, recording in list(runs.items())[:MOST_CONTROLLED]:
        drawings += [(figure, True) for figure in _beside_controls(labels[run], recording, folder)]
    return drawings


def _beside_controls(label: str, recording: Recording, folder: Path) -> Iterator[Figure]:
    """All methods of a run with the controls, a figure for each target of a control."""
    controls = _controls(recording)
    for target in dict.fromkeys(target for _, target in controls):
        names = [method for method, other in controls if other == target]
        methods = [method for method, other in explained_by(recording) if other == target and method not in names]
        yield drawn(
            partial(plots.importance, recording, method=[*methods, *names], target=target),
            f"controls-{_slug(label, target)}",
            f"{label}, {target_name(target)}: the methods beside the controls {listed(names)}. A control is "
            f"{TERMS['control'].meaning}; a method with the same order has found nothing.",
            folder,
        )


def _controls(recording: Recording) -> list[tuple[str, str]]:
    """Methods and targets of the controls."""
    units = {(spec.method, spec.target): spec.unit for spec in recording.specs.values()}
    return [explained for explained in explained_by(recording) if is_control(units[explained])]


def _slug(*parts: str) -> str:
    return "-".join(word for part in parts for word in re.findall(r"\w+", part))
