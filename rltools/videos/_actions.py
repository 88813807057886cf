"""What the policy did and what it thought of each action, as a video draws it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rltools.plots.drawing.labels import plain
from rltools.recording import Episode, Header

MOST = 8


@dataclass(frozen=True)
class Actions:
    """One row per action that can be chosen, or per dimension of a continuous one.

    Attributes:
        names: of all of them.
        taken: int `[step]`, the position of the one chosen; None where an action has dimensions.
        values: float `[step, k]`, the probability or the score of each; of dimensions what was done.
        what: which of these.
        allowed: bool `[step, k]`; None where all are.
        shown: the positions of those that have a row, at most eight: what was done most often.
        bars: float `[step, k]`, how long the bar of each is; of scores how far it is above the lowest of its step,
            because large scores that differ little would all look alike.
        limits: between which the bars of all steps lie, 0 included.
        scale: at which values differ.
    """

    names: tuple[str, ...]
    taken: np.ndarray | None
    values: np.ndarray
    what: str
    allowed: np.ndarray | None
    shown: list[int]
    bars: np.ndarray
    limits: tuple[float, float]
    scale: float


def actions_of(header: Header, episode: Episode) -> Actions:
    """Of an episode with steps."""
    steps = len(episode)
    if header.action_start is None or episode.actions.ndim > 1:
        values, what, taken = episode.actions.reshape(steps, -1).astype(np.float64), "action taken", None
    else:
        taken = episode.actions.astype(np.int64) - header.action_start
        values, what = episode.scores.reshape(steps, -1).astype(np.float64), header.score.replace("_", " ")
        if header.score == "logit":
            values, what = _probabilities(values, episode.masks), "probability"
    names = tuple(plain(name) for name in header.action_names)
    names += tuple(f"action {at}" for at in range(len(names), values.shape[1]))
    bars = values
    if taken is not None and what != "probability":
        bars, what = values - values.min(axis=1, keepdims=True), f"{what}; bars from the lowest"
    finite = bars[np.isfinite(bars)]
    low, high = float(finite.min(initial=0)), float(finite.max(initial=0))
    limits = (0.0, 1.0) if what == "probability" else (low, high)
    return Actions(names, taken, values, what, episode.masks, _shown(values, taken), bars, limits, max(-low, high))


def _probabilities(logits: np.ndarray, allowed: np.ndarray | None) -> np.ndarray:
    possible = logits if allowed is None else np.where(allowed, logits, -np.inf)
    sizes = np.exp(possible - possible.max(axis=1, keepdims=True))
    shares: np.ndarray = sizes / sizes.sum(axis=1, keepdims=True)
    return shares


def _shown(values: np.ndarray, taken: np.ndarray | None) -> list[int]:
    count = values.shape[1]
    if count <= MOST or taken is None:
        return list(range(min(count, MOST)))
    often = np.bincount(taken, minlength=count)[:count] + np.nan_to_num(values).mean(axis=0) / (
        1 + np.abs(values).max()
    )
    return sorted(np.argsort(-often, kind="stable")[:MOST].tolist())
