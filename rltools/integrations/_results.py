"""The results of a recording for services that collect runs: numbers, tables, figures, the page, and its files."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from rltools.integrations._loggers import metric_names
from rltools.integrations._recorded import attribution_names, description
from rltools.pages.single_file import export_report
from rltools.recording import Recording
from rltools.summary import summarize

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Results:
    """The results of a recording.

    Attributes:
        description: policy, environment, names, units and attributions, as JSON.
        numbers: the mean return, and the share of each feature in the attribution that comes first, by the name of the
            metric.
        tables: all numbers of each attribution, by its name.
        figures: PNG files, by their name.
        report: the page and everything it shows as one file; None if the run has no page.
        files: the files of the folder, by their path in it.
    """

    description: dict[str, Any]
    numbers: dict[str, float]
    tables: dict[str, pd.DataFrame]
    figures: dict[str, Path]
    report: Path | None
    files: dict[str, Path]


@contextmanager
def results(recording: Recording) -> Iterator[Results]:
    """The results of a recording, with a page and a figure that exist as long as the block."""
    folder, names = recording.directory, attribution_names(recording)
    summaries = {key: summarize(recording, method=key) for key in recording.find_all()}
    with TemporaryDirectory(prefix="rltools-") as temporary:
        figures = {path.stem: path for path in sorted((folder / "plots").glob("*.png"))}
        numbers: dict[str, float] = {}
        if summaries:
            first = next(iter(summaries.values()))
            metrics = metric_names(first.features)
            numbers = {metrics[each.position]: float(each.share) for each in first.top()}
            figures = figures or {"importance": _drawn(recording, first.key, Path(temporary) / "importance.png")}
        outcomes = [outcome for outcome in recording.outcomes() if outcome.ended != "fault"]
        if outcomes:
            numbers["attribution/mean_return"] = sum(each.total_reward for each in outcomes) / len(outcomes)
        report = None
        if (folder / "index.html").is_file():
            report = export_report(folder, Path(temporary) / "report.html")
        yield Results(
            description=description(recording),
            numbers=numbers,
            tables={names[key]: summary.table for key, summary in summaries.items()},
            figures=figures,
            report=report,
            files=_files(folder),
        )


def _files(folder: Path) -> dict[str, Path]:
    """The files of a recording, without locks and what is not finished."""
    paths = (path for path in sorted(folder.rglob("*")) if path.is_file())
    inside = {path.relative_to(folder): path for path in paths}
    return {
        name.as_posix(): path for name, path in inside.items() if not any(part.startswith(".") for part in name.parts)
    }


def _drawn(recording: Recording, key: str, path: Path) -> Path:
    """The figure of a recording without a page."""
    from rltools.plots import importance

    figure = importance(recording, method=key).get_figure(root=True)
    if figure is None:
        raise AssertionError("a plot returned axes without a figure")
    figure.savefig(path, dpi=160, metadata={"Software": None})
    return path
