"""What the pages of runs and of experiments both show."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from rltools._util.files import atomic_write
from rltools._util.html import image_address, render
from rltools.attributions import is_per_feature_unit
from rltools.plots.drawing.alt import alt_text
from rltools.recording import Header, Recording
from rltools.summary import Summary, named_method

if TYPE_CHECKING:
    from markupsafe import Markup
    from matplotlib.axes import Axes


_LEADS = {
    "no intervals": "No intervals",
    "the intervals rest on": "Few episodes",
    "are left out": "Left out",
    "clips an entry": "Clipped entries",
    "only one action": "Nothing to decide",
    "was not allowed": "Nothing to explain",
    "derivative": "Unseen features",
    "ended by a fault": "Faults",
}
"""What a note of a summary is about, by some of its words."""


@dataclass(frozen=True)
class Caveat:
    """What to know before trusting a number.

    Attributes:
        lead: what it is about, in a few words.
        text: the caveat.
        about: the methods that it holds for; empty where it holds for all.
    """

    lead: str
    text: str
    about: tuple[str, ...] = ()


def part(name: str) -> str:
    """A template or a style of this package."""
    return files("rltools.pages.report").joinpath("page").joinpath(name).read_text(encoding="utf-8")


def number(value: float) -> str:
    """A number with four significant digits, a dash where there is none."""
    return "–" if math.isnan(value) else f"{value:.4g}".replace("-", "−")


def percent(value: float) -> str:
    """A share from 0 to 1 as a percentage, a dash where there is none: `31 %`, `0.4 %`."""
    if math.isnan(value):
        return "–"
    return f"{100 * value:.2g} %" if 0.0005 <= value < 0.1 else f"{100 * value:.0f} %"


def counted(count: int, noun: str) -> str:
    """`1 step`, `1,200 steps`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def interval(value: float, low: float, high: float, *, share: bool = False) -> str:
    """`231.4 [205.1, 252.0]`, or without the brackets where there is no interval."""
    shown = percent if share else number
    if math.isnan(low):
        return shown(value)
    ends = ", ".join(shown(end).removesuffix(" %") for end in (low, high))
    return f"{shown(value)} [{ends}]"


def asked_of(recording: Recording, summary: Summary) -> str:
    """`shapley of centered:chosen`, over how many observations where these are several, and what tells it apart."""
    window = recording.spec(summary.key).window
    over = f" over {counted(window, 'observation')}" if window else ""
    return f"{named_method(summary)} of {summary.target}{over}{f' ({summary.apart})' if summary.apart else ''}"


def caveats(recording: Recording, summaries: Sequence[Summary]) -> list[Caveat]:
    """What a reader must know before trusting the numbers, each once, with the methods that it is about."""
    found: dict[tuple[str, str], list[str]] = {("The agent", note): [] for note in recording.header.notes}
    outcomes = {outcome.number: outcome for summary in summaries for outcome in summary.outcomes}
    out_of_space = sum(outcome.out_of_space for outcome in outcomes.values())
    if out_of_space:
        seen = counted(out_of_space, "observation")
        text = f"{seen} lay outside the space that the policy was trained with; kept as they came."
        found["Outside the space", text] = []
    names = [asked_of(recording, summary) for summary in summaries]
    for name, summary in zip(names, summaries, strict=True):
        for about in _of(recording, summary):
            found.setdefault(about, []).append(name)
    if any(is_per_feature_unit(summary.unit) for summary in summaries):
        text = (
            "Gradients are per unit of a feature, and features have different units; where gradients are compared, "
            "they are multiplied by each feature's standard deviation over the recorded states."
        )
        found["Units", text] = []
    every = dict.fromkeys(names)
    return [
        Caveat(lead, text, tuple(dict.fromkeys(about)) if len(dict.fromkeys(about)) < len(every) else ())
        for (lead, text), about in found.items()
    ]


