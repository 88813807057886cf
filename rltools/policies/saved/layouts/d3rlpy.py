"""The layout of d3rlpy: policies and Q-functions, each an encoder and a last linear layer.

The settings say what the weights do not: the function between layers, and how observations and actions are scaled.
Algorithms that choose in another way than by the policy's mean or the highest Q-value are refused by name.
"""

from __future__ import annotations

import re
from typing import Any

import torch
from torch import Tensor, nn

from rltools.errors import ModelError, argument
from rltools.policies.actions import branches, count_actions
from rltools.policies.base import Discounting
from rltools.policies.saved.chains import CONVOLUTION, LINEAR, NORMS, Chain, LayerWeights, find_layers
from rltools.policies.saved.continuous import Received
from rltools.policies.saved.halves import PositiveStd, std_of_log
from rltools.policies.saved.layout import LayoutCard
from rltools.policies.saved.layouts._d3rlpy_scalers import actions_received, observations_scaled
from rltools.policies.saved.networks import layer_module, sequential
from rltools.policies.saved.parts import tensors_of
from rltools.policies.saved.rebuilt import Contents, Rebuilt, Wanted
from rltools.policies.saved.spaces import check_ends, deciding_head, image_input
from rltools.policies.torch_policy import Head
from rltools.policies.vjp._chain import Chain as Calls
from rltools.policies.vjp._layers import DivideLayer

CARD = LayoutCard(
    title="d3rlpy",
    files="`model.d3` of `save()`, or the `.pt` of `save_model()` with `params.json` beside it: `policy._encoder...` "
    "and `q_funcs.0._encoder...`; what `save_policy()` writes is TorchScript",
    activation="relu",
    source="https://d3rlpy.readthedocs.io/en/stable/tutorials/after_training_policies.html",
    versions="d3rlpy 2.8.1",
)
STRIDES = (4, 2, 1)
"""Of the default encoder of images."""
_ROOT = re.compile(r"(policy|imitator|q_funcs\.\d+|value_func)\._encoder\.")
_FACTORIES = {"policy": "actor_encoder_factory", "imitator": "encoder_factory", "value_func": "value_encoder_factory"}
_REFUSED = {
    "bcq": "draws actions and takes the one of the highest value",
    "discrete_bcq": "leaves out actions that an imitator deems unlikely",
    "bear": "draws actions and takes the one of the highest value",
    "plas": "decodes actions from a latent space",
    "plas_with_perturbation": "decodes actions from a latent space",
    "crr": "draws actions and takes one of them by their values",
}
_ENCODERS = ("vector", "pixel", "default")


def recognizes(contents: Contents) -> bool:
    """Whether it has an encoder under a policy, an imitator or Q-functions."""
    return any(_ROOT.match(key) for key in contents.tensors)


def rebuild(contents: Contents, wanted: Wanted) -> Rebuilt:
    """The policy, or the mean of the Q-functions, with the scalers of the settings.

    Raises:
        ModelError: an algorithm, an encoder, a Q-function or a scaler that is not rebuilt.
        MismatchError: it is not for the environment.
    """
    _check_algorithm(contents)
    is_discrete, module = bool(branches(wanted.action_space)), nn.ModuleDict()
    root = next((name for name in ("policy", "imitator") if contents.under(f"{name}._encoder")), None)
    if root is None and not is_discrete:
        raise ModelError(
            f"{contents.path} has Q-functions and no policy, and the environment takes {wanted.action_space}; give the "
            f"one it was trained in as {argument('env')}"
        )
    std, choose = None, None
    if root is None:
        heads: dict[str, Head] = {deciding_head(wanted, "q_value"): _q_values(contents, module, wanted)}
    else:
        name = "_mu" if f"{root}._mu.weight" in contents.tensors else "_fc"
        before, encoder = _encoder(contents, root, wanted)
        last = _last(contents, f"{root}.{name}")
        _check(contents, root, last, wanted)
        module[root] = nn.Sequential(*encoder, last)
        scores = Calls(*before, encoder, last)
        if is_discrete:
            heads = {deciding_head(wanted, "logit"): scores}
        else:
            deciding_head(wanted, "mean")
            received = actions_received(contents, wanted)
            heads = {"mean": scores, "action": Calls(*before, encoder, last, *received.parts)}
            if f"{root}._logstd.weight" in contents.tensors:
                std = PositiveStd(Calls(*before, encoder), _last(contents, f"{root}._logstd"), positive=std_of_log)
                module["std"] = std
            choose = Received(received, std is not None)
    if contents.under("value_func"):
        before, encoder = _encoder(contents, "value_func", wanted)
        module["value_func"] = nn.Sequential(*encoder, _last(contents, "value_func._fc"))
        heads["value"] = Calls(*before, module["value_func"])
    settings = dict(contents.values)
    gamma = settings.get("params.config.params.gamma")
    factory = _FACTORIES.get(root or "", "encoder_factory")
    own = settings.get(f"params.config.params.{factory}.params.activation")
    return Rebuilt(
        module,
        heads,
        observations_scaled(contents, wanted),
        std=std,
        choose=choose,
        discounting=Discounting(gamma if isinstance(gamma, float) else None),
        notes=_notes(contents),
        activation=own if isinstance(own, str) else None,
    )


def _check_algorithm(contents: Contents) -> None:
    name = contents.values.get("params.config.type")
    keys = {key.partition(".")[0] for key in contents.tensors}
    if name not in _REFUSED and any(key.startswith("vae") for key in keys):
        name = "plas"
    elif name not in _REFUSED and {"q_funcs", "imitator"} <= keys:
        name = "discrete_bcq"
    if name in _REFUSED:
        raise ModelError(
            f"{contents.path} was trained with {str(name).upper()}, which {_REFUSED[str(name)]}: no head of a network "
            f"decides alone. Give rltools.FunctionPolicy around its predict()"
        )


