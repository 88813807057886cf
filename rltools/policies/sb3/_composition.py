"""Lists what the methods of the library's classes call in turn, and checks that they are still the library's own."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sb3_contrib.qrdqn.policies import QuantileNetwork
from stable_baselines3.common.policies import ActorCriticPolicy, BasePolicy
from stable_baselines3.common.torch_layers import FlattenExtractor, MlpExtractor, NatureCNN
from stable_baselines3.dqn.policies import DQNPolicy, QNetwork
from stable_baselines3.sac.policies import SACPolicy
from stable_baselines3.td3.policies import TD3Policy
from torch import nn

from rltools.errors import ModelError
from rltools.policies.vjp._plan import HOOKS, Composition

CHILDREN: dict[tuple[type, str], tuple[str, ...]] = {
    (FlattenExtractor, "forward"): ("flatten",),
    (NatureCNN, "forward"): ("cnn", "linear"),
    (MlpExtractor, "forward_actor"): ("policy_net",),
    (MlpExtractor, "forward_critic"): ("value_net",),
    (QNetwork, "forward"): ("features_extractor", "q_net"),
    (QuantileNetwork, "forward"): ("features_extractor", "quantile_net"),  # and other axes for the same numbers
}
"""The parts that a method of a class calls, in order."""
_FLATTEN, _CNN = FlattenExtractor.forward, NatureCNN.forward
_Q_VALUES, _QUANTILES = QNetwork.forward, QuantileNetwork.forward
_ACTOR, _CRITIC = MlpExtractor.forward_actor, MlpExtractor.forward_critic

_INFERENCE = ("predict", "_predict", "get_distribution", "_get_action_dist_from_latent")
_METHODS: dict[tuple[type, str], Any] = {}
_PREDICT, _PPO, _PPO_OF_LATENT = BasePolicy.predict, ActorCriticPolicy.get_distribution, ActorCriticPolicy._predict
_DQN, _TD3, _SAC = DQNPolicy._predict, TD3Policy._predict, SACPolicy._predict


def is_as_imported() -> bool:
    """Whether the library's methods are still its own; written out for speed, as `classes_are_as_imported` is."""
    return (
        _is_actor_critic_as_imported()
        and QNetwork.forward is _Q_VALUES
        and QuantileNetwork.forward is _QUANTILES
        and DQNPolicy._predict is _DQN
        and TD3Policy._predict is _TD3
        and SACPolicy._predict is _SAC
    )


def _is_actor_critic_as_imported() -> bool:
    """The same for the methods that networks of `ActorCriticPolicy` run."""
    return (
        MlpExtractor.forward_actor is _ACTOR
        and MlpExtractor.forward_critic is _CRITIC
        and FlattenExtractor.forward is _FLATTEN
        and NatureCNN.forward is _CNN
        and ActorCriticPolicy.get_distribution is _PPO
        and ActorCriticPolicy._predict is _PPO_OF_LATENT
        and BasePolicy.predict is _PREDICT
    )


def remember_methods(classes: Iterable[type]) -> None:
    """Remember the inference methods of policy classes, so that replaced ones are noticed from now on."""
    for cls in classes:
        for name in _INFERENCE:
            _METHODS.setdefault((cls, name), getattr(cls, name, None))


def composition_of(network: nn.Module) -> Composition:
    """The composition of a network: which parts its modules call in turn.

    Its check refuses a network whose inference methods were replaced, on the network or in the library's class, because
    heads are computed from its parts, as the library's methods do.
    """
    kind = type(network)
    own = [(cls, name, method) for (cls, name), method in _METHODS.items() if issubclass(kind, cls)]

    def check() -> None:
        state = vars(network)
        for name in _INFERENCE:
            if name in state:
                raise ModelError(_refusal(kind, name, "of this very network"))
        for cls, name, method in own:
            if getattr(cls, name, None) is not method:
                raise ModelError(_refusal(cls, name, "of the class"))

    of_actor_critic = isinstance(network, ActorCriticPolicy)
    return Composition(CHILDREN, _is_actor_critic_as_imported if of_actor_critic else is_as_imported, check)


def check_unhooked(module: nn.Module, name: str, heads: str) -> None:
    """Refuse a module whose hooks would be skipped, because heads are computed from its layers.

    Raises:
        ModelError: it is hooked, or has a forward of its own.
    """
    state = vars(module)
    if "forward" in state or any(state[hooks] for hooks in HOOKS):
        raise ModelError(
            f"{name} ({type(module).__name__}) is hooked or has a forward of its own, which would not be run: {heads} "
            f"come from its layers; hook or replace these, or make a TorchPolicy with heads= of your own"
        )


def _refusal(kind: type, name: str, where: str) -> str:
    return (
        f"{kind.__name__}.{name} {where} was replaced, and heads are computed from its parts as the library's own "
        f"does; make a TorchPolicy with heads= that call yours instead"
    )
