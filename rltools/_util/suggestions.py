"""Suggestions for a name that the package does not have."""

from __future__ import annotations

from collections.abc import Collection
from importlib import import_module
from importlib.util import find_spec

from rltools._util.discovery import modules_in
from rltools._util.text import nearest_names

# Names that other packages use for something that has another name here.
_SYNONYMS = {
    "explain_policy": "explain",
    "film": "video",
    "gradient": "input_gradient",
    "load": "load_policy",
    "open": "open_recording",
    "report": "analyze",
    "rollout": "record",
    "run": "run_experiment",
    "shap": "attribute",
    "train": "AttributionCallback",
}
_MAX_SUGGESTIONS = 3
_SHORTEST_WORD = 4
"""Letters of a word that is looked for inside names."""


def suggestion(name: str, public: Collection[str], rooms: Collection[str] = ()) -> str:
    """The end of a message about an unknown attribute of `rltools`: similar names, or all there are.

    Args:
        name: of the attribute.
        public: all names of the package.
        rooms: those of them that are rooms, whose own names are suggested too.

    >>> suggestion("analyse", ["analyze", "record"])
    'did you mean rltools.analyze?'
    """
    if name in modules_in("rltools") and find_spec(f"rltools.{name}") is not None:
        return f"it is a module: import rltools.{name}"
    for room in rooms:
        module = import_module(f"rltools.{room}")
        if name in {*dir(module), *getattr(module, "__all__", ())}:
            return f"did you mean rltools.{room}.{name}?"
    near = _similar(name, public)
    if near:
        return f"did you mean {' or '.join(f'rltools.{match}' for match in near)}?"
    return f"there are {', '.join(sorted(public))}"


def _similar(name: str, public: Collection[str]) -> list[str]:
    if _SYNONYMS.get(name) in public:
        return [_SYNONYMS[name]]
    words = [word for word in name.lower().split("_") if len(word) >= _SHORTEST_WORD] or [f"_{name.lower()}_"]
    containing = [match for match in public if any(word in f"_{match.lower()}_" for word in words)]
    return list(dict.fromkeys([*nearest_names(name, public), *containing]))[:_MAX_SUGGESTIONS]
