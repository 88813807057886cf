"""Names of an environment's observations and actions.

`_card`, `_mujoco` and `_atari` name the innermost environment: by its card, by its MuJoCo model, by its game.
`_through_wrappers` carries the names outward through the wrappers, by the rules in `wrappers/`, one file per library.
Imports `spaces` and, for types, `cards`. Start with `_through_wrappers.py`: `observed_features`.
"""

from rltools.envs.names._card import action_names
from rltools.envs.names._through_wrappers import observed_features

__all__ = ["action_names", "observed_features"]
