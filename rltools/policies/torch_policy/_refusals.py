"""Messages for modules and heads that cannot be used, with what to do instead."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from inspect import getattr_static
from typing import Any

import torch
from gymnasium import Env
from gymnasium.envs.registration import EnvSpec
from torch import Tensor, nn
from torch.distributions import Distribution

from rltools._util.text import one_line
from rltools.errors import ArgumentError
from rltools.spaces import Features

_ACTORS = ("actor", "actor_mean", "actor_fc_mu", "policy", "policy_net", "pi", "q_network", "network", "net", "model")


def check_given(module: Any, heads: Any, features: Any, environment: Any, action_names: Any) -> None:
    """Check the types of a TorchPolicy's arguments.

    Raises:
        ArgumentError: one of them has another type; the message says what to give.
    """
    if isinstance(module, type):
        raise ArgumentError(f"the module is the class {module.__name__}; give an instance of it, with trained weights")
    if isinstance(module, Mapping):
        raise ArgumentError(
            f"the module is a {type(module).__name__}, weights without a description of their network; build the "
            f"network, load them into it with load_state_dict, and give the network"
        )
    if not callable(module):
        raise ArgumentError(
            f"the module is {' '.join(repr(module).split())[:80]}, a {type(module).__name__}; give a torch.nn.Module, "
            f"or a function of a batch of observations"
        )
    if heads is not None and not isinstance(heads, Mapping):
        raise ArgumentError(
            f"heads is a {type(heads).__name__}; give a mapping from names to functions, for instance "
            f"{{'logit': module.actor}}"
        )
    for name, head in (heads or {}).items():
        if not isinstance(name, str) or not callable(head):
            raise ArgumentError(
                f"the head {name!r:.40} is {' '.join(repr(head).split())[:80]}; give functions of a batch of "
                f"observations by name, for instance {{'logit': module.actor}}"
            )
    if features is not None and not isinstance(features, Features):
        raise ArgumentError(
            f"features is a {type(features).__name__}; give a rltools.Features, for instance "
            f"rltools.Features((2,), given_names=('speed', 'height'))"
        )
    if environment is not None and not isinstance(environment, EnvSpec):
        advice = "its spec, env.spec" if isinstance(environment, Env) else "an EnvSpec, as gymnasium.spec(id) gives it"
        raise ArgumentError(f"environment is {environment!r:.80}, a {type(environment).__name__}; give {advice}")
    if isinstance(action_names, str) or not all(isinstance(name, str) for name in action_names or ()):
        raise ArgumentError(f"action_names is {action_names!r:.80}; give a list of texts, one for each action")


MOST_QUOTED = 300
"""The most characters of another library's message."""


def cannot_take(policy: str, head: str, shape: Sequence[int], dtype: torch.dtype, error: Exception) -> str:
    """The message for a head that raised an error."""
    reason, more = one_line(error) or type(error).__name__, ""
    if len(reason) > MOST_QUOTED:  # PyTorch lists all its backends
        reason = f"{reason[:MOST_QUOTED]}..."
    if "more than 1 value per channel" in reason:
        more = "; give BatchNorm running statistics (track_running_stats=True)"
    elif shape[0] > 1 and isinstance(error, AssertionError):
        more = "; a head takes a batch of any size"
    return f"the {head} head of {policy} cannot take observations {list(shape)} of {dtype}: {reason}{more}"


def wrong_output(policy: str, head: str, shape: Sequence[int], expected: Sequence[int], output: Any) -> str:
    """The message for a head whose output is not a tensor `[batch, k]`."""
    if isinstance(output, Tensor) and output.is_meta:
        return f"the network of {policy} is on the meta device, where it has no numbers; load its weights first"
    if isinstance(output, Tensor):
        odd = f" of {output.dtype}" if output.is_complex() else ""
        odd += "" if output.layout is torch.strided else ", sparse; give it densely, with to_dense()"
        gives = f"shape {list(output.shape)}{odd}"
    else:
        gives = f"a {type(output).__name__}"
    return (
        f"the {head} head of {policy} must give shape {list(expected)}, [batch, k], for observations {list(shape)}; it "
        f"gives {gives}{_instead(head, output)}"
    )


def _instead(head: str, output: Any) -> str:
    take = ""
    if isinstance(output, Distribution):
        take = next((f".{name}" for name in ("logits", "mean") if hasattr(output, name)), ".mean")
    elif isinstance(output, Mapping) and output:
        take = f"[{next(iter(output))!r}]"
    elif isinstance(output, tuple | list) and output:
        take = "[0]"
    return f"; give the part that counts, for instance heads={{{head!r}: lambda x: module(x){take}}}" if take else ""


def without_forward(module: nn.Module, head: str) -> str:
    """The message for a module without `forward` and heads; "" for any other module."""
    # TorchScript's is a descriptor that cannot be read from the class.
    if getattr_static(type(module), "forward") is not nn.Module.forward or "forward" in vars(module):
        return ""
    children = dict(module.named_children())
    likely = next((name for name in _ACTORS if name in children), next(iter(children), "actor"))
    return (
        f"{type(module).__name__} has no forward, so it is unclear which of its parts decides; give "
        f"heads={{{head!r}: module.{likely}}}, or whichever of its parts gives the scores (it has "
        f"{', '.join(children) or 'none'})"
    )
