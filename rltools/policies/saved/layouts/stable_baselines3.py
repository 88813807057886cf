"""Stable-Baselines3 and sb3-contrib: the weights of a policy alone, as torch.save writes them.

A model's own .zip, which says more, is read as such. Here are only weights: the functions between layers are the
library's defaults (tanh for PPO, A2C and TRPO, ReLU for all others), and a caveat says that statistics of VecNormalize
and the arguments of the policy are in no such file. Vectors and images of NatureCNN are rebuilt.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial

from gymnasium.spaces import MultiBinary
from torch import Tensor, nn

from rltools.errors import ModelError
from rltools.policies.actions import branches, count_actions
from rltools.policies.saved.chains import Chain, find_layers
from rltools.policies.saved.continuous import ConstantStd, Received, lowest_value, mean_heads, squashed
from rltools.policies.saved.halves import PositiveStd, std_of_log
from rltools.policies.saved.layout import LayoutCard
from rltools.policies.saved.networks import sequential
from rltools.policies.saved.parts import linear, part, under
from rltools.policies.saved.rebuilt import Contents, Rebuilt, Wanted
from rltools.policies.saved.spaces import check_ends, deciding_head, image_input
from rltools.policies.sb3._heads import normalize_actions
from rltools.policies.torch_policy import Head
from rltools.policies.vjp._chain import Chain as Calls

CARD = LayoutCard(
    title="Stable-Baselines3",
    files="`torch.save(model.policy.state_dict(), ...)`, the `policy.pth` inside a model's .zip, `get_parameters()`, a "
    "policy or an actor pickled whole: `mlp_extractor.policy_net.0.weight` and `action_net.weight`, "
    "`q_net.q_net.0.weight`, `actor.latent_pi.0.weight`, `actor.mu.0.weight`",
    activation=None,
    source="https://stable-baselines3.readthedocs.io/en/master/guide/save_format.html",
    versions="stable-baselines3 and sb3-contrib 2.9.2, in memory",
    by_network=True,
)
_ROOTS = ("", "policy")
_STRIDES = (4, 2, 1)
_CRITIC = re.compile(r"critic\.(qf\d+)\.")
_CLIPPED_MEAN = 2.0
_NOTE = (
    "whether it was trained on normalized observations (VecNormalize) is in no file of weights alone; none are "
    "normalized"
)
_WHOLE = "give the model's own .zip, written by model.save(), or the live model"


def recognizes(contents: Contents) -> bool:
    """Whether its parts are named as those of a policy of the library."""
    return _form(_weights(contents)) is not None


def rebuild(contents: Contents, wanted: Wanted) -> Rebuilt:
    """The actor or the Q-network, and the critics if they see what it does.

    Raises:
        ModelError: it is recurrent, or has an extractor of several arrays or of the user's own.
        MismatchError: it is not for the environment.
    """
    tensors = _weights(contents)
    form = _form(tensors)
    if form is None:
        raise ModelError(f"{contents.path} holds no policy of Stable-Baselines3; {_WHOLE}")
    recurrent = any("lstm_" in key for key in tensors)
    if recurrent or isinstance(wanted.action_space, MultiBinary):
        what = "is recurrent" if recurrent else "chooses several bits"
        raise ModelError(f"{contents.path} {what}, which weights alone do not describe; {_WHOLE}")
    return form(contents, tensors, wanted)


def _weights(contents: Contents) -> dict[str, Tensor]:
    """The tensors of a policy, wherever they are in the file."""
    places = [contents.under(root) for root in _ROOTS]
    return next((tensors for tensors in places if _form(tensors) is not None), places[0])


def _form(tensors: Mapping[str, Tensor]) -> Callable[[Contents, dict[str, Tensor], Wanted], Rebuilt] | None:
    """What rebuilds a policy with these parts; None if it is none of the library's."""
    names = {".".join(key.split(".")[:2]) for key in tensors}
    parts = {name.partition(".")[0] for name in names}
    if "action_net" in parts and "value_net" in parts:
        return _actor_critic
    if {"q_net.q_net", "quantile_net.quantile_net"} & names:
        return _q_network
    if "actor.latent_pi" in names or {"latent_pi", "mu", "log_std"} <= parts:
        return _squashed_actor
    is_numbered = any(re.match(r"actor\.mu\.\d+\.weight", key) for key in tensors)
    return _squashed_actor if is_numbered and any(map(_CRITIC.match, tensors)) else None


