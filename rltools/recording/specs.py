"""Which of the attributions in a recording is meant."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rltools.attributions import is_control
from rltools.errors import CorruptError, RecordingError
from rltools.recording.attribution import AttributionSpec
from rltools.recording.sealed_json import SEALED_FORMAT, check_counts, check_fields, read_json

HEADLINE = ("shapley", "integrated_gradients", "input_x_gradient", "gradient")
"""Which method speaks first where several were recorded: the best predictor of what is lost without a feature."""
_KINDS = {
    "method": str,
    "target": str,
    "labels": list[str],
    "unit": str,
    "parameters": dict[str, Any],
    "policy_sha256": str,
    "every": int,
    "separated": list[str],
    "unseen": list[int],
}
_OPTIONAL = frozenset({"every", "separated", "unseen"})


def spec_path(directory: Path, key: str) -> Path:
    """Where a recording keeps what was asked."""
    return directory / "attributions" / key / "attribution.json"


def read_spec(path: Path) -> tuple[AttributionSpec, str]:
    """What an `attribution.json` says was asked, and its seal; "" of an older one, which has none.

    Raises:
        CorruptError: it is damaged.
        FormatError: a newer version of rltools wrote it.
    """

    def parse(content: dict[str, Any]) -> AttributionSpec:
        check_fields(path, content, _KINDS, _OPTIONAL)
        check_counts(path, content, {"every": 1})
        window = content["parameters"].get("window", 0)
        if type(window) is not int or window < 0:
            raise CorruptError(f"{path}: key 'parameters.window' is {window!r}, and should be a count; it was edited")
        return AttributionSpec.from_json(content)

    return read_json(path, parse, formats_began=SEALED_FORMAT)


def fitting_keys(
    there: Mapping[str, AttributionSpec],
    complete: Callable[[str], bool],
    asked: Sequence[str],
    method: str | None,
    target: str | None,
    window: int,
) -> list[str]:
    """The folder names of the attributions that fit, the one that speaks first at the front.

    Args:
        there: what was explained, by the name of its folder.
        complete: whether an attribution is there of every episode.
        asked: the names of those that were asked for with the same recording in hand, the last one last.
        method: None for any; or the name of a folder, which is the only one that fits then.
        target: as text; None for any.
        window: over so many observations.
    """
    if method is not None and method in there:
        return [method] if target in (None, there[method].target) else []
    fitting = [
        key
        for key, spec in there.items()
        if method in (None, spec.method) and target in (None, spec.target) and spec.window == window
    ]
    last = {key: position for position, key in enumerate(asked)}
    ranks = {key: (not complete(key), *_precedence(there[key])) for key in fitting}
    return sorted(fitting, key=lambda key: (ranks[key], -last.get(key, -1), key))


def chosen_key(
    directory: Path,
    there: Mapping[str, AttributionSpec],
    complete: Callable[[str], bool],
    asked: Sequence[str],
    method: str | None,
    target: str | None,
    window: int,
) -> str:
    """The folder name of the attribution that is meant; the arguments are those of `fitting_keys`.

    Raises:
        RecordingError: nothing fits, or several do and nothing tells which is meant; the message lists what there is.
    """
    fitting = fitting_keys(there, complete, asked, method, target, window)
    if not fitting:
        wanted = f"{method or 'attribution'}{f' of {target}' if target else ''}{_over(window)}"
        known = ", ".join(described(there, key) for key in there)
        raise RecordingError(
            f"no {wanted} in {directory}; explained there: {known or 'nothing yet'}. Add it with "
            f"rltools.explain(...) or `rltools explain`"
        )
    first = (not complete(fitting[0]), *_precedence(there[fitting[0]]))
    equal = [key for key in fitting if (not complete(key), *_precedence(there[key])) == first]
    if len(equal) == 1 or fitting[0] in asked:
        return fitting[0]
    listed = "; ".join(f"{key} ({described(there, key)})" for key in equal)
    raise RecordingError(
        f"{len(equal)} attributions in {directory} fit, and it is not clear which is meant: {listed}. Give the name of "
        f"one as the method: method={equal[0]!r} (--method {equal[0]})"
    )


def told_apart(there: Mapping[str, AttributionSpec], key: str) -> str:
    """In what an attribution differs from others of the same method, target and window; "" where there are none."""
    mine = there[key]
    alike = [
        other
        for other in there.values()
        if (other.method, other.target, other.window) == (mine.method, mine.target, mine.window)
    ]
    if len(alike) == 1:
        return ""
    settings = [spec.parameters | {"every": spec.every} for spec in alike]
    own = mine.parameters | {"every": mine.every}
    names = [name for name in own if any(other.get(name) != own[name] for other in settings)]
    return ", ".join(f"{name} {own[name]}" for name in names) or key


def described(there: Mapping[str, AttributionSpec], key: str) -> str:
    """What was asked, in words: `shapley of centered:chosen`, and what tells it apart where that is not enough."""
    spec, apart = there[key], told_apart(there, key)
    return f"{spec.method} of {spec.target}{_over(spec.window)}{f' ({apart})' if apart else ''}"


def requested_again(asked: AttributionSpec) -> str:
    """What to ask for to get an attribution again."""
    window = f", window {asked.window} (--window)" if asked.window else ""
    return f"method {asked.method} (--method) and target {asked.target} (--target){window}"


def _over(window: int) -> str:
    return f" over {window} observations" if window else ""


def _precedence(asked: AttributionSpec) -> tuple[bool, int, bool, str]:
    """What speaks first; a control, which has just an order, last of all."""
    place = HEADLINE.index(asked.method) if asked.method in HEADLINE else len(HEADLINE)
    default = asked.target in ("centered:chosen", "action:all")
    return is_control(asked.unit), place, not default, asked.target
