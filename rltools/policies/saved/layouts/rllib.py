"""RLlib's default RLModules: PPO (also recurrent), DQN and SAC, with encoders of linear layers.

A module has an encoder, whose every layer is followed by the activation, and heads after it. Its weights say neither
which activation that is nor how large a distributional DQN's returns are; the first has a default, the second is
refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from gymnasium.spaces import Box
from torch import Tensor, nn

from rltools.errors import ArgumentError, MismatchError, ModelError, argument
from rltools.policies.actions import branches, count_actions
from rltools.policies.saved.chains import find_layers
from rltools.policies.saved.continuous import Received
from rltools.policies.saved.layout import LayoutCard, activation_for
from rltools.policies.saved.memory import recurrent_state
from rltools.policies.saved.networks import activation_module, recurrent_module, sequential
from rltools.policies.saved.rebuilt import Contents, Rebuilt, Wanted
from rltools.policies.saved.spaces import observation_size
from rltools.policies.saved.statistics import normalization
from rltools.policies.vjp._chain import Chain
from rltools.policies.vjp._layers import ClipLayer, RescaleLayer
from rltools.spaces import space_features

CARD = LayoutCard(
    title="RLlib",
    files="a checkpoint folder of Algorithm.save_to_path() or RLModule.save_to_path(); of it module_state.pkl or "
    ".msgpack: `encoder.encoder.net.mlp.*` or `encoder.actor_encoder.net.mlp.*` and `pi.net.mlp.*`, `vf.net.mlp.*`; "
    "`encoder.net.mlp.*` and `af.net.mlp.*`, `vf.net.mlp.*` of DQN; `pi_encoder.net.mlp.*`, `pi.net.mlp.*`, `qf*` of "
    "SAC. The statistics of a MeanStdFilter are used. class_and_ctor_args.pkl is never opened",
    activation="tanh",
    source="https://docs.ray.io/en/latest/rllib/checkpoints.html",
    versions="ray 2.60",
)
HEAD_ACTIVATION, FUSION_ACTIVATION = "relu", "tanh"
"""RLlib's defaults for hidden layers of heads, and for the layers that join observation and action in SAC's critics."""
NORM_EPSILON = 1e-3
_ENCODERS = ("encoder.actor_encoder", "encoder.encoder", "pi_encoder", "encoder")
_RECURRENT = ("lstm", "gru")


def recognizes(contents: Contents) -> bool:
    """Whether it holds an encoder's linear layers and a head after them, by RLlib's names."""
    head = {"pi.net.mlp.0.weight", "af.net.mlp.0.weight"} & contents.tensors.keys()
    return bool(head) and any(key.startswith(_ENCODERS) and ".net." in key for key in contents.tensors)


def rebuild(contents: Contents, wanted: Wanted) -> Rebuilt:
    """The network of an RLModule.

    Heads are "logit" or "mean" of PPO and SAC, "q_value" of DQN and SAC, "value" where there is one.

    Raises:
        ModelError: an encoder of convolutions, or one of one's own.
        ArgumentError: a distributional DQN.
        MismatchError: the module is not for the environment.
    """
    encoder = next((name for name in _ENCODERS if contents.under(name)), None)
    if encoder is None:
        raise ModelError(f"{contents.path} has no encoder of RLlib's default modules; {_OWN}")
    is_dqn = "af.net.mlp.0.weight" in contents.tensors
    return _dqn(contents, wanted) if is_dqn else _actor(contents, wanted, encoder)


_OWN = (
    "build the module with RLlib, and give rltools.TorchPolicy(module, env, heads={...}) with a function of its outputs"
)


def _actor(contents: Contents, wanted: Wanted, encoder: str) -> Rebuilt:
    """An actor with its critic."""
    parts, notes = nn.ModuleDict(), list(_notes(contents, ("pi", "vf")))
    tensors, std_tensors = _pi(contents, wanted)
    parts["encoder"] = actor = _Encoder(contents, encoder, wanted)
    heads: dict[str, Callable[..., Any]] = {}
    std = None
    if branches(wanted.action_space):
        parts["pi"] = _head(tensors)
        heads["logit"] = Chain(*actor.before, parts["pi"])
    else:
        parts["pi"] = _head(tensors)
        heads["mean"] = mean = Chain(*actor.before, parts["pi"])
        heads["action"] = Chain(mean, *_to_environment(wanted.action_space))
        if encoder == "pi_encoder":
            notes.append("as RLlib acts, the mean is not squashed by tanh, which only actions drawn at random are")
        else:
            parts["log_std"], std = _std(contents, std_tensors, actor)
    critic = actor
    if contents.under("vf"):
        if contents.under("encoder.critic_encoder"):
            parts["critic_encoder"] = critic = _Encoder(contents, "encoder.critic_encoder", wanted)
        parts["vf"] = _head(contents.under("vf.net.mlp"))
        heads["value"] = Chain(*critic.before, parts["vf"])
    if encoder == "pi_encoder" and contents.under("qf"):
        parts["critics"] = critics = _critics(contents, wanted)
        heads["q_value"] = _q_value(critics, wanted)
    memory = None
    if actor.memory is not None:
        own = critic.memory if critic is not actor else None
        memory = recurrent_state(
            actor.memory,
            own,
            encode=None if actor.tokenizer is None else Chain(actor.tokenizer),
            encode_critic=None if critic.tokenizer is None else Chain(critic.tokenizer),
        )
    received = None if branches(wanted.action_space) else _choice(wanted.action_space, is_random=std is not None)
    return Rebuilt(parts, heads, _filter(contents, wanted), memory, std, received, notes=tuple(notes))


def _dqn(contents: Contents, wanted: Wanted) -> Rebuilt:
    """A Q-network, dueling if it has two streams."""
    count, outputs = count_actions(wanted.action_space), _outputs(contents.under("af.net.mlp"))
    if len(branches(wanted.action_space)) == 1 and outputs != count and outputs % count == 0:
        raise ArgumentError(
            f"{contents.path} is a distributional DQN with {outputs // count} atoms, and the range of their returns "
            f"stands only in constructor arguments, which are not read; {_OWN}"
        )
    _check_outputs(contents, outputs, wanted)
    encoder = _Encoder(contents, "encoder", wanted)
    parts = nn.ModuleDict({"encoder": encoder, "af": _head(contents.under("af.net.mlp"))})
    if encoder.memory is not None:
        raise ModelError(f"{contents.path} is a recurrent DQN, which is not rebuilt; {_OWN}")
    notes = _notes(contents, ("af", "vf"))
    advantage = Chain(*encoder.before, parts["af"])
    if not contents.under("vf"):
        return Rebuilt(parts, {"q_value": advantage}, _filter(contents, wanted), notes=notes)
    parts["vf"] = _head(contents.under("vf.net.mlp"))
    value = Chain(*encoder.before, parts["vf"])
    heads: dict[str, Callable[..., Any]] = {
        "q_value": _Dueling(encoder, parts["af"], parts["vf"]),
        "advantage": lambda x: _centered(advantage(x)),
        "value": value,
    }
    return Rebuilt(parts, heads, _filter(contents, wanted), notes=notes)


class _Encoder(nn.Module):
    """The layers before the heads; of a recurrent module those before its LSTM or GRU, whose output the heads take."""

    def __init__(self, contents: Contents, prefix: str, wanted: Wanted) -> None:
        super().__init__()
        recurrent = next((kind for kind in _RECURRENT if contents.under(f"{prefix}.{kind}")), None)
        path = f"{prefix}.tokenizer.net.mlp" if recurrent else f"{prefix}.net.mlp"
        tensors = contents.under(path)
        if not tensors and not recurrent:
            keys = ", ".join(list(contents.under(prefix))[:3])
            raise ModelError(
                f"{contents.path} has an encoder that is not of linear layers ({prefix}: {keys}); convolutions of "
                f"RLlib are padded in a way that weights do not show. {_OWN}"
            )
        activation = activation_for(CARD, wanted)
        layers = sequential(tensors, activation, last=activation, eps=NORM_EPSILON) if tensors else None
        memories = find_layers(contents.under(f"{prefix}.{recurrent}"))[0] if recurrent else []
        self.memory = recurrent_module(memories[0]) if memories else None
        self.tokenizer = layers if recurrent else None
        self.layers = None if recurrent else layers
        _check_inputs(contents, layers or self.memory, wanted)

    @property
    def before(self) -> Sequence[nn.Module]:
        """What a head's input goes through."""
        return () if self.layers is None else (self.layers,)


