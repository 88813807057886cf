"""How the returns that a model's values estimate are discounted, and how VecNormalize scaled their rewards."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rltools.policies.base import Discounting
from rltools.policies.sb3._normalize import MAX_BYTES
from rltools.policies.sb3.archive.saved import decode_entry
from rltools.policies.untrusted.decode import decode_array
from rltools.policies.untrusted.pickles import Record, unpickle
from rltools.policies.untrusted.zips import read_file

SETTINGS = ("gamma", "gae_lambda")
"""The settings of an algorithm that this file reads."""
Rewards = tuple[float, float]
"""What rewards were divided by in the training, and the largest magnitude after that."""


def discounting_of(settings: Mapping[str, Any], rewards: Rewards | None) -> Discounting:
    """The discounting of a model with these settings, which may be those of an untrusted file."""
    gamma, gae_lambda = (_fraction(settings.get(name)) for name in SETTINGS)
    return Discounting(gamma, gae_lambda, *(rewards or (None, None)))


def _fraction(value: Any) -> float | None:
    return float(value) if type(value) in (int, float) and 0 <= value <= 1 else None


def scaled_rewards(normalize: Any) -> Rewards | None:
    """How a VecNormalize, live or in the file at a path, scales rewards; None if it leaves them as they are.

    As it does, rewards are divided by the std of the discounted return, and clipped. A file is read without running
    anything in it.

    Raises:
        ModelError: the file is missing or damaged.
        UnsafeFileError: it would run code; nothing was run.
    """
    if isinstance(normalize, str | Path):
        path = Path(normalize)
        record = unpickle(read_file(path, MAX_BYTES), "the pickle", str(path))
        return decode_entry(lambda: _recorded(record), "the statistics of the return", path)
    library = sys.modules.get("stable_baselines3.common.vec_env.vec_normalize")
    if library is None or not isinstance(normalize, library.VecNormalize) or not normalize.norm_reward:
        return None
    return _checked(float(normalize.ret_rms.var), float(normalize.epsilon), float(normalize.clip_reward))


def _recorded(record: Any) -> Rewards | None:
    if not isinstance(record, Record) or record.state.get("norm_reward") is not True:
        return None
    state = record.state
    numbers = (state["ret_rms"].state["var"], state["epsilon"], state["clip_reward"])
    return _checked(*(decode_array(number).item() for number in numbers))


def _checked(variance: float, epsilon: float, clip: float) -> Rewards:
    if not (0 <= variance < math.inf and 0 <= epsilon < math.inf and variance + epsilon > 0 and clip > 0):
        raise ValueError(f"its numbers make no sense: variance {variance}, epsilon {epsilon}, clip {clip}")
    return math.sqrt(variance + epsilon), clip
