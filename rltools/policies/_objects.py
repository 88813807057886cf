"""What a live object that no policy can be made of is, and what to give instead."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gymnasium


def object_kind(source: Any) -> str:
    """What it is, and the next step, for the end of a sentence; "" where nothing can be said.

    >>> object_kind({"policy.0.weight": 1}).partition(";")[0]
    'a dict, which does not say what network it is of'
    """
    library, kind = type(source).__module__.partition(".")[0], type(source).__name__
    an_environment = isinstance(source, gymnasium.Env | gymnasium.vector.VectorEnv) or hasattr(source, "envs")
    name = getattr(source, "__name__", kind)
    kinds = (
        (isinstance(source, type), f"the class {name}; give an instance of it: a model that was trained or loaded"),
        (
            library == "stable_baselines3" and hasattr(source, "obs_rms"),
            "statistics of VecNormalize; give the model first, and these as normalize=",
        ),
        (an_environment, f"an environment ({kind}); give the agent first, and the environment as env="),
        (library == "gymnasium", f"a {kind} of gymnasium; give the agent first, and the environment as env="),
        (
            isinstance(source, Mapping),
            f"a {kind}, which does not say what network it is of; build the network, load the weights into it, and "
            f"give rltools.TorchPolicy(network, observation_space, action_space)",
        ),
        (isinstance(source, list | tuple | set), f"a {kind}; give one agent at a time"),
        (
            isinstance(source, bytes) or hasattr(source, "read"),
            f"the content of a file ({kind}); give the path of the file",
        ),
        (
            callable(source),
            f"the function {name}; give the agent itself, or rltools.TorchPolicy(function, observation_space, "
            f"action_space) where it takes a batch of observations and gives their scores",
        ),
    )
    return next((sentence for fits, sentence in kinds if fits), "")