def _actor_critic(contents: Contents, tensors: dict[str, Tensor], wanted: Wanted) -> Rebuilt:
    activation, module, heads = wanted.activation or "tanh", nn.ModuleDict(), dict[str, Head]()
    calls: dict[str, Calls] = {}
    for name, side, last in (("actor", "policy_net", "action_net"), ("value", "value_net", "value_net")):
        letter = "pi" if name == "actor" else "vf"
        before, after = _extractor(contents, tensors, (f"{letter}_features_extractor", "features_extractor"), wanted)
        hidden = part(tensors, f"mlp_extractor.{side}")
        module[name] = network = nn.Sequential(*after, *_hidden(hidden, activation), linear(tensors, last))
        calls[name] = Calls(*before, *network)
        if name == "actor":
            _check(hidden | part(tensors, last), wanted, seen=_outputs(after))
    if branches(wanted.action_space):
        heads = {deciding_head(wanted, "logit"): calls["actor"], "value": calls["value"]}
        return Rebuilt(module, heads, notes=_notes(wanted), activation=activation)
    deciding_head(wanted, "mean")
    heads = mean_heads(calls["actor"], wanted.action_space) | {"value": calls["value"]}
    log_std, std, notes = tensors.get("log_std"), None, list(_notes(wanted))
    if log_std is not None and log_std.ndim == 1:
        module["std"] = std = ConstantStd(log_std.exp())
    elif log_std is not None:
        notes.append("it explored by gSDE; whether it squashes actions is in no file, and they are clipped")
    return Rebuilt(module, heads, std=std, notes=tuple(notes), activation=activation)


def _q_network(contents: Contents, tensors: dict[str, Tensor], wanted: Wanted) -> Rebuilt:
    activation = wanted.activation or "relu"
    name = "q_net" if any(key.startswith("q_net.") for key in tensors) else "quantile_net"
    before, after = _extractor(contents, tensors, (f"{name}.features_extractor",), wanted)
    weights, count = under(tensors, f"{name}.{name}"), count_actions(wanted.action_space)
    outputs = find_layers(weights)[0][-1].outputs
    quantiles = outputs // count if name == "quantile_net" and outputs % count == 0 else 1
    _check(weights, wanted, seen=_outputs(after), outputs=count * quantiles)
    network = nn.Sequential(*after, *sequential(weights, activation))
    calls = [*before, *network] + ([_MeanOfQuantiles(quantiles)] if name == "quantile_net" else [])
    heads = {deciding_head(wanted, "q_value"): Calls(*calls)}
    return Rebuilt(network, heads, notes=_notes(wanted), activation=activation)


