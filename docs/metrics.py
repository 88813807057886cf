"""Make the page of metrics from what they declare: `python docs/metrics.py`."""

from pathlib import Path

from rltools.metrics import MEANINGS, Metric, find_metric, metric_names

PAGE = Path(__file__).with_suffix(".md")
INTRODUCTION = """# Metrics

`rltools.assess` judges every attribution of a recording, and controls beside each: maps that know nothing of the
agent. An attribution is worth believing where it is certainly better than every control, which the column `separates`
says.

<!-- run by tests/metrics/test_page_of_metrics.py -->
```python
import rltools

policy = rltools.load_policy("cartpole-ppo")
recording = rltools.record(policy, episodes=6)
for method in ("decision_change", "shapley", "gradient"):
    recording = rltools.explain(recording, policy, method=method)
rltools.ablate(policy, recording, seeds=8, most=8)
table = rltools.assess(recording, policy, ["loss_concordance", "resolved_pairs", "pgi"])
print(table[["method", "metric", "value", "low", "high", "random", "std", "separates", "verdict"]].to_string())
```

On the command line it is `rltools assess runs/cartpole-ppo`, with `--metric` for some of them; `rltools list metrics`
lists all. What needs the policy is computed if the run is of a reference agent, or if the agent is named. What could
not be computed, and why, is said in one line, and stands in `table.attrs["left_out"]`.
`rltools.metrics.assess_recorded(recording)` gives those that need neither policy nor environment as data.

## How to read the table

- `low` and `high` are the ends of a 95 % interval, over the seeds of the measured losses, over the episodes and,
  where they were drawn, over references, weights or noise: see [uncertainty](uncertainty.md). They do not cover
  another training run or another replacement of hidden values.
- `random` is the mean of maps of random numbers, 200 of them where that is cheap and 20 otherwise, and `random_limit`
  the value that one of twenty reaches. Of four variables one random order in 24 is right, of two every second one:
  then no method can be told from chance.
- `std` is the map of how much each feature varies, and `constant` a map that is the same everywhere.
- `separates` is true if the paired difference from each control is certainly on the right side, and the value beyond
  `random_limit`; `verdict` says it in words. Where it is false, the metric cannot tell the attribution from a
  control.
- Variables are those that were ablated: a choice, an entry of a Dict, a region of an image or an element with its
  lags. How large a variable is in an attribution is the mean magnitude of the sum of its elements' values; values per
  unit are multiplied by the std first.
- Deletion and insertion need sets of features that were hidden together: all of them, which
  `ablate(coalitions=True)` measures for up to 8 features, or those along each order, which `assess(curve_seeds=8)` and
  `rltools assess RUN --curve-seeds 8` measure. Then 0 is the mean of 8 random orders and 1 the best order measured.
- Measured losses come first. Every other metric asks about single steps or about the method itself, and none of them
  shows that a feature is needed.
"""


def page() -> str:
    """The text of the page."""
    metrics = sorted(map(find_metric, metric_names()), key=lambda metric: metric.sort_key)
    sections = [INTRODUCTION]
    for question, meaning in MEANINGS.items():
        own = [metric for metric in metrics if metric.question == question]
        if own:
            sections.append(f"## {question.capitalize()}\n\n{meaning}\n\n{_table(own)}")
    return "\n".join(sections)


def _table(metrics: list[Metric]) -> str:
    rows = [
        "| metric | what it is | better | needs | controls | what it cannot tell | paper |",
        "|---|---|---|---|---|---|---|",
    ]
    for metric in metrics:
        low, high = (f"{end:g}".replace("inf", "∞").replace("-", "−") for end in (metric.low, metric.high))
        needs = ", ".join(sorted(metric.needs)) or "nothing"
        cells = [f"`{metric.name}`", metric.description, f"{metric.better}, {low} to {high}", needs]
        cells += [", ".join(metric.controls), metric.blind, metric.paper]
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join([*rows, ""])


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
