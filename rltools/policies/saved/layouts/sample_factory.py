"""Sample Factory: an encoder, a core (LSTM or GRU) and a decoder, shared by the actor and the critic or one for each.

The settings of the run say what the weights do not: the function between layers, and how observations are scaled.
Encoders of one array are rebuilt, MLPs and convolutions; others are the user's own code or have residual blocks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from rltools.errors import ModelError, argument
from rltools.policies._normalization import Normalization
from rltools.policies.actions import branches, count_actions
from rltools.policies.base import Discounting
from rltools.policies.saved.chains import CONVOLUTION, Chain, LayerWeights, find_layers
from rltools.policies.saved.continuous import ConstantStd, mean_heads
from rltools.policies.saved.halves import PositiveStd, halved
from rltools.policies.saved.layout import LayoutCard
from rltools.policies.saved.memory import Recurrent, recurrent_state
from rltools.policies.saved.networks import layer_module, recurrent_module, sequential
from rltools.policies.saved.rebuilt import Contents, Rebuilt, Wanted
from rltools.policies.saved.scalers import ValueScale, own_normalization
from rltools.policies.saved.settings import number_in
from rltools.policies.saved.spaces import check_ends, deciding_head, image_input
from rltools.policies.torch_policy import Head
from rltools.policies.vjp._chain import Chain as Calls
from rltools.policies.vjp._layers import PermuteLayer
from rltools.spaces import space_features

CARD = LayoutCard(
    title="Sample Factory",
    files="the folder of a run, with `config.json` and `checkpoint_p0/*.pth`, or a checkpoint in it: `model` with "
    "`encoder`, `core`, `decoder`, `critic_linear` and `action_parameterization`, or `actor_encoder`, ...",
    activation="elu",
    source="https://www.samplefactory.dev/03-customization/custom-models/",
    versions="sample-factory 2.1.1",
)
EPSILON, LIMIT = 1e-5, 5.0
"""What RunningMeanStd adds to the variance, and where it clips."""
STD_MIN, STD_MAX = 1e-4, 1e4
STRIDES: dict[tuple[int, ...], tuple[int, ...]] = {(32, 64, 128): (4, 2, 2), (16, 32): (4, 2), (32, 64, 64): (4, 2, 1)}
"""Of the library's encoders of images, by the channels of their convolutions: simple, IMPALA without blocks, Atari."""
_ACTIONS = "action_parameterization.distribution_linear"


def recognizes(contents: Contents) -> bool:
    """Whether the model has the library's last layers, of the actions and of the value."""
    return {f"model.{_ACTIONS}.weight", "model.critic_linear.weight"} <= contents.tensors.keys()


def rebuild(contents: Contents, wanted: Wanted) -> Rebuilt:
    """The network with its values, and the normalization that is part of the model.

    Raises:
        ModelError: an encoder that is not rebuilt.
        MismatchError: it is not for the environment.
        ArgumentError: the strides of convolutions have to be given.
    """
    tensors = contents.under("model")
    settings = {key.removeprefix("config."): value for key, value in contents.values.items() if key != "checkpoint"}
    own = settings.get("nonlinearity")
    activation = wanted.activation or str(own or CARD.activation)
    is_separate = any(key.startswith(("actor_", "critic_encoder.", "critic_decoder.")) for key in tensors)
    actor = _part(contents, tensors, "actor_" if is_separate else "", activation, wanted)
    critic = _part(contents, tensors, "critic_", activation, wanted) if is_separate else actor
    module = nn.ModuleDict({"actor": actor.module} | ({"critic": critic.module} if is_separate else {}))
    last = _layer(tensors, _ACTIONS)
    heads, std = _heads(tensors, settings, actor, last, module, wanted)
    module["value"] = layer_module(_layer(tensors, "critic_linear"))
    value: list[Callable[[Tensor], Tensor]] = [*critic.after, module["value"]]
    if "returns_normalizer.running_mean" in tensors:
        mean, variance = (tensors[f"returns_normalizer.running_{name}"].float() for name in ("mean", "var"))
        module["value_scale"] = ValueScale(mean, (variance + EPSILON).sqrt(), LIMIT)
        value.append(module["value_scale"])
    heads["value"] = Calls(*value)
    memory = None
    if actor.core is not None:
        others = (critic.core, critic.encode) if is_separate else (None, None)
        memory = recurrent_state(actor.core, others[0], encode=actor.encode, encode_critic=others[1])
    normalization = _normalization(tensors, settings, wanted)
    return Rebuilt(
        module,
        heads,
        normalization,
        memory,
        std,
        discounting=_discounting(settings),
        notes=_notes(contents, wanted),
        activation=own if isinstance(own, str) else None,
    )


