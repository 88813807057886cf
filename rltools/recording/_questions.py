"""Which of the attributions in a recording is meant."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from rltools.errors import RecordingError
from rltools.recording._attribution import Question

HEADLINE = ("shapley", "integrated_gradients", "input_x_gradient", "gradient")
"""Which method speaks first where several were recorded: the best predictor of what is lost without a feature."""


def question_path(directory: Path, key: str) -> Path:
    """Where a recording keeps what was asked."""
    return directory / "attributions" / key / "attribution.json"


def chosen_key(
    directory: Path,
    there: Mapping[str, Question],
    complete: Callable[[str], bool],
    method: str | None,
    target: str | None,
    window: int,
) -> str:
    """The folder name of the attribution that speaks first among those that fit.

    Args:
        directory: of the recording.
        there: what was explained, by the name of its folder.
        complete: whether an attribution is there of every episode.
        method: None for any.
        target: as text; None for any.
        window: over so many observations.

    Raises:
        RecordingError: nothing fits; the message lists what there is.
    """
    fitting = [
        key
        for key, asked in there.items()
        if method in (None, asked.method) and target in (None, asked.target) and asked.window == window
    ]
    if not fitting:
        wanted = f"{method or 'attribution'}{f' of {target}' if target else ''}{_over(window)}"
        known = ", ".join(f"{asked.method} of {asked.target}{_over(asked.window)}" for asked in there.values())
        raise RecordingError(
            f"no {wanted} in {directory}; explained there: {known or 'nothing yet'}. Add it with "
            f"rltools.explain(...) or `rltools explain`"
        )
    # Those of all episodes before others; of equals, say with other references, the newest.
    written = {key: question_path(directory, key).stat().st_mtime for key in fitting}
    return min(fitting, key=lambda key: (not complete(key), *_precedence(there[key]), -written[key]))


def asked_again(asked: Question) -> str:
    """What to ask for to get an attribution again."""
    window = f", window {asked.window} (--window)" if asked.window else ""
    return f"method {asked.method} (--method) and target {asked.target} (--target){window}"


def _over(window: int) -> str:
    return f" over {window} observations" if window else ""


def _precedence(asked: Question) -> tuple[bool, int, bool, str]:
    """What speaks first; a control, which has just an order, last of all."""
    place = HEADLINE.index(asked.method) if asked.method in HEADLINE else len(HEADLINE)
    default = asked.target in ("centred:chosen", "action:all")
    return asked.unit == "rank", place, not default, asked.target
