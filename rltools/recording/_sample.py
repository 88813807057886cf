"""Which steps of an episode belong to an even sample of all steps."""

from __future__ import annotations

from math import sqrt

_GOLDEN = (sqrt(5) - 1) / 2


def first_sampled(number: int, every: int) -> int:
    """The first step of an episode that a sample of one step in so many holds; every `every`-th follows.

    The first steps of the episodes are spread evenly over the stride, however many episodes there are: multiples of the
    golden ratio, without their whole part (Weyl 1916). So beginnings and ends of episodes are sampled like the rest,
    and of episodes shorter than the stride as many have a step as should.

    Args:
        number: of the episode, from 0.
        every: the stride.

    >>> [first_sampled(number, 100) for number in range(6)]
    [0, 61, 23, 85, 47, 9]
    """
    return int(number * _GOLDEN % 1 * every)
