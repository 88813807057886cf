"""The policy around a network of Stable-Baselines3, whether it was read from a file or is live."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np
import torch
from gymnasium import Space
from torch import Tensor, nn

from rltools.errors import ArgumentError
from rltools.features import space_features
from rltools.observations import leaves
from rltools.policies import Known
from rltools.policies._chain import Chain
from rltools.policies._encoding import check_dtype
from rltools.policies._memory import Memory
from rltools.policies._surroundings import Surroundings, check_match
from rltools.policies.sb3._normalize import Statistics
from rltools.policies.sb3._preprocess import Prepare, as_given, preprocessing
from rltools.policies.sb3.families import Family
from rltools.policies.torch_policy import TorchPolicy
from rltools.policy import Source

Function = Callable[..., Any]


def make_policy(
    network: Any,
    family: Family,
    settings: Mapping[str, Any],
    statistics: Statistics | None,
    *,
    source: Source,
    known: Known,
) -> TorchPolicy:
    """The policy around a network. `x` is in the environment's layout and units.

    Args:
        network: of the library's policy class; it is never changed.
        family: that knows its heads.
        settings: what is known of its algorithm.
        statistics: of observations; None where the network takes them as they are.
        source: where it comes from; the environment, the statistics and the notes are filled in.
        known: see `Known`.

    Raises:
        ArgumentError: observations or actions that do not count from 0, or a network that is not supported.
        MismatchError: the environment's spaces are not the network's, or the statistics are of others.
    """
    inner, actions = network.observation_space, network.action_space
    around, dtype = known.environment, known.dtype or torch.float32
    check_dtype(dtype)
    outer = _outer_space(source.name, inner, actions, around)
    features = around.features if around is not None and around.features is not None else space_features(outer)
    outputs = family.outputs(network, settings)
    prepare = preprocessing(inner, outer, network.normalize_images)
    before = prepare if outputs.memory is None else None  # else it comes before what is recalled
    heads = {name: _at_dtype(network, dtype, _after(before, head)) for name, head in outputs.heads.items()}
    deviation = None if outputs.deviation is None else _at_dtype(network, dtype, _after(before, outputs.deviation))
    return TorchPolicy(
        network,
        outer,
        actions,
        heads,
        action_names=around.action_names if around is not None else None,
        features=features,
        dtype=dtype,
        choose=outputs.choose,
        deviation=deviation,
        memory=_memory_at_dtype(network, dtype, prepare, outputs.memory),
        normalization=None if statistics is None else statistics.of(features),
        masked=outputs.masked,
        source=_complete(source, statistics, around, known),
    )


def _outer_space(name: str, inner: Space[Any], actions: Space[Any], around: Surroundings | None) -> Space[Any]:
    outer = inner if around is None else around.observation_space
    if around is not None:
        check_match(name, as_given(inner, outer), actions, around)
    starts = [leaf.name or "observations" for space in (inner, outer) for leaf in leaves(space) if any(leaf.starts)]
    if np.any(getattr(actions, "start", 0)):
        starts.append("actions")
    if starts:
        raise ArgumentError(f"{name} has {starts[0]} that do not count from 0, as Stable-Baselines3 does")
    return outer


def _complete(source: Source, statistics: Statistics | None, around: Surroundings | None, known: Known) -> Source:
    sha256, notes = source.sha256, [*known.notes, *source.notes]
    if statistics is not None:
        sha256 = hashlib.sha256(bytes.fromhex(sha256) + statistics.fingerprint()).hexdigest()
    environment = None
    if around is not None:
        environment = around.spec_json
        notes += around.notes
        if environment is None:
            notes.append("its environment has no specification that could be written down")
    return dataclasses.replace(source, sha256=sha256, environment=environment, notes=tuple(dict.fromkeys(notes)))


def _after(prepare: Prepare | None, head: Function) -> Function:
    if isinstance(head, Chain) and isinstance(prepare, Chain):
        return Chain(prepare, head)
    return head if prepare is None else partial(_prepared, prepare, head)


def _prepared(prepare: Prepare, head: Function, x: Any, *rest: Any) -> Any:
    return head(prepare(x), *rest)


def _memory_at_dtype(
    network: nn.Module, dtype: torch.dtype, prepare: Prepare | None, memory: Memory | None
) -> Memory | None:
    if memory is None:
        return None
    advance = _at_dtype(network, dtype, _after(prepare, memory.advance))
    recall = memory.recall if prepare is None else partial(_recalled, memory.recall, prepare)
    recall = _at_dtype(network, dtype, recall)
    return Memory(memory.size, recall, advance)


def _recalled(recall: Function, prepare: Prepare, name: str, x: Any, state: Tensor) -> Any:
    return recall(name, prepare(x), state)


class _Call(nn.Module):
    """A function as a module's forward, so that its parameters can be replaced for the length of a call."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, function: Function, *given: Any) -> Any:
        """See the class."""
        return function(*given)


def _at_dtype(network: nn.Module, dtype: torch.dtype, function: Function) -> Function:
    """The function computed in `dtype`, whatever the network's parameters are in; they stay as they are."""
    parameter = next(network.parameters(), None)
    if parameter is None or parameter.dtype == dtype:
        return function
    return partial(_cast, _Call(network), dtype, function)


def _cast(call: _Call, dtype: torch.dtype, function: Function, *given: Any) -> Any:
    # Without tie_weights, and each module once: one that is shared under several names would be put back wrong.
    as_dtype = {name: value.to(dtype) for name, value in _floats(call)}
    return torch.func.functional_call(call, as_dtype, (function, *given), tie_weights=False)


def _floats(module: nn.Module) -> Iterator[tuple[str, Tensor]]:
    for prefix, part in module.named_modules():
        for name, value in (*part.named_parameters(recurse=False), *part.named_buffers(recurse=False)):
            if value.is_floating_point():
                yield f"{prefix}.{name}".lstrip("."), value
