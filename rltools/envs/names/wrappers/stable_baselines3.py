"""The Atari wrappers of Stable-Baselines3; `AtariWrapper` is a chain of the others."""

from __future__ import annotations

from typing import Any

from rltools.envs.names._named import NamedLeaves, image_leaf
from rltools.envs.names.wrappers import WrapperLibrary

_PACKAGE = __name__.rpartition(".")[2]
_ATARI = f"{_PACKAGE}.common.atari_wrappers"
_NAMES = "AtariWrapper StickyActionEnv NoopResetEnv MaxAndSkipEnv EpisodicLifeEnv FireResetEnv WarpFrame ClipRewardEnv"


def _warp_frame(wrapper: Any, inner: NamedLeaves) -> NamedLeaves:
    return {(): image_leaf((), wrapper.observation_space)}


LIBRARY = WrapperLibrary(
    entry_points={name: f"{_ATARI}:{name}" for name in _NAMES.split()},
    rules={"WarpFrame": _warp_frame},
    records_arguments=False,
    composites=(f"{_ATARI}:AtariWrapper",),
    # The library puts it around every environment it is given.
    transparent=(f"{_PACKAGE}.common.monitor:Monitor",),
)
