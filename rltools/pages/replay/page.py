"""Writes a self-contained HTML page of one or several episodes, or of two agents side by side."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from itertools import chain
from operator import index
from pathlib import Path
from typing import Any

from rltools._util.files import atomic_write, os_errors_as
from rltools._util.glossary import TERMS
from rltools._util.html import head, render
from rltools.errors import ArgumentError, RecordingError
from rltools.pages.replay._encode import script_json, script_json_parts
from rltools.pages.replay._script import inlined
from rltools.pages.replay.data import episodes_data, outcome_data
from rltools.pages.replay.links import Links, links_beside
from rltools.pages.replay.static import static_data
from rltools.recording import Recording, as_path, check_recording, every_step_order

_STYLES = ("pages/replay/vendor/uPlot.min.css", "pages/replay/page/page.css")
_LIBRARY = "pages/replay/vendor/uPlot.iife.min.js"
_ENTRY = "page"
"""The page's first module; its imports lead to all others."""
_SHOWN_TERMS = ("deterministic", "per_std", "references", "residual", "sampled")
"""Glossary terms that the page's script shows."""
_EPISODE = "<!--episode-->"
"""Placeholder for the data of an episode; escaped text has no such brackets."""


def replay(
    recording: Recording,
    episode: int | str | Sequence[int | str],
    path: str | Path,
    *,
    method: str | None = None,
    target: str | None = None,
    title: str | None = None,
    beside: Recording | None = None,
) -> Path:
    """Write episodes as one HTML page that needs no network: frames, attributions, features, scores and rewards.

    A page in the folder `replays` of a run links to the page of the run and to the replays of other episodes there.
    `page.html#step=120` opens it at a step, `page.html#episode=3&step=120` at a step of one of several episodes.

    Args:
        recording: the recording of the episodes.
        episode: the number of the episode, or "worst", "best" or "median" by its return; or several of these, of which
            the first is shown first.
        path: the path of the page, which is written atomically; a missing folder is created.
        method: show only attributions of this method, or the one in the folder of this name; None shows all, those that
            explain every step first, led by the best predictor.
        target: show only attributions of this target, as text.
        title: the title of the page; the policy's name by default.
        beside: another recording of the same environment, whose episodes with the same seeds are shown beside these,
            step by step.

    Returns:
        The path.

    Raises:
        UnknownNameError: there is no such episode.
        ArgumentError: no episode is named.
        RecordingError: no attribution fits, or this episode is not explained yet; the other recording has no episode
            with the same seed; or the folder cannot be written to.
        CorruptError: a file of a recording is damaged.

    Example:
        >>> import rltools
        >>> policy = rltools.load_policy("cartpole-ppo")
        >>> recording = rltools.record(policy, episodes=3, max_steps=40)
        >>> recording = rltools.explain(recording, policy, method="gradient")
        >>> rltools.replay(recording, 0, "poles.html").name
        'poles.html'
        >>> rltools.replay(recording, ["worst", 2], "two.html").name
        'two.html'
    """
    return write_replay(
        recording, numbers_of(recording, episode), path, method=method, target=target, title=title, beside=beside
    )


def numbers_of(recording: Recording, episode: int | str | Sequence[int | str]) -> int | list[int]:
    """The number of an episode, or those of several, some of which may go by a name."""
    check_recording(recording)
    if isinstance(episode, str):
        return recording.number_of(episode)
    if isinstance(episode, list | tuple):
        return [recording.number_of(each) for each in episode]
    return episode  # type: ignore[return-value]  # an array, or what is refused below


