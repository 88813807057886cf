"""Networks of rl-games, shared or separate, with normalization, an LSTM or a GRU before or after layers.

Where the memory stands, and whether observations join it, is told by shapes. Means in [-1, 1] are scaled to the bounds
of actions, as the library's player does. Networks that see images, and those with dense connections, are refused.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from torch import Tensor, nn

from rltools.errors import MismatchError, ModelError, argument
from rltools.policies._normalization import Normalization
from rltools.policies.actions import branches, count_actions
from rltools.policies.saved.continuous import ConstantStd, Received, clipped, rescaled
from rltools.policies.saved.layout import LayoutCard, activation_for
from rltools.policies.saved.layouts._rl_games_tower import Tower, remembered
from rltools.policies.saved.parts import linear, part, under
from rltools.policies.saved.rebuilt import Contents, Rebuilt, Wanted
from rltools.policies.saved.scalers import ValueScale, own_normalization
from rltools.policies.saved.spaces import deciding_head, observation_size
from rltools.policies.torch_policy import Head
from rltools.policies.vjp._chain import Chain

CARD = LayoutCard(
    title="rl-games",
    files="`nn/<name>.pth`: `model.a2c_network.actor_mlp.0.weight`, `mu` or `logits`, `value`, `rnn`, and "
    "`model.running_mean_std` and `value_mean_std`",
    activation="elu",
    source="https://github.com/Denys88/rl_games",
    versions="rl-games 1.6.5",
)
EPSILON, LIMIT = 1e-5, 5.0
"""What its RunningMeanStd adds to the variance, and where it clips."""
# Keys of networks that are not rebuilt, and what is special about these.
_REFUSED = {
    "a2c_network.actor_cnn.": "sees images through convolutions, whose strides and paddings are in no file",
    "a2c_network.actor_mlp.linears.": "has dense connections (D2RL)",
    "running_mean_std.running_mean_std.": "observes several arrays",
}


def recognizes(contents: Contents) -> bool:
    """Whether it has a network of the class A2C."""
    return any(key.startswith("a2c_network.") for key in _model(contents))


def rebuild(contents: Contents, wanted: Wanted) -> Rebuilt:
    """The actor and the critic.

    Raises:
        ModelError: it sees images, or has layers that are not rebuilt.
        MismatchError: it is not for the environment.
    """
    model = _model(contents)
    _refuse(contents, model)
    tensors = under(model, "a2c_network")
    last = _last(contents, tensors, wanted)
    separate = any(key.startswith(("critic_mlp.", "c_rnn.")) for key in tensors)
    size, activation = observation_size(wanted.observation_space), activation_for(CARD, wanted)

    def tower(side: str, taken: int) -> Tower:
        return Tower(tensors, side, is_separate=separate, size=size, taken=taken, activation=activation)

    actor = critic = tower("actor", last.in_features)
    networks, std, choose = nn.ModuleDict({"actor": actor, "last": last}), None, None
    decides, notes = Chain(*actor.parts, last), []
    heads: dict[str, Head] = {}
    if branches(wanted.action_space):
        heads[deciding_head(wanted, "logit")] = decides
    else:
        deciding_head(wanted, "mean")
        received = rescaled(wanted.action_space) if _is_bounded(wanted) else clipped(wanted.action_space)
        heads |= {"mean": decides, "action": Chain(decides, *received.parts)}
        choose = Received(received, "sigma" in tensors)
        notes.append("no function follows its mean (mu_activation None); actions in [-1, 1] are scaled to the bounds")
        if "sigma" in tensors:
            networks["std"] = std = ConstantStd(tensors["sigma"].exp())
            notes.append("its sigma is the logarithm of the std, as continuous_a2c_logstd has it")
    has_value = "value.weight" in tensors and not contents.under("assymetric_vf_nets")
    if has_value:
        networks["value"] = value = linear(tensors, "value")
        if separate:
            networks["critic"] = critic = tower("critic", value.in_features)
        parts: list[nn.Module] = [*critic.parts, value]
        if (scale := _statistics(contents, model, "value_mean_std", "reward_mean_std")) is not None:
            networks["value_scale"] = ValueScale(*scale, LIMIT)
            parts.append(networks["value_scale"])
        heads["value"] = Chain(*parts)
    else:
        notes.append("its critic observes more than it does (a central value), or estimates in bins, and is left out")
    return Rebuilt(
        networks,
        heads,
        normalization=_normalization(contents, model, wanted),
        memory=remembered(actor, critic if separate and has_value else None),
        std=std,
        choose=choose,
        notes=tuple(notes),
    )


def _model(contents: Contents) -> dict[str, Tensor]:
    return contents.under("model") or dict(contents.tensors)


def _refuse(contents: Contents, model: Mapping[str, Tensor]) -> None:
    for start, problem in _REFUSED.items():
        if key := next((key for key in model if key.startswith(start)), None):
            raise ModelError(
                f"{contents.path}: its network {problem} ({key}); build it, load the weights into it and give "
                f"rltools.TorchPolicy(network, env)"
            )


def _last(contents: Contents, tensors: Mapping[str, Tensor], wanted: Wanted) -> nn.Linear:
    """The layer that returns the scores; of several choices all of theirs in a row.

    Raises:
        MismatchError: the network has other actions.
    """
    name = "logits" if branches(wanted.action_space) else "mu"
    count, last = count_actions(wanted.action_space), linear(tensors, name) if part(tensors, name) else None
    if last is None or last.out_features != count:
        problem = f"no {name}" if last is None else f"{last.out_features} outputs"
        raise MismatchError(
            f"{contents.path} has {problem}, and {wanted.action_space} takes {count} of {name}; give the environment "
            f"it was trained in as {argument('env')}"
        )
    return last


def _is_bounded(wanted: Wanted) -> bool:
    space = wanted.action_space
    return all(bool(np.isfinite(getattr(space, bound)).all()) for bound in ("low", "high"))


def _statistics(contents: Contents, model: Mapping[str, Tensor], name: str, older: str) -> tuple[Tensor, Tensor] | None:
    """A mean and a std, with what the library adds to it; older versions keep them beside the model."""
    kept_in = under(model, name) or contents.under(older)
    if not kept_in:
        return None
    return kept_in["running_mean"].float(), (kept_in["running_var"].float() + EPSILON).sqrt()


def _normalization(contents: Contents, model: Mapping[str, Tensor], wanted: Wanted) -> Normalization | None:
    statistics = _statistics(contents, model, "running_mean_std", "running_mean_std")
    return None if statistics is None else own_normalization(wanted, *statistics, LIMIT)
