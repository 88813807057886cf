"""Draw the picture of docs/methods/decisions.md: `python docs/methods/decisions.py [PICTURE]`."""

import sys
import tempfile
from pathlib import Path

import gymnasium
import matplotlib.pyplot as plt
import numpy as np

import rltools
from rltools.plots.drawing.colors import theme_color


class Without(gymnasium.ObservationWrapper):
    """Replaces one feature at each step by its value from a random visited state."""

    def __init__(self, env, feature, visited):
        super().__init__(env)
        self.feature, self.values, self.rng = feature, visited[:, feature], np.random.default_rng(0)

    def observation(self, observation):
        """The observation with the feature replaced."""
        changed = observation.copy()
        changed[self.feature] = self.rng.choice(self.values)
        return changed


picture = sys.argv[1] if len(sys.argv) > 1 else Path(__file__).with_suffix(".png")
policy, temporary = rltools.load_policy("lunarlander-ppo"), tempfile.TemporaryDirectory()
folder = Path(temporary.name)
recording = rltools.record(policy, episodes=20, directory=folder / "unchanged")
rltools.explain(recording, policy, method="decision_change", references=32, every=2)
rltools.explain(recording, policy, method="shapley", references=8, every=4)
decisions, shapley = (rltools.summarize(recording, method=method) for method in ("decision_change", "shapley"))
print("\n".join(map(str, decisions.findings)))

visited = np.concatenate([episode.observations for episode in recording])
returns = np.array([outcome.total_reward for outcome in recording.outcomes()])
lost, half_widths = [], []
for feature in range(policy.features.size):
    worse = rltools.record(
        policy,
        lambda feature=feature: Without(gymnasium.make("LunarLander-v3"), feature, visited),
        episodes=20,
        directory=folder / f"without {feature}",
    )
    difference = returns - [outcome.total_reward for outcome in worse.outcomes()]
    lost.append(difference.mean())
    half_widths.append(1.96 * difference.std(ddof=1) / len(difference) ** 0.5)

figure, columns = plt.subplots(1, 3, figsize=(9, 3.2), sharey=True, layout="constrained")
changes, shares = decisions.overall.mean, shapley.overall.pooled_share
order = np.argsort(changes.value[0])
bars = {
    "decision_change:\nanother action follows (%)": [
        100 * end[0] for end in (changes.value, changes.low, changes.high)
    ],
    "shapley of centered:chosen:\nshare of mean size (%)": [
        100 * end for end in (shares.value, shares.low, shares.high)
    ],
    "return lost in episodes with\nthe feature resampled": [
        np.array(lost) + side * np.array(half_widths) for side in (0, -1, 1)
    ],
}
for axes, (label, (value, low, high)) in zip(columns, bars.items(), strict=True):
    axes.barh(range(len(order)), value[order], color=theme_color("accent"))
    axes.hlines(range(len(order)), low[order], high[order], color="#222222", linewidth=1.2)
    axes.set_xlabel(label)
    axes.spines[["top", "right"]].set_visible(False)
    rank = np.corrcoef(np.argsort(np.argsort(value)), np.argsort(np.argsort(lost)))[0, 1]
    print(label.replace("\n", " "), "rank correlation with the return lost", round(rank, 2))
columns[0].set_yticks(range(len(order)), [policy.features.names[position] for position in order])
figure.savefig(picture, dpi=150)
temporary.cleanup()