class _MeanOfQuantiles(nn.Module):
    """`[batch, quantile * action]` -> `[batch, action]`."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.count = count

    def forward(self, x: Tensor) -> Tensor:
        return x.reshape(len(x), self.count, -1).mean(dim=1)


def _squashed_actor(contents: Contents, tensors: dict[str, Tensor], wanted: Wanted) -> Rebuilt:
    activation = wanted.activation or "relu"
    actor = under(tensors, "actor") or dict(tensors)
    before, after = _extractor(contents, actor, ("features_extractor",), wanted)
    hidden, means, notes = part(actor, "latent_pi"), part(actor, "mu"), list(_notes(wanted))
    _check(hidden | means, wanted, seen=_outputs(after))
    deciding_head(wanted, "mean")
    latent = nn.Sequential(*after, *_hidden(hidden, activation))
    # Means are the last layer of TD3's actor; gSDE clips those of SAC's, which has a layer of its own for them.
    mean = sequential(means, activation)
    if hidden and "mu.0.weight" in actor:
        mean.append(nn.Hardtanh(-_CLIPPED_MEAN, _CLIPPED_MEAN))
        notes.append(f"it explored by gSDE; its means are clipped at {_CLIPPED_MEAN:g}, the library's default")
    received, module = squashed(wanted.action_space), nn.ModuleDict({"latent": latent, "mean": mean})
    scores = Calls(*before, *latent, *mean)
    heads: dict[str, Head] = {"mean": scores, "action": Calls(*before, *latent, *mean, *received.parts)}
    std = None
    if "log_std.weight" in actor:
        before_std = Calls(*before, *latent)
        module["std"] = std = PositiveStd(before_std, linear(actor, "log_std"), positive=std_of_log)
    critics = sorted({match[1] for key in tensors if (match := _CRITIC.match(key))})
    estimates = [sequential(under(tensors, f"critic.{name}"), activation) for name in critics]
    if estimates and not before and all(_outputs(estimate) == 1 for estimate in estimates):
        module["critics"] = networks = nn.ModuleList(estimates)
        heads["q_value"] = partial(_lowest, networks, normalize_actions(wanted.action_space))
    choose = Received(received, std is not None)
    return Rebuilt(module, heads, std=std, choose=choose, notes=tuple(notes), activation=activation)


def _lowest(critics: nn.ModuleList, normalize: Head, x: Tensor, action: Tensor) -> Tensor:
    return lowest_value(critics, x.flatten(1), normalize(action.to(x)))


def _extractor(
    contents: Contents, tensors: Mapping[str, Tensor], names: tuple[str, ...], wanted: Wanted
) -> tuple[list[Callable[[Tensor], Tensor]], list[nn.Module]]:
    """What comes before a network's layers: functions without weights, and the layers of NatureCNN, if it has them."""
    weights = next((under(tensors, name) for name in names if under(tensors, name)), {})
    if not weights:
        flat = len(wanted.observation_space.shape or ()) > 1
        return [], [nn.Flatten()] if flat else []
    if {key.partition(".")[0] for key in weights} != {"cnn", "linear"}:
        raise ModelError(
            f"{contents.path} has a features extractor of its own or of several arrays "
            f"({', '.join(sorted(weights))[:200]}), which weights alone do not describe; {_WHOLE}"
        )
    before, shape = image_input(wanted.observation_space, find_layers(weights)[0][0].inputs)
    strides = wanted.strides or _STRIDES
    return list(before), list(sequential(weights, "relu", last="relu", strides=strides, input_shape=shape))


def _hidden(tensors: Mapping[str, Tensor], activation: str) -> list[nn.Module]:
    return list(sequential(tensors, activation, last=activation)) if tensors else []


def _outputs(modules: nn.Sequential | list[nn.Module]) -> int | None:
    """How many numbers the last linear layer returns; None without one."""
    sizes = [module.out_features for module in modules if isinstance(module, nn.Linear)]
    return sizes[-1] if sizes else None


def _check(tensors: Mapping[str, Tensor], wanted: Wanted, *, seen: int | None, outputs: int | None = None) -> None:
    """Check a network's sizes against the environment; behind an extractor it takes the `seen` features, not images."""
    chain = Chain("", tuple(find_layers(tensors)[0]))
    if seen is None:
        check_ends(chain, wanted, outputs=outputs)
    elif (chain.inputs, chain.outputs) != (seen, outputs or count_actions(wanted.action_space)):
        raise ModelError(f"the layers {chain} do not follow an extractor of {seen} features; {_WHOLE}")


def _notes(wanted: Wanted) -> tuple[str, ...]:
    return () if wanted.statistics is not None or wanted.is_unnormalized else (_NOTE,)
