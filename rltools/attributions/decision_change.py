"""How often the decision is another one without a feature."""

import torch
from torch import Tensor

from rltools.attributions._support.coalitions import Groups
from rltools.attributions._support.draws import mean_without
from rltools.attributions._support.method import Result, TargetFunction, method
from rltools.attributions._support.perturbation import entry_parts, values_without


@method(
    unit="share",
    needs={"references", "decision"},
    axioms={"dummy"},
    forwards=lambda features, references, settings: (features + 1) * references,
    copies=lambda features, references, settings: features + 1,
)
def decision_change(score: TargetFunction, x: Tensor, *, references: Tensor, groups: Groups | None = None) -> Result:
    """How often the decision is another one when a feature has the values that it has in visited states instead.

    Each feature alone takes its value of each reference in turn. Of a choice among actions, the result is the share of
    the references with which another action is the best one; of continuous actions, the mean distance by which the
    action moves, as a share of how far it can range. So it is never below 0 and has no direction, and the values of
    several features do not add up to anything.

    Args:
        score: `[batch, ..., *feature] -> [batch, ..., target]`, of the target `decision`.
        x: float `[batch, *feature]`.
        references: float `[reference, *feature]`.
        groups: positions in row-major order of the entries that are replaced together; None for each by itself. A
            group's value is spread evenly over its entries.

    Returns:
        values `[batch, target, *feature]` from 0 to 1; their standard error over the draw of the references, where
        there are at least two. It is 0 where all references agree, which with few of them happens by chance: twice the
        error on both sides holds in about 80 % with 8 references and in 93 % with 32.

    Which features an agent needs was measured by taking them away during whole episodes: this predicts the lost return
    best. Replaced one at a time by values of other states as in permutation importance (Breiman: Random Forests, 2001).

    Example:
        >>> import rltools
        >>> policy = rltools.load_policy("cartpole-ppo")
        >>> observations = rltools.record(policy, episodes=1, max_steps=4).episode(0).observations
        >>> rltools.attribute(policy, observations, method="decision_change", references=observations).values.shape
        (4, 1, 4)
    """
    parts = entry_parts(x, groups)
    with torch.no_grad():
        with_each = []
        for start in references:  # one at a time, to bound the memory
            blocks = values_without(score, x, start[None], parts, score.most_copies)
            with_each.append(torch.cat([_moved(whole, decided, score.categorical) for whole, decided in blocks], 1))
        changes = torch.stack(with_each).transpose(2, 3)  # [reference, batch, target, part]
        mean, count = changes.mean(0), len(changes)
        if count < 2:
            return Result(parts.spread(mean))
        variance = (changes - mean).square().sum(0) / (count - 1)
        without = mean_without(changes) if score.leave_one_out else None
    return Result(
        parts.spread(mean),
        standard_error=parts.spread((variance / count).sqrt()),
        without=None if without is None else torch.stack([parts.spread(values) for values in without]),
    )


def _moved(before: Tensor, decided: Tensor, categorical: bool) -> Tensor:
    distance = (decided - before).abs()
    return torch.where(distance > 0, 1.0, distance) if categorical else distance  # what is NaN stays so
