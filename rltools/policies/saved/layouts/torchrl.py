"""TorchRL: actors and critics of TensorDictModules, alone, in a dict, in a loss, or in a checkpoint folder.

The parts of an actor are numbered, `module.0.module.0.weight`: a network, perhaps an LSTM and another network. What
follows them, a distribution or a choice of the highest value, has no weights, so the file does not name it.
"""

from __future__ import annotations

import re
from typing import Any

from torch import Tensor, nn

from rltools.errors import ArgumentError, ModelError, argument
from rltools.policies.actions import branches, count_actions
from rltools.policies.saved.chains import CONVOLUTION, Chain, LayerWeights, find_layers
from rltools.policies.saved.continuous import ConstantStd, Received, clipped, squashed
from rltools.policies.saved.halves import PositiveStd, halved
from rltools.policies.saved.layout import LayoutCard, activation_for, chains_text
from rltools.policies.saved.memory import Recurrent, recurrent_state
from rltools.policies.saved.networks import recurrent_module, sequential
from rltools.policies.saved.parts import tensors_of
from rltools.policies.saved.rebuilt import Contents, Rebuilt, Wanted
from rltools.policies.saved.spaces import check_ends, deciding_head, image_input
from rltools.policies.torch_policy import Head
from rltools.policies.vjp._chain import Chain as Calls

CARD = LayoutCard(
    title="TorchRL",
    files="the state dict of an actor (`module.0.module.0.weight`, ...), a dict of such (`actor`, `critic`), the state "
    "dict of a loss (`actor_network_params.module.0.module.0.weight`), or a checkpoint folder with `manifest.json`",
    activation="tanh",
    source="https://docs.pytorch.org/rl/stable/reference/modules.html",
    versions="torchrl 0.14.1",
)
STD_MIN, SHIFT = 1e-4, 0.5413248546129181
"""The lowest std of NormalParamExtractor and AddStateIndependentNormalScale, and by what softplus is shifted."""
_ACTORS = {
    "actor_network_params": "logit",
    "value_network_params": "q_value",  # of DQNLoss
    "actor": "logit",
    "policy": None,
    "": None,
}
"""Where an actor may be, and what the place says about the outputs of one that chooses."""
_CRITICS = ("critic_network_params", "critic", "value")
_PART = re.compile(r"module\.\d+\.(module|lstm|gru)\.")
_MEMORY = re.compile(r"(lstm|gru)\.")


def recognizes(contents: Contents) -> bool:
    """Whether it has an actor with numbered parts."""
    return _root(contents) is not None


def rebuild(contents: Contents, wanted: Wanted) -> Rebuilt:
    """The actor, and the value network if it observes what the actor does.

    Raises:
        ModelError: its parts are not in a row.
        MismatchError: it is not for the environment.
        ArgumentError: what its outputs are, or the strides of convolutions, have to be given.
    """
    root = _root(contents)
    if root is None:
        raise ModelError(
            f"{contents.path} has no actor of TorchRL, whose keys begin with module.0.module.; it holds "
            f"{chains_text(contents)}. Give another {argument('layout')}"
        )
    activation, count = activation_for(CARD, wanted), count_actions(wanted.action_space)
    head = _head(contents, _ACTORS[root], wanted)
    parts, scale = _parts(contents, root)
    first, last = _ends(parts)
    is_gaussian = not branches(wanted.action_space) and scale is None and last.outputs == 2 * count
    check_ends(Chain(root or "module", (first, last)), wanted, outputs=2 * count if is_gaussian else None)
    before, encoder, core, after = _modules(contents, parts, activation, wanted)
    module, notes = nn.ModuleDict(), list[str]()
    latent: list[Any] = list(after)[:-1]
    final: Any = after[-1]
    if core is not None:
        module["core"] = core
        if encoder is not None:
            module["encoder"] = encoder
            notes.append(f"{activation} is taken to follow the layers before its {type(core).__name__}")
    else:
        latent = [*before, *latent]
    module["network"] = nn.Sequential(*after)
    std: nn.Module | None = None
    if is_gaussian:
        final, deviation = halved(final)
        module["mean"] = final
        std = PositiveStd(Calls(*latent), deviation, positive=_biased_softplus, low=STD_MIN)
        notes.append("its std is taken to be NormalParamExtractor's default, a softplus that is 1 at 0")
    elif scale is not None:
        std = ConstantStd(scale.exp().clamp(min=STD_MIN))
    if std is not None:
        module["std"] = std
    scores = Calls(*latent, final)
    heads: dict[str, Head] = {head: scores}
    choose = None
    if not branches(wanted.action_space):
        received = clipped(wanted.action_space) if head == "action" else squashed(wanted.action_space)
        if head == "mean":
            heads["action"] = Calls(*latent, final, *received.parts)
            notes.append(
                "no file of TorchRL says how its outputs become actions; they are taken to be tanh of them, scaled to "
                f"the bounds, as of TanhNormal and TanhModule ({argument('head', repr('action'))} takes them as they "
                f"are)"
            )
        choose = Received(received, std is not None)
    critic = _critic(contents, root) if core is None and first.kind != CONVOLUTION else []
    if critic and critic[0].inputs == first.inputs and critic[-1].outputs == 1:
        module["value"] = sequential(tensors_of(critic), activation)
        heads["value"] = module["value"]
    memory = (
        None if core is None else recurrent_state(core, encode=None if encoder is None else Calls(*before, encoder))
    )
    return Rebuilt(module, heads, memory=memory, std=std, choose=choose, notes=tuple(notes))