def write_replay(
    recording: Recording,
    episode: int | Sequence[int],
    path: str | Path,
    *,
    method: str | None = None,
    target: str | None = None,
    title: str | None = None,
    beside: Recording | None = None,
    links: Links | None = None,
) -> Path:
    """Write a page as `replay` does, with links to pages that are there or planned; by default to those beside it."""
    for opened in (recording, *([] if beside is None else [beside])):
        check_recording(opened)
    path = as_path(path, "the path of the page")
    if isinstance(episode, str) or not (hasattr(episode, "__index__") or hasattr(episode, "__iter__")):
        raise ArgumentError(f"episode is {episode!r:.80}; it must be a number, or a list of numbers")
    requested: Any = episode
    single = not hasattr(requested, "__iter__")  # an array of numbers has __index__, too
    numbers = [index(number) for number in ([requested] if single else dict.fromkeys(requested))]
    if not numbers:
        raise ArgumentError("a replay needs at least one episode, and the list of their numbers is empty")
    sides = [(recording, numbers)]
    if beside is not None:
        sides.append((beside, same_seeds(recording, numbers, beside)))
    keys = [_keys(side, method, target) for side, _ in sides]
    data = chain.from_iterable(
        episodes_data(side, side_numbers, key, title) for (side, side_numbers), key in zip(sides, keys, strict=True)
    )
    first = next(data)  # before anything is written: most errors are raised here
    again = {"method": method, "target": target, "title": title}
    options = "".join(f", {name}={value!r}" for name, value in again.items() if value is not None)
    options += "" if beside is None else f", beside={_source(beside)}"
    argument = numbers[0] if single else numbers
    call = f"rltools.replay({_source(recording)}, {argument}, {path.name!r}{options})"
    name = title or " beside ".join(dict.fromkeys(side.header.policy for side, _ in sides))
    text = _page(
        name,
        call,
        [[outcome_data(side, number) for number in side_numbers] for side, side_numbers in sides],
        first,
        links or links_beside(recording, path, numbers[0]),
        [static_data(side, side_numbers[0], key) for (side, side_numbers), key in zip(sides, keys, strict=True)],
    )
    with os_errors_as(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        # A name may hold half of a surrogate pair, which cannot be encoded.
        with (
            atomic_write(path) as temporary,
            temporary.open("w", encoding="utf-8", errors="replace", newline="\n") as file,
        ):
            start = 0
            for content in chain([first], data):
                end = text.index(_EPISODE, start)
                file.write(text[start:end])
                file.writelines(script_json_parts(content))
                start = end + len(_EPISODE)
            file.write(text[start:])
    return path


def _source(recording: Recording) -> str:
    folder = recording.directory.name if recording.directory.is_absolute() else recording.directory.as_posix()
    return f"rltools.open_recording({folder!r}){'' if recording.show_frames else '.without_frames()'}"


def _keys(recording: Recording, method: str | None, target: str | None) -> list[str]:
    """The keys of the attributions to show, the default one of those that explain every step first.

    Attributions over a window of observations are left out: at a step they have several values per feature.
    """
    fitting = recording.find_all(method, target)
    if not any(map(recording.is_complete, fitting)) and method is None and target is None:
        return []
    first, *others = every_step_order(recording, method, target)
    decoded = recording.spec(first).decoded  # rows are either choices or the factors that these combine
    alike = (key for key in others if recording.spec(key).decoded == decoded)
    return [first, *filter(recording.is_complete, alike)]


def _page(
    title: str,
    again: str,
    outcomes: list[list[dict[str, Any]]],
    first: dict[str, Any],
    links: Links,
    static: list[dict[str, Any]],
) -> str:
    """The page without its episodes, so that an episode of a million steps is in memory only once."""
    from markupsafe import Markup

    style = _style()
    library = _part(_LIBRARY)
    script = _script()
    index = {
        "title": title,
        "again": again,
        "speed": first["speed"],
        "speed_known": first["speed_known"],
        "sides": outcomes,
        "terms": {key: {"name": TERMS[key].name, "meaning": TERMS[key].meaning} for key in _SHOWN_TERMS},
    }
    numbers = f", episode {outcomes[0][0]['number']}" if len(outcomes[0]) == 1 else ""
    return render(
        _part("pages/replay/page/page.html"),
        head=head(f"{title}{numbers}", style, [library, script]),
        title=title,
        links=links,
        static=static,
        terms=TERMS,
        library=Markup(library),  # noqa: S704 - the package's own files, and JSON without markup
        script=Markup(script),  # noqa: S704
        data=Markup(script_json(index)),  # noqa: S704
        episodes=[Markup(_EPISODE) for side in outcomes for _ in side],  # noqa: S704
    )


@cache
def _style() -> str:
    """The style sheets, minified."""
    return re.sub(r"\s*([{};])\s*|(?<=[:,])\s+", r"\1", "\n".join(map(_part, _STYLES)))


@cache
def _script() -> str:
    return inlined(_ENTRY, lambda name: _part(f"pages/replay/page/{name}.js"))


def _part(name: str) -> str:
    return files("rltools").joinpath(name).read_text(encoding="utf-8").strip()


def same_seeds(recording: Recording, numbers: Sequence[int], other: Recording) -> list[int]:
    """The numbers of the episodes in another recording that have the same seeds as these episodes.

    Episodes of one data set, as two policies see them, have the same numbers.

    Raises:
        UnknownNameError: there is no such episode.
        RecordingError: the other recording has another environment or data set, or no episode with one of the seeds.
    """
    sources = [each.header.data for each in (recording, other)]
    if sources[0] != sources[1]:
        raise RecordingError(
            f"{recording.directory} holds {sources[0] or 'episodes that were recorded'}, and {other.directory} "
            f"{sources[1] or 'episodes that were recorded'}; only episodes of one data set can stand side by side"
        )
    if sources[0]:
        return [other.outcome(number).number for number in numbers]
    ids = [each.header.environment_id for each in (recording, other)]
    if ids[0] != ids[1]:
        raise RecordingError(
            f"{recording.directory} is of {ids[0] or 'an environment made by a function'}, and {other.directory} of "
            f"{ids[1] or 'one made by a function'}; only episodes of one environment can stand side by side"
        )
    by_seed = {outcome.seed: outcome.number for outcome in reversed(other.outcomes())}
    seeds = {number: recording.outcome(number).seed for number in numbers}
    for number, seed in seeds.items():
        if seed not in by_seed:
            available = ", ".join(map(str, sorted(by_seed)[:8])) or "none"
            raise RecordingError(
                f"episode {number} has seed {seed}, and {other.directory} has no episode with it (its seeds: "
                f"{available}); record one with seed={seed}"
            )
    return [by_seed[seed] for seed in seeds.values()]
