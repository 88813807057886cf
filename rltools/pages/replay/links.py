"""The pages that a replay links to: the report of its run, and the replays of other episodes beside it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from rltools.recording import Recording

REPLAYS = "replays"
"""The folder of a run's replays."""


@dataclass(frozen=True)
class Neighbor:
    """The replay of another episode: its number, and its file in the same folder."""

    number: int
    file: str


@dataclass(frozen=True)
class Links:
    """What a replay links to, relative to its own folder.

    Attributes:
        report: the page of the run; "" for none.
        previous: the replay of the nearest lower number; None if there is none.
        next: the replay of the nearest higher number; None if there is none.
    """

    report: str = ""
    previous: Neighbor | None = None
    next: Neighbor | None = None


def replay_file(recording: Recording, number: int) -> Path:
    """The page of a single episode in the folder of its run."""
    return recording.directory / REPLAYS / f"episode-{number:06d}.html"


def links_beside(
    recording: Recording, path: Path, number: int, planned: Iterable[int] = (), *, report: bool = False
) -> Links:
    """The links of a page, which exist if it stands in the folder `replays` of its run; otherwise there are none.

    Args:
        recording: the run.
        path: the page.
        number: the episode that it shows, or the first of several.
        planned: the numbers of episodes whose pages are about to be written, beside those that exist.
        report: whether the page of the run is about to be written, if it does not exist.
    """
    folder = recording.directory / REPLAYS
    if path.parent.resolve() != folder.resolve():
        return Links()
    files = {each: replay_file(recording, each).name for each in recording.numbers}
    written = {each: name for each, name in files.items() if each in set(planned) or (folder / name).is_file()}
    lower, higher = [each for each in written if each < number], [each for each in written if each > number]
    exists = report or (recording.directory / "index.html").is_file()
    return Links(
        "../index.html" if exists else "",
        Neighbor(max(lower), written[max(lower)]) if lower else None,
        Neighbor(min(higher), written[min(higher)]) if higher else None,
    )
