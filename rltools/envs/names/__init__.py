"""Names of an environment's observations and actions.

`_card` names the innermost environment by its card, and `sources/` by what it says itself, one file per manner.
`_through_wrappers` carries the names outward through the wrappers, by the rules in `wrappers/`, one file per library.
Each name has an origin (`Features.origins`, `Names.origin`); `origin_lines` has them in words. Imports `spaces` and,
for types, `cards`. Start with `_through_wrappers.py`: `observed_features`.
"""

from rltools.envs.names._card import action_names, numbered_action
from rltools.envs.names._origins import origin_lines
from rltools.envs.names._through_wrappers import observed_features
from rltools.envs.names.sources import Names, NamesWarning

__all__ = ["Names", "NamesWarning", "action_names", "numbered_action", "observed_features", "origin_lines"]