class _Dueling(nn.Module):
    """`value + advantage - its mean over actions`."""

    def __init__(self, encoder: _Encoder, advantage: nn.Module, value: nn.Module) -> None:
        super().__init__()
        self.encoder, self.advantage, self.value = encoder.before[0], advantage, value

    def forward(self, x: Tensor) -> Tensor:
        """`x [batch, feature]` -> `[batch, action]`."""
        latent = self.encoder(x)
        q_values: Tensor = self.value(latent) + _centered(self.advantage(latent))
        return q_values


def _centered(advantages: Tensor) -> Tensor:
    return advantages - advantages.mean(dim=-1, keepdim=True)


def _pi(contents: Contents, wanted: Wanted) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """The weights of the mean or the logits, and those of the logarithm of the std; one layer may have both."""
    tensors, count = contents.under("pi.net.mlp"), count_actions(wanted.action_space)
    outputs = _outputs(tensors)
    is_box, has_own_std = isinstance(wanted.action_space, Box), "pi.log_std" in contents.tensors
    if not is_box or has_own_std:
        _check_outputs(contents, outputs, wanted)
        return tensors, {}
    if outputs != 2 * count:
        raise MismatchError(
            f"the module in {contents.path} returns {outputs} numbers, and the mean and the std of {count} actions are "
            f"{2 * count}; give the environment it was trained in as {argument('env')}"
        )
    last = find_layers(tensors)[0][-1].key
    halves = [
        {key: value[part] if key.startswith(f"{last}.") else value for key, value in tensors.items()}
        for part in (slice(count), slice(count, None))
    ]
    return halves[0], halves[1]


