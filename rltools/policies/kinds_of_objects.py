"""Guesses what an object is that no policy can be made from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gymnasium

from rltools.errors import argument


def object_kind(source: Any) -> str:
    """An object's kind and advice, for the end of an error message; "" if unknown.

    >>> object_kind({"policy.0.weight": 1}).partition(";")[0]
    'a dict, which does not describe its network'
    """
    library, kind = type(source).__module__.partition(".")[0], type(source).__name__
    an_environment = isinstance(source, gymnasium.Env | gymnasium.vector.VectorEnv) or hasattr(source, "envs")
    name = getattr(source, "__name__", kind)
    kinds = (
        (isinstance(source, type), f"the class {name}; give an instance of it: a model that was trained or loaded"),
        (
            library == "stable_baselines3" and hasattr(source, "obs_rms"),
            f"VecNormalize statistics; give the model first, and these as {argument('normalize')}",
        ),
        (an_environment, f"an environment ({kind}); give the agent first, and the environment as {argument('env')}"),
        (library == "gymnasium", f"a gymnasium {kind}; give the agent first, and the environment as {argument('env')}"),
        (
            isinstance(source, Mapping),
            f"a {kind}, which does not describe its network; build the network, load the weights into it, and "
            f"give rltools.TorchPolicy(network, env)",
        ),
        (isinstance(source, list | tuple | set), f"a {kind}; give one agent at a time"),
        (
            isinstance(source, bytes) or hasattr(source, "read"),
            f"the content of a file ({kind}); give the path of the file",
        ),
        (
            hasattr(source, "predict") and not callable(source),
            f"a {kind} of {library}; give rltools.FunctionPolicy(model.predict, env) if predict maps a batch of "
            f"observations to actions, or model.predict_proba with returns='probabilities'",
        ),
        (
            callable(source),
            f"the function {name}; give rltools.FunctionPolicy(function, env) if it maps a batch of observations to "
            f"actions or scores, or, if it computes with tensors of PyTorch, rltools.TorchPolicy(function, env)",
        ),
        (
            hasattr(source, "dtype") and hasattr(source, "shape"),
            f"an array ({kind}); if it is a table, give rltools.FunctionPolicy(lambda observations: "
            f"table[observations], env), with returns='q_values' if it holds scores",
        ),
    )
    return next((sentence for fits, sentence in kinds if fits), "")
