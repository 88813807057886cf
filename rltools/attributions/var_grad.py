"""How much the gradient varies under noise."""

import torch
from torch import Tensor

from rltools.attributions._support.method import method
from rltools.attributions._support.noise import check_noise, feature_std, gaussian_noise
from rltools.attributions._support.result import Cost, Result
from rltools.attributions._support.units import Unit
from rltools.targets.draws import DrawSums, blocks_of_draws
from rltools.targets.function import TargetFunction


@method(
    unit=Unit.SQUARED_SCORE,
    needs={"gradient", "references"},
    axioms={"dummy", "invariant"},
    cost=lambda parts, references, settings: Cost(2 * settings["samples"], copies=settings["samples"]),
)
def var_grad(
    f: TargetFunction, x: Tensor, *, references: Tensor, noise: float = 0.1, samples: int = 64, seed: int = 0
) -> Result:
    """How much the gradient along each feature varies among states near this one.

    A variance, so never negative: it shows where the gradient is unreliable, not in which direction a feature moves the
    target value, and it is 0 for a linear function. Gradients are per standard deviation of the feature over
    the references, which makes features in different units comparable: values are in squared units of the target value.
    Noise is as in smooth_grad. A feature that never changes among the references gets 0: give more of them, which costs
    nothing here.

    Args:
        f: the target function, `[batch, ..., *feature] -> [batch, ..., target]`.
        x: float `[batch, *feature]`.
        references: float `[reference, *feature]`, at least two that differ.
        noise: standard deviation of the noise, in standard deviations of each feature.
        samples: draws of the noise, at least 2; a gradient is taken for each.
        seed: of the draws.

    Returns:
        values `[batch, target, *feature]`, at least 0, in squared units of the target value: an unbiased estimate;
        standard_error, shaped like values.

    Raises:
        ArgumentError: negative noise, fewer than two samples, or references that do not differ.

    Adebayo, Gilmer, Muelly, Goodfellow, Hardt, Kim: Sanity Checks for Saliency Maps (2018), with gradients per unit.

    Example:
        >>> import torch
        >>> from rltools.testing import PlainFunction
        >>> from rltools.attributions.var_grad import var_grad
        >>> f = PlainFunction(lambda x: (x**2).sum(1, keepdim=True), outputs=1)
        >>> x = torch.tensor([[1.0, -2.0]])
        >>> var_grad(f, x, references=torch.eye(2)).values.shape
        torch.Size([1, 1, 2])
    """
    std = feature_std(f, references)
    check_noise(noise, std, samples, least=2)
    draw = gaussian_noise(x, noise * std, seed)
    first: Tensor | None = None
    powers = DrawSums(samples, leave_one_out=f.leave_one_out)
    for _, gradients in f.gradients_over(x, samples, lambda part: x[:, None] + draw(part)):
        scaled = gradients * std  # [target, batch, draw, *feature]
        first = scaled[:, :, 0] if first is None else first
        # Differences from the first, because for nearly equal numbers powers would leave only rounding errors.
        away = scaled - first[:, :, None]
        for of_draw in torch.stack([away.pow(power) for power in (1, 2, 3, 4)]).unbind(3):
            powers.add(of_draw)
    mean, second, third, fourth = powers.mean()
    central = (fourth - 4 * mean * third + 6 * mean.square() * second - 3 * mean.pow(4)).clamp(min=0)
    variance = (second - mean.square()).clamp(min=0) * samples / (samples - 1)
    error = ((central - variance.square() * (samples - 3) / (samples - 1)) / samples).clamp(min=0).sqrt()
    without = powers.without()
    if without is not None:
        mean, second = without[:, 0], without[:, 1]
        counts = torch.tensor([samples - block.stop + block.start for block in blocks_of_draws(samples)]).to(x)
        correction = (counts / (counts - 1)).reshape(-1, *[1] * (mean.ndim - 1))
        without = ((second - mean.square()).clamp(min=0) * correction).movedim(1, 2)
    return Result(variance.movedim(0, 1), standard_error=error.movedim(0, 1), without=without)
