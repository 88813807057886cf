"""How much the target value rises with each part of a state, from random masks."""

import torch
from torch import Tensor

from rltools.attributions._support.coalitions import Groups
from rltools.attributions._support.image import image_size, part_masks, pixel_masks
from rltools.attributions._support.method import method
from rltools.attributions._support.perturbation import feature_parts, pixel_parts, replacements_or_blur
from rltools.attributions._support.result import Result
from rltools.attributions._support.units import Unit
from rltools.errors import ArgumentError
from rltools.spaces.axes import is_image
from rltools.targets.draws import blocks_of_draws
from rltools.targets.function import TargetFunction


@method(
    unit=Unit.SCORE,
    needs={"references"},
    axioms={"invariant"},
    cost=lambda parts, references, settings: settings["masks"],
    parts="pixel",
)
def rise(
    f: TargetFunction,
    x: Tensor,
    *,
    references: Tensor,
    masks: int = 500,
    probability: float = 0.5,
    cells: int = 7,
    replacement: str | None = None,
    groups: Groups | None = None,
    blur: float = 3.0,
    seed: int = 0,
) -> Result:
    """How much the target value rises when a feature is shown rather than hidden, while others are shown at random.

    Random masks show a share of the state and replace the rest; a value is the covariance of the target value with a
    feature's mask weight, over the variance of that weight. So a function that ignores the state has values of 0,
    unlike the paper's mean of score times mask. For an image the masks are drawn in coarse cells, enlarged linearly and
    shifted, and are the same for all channels and frames: a pixel's values, summed over them, are its regression
    coefficient, and neighbors in one cell share it.

    Args:
        f: the target function, `[batch, ..., *feature] -> [batch, ..., target]`.
        x: float `[batch, *feature]`.
        references: float `[reference, *feature]`, which "blur" and "zero" leave unused.
        masks: how many, the same for all rows.
        probability: the probability that a cell, feature or group is shown.
        cells: of an image without groups, along each axis.
        replacement: "blur", the image blurred; "resample", the values of each reference in turn, one for each mask;
            "mean", the mean of the references; "zero". None is "blur" for images and "resample" for others.
        groups: positions in row-major order of the elements that are hidden together; None for each by itself, or for
            the cells of an image. A group's value is spread evenly over its elements.
        blur: standard deviation in pixels of the Gaussian that blurs an image.
        seed: of the masks.

    Returns:
        values `[batch, target, *feature]` in units of the target value, and their standard_error.

    Raises:
        ArgumentError: fewer than two masks; none or all shown; no cells; another replacement; an element in no group,
            or in two.

    Petsiuk, Das, Saenko: RISE (2018).

    Example:
        >>> import torch
        >>> from rltools.testing import PlainFunction
        >>> from rltools.attributions.rise import rise
        >>> f = PlainFunction(lambda x: (x**2).sum(1, keepdim=True), outputs=1)
        >>> x = torch.tensor([[1.0, -2.0]])
        >>> rise(f, x, references=torch.zeros(1, 2), masks=4000).values.round(decimals=0).tolist()
        [[[1.0, 4.0]]]
    """
    if masks < 2:
        raise ArgumentError(f"masks is {masks}; it must be at least 2")
    if not 0 < probability < 1:
        raise ArgumentError(f"probability is {probability}; it must lie between 0 and 1")
    if cells < 1:
        raise ArgumentError(f"cells is {cells}; it must be at least 1")
    if groups is None and is_image(f.dims):
        parts = pixel_parts(x, f.dims)
        drawn = pixel_masks(masks, image_size(x.shape[1:], f.dims), cells, probability, seed, like=x)
    else:
        parts = feature_parts(x, groups)
        drawn = part_masks(masks, parts.count, probability, seed, like=x)
    replacements = replacements_or_blur(x, f.dims, references, replacement, blur)
    turns = torch.arange(masks, device=x.device) % len(replacements)

    def masked(part: slice) -> Tensor:
        return torch.lerp(replacements[turns[part]].transpose(0, 1), x[:, None], parts.mask(drawn.weights(part)))

    with torch.no_grad():
        values = f.over(x, masks, masked)
        values -= values.mean(1, keepdim=True)  # a part that is the same for all masks only adds noise
        block_of = _blocks_of_masks(masks, len(replacements)).to(x.device)
        counts = torch.bincount(block_of)
        sums = torch.zeros(len(counts), len(x), f.outputs, parts.count, dtype=x.dtype, device=x.device)
        squares, shares = torch.zeros_like(sums[0]), sums.new_zeros(len(counts), parts.count)
        for block in range(len(counts)):
            inside = (block_of == block).nonzero()[:, 0]
            weights = (drawn.weights(inside) - probability) / drawn.variance
            sums[block] = torch.einsum("bmt,mp->btp", values[:, inside], weights)
            squares += torch.einsum("bmt,mp->btp", values[:, inside] ** 2, weights**2)
            shares[block] = weights.sum(0)
        total = sums.sum(0)
        variance = (squares - total**2 / masks).clamp(min=0) / (masks - 1)
        without = []
        for block, count in enumerate(masks - counts if len(counts) > 1 and f.leave_one_out else []):
            # The masks that are left have another mean target value.
            mean = values[:, block_of != block].mean(1)[..., None]
            others = total - sums[block] - mean * (shares.sum(0) - shares[block])
            without.append(parts.spread(others / (count - 1)))
    return Result(
        # One mask less, because the mean target value was taken from the same masks: that makes the estimate unbiased.
        parts.spread(total / (masks - 1)),
        standard_error=parts.spread((variance / masks).sqrt()),
        without=torch.stack(without) if without else None,
    )


def _blocks_of_masks(masks: int, replacements: int) -> Tensor:
    """The block of each mask, int64 `[mask]`: the masks of one reference are in one block."""
    turn = torch.arange(masks) % replacements if replacements > 1 else torch.arange(masks)
    block_of = torch.zeros(masks, dtype=torch.int64)
    for number, block in enumerate(blocks_of_draws(int(turn.max()) + 1)):
        block_of[(turn >= block.start) & (turn < block.stop)] = number
    return block_of
