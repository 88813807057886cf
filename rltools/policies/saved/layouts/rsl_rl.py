"""RSL-RL, which Isaac Lab and legged_gym train with: actors and critics of vectors, with normalization and memory.

Version 4 and later save actor and critic apart, earlier ones together; version 2 keeps the statistics beside them.
A critic that observes more than the actor does, and one that normalizes otherwise, is left out. Actors that see images
are refused. Means go to the environment as they are, clipped to its bounds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from rltools.errors import ArgumentError, ModelError, argument
from rltools.policies._normalization import Normalization
from rltools.policies.actions import branches, count_actions
from rltools.policies.saved.chains import Chain, LayerWeights, find_layers
from rltools.policies.saved.continuous import ConstantStd, mean_heads
from rltools.policies.saved.layout import LayoutCard, activation_for
from rltools.policies.saved.memory import recurrent_state
from rltools.policies.saved.networks import recurrent_module, sequential
from rltools.policies.saved.parts import under
from rltools.policies.saved.rebuilt import Contents, Rebuilt, Wanted
from rltools.policies.saved.scalers import own_normalization
from rltools.policies.saved.spaces import check_ends, deciding_head

CARD = LayoutCard(
    title="RSL-RL (Isaac Lab)",
    files="`model_<iteration>.pt`: `actor_state_dict.mlp.0.weight` and `critic_state_dict` (since version 4) or "
    "`model_state_dict.actor.0.weight` (until 3), with `obs_normalizer`, `std` and the weights of an LSTM or a GRU",
    activation="elu",
    source="https://github.com/leggedrobotics/rsl_rl",
    versions="rsl-rl-lib 2.3.3, 3.1.3, 4.0.1 and 5.5.1",
)
EPSILON = 1e-2
"""What its normalization adds to the std."""
STD_MIN, STD_MAX = 1e-6, 1e6


@dataclass(frozen=True)
class _Network:
    """The tensors of an actor or a critic: its layers, those of its memory, and its statistics."""

    layers: Mapping[str, Tensor]
    memory: Mapping[str, Tensor]
    statistics: Mapping[str, Tensor]


def recognizes(contents: Contents) -> bool:
    """Whether it has the keys of an actor or a student of any version."""
    if any(f"{name}_state_dict.mlp.0.weight" in contents.tensors for name in ("actor", "student")):
        return True
    joint = contents.under("model_state_dict")
    deciding = any(f"{name}.0.weight" in joint for name in ("actor", "student"))
    return deciding and (bool({"std", "log_std"} & joint.keys()) or "iter" in contents.values)


def rebuild(contents: Contents, wanted: Wanted) -> Rebuilt:
    """The actor, and the critic if it observes what the actor does.

    Raises:
        ModelError: it sees images, or keys are missing.
        MismatchError: it is not for the environment.
        ArgumentError: discrete actions.
    """
    if branches(wanted.action_space):
        raise ArgumentError(
            f"agents of RSL-RL have continuous actions, not {wanted.action_space}; give {argument('env')}"
        )
    deciding_head(wanted, "mean")
    actor, critic, std = _parts(contents)
    activation, notes = activation_for(CARD, wanted), []
    layers, count = _layers(contents, actor), count_actions(wanted.action_space)
    remembered = _recurrent(actor)
    chain = Chain("", (*remembered, *layers))
    tensors = dict(actor.layers)
    if layers and layers[-1].outputs == 2 * count:
        check_ends(chain, wanted, outputs=2 * count)
        tensors |= {f"{layers[-1].key}.{name}": value[:count] for name, value in layers[-1].tensors.items()}
        notes.append(
            "its last layer has two outputs per action, which are read as means and standard deviations; a Beta "
            "distribution is saved likewise, and would have other actions"
        )
    else:
        check_ends(chain, wanted)
    network = sequential(tensors, activation)
    module, heads = nn.ModuleDict({"actor": network}), mean_heads(network, wanted.action_space)
    memories = [recurrent_module(layer) for layer in remembered]
    problem = _critic_problem(critic, actor, chain)
    if problem is None:
        module["critic"] = sequential(critic.layers, activation)
        heads["value"] = module["critic"]
        memories += [recurrent_module(layer) for layer in _recurrent(critic)]
    elif problem:
        notes.append(f"its critic {problem}, and is left out")
    module["memories"] = nn.ModuleList(memories)
    if std is not None:
        module["std"] = ConstantStd(std.clamp(STD_MIN, STD_MAX))
    return Rebuilt(
        module,
        heads,
        normalization=_normalization(actor, wanted),
        memory=recurrent_state(*memories) if memories else None,
        std=module["std"] if std is not None else None,
        notes=tuple(notes),
    )


def _parts(contents: Contents) -> tuple[_Network, _Network, Tensor | None]:
    """The actor (or the student of a distillation), the critic, and the std of actions."""
    for name in ("actor", "student"):
        apart, beside = contents.under(f"{name}_state_dict"), contents.under("critic_state_dict")
        if "mlp.0.weight" in apart:
            return _apart(apart), _apart(beside), _std(apart)
        joint = contents.under("model_state_dict")
        if f"{name}.0.weight" in joint:
            memory = "memory_a" if name == "actor" else "memory_s"
            return (
                _joint(contents, joint, name, memory, "obs_norm_state_dict"),
                _joint(contents, joint, "critic", "memory_c", "privileged_obs_norm_state_dict"),
                _std(joint),
            )
    raise ModelError(
        f"{contents.path} has neither actor_state_dict.mlp.0.weight nor model_state_dict.actor.0.weight, as RSL-RL "
        f"saves them; give another {argument('layout')}"
    )


def _apart(tensors: Mapping[str, Tensor]) -> _Network:
    if images := sorted(key for key in tensors if key.startswith("cnns.")):
        raise ModelError(
            f"its actor sees images ({images[0]}), and no file of RSL-RL says how far their kernels move; build the "
            f"network, load the weights into it and give rltools.TorchPolicy(network, env)"
        )
    return _Network(under(tensors, "mlp"), under(tensors, "rnn"), under(tensors, "obs_normalizer"))


def _joint(contents: Contents, tensors: Mapping[str, Tensor], name: str, memory: str, beside: str) -> _Network:
    statistics = under(tensors, f"{name}_obs_normalizer") or contents.under(beside)
    if "count" in statistics and not bool(statistics["count"]):  # the critic of version 2 observes what the actor does
        statistics = contents.under("obs_norm_state_dict") or statistics
    return _Network(under(tensors, name), under(tensors, memory), statistics)


def _std(tensors: Mapping[str, Tensor]) -> Tensor | None:
    """The std of actions if it does not depend on the observation."""
    for name, is_log in (("std", False), ("log_std", True), ("std_param", False), ("log_std_param", True)):
        key = f"distribution.{name}" if name.endswith("param") else name
        if key in tensors:
            return tensors[key].exp() if is_log else tensors[key]
    return None


def _layers(contents: Contents, network: _Network) -> list[LayerWeights]:
    layers, others = find_layers(network.layers)
    if others or not layers:
        raise ModelError(f"{contents.path}: {', '.join(others) or 'nothing'} in the place of its actor's layers")
    return layers


def _recurrent(network: _Network) -> list[LayerWeights]:
    return find_layers(network.memory)[0]


def _critic_problem(critic: _Network, actor: _Network, chain: Chain) -> str | None:
    """Why the critic cannot be a head; None if it can, and "" if there is none."""
    if not critic.layers:
        return ""
    layers: Sequence[LayerWeights] = [*_recurrent(critic), *find_layers(critic.layers)[0]]
    if layers[0].inputs != chain.inputs:
        return f"observes {layers[0].inputs} numbers and the actor {chain.inputs}"
    if bool(critic.memory) != bool(actor.memory):
        return "has another memory than the actor"
    same = critic.statistics.keys() == actor.statistics.keys() and all(
        torch.allclose(value.double(), actor.statistics[key].double(), rtol=1e-4)
        for key, value in critic.statistics.items()
    )
    return None if same else "normalizes observations in another way than the actor"


def _normalization(actor: _Network, wanted: Wanted) -> Normalization | None:
    if not actor.statistics:
        return None
    mean, std = (actor.statistics[key].detach().double() for key in ("_mean", "_std"))
    return own_normalization(wanted, mean, std + EPSILON)
