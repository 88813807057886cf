"""The state dict of a network of one's own: chains of layers from the environment's observations to its actions.

It takes what no other layout recognizes. The activation has to be given, and which network decides is told by the
shapes, and by the names of networks that commonly stand beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor, nn

from rltools._util.text import plural
from rltools.errors import ArgumentError, ModelError, argument
from rltools.policies.actions import branches, count_actions
from rltools.policies.saved.chains import CONVOLUTION, RECURRENT, Chain, LayerWeights, find_chains
from rltools.policies.saved.layout import LayoutCard, activation_for, chains_text
from rltools.policies.saved.memory import recurrent_state
from rltools.policies.saved.networks import recurrent_module, sequential
from rltools.policies.saved.rebuilt import Contents, Rebuilt, Wanted
from rltools.policies.saved.spaces import deciding_head, image_input, observation_size
from rltools.policies.vjp._chain import Chain as Calls

FALLBACK = True
CARD = LayoutCard(
    title="PyTorch",
    files="the state dict of a network, or a checkpoint around one: layers in a row, such as `0.weight`, "
    "`net.0.weight`, `actor.0.weight`",
    activation=None,
    source="https://docs.pytorch.org/docs/stable/notes/serialization.html",
    versions="torch 1.0 to 2.13",
)
# Words in the names of networks, the first to decide coming first.
_DECIDING = ("actor", "policy", "pi", "q_network", "q_net", "qnet", "q")
_OF_Q_VALUES = ("q_network", "q_net", "qnet", "q")
_BESIDE = ("target", "old", "critic", "value", "vf", "v", "optimizer", "log")


def recognizes(contents: Contents) -> bool:
    """Whether it holds layers at all."""
    return bool(find_chains(contents.tensors))


def rebuild(contents: Contents, wanted: Wanted) -> Rebuilt:
    """The network that decides, and one of values if there is one beside it.

    Raises:
        ArgumentError: no network takes the observations and returns the actions, or several do, or it is not known what
            they return or which activation they have.
    """
    taking = [chain for chain in find_chains(contents.tensors) if _takes(chain, wanted)]
    deciding = _deciding(taking, contents, wanted)
    head = deciding_head(wanted, _head_of(deciding, contents, wanted))
    if deciding.kinds & set(RECURRENT):
        return _recurrent(deciding, head, wanted)
    networks = nn.ModuleDict({"decides": _network(deciding, contents, wanted)})
    heads: dict[str, Callable[..., Any]] = {head: _head(deciding, networks["decides"], wanted)}
    values = [
        chain
        for chain in taking
        if chain.outputs == 1 and chain is not deciding and _words(chain) & {"critic", "value", "vf", "v"}
    ]
    if len(values) == 1 and head != "q_value":
        networks["value"] = _network(values[0], contents, wanted)
        heads["value"] = _head(values[0], networks["value"], wanted)
    return Rebuilt(networks, heads)


def _recurrent(chain: Chain, head: str, wanted: Wanted) -> Rebuilt:
    """A network with one LSTM or GRU in it; the activation follows the layer before it, too."""
    places = [index for index, layer in enumerate(chain.layers) if layer.kind in RECURRENT]
    if len(places) != 1 or chain.layers[0].kind == CONVOLUTION:
        raise ModelError(f"the network {chain} is not supported: give one with a single LSTM or GRU, and no images")
    before, after = chain.layers[: places[0]], chain.layers[places[0] + 1 :]
    rnn, activation = recurrent_module(chain.layers[places[0]]), activation_for(CARD, wanted)
    encode = sequential(_tensors(before), activation, last=activation) if before else nn.Identity()
    decide = sequential(_tensors(after), activation) if after else nn.Identity()
    networks = nn.ModuleDict({"encode": encode, "remember": rnn, "decide": decide})
    return Rebuilt(networks, {head: decide}, memory=recurrent_state(rnn, encode=encode))


def _takes(chain: Chain, wanted: Wanted) -> bool:
    """Whether a chain takes the environment's observations."""
    space = wanted.observation_space
    if chain.layers[0].kind == CONVOLUTION:
        shape = tuple(space.shape or ())
        return len(shape) == 3 and chain.inputs in (shape[0], shape[2])
    return chain.inputs == observation_size(space)


