"""How much the gradient varies under noise."""

import torch
from torch import Tensor

from rltools.attributions._support.draws import DrawSums, blocks_of
from rltools.attributions._support.method import Result, TargetFunction, method
from rltools.attributions._support.noise import check_noise, shifts, spread


@method(
    unit="squared score",
    needs={"gradient", "references"},
    axioms={"dummy", "invariant"},
    forwards=lambda features, references, settings: 2 * settings["samples"],
    copies=lambda features, references, settings: settings["samples"],
)
def var_grad(
    score: TargetFunction, x: Tensor, *, references: Tensor, noise: float = 0.1, samples: int = 64, seed: int = 0
) -> Result:
    """How much the score's slope along each feature varies among states near this one.

    A variance, so never negative: it says where the gradient is not to be relied upon, not in which direction a feature
    moves the score, and it is 0 for a linear one. Slopes are per standard deviation of the feature over the references,
    which makes features in different units comparable: values are in squared units of the score. Noise is as in
    smooth_grad. A feature that never changes among the references gets 0: give more of them, they cost nothing here.

    Args:
        score: `[batch, ..., *feature] -> [batch, ..., target]`.
        x: float `[batch, *feature]`.
        references: float `[reference, *feature]`, at least two that differ.
        noise: standard deviation of the noise, in standard deviations of each feature.
        samples: draws of the noise, at least 2; a gradient is taken for each.
        seed: of the draws.

    Returns:
        values `[batch, target, *feature]`, at least 0, in squared units of the score: an estimate without bias;
        standard_error likewise.

    Raises:
        ArgumentError: negative noise, fewer than two samples, or references that do not differ.

    Adebayo, Gilmer, Muelly, Goodfellow, Hardt, Kim: Sanity Checks for Saliency Maps (2018), where slopes are per unit.

    Example:
        >>> import torch
        >>> from rltools.testing import PlainFunction
        >>> from rltools.attributions.var_grad import var_grad
        >>> score = PlainFunction(lambda x: (x**2).sum(1, keepdim=True), outputs=1)
        >>> x = torch.tensor([[1.0, -2.0]])
        >>> var_grad(score, x, references=torch.eye(2)).values.shape
        torch.Size([1, 1, 2])
    """
    scale = spread(score, references)
    check_noise(noise, scale, samples, least=2)
    first: Tensor | None = None
    powers = DrawSums(samples, leave_one_out=score.leave_one_out)
    for shift in shifts(score, x, noise * scale, samples, seed):
        slopes = score.gradients(x[:, None] + shift) * scale  # [target, batch, copy, *feature]
        first = slopes[:, :, 0] if first is None else first
        # Away from the first, because powers of nearly equal numbers would leave their rounding.
        away = slopes - first[:, :, None]
        for of_draw in torch.stack([away.pow(power) for power in (1, 2, 3, 4)]).unbind(3):
            powers.add(of_draw)
    mean, second, third, fourth = powers.mean()
    central = (fourth - 4 * mean * third + 6 * mean.square() * second - 3 * mean.pow(4)).clamp(min=0)
    variance = (second - mean.square()).clamp(min=0) * samples / (samples - 1)
    error = ((central - variance.square() * (samples - 3) / (samples - 1)) / samples).clamp(min=0).sqrt()
    without = powers.without()
    if without is not None:
        mean, second = without[:, 0], without[:, 1]
        left = torch.tensor([samples - block.stop + block.start for block in blocks_of(samples)]).to(x)
        correction = (left / (left - 1)).reshape(-1, *[1] * (mean.ndim - 1))
        without = ((second - mean.square()).clamp(min=0) * correction).movedim(1, 2)
    return Result(variance.movedim(0, 1), standard_error=error.movedim(0, 1), without=without)
