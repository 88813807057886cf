"""The Atari wrappers of Stable-Baselines3; `AtariWrapper` is a chain of them."""

from __future__ import annotations

from typing import Any

from rltools.envs.names._named import Found, picture
from rltools.envs.names._through_wrappers import Rule


def _warped(wrapper: Any, inner: Found) -> Found:
    return {(): picture((), wrapper.observation_space)}


RULES: dict[str, Rule] = {"WarpFrame": _warped}
