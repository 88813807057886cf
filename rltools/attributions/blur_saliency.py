"""What the score loses when a picture is blurred around a place."""

import torch
from torch import Tensor

from rltools.attributions._support.image import blurred
from rltools.attributions._support.method import Result, TargetFunction, method, places
from rltools.attributions._support.perturbation import copies_for, every_place, lost_without, place_parts


@method(
    unit="score",
    needs={"image"},
    axioms={"invariant"},
    forwards=lambda places, references, settings: copies_for(places),
    fitting=every_place,
    separates=places,
)
def blur_saliency(
    score: TargetFunction, x: Tensor, *, stride: int = 5, radius: float = 5.0, blur: float = 3.0
) -> Result:
    """What the score loses when the picture is blurred around each place.

    Blurring takes the detail around a place and leaves its mean color. Signed, for each target: positive where the
    score falls. The paper's saliency is half the squared change summed over all logits, without a sign.

    Places are `stride` pixels apart, and interpolated linearly between. All channels and frames of a place are blurred
    together: a pixel's values, summed over them, are what the score loses when the picture is blurred around it.
    Masks overlap, so sums over pixels are no share of the score.

    Args:
        score: `[batch, ..., *feature] -> [batch, ..., target]`.
        x: float `[batch, *feature]` with axes "y" and "x".
        stride: pixels from one place to the next.
        radius: standard deviation, in pixels, of the Gaussian mask around a place.
        blur: standard deviation, in pixels, of the Gaussian that blurs the picture.

    Returns:
        values `[batch, target, *feature]` in units of the score.

    Raises:
        ArgumentError: no picture; a stride below 1; a radius or blur that is not above 0.

    Graydanus, Koul, Dodge, Fern: Visualizing and Understanding Atari Agents (2018).

    Example:
        >>> import rltools
        >>> policy = rltools.load_policy("lavagap-cnn-ppo")
        >>> observations = rltools.record(policy, episodes=1, max_steps=4).episode(0).observations
        >>> rltools.attribute(policy, observations, method="blur_saliency").values.shape
        (4, 1, 42, 42, 3)
    """
    parts = place_parts(x, score.dims, stride, radius)
    with torch.no_grad():
        lost = lost_without(score, x, blurred(x, score.dims, blur), parts, score.most_copies)
        return Result(parts.spread(lost))
