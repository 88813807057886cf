"""How specific and relevant a feature is to the chosen action."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from rltools.attributions._support.coalitions import Groups
from rltools.attributions._support.method import method
from rltools.attributions._support.perturbation import (
    copies_for,
    feature_parts,
    place_parts,
    replacements_or_blur,
    values_without,
)
from rltools.attributions._support.result import Cost, Result
from rltools.attributions._support.units import Unit
from rltools.spaces.axes import is_image
from rltools.targets.function import TargetFunction


def _cost(parts: int, references: int, settings: Mapping[str, Any]) -> Cost:
    replacements = references if settings["replacement"] == "resample" else 1
    return Cost(1 + copies_for(parts) * replacements, copies=copies_for(parts))


@method(unit=Unit.SHARE, needs={"actions", "references"}, axioms={"invariant"}, cost=_cost, parts="place")
def sarfa(
    f: TargetFunction,
    x: Tensor,
    *,
    references: Tensor,
    replacement: str | None = None,
    groups: Groups | None = None,
    stride: int = 5,
    radius: float = 5.0,
    blur: float = 3.0,
) -> Result:
    """How much a feature matters to the chosen action in particular, and not to the others.

    The harmonic mean of two numbers between 0 and 1: how far the probability of the chosen action falls when the
    feature is replaced, and how little the others change among themselves, 1 / (1 + the divergence of their
    probabilities). Probabilities are the softmax of the scores of the actions. As in the paper it is 0, and never
    negative, if the probability does not fall.

    It is about the chosen action, whatever the target is: every target has the same values. An image is divided into
    the places of `blur_saliency`, a vector into features.

    Args:
        f: the target function, `[batch, ..., *feature] -> [batch, ..., target]`, of a policy that chooses one of
            several actions.
        x: float `[batch, *feature]`.
        references: float `[reference, *feature]`, which "blur" and "zero" leave unused.
        replacement: "blur", the image blurred; "resample", the values of each reference in turn, and the mean over
            them; "mean", the mean of the references; "zero". None is "blur" for images and "resample" for others.
        groups: positions in row-major order of the elements that are replaced together; None for each by itself, or for
            the places of an image. A group's value is spread evenly over its elements.
        stride: pixels from one place to the next, for an image without groups.
        radius: standard deviation in pixels of the Gaussian mask around a place, for an image without groups.
        blur: standard deviation in pixels of the Gaussian that blurs an image.

    Returns:
        values `[batch, target, *feature]` between 0 and 1. The values of a group, or of a pixel's channels and frames,
        sum to its share.

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
    in_places = groups is None and is_image(f.dims)
    parts = place_parts(x, f.dims, stride, radius) if in_places else feature_parts(x, groups)
    replacements = replacements_or_blur(x, f.dims, references, replacement, blur)

    def relevance(replaced_by: Tensor) -> Tensor:
        blocks = values_without(f, x, replaced_by, parts, evaluate=lambda copies: f.actions(copies)[0])
        relevant = torch.cat([_relevance(intact, without, chosen) for intact, without in blocks], 1)
        return parts.spread(relevant[:, None]).repeat(1, f.outputs, *[1] * (x.ndim - 1))

    with torch.no_grad():
        _, chosen = f.actions(x)
        values, without = f.mean_over(replacements, relevance)
    return Result(values, without=without)


def _relevance(intact: Tensor, without: Tensor, chosen: Tensor) -> Tensor:
    """Scores of all actions `[batch, 1, action]` and `[batch, part, action]` -> `[batch, part]`."""
    action = chosen[:, None, None]
    numbers = torch.arange(intact.shape[-1] - 1, device=intact.device)
    others = numbers + (numbers >= action)  # all but the chosen one

    def probability(scores: Tensor) -> Tensor:
        return scores.softmax(-1).gather(-1, action.expand(*scores.shape[:-1], 1))[..., 0]

    def logs_of_others(scores: Tensor) -> Tensor:
        return scores.gather(-1, others.expand(*scores.shape[:-1], len(numbers))).log_softmax(-1)

    # Clamped and not selected, so that NaN stays NaN.
    fall = (probability(intact) - probability(without)).clamp(min=0)
    before, after = logs_of_others(intact), logs_of_others(without)
    alike = 1 / (1 + (before.exp() * (before - after)).sum(-1))
    return 2 * alike * fall / (alike + fall)
