"""How specific and relevant a feature is to the chosen action."""

from collections.abc import Sequence

import torch
from torch import Tensor

from rltools.attributions._support.coalitions import Groups
from rltools.attributions._support.draws import DrawSums
from rltools.attributions._support.method import Result, Settings, TargetFunction, method, places
from rltools.attributions._support.perturbation import (
    copies_for,
    entry_parts,
    every_place,
    place_parts,
    replacements_or_blur,
    usual_replacement,
    values_without,
)
from rltools.spaces.axes import is_image


def _fitting(shape: Sequence[int], dims: Sequence[str], settings: Settings) -> tuple[int, Settings]:
    parts, _ = every_place(shape, dims, settings)
    return parts, {**settings, "replacement": settings["replacement"] or usual_replacement(dims)}


@method(
    unit="share",
    needs={"actions", "references"},
    axioms={"invariant"},
    forwards=lambda parts, references, settings: (
        1 + copies_for(parts) * (1 if settings["replacement"] in ("blur", "mean", "zero") else references)
    ),
    copies=lambda parts, references, settings: copies_for(parts),
    fitting=_fitting,
    separates=places,
)
def sarfa(
    score: TargetFunction,
    x: Tensor,
    *,
    references: Tensor,
    replacement: str | None = None,
    groups: Groups | None = None,
    stride: int = 5,
    radius: float = 5.0,
    blur: float = 3.0,
) -> Result:
    """How much a feature matters to the chosen action in particular, and not to the other ones.

    The harmonic mean of two numbers between 0 and 1: how far the probability of the chosen action falls when the
    feature is replaced, and how little the others change among themselves, 1 / (1 + the divergence of their
    probabilities). Probabilities are the softmax of the scores of the actions. As in the paper it is 0, and never
    negative, where the probability does not fall.

    It is about the chosen action, whatever the target is: every target has the same values. Of a picture the places of
    `blur_saliency` are taken, of a vector the features.

    Args:
        score: `[batch, ..., *feature] -> [batch, ..., target]`, of a policy that chooses one of several actions.
        x: float `[batch, *feature]`.
        references: float `[reference, *feature]`, which "blur" and "zero" leave unused.
        replacement: "blur", the picture blurred; "resample", the values of each reference, of which the mean is taken;
            "mean", the mean of the references; "zero". None is "blur" for pictures and "resample" for others.
        groups: positions in row-major order of the entries that are replaced together; None for each by itself, or for
            the places of a picture. A group's value is spread evenly over its entries.
        stride: of a picture without groups, pixels from one place to the next.
        radius: likewise, standard deviation in pixels of the Gaussian mask around a place.
        blur: standard deviation in pixels of the Gaussian that blurs a picture.

    Returns:
        values `[batch, target, *feature]` between 0 and 1. Those of a group, or of a pixel's channels and frames, sum
        to its share.

    Raises:
        ArgumentError: the policy does not choose one of several actions; another replacement; a stride below 1; a
            radius or blur that is not above 0.

    Puri, Verma, Gupta, Kayastha, Deshmukh, Krishnamurthy, Singh: Explain Your Move (2020).

    Example:
        >>> import rltools
        >>> policy = rltools.load_policy("cartpole-ppo")
        >>> observations = rltools.record(policy, episodes=1, max_steps=4).episode(0).observations
        >>> rltools.attribute(policy, observations, method="sarfa", references=observations).values.shape
        (4, 1, 4)
    """
    by_place = groups is None and is_image(score.dims)
    parts = place_parts(x, score.dims, stride, radius) if by_place else entry_parts(x, groups)
    replaced = replacements_or_blur(x, score.dims, references, replacement, blur)
    with torch.no_grad():
        _, chosen = score.actions(x)
        sums = DrawSums(len(replaced), leave_one_out=score.leave_one_out)
        for stand_in in replaced:
            blocks = values_without(lambda copies: score.actions(copies)[0], x, stand_in, parts, score.most_copies)
            relevant = torch.cat([_relevance(whole, without, chosen) for whole, without in blocks], 1)
            sums.add(parts.spread(relevant[:, None]).repeat(1, score.outputs, *[1] * (x.ndim - 1)))
        return Result(sums.mean(), without=sums.without())


def _relevance(whole: Tensor, without: Tensor, chosen: Tensor) -> Tensor:
    """Scores of all actions `[batch, 1, action]` and `[batch, part, action]` -> `[batch, part]`."""
    action = chosen[:, None, None]
    numbers = torch.arange(whole.shape[-1] - 1, device=whole.device)
    others = numbers + (numbers >= action)  # all but the chosen one

    def probability(scores: Tensor) -> Tensor:
        return scores.softmax(-1).gather(-1, action.expand(*scores.shape[:-1], 1))[..., 0]

    def logs_of_others(scores: Tensor) -> Tensor:
        return scores.gather(-1, others.expand(*scores.shape[:-1], len(numbers))).log_softmax(-1)

    # Clamped and not selected, so that what is not a number stays so.
    fall = (probability(whole) - probability(without)).clamp(min=0)
    before, after = logs_of_others(whole), logs_of_others(without)
    alike = 1 / (1 + (before.exp() * (before - after)).sum(-1))
    return 2 * alike * fall / (alike + fall)