def _std(
    contents: Contents, tensors: Mapping[str, Tensor], encoder: _Encoder
) -> tuple[nn.Module, Callable[[Any], Tensor]]:
    """The std of the actions around their mean, and the module that has its weights."""
    most = contents.tensors.get("pi.log_std_clip_param_const", torch.tensor([20.0]))
    limit = float(most.reshape(-1)[0])
    if tensors:
        network = _head(tensors)
        log_std = Chain(*encoder.before, network)
        return network, lambda x: log_std(x).clamp(-limit, limit).exp()
    free = nn.ParameterDict({"log_std": nn.Parameter(contents.tensors["pi.log_std"].float(), requires_grad=False)})
    return free, lambda x: free["log_std"].clamp(-limit, limit).exp()


def _head(tensors: Mapping[str, Tensor]) -> nn.Sequential:
    return sequential(tensors, HEAD_ACTIVATION, eps=NORM_EPSILON)


def _outputs(tensors: Mapping[str, Tensor]) -> int:
    layers = find_layers(tensors)[0]
    return layers[-1].outputs if layers else 0


def _to_environment(space: Any) -> Sequence[RescaleLayer | ClipLayer]:
    """From the module's actions to the environment's: out of [-1, 1] to its bounds, if it has any, and within them."""
    low, high = (torch.as_tensor(bound.reshape(-1)) for bound in (space.low, space.high))
    bounded = bool(np.all(space.bounded_below) and np.all(space.bounded_above))
    return (RescaleLayer(low, high), ClipLayer(low, high)) if bounded else ()


def _choice(space: Any, *, is_random: bool) -> Received:
    return Received(Chain(*_to_environment(space), nn.Identity()), is_random)


