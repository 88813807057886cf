"""Compares the ranks of features by measured losses with those by attributions: on what they agree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rltools._util.short_repr import short_repr
from rltools.recording import Recording
from rltools.stats import Jackknife, across
from rltools.summary._data import Ranked
from rltools.summary.finding import NAMED, Finding, number_of
from rltools.summary.player_sizes import player_sizes, tells_factors_apart

if TYPE_CHECKING:
    from rltools.ablation import Ablation, Losses

FEWEST_ORDERED = 0.5
"""The part of the pairs that the losses order which an attribution has to order as well, to agree with them."""


@dataclass(frozen=True)
class RankColumn:
    """The ranks of the features by one attribution.

    Attributes:
        key: the folder name of the attribution.
        method: its method.
        target: its target as text.
        ranks: of each player; 1 is the largest size, the mean over steps of |sum of the values of its elements|.
        best: of each player, the best rank that its size may have: 1 more than the number of players that are certainly
            larger, by paired differences.
        worst: of each player, the worst one.
        outside: of each player, whether the losses allow none of these ranks.
    """

    key: str
    method: str
    target: str
    ranks: tuple[int, ...]
    best: tuple[int, ...]
    worst: tuple[int, ...]
    outside: tuple[bool, ...]

    __repr__ = short_repr

    @property
    def leading(self) -> tuple[int, ...]:
        """The positions of the players that cannot be told apart from the first, the largest first."""
        order = np.argsort(self.ranks, kind="stable")
        return tuple(int(player) for player in order if self.best[player] == 1)


@dataclass(frozen=True)
class RankTable:
    """The ranks of the features by their losses, and by attributions, side by side.

    Attributes:
        players: the names of the features.
        order: positions of the players, the largest loss first.
        best: of each player, the best rank that its loss may have: 1 more than the number of players that certainly
            lose more, by paired differences.
        worst: of each player, the worst one.
        leaders: how many of the first in order cannot be told apart.
        columns: one for each attribution.
    """

    players: tuple[str, ...]
    order: tuple[int, ...]
    best: tuple[int, ...]
    worst: tuple[int, ...]
    leaders: int
    columns: tuple[RankColumn, ...]

    __repr__ = short_repr


def compare_ranks(
    recording: Recording, ablation: Ablation, keys: Sequence[str], *, level: float = 0.95, losses: Losses | None = None
) -> RankTable:
    """The ranks of the players by losses and by attributions.

    Args:
        recording: that has the attributions.
        ablation: what was measured.
        keys: folder names of attributions in the recording, of every episode and without a window. One that is 0
            everywhere has no column, because it ranks nothing, and so has one that does not tell the factors of a
            choice apart, where these are the players.
        level: at which a loss is certainly larger than another.
        losses: of the ablation, if they are there already.

    Example:
        >>> import rltools
        >>> from rltools.summary import compare_ranks
        >>> policy = rltools.load_policy("cartpole-ppo")
        >>> recording = rltools.explain(rltools.record(policy, episodes=5, max_steps=60), policy, method="gradient")
        >>> ablation = rltools.ablate(policy, recording, seeds=8, most=8, max_steps=500)
        >>> table = compare_ranks(recording, ablation, [recording.find()])
        >>> table.players[table.order[0]], table.best[table.order[0]], len(table.columns)
        ('pole angular velocity', 1, 1)
    """
    losses = ablation.losses(level=level) if losses is None else losses
    best, worst = _possible_ranks(losses.differences, level)
    columns: list[RankColumn] = []
    for key in keys:
        spec = recording.spec(key)
        if not tells_factors_apart(recording, key):
            continue
        sizes = player_sizes(recording, key, ablation.players, ablation.positions).sizes
        if not np.nan_to_num(sizes.value).any():  # it names nothing, so its order is arbitrary
            continue
        descending = np.argsort(-np.nan_to_num(sizes.value, nan=-1), kind="stable")
        ranks = tuple(map(int, np.argsort(descending) + 1))
        highest, lowest = _ranks_of_sizes(sizes, level)
        allowed = zip(highest, lowest, best, worst, strict=True)
        outside = tuple(last < least or first > most for first, last, least, most in allowed)
        columns.append(RankColumn(key, spec.method, spec.target, ranks, highest, lowest, outside))
    order = tuple(map(int, losses.order))
    return RankTable(ablation.players, order, best, worst, losses.leaders, tuple(columns))


def _possible_ranks(
    differences: Sequence[Mapping[int, float]], level: float
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The best and the worst rank of each player that its loss, compared with each other one, allows."""
    count = len(differences)
    above = np.zeros((count, count), bool)
    for player, mine in enumerate(differences):
        for other in range(player + 1, count):
            theirs = differences[other]
            apart = np.array([mine[number] - theirs[number] for number in sorted(mine.keys() & theirs.keys())])
            interval = across(apart).interval(level)
            above[player, other], above[other, player] = bool(interval.low > 0), bool(interval.high < 0)
    return _ranks_by(above)


def _ranks_of_sizes(sizes: Jackknife, level: float) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The best and the worst rank of each player that its size, compared with each other one's, allows."""
    behind = [sizes.minus(player).interval(level).high < 0 for player in range(len(sizes.value))]
    return _ranks_by(np.array(behind))


