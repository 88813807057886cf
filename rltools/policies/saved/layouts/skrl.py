"""Checkpoints of skrl: the policy, the value or Q-network, and the preprocessors of an agent.

The networks are of the user's own making; layers in a row are rebuilt, whatever they are called. What the user's code
does besides, such as a function of the last layer, is in no file.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from torch import Tensor, nn

from rltools.errors import ArgumentError, ModelError, argument
from rltools.policies._normalization import Normalization
from rltools.policies.actions import branches, count_actions
from rltools.policies.saved.chains import LINEAR, NORMS, Chain, LayerWeights, find_layers, is_chain
from rltools.policies.saved.continuous import ConstantStd, mean_heads
from rltools.policies.saved.halves import std_of_log
from rltools.policies.saved.layout import LayoutCard, activation_for
from rltools.policies.saved.networks import sequential
from rltools.policies.saved.parts import tensors_of
from rltools.policies.saved.rebuilt import Contents, Rebuilt, Wanted
from rltools.policies.saved.scalers import ValueScale, own_normalization
from rltools.policies.saved.spaces import check_ends, deciding_head
from rltools.policies.torch_policy import Head
from rltools.policies.vjp._chain import Chain as Calls

CARD = LayoutCard(
    title="skrl",
    files="`agent_<step>.pt` or `best_agent.pt`: the state dicts `policy` and `value`, or `q_network`, with "
    "`observation_preprocessor` (`state_preprocessor` before version 2) and `value_preprocessor`",
    activation=None,
    source="https://skrl.readthedocs.io/en/latest/intro/data.html",
    versions="skrl 2.1.1",
)
EPSILON, LIMIT = 1e-8, 5.0
"""What RunningStandardScaler adds to the std, and where it clips, unless it was told otherwise."""
_MODULE = re.compile(
    r"policy|value|q_network|(target_)?(policy|q_network|critic(_\d)?)|discriminator|log_entropy_coefficient|"
    r"((policy|value|critic|entropy)_)?optimizer|(amp_)?(observation|state|value)_preprocessor"
)


def recognizes(contents: Contents) -> bool:
    """Whether it has a policy or a Q-network, an optimizer, and nothing but modules of skrl's agents."""
    names = {key.partition(".")[0] for key in (*contents.tensors, *contents.values)}
    has_optimizer = any(name.endswith("optimizer") for name in names)
    return all(map(_MODULE.fullmatch, names)) and has_optimizer and bool({"policy", "q_network"} & names)


def rebuild(contents: Contents, wanted: Wanted) -> Rebuilt:
    """The policy or the Q-network, and the value network if it observes what the policy does.

    Raises:
        ModelError: its layers are not in a row.
        MismatchError: it is not for the environment.
        ArgumentError: the activation has to be given.
    """
    name = "q_network" if any(key.startswith("q_network.") for key in contents.tensors) else "policy"
    tensors, count = contents.under(name), count_actions(wanted.action_space)
    layers = _in_row(contents, name, [layer for layer in find_layers(tensors)[0] if "value" not in layer.key.lower()])
    chain = Chain(name, tuple(layers))
    check_ends(chain, wanted)
    activation = activation_for(CARD, wanted)
    network = sequential(tensors_of(layers), activation)
    module, std, notes = nn.ModuleDict({name: network}), None, []
    discrete = bool(branches(wanted.action_space))
    head = deciding_head(wanted, "q_value" if name == "q_network" else None)
    heads: dict[str, Head] = {head: network} if discrete else mean_heads(network, wanted.action_space)
    if not discrete:
        notes.append("what its last layer returns is taken for the mean; a function of it in the model is in no file")
        log_std = tensors.get("log_std_parameter")
        if log_std is not None and log_std.numel() == count:
            module["std"] = std = ConstantStd(std_of_log(log_std))
    value = _value_layers(contents, layers) if name == "policy" else []
    if value and is_chain(value) and value[0].inputs == chain.inputs and value[-1].outputs == 1:
        module["value"] = sequential(tensors_of(value), activation)
        heads["value"] = module["value"]
        scale = contents.under("value_preprocessor")
        if scale:
            module["value_scale"] = ValueScale(scale["running_mean"], scale["running_variance"].float().sqrt(), LIMIT)
            heads["value"] = Calls(module["value"], module["value_scale"])
    elif value:
        notes.append("its value network does not observe what the policy does, and is left out")
    normalization = _normalization(contents, wanted)
    if normalization is not None:
        notes.append(
            f"its observations are clipped at {LIMIT:g} standard deviations, skrl's default, which no file says"
        )
    return Rebuilt(module, heads, normalization=normalization, std=std, notes=tuple(notes))


def _value_layers(contents: Contents, policy: Sequence[LayerWeights]) -> list[LayerWeights]:
    """The layers of the value network; one that is shared has the last layers of both."""
    layers = find_layers(contents.under("value"))[0]
    own = {layer.key for layer in policy}
    shared = own <= {layer.key for layer in layers} and any("value" in layer.key.lower() for layer in layers)
    return [layer for layer in layers if layer.key != policy[-1].key] if shared else layers


def _in_row(contents: Contents, name: str, layers: list[LayerWeights]) -> list[LayerWeights]:
    """The layers of a network, checked.

    Raises:
        ModelError: they are no linear layers that fit together.
    """
    if not layers or not is_chain(layers) or any(layer.kind not in (LINEAR, *NORMS) for layer in layers):
        listed = "; ".join(str(Chain(layer.key, (layer,))) for layer in layers[:8]) or "no layers"
        raise ModelError(
            f"{contents.path}: {name} has {listed}, which are not linear layers in a row; what stands between them is "
            f"in the model's own code: build it, load the weights into it and give rltools.TorchPolicy(network, env)"
        )
    return layers


def _normalization(contents: Contents, wanted: Wanted) -> Normalization | None:
    scalers: list[Mapping[str, Tensor]] = [
        contents.under(name) for name in ("observation_preprocessor", "state_preprocessor")
    ]
    scaler = next((each for each in scalers if each), None)
    if scaler is None:
        return None
    if not {"running_mean", "running_variance"} <= scaler.keys():
        raise ArgumentError(
            f"{contents.path} has a preprocessor of {', '.join(sorted(scaler))[:200]}, which is not skrl's "
            f"RunningStandardScaler; give its statistics as {argument('normalize')} and the weights of the policy alone"
        )
    std = scaler["running_variance"].float().sqrt() + EPSILON
    return own_normalization(wanted, scaler["running_mean"].float(), std, LIMIT)
