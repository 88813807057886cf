"""Which parts of a state the score rises with, from random masks."""

import torch
from torch import Tensor

from rltools.attributions._blocks import copies_at_once
from rltools.attributions._coalitions import Groups
from rltools.attributions._masks import part_masks, pixel_masks
from rltools.attributions._method import Result, RowScore, method, places
from rltools.attributions._parts import entry_parts, pixel_parts
from rltools.attributions._picture import picture_size
from rltools.attributions._replacing import stand_ins_or_blur
from rltools.axes import is_image
from rltools.errors import ArgumentError


@method(
    unit="score",
    needs={"reference"},
    axioms={"invariant"},
    forwards=lambda features, references, settings: settings["masks"],
    separates=places,
)
def rise(
    score: RowScore,
    x: Tensor,
    *,
    reference: Tensor,
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
    those of neighbours share what lies in one cell.

    Args:
        score: `[batch, ..., *feature] -> [batch, ..., target]`.
        x: float `[batch, *feature]`.
        reference: float `[reference, *feature]`, which "blur" and "zero" leave unused.
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
        >>> from rltools.testing import PlainScore
        >>> from rltools.attributions.rise import rise
        >>> score = PlainScore(lambda x: (x**2).sum(1, keepdim=True), outputs=1)
        >>> x = torch.tensor([[1.0, -2.0]])
        >>> rise(score, x, reference=torch.zeros(1, 2), masks=4000).values.round(decimals=0).tolist()
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
    replaced = stand_ins_or_blur(x, dims, reference, replacement, blur)
    blocks = torch.split(torch.arange(masks, device=x.device), copies_at_once(score.most_copies, len(x)))
    with torch.no_grad():
        seen = []
        for numbers in blocks:
            stand_in = replaced[numbers % len(replaced)].transpose(0, 1)
            seen.append(score(torch.lerp(stand_in, x[:, None], parts.mask(drawn.weights(numbers)))))
        scores = torch.cat(seen, 1)
        # What the score is without regard to the masks only adds noise.
        scores -= scores.mean(1, keepdim=True)
        sums = torch.zeros(len(x), score.outputs, parts.count, dtype=x.dtype, device=x.device)
        squares = torch.zeros_like(sums)
        for numbers in blocks:
            more = (drawn.weights(numbers) - shown) / drawn.variance
            sums += torch.einsum("bmt,mp->btp", scores[:, numbers], more)
            squares += torch.einsum("bmt,mp->btp", scores[:, numbers] ** 2, more**2)
        # One mask less, because the mean score was taken from the same masks: that makes the estimate unbiased.
        values = sums / (masks - 1)
        variance = (squares - sums**2 / masks).clamp(min=0) / (masks - 1)
        return Result(parts.spread(values), standard_error=parts.spread((variance / masks).sqrt()))
