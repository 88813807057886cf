"""The policy around a network of Stable-Baselines3, whether it was read from a file or is live."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from gymnasium.spaces import Box, Discrete
from torch import Tensor, nn

from rltools.errors import ArgumentError
from rltools.features import space_features
from rltools.policies import Known
from rltools.policies._encoding import check_dtype
from rltools.policies._surroundings import Surroundings, check_match
from rltools.policies.sb3._normalize import Statistics
from rltools.policies.sb3._preprocess import is_transposed, preprocessing
from rltools.policies.sb3.families import Family
from rltools.policies.torch_policy import Head, TorchPolicy
from rltools.policy import Source


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
        ArgumentError: spaces that are not supported.
        MismatchError: the environment's spaces are not the network's.
    """
    inner, actions = network.observation_space, network.action_space
    if not isinstance(inner, Box) or not isinstance(actions, (Box, Discrete)):
        raise ArgumentError(
            f"{source.name} has observations in {type(inner).__name__} and actions in {type(actions).__name__}; "
            f"supported are observations in Box, and actions in Box or Discrete"
        )
    if isinstance(actions, Discrete) and actions.start != 0:
        raise ArgumentError(f"{source.name} has actions from {actions.start}; Stable-Baselines3 counts them from 0")
    around, dtype = known.environment, known.dtype or torch.float32
    check_dtype(dtype)
    outer = _outer_space(source.name, inner, actions, around)
    features = around.features if around is not None and around.features is not None else space_features(outer)
    preprocess = preprocessing(inner, outer, network.normalize_images, statistics)
    outputs = family.outputs(network, settings)
    heads = {name: _at_dtype(network, dtype, _after(preprocess, head)) for name, head in outputs.heads.items()}
    return TorchPolicy(
        network,
        outer,
        actions,
        heads,
        action_names=around.action_names if around is not None else None,
        features=features,
        dtype=dtype,
        choose=outputs.choose,
        source=_complete(source, statistics, around, known),
    )


def _outer_space(name: str, inner: Box, actions: Box | Discrete, around: Surroundings | None) -> Box:
    if around is None:
        return inner
    outer = around.observation_space
    if isinstance(outer, Box) and is_transposed(inner, outer):
        check_match(name, outer, actions, around)
        return outer
    check_match(name, inner, actions, around)
    if not isinstance(outer, Box):  # of a Box's shape, but counted or chosen from
        raise ArgumentError(f"{name} observes a Box and its environment gives {outer}; observations must be a Box")
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


def _after(preprocess: Head, head: Head) -> Head:
    return lambda x: head(preprocess(x))


class _Call(nn.Module):
    """A head as a module's forward, so that its parameters can be replaced for the length of a call."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, head: Head, x: Tensor) -> Tensor:
        """See the class."""
        return head(x)


def _at_dtype(network: nn.Module, dtype: torch.dtype, head: Head) -> Head:
    """The head computed in `dtype`, whatever the network's parameters are in; they stay as they are."""
    parameter = next(network.parameters(), None)
    if parameter is None or parameter.dtype == dtype:
        return head
    call = _Call(network)

    def cast(x: Tensor) -> Tensor:
        # Without tie_weights, and each module once: one that is shared under several names would be put back wrong.
        as_dtype = {name: value.to(dtype) for name, value in _floats(call)}
        scores: Tensor = torch.func.functional_call(call, as_dtype, (head, x), tie_weights=False)
        return scores

    return cast


def _floats(module: nn.Module) -> Iterator[tuple[str, Tensor]]:
    for prefix, part in module.named_modules():
        for name, value in (*part.named_parameters(recurse=False), *part.named_buffers(recurse=False)):
            if value.is_floating_point():
                yield f"{prefix}.{name}".lstrip("."), value