def _deciding(taking: list[Chain], contents: Contents, wanted: Wanted) -> Chain:
    """The network that decides, among those that take the environment's observations."""
    size, count = observation_size(wanted.observation_space), count_actions(wanted.action_space)
    fitting = [chain for chain in taking if chain.outputs == count]
    alone = [chain for chain in fitting if not _words(chain) & set(_BESIDE)] or fitting
    ranked = next(
        (named for word in _DECIDING if (named := [chain for chain in alone if word in _words(chain)])), alone
    )
    # A last layer may happen to take as many numbers as there are features: then a network stands before it.
    inputs = {chain.inputs for chain in ranked}
    before = [chain for chain in taking if chain not in fitting and chain.outputs in inputs]
    if len(ranked) == 1 and not before:
        return ranked[0]
    which = "several networks in it take" if ranked else "no network in it takes"
    raise ArgumentError(
        f"{contents.path}: {which} {plural(size, 'feature')} and {'return' if ranked else 'returns'} "
        f"{plural(count, 'number')}, one per "
        f"action; it holds {chains_text(contents)}. Give the library it is of as {argument('layout')}, the environment "
        f"it was trained in as {argument('env')}, or the network itself: build it, load the weights into it and give "
        f"rltools.TorchPolicy(network, env)"
    )


def _head_of(chain: Chain, contents: Contents, wanted: Wanted) -> str:
    """What the outputs of the deciding network are, by its name."""
    if wanted.head is not None:
        return wanted.head
    words = _words(chain)
    if branches(wanted.action_space) and words & set(_OF_Q_VALUES):
        return "q_value"
    if words & set(_DECIDING):
        return "logit" if branches(wanted.action_space) else "mean"
    names = ("logit", "q_value") if branches(wanted.action_space) else ("mean", "action")
    raise ArgumentError(
        f"{contents.path}: the network {chain} is not named for what it returns; give it as "
        f"{' or '.join(argument('head', repr(name)) for name in names)}{_and_activation(chain, wanted)}"
    )


def _and_activation(chain: Chain, wanted: Wanted) -> str:
    """What else has to be given for a chain, so that one error says all of it; "" for nothing."""
    if wanted.activation is not None or len(chain.layers) == 1:
        return ""
    return f", and the function between its layers as {argument('activation')}"


def says_what_it_returns(contents: Contents) -> bool:
    """Whether a network in it has a name that says what its outputs are."""
    return any(_words(chain) & {*_OF_Q_VALUES, *_DECIDING} for chain in find_chains(contents.tensors))


def _words(chain: Chain) -> set[str]:
    parts = chain.prefix.lower().split(".")
    return {*parts, *(word for part in parts for word in part.split("_"))}


def _tensors(layers: Sequence[LayerWeights]) -> dict[str, Tensor]:
    return {f"{layer.key}.{name}".lstrip("."): value for layer in layers for name, value in layer.tensors.items()}


def _network(chain: Chain, contents: Contents, wanted: Wanted) -> nn.Sequential:
    shape = image_input(wanted.observation_space, chain.inputs)[1] if chain.layers[0].kind == CONVOLUTION else None
    activation = activation_for(CARD, wanted) if len(chain.layers) > 1 else "identity"
    return sequential(_tensors(chain.layers), activation, strides=wanted.strides, input_shape=shape)


def _head(chain: Chain, network: nn.Module, wanted: Wanted) -> Callable[..., Any]:
    if chain.layers[0].kind != CONVOLUTION:
        return network
    return Calls(*image_input(wanted.observation_space, chain.inputs)[0], network)