def _ranks_by(above: np.ndarray) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The best and the worst rank of each player, from bool `[player, player]`: the first is certainly above."""
    best, worst = 1 + above.sum(axis=0), len(above) - above.sum(axis=1)
    return tuple(map(int, best)), tuple(map(int, worst))


def find_trust_line(table: RankTable, *, certain: bool, second: str = "") -> Finding | None:
    """How far to trust what the losses say, and what attributions say, in a line.

    They answer two questions, what the agent needs and how it decides, so each is judged by itself; attributions that
    disagree do not make a loss less certain, nor does a certain loss make them right.

    On what is needed most trust is high if a loss certainly leads and the second replacement does not contradict, else
    low. In attributions, on the first feature, it is high if each of them certainly names that of the losses, low if
    some name others and none names it, fair between these, and open if there is nothing to compare: no certain first
    feature of the losses, or none of an attribution. On the rest it is high if every attribution that orders them ranks
    all features as the losses allow, fair if one of several does, and low if none does; it is open if the losses, or
    all attributions, order too few of them to tell: ranks that may be anything agree with everything.

    Args:
        table: the ranks by losses and by attributions.
        certain: whether the largest loss is certainly one.
        second: the feature that another replacement certainly puts first instead; "" if none.

    Returns:
        None if there is nothing to compare.
    """
    if len(table.players) < 2 or not table.leaders:
        return None
    leading = table.order[: table.leaders]
    columns = [
        Finding(
            "trust",
            tuple(_named(table, player) for player in column.leading[:NAMED]),
            leaders=len(column.leading),
            method=column.method,
            target=column.target,
            part=_agreement(column.leading, leading),
            n=sum(column.outside),
            total=len(table.players),
        )
        for column in table.columns
    ]
    needed = "high" if certain and table.leaders == 1 and not second else "low"
    rest = "" if not columns or len(table.players) < 3 else _on_the_rest(table)
    return Finding(
        "trust",
        tuple(_named(table, player) for player in leading[:NAMED]),
        leaders=table.leaders,
        doubt="" if certain else "no_interval",
        part=needed,
        context=(rest, second, _on_the_first([column.part for column in columns], named=needed == "high")),
        total=len(table.players),
        parts=tuple(columns),
        replacement="losses",
    )


def _on_the_first(parts: Sequence[str], *, named: bool) -> str:
    """How far to trust attributions on the first feature; `named` by the losses for certain; "" without attributions.

    >>> _on_the_first(["same", "same"], named=True), _on_the_first(["same", "other"], named=True)
    ('high', 'fair')
    >>> _on_the_first(["open", "other"], named=True), _on_the_first(["same", "open"], named=False)
    ('low', 'open')
    """
    if not parts:
        return ""
    if named and "same" in parts:
        return "high" if set(parts) == {"same"} else "fair"
    return "low" if "other" in parts else "open"


def _on_the_rest(table: RankTable) -> str:
    """How far to trust the order of all features: "high", "fair", "low" or "open"."""
    by_losses = _ordered(table.best, table.worst)
    allowed = [
        not any(column.outside)
        for column in table.columns
        if any(column.outside)
        or (by_losses & _ordered(column.best, column.worst)).sum() >= FEWEST_ORDERED * max(1, by_losses.sum())
    ]
    if not allowed:
        return "open"
    return "high" if all(allowed) else "fair" if any(allowed) else "low"


def _ordered(best: Sequence[int], worst: Sequence[int]) -> np.ndarray:
    """Bool `[player, player]`, whether the first one certainly comes before the other."""
    ordered: np.ndarray = np.array(worst)[:, None] < np.array(best)[None, :]
    return ordered


def find_trust(table: RankTable) -> tuple[Finding, ...]:
    """On what losses and attributions agree: the first feature, and the ranks of the others."""
    if not table.columns or len(table.players) < 2 or not table.leaders:
        return ()
    leading = table.order[: table.leaders]
    first = Finding(
        "first_agreement",
        tuple(_named(table, player) for player in leading[:NAMED]),
        leaders=table.leaders,
        total=len(table.players),
        parts=tuple(
            Finding(
                "first_agreement",
                tuple(_named(table, player) for player in column.leading[:NAMED]),
                leaders=len(column.leading),
                method=column.method,
                target=column.target,
                part=_agreement(column.leading, leading),
            )
            for column in table.columns
        ),
    )
    ranks = Finding(
        "ranks_outside",
        total=len(table.players),
        parts=tuple(
            Finding(
                "ranks_outside",
                tuple(
                    number_of(table.players[player], column.ranks[player], column.best[player], column.worst[player])
                    for player in table.order
                    if column.outside[player]
                ),
                method=column.method,
                target=column.target,
                part="" if _ordered(column.best, column.worst).any() else "open",
            )
            for column in table.columns
        ),
    )
    return first, ranks


def _agreement(first: Sequence[int], measured: Sequence[int]) -> str:
    """Whether an attribution puts one of the measured leaders first: "same", "other", or "open" if it ties with others.

    Args:
        first: the players that may be first by the attribution.
        measured: those that may be first by the losses.
    """
    if not set(first) & set(measured):
        return "other"
    return "same" if set(first) <= set(measured) else "open"


def _named(table: RankTable, player: int) -> Ranked:
    return Ranked(table.players[player], player, float("nan"), float("nan"), float("nan"))


def loss_controls(
    method: str, value: tuple[float, float, float], *, controls: Sequence[str], separates: bool | None
) -> Finding:
    """How well an attribution orders the features as the losses do, beside its controls: a part of a finding.

    Args:
        method: the method of the attribution.
        value: its concordance with the losses, and the ends of its interval.
        controls: what it is compared with, in words: those that it is not certainly better than, or else all.
        separates: whether it is certainly better than every control; None if that is unknown.
    """
    part = {True: "separates", False: "fails", None: "unknown"}[separates]
    return Finding(
        "loss_controls", (number_of("concordance", *value),), method=method, context=tuple(controls), part=part
    )