def _q_values(contents: Contents, module: nn.ModuleDict, wanted: Wanted) -> Head:
    """The mean of all Q-functions, each the mean of its quantiles if it has some."""
    count, functions = count_actions(wanted.action_space), nn.ModuleList()
    numbers = sorted({key.split(".")[1] for key in contents.tensors if key.startswith("q_funcs.")}, key=int)
    before: tuple[Any, ...] = ()
    for number in numbers:
        root = f"q_funcs.{number}"
        last = _last(contents, f"{root}._fc")
        others = {key.split(".")[0] for key in contents.under(root)} - {"_encoder", "_fc"}
        if others:
            raise ModelError(
                f"{contents.path}: its Q-functions have {', '.join(sorted(others))[:200]}, for quantiles that are "
                f"drawn anew at each call; give rltools.FunctionPolicy around its predict()"
            )
        _check(contents, root, last, wanted, quantiles=max(1, last.out_features // count))
        before, encoder = _encoder(contents, root, wanted)
        functions.append(nn.Sequential(*encoder, last))
    if len(functions) == 1 and last.out_features == count:
        module["q_func"] = functions[0]
        return Calls(*before, module["q_func"])
    module["q_funcs"] = _MeanValue(functions, count)
    return Calls(*before, module["q_funcs"])


class _MeanValue(nn.Module):
    """The mean of several Q-functions and of their quantiles, `[batch, ...]` -> `[batch, action]`."""

    def __init__(self, functions: nn.ModuleList, count: int) -> None:
        super().__init__()
        self.functions, self.count = functions, count

    def forward(self, x: Tensor) -> Tensor:
        values = [function(x).unflatten(1, (self.count, -1)).mean(dim=2) for function in self.functions]
        return torch.stack(values).mean(dim=0)


def _encoder(contents: Contents, root: str, wanted: Wanted) -> tuple[tuple[Any, ...], nn.Sequential]:
    """What comes before the encoder of a network that may see images, and the encoder."""
    factory = f"params.config.params.{_FACTORIES.get(root, _q_factory(contents))}"
    settings, layers = dict(contents.values), _encoder_layers(contents, root)
    kind = settings.get(f"{factory}.type", "default")
    if kind not in _ENCODERS or any(layer.key.count(".") > 1 for layer in layers):
        raise ModelError(
            f"{contents.path}: its encoder is {str(kind)[:40]!a}, with layers inside of layers; those of vectors and "
            f"images are rebuilt. Give rltools.TorchPolicy around the network of a loaded model"
        )
    activation = wanted.activation or str(settings.get(f"{factory}.params.activation") or CARD.activation)
    final = settings.get(f"{factory}.params.last_activation") or activation
    # A normalization stands behind the activation, also at the end.
    has_end = settings.get(f"{factory}.params.exclude_last_activation") or layers[-1].kind in NORMS
    last = None if has_end else str(final)
    if layers[0].kind != CONVOLUTION:
        return (), sequential(tensors_of(layers), activation, last=last)
    parts, shape = image_input(wanted.observation_space, layers[0].inputs)
    scaler = settings.get("params.config.params.observation_scaler.type")
    before = tuple(part for part in parts if scaler == "pixel" or not isinstance(part, DivideLayer))
    convolutions = [layer for layer in layers if layer.kind == CONVOLUTION]
    filters = [settings.get(f"{factory}.params.filters.{index}") for index in range(len(convolutions))]
    own = tuple(each[2] for each in filters if isinstance(each, list) and len(each) == 3)
    strides = wanted.strides or (own if len(own) == len(convolutions) else STRIDES)
    return before, sequential(tensors_of(layers), activation, last=last, strides=strides, input_shape=shape)


def _q_factory(contents: Contents) -> str:
    """What the settings call the encoder of Q-functions: algorithms with a policy have one for critics."""
    return "critic_encoder_factory" if contents.under("policy") else "encoder_factory"


def _encoder_layers(contents: Contents, root: str) -> list[LayerWeights]:
    tensors = contents.under(f"{root}._encoder")
    layers, others = find_layers(tensors)
    if others or not layers:
        listed = ", ".join(ascii(key)[1:-1] for key in (others or list(tensors))[:6])[:300]
        raise ModelError(
            f"{contents.path}: {root}._encoder has {listed}, which are no layers in a row; give rltools.TorchPolicy "
            f"around the network of a loaded model"
        )
    return layers


def _check(contents: Contents, root: str, last: nn.Linear, wanted: Wanted, quantiles: int = 1) -> None:
    end = LayerWeights(f"{root}._fc", LINEAR, last.in_features, last.out_features, {})
    outputs = quantiles * count_actions(wanted.action_space)
    check_ends(
        Chain(root, (_encoder_layers(contents, root)[0], end)), wanted, outputs=outputs if quantiles > 1 else None
    )


def _last(contents: Contents, key: str) -> nn.Linear:
    layers = find_layers({name: tensor for name, tensor in contents.tensors.items() if name.startswith(f"{key}.")})[0]
    if [layer.kind for layer in layers] != [LINEAR]:
        raise ModelError(f"{contents.path}: {key} is no linear layer, as in d3rlpy; give another {argument('layout')}")
    linear: nn.Linear = layer_module(layers[0])  # type: ignore[assignment]  # by its kind
    return linear


def _notes(contents: Contents) -> tuple[str, ...]:
    if "params.config.type" in contents.values:
        return ("its layers and scalers are those of its settings",)
    return (
        "no params.json beside it says which function is between its layers and how it scales observations and "
        "actions; the library's default is taken, and no scalers",
    )
