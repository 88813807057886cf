"""The page of an experiment: agents, seeds and methods side by side."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from rltools import plots
from rltools._util.files import atomic_write, os_errors_as
from rltools._util.html import head, render, security_policy
from rltools.pages.report._answers import MOST_NAMED, agreement, leading
from rltools.pages.report._parts import Caveat, Figure, caveats, closing, drawn, interval, number, part
from rltools.pages.report._sentences import meaning
from rltools.recording import Recording, SharedEpisodesWarning, shared_episodes
from rltools.summary import Summary, is_control, named_method, ranked_features, summarize


def write_comparison(
    folder: Path, title: str, runs: Runs, *, commands: tuple[str, ...] = ()
) -> tuple[Path, tuple[str, ...]]:
    """Write `index.html` and `summary.csv` of an experiment.

    Args:
        folder: of the experiment; the runs lie in it.
        title: what was asked.
        runs: recordings by agent and seed, each explained by the same methods.
        commands: that made it.

    Returns:
        The path of the page, and the findings as sentences: of each run, and how well they agree. Controls are shown
        and named as such, and no finding is one of theirs.
    """
    summaries = {
        run: _controls_last(
            summarize(recording, method=method, target=target) for method, target in asked_of_now(recording)
        )
        for run, recording in runs.items()
    }
    labels = _labels(runs)
    findings = tuple(
        f"{labels[run]}, {found.method} of {found.target}: {_ranking(found)}"
        for run, made in summaries.items()
        for found in made
        if not is_control(found.unit)
    )
    agreed = agreement(summaries)
    targets = dict.fromkeys(found.target for made in summaries.values() for found in made)
    told = list(dict.fromkeys(text for run, made in summaries.items() for text in caveats(runs[run], _own(made))))
    together = {labels[run]: recording for run, recording in runs.items()}
    told = [*(Caveat("Shared episodes", text) for text in shared_episodes(together)), *told]
    style = part("page.css")
    with os_errors_as(folder), warnings.catch_warnings():
        warnings.simplefilter("ignore", SharedEpisodesWarning)  # the page says so
        _write_table(folder / "summary.csv", summaries)
        page = render(
            part("comparison.html"),
            head=head(title, style, security_policy([style])),
            title=title,
            answers=[*leading(labels, summaries), *agreed],
            meanings=list(filter(None, map(meaning, targets))),
            rows=[_row(runs[run], labels[run], summaries[run], folder) for run in runs],
            figures=compared_figures(runs, labels, folder / "plots"),
            closing=closing(told, commands, next(iter(runs.values())).header, policy=False),
        )
        path = folder / "index.html"
        with atomic_write(path) as temporary:
            temporary.write_text(page, encoding="utf-8", errors="replace")
    return path, (*findings, *agreed)


def _controls_last(made: Iterable[Summary]) -> list[Summary]:
    return sorted(made, key=lambda found: is_control(found.unit))


def _own(made: Iterable[Summary]) -> list[Summary]:
    """Without the controls."""
    return [found for found in made if not is_control(found.unit)]


def _labels(runs: Runs) -> dict[tuple[str, int], str]:
    """The agent's name, with the seed where there are several."""
    several = len({seed for _, seed in runs}) > 1
    return {(agent, seed): f"{agent}, seed {seed}" if several else agent for agent, seed in runs}


def _ranking(found: Summary) -> str:
    if is_control(found.unit):
        return f"{', '.join(ranked.feature for ranked in found.top(3) if ranked.share > 0)} (only an order)"
    return ", ".join(
        f"{ranked.feature} {interval(ranked.share, ranked.low, ranked.high, share=True)}"
        for ranked in ranked_features(found)[:3]
    )


def _row(recording: Recording, label: str, made: list[Summary], folder: Path) -> dict[str, Any]:
    returns = made[0].returns
    return {
        "label": label,
        "page": f"{recording.directory.relative_to(folder).as_posix()}/index.html",
        "returns": interval(returns.mean, returns.low, returns.high),
        "episodes": len(recording),
        "steps": number(made[0].n_steps),
        "findings": [(named_method(found), found.target, _ranking(found)) for found in made],
    }


def _write_table(path: Path, summaries: Mapping[tuple[str, int], list[Summary]]) -> None:
    import pandas as pd

    tables = [
        found.table.assign(agent=agent, seed=seed, method=found.method, control=is_control(found.unit))
        for (agent, seed), made in summaries.items()
        for found in made
    ]
    with atomic_write(path) as temporary:
        pd.concat(tables).to_csv(temporary, index=False)


Runs = Mapping[tuple[str, int], Recording]


def asked_of_now(recording: Recording) -> list[tuple[str, str]]:
    """Methods and targets, of attributions of the moment: those of past observations have other features."""
    asked = (spec for key, spec in recording.specs.items() if not spec.window and recording.complete(key))
    return list(dict.fromkeys((spec.method, spec.target) for spec in asked))


def compared_figures(runs: Runs, labels: dict[tuple[str, int], str], folder: Path) -> list[Figure]:
    """The runs side by side, a figure for each method and target that all of them have; then the controls' figures."""
    together = {labels[run]: recording for run, recording in runs.items()}
    asked = [set(asked_of_now(recording)) - set(_controls(recording)) for recording in runs.values()]
    drawings = [
        drawn(
            partial(plots.importance, together, method=method, target=target),
            f"importance-{_slug(method, target)}",
            f"How much of the decision each feature carries, by {method} of {target}; the lines are 95 % intervals "
            f"over episodes and what was drawn for all of them.",
            folder,
        )
        for method, target in sorted(set.intersection(*asked))
    ]
    for run, recording in list(runs.items())[:MOST_NAMED]:
        drawings += _beside_controls(labels[run], recording, folder)
    return drawings


def _beside_controls(label: str, recording: Recording, folder: Path) -> Iterator[Figure]:
    """All methods of a run with the controls, a figure for each target that controls were asked about."""
    controls = _controls(recording)
    for target in dict.fromkeys(target for _, target in controls):
        known = [method for method, of in controls if of == target]
        methods = [method for method, of in asked_of_now(recording) if of == target and method not in known]
        yield drawn(
            partial(plots.importance, recording, method=[*methods, *known], target=target),
            f"controls-{_slug(label, target)}",
            f"{label}, {target}: the methods beside the controls {' and '.join(known)}, which know nothing of the "
            f"agent. Of a control only the order of the features means anything, and a method with the same order has "
            f"found nothing.",
            folder,
        )


def _controls(recording: Recording) -> list[tuple[str, str]]:
    """Methods and targets of those that know nothing of the agent."""
    units = {(spec.method, spec.target): spec.unit for spec in recording.specs.values()}
    return [asked for asked in asked_of_now(recording) if is_control(units[asked])]


def _slug(*parts: str) -> str:
    return "-".join(word for part in parts for word in re.findall(r"\w+", part))
