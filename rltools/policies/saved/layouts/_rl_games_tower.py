"""The layers of rl-games' networks between observations and the last layer, with a memory before or after them."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from rltools.errors import MismatchError, ModelError, argument
from rltools.policies.base import RecurrentState
from rltools.policies.saved.chains import NORMS, find_layers
from rltools.policies.saved.memory import Recurrent, recurrent_state
from rltools.policies.saved.networks import layer_module, recurrent_module, sequential
from rltools.policies.saved.parts import part, tensors_of, under


class Tower(nn.Module):
    """A multi-layer perceptron, with an LSTM or a GRU before or after it.

    Where the memory stands, and whether observations join its input or its output, is told by the shapes.

    Args:
        tensors: of the network.
        side: "actor", or "critic" of one that shares nothing with the actor.
        is_separate: whether it does not.
        size: of an observation.
        taken: how many numbers the layer after it takes.
        activation: between its layers, and after the last one.

    Raises:
        MismatchError: it is not for observations of this size.
        ModelError: the memory may stand before or after its layers.
    """

    def __init__(
        self, tensors: Mapping[str, Tensor], side: str, *, is_separate: bool, size: int, taken: int, activation: str
    ) -> None:
        super().__init__()
        prefix = f"{side[0]}_" if is_separate else ""
        layers = find_layers(under(tensors, f"{side}_mlp"))[0]
        last = None if layers and layers[-1].kind in NORMS else activation
        self.mlp: nn.Module = sequential(tensors_of(layers), activation, last=last) if layers else nn.Identity()
        memory = find_layers(part(tensors, f"{prefix}rnn"))[0]
        norm = find_layers(part(tensors, f"{prefix}layer_norm"))[0]
        self.rnn: Recurrent | None = recurrent_module(memory[0]) if memory else None
        self.norm: nn.Module = layer_module(norm[0]) if norm else nn.Identity()
        inputs, outputs = (layers[0].inputs, layers[-1].outputs) if layers else (size, size)
        self.is_after = self.joins_input = self.joins_output = False
        ends = {"none": (inputs, outputs) == (size, taken)}
        if self.rnn is not None:
            hidden, into = self.rnn.hidden_size, self.rnn.input_size
            with_x = (hidden, hidden + size)
            ends = {
                "before": into == size and inputs in with_x and outputs == taken,
                "after": into in (outputs, outputs + size) and inputs == size and taken in with_x,
            }
            self.is_after = ends["after"]
            self.joins_input = self.is_after and into != outputs
            self.joins_output = (taken if self.is_after else inputs) != hidden
        if sum(ends.values()) > 1:
            raise ModelError(
                f"the memory of its {side} may stand before or after its layers, which have equal sizes; build the "
                f"network, load the weights into it and give rltools.TorchPolicy(network, env)"
            )
        if not any(ends.values()):
            first = self.rnn.input_size if self.rnn is not None else inputs
            raise MismatchError(
                f"its {side} takes {first} numbers ({inputs} go into its layers), and an observation has {size}; give "
                f"the environment it was trained in as {argument('env')}"
            )

    @property
    def parts(self) -> tuple[nn.Module, ...]:
        """What heads call before the last layer: all of it, or what follows the memory."""
        return () if self.is_after else (self.mlp,)

    def encode(self, x: Tensor) -> Tensor:
        """What the memory takes, from observations `[batch, feature]`."""
        if not self.is_after:
            return x
        encoded: Tensor = self.mlp(x)
        return torch.cat([encoded, x], dim=1) if self.joins_input else encoded

    def join(self, output: Tensor, x: Tensor) -> Tensor:
        """What follows the memory, from its output `[batch, hidden]` and the observation."""
        normalized: Tensor = self.norm(output)
        return torch.cat([normalized, x], dim=1) if self.joins_output else normalized


def remembered(actor: Tower, critic: Tower | None) -> RecurrentState | None:
    """The recurrent state of the actor, followed by that of a separate critic; None without a memory."""
    if actor.rnn is None:
        return None
    beside = critic if critic is not None and critic.rnn is not None else None
    state = recurrent_state(
        actor.rnn,
        None if beside is None else beside.rnn,
        encode=actor.encode,
        encode_critic=None if beside is None else beside.encode,
    )

    def recall(name: str, x: Tensor, before: Tensor) -> Tensor:
        tower = beside if beside is not None and name == "value" else actor
        return tower.join(state.recall(name, x, before), x)

    def advance(x: Tensor, before: Tensor) -> tuple[Tensor, Tensor]:
        output, after = state.advance(x, before)
        return actor.join(output, x), after

    return RecurrentState(state.size, recall, advance)
