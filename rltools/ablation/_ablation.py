"""What a policy's return is without some of the features: paired episodes, and what follows from them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rltools._util.console import as_text
from rltools._util.notebook import notebook_html
from rltools._util.short_repr import short_text
from rltools._util.text import plural
from rltools.ablation._certificate import Certificate, certificate_of
from rltools.ablation._coalition_values import (
    EXACT_PLAYERS,
    CoalitionValues,
    Interaction,
    alone_values,
    drawn_orders,
    exact_values,
    measured_interactions,
    sampled_values,
)
from rltools.ablation._curves import Curves, curve_along, random_curve
from rltools.ablation._folder import (
    AblationSpec,
)
from rltools.ablation._losses import Losses, losses_of
from rltools.ablation._rollouts import Rollouts
from rltools.ablation._verdicts import Verdict, judge
from rltools.stats import Interval, across

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

PART = 0.05
"""The part of the return within which a loss counts as none, unless another one is chosen."""
LEVEL = 0.95


@dataclass(frozen=True, repr=False)
class Ablation:
    """The returns of a policy that does not see some of the features, paired by seed with those of one that does.

    Everything else is derived from the rollouts: losses, verdicts, outcome Shapley values, curves and the certificate.
    The intervals cover the draw of seeds alone: not that of visited states, the choice of the replacement or the
    training run.

    Attributes:
        spec: the settings, and the names of the players.
        positions: of each player's elements in the encoded observation, int64 in row-major order; its choices are
            decoded into factors, where the environment's card has any.
        rollouts: all episodes.
        directory: the folder of the files; None if there is none.
        keep_alive: an object that must live as long as the ablation, such as its recording in a temporary folder.

    Example:
        >>> import rltools
        >>> ablation = rltools.ablate(rltools.load_policy("cartpole-ppo"), seeds=4, most=4)
        >>> losses = ablation.losses()
        >>> losses.players[losses.order[-1]], losses.seeds
        ('cart position', array([4, 4, 4, 4]))
        >>> ablation.table[["feature", "verdict"]].values.tolist()[0]
        ['pole angular velocity', 'needed']
    """

    spec: AblationSpec
    positions: tuple[np.ndarray, ...]
    rollouts: Rollouts
    directory: Path | None = None
    keep_alive: object = field(default=None, compare=False)

    def __repr__(self) -> str:
        """Policy, the largest losses and episodes in one line."""
        losses, count = self.losses(), plural(len(self.rollouts), "episode")
        first = ", ".join(f"{self.players[player]} {losses.interval.value[player]:,.3g}" for player in losses.order[:3])
        hidden = plural(len(self.players), "feature")
        lost = f"return lost without {short_text(first)}"
        return as_text(f"Ablation({self.spec.policy}, {self.replace!r}: {hidden}, {count}; {lost})")

    def _repr_html_(self) -> str | None:
        """The card that notebooks show."""
        return notebook_html(self)

    @property
    def key(self) -> str:
        """The name of its folder."""
        return self.spec.key

    @property
    def players(self) -> tuple[str, ...]:
        """The names of the variables that can be hidden."""
        return self.spec.players

    @property
    def replace(self) -> str:
        """The name of the main replacement."""
        return self.spec.replace

    @property
    def second(self) -> str | None:
        """The name of the second replacement; None if there is none."""
        return self.spec.second or None

    def returns(self, hidden: Collection[int] = (), replacement: str | None = None) -> dict[int, float]:
        """The returns of complete episodes in which exactly these players are hidden, by the number of the seed.

        Those at the fresh seeds of a certificate are not among them.

        Args:
            hidden: positions of players; empty for the policy that sees everything.
            replacement: None is the main one.
        """
        return self.rollouts.measured.returns(hidden, replacement or self.replace)

    def baseline(self, level: float = LEVEL) -> Interval:
        """The mean return with nothing hidden, with its interval."""
        return across(np.array(list(self.returns().values()), dtype=np.float64)).interval(level)

    def losses(self, replacement: str | None = None, level: float = LEVEL) -> Losses:
        """How much lower the return is without each player; see `Losses`."""
        name = replacement or self.replace
        return losses_of(self.players, name, lambda hidden: self.returns(hidden, name), level, self._floor)

    def interactions(self, level: float = LEVEL) -> tuple[Interaction, ...]:
        """What hiding two players costs beyond the sum of hiding each, of all pairs that were measured."""
        return measured_interactions(self.players, self.returns, level)

    def verdicts(self, level: float = LEVEL, part: float = PART) -> tuple[Verdict, ...]:
        """The verdict on each player; see `RULE`."""
        # Of many pairs some interact by chance: Bonferroni's correction.
        pairs = max(1, len(self.interactions(level)))
        failed = [self.rollouts.measured.failed((player,), self.replace) for player in range(len(self.players))]
        return judge(self.losses(level=level), self.interactions(1 - (1 - level) / pairs), part, failed)

    def shapley(self, level: float = LEVEL) -> CoalitionValues | None:
        """The outcome Shapley values; None if coalitions were not measured."""
        if len(self.players) <= EXACT_PLAYERS:
            return exact_values(self.players, self.returns, level)
        return sampled_values(self.players, self.returns, self._pairs, self.spec.seed, level)

    def alone(self, level: float = LEVEL) -> Interval | None:
        """How much more than nothing each player is worth if the policy sees it alone; None if not measured."""
        return alone_values(self.players, self.returns, level)

    def curves(self, level: float = LEVEL) -> Curves | None:
        """Deletion and insertion curves in the order of the losses; None if coalitions were not measured.

        Beyond 8 players it is the order of the losses when the curves were measured: a later race may change it.
        """
        count = len(self.players)
        exact = count <= EXACT_PLAYERS
        earlier = self if exact else replace(self, rollouts=self._before_curves)
        order = [int(player) for player in earlier.losses().order]
        best, reverse = (curve_along(each, self.returns, level) for each in (order, order[::-1]))
        if best is None or reverse is None:  # without this, all sets of 24 players would be looked for
            return None
        orders = None if exact else drawn_orders(count, self._pairs, self.spec.seed)
        chance = random_curve(count, self.returns, orders, level)
        return None if chance is None else Curves(best, reverse, chance)

    @property
    def certificate(self) -> Certificate | None:
        """How much of the return is kept without the features that can be left out; None if that was not measured."""
        return certificate_of(self.players, self.rollouts, self.replace)

    @property
    def faults(self) -> tuple[str, ...]:
        """What failed in each episode that ended by a fault, and counts nowhere."""
        return tuple(str(fault) for fault in self.rollouts.fault if fault)

    @property
    def table(self) -> pd.DataFrame:
        """A row for each feature, the largest loss of return first, with its interval, seeds and verdict."""
        import pandas as pd

        losses, verdicts = self.losses(), self.verdicts()
        rows = [
            {
                "feature": losses.players[player],
                "loss": losses.interval.value[player],
                "loss_low": losses.interval.low[player],
                "loss_high": losses.interval.high[player],
                "seeds": losses.seeds[player],
                "verdict": verdicts[player].kind,
            }
            for player in losses.order
        ]
        return pd.DataFrame(rows)

    def to_pandas(self) -> pd.DataFrame:
        """All episodes, one per row; one column `hides <player>` for each player."""
        import pandas as pd

        columns: dict[str, Any] = {
            name: getattr(self.rollouts, name)
            for name in ("purpose", "replacement", "number", "seed", "total_reward", "steps", "ended", "fault")
        }
        hidden = {f"hides {name}": self.rollouts.hidden[:, player] for player, name in enumerate(self.players)}
        return pd.DataFrame(columns | hidden)

    def to_xarray(self, level: float = LEVEL) -> xr.Dataset:
        """The losses as a Dataset with the dimension player, and the returns with and without each, by seed."""
        import xarray as xr

        losses = self.losses(level=level)
        numbers = sorted(self.returns())
        without = np.full((len(self.players), len(numbers)), np.nan)
        for player in range(len(self.players)):
            values = self.returns((player,))
            without[player] = [values.get(number, np.nan) for number in numbers]
        names = np.array(self.players, dtype=object)
        verdicts = np.array([verdict.kind for verdict in self.verdicts(level)], dtype=object)
        variables: dict[str, Any] = {
            "loss": ("player", losses.interval.value),
            "loss_low": ("player", losses.interval.low),
            "loss_high": ("player", losses.interval.high),
            "standard_error": ("player", losses.standard_error),
            "seeds": ("player", losses.seeds),
            "verdict": ("player", verdicts),
            "baseline_return": ("number", np.array([self.returns()[number] for number in numbers])),
            "return_without": (("player", "number"), without),
        }
        if (shapley := self.shapley(level)) is not None:
            variables["outcome_shapley"] = ("player", shapley.interval.value)
            variables["outcome_shapley_low"] = ("player", shapley.interval.low)
            variables["outcome_shapley_high"] = ("player", shapley.interval.high)
        attributes = {"policy": self.spec.policy, "replacement": self.replace, "level": level}
        return xr.Dataset(variables, coords={"player": names, "number": numbers}, attrs=attributes)

    @property
    def _pairs(self) -> int:
        """How many pairs of orders were measured at most."""
        coalition = self.rollouts.purpose == "coalition"
        return int(self.rollouts.number[coalition].max()) + 1 if coalition.any() else 0

    @property
    def _before_curves(self) -> Rollouts:
        """The episodes that were run before the latest curves; all of them without curves."""
        curve = self.rollouts.purpose == "curve"
        if not curve.any():
            return self.rollouts
        last = int(np.flatnonzero(curve)[-1])
        others = np.flatnonzero(~curve[:last])
        return self.rollouts.where(np.arange(len(curve)) < (int(others[-1]) + 1 if len(others) else 0))

    @property
    def _floor(self) -> float:
        """The lowest mean return of any condition; NaN without episodes."""
        return self.rollouts.measured.floor
