"""Tianshou: the networks of its policies, from the state dict of a whole algorithm or of the policy alone.

A `Net` with its preprocessing has the layers under `model.model`, `Q.model` and `V.model`; actors and critics have
them under `preprocess`, `last`, `mu` and `sigma`. Which distribution a policy has, and how it maps actions to the
bounds of the environment, is in no file: the defaults of version 2 and of its examples are taken, and noted.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from rltools.errors import ArgumentError, ModelError, argument
from rltools.policies.actions import branches, count_actions
from rltools.policies.saved.chains import LINEAR, RECURRENT, Chain, LayerWeights, find_layers
from rltools.policies.saved.continuous import ConstantStd, Received, clipped, rescaled, squashed
from rltools.policies.saved.halves import PositiveStd, std_of_log
from rltools.policies.saved.layout import LayoutCard, activation_for
from rltools.policies.saved.memory import recurrent_state
from rltools.policies.saved.networks import recurrent_module, sequential
from rltools.policies.saved.parts import tensors_of, under
from rltools.policies.saved.rebuilt import Contents, Rebuilt, Wanted
from rltools.policies.saved.spaces import check_ends, deciding_head
from rltools.policies.torch_policy import Head
from rltools.policies.vjp._chain import Chain as Calls

CARD = LayoutCard(
    title="Tianshou",
    files="`torch.save(algorithm.state_dict(), ...)`, with keys such as `policy.actor.preprocess.model.model.0.weight` "
    "or `policy.model.model.model.0.weight`; or the state dict of a policy alone, as in version 1, without `policy.`",
    activation="relu",
    source="https://tianshou.org/en/stable/03_api/utils/net/common.html",
    versions="tianshou 2.0.1 and 1.2.0",
)
_NESTED = "model.model"
"""Where a Net has the layers of its MLP."""
_NET = re.compile(r"model\.(model\.model|Q\.model|V\.model|fc1|nn)\.")
_ACTOR = re.compile(r"actor\.(preprocess|last|mu\.model)\.")


def recognizes(contents: Contents) -> bool:
    """Whether it has a network of the library, in the place of a policy's model or actor."""
    return any(_NET.match(key) or _ACTOR.match(key) for key in _policy(contents))


def rebuild(contents: Contents, wanted: Wanted) -> Rebuilt:
    """The model of Q-values, or the actor and the value network if there is one.

    Raises:
        ModelError: networks of the user's own, or of images.
        MismatchError: it is not for the environment.
    """
    tensors = _policy(contents)
    if any(_ACTOR.match(key) for key in tensors):
        return _actor(contents, tensors, wanted)
    if any(key.startswith("model.nn.") for key in tensors):
        return _recurrent(contents, under(tensors, "model"), wanted)
    return _q_network(contents, tensors, wanted)


def _policy(contents: Contents) -> dict[str, Tensor]:
    return contents.under("policy") or dict(contents.tensors)


