"""Names of metrics that every logger takes."""

from __future__ import annotations

import re
from collections.abc import Sequence

LONGEST = 200
"""Bytes of a feature's part of a name: MLflow keeps a metric as a file, whose name has at most 250."""
RESERVED = ("mean_return", "importance")
"""What is logged beside the features."""


def metric_names(features: Sequence[str]) -> list[str]:
    """`attribution/<feature>` for each feature: letters, digits, spaces and `_-.` only, and no two alike.

    MLflow refuses other characters, and some disks compare names of files without case. In the features' own order:
    which of two gets a number must not change with their ranks.

    >>> metric_names(["pole angle", "cos(angle)", "obs[3]", "obs(3)"])
    ['attribution/pole angle', 'attribution/cos_angle', 'attribution/obs_3', 'attribution/obs_3_2']
    """
    taken = {*RESERVED}
    names = []
    for feature in features:
        plain = re.sub(r"[^\w\-. ]+", "_", feature).encode()[:LONGEST].decode(errors="ignore")
        plain = plain.strip("_. ")
        name = numbered = plain if re.search(r"\w", plain) else "feature"
        count = 1
        while numbered.casefold() in taken:
            count += 1
            numbered = f"{name}_{count}"
        taken.add(numbered.casefold())
        names.append(f"attribution/{numbered}")
    return names