def _root(contents: Contents) -> str | None:
    """Where the actor is: the first of the places where it may be."""
    return next((root for root in _ACTORS if any(map(_PART.match, contents.under(root)))), None)


def _head(contents: Contents, by_place: str | None, wanted: Wanted) -> str:
    if not branches(wanted.action_space):
        return deciding_head(wanted, "mean")
    if not (wanted.head or by_place):
        raise ArgumentError(
            f"{contents.path}: no file of TorchRL says whether its outputs are logits (ProbabilisticActor) or values "
            f"(QValueActor); give {argument('head', repr('logit'))} or {argument('head', repr('q_value'))}"
        )
    return deciding_head(wanted, by_place)


def _parts(contents: Contents, root: str) -> tuple[list[tuple[str, list[LayerWeights]]], Tensor | None]:
    """The numbered parts of an actor with weights, and the scale that does not depend on observations, if any."""
    prefix = f"{root}.module" if root else "module"
    numbered: dict[int, dict[str, Tensor]] = {}
    scale = None
    for key, tensor in contents.under(prefix).items():
        digits, _, rest = key.partition(".")
        if rest.endswith("state_independent_scale"):
            scale = tensor
        elif digits.isdecimal() and (rest.startswith("module.") or _MEMORY.match(rest)):
            numbered.setdefault(int(digits), {})[rest] = tensor
    parts = []
    for number, tensors in sorted(numbered.items()):
        kind = "recurrent" if _MEMORY.match(next(iter(tensors))) else "layers"
        layers, others = find_layers(tensors)
        if others or not layers or (kind == "recurrent" and len(layers) != 1):
            listed = ", ".join(ascii(key)[1:-1] for key in (others or list(tensors))[:6])[:300]
            raise ModelError(
                f"{contents.path}: part {number} of its actor has {listed}, which are no layers in a row; build the "
                f"network yourself, load the weights into it and give rltools.TorchPolicy(network, env)"
            )
        parts.append((kind, layers))
    shape = [kind for kind, _ in parts]
    if shape not in (["layers"], ["recurrent", "layers"], ["layers", "recurrent", "layers"]):
        raise ModelError(
            f"{contents.path}: its actor has {' and '.join(shape)}, one after another; one network, or one with an "
            f"LSTM or a GRU before or inside it, is rebuilt. Build the network yourself, load the weights into it and "
            f"give rltools.TorchPolicy(network, env)"
        )
    return parts, scale


def _ends(parts: list[tuple[str, list[LayerWeights]]]) -> tuple[LayerWeights, LayerWeights]:
    return parts[0][1][0], parts[-1][1][-1]


def _modules(
    contents: Contents, parts: list[tuple[str, list[LayerWeights]]], activation: str, wanted: Wanted
) -> tuple[tuple[Any, ...], nn.Module | None, Recurrent | None, nn.Sequential]:
    """What comes before everything, the network before the memory, the memory, and the network that decides."""
    before: tuple[Any, ...] = ()
    shape = None
    first = parts[0][1][0]
    if first.kind == CONVOLUTION:
        before, shape = image_input(wanted.observation_space, first.inputs)
    networks = [
        recurrent_module(layers[0])
        if kind == "recurrent"
        else sequential(
            tensors_of(layers),
            activation,
            last=None if position == len(parts) - 1 else activation,
            strides=wanted.strides,
            input_shape=shape if position == 0 else None,
        )
        for position, (kind, layers) in enumerate(parts)
    ]
    encoder = networks[0] if len(networks) == 3 else None
    core: Any = networks[-2] if len(networks) > 1 else None
    last: Any = networks[-1]
    return before, encoder, core, last


def _critic(contents: Contents, root: str) -> list[LayerWeights]:
    """The layers of the value network beside the actor."""
    if not root:
        return []
    weights = (contents.under(f"{name}.module") for name in _CRITICS if name != root)
    layers, others = find_layers(next((tensors for tensors in weights if tensors), {}))
    return [] if others else layers


def _biased_softplus(outputs: Tensor) -> Tensor:
    return nn.functional.softplus(outputs + SHIFT)