def _q_network(contents: Contents, tensors: Mapping[str, Tensor], wanted: Wanted) -> Rebuilt:
    """Q-values of a `Net`, also a dueling one, of quantiles or of a distribution over atoms."""
    activation, count = activation_for(CARD, wanted), count_actions(wanted.action_space)
    trunk, values = _layers(contents, under(tensors, "model.model")), _layers(contents, under(tensors, "model.V"))
    support = tensors.get("support")
    module = nn.ModuleDict()
    if values:
        advantages = _layers(contents, under(tensors, "model.Q"))
        atoms = values[-1].outputs
        check_ends(Chain("model", (trunk[0], advantages[-1])), wanted, outputs=count * atoms if atoms > 1 else None)
        module["trunk"] = sequential(tensors_of(trunk), activation, last=activation)
        module["advantages"] = sequential(tensors_of(advantages), activation)
        module["state_value"] = sequential(tensors_of(values), activation)
        module["network"] = _Dueling(module["trunk"], module["advantages"], module["state_value"], count)
    else:
        atoms = max(1, trunk[-1].outputs // count)
        check_ends(Chain("model.model", tuple(trunk)), wanted, outputs=count * atoms if atoms > 1 else None)
        module["network"] = sequential(tensors_of(trunk), activation)
    parts: list[Callable[[Tensor], Tensor]] = [module["network"]]
    if atoms > 1:
        module["expected"] = _Expected(count, support)
        parts.append(module["expected"])
    notes = (f"the mean of {atoms} quantiles is its Q-value",) if atoms > 1 and support is None else ()
    return Rebuilt(module, {deciding_head(wanted, "q_value"): Calls(*parts)}, notes=notes)


class _Dueling(nn.Module):
    """The value of the state and the advantage of each action, `[batch, feature]` -> `[batch, action * atom]`."""

    def __init__(self, trunk: nn.Module, advantages: nn.Module, value: nn.Module, count: int) -> None:
        super().__init__()
        self.trunk, self.advantages, self.value, self.count = trunk, advantages, value, count

    def forward(self, x: Tensor) -> Tensor:
        latent = self.trunk(x)
        advantages, value = torch.unflatten(self.advantages(latent), 1, (self.count, -1)), self.value(latent)[:, None]
        return torch.flatten(advantages - advantages.mean(dim=1, keepdim=True) + value, 1)


class _Expected(nn.Module):
    """The expected return of each action: of its atoms by their logits, or the mean of its quantiles."""

    support: Tensor | None

    def __init__(self, count: int, support: Tensor | None) -> None:
        super().__init__()
        self.count = count
        self.register_buffer("support", None if support is None else support.detach())

    def forward(self, outputs: Tensor) -> Tensor:
        """`[batch, action * atom]` -> `[batch, action]`."""
        atoms = torch.unflatten(outputs, 1, (self.count, -1))
        return atoms.mean(dim=2) if self.support is None else torch.sum(atoms.softmax(dim=2) * self.support, 2)


def _recurrent(contents: Contents, tensors: Mapping[str, Tensor], wanted: Wanted) -> Rebuilt:
    """`Recurrent`: a linear layer, an LSTM and a linear layer, with nothing between them."""
    parts = {name: find_layers(_only(tensors, name))[0] for name in ("fc1", "nn", "fc2")}
    if any(len(layers) != 1 for layers in parts.values()) or parts["nn"][0].kind not in RECURRENT:
        raise ModelError(f"{contents.path} has {_listed(tensors)}, not the fc1, nn and fc2 of Recurrent; {_BUILD}")
    check_ends(Chain("model", (parts["fc1"][0], parts["fc2"][0])), wanted)
    lstm = recurrent_module(parts["nn"][0])
    first, last = (sequential(tensors_of(parts[name]), "identity") for name in ("fc1", "fc2"))
    module = nn.ModuleDict({"fc1": first, "nn": lstm, "fc2": last})
    # A Q-network, unless the caller says otherwise: an actor has a Recurrent under `preprocess`.
    head = deciding_head(wanted, "q_value")
    return Rebuilt(module, {head: last}, memory=recurrent_state(lstm, encode=first))


def _actor(contents: Contents, tensors: Mapping[str, Tensor], wanted: Wanted) -> Rebuilt:
    activation, is_discrete = activation_for(CARD, wanted), bool(branches(wanted.action_space))
    actor = under(tensors, "actor")
    end = "mu" if any(key.startswith("mu.") for key in actor) else "last"
    if is_discrete and end == "mu":
        raise ArgumentError(
            f"{contents.path} has an actor of continuous actions, and the environment takes {wanted.action_space}; "
            f"give the one it was trained in as {argument('env')}"
        )
    before, after = _layers(contents, under(actor, "preprocess"), _NESTED), _layers(contents, under(actor, end))
    chain = Chain("actor", (*before, *after))
    check_ends(chain, wanted)
    trunk, last = sequential(tensors_of(before), activation, last=activation), sequential(tensors_of(after), activation)
    module = nn.ModuleDict({"trunk": trunk, "last": last})
    scores = Calls(trunk, last)
    std, choose, notes = None, None, list[str]()
    if is_discrete:
        heads: dict[str, Head] = {deciding_head(wanted, "logit"): scores}
    else:
        std, choose, heads, notes = _continuous(contents, actor, module, end, wanted)
    critic = contents.under("critic")
    is_known = all(key.startswith((f"preprocess.{_NESTED}.", "last.model.")) for key in critic)
    if critic and is_known and not any(key.startswith("critic2.") for key in contents.tensors):
        before = _layers(contents, under(critic, "preprocess"), _NESTED)
        after = _layers(contents, under(critic, "last"))
        if before and after and before[0].inputs == chain.inputs and after[-1].outputs == 1:
            module["value_trunk"] = sequential(tensors_of(before), activation, last=activation)
            module["value"] = sequential(tensors_of(after), activation)
            heads["value"] = Calls(module["value_trunk"], module["value"])
    return Rebuilt(module, heads, std=std, choose=choose, notes=tuple(notes))


def _continuous(
    contents: Contents, actor: Mapping[str, Tensor], module: nn.ModuleDict, end: str, wanted: Wanted
) -> tuple[nn.Module | None, Received, dict[str, Head], list[str]]:
    """The std and the heads of an actor of continuous actions, how it chooses, and what no file says about it."""
    sigma, parameter = under(actor, "sigma"), actor.get("sigma_param")
    std: nn.Module | None = None
    if parameter is not None:
        std = ConstantStd(parameter.exp())
    elif sigma:
        layers = _layers(contents, sigma)
        if [layer.kind for layer in layers] != [LINEAR]:
            raise ModelError(f"{contents.path}: its actor.sigma has {len(layers)} layers, not one; {_BUILD}")
        std = PositiveStd(module["trunk"], sequential(tensors_of(layers), "identity"), positive=std_of_log)
    has_twins = any(key.startswith("critic2.") for key in contents.tensors)
    # An actor whose std depends on the observation is SAC's, unless an on-policy critic stands beside it.
    is_squashed = end == "last" or has_twins or (bool(sigma) and not contents.under("critic"))
    if deciding_head(wanted, "mean") == "action":
        received, how = clipped(wanted.action_space), "its outputs are taken for actions, and clipped to the bounds"
    elif is_squashed:
        received, how = (
            squashed(wanted.action_space),
            "actions are taken to be tanh of its outputs, scaled to the bounds",
        )
    else:
        received = rescaled(wanted.action_space)
        how = (
            "means are taken to be unbounded, clipped to [-1, 1] and scaled to the bounds (action_bound_method='clip')"
        )
    if std is not None:
        module["std"] = std
    scores = Calls(module["trunk"], module["last"])
    heads: dict[str, Head] = {"mean": scores, "action": Calls(module["trunk"], module["last"], *received.parts)}
    if wanted.head == "action":
        heads = {"action": heads["action"]}
    note = f"no file of Tianshou says how actions become those of the environment; {how}"
    return std, Received(received, std is not None), heads, [note]


_BUILD = "build the network yourself, load the weights into it and give rltools.TorchPolicy(network, env)"


def _layers(contents: Contents, tensors: Mapping[str, Tensor], inside: str = "model") -> list[LayerWeights]:
    """The layers of one of the library's MLPs, which has them under `model`; none if it is not there."""
    layers, others = find_layers(under(tensors, inside))
    if tensors and (others or not layers or any(not key.startswith(f"{inside}.") for key in tensors)):
        raise ModelError(
            f"{contents.path} has {_listed(tensors)} in the place of an MLP of Tianshou: a network of images, or of "
            f"your own; {_BUILD}"
        )
    return layers


def _only(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {key: value for key, value in tensors.items() if key.startswith(f"{prefix}.")}


def _listed(tensors: Mapping[str, Any]) -> str:
    return ", ".join(ascii(key)[1:-1] for key in list(tensors)[:6])[:300]
