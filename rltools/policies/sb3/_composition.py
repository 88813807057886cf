"""What the library's own classes do when they are called, and whether they still do it."""

from __future__ import annotations

from sb3_contrib.ars.policies import ARSPolicy
from sb3_contrib.common.maskable.policies import MaskableActorCriticPolicy
from sb3_contrib.common.recurrent.policies import RecurrentActorCriticPolicy
from sb3_contrib.crossq.policies import CrossQPolicy
from sb3_contrib.qrdqn.policies import QRDQNPolicy, QuantileNetwork
from sb3_contrib.tqc.policies import TQCPolicy
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
"""What calling a method of a class calls in turn."""
_FLATTEN, _CNN = FlattenExtractor.forward, NatureCNN.forward
_Q_VALUES, _QUANTILES = QNetwork.forward, QuantileNetwork.forward
_ACTOR, _CRITIC = MlpExtractor.forward_actor, MlpExtractor.forward_critic

_POLICIES = (
    *(ActorCriticPolicy, MaskableActorCriticPolicy, RecurrentActorCriticPolicy, ARSPolicy),
    *(DQNPolicy, QNetwork, QRDQNPolicy, QuantileNetwork, TD3Policy, SACPolicy, TQCPolicy, CrossQPolicy),
)
_ASKED = ("predict", "_predict", "get_distribution", "_get_action_dist_from_latent")
_AS_IMPORTED = {(known, name): getattr(known, name, None) for known in _POLICIES for name in _ASKED}
_PREDICT, _PPO, _PPO_OF_LATENT = BasePolicy.predict, ActorCriticPolicy.get_distribution, ActorCriticPolicy._predict
_DQN, _TD3, _SAC = DQNPolicy._predict, TD3Policy._predict, SACPolicy._predict


def is_as_imported() -> bool:
    """Whether the library's methods are its own; written out, as `classes_are_as_imported` is."""
    return (
        MlpExtractor.forward_actor is _ACTOR
        and MlpExtractor.forward_critic is _CRITIC
        and FlattenExtractor.forward is _FLATTEN
        and NatureCNN.forward is _CNN
        and QNetwork.forward is _Q_VALUES
        and QuantileNetwork.forward is _QUANTILES
        and ActorCriticPolicy.get_distribution is _PPO
        and ActorCriticPolicy._predict is _PPO_OF_LATENT
        and BasePolicy.predict is _PREDICT
        and DQNPolicy._predict is _DQN
        and TD3Policy._predict is _TD3
        and SACPolicy._predict is _SAC
    )


def composition_of(network: nn.Module) -> Composition:
    """What the modules of a network do when they are called.

    Its check refuses a network whose own methods were replaced, on itself or in the library's class: heads are computed
    from its parts, as these methods do.
    """
    kind = type(network)
    own = [(known, name, method) for (known, name), method in _AS_IMPORTED.items() if issubclass(kind, known)]

    def check() -> None:
        state = vars(network)
        for name in _ASKED:
            if name in state:
                raise ModelError(_refusal(kind, name, "of this very network"))
        for known, name, method in own:
            if getattr(known, name, None) is not method:
                raise ModelError(_refusal(known, name, "of the class"))

    return Composition(CHILDREN, is_as_imported, check)


def check_unhooked(module: nn.Module, name: str, heads: str) -> None:
    """Refuse a module that heads are computed around: what hangs on it would not be run.

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
