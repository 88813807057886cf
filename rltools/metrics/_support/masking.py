"""How the policy changes, step by step, when the variables that a map names first, or last, are replaced."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from rltools.errors import TargetError
from rltools.metrics._support.case import Case
from rltools.metrics._support.not_applicable import NotApplicableError
from rltools.metrics._support.similarity import check_ordered
from rltools.metrics._support.value import Value, value_of_rows

if TYPE_CHECKING:
    from torch import Tensor

DRAWS = 4
"""How many visited states, or draws of noise, replace each step's values."""
MOST_COUNTS = 8
"""The most numbers of features that are replaced together; of many features an even selection."""
Which = Literal["important", "unimportant"]


def accuracy(case: Case, which: Which) -> Value:
    """How far the decision stays the same while features take the values of visited states.

    Args:
        case: an attribution with the policy.
        which: replace the features of the largest values, or those of the smallest.

    Returns:
        The mean over steps, draws and numbers of replaced features: from 0 to 1, of continuous actions 1 minus the mean
        distance as a share of their range.

    Raises:
        NotApplicableError: a single feature, or a continuous action without bounds.
    """
    from rltools.explanation.sampled import draw_replacements, target_values

    sample, policy = case.sample, case.explained_policy
    others = case.once(
        ("replacements", case.spec.window, case.spec.parameters.get("units")),
        lambda: draw_replacements(case.recording, sample, policy, DRAWS, case.seed),
    )
    masks = _masks(case, which)
    try:
        decisions, categorical = target_values(
            sample,
            policy,
            lambda rows: _replaced(sample.x[rows], others[None], masks[rows]),
            masks.shape[1] * DRAWS + 1,
            target="decision",
        )
    except TargetError as error:
        raise NotApplicableError(f"the size of a change is unknown: {error}") from error
    apart = np.abs(decisions[:, 1:] - decisions[:, :1])
    same = np.where(np.isnan(apart), np.nan, apart == 0) if categorical else 1 - np.minimum(apart, 1)
    return _mean(same.mean(axis=2), masks.shape[1], sample.episodes)


def prediction_gap(case: Case, which: Which) -> Value:
    """How far the explained score moves while noise of the features' own std is added to some of them.

    Args:
        case: an attribution with the policy.
        which: perturb the features of the largest values, or those of the smallest.

    Returns:
        The mean over steps, draws and numbers of perturbed features of |change|, relative to the std of the score over
        the steps.

    Raises:
        NotApplicableError: a single feature, or the score never changes.
    """
    import torch

    from rltools.explanation.sampled import target_values

    sample, policy = case.sample, case.explained_policy
    rng = np.random.default_rng((case.seed, 1))
    drawn = rng.normal(size=(len(sample.x), DRAWS, case.input_std.size)) * case.input_std
    noise = torch.as_tensor(drawn.reshape(len(drawn), DRAWS, *sample.x.shape[1:])).to(sample.x)
    masks = _masks(case, which)
    values, _ = target_values(
        sample,
        policy,
        lambda rows: _replaced(sample.x[rows], sample.x[rows][:, None] + noise[rows], masks[rows]),
        masks.shape[1] * DRAWS + 1,
        target=None if case.spec.target != "decision" else case.once("target", lambda: default_text(case)),
    )
    spread = np.nanstd(values[:, 0], axis=0)
    changing = spread > 0
    if not changing.any():
        raise NotApplicableError("the explained score never changes")
    gaps = np.abs(values[:, 1:] - values[:, :1])[..., changing] / spread[changing]
    return _mean(gaps.mean(axis=2), masks.shape[1], sample.episodes)


def default_text(case: Case) -> str:
    """The default target of the policy, for attributions of the decision, which has no score."""
    from rltools.targets import default_target

    return str(default_target(case.explained_policy))


def _masks(case: Case, which: Which) -> np.ndarray:
    """Which elements are replaced: bool `[step, count, element]`, for 1, 2, ... features but one."""
    check_ordered(case)
    players = len(case.players)
    counts = np.unique(np.linspace(1, players - 1, min(players - 1, MOST_COUNTS)).round().astype(int))
    sizes = case.magnitudes(case.values())
    # One sign rule for all: by magnitude, whatever the sign, equal ones in a drawn order.
    ties = np.random.default_rng((case.seed, 2)).permutation(players)
    order = ties[np.argsort(-np.nan_to_num(sizes)[:, ties], axis=1, kind="stable")]
    ranks = np.argsort(order, axis=1)
    if which == "unimportant":
        ranks = players - 1 - ranks
    replaced = ranks[:, None] < counts[:, None]
    owner = np.full(case.sample.x[0].numel(), players)
    for player, elements in enumerate(case.elements):
        owner[elements] = player
    padded = np.concatenate([replaced, np.zeros_like(replaced[..., :1])], axis=-1)
    return padded[..., owner]


def _replaced(x: Tensor, others: Tensor, masks: np.ndarray) -> Tensor:
    """The rows themselves, and copies with some elements of other values: `[step, 1 + count * draw, *feature]`."""
    import torch

    rows, counts = masks.shape[:2]
    mask = torch.as_tensor(masks, device=x.device).reshape(rows, counts, 1, *x.shape[1:])
    copies = torch.where(mask, others[:, None], x[:, None, None])
    return torch.cat([x[:, None], copies.reshape(rows, -1, *x.shape[1:])], dim=1)


def _mean(numbers: np.ndarray, counts: int, episodes: np.ndarray) -> Value:
    """The mean of `[step, count * draw]` over counts, then over steps and draws."""
    return value_of_rows(numbers.reshape(len(numbers), counts, DRAWS).mean(axis=1), episodes)
