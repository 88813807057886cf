"""Write the tables of `known-truth.md`: how far each method is from attributions that are known.

`python docs/known_truth.py` computes them in seconds. A test fails if the page is out of date.
"""

import sys
from functools import cache
from pathlib import Path

import numpy as np

import rltools
from rltools.attributions import Unit, find_method, method_names
from rltools.errors import ArgumentError
from rltools.testing.truth import QUANTITIES, Truth, truths

PAGE = Path(__file__).with_suffix(".md").with_stem("known-truth")
ROWS, REFERENCES = 50, 16
EXACT = 1e-9
REFUSED = "refused"


@cache
def values_of(method: str, truth: Truth) -> np.ndarray | None:
    """A method's values `[row, feature]`; None where it says that it would be wrong."""
    target = "decision" if "decision" in find_method(method).needs else truth.target
    x, references = truth.observations(ROWS, seed=0), truth.observations(REFERENCES, seed=1)
    try:
        return rltools.attribute(truth.policy, x, method=method, target=target, references=references).values[:, 0]
    except ArgumentError:
        return None


def true_values(quantity: str, truth: Truth, method: str) -> np.ndarray:
    """The true values of the same rows, compared with 0 if the method has no references."""
    x, references = truth.observations(ROWS, seed=0), truth.observations(REFERENCES, seed=1)
    if quantity == "gradient":
        return truth.gradient(x)
    compared = references if "references" in find_method(method).needs else np.zeros_like(references[:1])
    return getattr(truth, quantity)(x, compared)


def error(method: str, quantity: str, truth: Truth) -> str:
    """The largest error over rows and features, by the largest true value."""
    values = values_of(method, truth)
    if values is None:
        return REFUSED
    known = true_values(quantity, truth, method)
    largest, most = np.abs(known).max(), np.abs(values - known).max()
    if most < EXACT:
        return "0"
    return percent(most / largest) if largest > EXACT else "not 0"


def given_to_irrelevant(method: str, truth: Truth) -> str:
    """The largest value of a feature that the policy ignores, by the largest value of all."""
    values = values_of(method, truth)
    if values is None:
        return REFUSED
    ignored, largest = np.abs(values[:, list(truth.irrelevant)]).max(), np.abs(values).max()
    return percent(ignored / largest) if ignored else "0"


def percent(share: float) -> str:
    """Two digits, which other processors compute alike."""
    digits = f"{100 * share:.2g}"
    return f"{float(digits):,.0f} %" if abs(float(digits)) >= 10 else f"{digits} %"


def tables() -> dict[str, str]:
    """Each table in Markdown, by its name."""
    methods = [name for name in method_names() if not find_method(name).needs & {"image", "convolution"}]
    units = {name: find_method(name).unit for name in methods}
    scores = [name for name in methods if units[name] == Unit.SCORE]
    kinds = {
        "gradient": [name for name in methods if units[name] == Unit.SCORE_PER_UNIT],
        "shapley": scores,
        "integrated_gradients": scores,
        "occlusion": scores,
        "decision_change": ["decision_change"],
    }
    every = truths()
    result = {
        quantity: _table(every, {name: [error(name, quantity, truth) for truth in every.values()] for name in compared})
        for quantity, compared in kinds.items()
    }
    ignoring = {name: truth for name, truth in every.items() if truth.irrelevant}
    lines = {name: [given_to_irrelevant(name, truth) for truth in ignoring.values()] for name in methods}
    result["irrelevant"] = _table(ignoring, lines)
    result["truths"] = "\n".join(
        [
            "| policy | the target value |",
            "| --- | --- |",
            *(f"| `{name}` | {every[name].description} |" for name in every),
        ]
    )
    return result


def _table(columns: dict[str, Truth], lines: dict[str, list[str]]) -> str:
    head = ["method", *(f"`{name}`" for name in columns)]
    rows = [[f"`{name}`", *cells] for name, cells in lines.items()]
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows))


def with_tables(text: str, made: dict[str, str]) -> str:
    """The text of the page with every table between its two comments."""
    missing = {name for name in made if f"<!-- {name} -->" not in text}
    if missing:
        raise SystemExit(f"the page lacks the tables {', '.join(sorted(missing))}")
    for name, table in made.items():
        begin, end = text.index(f"<!-- {name} -->\n") + len(f"<!-- {name} -->\n"), "<!-- end -->"
        text = text[:begin] + f"\n{table}\n\n" + text[text.index(end, begin) :]
    return text


if __name__ == "__main__":
    assert set(QUANTITIES) <= set(tables())
    PAGE.write_text(with_tables(PAGE.read_text(encoding="utf-8"), tables()), encoding="utf-8")
    sys.exit(0)
