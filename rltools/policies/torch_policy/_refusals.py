"""What is said where a head cannot be used, and what to do instead."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from inspect import getattr_static
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

_ACTORS = ("actor", "actor_mean", "actor_fc_mu", "policy", "policy_net", "pi", "q_network", "network", "net", "model")


def cannot_take(policy: str, head: str, shape: Sequence[int], dtype: torch.dtype, error: Exception) -> str:
    """A head raised an error."""
    said = " ".join(str(error).split()) or type(error).__name__
    more = ""
    if "more than 1 value per channel" in said:
        more = "; give BatchNorm running statistics (track_running_stats=True)"
    elif shape[0] > 1 and isinstance(error, AssertionError):
        more = "; a head takes a batch of any size"
    return f"the {head} head of {policy} cannot take observations {list(shape)} of {dtype}: {said}{more}"


def wrong_output(policy: str, head: str, shape: Sequence[int], expected: Sequence[int], output: Any) -> str:
    """A head gives something else than scores `[batch, k]`."""
    if isinstance(output, Tensor) and output.is_meta:
        return f"the network of {policy} is on the meta device, where it has no numbers; load its weights first"
    if isinstance(output, Tensor):
        complex_ = f" of {output.dtype}" if output.is_complex() else ""
        gives = f"shape {list(output.shape)}{complex_}"
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
    """A module that cannot be called, and no heads; "" of any other."""
    # TorchScript's is a descriptor that cannot be asked for in the class.
    if getattr_static(type(module), "forward") is not nn.Module.forward or "forward" in vars(module):
        return ""
    children = dict(module.named_children())
    likely = next((name for name in _ACTORS if name in children), next(iter(children), "actor"))
    return (
        f"{type(module).__name__} has no forward, so it is not known which of its parts decides; give "
        f"heads={{{head!r}: module.{likely}}}, or whichever of its parts gives the scores (it has "
        f"{', '.join(children) or 'none'})"
    )
