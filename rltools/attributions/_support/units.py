"""The units of attributions, and how values in them may be compared."""

from __future__ import annotations

from enum import StrEnum


class Unit(StrEnum):
    """The unit of a method's values; in files it is its text.

    Example:
        >>> from rltools.attributions import Unit
        >>> Unit.SCORE_PER_UNIT == "score per unit", Unit("share")
        (True, <Unit.SHARE: 'share'>)
    """

    SCORE_PER_UNIT = "score per unit"
    """Units of the target value per unit of the feature: features in different units do not compare."""
    SCORE_PER_STD = "score per deviation"
    """Units of the target value per standard deviation of the feature, the unit of normalized observations."""
    SCORE = "score"
    """The unit of the target value."""
    SQUARED_SCORE = "squared score"
    """The square of the target value's unit: a variance."""
    SHARE = "share"
    """A number from 0 to 1."""
    RANK = "rank"
    """Only the order means anything: the unit of a control, which ignores the policy."""


def is_per_feature_unit(unit: str) -> bool:
    """Whether values in this unit compare among features only when each is multiplied by its feature's std.

    Code that shows, sums or ranks attributions checks this, and multiplies by the standard deviation over the recorded
    observations.

    >>> from rltools.attributions import is_per_feature_unit
    >>> is_per_feature_unit("score per unit"), is_per_feature_unit("score")
    (True, False)
    """
    return unit == Unit.SCORE_PER_UNIT


def is_control(unit: str) -> bool:
    """Whether values in this unit are those of a control method, which ignores the policy.

    >>> from rltools.attributions import is_control
    >>> is_control("rank")
    True
    """
    return unit == Unit.RANK


def is_share(unit: str) -> bool:
    """Whether values in this unit lie between 0 and 1.

    >>> from rltools.attributions import is_share
    >>> is_share("share")
    True
    """
    return unit == Unit.SHARE


def in_network_units(unit: str) -> Unit:
    """The unit of values with respect to normalized observations, given the unit with respect to plain ones.

    >>> from rltools.attributions import in_network_units
    >>> str(in_network_units("score per unit"))
    'score per deviation'
    """
    return Unit.SCORE_PER_STD if is_per_feature_unit(unit) else Unit(unit)
