"""CleanRL's actors whose actions are squashed into bounds, and their critics: SAC, TD3 and DDPG."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import torch
from torch import Tensor, nn

from rltools.errors import MismatchError, argument
from rltools.policies.saved.chains import Chain, find_layers
from rltools.policies.saved.continuous import Received, SquashedLogStd, lowest_value, squashed
from rltools.policies.saved.networks import sequential
from rltools.policies.saved.parts import linear, part
from rltools.policies.saved.rebuilt import Contents, Rebuilt, Wanted
from rltools.policies.saved.spaces import check_ends, deciding_head
from rltools.policies.torch_policy import Head
from rltools.policies.vjp._chain import Chain as Calls

LOG_STD_MIN, LOG_STD_MAX = -5, 2
_CRITICS = ("1", "2", "qf1", "qf2")


def squashed_actor(contents: Contents, tensors: dict[str, Tensor], wanted: Wanted) -> Rebuilt:
    """The actor, with the mean before it is squashed, and the critics if they are in the file.

    Raises:
        MismatchError: it is not for the environment, or has other bounds of actions.
    """
    last = "fc_mean" if "fc_mean.weight" in tensors else "fc_mu"
    activation, hidden = wanted.activation or "relu", part(tensors, "fc1", "fc2")
    deciding_head(wanted, "mean")
    check_ends(Chain("", tuple(find_layers(hidden | part(tensors, last))[0])), wanted)
    _check_bounds(tensors, wanted)
    latent, mean, received = (
        sequential(hidden, activation, last=activation),
        linear(tensors, last),
        squashed(wanted.action_space),
    )
    module = nn.ModuleDict({"latent": latent, "mean": mean})
    heads: dict[str, Head] = {"mean": Calls(latent, mean), "action": Calls(latent, mean, *received.parts)}
    std = None
    if "fc_logstd.weight" in tensors:
        module["std"] = std = SquashedLogStd(latent, linear(tensors, "fc_logstd"), LOG_STD_MIN, LOG_STD_MAX)
    of_critics = [weights for root in _CRITICS if "fc3.weight" in (weights := contents.under(root))]
    if of_critics:
        critics = nn.ModuleList(sequential(weights, activation) for weights in of_critics)
        module["critics"], heads["q_value"] = critics, partial(lowest_value, critics)
    return Rebuilt(module, heads, std=std, choose=Received(received, std is not None), activation=activation)


def _check_bounds(tensors: Mapping[str, Tensor], wanted: Wanted) -> None:
    """Compare the bounds of actions in the file with those of the environment.

    Raises:
        MismatchError: they differ.
    """
    scale, bias = (tensors[name].detach().reshape(-1) for name in ("action_scale", "action_bias"))
    low, high = (torch.as_tensor(getattr(wanted.action_space, name)).reshape(-1).to(scale) for name in ("low", "high"))
    if not (torch.allclose(bias - scale, low) and torch.allclose(bias + scale, high)):
        raise MismatchError(
            f"the file was trained with actions from {(bias - scale).tolist()} to {(bias + scale).tolist()} and the "
            f"environment takes them from {low.tolist()} to {high.tolist()}; give the one it was trained in, with its "
            f"wrappers, as {argument('env')}"
        )
