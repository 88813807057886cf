"""The agents of a folder of rl-baselines3-zoo, for experiments that are run over whatever is there."""

from __future__ import annotations

import os
from pathlib import Path

from rltools._util.foreign_files import is_folder
from rltools.errors import ConfigError
from rltools.experiments._agents import natural_order

ZOO = "RLTOOLS_ZOO"
"""The environment variable with the path of the folder, which has `<algorithm>/<environment>_1/` in it."""
MAX_AGENTS = 1_000
"""Run folders in a zoo."""


def zoo_agents() -> tuple[Path, ...]:
    """The run folders of the zoo that `RLTOOLS_ZOO` names, in natural order; none if it is not set.

    Raises:
        ConfigError: it names no folder, or one without run folders or with too many.

    Example:
        >>> import os
        >>> from rltools.experiments.zoo import zoo_agents
        >>> os.environ.get("RLTOOLS_ZOO") is not None or zoo_agents() == ()
        True
    """
    from rltools.policies.sb3.zoo.folder import model_in

    name = os.environ.get(ZOO, "")
    if not name:
        return ()
    folder = Path(name)
    if not is_folder(folder):
        raise ConfigError(
            f"{ZOO} is {name!r}, which is no folder; set it to a folder of rl-baselines3-zoo, or unset it"
        )
    runs = [
        path
        for path in sorted(folder.glob("*/*"), key=lambda path: natural_order(str(path)))
        if model_in(path) is not None
    ]
    if not 0 < len(runs) <= MAX_AGENTS:
        raise ConfigError(
            f"{ZOO} is {name!r}, which has {len(runs):,} run folders <algorithm>/<environment>_1 with a model; an "
            f"experiment takes 1 to {MAX_AGENTS:,}: name the folder of the algorithms, or unset it"
        )
    return tuple(runs)


def zoo_label(agent: Path) -> str:
    """What an agent of a zoo is called: its algorithm and its folder, `ppo-LunarLander-v2_1`."""
    return f"{agent.parent.name}-{agent.name}"
