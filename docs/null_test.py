"""Write the tables of `null-test.md` from the results of `experiments/null-test/recipe.py`: `python docs/null_test.py`.

No agent is trained here. A test fails if the page is out of date, or if the results are those of another recipe.
"""

from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd

from rltools.attributions import find_method, method_names
from rltools.stats import binomial

PAGE = Path(__file__).with_name("null-test.md")
RESULTS = Path(__file__).parents[1] / "experiments" / "null-test" / "results.csv"
LEVEL = 0.05
"""How often a test may call a signal where there is none."""
LOSS = "measured loss"


def read() -> tuple[str, pd.DataFrame]:
    """The sha256 of the recipe that made the results, and a row for each agent and method."""
    first, _, rest = RESULTS.read_text(encoding="utf-8").partition("\n")
    return first.rpartition(" ")[2], pd.read_csv(StringIO(rest))


def calls(shares: np.ndarray, null: np.ndarray) -> np.ndarray:
    """Whether each share is so large that at most 5 % of agents without a signal have one: bool, like `shares`.

    The share's rank among those of null agents, itself included, is an exact p-value if it is exchangeable with them.
    """
    larger = (null[None] >= shares[:, None]).sum(axis=1)
    return (1 + larger) / (1 + len(null)) <= LEVEL


def null_calls(shares: np.ndarray) -> np.ndarray:
    """The same for null agents: the even ones are judged by the odd ones, and the odd ones by the even ones."""
    called = np.zeros(len(shares), bool)
    for first, second in ((slice(0, None, 2), slice(1, None, 2)), (slice(1, None, 2), slice(0, None, 2))):
        called[first] = calls(shares[first], shares[second])
    return called


def rate(called: np.ndarray) -> str:
    """How often, with the exact 95 % interval."""
    interval = binomial(int(called.sum()), len(called))
    low, high = 100 * float(interval.low), 100 * float(interval.high)
    return f"{100 * float(interval.value):.0f} % [{low:.0f}, {high:.0f}]"


def methods_of(rows: pd.DataFrame) -> list[str]:
    """The measured loss, then methods by the power at the weakest signals, then controls."""
    present = [name for name in method_names() if name in set(rows["method"])]
    null = rows[rows["strength"] == 0]

    def power(name: str) -> float:
        some = rows[(rows["method"] == name) & (rows["strength"] > 0)]
        reference = null[null["method"] == name]["share"].to_numpy()
        return -float(calls(some["share"].to_numpy(), reference).mean())

    judged = sorted(present, key=lambda name: (find_method(name).control, power(name), name))
    return [LOSS, *judged]


def tables() -> dict[str, str]:
    """Each table in Markdown, by its name."""
    _, rows = read()
    strengths = sorted(set(rows["strength"]) - {0.0})
    counts = rows[rows["method"] == LOSS].groupby("strength")
    null_count = len(rows[(rows["method"] == LOSS) & (rows["strength"] == 0)])
    calibrated, alone = [], []
    for name in methods_of(rows):
        some = {float(strength): part for strength, part in rows[rows["method"] == name].groupby("strength")}
        null = some[0.0]["share"].to_numpy()
        detected = [rate(calls(some[strength]["share"].to_numpy(), null)) for strength in strengths]
        calibrated.append([_label(name), rate(null_calls(null)), *detected])
        above = {strength: (part["margin_low"] > 0).to_numpy() for strength, part in some.items()}
        alone.append([_label(name), *(rate(above[strength]) for strength in (0.0, *strengths))])
    head = ["method", "no signal: false alarms", *(f"signal {strength:g}: found" for strength in strengths)]
    agents = [[f"{strength:g}", f"{len(part)}", _mean(part["mean_return"])] for strength, part in counts]
    losses = rows[rows["method"] == LOSS].groupby("strength")["margin"]
    for line, (_, part) in zip(agents, losses, strict=True):
        line.append(_mean(part))
    assert null_count >= 24
    return {
        "agents": _table(["signal", "agents", "mean return", "return lost without the signal"], agents),
        "calibrated": _table(head, calibrated),
        "alone": _table(head, alone),
    }


def _mean(values: pd.Series) -> str:
    return f"{values.mean():.2f} ± {values.std():.2f}"


def _label(name: str) -> str:
    if name == LOSS:
        return name
    return f"`{name}` (control)" if find_method(name).control else f"`{name}`"


def _table(head: list[str], lines: list[list[str]]) -> str:
    return "\n".join(f"| {' | '.join(line)} |" for line in (head, ["---"] * len(head), *lines))


def with_tables(text: str, made: dict[str, str]) -> str:
    """The text of the page with every table between its two comments."""
    for name, table in made.items():
        begin, end = text.index(f"<!-- {name} -->\n") + len(f"<!-- {name} -->\n"), "<!-- end -->"
        text = text[:begin] + f"\n{table}\n\n" + text[text.index(end, begin) :]
    return text


if __name__ == "__main__":
    PAGE.write_text(with_tables(PAGE.read_text(encoding="utf-8"), tables()), encoding="utf-8")
