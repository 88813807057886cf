"""Draws the figures of paper.md from recorded numbers: `make paper`."""

from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import pandas as pd

HERE = Path(__file__).parent
NUMBERS = HERE.parent / "experiments" / "faithfulness" / "assessment.csv"
AGENT = "lunarlander-ppo"
METHODS = ("decision_change", "sampled_shapley", "integrated_gradients", "gradient", "std", "random")
CONTROLS = ("std", "random")
METRIC = "loss_concordance"


def agreement(out: Path) -> Path:
    """How far methods and controls order the features of an agent as their measured losses do, with 95 % intervals."""
    table = pd.read_csv(NUMBERS)
    rows = table[(table.agent == AGENT) & (table.metric == METRIC) & (table.replacement == "resample")]
    rows = rows.set_index("method").loc[list(METHODS)]
    figure, axes = plt.subplots(figsize=(5.2, 2.4), layout="constrained")
    for position, (method, row) in enumerate(rows.iterrows()):
        color = "0.55" if method in CONTROLS else "C0"
        axes.plot([row.low, row.high], [position, position], color=color, linewidth=2)
        axes.plot(row.value, position, "o", color=color)
    axes.set_yticks(range(len(rows)), [f"{name} (control)" if name in CONTROLS else name for name in rows.index])
    axes.invert_yaxis()
    axes.axvline(0, color="0.8", linewidth=1, zorder=0)
    axes.set(xlim=(-1.05, 1.05), xlabel=f"loss-weighted concordance, {AGENT}")
    axes.spines[["top", "right"]].set_visible(False)
    with mpl.rc_context({"pdf.fonttype": 42}):
        figure.savefig(out, metadata={"CreationDate": None} if out.suffix == ".pdf" else None)
    plt.close(figure)
    return out


if __name__ == "__main__":
    print(agreement(HERE / "agreement.pdf"))
