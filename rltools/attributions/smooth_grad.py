"""The gradient, averaged over noise."""

import torch
from torch import Tensor

from rltools.attributions._support.method import method
from rltools.attributions._support.noise import check_noise, feature_std, gaussian_noise
from rltools.attributions._support.result import Cost, Result
from rltools.attributions._support.units import Unit
from rltools.targets.draws import DrawSums
from rltools.targets.function import TargetFunction


@method(
    unit=Unit.SCORE_PER_UNIT,
    needs={"gradient", "references"},
    axioms={"linear", "dummy", "invariant"},
    cost=lambda parts, references, settings: Cost(4 * settings["samples"], copies=2 * settings["samples"]),
)
def smooth_grad(
    f: TargetFunction, x: Tensor, *, references: Tensor, noise: float = 0.1, samples: int = 16, seed: int = 0
) -> Result:
    """How fast the target value rises with each feature, on average over states near this one.

    Near states are drawn with Gaussian noise in each feature's own units: a part of its standard deviation over the
    references, which serve no other purpose. A feature that never changes among them gets no noise, so that states stay
    like those the agent has seen; the pixels of a channel share one standard deviation. Each draw is used with both
    signs, which cancels the linear change of the gradient; all rows share the draws, and so their errors.

    Two features that the target function treats alike have the same values only within the standard error, since each
    has noise of its own.

    Args:
        f: the target function, `[batch, ..., *feature] -> [batch, ..., target]`.
        x: float `[batch, *feature]`.
        references: float `[reference, *feature]`, at least two that differ.
        noise: standard deviation of the noise, in standard deviations of each feature; 0 is the gradient itself.
        samples: draws of the noise; two gradients are taken for each.
        seed: of the draws.

    Returns:
        values `[batch, target, *feature]` per unit of the feature; standard_error, shaped like values, if there are at
        least two samples.

    Raises:
        ArgumentError: negative noise, no samples, or noise and references that do not differ.

    Smilkov, Thorat, Kim, Viégas, Wattenberg: SmoothGrad: Removing Noise by Adding Noise (2017); there the noise is a
    part of the range of an image's pixels.

    Example:
        >>> import torch
        >>> from rltools.testing import PlainFunction
        >>> from rltools.attributions.smooth_grad import smooth_grad
        >>> f = PlainFunction(lambda x: (x**2).sum(1, keepdim=True), outputs=1)
        >>> x = torch.tensor([[1.0, -2.0]])
        >>> smooth_grad(f, x, references=torch.eye(2), samples=2000).values.round(decimals=0).tolist()
        [[[2.0, -4.0]]]
    """
    std = feature_std(f, references)
    check_noise(noise, std, samples, least=1)
    if noise == 0:
        exact = f.gradients(x).movedim(0, 1)
        return Result(exact, standard_error=torch.zeros_like(exact) if samples > 1 else None)
    draw = gaussian_noise(x, noise * std, seed)
    rising = f.gradients_over(x, samples, lambda part: x[:, None] + draw(part))
    falling = f.gradients_over(x, samples, lambda part: x[:, None] - draw(part))
    first: Tensor | None = None
    squares = torch.zeros((), dtype=x.dtype, device=x.device)
    sums = DrawSums(samples, leave_one_out=f.leave_one_out)
    for (_, up), (_, down) in zip(rising, falling, strict=True):
        gradients = (up + down) / 2  # [target, batch, draw, *feature]
        first = gradients[:, :, 0] if first is None else first
        # Differences from the first, because for nearly equal numbers squares would leave only rounding errors.
        away = gradients - first[:, :, None]
        squares = squares + away.square().sum(2)
        for of_draw in away.unbind(2):
            sums.add(of_draw)
    assert first is not None
    mean = sums.mean()
    values = (first + mean).movedim(0, 1)
    if samples < 2:
        return Result(values)
    variance = (squares / samples - mean.square()).clamp(min=0) / (samples - 1)
    error = variance.sqrt().movedim(0, 1)
    without = sums.without()
    return Result(values, standard_error=error, without=None if without is None else (first + without).movedim(1, 2))
