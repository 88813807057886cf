"""How much the target value falls when an image is blurred around a place."""

import torch
from torch import Tensor

from rltools.attributions._support.image import blurred
from rltools.attributions._support.method import method
from rltools.attributions._support.perturbation import copies_for, lost_without, place_parts
from rltools.attributions._support.result import Result
from rltools.attributions._support.units import Unit
from rltools.targets.function import TargetFunction


@method(
    unit=Unit.SCORE,
    needs={"image"},
    axioms={"invariant"},
    cost=lambda parts, references, settings: copies_for(parts),
    parts="place",
)
def blur_saliency(f: TargetFunction, x: Tensor, *, stride: int = 5, radius: float = 5.0, blur: float = 3.0) -> Result:
    """What the target value loses when the image is blurred around each place.

    Blurring removes the detail around a place and leaves its mean color. Signed, for each target: positive if the
    target value falls. The paper's saliency is half the squared change summed over all logits, without a sign.

    Places are `stride` pixels apart, with linear interpolation between them. All channels and frames of a place are
    blurred together: a pixel's values, summed over them, are what the target value loses when the image is blurred
    around it. Masks overlap, so sums over pixels are not a share of the target value.

    Args:
        f: the target function, `[batch, ..., *feature] -> [batch, ..., target]`.
        x: float `[batch, *feature]` with axes "y" and "x".
        stride: pixels from one place to the next.
        radius: standard deviation, in pixels, of the Gaussian mask around a place.
        blur: standard deviation, in pixels, of the Gaussian that blurs the image.

    Returns:
        values `[batch, target, *feature]` in units of the target value.

    Raises:
        ArgumentError: no image; a stride below 1; a radius or blur that is not above 0.

    Greydanus, Koul, Dodge, Fern: Visualizing and Understanding Atari Agents (2018).

    Example:
        >>> import rltools
        >>> policy = rltools.load_policy("lavagap-cnn-ppo")
        >>> observations = rltools.record(policy, episodes=1, max_steps=4).episode(0).observations
        >>> rltools.attribute(policy, observations, method="blur_saliency").values.shape
        (4, 1, 42, 42, 3)
    """
    parts = place_parts(x, f.dims, stride, radius)
    with torch.no_grad():
        return Result(parts.spread(lost_without(f, x, blurred(x, f.dims, blur), parts)))
