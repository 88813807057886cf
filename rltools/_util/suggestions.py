"""What may have been meant by a name that the package does not have."""

from __future__ import annotations

import difflib
from collections.abc import Collection
from importlib.util import find_spec

from rltools._util.discovery import MAX_NAME, modules_in

# Words that others use for what is here under another name.
_ALSO_CALLED = {
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
_MAX_NEAR = 3
_SHORTEST_PART = 4
"""Letters that say enough in the middle of a word."""


def suggestion(name: str, public: Collection[str]) -> str:
    """The rest of a sentence about a name that is not there: what it may be, or all there is.

    >>> suggestion("analyse", ["analyze", "record"])
    'did you mean rltools.analyze?'
    """
    if name in modules_in("rltools") and find_spec(f"rltools.{name}") is not None:
        return f"it is a module: import rltools.{name}"
    if name.startswith("check_") and name in _testing():
        return f"did you mean rltools.testing.{name}?"
    if f"_{name}" in modules_in("rltools.plots"):
        return f"did you mean rltools.plots.{name}?"
    near = _near(name[:MAX_NAME], public)
    if near:
        return f"did you mean {' or '.join(f'rltools.{known}' for known in near)}?"
    return f"there are {', '.join(sorted(public))}"


def _near(name: str, public: Collection[str]) -> list[str]:
    if _ALSO_CALLED.get(name) in public:
        return [_ALSO_CALLED[name]]
    lower = {known.lower(): known for known in public}
    alike = [lower[known] for known in difflib.get_close_matches(name.lower(), lower, n=_MAX_NEAR, cutoff=0.6)]
    words = [word for word in name.lower().split("_") if len(word) >= _SHORTEST_PART] or [f"_{name.lower()}_"]
    parts = [known for key, known in lower.items() if any(word in f"_{key}_" for word in words)]
    return list(dict.fromkeys([*alike, *parts]))[:_MAX_NEAR]


def _testing() -> Collection[str]:
    from rltools import testing

    return testing.__all__
