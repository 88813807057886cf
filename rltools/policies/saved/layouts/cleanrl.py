"""CleanRL: the agents of its scripts, which are told apart by the names of their parts.

Each script has its network in itself, and the activation is that of the script: tanh for PPO of vectors, ReLU for all
others. Agents for Atari divide images by 255. Networks of the same names that do something else are refused by name.
An MLP called `network`, or an `actor` beside a `critic`, may be anybody's: it is taken for CleanRL's if the file is
called `.cleanrl_model`, or with `layout="cleanrl"`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from torch import Tensor, nn

from rltools.errors import ModelError, argument
from rltools.policies.actions import count_actions
from rltools.policies.base import Discounting
from rltools.policies.saved.chains import CONVOLUTION, Chain, find_layers
from rltools.policies.saved.continuous import ConstantStd, mean_heads
from rltools.policies.saved.layout import LayoutCard
from rltools.policies.saved.layouts._cleanrl_squashed import squashed_actor
from rltools.policies.saved.memory import recurrent_state
from rltools.policies.saved.networks import recurrent_module, sequential
from rltools.policies.saved.parts import linear, part
from rltools.policies.saved.rebuilt import Contents, Rebuilt, Wanted
from rltools.policies.saved.spaces import check_ends, deciding_head, image_input
from rltools.policies.torch_policy import Head
from rltools.policies.vjp._chain import Chain as Calls

CARD = LayoutCard(
    title="CleanRL",
    files="`<exp>.cleanrl_model`: the state dict of a script's agent (`actor.0.weight`, `actor_mean.0.weight`, "
    "`network.0.weight`, `fc1.weight`, ...), for C51 `model_weights` and `args`, for TD3 and DDPG a tuple of actor and "
    "critics",
    activation=None,
    source="https://github.com/vwxyzjn/cleanrl/tree/master/cleanrl",
    versions="its scripts of April 2026",
    by_network=True,
)
STRIDES = (4, 2, 1)
_ROOTS = ("", "model_weights", "0", "actor")
_ATARI = {"network.0", "network.2", "network.4", "network.7"}
_MLP = {"0", "2", "4"}
# The parts of an agent that is not rebuilt, and what it is.
_REFUSED = {
    "critic_int": "PPO with random network distillation (RND), with two critics",
    "aux_critic": "phasic policy gradient (PPG) with an IMPALA network",
    "network.0.res_block0": "an IMPALA network with residual blocks (Procgen or QDagger)",
    "value_head.0.weight_mu": "Rainbow with noisy layers",
    "q_func": "PQN with an LSTM",
    "transformer": "PPO with a Transformer-XL",
}


def recognizes(contents: Contents) -> bool:
    """Whether its parts are named as those of an agent of one of the scripts.

    A network called `network`, or an `actor` beside a `critic`, may be anybody's, with another activation: for these
    the file has to be named as the scripts name theirs.
    """
    tensors = _weights(contents)
    form = _form(tensors)
    if form in (_ppo, _q_network) and not contents.under("model_weights"):
        return contents.path.suffix == ".cleanrl_model"
    return _refusal(tensors) is not None or form is not None


def rebuild(contents: Contents, wanted: Wanted) -> Rebuilt:
    """The agent of a script.

    Raises:
        ModelError: an agent that is not supported, or of no script; the message says what it is.
        MismatchError: it is not for the environment.
    """
    tensors = _weights(contents)
    if refusal := _refusal(tensors):
        raise ModelError(
            f"{contents.path} is {refusal} of CleanRL, which is not rebuilt; build its network from the script, load "
            f"the weights into it and give rltools.TorchPolicy(network, env)"
        )
    form = _form(tensors)
    if form is None:
        raise ModelError(
            f"{contents.path} is no agent of CleanRL: its parts are {', '.join(sorted(_parts(tensors)))[:200]}, and "
            f"those of its scripts are {'; '.join(sorted(', '.join(sorted(parts)) for parts in _FORMS))}; give another "
            f"{argument('layout')}"
        )
    return form(contents, tensors, wanted)


def _weights(contents: Contents) -> dict[str, Tensor]:
    """The tensors of the agent, or of the actor if critics are beside it."""
    under = [contents.under(root) for root in _ROOTS]
    return next((tensors for tensors in under if _refusal(tensors) or _form(tensors)), under[0])


def _parts(tensors: Mapping[str, Tensor]) -> frozenset[str]:
    return frozenset(key.partition(".")[0] for key in tensors)


def _refusal(tensors: Mapping[str, Tensor]) -> str | None:
    """What it is, if it is an agent that is not rebuilt."""
    names = (name for name in _REFUSED if any(key == name or key.startswith(f"{name}.") for key in tensors))
    if (name := next(names, None)) is not None:
        return _REFUSED[name]
    if _parts(tensors) == {"network"} and "network.1.weight" in tensors and tensors["network.1.weight"].ndim == 3:
        return "PQN for Atari, with layer normalization of images"
    first = tensors.get("network.0.weight")
    if _parts(tensors) == {"network", "actor", "critic"} and first is not None and first.shape[1:2] == (6,):
        return "PPO of several agents in PettingZoo, which sees which of them it is in two of six channels"
    return None


def _form(tensors: Mapping[str, Tensor]) -> Callable[[Contents, dict[str, Tensor], Wanted], Rebuilt] | None:
    """What rebuilds agents with these parts; None if the keys are not those of a script."""
    form = _FORMS.get(_parts(tensors))
    numbers = {name: {key.split(".")[1] for key in tensors if key.startswith(f"{name}.")} for name in _parts(tensors)}
    if form in (_ppo, _continuous_ppo):
        fits = all(numbers.get(name, _MLP) == _MLP for name in ("actor", "actor_mean", "critic"))
    elif form is _q_network:
        fits = numbers["network"] in (_MLP, {"0", "2", "4", "7", "9"}, {"0", "1", "3", "4", "6"})
    elif form in (_atari_ppo, _recurrent_ppo):
        fits = {"actor.weight", "critic.weight", *(f"{name}.weight" for name in _ATARI)} <= tensors.keys()
    else:
        fits = form is not None
    return form if fits else None


def _ppo(contents: Contents, tensors: dict[str, Tensor], wanted: Wanted) -> Rebuilt:
    actor, critic = (_network(tensors, name, wanted, "tanh") for name in ("actor", "critic"))
    _check(tensors, "actor", wanted)
    heads: dict[str, Head] = {deciding_head(wanted, "logit"): actor, "value": critic}
    return Rebuilt(nn.ModuleDict({"actor": actor, "critic": critic}), heads, activation=wanted.activation or "tanh")


def _continuous_ppo(contents: Contents, tensors: dict[str, Tensor], wanted: Wanted) -> Rebuilt:
    actor, critic = (_network(tensors, name, wanted, "tanh") for name in ("actor_mean", "critic"))
    _check(tensors, "actor_mean", wanted)
    std = ConstantStd(tensors["actor_logstd"].exp())
    notes: tuple[str, ...] = ()
    if wanted.statistics is None and not wanted.is_unnormalized:
        notes = (
            "CleanRL trains it behind NormalizeObservation, whose statistics its files do not hold; none were given "
            f"with {argument('normalize')}, so it sees observations as the environment gives them",
        )
    deciding_head(wanted, "mean")
    heads: dict[str, Head] = mean_heads(actor, wanted.action_space) | {"value": critic}
    module = nn.ModuleDict({"actor_mean": actor, "critic": critic, "std": std})
    return Rebuilt(module, heads, std=std, notes=notes, activation=wanted.activation or "tanh")


def _q_network(contents: Contents, tensors: dict[str, Tensor], wanted: Wanted) -> Rebuilt:
    before, network = _images(tensors, "network", wanted, last=None)
    _check(tensors, "network", wanted)
    gamma = Discounting(_number(contents, "args.gamma"))
    head = {deciding_head(wanted, "q_value"): Calls(*before, network)}
    return Rebuilt(network, head, discounting=gamma, activation=wanted.activation or "relu")


def _c51(contents: Contents, tensors: dict[str, Tensor], wanted: Wanted) -> Rebuilt:
    before, network = _images(tensors, "network", wanted, last=None)
    _check(tensors, "network", wanted, outputs=count_actions(wanted.action_space) * len(tensors["atoms"]))
    expected = _Expected(tensors["atoms"])
    gamma = Discounting(_number(contents, "args.gamma"))
    head = {deciding_head(wanted, "q_value"): Calls(*before, network, expected)}
    module = nn.ModuleDict({"network": network, "expected": expected})
    return Rebuilt(module, head, discounting=gamma, activation=wanted.activation or "relu")


class _Expected(nn.Module):
    """From the logits of atoms, `[batch, action * atom]`, to the expected return of each action, `[batch, action]`."""

    atoms: Tensor

    def __init__(self, atoms: Tensor) -> None:
        super().__init__()
        self.register_buffer("atoms", atoms.detach())

    def forward(self, logits: Tensor) -> Tensor:
        probabilities = logits.reshape(*logits.shape[:-1], -1, len(self.atoms)).softmax(dim=-1)
        return (probabilities * self.atoms).sum(dim=-1)


def _atari_ppo(contents: Contents, tensors: dict[str, Tensor], wanted: Wanted) -> Rebuilt:
    before, network = _images(tensors, "network", wanted, last="relu")
    actor, critic = (linear(tensors, name) for name in ("actor", "critic"))
    _check(tensors, "network", wanted, outputs=actor.in_features)
    heads = {
        deciding_head(wanted, "logit"): Calls(*before, network, actor),
        "value": Calls(*before, network, critic),
    }
    module = nn.ModuleDict({"network": network, "actor": actor, "critic": critic})
    return Rebuilt(module, heads, activation=wanted.activation or "relu")


def _recurrent_ppo(contents: Contents, tensors: dict[str, Tensor], wanted: Wanted) -> Rebuilt:
    before, network = _images(tensors, "network", wanted, last="relu")
    (layer,) = find_layers(part(tensors, "lstm"))[0]
    lstm = recurrent_module(layer)
    actor, critic = (linear(tensors, name) for name in ("actor", "critic"))
    _check(tensors, "network", wanted, outputs=lstm.input_size)
    module = nn.ModuleDict({"network": network, "lstm": lstm, "actor": actor, "critic": critic})
    memory = recurrent_state(lstm, encode=Calls(*before, network))
    heads: dict[str, Head] = {deciding_head(wanted, "logit"): actor, "value": critic}
    return Rebuilt(module, heads, memory=memory, activation=wanted.activation or "relu")


def _atari_sac(contents: Contents, tensors: dict[str, Tensor], wanted: Wanted) -> Rebuilt:
    before, network = _images(tensors, "", wanted, last=None)
    _check(tensors, "", wanted)
    head = {deciding_head(wanted, "logit"): Calls(*before, network)}
    return Rebuilt(network, head, activation=wanted.activation or "relu")


def _images(
    tensors: Mapping[str, Tensor], name: str, wanted: Wanted, last: str | None
) -> tuple[tuple[Callable[[Tensor], Tensor], ...], nn.Sequential]:
    """What comes before a network that may see images, and the network."""
    first = find_layers(_part(tensors, name))[0][0]
    if first.kind != CONVOLUTION:
        return (), _network(tensors, name, wanted, "relu", last)
    before, shape = image_input(wanted.observation_space, first.inputs)
    activation, strides = wanted.activation or "relu", wanted.strides or STRIDES
    end = last and activation
    return before, sequential(_part(tensors, name), activation, last=end, strides=strides, input_shape=shape)


def _network(
    tensors: Mapping[str, Tensor], name: str, wanted: Wanted, activation: str, last: str | None = None
) -> nn.Sequential:
    activation = wanted.activation or activation
    return sequential(_part(tensors, name), activation, last=last and activation)


def _part(tensors: Mapping[str, Tensor], name: str) -> dict[str, Tensor]:
    """The tensors of a part; all of them for ""."""
    return part(tensors, name) if name else dict(tensors)


def _check(tensors: Mapping[str, Tensor], name: str, wanted: Wanted, outputs: int | None = None) -> None:
    """Compare both ends of a part with the environment."""
    check_ends(Chain(name, tuple(find_layers(_part(tensors, name))[0])), wanted, outputs=outputs)


def _number(contents: Contents, key: str) -> float | None:
    value = contents.values.get(key)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


_FORMS: dict[frozenset[str], Callable[[Contents, dict[str, Tensor], Wanted], Rebuilt]] = {
    frozenset({"actor", "critic"}): _ppo,
    frozenset({"actor_mean", "actor_logstd", "critic"}): _continuous_ppo,
    frozenset({"network"}): _q_network,
    frozenset({"network", "atoms"}): _c51,
    frozenset({"network", "actor", "critic"}): _atari_ppo,
    frozenset({"network", "lstm", "actor", "critic"}): _recurrent_ppo,
    frozenset({"conv", "fc1", "fc_logits"}): _atari_sac,
    frozenset({"fc1", "fc2", "fc_mean", "fc_logstd", "action_scale", "action_bias"}): squashed_actor,
    frozenset({"fc1", "fc2", "fc_mu", "action_scale", "action_bias"}): squashed_actor,
}