@dataclass(frozen=True)
class _Part:
    """From normalized observations to the last layer of the actor, the critic or both.

    Attributes:
        module: with all parameters.
        first: what takes the observations; None if that is the core or the last layer.
        encode: what comes before the core, if there is one.
        core: an LSTM or a GRU.
        after: what comes after it, up to the last layer; without a core it begins with the observations.
    """

    module: nn.Module
    first: LayerWeights | None
    encode: Calls | None
    core: Recurrent | None
    after: tuple[Callable[[Tensor], Tensor], ...]


def _part(contents: Contents, tensors: Mapping[str, Tensor], prefix: str, activation: str, wanted: Wanted) -> _Part:
    encoders = _under(tensors, f"{prefix}encoder")
    names = sorted({".".join(key.split(".")[:2]) for key in encoders})
    weights = {key: value for name in names for key, value in _under(encoders, name).items()}
    supported = ("mlp_head.", "enc.conv_head.", "enc.mlp_layers.")
    has_blocks = any("res_block" in key or key.count(".") > 3 for key in weights)
    if len(names) > 1 or has_blocks or any(not key.startswith(supported) for key in weights):
        raise ModelError(
            f"{contents.path}: its {prefix}encoder has {', '.join(sorted(encoders))[:300]}; encoders of one array are "
            f"rebuilt, the library's MLPs and convolutions without residual blocks. Build the network yourself, load "
            f"the weights into it and give rltools.TorchPolicy(network, env)"
        )
    before: tuple[Any, ...] = ()
    layers = find_layers(weights)[0]
    encoder: nn.Module = nn.Identity()
    if layers and layers[0].kind == CONVOLUTION:
        parts, shape = image_input(wanted.observation_space, layers[0].inputs)
        before = tuple(part for part in parts if isinstance(part, PermuteLayer))  # `obs_scale` divides, if anything
        channels = tuple(layer.outputs for layer in layers if layer.kind == CONVOLUTION)
        strides = wanted.strides or STRIDES.get(channels)
        network = sequential(weights, activation, last=activation, strides=strides, input_shape=shape)
        encoder = nn.Sequential(*network, nn.Flatten())
    elif layers:
        encoder = sequential(weights, activation, last=activation)
    module = nn.ModuleDict({"encoder": encoder})
    cores = find_layers(_under(tensors, f"{prefix}core.core", keep=True))[0]
    core = recurrent_module(cores[0]) if cores else None
    if core is not None:
        module["core"] = core
    after: list[Callable[[Tensor], Tensor]] = [] if core is not None else [*before, encoder]
    if decoder := _under(tensors, f"{prefix}decoder"):
        module["decoder"] = sequential(decoder, activation, last=activation)
        after.append(module["decoder"])
    first = layers[0] if layers else cores[0] if cores else None
    return _Part(module, first, None if core is None else Calls(*before, encoder), core, tuple(after))