class _Critics(nn.Module):
    """SAC's critics of a Box: encoders of observation and action, joined by layers that see both again each time."""

    def __init__(self, contents: Contents, name: str, wanted: Wanted) -> None:
        super().__init__()
        activation, prefix = activation_for(CARD, wanted), f"{name}_encoder"
        streams = {part: contents.under(f"{prefix}.base_encoders.{part}.net.mlp") for part in ("actions", "obs")}
        self.streams = nn.ModuleList(
            sequential(tensors, activation, last=activation, eps=NORM_EPSILON) for tensors in streams.values()
        )
        joined = [*find_layers(contents.under(f"{prefix}.fusion_layers"))[0]]
        joined += [layer for layer in find_layers(contents.under(prefix))[0] if layer.key == "output_layer"]
        self.joined = nn.ModuleList(sequential(layer.tensors, activation) for layer in joined)
        self.activation = activation_module(FUSION_ACTIVATION)
        self.head = _head(contents.under(f"{name}.net.mlp"))

    def forward(self, x: Tensor, action: Tensor) -> Tensor:
        """`x [batch, feature]`, `action [batch, dimension]` in [-1, 1] -> `[batch, 1]`."""
        encoded = torch.cat([stream(part) for stream, part in zip(self.streams, (action, x), strict=True)], dim=-1)
        latent = encoded
        for number, layer in enumerate(self.joined):
            latent = self.activation(layer(torch.cat([latent, encoded], dim=-1) if number else latent))
        q_value: Tensor = self.head(latent)
        return q_value


def _critics(contents: Contents, wanted: Wanted) -> nn.ModuleList:
    names = [name for name in ("qf", "qf_twin") if contents.under(name)]
    if not branches(wanted.action_space):
        return nn.ModuleList(_Critics(contents, name, wanted) for name in names)
    return nn.ModuleList(
        nn.Sequential(*_Encoder(contents, f"{name}_encoder", wanted).before, _head(contents.under(f"{name}.net.mlp")))
        for name in names
    )


def _q_value(critics: nn.ModuleList, wanted: Wanted) -> Callable[..., Tensor]:
    """The lower estimate of the critics; of a Box for the action as the environment receives it."""
    if branches(wanted.action_space):
        return lambda x: torch.stack([critic(x) for critic in critics]).amin(0)
    scale = _to_environment(wanted.action_space)

    def q_value(x: Tensor, action: Tensor) -> Tensor:
        if scale:
            low, high = scale[0].low.to(x), scale[0].high.to(x)
            action = (action.to(x) - low) / (high - low) * 2 - 1
        return torch.stack([critic(x, action) for critic in critics]).amin(0)

    return q_value


def _filter(contents: Contents, wanted: Wanted) -> Any:
    """The normalization of observations by a MeanStdFilter; None without one."""
    state = contents.under("observation_filter")
    if not state:
        return None
    shape = space_features(wanted.observation_space).shape
    return normalization(shape, state["mean"], state["std"], float(state["limit"].reshape(-1)[0]))


def _notes(contents: Contents, heads: Sequence[str]) -> tuple[str, ...]:
    hidden = [name for name in heads if len(find_layers(contents.under(f"{name}.net.mlp"))[0]) > 1]
    return (f"hidden layers of its heads have {HEAD_ACTIVATION}, RLlib's default",) if hidden else ()


def _check_inputs(contents: Contents, first: nn.Module | None, wanted: Wanted) -> None:
    layer = next((part for part in first.modules() if hasattr(part, "in_features")), first) if first else None
    taken = getattr(layer, "in_features", getattr(layer, "input_size", 0))
    size = observation_size(wanted.observation_space)
    if taken != size:
        raise MismatchError(
            f"the module in {contents.path} takes {taken} features and the environment has {size}; give the "
            f"environment it was trained in as {argument('env')}, with what RLlib's connectors do to observations"
        )


def _check_outputs(contents: Contents, outputs: int, wanted: Wanted) -> None:
    if outputs != count_actions(wanted.action_space):
        raise MismatchError(
            f"the module in {contents.path} returns {outputs} numbers and the environment has "
            f"{count_actions(wanted.action_space)} actions; give the environment it was trained in as "
            f"{argument('env')}"
        )
