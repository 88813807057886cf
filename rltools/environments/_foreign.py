"""Objects that step like environments but are not Gymnasium's, and what to give instead."""

from __future__ import annotations

from typing import Any

import gymnasium

OLD_GYM = (
    "the old library gym; base it on gymnasium instead, or give a function that makes it through shimmy: "
    'gymnasium.make("GymV26Environment-v0", env=env), "GymV21Environment-v0" for a gym before 0.26'
)


def foreign_kind(value: object) -> str:
    """What an object is that is no environment of Gymnasium's, with what to give instead; "" for anything unknown.

    It is told by the modules of its classes, because none of these libraries need be installed here.
    """
    modules = [cls.__module__ for cls in type(value).__mro__]
    roots = {module.partition(".")[0] for module in modules}
    if "stable_baselines3" in roots and hasattr(value, "num_envs"):
        return _vector(value, "a vector of environments of Stable-Baselines3", "envs[0]", _wrapped_statistics(value))
    if isinstance(value, gymnasium.vector.VectorEnv):
        return _vector(value, "a vector of environments", "envs[0]", _statistics_of_vector(value))
    if "pettingzoo" in roots:
        return (
            f"a {type(value).__name__} of PettingZoo, in which several agents act; give a function that makes a "
            f"gymnasium.Env of the one agent that this policy plays, with the others inside it"
        )
    if "gym" in roots:
        return f"a {type(value).__name__} of {OLD_GYM}"
    if "dm_env" in roots or "dm_control" in roots:
        return (
            f"a {type(value).__name__} of dm_env; give a function that makes it through "
            f'gymnasium.make("dm_control/..."), of `pip install shimmy[dm-control]`'
        )
    return ""


def is_old_space(space: object) -> bool:
    """Whether a space is one of the old library gym."""
    return type(space).__module__.partition(".")[0] == "gym"


def _vector(value: object, what: str, first: str, also: str) -> str:
    inner: Any = value
    while not hasattr(inner, "envs") and hasattr(inner, "venv" if hasattr(inner, "venv") else "env"):
        inner = inner.venv if hasattr(inner, "venv") else inner.env
    single = f"one of its environments (.{first}), " if hasattr(inner, "envs") else ""
    return (
        f"{what} ({type(value).__name__}), and each episode has an environment of its own; give {single}its id, or a "
        f"function that makes one gymnasium.Env{also}"
    )


def _wrapped_statistics(value: object) -> str:
    level = value
    while level is not None:
        if type(level).__name__ == "VecNormalize":
            return ", and the VecNormalize as normalize="
        level = getattr(level, "venv", None)
    return ""


def _statistics_of_vector(value: object) -> str:
    level = value
    while level is not None:
        if "obs_rms" in vars(level):
            return (
                ", with the statistics of this one: rltools.FrozenStatistics(gymnasium.wrappers.NormalizeObservation("
                "env), mean=..., var=...)"
            )
        level = vars(level).get("env")
    return ""
