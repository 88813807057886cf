"""rl-games: actor-critic networks, shared or separate, with normalization, an LSTM or a GRU before or after layers."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import torch
from torch import Tensor, nn

from rltools.errors import MismatchError, ModelError, argument
from rltools.policies._normalization import Normalization
from rltools.policies.actions import branches, count_actions
from rltools.policies.base import RecurrentState
from rltools.policies.saved.chains import NORMS, LayerWeights, find_layers
from rltools.policies.saved.continuous import ConstantStd, Received, clipped, rescaled
from rltools.policies.saved.layout import LayoutCard, activation_for
from rltools.policies.saved.memory import Recurrent, recurrent_state
from rltools.policies.saved.networks import layer_module, recurrent_module, sequential
from rltools.policies.saved.rebuilt import Contents, Rebuilt, Wanted
from rltools.policies.saved.scalers import ValueScale, own_normalization
from rltools.policies.saved.spaces import deciding_head, observation_size
from rltools.policies.torch_policy import Head
from rltools.policies.vjp._chain import Chain as Calls

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
Join = Callable[[str, Tensor, Tensor], Tensor]


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
    tensors = _under(model, "a2c_network")
    _refuse(contents, tensors, model)
    discrete, notes = bool(branches(wanted.action_space)), []
    name = "logits" if discrete else "mu"
    last = _last(contents, tensors, name, wanted)
    separate = any(key.startswith(("critic_mlp.", "c_rnn.")) for key in tensors)
    networks = nn.ModuleDict({"actor": _Tower(tensors, "a" if separate else "", wanted)})
    actor: _Tower = networks["actor"]  # type: ignore[assignment]
    actor.check(last, wanted)
    networks["last"] = last
    decides = Calls(*actor.parts, last)
    heads: dict[str, Head] = {}
    choose = std = None
    if discrete:
        heads[deciding_head(wanted, "logit")] = decides
    else:
        deciding_head(wanted, "mean")
        received = rescaled(wanted.action_space) if _is_bounded(wanted) else clipped(wanted.action_space)
        heads |= {"mean": decides, "action": Calls(decides, *received.parts)}
        choose = Received(received, "sigma" in tensors)
        notes.append(
            "no function follows its mean (mu_activation None), and actions in [-1, 1] are scaled to the bounds"
        )
        if "sigma" in tensors:
            networks["std"] = std = ConstantStd(tensors["sigma"].exp())
            notes.append("its sigma is the logarithm of the std, as continuous_a2c_logstd has it")
    critic = actor
    if separate:
        networks["critic"] = critic = _Tower(tensors, "c", wanted)
    if "value.weight" in tensors and "assymetric_vf_nets" not in {key.partition(".")[0] for key in contents.tensors}:
        networks["value"] = _linear({"weight": tensors["value.weight"], "bias": tensors["value.bias"]}, "value")
        scale = _statistics(contents, model, "value_mean_std", "reward_mean_std")
        parts: list[nn.Module] = [networks["value"]]
        if scale is not None:
            networks["value_scale"] = ValueScale(*scale, LIMIT)
            parts.append(networks["value_scale"])
        heads["value"] = Calls(*critic.parts, *parts)
    else:
        notes.append("its critic is a network of its own (central value), and is left out")
    return Rebuilt(
        networks,
        heads,
        normalization=_normalization(contents, model, wanted),
        memory=_memory(actor, critic if separate and "value" in heads else None),
        std=std,
        choose=choose,
        notes=tuple(notes),
    )


class _Tower(nn.Module):
    """The layers between observations and the last layer: a multi-layer perceptron, with a memory before or after it.

    Attributes:
        parts: those that heads call after the memory; without a memory all.
        rnn: the memory; None without one.
    """

    def __init__(self, tensors: Mapping[str, Tensor], side: str, wanted: Wanted) -> None:
        super().__init__()
        prefix, size = f"{side}_" if side else "", observation_size(wanted.observation_space)
        layers = find_layers(_under(tensors, "critic_mlp" if side == "c" else "actor_mlp"))[0]
        activation = activation_for(CARD, wanted)
        last = None if layers and layers[-1].kind in NORMS else activation
        self.mlp: nn.Module = sequential(_tensors(layers), activation, last=last) if layers else nn.Identity()
        weights, norm = _under(tensors, f"{prefix}rnn.rnn"), _under(tensors, f"{prefix}layer_norm")
        self.rnn: Recurrent | None = recurrent_module(find_layers(weights)[0][0]) if weights else None
        self.norm: nn.Module = (
            layer_module(find_layers({f"n.{k}": v for k, v in norm.items()})[0][0]) if norm else nn.Identity()
        )
        inputs, outputs = (layers[0].inputs, layers[-1].outputs) if layers else (size, size)
        self.size, self.outputs, self.inputs, self.joins = size, outputs, inputs, False
        self.is_after = self.joins_input = False
        if self.rnn is None:
            return
        hidden, taken = self.rnn.hidden_size, self.rnn.input_size
        self.is_after = taken in (outputs, outputs + size) and inputs == size
        before = taken == size and inputs in (hidden, hidden + size)
        if self.is_after and before:
            raise ModelError(
                "its memory may stand before or after its layers, which have equal sizes; build the network"
            )
        if not self.is_after and not before:
            raise MismatchError(
                f"its memory takes {taken} numbers and its layers {inputs}, and an observation has {size}; give the "
                f"environment it was trained in as {argument('env')}"
            )
        self.joins_input = self.is_after and taken == outputs + size
        self.inputs = size if self.is_after else taken
        self.joins = not self.is_after and inputs == hidden + size
        self.outputs = hidden if self.is_after else outputs

    @property
    def parts(self) -> tuple[nn.Module, ...]:
        return () if self.is_after else (self.mlp,)

    def encode(self, x: Tensor) -> Tensor:
        """What the memory takes."""
        if not self.is_after:
            return x
        encoded: Tensor = self.mlp(x)
        return torch.cat([encoded, x], dim=1) if self.joins_input else encoded

    def join(self, output: Tensor, x: Tensor) -> Tensor:
        """What follows the memory, from its output and the observation."""
        normalized: Tensor = self.norm(output)
        return torch.cat([normalized, x], dim=1) if self.joins else normalized

    def check(self, last: nn.Linear, wanted: Wanted) -> None:
        """Compare the sizes of its two ends.

        Raises:
            MismatchError: they do not fit.
        """
        if self.is_after and last.in_features == self.outputs + self.size:
            self.joins, self.outputs = True, last.in_features
        count = count_actions(wanted.action_space)
        if (self.inputs, self.outputs, last.out_features) != (self.size, last.in_features, count):
            raise MismatchError(
                f"its actor takes {self.inputs} numbers and returns {last.out_features}, and the environment has "
                f"{self.size} features and {count} actions; give the one it was trained in as {argument('env')}"
            )


def _memory(actor: _Tower, critic: _Tower | None) -> RecurrentState | None:
    """The recurrent state of the actor, followed by that of a separate critic."""
    if actor.rnn is None:
        return None
    beside = critic if critic is not None and critic.rnn is not None else None
    if beside is not None:
        beside.joins = actor.joins
    state = recurrent_state(
        actor.rnn,
        None if beside is None else beside.rnn,
        encode=actor.encode,
        encode_critic=None if beside is None else beside.encode,
    )

    def recall(name: str, x: Tensor, before: Tensor) -> Tensor:
        tower = beside if beside is not None and name == "value" else actor
        return tower.join(state.recall(name, x, before), x)

    def advance(x: Tensor, before: Tensor) -> tuple[Tensor, Tensor]:
        output, after = state.advance(x, before)
        return actor.join(output, x), after

    return RecurrentState(state.size, recall, advance)


def _model(contents: Contents) -> dict[str, Tensor]:
    """The tensors of the model, without what torch.compile adds to their keys."""
    tensors = contents.under("model") or dict(contents.tensors)
    return {key.replace("_orig_mod.", ""): value for key, value in tensors.items()}


def _under(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    start = f"{prefix}."
    return {key.removeprefix(start): value for key, value in tensors.items() if key.startswith(start)}


def _tensors(layers: list[LayerWeights]) -> dict[str, Tensor]:
    return {f"{layer.key}.{name}": value for layer in layers for name, value in layer.tensors.items()}


def _refuse(contents: Contents, tensors: Mapping[str, Tensor], model: Mapping[str, Tensor]) -> None:
    for key in (*tensors, *model):
        kind = (
            "sees images through convolutions, whose strides and paddings are in no file"
            if key.startswith("actor_cnn.")
            else "has dense connections (D2RL)"
            if key.startswith("actor_mlp.linears.")
            else "observes several arrays"
            if key.startswith("running_mean_std.running_mean_std.")
            else ""
        )
        if kind:
            raise ModelError(
                f"{contents.path}: its network {kind}; build it, load the weights into it and give "
                f"rltools.TorchPolicy(network, env)"
            )


def _last(contents: Contents, tensors: Mapping[str, Tensor], name: str, wanted: Wanted) -> nn.Linear:
    """The layer that returns the scores; of several choices all of theirs in a row.

    Raises:
        MismatchError: the network has other actions.
    """
    layers = (
        find_layers(_under(tensors, name))[0]
        or find_layers({f"{name}.{k}": v for k, v in _under(tensors, name).items()})[0]
    )
    if not layers:
        raise MismatchError(
            f"{contents.path} has no {name}, which a network for {wanted.action_space} has; give the environment it "
            f"was trained in as {argument('env')}"
        )
    weights = {part: torch.cat([layer.tensors[part] for layer in layers]) for part in ("weight", "bias")}
    return _linear(weights, name)


def _linear(weights: Mapping[str, Tensor], name: str) -> nn.Linear:
    (layer,) = find_layers({f"{name}.{key}": value for key, value in weights.items()})[0]
    module: nn.Linear = layer_module(layer)  # type: ignore[assignment]
    return module


def _is_bounded(wanted: Wanted) -> bool:
    return bool(np.isfinite(getattr(wanted.action_space, "low", np.inf)).all())


def _statistics(contents: Contents, model: Mapping[str, Tensor], name: str, older: str) -> tuple[Tensor, Tensor] | None:
    """A mean and a std, with what the library adds to it."""
    found = _under(model, name) or contents.under(older)
    if not found:
        return None
    return found["running_mean"].float(), (found["running_var"].float() + EPSILON).sqrt()


def _normalization(contents: Contents, model: Mapping[str, Tensor], wanted: Wanted) -> Normalization | None:
    statistics = _statistics(contents, model, "running_mean_std", "running_mean_std")
    return None if statistics is None else own_normalization(wanted, *statistics, LIMIT)
