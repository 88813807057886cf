"""One self-contained HTML page per episode."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Any

from rltools.pages import head, render, security_policy
from rltools.recording import Recording
from rltools.recording._files import appearing, cause_named
from rltools.replays._data import page_data
from rltools.replays._packing import script_json

_STYLES = ("replays/vendor/uPlot.min.css", "palette.css", "replays/page/page.css")
_LIBRARY = "replays/vendor/uPlot.iife.min.js"
_SCRIPTS = ("numbers", "data", "colours", "facts", "bars", "picture", "tracks", "heat", "panels", "player", "page")


def replay(
    recording: Recording,
    episode: int,
    path: str | Path,
    *,
    method: str | None = None,
    target: str | None = None,
    title: str | None = None,
) -> Path:
    """Write an episode as one HTML page that needs no network: frames, attributions, features, scores and rewards.

    `page.html#step=120` opens it at a step.

    Args:
        recording: where the episode is.
        episode: its number.
        path: of the page, which appears whole or not at all; its folder is made where there is none.
        method: only attributions of this method; None shows all that were recorded, the best predictor first.
        target: only those of this target, as text.
        title: of the page; the policy's name by default.

    Returns:
        The path.

    Raises:
        UnknownNameError: no such episode.
        RecordingError: no attribution that fits, or none of this episode yet; or the folder cannot be written to.
        CorruptError: a file of the recording is damaged.

    Example:
        >>> import rltools
        >>> rltools.replay(rltools.open_recording("runs/lander"), 0, "lander.html")  # doctest: +SKIP
    """
    path = Path(path)
    data = page_data(recording, episode, _shown(recording, method, target), title)
    again = {"method": method, "target": target, "title": title}
    options = "".join(f", {name}={value!r}" for name, value in again.items() if value is not None)
    folder = recording.directory.name if recording.directory.is_absolute() else recording.directory.as_posix()
    source = f"rltools.open_recording({folder!r})"
    page = _page(data | {"again": f"rltools.replay({source}, {episode}, {path.name!r}{options})"})
    with cause_named(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        with appearing(path) as temporary:
            # A name may hold half of a surrogate pair, which no file can.
            temporary.write_bytes(page.encode("utf-8", "replace"))
    return path


def _shown(recording: Recording, method: str | None, target: str | None) -> list[str]:
    """The names of the attributions to show, the one that speaks first at the front.

    Those over a window of past observations are left out: at a step they have a value for each of several moments.
    """
    questions = {
        key: asked for key, asked in recording.questions.items() if not asked.window and recording.complete(key)
    }
    if not questions and method is None and target is None:
        return []
    first = recording.find(method, target)
    fitting = [
        key
        for key, asked in questions.items()
        if method in (None, asked.method) and target in (None, asked.target) and key != first
    ]
    return [first, *fitting]


def _page(data: dict[str, Any]) -> str:
    from markupsafe import Markup

    style = "\n".join(map(_part, _STYLES))
    library = _part(_LIBRARY)
    body = "\n".join(_part(f"replays/page/{name}.js") for name in _SCRIPTS)
    script = f'"use strict";\n(() => {{\n{body}\n}})();'
    return render(
        _part("replays/page/page.html"),
        head=head(
            f"{data['title']}, episode {data['outcome']['number']}", style, security_policy([style], [library, script])
        ),
        library=Markup(library),  # noqa: S704 - the package's own files, and JSON without markup
        script=Markup(script),  # noqa: S704
        data=Markup(script_json(data)),  # noqa: S704
    )


def _part(name: str) -> str:
    return files("rltools").joinpath(name).read_text(encoding="utf-8").strip()
