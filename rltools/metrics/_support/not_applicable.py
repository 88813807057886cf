"""The refusal of a metric that does not apply to an attribution."""

from __future__ import annotations

from rltools.errors import RltoolsError


class NotApplicableError(RltoolsError):
    """A metric does not apply to an attribution; the message is the reason, and the pair is left out of the table.

    Example:
        >>> from rltools.metrics import NotApplicableError
        >>> raise NotApplicableError("the method does not promise that its values add up")
        Traceback (most recent call last):
            ...
        rltools.metrics._support.not_applicable.NotApplicableError: the method does not promise that its values add up
    """
