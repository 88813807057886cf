"""Spinning Up: the actor-critics of OpenAI's course, which save the whole module or its state dict.

The functions between layers are the course's defaults, tanh for VPG and PPO and ReLU for DDPG, TD3 and SAC. Actions of
the last three go through tanh and are scaled to the bounds; those of the others are means, clipped to them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from torch import Tensor, nn

from rltools.errors import ModelError, argument
from rltools.policies.saved.chains import Chain, find_layers
from rltools.policies.saved.continuous import ConstantStd, Received, lowest_value, mean_heads, squashed
from rltools.policies.saved.halves import PositiveStd, std_of_log
from rltools.policies.saved.layout import LayoutCard
from rltools.policies.saved.networks import sequential
from rltools.policies.saved.parts import linear, part, under
from rltools.policies.saved.rebuilt import Contents, Rebuilt, Wanted
from rltools.policies.saved.spaces import check_ends, deciding_head
from rltools.policies.torch_policy import Head
from rltools.policies.vjp._chain import Chain as Calls

CARD = LayoutCard(
    title="Spinning Up",
    files="`pyt_save/model.pt`, the module of an agent, or its state dict: `pi.logits_net.0.weight`, "
    "`pi.mu_net.0.weight` and `pi.log_std`, `pi.net.0.weight` and `pi.mu_layer.weight`, `pi.pi.0.weight`, with "
    "`v.v_net`, `q.q`, `q1.q` and `q2.q`",
    activation=None,
    source="https://spinningup.openai.com/en/latest/user/saving_and_loading.html",
    versions="its networks as they are in its repository of 2020, with random weights",
    by_network=True,
)
_CRITICS = ("q.q", "q1.q", "q2.q")


def recognizes(contents: Contents) -> bool:
    """Whether the parts of its actor are named as in the course's code."""
    return _form(contents) is not None


def rebuild(contents: Contents, wanted: Wanted) -> Rebuilt:
    """The actor, and the value network or the critics.

    Raises:
        ModelError: it has no actor of the course.
        MismatchError: it is not for the environment.
    """
    form = _form(contents)
    if form is None:
        raise ModelError(
            f"{contents.path} holds no actor of Spinning Up (pi.logits_net, pi.mu_net, pi.net or pi.pi); give another "
            f"{argument('layout')}"
        )
    return form(contents, wanted)


def _form(contents: Contents) -> Callable[[Contents, Wanted], Rebuilt] | None:
    actor = contents.under("pi")
    forms: dict[str, Callable[[Contents, Wanted], Rebuilt]] = {
        "logits_net.0.weight": partial(_on_policy, name="logits_net"),
        "mu_net.0.weight": partial(_on_policy, name="mu_net"),
        "mu_layer.weight": _soft_actor,
        "pi.0.weight": _deterministic_actor,
    }
    return next((form for key, form in forms.items() if key in actor), None)


def _on_policy(contents: Contents, wanted: Wanted, name: str) -> Rebuilt:
    activation = wanted.activation or "tanh"
    actor = _network(contents, f"pi.{name}", wanted, activation)
    module, log_std, std = nn.ModuleDict({"actor": actor}), contents.tensors.get("pi.log_std"), None
    if name == "logits_net":
        heads: dict[str, Head] = {deciding_head(wanted, "logit"): actor}
    else:
        deciding_head(wanted, "mean")
        heads = mean_heads(actor, wanted.action_space)
        if log_std is not None:
            module["std"] = std = ConstantStd(log_std.exp())
    if value := contents.under("v.v_net"):
        module["value"] = sequential(value, activation)
        heads["value"] = module["value"]
    return Rebuilt(module, heads, std=std, activation=activation)


def _soft_actor(contents: Contents, wanted: Wanted) -> Rebuilt:
    activation, actor = wanted.activation or "relu", contents.under("pi")
    _check(part(actor, "net", "mu_layer"), wanted)
    latent, mean = sequential(under(actor, "net"), activation, last=activation), linear(actor, "mu_layer")
    received, module = squashed(wanted.action_space), nn.ModuleDict({"latent": latent, "mean": mean})
    deciding_head(wanted, "mean")
    heads: dict[str, Head] = {"mean": Calls(latent, mean), "action": Calls(latent, mean, *received.parts)}
    module["std"] = std = PositiveStd(latent, linear(actor, "log_std_layer"), positive=std_of_log)
    _add_critics(contents, module, heads, activation)
    return Rebuilt(module, heads, std=std, choose=Received(received, True), activation=activation)


def _deterministic_actor(contents: Contents, wanted: Wanted) -> Rebuilt:
    activation = wanted.activation or "relu"
    actor, received = _network(contents, "pi.pi", wanted, activation), squashed(wanted.action_space)
    deciding_head(wanted, "mean")
    module = nn.ModuleDict({"actor": actor})
    heads: dict[str, Head] = {"mean": actor, "action": Calls(actor, *received.parts)}
    _add_critics(contents, module, heads, activation)
    return Rebuilt(module, heads, choose=Received(received, False), activation=activation)


def _network(contents: Contents, name: str, wanted: Wanted, activation: str) -> nn.Sequential:
    tensors = contents.under(name)
    _check(tensors, wanted)
    return sequential(tensors, activation)


def _check(tensors: Mapping[str, Tensor], wanted: Wanted) -> None:
    check_ends(Chain("pi", tuple(find_layers(tensors)[0])), wanted)


def _add_critics(contents: Contents, module: nn.ModuleDict, heads: dict[str, Head], activation: str) -> None:
    networks = [sequential(weights, activation) for name in _CRITICS if (weights := contents.under(name))]
    if networks:
        module["critics"] = critics = nn.ModuleList(networks)
        heads["q_value"] = partial(lowest_value, critics)
