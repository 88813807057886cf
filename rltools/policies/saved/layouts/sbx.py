"""SBX: the networks of Stable-Baselines3's algorithms in flax, ported to PyTorch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from gymnasium.spaces import Box, Dict, Discrete, Tuple
from torch import Tensor, nn

from rltools.errors import ArgumentError, MismatchError, ModelError, argument
from rltools.policies.actions import branches, count_actions
from rltools.policies.base import Discounting
from rltools.policies.saved.continuous import Received
from rltools.policies.saved.flax_networks import FlaxNetwork, FlaxParameters, flax_network
from rltools.policies.saved.formats.sbx import FORMAT
from rltools.policies.saved.halves import std_of_log
from rltools.policies.saved.layout import LayoutCard
from rltools.policies.saved.rebuilt import Contents, Rebuilt, Wanted
from rltools.policies.saved.spaces import image_input, observation_size
from rltools.policies.vjp._chain import Chain
from rltools.policies.vjp._layers import ClipLayer, RescaleLayer, TanhLayer

CARD = LayoutCard(
    title="SBX",
    files="a .zip of PPO, DQN, SAC, TD3, DDPG, TQC or CrossQ, which has a pickle of the policy with its flax "
    "parameters; of the pickle only arrays and the names of classes and functions are read, the activation among them",
    activation=None,
    source="https://github.com/araffin/sbx",
    versions="sbx-rl 0.28 with flax 0.12 and jax 0.10",
)
ACTIVATIONS = {"gelu": "gelu_tanh", "silu": "silu", "swish": "silu", "hard_swish": "hardswish", "soft_sign": "softsign"}
"""Functions of JAX whose counterparts in torch have other names; its gelu is the approximate one."""
_DETERMINISTIC = ("sbx.td3.", "sbx.ddpg.")
_OWN_CLASSES = ("actor_class", "critic_class", "vector_critic_class", "features_extractor_class", "policy_class")


def recognizes(contents: Contents) -> bool:
    """Whether SBX saved it."""
    return contents.format == FORMAT


def rebuild(contents: Contents, wanted: Wanted) -> Rebuilt:
    """The network of a policy of SBX.

    Raises:
        ModelError: classes of one's own, or parameters that are not as SBX has them.
        ArgumentError: observations of several arrays, or an activation that is not known.
        MismatchError: the environment's spaces are not the model's.
    """
    for name in _OWN_CLASSES:
        if not str(contents.values.get(name, "sbx.")).startswith("sbx."):
            raise ModelError(
                f"{contents.path} has the {name} {contents.values[name]}, and only networks of SBX are rebuilt; give "
                f"rltools.TorchPolicy around a network of your own with its weights"
            )
    _check_actions(contents, wanted)
    network = _Network(contents, wanted)
    gamma = contents.values.get("gamma")
    return Rebuilt(
        network.parts,
        network.heads(),
        std=network.std,
        choose=network.choose,
        discounting=Discounting(gamma) if isinstance(gamma, float) else Discounting(),
        notes=network.notes,
        activation=None if wanted.activation else network.activation,
    )


class _Network:
    """The parts of a policy, and its heads."""

    def __init__(self, contents: Contents, wanted: Wanted) -> None:
        self.contents = contents
        self.space: Any = wanted.action_space
        self._strides, self.notes = wanted.strides, tuple[str, ...]()
        self.activation = self._activation(wanted)
        self.parts = nn.ModuleDict()
        self.std: Callable[[Any], Tensor] | None = None
        self.choose: Callable[..., np.ndarray] | None = None
        self._size = observation_size(wanted.observation_space)
        self._before, self._shape = self._input(wanted.observation_space)

    def heads(self) -> dict[str, Callable[..., Any]]:
        """The deciding head first."""
        values = self.contents.values
        if self.contents.under("actor.params"):
            heads = self._actor(squashed=bool(values.get("squash_output")))
        elif branches(self.space):
            heads = {"q_value": self._chain(*self._network("qf", count_actions(self.space)))}
        else:
            raise ModelError(f"{self.contents.path} has no actor for the actions of a Box; save the model again")
        if self.contents.under("vf.params"):
            heads["value"] = self._chain(*self._network("vf", 1))
        return heads

    def _activation(self, wanted: Wanted) -> str:
        name = self.contents.values.get("activation")
        if wanted.activation is not None:
            return wanted.activation
        if not isinstance(name, str):
            raise ArgumentError(
                f"{self.contents.path} has an activation that is no function of JAX; give it as "
                f"{argument('activation', repr('tanh'))}, {argument('activation', repr('relu'))}, ..., as the network "
                f"was trained"
            )
        return ACTIVATIONS.get(name, name)

    def _input(self, space: Any) -> tuple[Sequence[Any], Sequence[int] | None]:
        """What goes before a network, and the shape of an image."""
        if isinstance(space, Dict | Tuple | Discrete):
            raise ArgumentError(
                f"{self.contents.path} observes {type(space).__name__}, and only networks of SBX for a single array "
                f"are rebuilt; give rltools.TorchPolicy around a network of your own with its weights"
            )
        first = self._parameters("actor" if self.contents.under("actor.params") else "qf")
        if "NatureCNN" in first.kinds():
            kernel = first.tensors["NatureCNN_0.Conv_0.kernel"]
            return image_input(space, int(kernel.shape[-2]))
        return ([nn.Flatten()] if len(space.shape or ()) != 1 else []), None

    def _parameters(self, name: str) -> FlaxParameters:
        params, statistics = (self.contents.under(f"{name}.{kind}") for kind in ("params", "batch_stats"))
        return FlaxParameters(f"{self.contents.path}: {name}", params, statistics)

    def _network(self, name: str, *outputs: int) -> list[nn.Module]:
        """The body and the heads of a network that returns so many numbers."""
        parameters = self._parameters(name)
        rest = {key: value for key, value in parameters.tensors.items() if key != "log_std"}
        parameters = FlaxParameters(parameters.where, rest, parameters.statistics)
        network = flax_network(
            parameters, self.activation, heads=len(outputs), image_shape=self._shape, strides=self._strides
        )
        self._check_ends(network, outputs, name)
        self.parts[name] = nn.ModuleList([network.body, *network.heads])
        return [network.body, *network.heads]

    def _chain(self, *modules: nn.Module) -> Chain:
        return Chain(*self._before, *modules)

    def _check_ends(self, network: FlaxNetwork, outputs: Sequence[int], name: str, *, action: int = 0) -> None:
        counts = [head.out_features for head in network.heads]
        layer = next((each for each in network.body.modules() if isinstance(each, nn.Linear | nn.BatchNorm1d)), None)
        taken = None if layer is None else layer.in_features if isinstance(layer, nn.Linear) else layer.num_features
        size = self._size + action
        if counts != list(outputs) or (self._shape is None and taken not in (None, size)):
            raise MismatchError(
                f"{self.contents.path}: its network {name} takes {taken} features and returns {counts} numbers, and "
                f"there are {size} features and {list(outputs)} numbers in the environment; give the environment it "
                f"was trained in as {argument('env')}"
            )

    def _actor(self, *, squashed: bool) -> dict[str, Callable[..., Any]]:
        count = count_actions(self.space)
        free = self.contents.tensors.get("actor.params.log_std")
        if branches(self.space):
            return {"logit": self._chain(*self._network("actor", count))}
        deterministic = str(self.contents.values["policy_class"]).startswith(_DETERMINISTIC)
        alone = deterministic or free is not None
        body, *heads = self._network("actor", *([count] if alone else [count, count]))
        mean = self._chain(body, heads[0])
        received = Chain(*([TanhLayer(), RescaleLayer(*self._bounds())] if squashed else [ClipLayer(*self._bounds())]))
        if free is not None:
            log_std = nn.ParameterDict({"log_std": nn.Parameter(free.float(), requires_grad=False)})
            self.parts["log_std"] = log_std
            self.std = lambda x: log_std["log_std"].exp()
        elif not deterministic:
            spread = self._chain(body, heads[1])
            self.std = lambda x: std_of_log(spread(x))
        self.choose = Received(received, is_random=self.std is not None)
        named: dict[str, Callable[..., Any]] = {"mean": mean, "action": Chain(mean, received)}
        if critics := self._critics():
            named["q_value"] = self._q_value(critics)
        return named

    def _bounds(self) -> tuple[Tensor, Tensor]:
        low, high = (torch.as_tensor(bound.reshape(-1)) for bound in (self.space.low, self.space.high))
        return low, high

    def _critics(self) -> list[nn.Sequential]:
        """The critics of an off-policy algorithm; none if dropout makes their values random."""
        if self.contents.values.get("dropout_rate"):
            self.notes += ("its critics have dropout also when they are used, and their values are left out",)
            return []
        critics = []
        for name in ("qf", "qf1", "qf2"):
            parameters = self._parameters(name)
            stacked = next((kind for kind in parameters.kinds() if kind.startswith("Vmap")), None)
            if stacked is not None:
                inner = parameters.under(f"{stacked}_0")
                members = min((len(value) for value in inner.tensors.values() if value.ndim), default=0)
                networks = [inner.of_member(index) for index in range(members)]
            else:
                networks = [parameters] if parameters.tensors else []
            for each in networks:
                network = flax_network(each, self.activation)
                action = count_actions(self.space)
                self._check_ends(network, [network.heads[0].out_features], name, action=action)
                critics.append(nn.Sequential(*network.body, *network.heads))
        self.parts["critics"] = nn.ModuleList(critics)
        return critics

    def _q_value(self, critics: Sequence[nn.Module]) -> Callable[[Any, Tensor], Tensor]:
        """The lowest estimate of the critics, or the mean of TQC's quantiles, for an action of the environment."""
        low, high = self._bounds()
        averages = str(self.contents.values["policy_class"]).startswith("sbx.tqc.")

        def q_value(x: Any, action: Tensor) -> Tensor:
            scaled = 2 * (action.to(x) - low.to(x)) / (high - low).to(x) - 1
            joined = torch.cat([x.flatten(1), scaled], dim=1)
            values = torch.cat([critic(joined) for critic in critics], dim=1)
            return values.mean(1, keepdim=True) if averages else values.amin(1, keepdim=True)

        return q_value


def _check_actions(contents: Contents, wanted: Wanted) -> None:
    """Check that the actions have the bounds of the training, between which they were scaled."""
    values: Mapping[str, Any] = contents.values
    if not isinstance(wanted.action_space, Box) or "action_space.low" not in values:
        return
    low, high = (np.asarray(values[f"action_space.{bound}"]) for bound in ("low", "high"))
    own = wanted.action_space.low.reshape(-1), wanted.action_space.high.reshape(-1)
    if low.shape != own[0].shape or not (np.allclose(low, own[0]) and np.allclose(high, own[1])):
        raise MismatchError(
            f"{contents.path} acts in {values['action_space.text']} and the environment takes {wanted.action_space}; "
            f"give the environment it was trained in as {argument('env')}"
        )
