"""Makes a policy of a graph: rehearses it, finds chains of plain layers in it, and fits it to an environment."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from functools import partial
from itertools import product
from typing import Any

import torch
from torch import Tensor, nn

from rltools.errors import ArgumentError, ModelError, UnsafeFileError, argument
from rltools.policies._normalization import Normalization
from rltools.policies.base import RecurrentState, Source
from rltools.policies.env_info import EnvInfo
from rltools.policies.graphs.chain import Layers, joined
from rltools.policies.graphs.graph import Dialect, Graph, Port
from rltools.policies.graphs.heads import NAMES, find_heads
from rltools.policies.graphs.network import GraphNetwork
from rltools.policies.graphs.ports import (
    CHANNELS_FIRST,
    Observed,
    Ports,
    arrangements,
    batch_name,
    observed_ports,
    states_of,
)
from rltools.policies.graphs.rehearsal import rehearsed
from rltools.policies.library import LoadOptions, statistics_text
from rltools.policies.saved.statistics import statistics_of
from rltools.policies.torch_policy import TorchPolicy
from rltools.policies.vjp._layers import PermuteLayer
from rltools.spaces import Features, space_features

ROWS = 3
ROW_BY_ROW = "exported for one observation at a time, so that batches are slow; export it with a batch of any size"


class PortedNetwork(nn.Module):
    """A graph that takes observations and recurrent states as a policy has them.

    Args:
        network: computes the graph.
        ports: what goes in.
        heads: the value of each head; the first one decides.
        row_by_row: whether the graph takes one observation at a time.
    """

    def __init__(self, network: GraphNetwork, ports: Ports, heads: Mapping[str, str], *, row_by_row: bool) -> None:
        super().__init__()
        self.network: GraphNetwork = network
        self._ports, self._heads, self._row_by_row = ports, dict(heads), row_by_row

    def forward(self, x: Any) -> Tensor:
        """The scores of the deciding head."""
        return self.head(next(iter(self._heads)), x)

    def head(self, name: str, x: Any, state: Tensor | None = None) -> Tensor:
        """The outputs `[batch, k]` of a head for `x [batch, *feature]` and `state [batch, size]`."""
        return self._values((self._heads[name],), x, state)[0]

    def advance(self, x: Any, state: Tensor) -> tuple[Tensor, Tensor]:
        """The outputs of the deciding head, and the next state."""
        states = tuple(part.output for part in self._ports.states)
        scores, after = self._values((next(iter(self._heads.values())), *states), x, state)
        return scores, after

    def _values(self, names: tuple[str, ...], x: Any, state: Tensor | None) -> list[Tensor]:
        """The outputs of a head and, if there are more names, the state."""
        rows = len(x) if isinstance(x, Tensor) else len(next(iter(x.values())))
        if not self._row_by_row or rows <= 1:
            return self._of_rows(rows, names, x, state)
        parts = [
            self._of_rows(1, names, _row(x, row), None if state is None else state[row : row + 1])
            for row in range(rows)
        ]
        return [torch.cat(values) for values in zip(*parts, strict=True)]

    def _of_rows(self, rows: int, names: tuple[str, ...], x: Any, state: Tensor | None) -> list[Tensor]:
        scores, *states = self.network(self._ports.inputs(x, state), names)
        flat = [part.flatten(value) for part, value in zip(self._ports.states, states, strict=False)]
        return [_by_row(scores, rows), *([torch.cat(flat, dim=1)] if flat else [])]


def _row(x: Any, row: int) -> Any:
    if isinstance(x, Tensor):
        return x[row : row + 1]
    return {key: value[row : row + 1] for key, value in x.items()}


def _by_row(value: Tensor, rows: int) -> Tensor:
    """Outputs as `[batch, k]`; axes with a single element, as for time, are left out."""
    wide = [size for size in value.shape if size != 1]
    if value.ndim != 2 and (wide[:1] == [rows] or rows == 1) and len(wide) <= 2:
        return value.reshape(rows, -1)
    return value


def make_policy(graph: Graph, dialect: Dialect, options: LoadOptions) -> TorchPolicy:
    """The policy of a graph in the environment of the options.

    Raises:
        ArgumentError: no environment, or options that are not for graphs.
        MismatchError: the graph does not take the environment's observations.
        ModelError: it is not clear what its outputs are, or its operators are not supported, or it cannot be computed.
        UnsafeFileError: it would exhaust the machine.
    """
    environment = _checked(graph, dialect, options)
    features = environment.features or space_features(environment.observation_space)
    observed = observed_ports(graph, features, environment.observation_space)
    taking = {port.name for port, _, _ in observed}
    others = [port for port in graph.inputs if port.name not in taking]
    naming = {name for names in NAMES.values() for name in names}
    may_be_states = [port for port in graph.outputs if port.name.lower() not in naming and not port.is_integer]
    states = states_of(graph, others, may_be_states, batch_name(observed[0][0])) if others else ()
    outputs = [port for port in graph.outputs if port.name not in {state.output for state in states}]
    heads, assumed = find_heads(graph, outputs, environment.action_space, options.head)
    network = GraphNetwork(graph, dialect, [*heads.values(), *(state.output for state in states)])
    x = _some_observations(features)
    ported = _rehearsed(graph, network, observed, states, heads, features, x)
    notes = [note for note in (assumed, ROW_BY_ROW if ported._row_by_row else "") if note]
    chains = {} if states or features.is_nested else _chains(graph, dialect, ported, heads, x)
    module: nn.Module = ported
    functions: dict[str, Callable[..., Tensor]] = {name: partial(_outputs, ported, name) for name in heads}
    memory = None
    if states:
        functions = dict.fromkeys(heads, _as_it_is)
        memory = RecurrentState(ported._ports.state_size, ported.head, ported.advance)
    elif chains:
        module = nn.ModuleDict({name: sequential for name, (sequential, _) in chains.items()})
        functions = {name: function for name, (_, function) in chains.items()}
        notes = [note for note in notes if note != ROW_BY_ROW]
    statistics = None if options.normalize in (None, False) else statistics_of(options.normalize, features)
    dtype = options.dtype or torch.float32
    module.to(dtype).eval().requires_grad_(False)
    return TorchPolicy(
        module,
        environment.observation_space,
        environment.action_space,
        functions,
        features=environment.features,
        action_names=environment.action_names,
        environment=environment.spec,
        dtype=dtype,
        memory=memory,
        normalization=statistics,
        source=Source(
            options.name_of(graph.path),
            _sha256(graph, statistics),
            environment.spec_json,
            library=dialect.title,
            notes=tuple(dict.fromkeys([*options.notes, *environment.notes, *notes])),
            normalization="" if statistics is None else statistics_text(options.normalize),
        ),
    )


def _checked(graph: Graph, dialect: Dialect, options: LoadOptions) -> EnvInfo:
    """The environment of the options, which must fit a graph."""
    if options.environment is None:
        raise ArgumentError(
            f"{graph.path} does not say what it observes; give the environment it was trained in as {argument('env')}"
        )
    return options.environment


def _sha256(graph: Graph, statistics: Normalization | None) -> str:
    """The sha256 of the file, with the statistics that the caller gives beside it."""
    if statistics is None:
        return graph.sha256
    digest = hashlib.sha256(graph.sha256.encode())
    for values in (statistics.mean, statistics.std, statistics.limit):
        digest.update(values.numpy().tobytes())
    return digest.hexdigest()


def _outputs(ported: PortedNetwork, name: str, x: Any) -> Tensor:
    """A head of a network without a recurrent state."""
    return ported.head(name, x)


def _as_it_is(outputs: Tensor) -> Tensor:
    """A head of a recurrent network, whose input `PortedNetwork.head` has computed already."""
    return outputs


def _some_observations(features: Features) -> Tensor:
    """Different observations `[ROWS, *feature]`, for a rehearsal."""
    scale = 255.0 if features.is_image else 1.0
    return scale * torch.rand(ROWS, *features.shape, generator=torch.Generator().manual_seed(0))


def _rehearsed(
    graph: Graph,
    network: GraphNetwork,
    observed: list[tuple[Port, str, tuple[int, ...]]],
    states: tuple[Any, ...],
    heads: Mapping[str, str],
    features: Features,
    x: Tensor,
) -> PortedNetwork:
    """The network with the first arrangement of its inputs, and batches or single rows, that can be computed.

    Raises:
        UnsafeFileError: it would exhaust the machine.
        ModelError: no arrangement can be computed; the message is that of the first one.
    """
    ways = [[Observed(port.name, key, way) for way in arrangements(port, shape)] for port, key, shape in observed]
    first_error: ModelError | None = None
    for parts, row_by_row in product(product(*ways), (False, True)):
        ported = PortedNetwork(network, Ports(tuple(parts), states), heads, row_by_row=row_by_row).eval()
        try:
            rehearsed(graph.path, partial(_try, ported, heads, features, x))
        except UnsafeFileError:
            raise
        except ModelError as error:
            first_error = first_error or error
            continue
        return ported
    raise first_error or ModelError(f"{graph.path} takes no observation of shape {list(features.shape)}; give another")


def _try(ported: PortedNetwork, heads: Mapping[str, str], features: Features, x: Tensor) -> None:
    """Compute everything for a few rows, and once more for one of them alone.

    Raises:
        RuntimeError: outputs or states of the wrong shape, or that depend on the other rows.
    """
    inputs = features.unflatten(x) if features.is_nested else x
    alone = features.unflatten(x[1:2]) if features.is_nested else x[1:2]
    state = torch.zeros(len(x), ported._ports.state_size) if ported._ports.states else None
    for name in heads:
        scores = ported.head(name, inputs, state)
        single = ported.head(name, alone, None if state is None else state[:1])
        if scores.ndim != 2 or len(scores) != len(x) or not scores.is_floating_point():
            raise RuntimeError(
                f"its {name} output has the shape {list(scores.shape)} of {scores.dtype} for {len(x)} observations, "
                f"where [{len(x)}, k] of floats belongs"
            )
        if not torch.allclose(scores[1:2], single, rtol=1e-3, atol=1e-5, equal_nan=True):
            raise RuntimeError(f"its {name} output for an observation depends on the others of its batch")
    if state is not None:
        after = ported.advance(inputs, state)[1]
        if after.shape != state.shape:
            raise RuntimeError(f"its next states have the shape {list(after.shape)}, its states {list(state.shape)}")


def _chains(
    graph: Graph, dialect: Dialect, ported: PortedNetwork, heads: Mapping[str, str], x: Tensor
) -> dict[str, tuple[nn.Sequential, Callable[..., Tensor]]]:
    """For each head a module of plain layers, and the function that is the head; empty unless all heads are chains."""
    (observed,) = ported._ports.observed
    before: list[Any] = []
    if observed.arrangement:
        before = [nn.Flatten() if observed.arrangement == "flat" else PermuteLayer(CHANNELS_FIRST)]
    layers, chains = Layers(graph, dialect), {}
    for name, value in heads.items():
        chain = layers.until(value, observed.name)
        if chain is None:
            return {}
        chains[name] = joined([*before, *chain])
    try:
        with torch.no_grad():
            same = all(
                torch.allclose(function(x), ported.head(name, x), rtol=1e-4, atol=1e-5)
                for name, (_, function) in chains.items()
            )
    except RuntimeError:  # shapes that only the graph itself makes fit
        return {}
    return chains if same else {}