def _of(recording: Recording, summary: Summary) -> Iterator[tuple[str, str]]:
    """The caveats of one summary: a few words on what each is about, and the caveat."""
    asked = recording.spec(summary.key)
    if asked.every > 1:
        yield (
            "A sample of the steps",
            f"One step in {asked.every} is explained, evenly: all {counted(summary.n_steps, 'step')} would have taken "
            f"more work than the limit.",
        )
    # Of decisions it says that nothing changes them; and where no derivative sees a thing, no unit need be saturated.
    if summary.all_zero > 0 and summary.target != "decision" and not summary.unseen:
        yield (
            "Saturated steps",
            f"At {percent(summary.all_zero)} of the steps every feature's value is exactly 0: the network is saturated "
            f"there, and the method says nothing.",
        )
    if summary.residuals is not None and summary.residuals.over:
        yield (
            "What is left over",
            f"At {summary.residuals.over:,} of {summary.n:,} steps the values do not add up to the score within 1 % of "
            f"its spread (at worst {percent(summary.residuals.largest)}).",
        )
    if "reference" in asked.parameters:
        yield (
            "What features are compared with",
            f"Features are compared with {asked.parameters['reference']}."
            + (" What another draw of these states would change is in the intervals." if summary.overall.draws else ""),
        )
    for note in summary.notes:
        if asked.every == 1 or "left out" not in note:
            lead = next((lead for words, lead in _LEADS.items() if words in note), "Note")
            yield lead, f"{note[0].upper()}{note[1:]}."


def seeds_text(header: Header) -> str:
    """Which seeds the episodes have."""
    if header.seed < 0:
        return "those of the resets"
    how = "those that follow" if header.seeds == "consecutive" else "others drawn from it"
    return f"{header.seed} and {how}, one an episode"


def closing(told: Sequence[Caveat], commands: Sequence[str], header: Header, *, policy: bool) -> Markup:
    """The end of every page: caveats, how to get it again, and what took part."""
    from markupsafe import Markup

    facts = [("Policy", f"{header.policy} ({header.library})"), ("Its sha256", header.policy_sha256)] if policy else []
    facts += [("Environment", header.environment_text)] if policy else []
    facts += [("Seeds", seeds_text(header))] if policy else []
    facts += [("Versions", ", ".join(f"{name} {version}" for name, version in header.versions.items()))]
    filled = render(part("closing.html"), caveats=told, commands=commands, facts=facts)
    return Markup(filled)  # noqa: S704  the template escaped what it was given


DOTS_PER_INCH = 160
PIXELS_PER_INCH = 96
"""Of a page: a figure is shown in its own size, in which its text is read."""
LARGEST_VECTOR = 400_000
"""Bytes; a vector picture beyond that, of thousands of dots, is slower than a bitmap."""


@dataclass(frozen=True)
class Figure:
    """A picture of a report.

    Attributes:
        name: of its files, without their ending.
        caption: how to read it.
        address: of the picture, which it carries itself.
        files: the names of its files.
        alt: what it shows, for those who hear the page.
        width: in pixels of the page.
        height: likewise.
    """

    name: str
    caption: str
    address: str
    files: tuple[str, ...]
    alt: str
    width: int
    height: int


def drawn(plot: Callable[[], Axes], name: str, caption: str, folder: Path) -> Figure:
    """Draw a plot into `folder/name.png` and, for print, `folder/name.svg`."""
    from matplotlib import rc_context

    axes = plot()
    figure = axes.get_figure(root=True)
    if figure is None:
        raise AssertionError("a plot returned axes without a figure")
    folder.mkdir(parents=True, exist_ok=True)
    # A fixed salt and no date: the same recording gives the same bytes.
    with rc_context({"svg.hashsalt": "rltools"}):
        pictures = {}
        for kind, metadata in (("png", {"Software": None}), ("svg", {"Date": None})):
            picture = BytesIO()
            figure.savefig(picture, format=kind, dpi=DOTS_PER_INCH, metadata=metadata)
            pictures[kind] = picture.getvalue()
            with atomic_write(folder / f"{name}.{kind}") as temporary:
                temporary.write_bytes(pictures[kind])
    vector = len(pictures["svg"]) <= LARGEST_VECTOR
    address = image_address(pictures["svg"], "svg+xml") if vector else image_address(pictures["png"])
    width, height = (round(inches * PIXELS_PER_INCH) for inches in figure.get_size_inches())
    files = tuple(f"{name}.{kind}" for kind in pictures)
    return Figure(name, caption, address, files, alt_text(axes), width, height)