def _heads(
    tensors: Mapping[str, Tensor],
    settings: dict[str, Any],
    actor: _Part,
    last: LayerWeights,
    module: nn.ModuleDict,
    wanted: Wanted,
) -> tuple[dict[str, Head], nn.Module | None]:
    """The deciding heads, and the std of continuous actions."""
    count = count_actions(wanted.action_space)
    learned = tensors.get("action_parameterization.learned_stddev")
    is_adaptive = learned is None and not branches(wanted.action_space)
    ends = Chain("model", (actor.first or last, last))
    check_ends(ends, wanted, outputs=2 * count if is_adaptive else None)
    linear: Any = layer_module(last)
    head = deciding_head(wanted, "logit" if branches(wanted.action_space) else "mean")
    if branches(wanted.action_space):
        module["logit"] = linear
        return {head: Calls(*actor.after, linear)}, None
    if learned is None:
        module["mean"], log_std = halved(linear)
        module["std"] = PositiveStd(Calls(*actor.after), log_std, low=STD_MIN, high=STD_MAX)
        return mean_heads(Calls(*actor.after, module["mean"]), wanted.action_space), module["std"]
    module["mean"], module["std"] = linear, ConstantStd(learned.exp().clamp(STD_MIN, STD_MAX))
    scale = number_in(settings, "continuous_tanh_scale", 0.0)
    if scale > 0:
        module["mean"] = nn.Sequential(linear, _TanhScale(scale))
    return mean_heads(Calls(*actor.after, module["mean"]), wanted.action_space), module["std"]


class _TanhScale(nn.Module):
    """Means within `[-scale, scale]`."""

    def __init__(self, scale: float) -> None:
        super().__init__()
        self.scale = scale

    def forward(self, means: Tensor) -> Tensor:
        return torch.tanh(means / self.scale) * self.scale


def _normalization(tensors: Mapping[str, Tensor], settings: dict[str, Any], wanted: Wanted) -> Normalization | None:
    """`obs_subtract_mean` and `obs_scale`, and the running statistics after them."""
    shift, scale = number_in(settings, "obs_subtract_mean", 0.0), number_in(settings, "obs_scale", 1.0)
    running = _under(tensors, "obs_normalizer.running_mean_std.running_mean_std")
    shape = space_features(wanted.observation_space).shape
    name = next((key.rpartition(".")[0] for key in running if key.endswith("running_mean")), None)
    if name is None:
        if (shift, scale) == (0.0, 1.0):
            return None
        return own_normalization(wanted, torch.full(shape, shift), torch.full(shape, scale))
    mean, variance = (running[f"{name}.running_{part}"].float().double() for part in ("mean", "var"))
    std = (variance + EPSILON).sqrt()
    if mean.ndim == 3 and mean.shape != shape and mean.movedim(0, 2).shape == shape:  # the library has channels first
        mean, std = mean.movedim(0, 2), std.movedim(0, 2)
    return own_normalization(wanted, shift + scale * mean, scale * std, LIMIT)


def _discounting(settings: dict[str, Any]) -> Discounting:
    if "gamma" not in settings:
        return Discounting()
    scale = number_in(settings, "reward_scale", 1.0)
    decay = None if settings.get("with_vtrace") else number_in(settings, "gae_lambda", 0.95)
    clip = number_in(settings, "reward_clip", 1000.0)
    return Discounting(number_in(settings, "gamma", 0.99), decay, *((None, None) if scale == 1 else (1 / scale, clip)))


def _notes(contents: Contents, wanted: Wanted) -> tuple[str, ...]:
    notes = []
    if not branches(wanted.action_space):
        notes.append("its means are clipped to the bounds, which the library leaves to the environment")
    if "checkpoint" in contents.values:
        settings = "its layers and the scale of its observations are those of the run's config.json"
        notes.append(f"its weights are those of {contents.values['checkpoint']}; {settings}")
    elif wanted.activation is None:
        notes.append(
            "no config.json beside its folder says which function is between its layers (nonlinearity) and how its "
            f"observations are scaled; the library's defaults are taken. Give {argument('activation')} for others"
        )
    return tuple(notes)


def _layer(tensors: Mapping[str, Tensor], key: str) -> LayerWeights:
    layers = find_layers(_under(tensors, key, keep=True))[0]
    if len(layers) != 1:
        raise ModelError(f"{key} is no linear layer, as it is in Sample Factory; give another {argument('layout')}")
    return layers[0]


def _under(tensors: Mapping[str, Tensor], prefix: str, *, keep: bool = False) -> dict[str, Tensor]:
    start = f"{prefix}."
    return {key if keep else key.removeprefix(start): value for key, value in tensors.items() if key.startswith(start)}
