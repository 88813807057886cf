"""Which parts of a state the score rises with, from random masks."""

import torch
from torch import Tensor

from rltools.attributions._support.coalitions import Groups
from rltools.attributions._support.draws import blocks_of
from rltools.attributions._support.image import part_masks, picture_size, pixel_masks
from rltools.attributions._support.method import Result, TargetFunction, copies_at_once, method, places
from rltools.attributions._support.perturbation import entry_parts, pixel_parts, replacements_or_blur
from rltools.errors import ArgumentError
from rltools.spaces.axes import is_image


@method(
    unit="score",
    needs={"references"},
    axioms={"invariant"},
    forwards=lambda features, references, settings: settings["masks"],
    separates=places,
)
def rise(
    score: TargetFunction,
    x: Tensor,
    *,
    references: Tensor,
    masks: int = 500,
    shown: float = 0.5,
    cells: int = 7,
    replacement: str | None = None,
    groups: Groups | None = None,
    blur: float = 3.0,
    seed: int = 0,
) -> Result:
    """How much the score rises when a feature is shown rather than hidden, while others are shown at random.

    Random masks show a share of the state and replace the rest; a value is the covariance of the score with what the
    masks show of a feature, over the variance of that. So a score that ignores the state has values of 0, which the
    paper's mean of score times mask has not. Of a picture the masks are drawn in coarse cells, enlarged linearly and
    shifted, and are the same for all channels and frames: a pixel's values, summed over them, are its slope, and
    those of neighbors share what lies in one cell.

    Args:
        score: `[batch, ..., *feature] -> [batch, ..., target]`.
        x: float `[batch, *feature]`.
        references: float `[reference, *feature]`, which "blur" and "zero" leave unused.
        masks: how many, the same for all rows.
        shown: the probability of a cell, feature or group to be shown.
        cells: of a picture without groups, along each axis.
        replacement: "blur", the picture blurred; "resample", the values of each reference in turn, one for each mask;
            "mean", the mean of the references; "zero". None is "blur" for pictures and "resample" for others.
        groups: positions in row-major order of the entries that are hidden together; None for each by itself, or for
            the cells of a picture. A group's value is spread evenly over its entries.
        blur: standard deviation in pixels of the Gaussian that blurs a picture.
        seed: of the masks.

    Returns:
        values `[batch, target, *feature]` in units of the score, and their standard_error.

    Raises:
        ArgumentError: fewer than two masks; none or all shown; no cells; another replacement; an entry in no group, or
            in two.

    Petsiuk, Das, Saenko: RISE (2018).

    Example:
        >>> import torch
        >>> from rltools.testing import PlainFunction
        >>> from rltools.attributions.rise import rise
        >>> score = PlainFunction(lambda x: (x**2).sum(1, keepdim=True), outputs=1)
        >>> x = torch.tensor([[1.0, -2.0]])
        >>> rise(score, x, references=torch.zeros(1, 2), masks=4000).values.round(decimals=0).tolist()
        [[[1.0, 4.0]]]
    """
    if masks < 2:
        raise ArgumentError(f"masks is {masks}; it must be at least 2")
    if not 0 < shown < 1:
        raise ArgumentError(f"shown is {shown}; it is a probability and must lie between 0 and 1")
    if cells < 1:
        raise ArgumentError(f"cells is {cells}; it must be at least 1")
    dims = score.dims
    if groups is None and is_image(dims):
        parts = pixel_parts(x, dims)
        drawn = pixel_masks(masks, picture_size(x.shape[1:], dims), cells, shown, seed, like=x)
    else:
        parts = entry_parts(x, groups)
        drawn = part_masks(masks, parts.count, shown, seed, like=x)
    replaced = replacements_or_blur(x, dims, references, replacement, blur)
    blocks = torch.split(torch.arange(masks, device=x.device), copies_at_once(score.most_copies, len(x)))
    with torch.no_grad():
        seen = []
        for numbers in blocks:
            stand_in = replaced[numbers % len(replaced)].transpose(0, 1)
            seen.append(score(torch.lerp(stand_in, x[:, None], parts.mask(drawn.weights(numbers)))))
        scores = torch.cat(seen, 1)
        # What the score is without regard to the masks only adds noise.
        scores -= scores.mean(1, keepdim=True)
        block_of = _blocks_of_masks(masks, len(replaced)).to(x.device)
        each = torch.bincount(block_of)
        sums = torch.zeros(len(each), len(x), score.outputs, parts.count, dtype=x.dtype, device=x.device)
        squares, shares = torch.zeros_like(sums[0]), sums.new_zeros(len(each), parts.count)
        for numbers in blocks:
            more = (drawn.weights(numbers) - shown) / drawn.variance
            squares += torch.einsum("bmt,mp->btp", scores[:, numbers] ** 2, more**2)
            for block in torch.unique(block_of[numbers]).tolist():
                inside = block_of[numbers] == block
                sums[block] += torch.einsum("bmt,mp->btp", scores[:, numbers[inside]], more[inside])
                shares[block] += more[inside].sum(0)
        total = sums.sum(0)
        # One mask less, because the mean score was taken from the same masks: that makes the estimate unbiased.
        values = total / (masks - 1)
        variance = (squares - total**2 / masks).clamp(min=0) / (masks - 1)
        without = []
        for block, count in enumerate(masks - each if len(each) > 1 and score.leave_one_out else []):
            # The mean score of the masks that are left is another one.
            mean = scores[:, block_of != block].mean(1)[..., None]
            left = total - sums[block] - mean * (shares.sum(0) - shares[block])
            without.append(parts.spread(left / (count - 1)))
        return Result(
            parts.spread(values),
            standard_error=parts.spread((variance / masks).sqrt()),
            without=torch.stack(without) if without else None,
        )


def _blocks_of_masks(masks: int, replacements: int) -> Tensor:
    """The block of each mask, int64 `[mask]`: those of one reference are in one block."""
    turn = torch.arange(masks) % replacements if replacements > 1 else torch.arange(masks)
    block = torch.zeros(masks, dtype=torch.int64)
    for number, turns in enumerate(blocks_of(int(turn.max()) + 1)):
        block[(turn >= turns.start) & (turn < turns.stop)] = number
    return block
