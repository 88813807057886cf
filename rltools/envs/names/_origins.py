"""Where the names of an observation's elements are from, in words."""

from __future__ import annotations

from itertools import groupby

from rltools._util.text import plural
from rltools.spaces import Features

NUMBERED = "numbered, since neither a card nor the environment names them (names=, or a card: rltools new env ID)"


def origin_lines(features: Features) -> list[str]:
    """Lines that say where the names are from, in the order of the elements: one if it is the same for all.

    None for images, and for names of which nothing is known, as in older recordings.

    Args:
        features: of an observation; `features.origins` has the origin of each element.

    >>> from rltools.policies.env_info import inspect_env
    >>> origin_lines(inspect_env("Ant-v5").features)
    ['105 features named by the card ant.yaml of rltools']
    """
    origins = features.origins or ("",) * features.size
    if not features.origins and (features.has_images or features.given_names):
        return []  # nothing is to be named, or whoever made the features did
    counted = [(origin, len(list(run))) for origin, run in groupby(origins)]
    return [f"{plural(count, 'feature')} {f'named by {origin}' if origin else NUMBERED}" for origin, count in counted]
