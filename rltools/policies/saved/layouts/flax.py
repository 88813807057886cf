"""Networks of flax in msgpack: CleanRL's agents in JAX, and Dense layers of one's own in a row."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from rltools.errors import ArgumentError, MismatchError, ModelError, argument
from rltools.policies.actions import branches, count_actions
from rltools.policies.saved.flax_networks import FlaxNetwork, FlaxParameters, flax_network
from rltools.policies.saved.layout import LayoutCard
from rltools.policies.saved.rebuilt import Contents, Rebuilt, Wanted
from rltools.policies.saved.spaces import deciding_head, image_input, observation_size
from rltools.policies.vjp._chain import Chain
from rltools.policies.vjp._layers import RescaleLayer, TanhLayer

CARD = LayoutCard(
    title="flax",
    files="parameters that flax.serialization.to_bytes wrote: `params.Dense_0.kernel` of a network in a row, and "
    "CleanRL's .cleanrl_model of dqn_jax, c51_jax, ddpg and td3_continuous_action_jax, ppo_atari_envpool_xla_jax",
    activation=None,
    source="https://docs.cleanrl.dev",
    versions="flax 0.12; the networks of CleanRL's scripts, untrained",
)
CLEANRL, CLEANRL_ACTIVATION = ".cleanrl_model", "relu"
_ACTOR, _CRITICS = "0.params", ("1.params", "2.params")
_SHARED = ("1.0.params", "1.1.params", "1.2.params")
_DISTRIBUTION = "model_weights.params"


def recognizes(contents: Contents) -> bool:
    """Whether it holds parameters of flax, by the names that flax gives to layers."""
    return any(".Dense_0.kernel" in f".{key}" for key in contents.tensors) and not contents.values.get("policy_class")


def rebuild(contents: Contents, wanted: Wanted) -> Rebuilt:
    """The network: "q_value" of DQN and C51, "logit" and "value" of PPO, "mean", "action", "q_value" of DDPG and TD3.

    Raises:
        ModelError: parameters of other layers.
        ArgumentError: the activation or the head have to be given.
        MismatchError: the network is not for the environment.
    """
    make = _Builder(contents, wanted)
    if contents.under(_SHARED[0]):
        return make.shared()
    if contents.under(_ACTOR):
        return make.deterministic()
    if contents.under(_DISTRIBUTION):
        return make.distribution()
    prefix = "params" if contents.under("params") else ""
    network = make.network(prefix, count_actions(wanted.action_space))
    default = "q_value" if contents.path.suffix == CLEANRL and branches(wanted.action_space) else None
    if default is None and wanted.head is None:
        names = ("logit", "q_value") if branches(wanted.action_space) else ("mean", "action")
        raise ArgumentError(
            f"{contents.path} does not say what its network returns; give it as "
            f"{' or '.join(argument('head', repr(name)) for name in names)}"
        )
    return make.rebuilt({deciding_head(wanted, default): make.chain(network)})


class _Builder:
    """Networks of one file, and the module that has all of them."""

    def __init__(self, contents: Contents, wanted: Wanted) -> None:
        self.contents, self.wanted, self.parts = contents, wanted, nn.ModuleDict()
        self.is_cleanrl = contents.path.suffix == CLEANRL
        if wanted.activation is None and not self.is_cleanrl:
            raise ArgumentError(
                f"no file of flax says which function stands between its layers, and it is not guessed; give it as "
                f"{argument('activation', repr('tanh'))}, {argument('activation', repr('relu'))}, ..., as the network "
                f"was trained"
            )
        self.activation = wanted.activation or CLEANRL_ACTIVATION

    def network(self, prefix: str, *outputs: int, action: int = 0) -> FlaxNetwork:
        """A network that takes the environment's observations and returns so many numbers."""
        parameters = FlaxParameters(f"{self.contents.path}: {prefix}", self.contents.under(prefix), {})
        shape = self.before(parameters)[1] if "Conv" in parameters.kinds() else None
        network = flax_network(
            parameters, self.activation, heads=len(outputs), image_shape=shape, strides=self.wanted.strides
        )
        first = next((each for each in network.body.modules() if isinstance(each, nn.Linear)), *network.heads[:1])
        size = observation_size(self.wanted.observation_space) + action
        counts = [head.out_features for head in network.heads]
        if counts != list(outputs) or (shape is None and first.in_features != size):
            raise MismatchError(
                f"{parameters.where}: it takes {first.in_features} features and returns {counts} numbers, and the "
                f"environment has {size} features and needs {list(outputs)} numbers; give the environment it was "
                f"trained in as {argument('env')}"
            )
        self.parts[prefix.replace(".", "_") or "params"] = nn.ModuleList([network.body, *network.heads])
        return network

    def before(self, parameters: FlaxParameters) -> tuple[Sequence[Any], Sequence[int] | None]:
        """What goes before a network, and the shape of an image."""
        space = self.wanted.observation_space
        if "Conv" in parameters.kinds():
            return image_input(space, int(parameters.tensors["Conv_0.kernel"].shape[-2]))
        return ([nn.Flatten()] if len(space.shape or ()) != 1 else []), None

    def chain(self, network: FlaxNetwork, *after: Any) -> Chain:
        """Observations to the network's output."""
        images = any(isinstance(each, nn.Conv2d) for each in network.body)
        channels = next((each.in_channels for each in network.body if isinstance(each, nn.Conv2d)), 0)
        space = self.wanted.observation_space
        flat = [nn.Flatten()] if len(space.shape or ()) != 1 else []
        return Chain(*(image_input(space, channels)[0] if images else flat), network.body, *network.heads, *after)

    def rebuilt(self, heads: dict[str, Callable[..., Any]], **more: Any) -> Rebuilt:
        """The result, with a note of the activation."""
        origin = "as the caller says" if self.wanted.activation else "as in CleanRL's scripts"
        return Rebuilt(self.parts, heads, notes=(f"{self.activation} between its layers, {origin}",), **more)

    def shared(self) -> Rebuilt:
        """PPO: a network of images, and an actor and a critic on top of it."""
        body = self.network(_SHARED[0])
        heads = {}
        for name, prefix, outputs in (
            ("logit", _SHARED[1], count_actions(self.wanted.action_space)),
            ("value", _SHARED[2], 1),
        ):
            parameters = FlaxParameters(f"{self.contents.path}: {prefix}", self.contents.under(prefix), {})
            top = flax_network(parameters, self.activation)
            if top.heads[0].out_features != outputs:
                raise MismatchError(
                    f"{parameters.where} returns {top.heads[0].out_features} numbers, not {outputs}; give the "
                    f"environment it was trained in as {argument('env')}"
                )
            self.parts[name] = nn.ModuleList([top.body, *top.heads])
            heads[name] = self.chain(body, top.body, *top.heads)
        return self.rebuilt(dict(heads))

    def deterministic(self) -> Rebuilt:
        """DDPG and TD3: an actor within bounds, and critics."""
        space: Any = self.wanted.action_space
        if branches(space):
            raise MismatchError(
                f"{self.contents.path} has an actor of continuous actions, and the environment takes {space}; give the "
                f"environment it was trained in as {argument('env')}"
            )
        count = count_actions(space)
        low, high = (torch.as_tensor(bound.reshape(-1)) for bound in (space.low, space.high))
        mean = self.chain(self.network(_ACTOR, count))
        received = Chain(TanhLayer(), RescaleLayer(low, high))
        critics = [self.network(name, 1, action=count) for name in _CRITICS if self.contents.under(name)]
        heads: dict[str, Callable[..., Any]] = {"mean": mean, "action": Chain(mean, received)}
        if critics:
            joined = [nn.Sequential(*each.body, *each.heads) for each in critics]

            def q_value(x: Tensor, action: Tensor) -> Tensor:
                both = torch.cat([x.flatten(1), action.to(x)], dim=1)
                return torch.cat([critic(both) for critic in joined], dim=1).amin(1, keepdim=True)

            heads["q_value"] = q_value

        def choose(scores: Tensor, deterministic: bool, rngs: Any) -> np.ndarray:
            if not deterministic:
                raise ArgumentError("this actor is deterministic; act with deterministic=True")
            actions: np.ndarray = received(scores).numpy(force=True)
            return actions

        return self.rebuilt(heads, choose=choose)

    def distribution(self) -> Rebuilt:
        """C51: a distribution over returns for each action, between bounds that are in the file."""
        values = self.contents.values
        atoms, low, high = (values.get(f"args.{name}") for name in ("n_atoms", "v_min", "v_max"))
        count = count_actions(self.wanted.action_space)
        if type(atoms) is not int or not isinstance(low, (int, float)) or not isinstance(high, (int, float)):
            raise ModelError(f"{self.contents.path} does not say n_atoms, v_min and v_max; save it as c51_jax.py does")
        if not 1 < atoms <= 10_000 or not branches(self.wanted.action_space):
            raise ModelError(f"{self.contents.path} has {atoms} atoms for {self.wanted.action_space}; save it again")
        support = torch.linspace(float(low), float(high), atoms, dtype=torch.float64)
        logits = self.chain(self.network(_DISTRIBUTION, count * atoms))

        def q_value(x: Any) -> Tensor:
            probabilities = logits(x).unflatten(-1, (count, atoms)).softmax(-1)
            q_values: Tensor = (probabilities * support.to(probabilities)).sum(-1)
            return q_values

        return self.rebuilt({"q_value": q_value})
