"""Reads, names and selects the specs of the attributions in a recording."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from rltools._util.limits import MAX_WINDOW, check_count
from rltools.attributions import is_control
from rltools.errors import CorruptError, RecordingError
from rltools.recording.attribution import AttributionSpec
from rltools.recording.sealed_json import SEALED_FORMAT, check_counts, check_fields, parse_json, read_text

HEADLINE = ("shapley", "integrated_gradients", "input_x_gradient", "gradient")
"""Methods in order of precedence: the best predictor of the loss without a feature first."""
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
    """The file of a spec in a recording."""
    return directory / "attributions" / key / "attribution.json"


def read_spec(path: Path) -> tuple[AttributionSpec, str]:
    """The spec in an `attribution.json`, and its seal; "" in an older file, which has none.

    Raises:
        CorruptError: it is damaged.
        FormatError: a newer version of rltools wrote it.
    """
    spec, seal = _parsed(path, read_text(path))
    return replace(spec, parameters=deepcopy(spec.parameters)), seal


@lru_cache(maxsize=64)
def _parsed(path: Path, text: bytes) -> tuple[AttributionSpec, str]:
    """The same for the text of the file, which is read again whenever the spec is needed, and parsed once."""

    def parse(content: dict[str, Any]) -> AttributionSpec:
        check_fields(path, content, _KINDS, _OPTIONAL)
        check_counts(path, content, {"every": 1})
        window = content["parameters"].get("window", 0)
        if type(window) is not int or window < 0:
            raise CorruptError(f"{path}: key 'parameters.window' is {window!r}, and should be a count; it was edited")
        return AttributionSpec.from_json(content)

    return parse_json(path, text, parse, SEALED_FORMAT)


def headline_rank(spec: AttributionSpec) -> int:
    """The position of its method in `HEADLINE`, after the last for others."""
    return HEADLINE.index(spec.method) if spec.method in HEADLINE else len(HEADLINE)


def folder_key(directory: Path, spec: AttributionSpec) -> str:
    """The name of the folder of a spec in a recording: its key, or that of an older version if its folder exists."""
    older = spec.older_key
    return older if spec_path(directory, older).parent.is_dir() else spec.key


def matching_keys(
    specs: Mapping[str, AttributionSpec],
    complete: Callable[[str], bool],
    requested: Sequence[str],
    method: str | None,
    target: str | None,
    window: int,
) -> list[str]:
    """The keys of the attributions that match, the one with precedence first.

    Args:
        specs: of all attributions, by key.
        complete: whether an attribution covers every episode.
        requested: the keys that `explain` returned the recording with, the latest last.
        method: None for any; or a key, which is then the only match.
        target: as text; None for any.
        window: how many observations the attribution covers.
    """
    if method is not None and method in specs:
        return [method] if target in (None, specs[method].target) else []
    matching = [
        key
        for key, spec in specs.items()
        if method in (None, spec.method) and target in (None, spec.target) and spec.window == window
    ]
    latest = {key: position for position, key in enumerate(requested)}
    ranks = {key: (not complete(key), *_precedence(specs[key])) for key in matching}
    return sorted(matching, key=lambda key: (ranks[key], -latest.get(key, -1), key))


def selected_key(
    directory: Path,
    specs: Mapping[str, AttributionSpec],
    complete: Callable[[str], bool],
    requested: Sequence[str],
    method: str | None,
    target: str | None,
    window: int,
) -> str:
    """The key of the one attribution that is selected; the arguments are those of `matching_keys`.

    Raises:
        RecordingError: nothing matches, or several do with equal precedence; the message lists them.
        ArgumentError: the window is not a whole number of observations.
    """
    check_count("window", window, least=0, most=MAX_WINDOW)
    matching = matching_keys(specs, complete, requested, method, target, window)
    if not matching:
        request = f"{method or 'attribution'}{f' of {target}' if target else ''}{_over(window)}"
        existing = ", ".join(description(specs, key) for key in specs)
        raise RecordingError(
            f"no {request} in {directory}; explained there: {existing or 'nothing yet'}. Add it with "
            f"rltools.explain(...) or `rltools explain`"
        )
    first = (not complete(matching[0]), *_precedence(specs[matching[0]]))
    equal = [key for key in matching if (not complete(key), *_precedence(specs[key])) == first]
    if len(equal) == 1 or matching[0] in requested:
        return matching[0]
    listed = "; ".join(f"{key} ({description(specs, key)})" for key in equal)
    raise RecordingError(
        f"{len(equal)} attributions in {directory} match, and it is not clear which is meant: {listed}. Give the name "
        f"of one as the method: method={equal[0]!r} (--method {equal[0]})"
    )


def differing_settings(specs: Mapping[str, AttributionSpec], key: str) -> str:
    """The settings that tell an attribution from others of its method, target and window; "" if there are none."""
    mine = specs[key]
    alike = [
        other
        for other in specs.values()
        if (other.method, other.target, other.window) == (mine.method, mine.target, mine.window)
    ]
    if len(alike) == 1:
        return ""
    settings = [spec.parameters | {"every": spec.every} for spec in alike]
    own = mine.parameters | {"every": mine.every}
    names = [name for name in own if any(other.get(name) != own[name] for other in settings)]
    return ", ".join(f"{name} {own[name]}" for name in names) or key


def description(specs: Mapping[str, AttributionSpec], key: str) -> str:
    """An attribution in words: `shapley of centered:chosen`, with settings if that is not enough to identify it."""
    spec, differing = specs[key], differing_settings(specs, key)
    return f"{spec.method} of {spec.target}{_over(spec.window)}{f' ({differing})' if differing else ''}"


def request_text(spec: AttributionSpec) -> str:
    """How to request an attribution again, in words."""
    window = f", window {spec.window} (--window)" if spec.window else ""
    return f"method {spec.method} (--method) and target {spec.target} (--target){window}"


def _over(window: int) -> str:
    return f" over {window} observations" if window else ""


def _precedence(spec: AttributionSpec) -> tuple[bool, int, bool, str]:
    """The sort key that decides which is shown first; a control, whose values are ranks, comes last."""
    default = spec.target in ("centered:chosen", "action:all")
    return is_control(spec.unit), headline_rank(spec), not default, spec.target
