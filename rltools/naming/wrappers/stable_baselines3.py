"""The Atari wrappers of Stable-Baselines3; `AtariWrapper` is a chain of them."""

from __future__ import annotations

from typing import Any

from rltools.naming._handing_on import Rule
from rltools.naming._named import Found
from rltools.naming._pictures import picture


def _warped(wrapper: Any, inner: Found) -> Found:
    return {(): picture((), wrapper.observation_space)}


RULES: dict[str, Rule] = {"WarpFrame": _warped}
