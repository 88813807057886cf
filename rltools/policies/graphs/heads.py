"""The outputs of a graph: which of them gives the scores of actions, and which the value of a state."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from gymnasium.spaces import Box

from rltools.errors import ArgumentError, ModelError, argument
from rltools.policies.actions import count_actions
from rltools.policies.graphs.graph import Graph, Port, Ref
from rltools.policies.graphs.ports import listed
from rltools.policies.untrusted.messages import printable

NAMES: dict[str, tuple[str, ...]] = {
    "logit": ("logit", "logits", "action_logits", "policy_logits", "action_dist_inputs"),
    "q_value": ("q_value", "q_values", "q", "qvalue", "qvalues"),
    "mean": ("mean", "means", "mu", "loc", "action_mean", "actions_mean"),
    "action": ("action", "actions", "continuous_actions"),
    "value": ("value", "values", "state_value", "state_values", "critic", "v"),
}
"""What outputs are called, by head."""
_OF_BOX, _OF_CHOICES = ("mean", "action", "q_value"), ("logit", "q_value")
_CHOOSING = ("argmax", "topk", "multinomial", "hardmax")
_STEPS = 64


def find_heads(
    graph: Graph, outputs: Sequence[Port], action_space: Any, wanted: str | None
) -> tuple[dict[str, str], str]:
    """The value of each head, the deciding one first, and a caveat if its kind was assumed.

    Args:
        graph: of the outputs.
        outputs: those that are not recurrent states.
        action_space: of the environment.
        wanted: what the caller said, a head, or a head and the name of a value: "logit", "logit:output_3".

    Raises:
        ArgumentError: `wanted` names no head, or none of these actions.
        ModelError: several outputs may be the scores, or none; the message lists them, with what to give.
    """
    kinds = ("mean", "action") if isinstance(action_space, Box) else _OF_CHOICES
    head, _, name = (wanted or "").partition(":")
    if head and head not in kinds:
        raise ArgumentError(
            f"head is {printable(wanted)!r}; give {' or '.join(map(repr, kinds))} for {type(action_space).__name__} "
            f"actions, alone or with the name of an output, as in {argument('head', f'{kinds[0]}:NAME')}"
        )
    by_kind = {kind: [port for port in outputs if port.name.lower() in names] for kind, names in NAMES.items()}
    if name:
        if name not in {port.name for port in graph.outputs} and name not in graph.producers:
            raise ModelError(
                f"{graph.path} has no value {printable(name)!r}; its outputs are {listed(outputs)}; give one"
            )
        port = next((port for port in outputs if port.name == name), Port(name))
    else:
        port = _deciding(graph, outputs, by_kind, kinds, action_space, head)
    if port.is_integer:
        raise ModelError(_choice(graph, port, kinds[0]))
    own = next((kind for kind in kinds if port in by_kind[kind]), None)
    assumed = kinds[-1] if isinstance(action_space, Box) else kinds[0]
    heads = {head or own or assumed: port.name}
    values = [each for each in by_kind["value"] if each.name != port.name and not each.is_integer]
    if len(values) == 1:
        heads["value"] = values[0].name
    if head or own:
        return heads, ""
    return heads, f"its output {printable(port.name)} was taken for the {assumed} head, which the file does not say"


def _deciding(
    graph: Graph,
    outputs: Sequence[Port],
    by_kind: dict[str, list[Port]],
    kinds: Collection[str],
    action_space: Any,
    head: str,
) -> Port:
    """The output that gives the scores."""
    named = [port for kind in ([head] if head else kinds) for port in by_kind[kind]]
    others = [port for port in outputs if port not in by_kind["value"]]
    count = count_actions(action_space)
    as_wide = [port for port in others if port.shape and port.shape[-1] == count and not port.is_integer]
    for candidates in (named, others, as_wide):
        if len(candidates) == 1:
            return candidates[0]
    kind = head or next(iter(kinds))
    raise ModelError(
        f"{graph.path} has the outputs {listed(outputs)}, and it is not clear which of them gives the scores of "
        f"{count} actions; give its name, for instance {argument('head', f'{kind}:{printable(outputs[0].name)}')}"
        if outputs
        else f"{graph.path} has no outputs; save the network again"
    )


def _choice(graph: Graph, port: Port, kind: str) -> str:
    """The message for an output of integers: a choice that was made already, and has no gradient."""
    before = scores_before_choice(graph, port.name)
    advice = (
        f"give the scores that it is chosen by: {argument('head', f'{kind}:{printable(before)}')}"
        if before
        else "export the network with the scores of its actions as output"
    )
    return f"{graph.path}: its output {port} holds actions that were chosen already, which have no gradient; {advice}"


def scores_before_choice(graph: Graph, name: str) -> str:
    """The value that an action is chosen by, as far as a few nodes tell; "" if unknown."""
    for _ in range(_STEPS):
        node = graph.producers.get(name)
        if node is None:
            return ""
        before = next(
            (value.name for value in (*node.arguments, *node.settings.values()) if isinstance(value, Ref)), ""
        )
        if any(word in node.operator.lower() for word in _CHOOSING):
            return before
        name = before
    return ""
