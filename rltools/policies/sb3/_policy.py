"""The policy around a network of Stable-Baselines3, whether it was read from a file or is live."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch
from gymnasium import Space
from torch import Tensor, nn

from rltools.errors import ArgumentError
from rltools.policies._encoding import check_dtype
from rltools.policies._identity import first_tensor
from rltools.policies._normalization import Normalization
from rltools.policies.base import RecurrentState, Source
from rltools.policies.bounds import with_bounds_of
from rltools.policies.env_info import EnvInfo, check_match
from rltools.policies.library import LoadOptions
from rltools.policies.sb3._normalize import Statistics
from rltools.policies.sb3._preprocess import Prepare, as_given, preprocessing, without_scaled_images
from rltools.policies.sb3.families import Family, family_of
from rltools.policies.torch_policy import TorchPolicy
from rltools.policies.vjp._chain import Chain, Planned
from rltools.policies.vjp._plan import Plan
from rltools.spaces import Features, space_features
from rltools.spaces.leaves import leaves

Function = Callable[..., Any]


def make_policy(
    network: Any,
    family: Family,
    settings: Mapping[str, Any],
    statistics: Statistics | None,
    *,
    source: Source,
    known: LoadOptions,
    statistics_now: Callable[[], Statistics | None] | None = None,
) -> TorchPolicy:
    """The policy around a network. `x` is in the environment's layout and units.

    Args:
        network: of the library's policy class; it is never changed.
        family: that knows its heads.
        settings: what is known of its algorithm.
        statistics: of observations; None where the network takes them as they are.
        source: where it comes from; the environment, the statistics and the notes are filled in.
        known: see `LoadOptions`.
        statistics_now: of a live model, the statistics at the moment; None is for a file, in which nothing changes.

    Raises:
        ArgumentError: observations or actions that do not count from 0, or a network that is not supported.
        MismatchError: the environment's spaces are not the network's, or the statistics are of others.
    """
    inner, actions = network.observation_space, network.action_space
    around, dtype = known.environment, known.dtype or torch.float32
    check_dtype(dtype)
    outer = _outer_space(source.name, inner, actions, around, statistics)
    features = around.features if around is not None and around.features is not None else space_features(outer)
    outputs = family.outputs(network, settings)
    prepare = preprocessing(inner, outer, network.normalize_images)
    before = prepare if outputs.memory is None else None  # else it comes before what is recalled
    heads = {name: _AtDtype(network, dtype, _after(before, head)) for name, head in outputs.heads.items()}
    std = None if outputs.std is None else _AtDtype(network, dtype, _after(before, outputs.std))
    policy = TorchPolicy(
        network,
        outer,
        actions,
        heads,
        action_names=around.action_names if around is not None else None,
        features=features,
        dtype=dtype,
        choose=outputs.choose,
        std=std,
        memory=_memory_at_dtype(network, dtype, prepare, outputs.memory),
        normalization=_normalization(statistics, statistics_now, features),
        masked=outputs.masked,
        source=_complete(source, statistics, around, known, () if statistics is None else statistics.notes(features)),
        sha256_of=None if statistics_now is None else lambda found: _with_statistics(found, statistics_now()),
    )
    read = statistics_now or (lambda: statistics)
    policy._again = lambda: partial(_copied, network, dict(settings), read(), source, replace(known, normalize=None))
    return policy


def _copied(
    network: Any, settings: Mapping[str, Any], statistics: Statistics | None, source: Source, known: LoadOptions
) -> TorchPolicy:
    """A policy around a copy of a network, whose statistics stay as they were when it was copied."""
    return make_policy(network, family_of(network), settings, statistics, source=source, known=known)


def _normalization(
    statistics: Statistics | None, statistics_now: Callable[[], Statistics | None] | None, features: Features
) -> Normalization | Callable[[], Normalization | None] | None:
    """Of observations; of a live model a function, because its statistics go on with its training."""
    if statistics_now is None:
        return None if statistics is None else statistics.of(features)
    last: tuple[Statistics | None, Normalization | None] = None, None

    def now() -> Normalization | None:
        nonlocal last
        current = statistics_now()
        if current is not last[0]:
            last = current, None if current is None else current.of(features)
        return last[1]

    now()  # statistics of something else are refused at once
    return now


def _outer_space(
    name: str,
    inner: Space[Any],
    actions: Space[Any],
    around: EnvInfo | None,
    statistics: Statistics | None,
) -> Space[Any]:
    """The layout of the environment with the bounds that the network was trained with."""
    outer = inner if around is None else around.observation_space
    if around is not None:
        trained = without_scaled_images(as_given(inner, outer), outer, () if statistics is None else statistics.moments)
        check_match(name, trained, actions, around)
        outer = with_bounds_of(trained, outer)
    starts = [leaf.name or "observations" for space in (inner, outer) for leaf in leaves(space) if any(leaf.starts)]
    if np.any(getattr(actions, "start", 0)):
        starts.append("actions")
    if starts:
        raise ArgumentError(f"{name} has {starts[0]} that do not count from 0, as Stable-Baselines3 does")
    return outer


def _complete(
    source: Source, statistics: Statistics | None, around: EnvInfo | None, known: LoadOptions, more: Iterable[str]
) -> Source:
    sha256, notes = _with_statistics(source.sha256, statistics), [*known.notes, *source.notes, *more]
    environment = None
    if around is not None:
        environment = around.spec_json
        notes += around.notes
        if environment is None:
            notes.append("its environment has no specification that could be written down")
    return replace(source, sha256=sha256, environment=environment, notes=tuple(dict.fromkeys(notes)))


def _with_statistics(sha256: str, statistics: Statistics | None) -> str:
    if statistics is None:
        return sha256
    return hashlib.sha256(bytes.fromhex(sha256) + statistics.fingerprint()).hexdigest()


def _after(prepare: Prepare | None, head: Function) -> Function:
    if isinstance(head, Chain) and isinstance(prepare, Chain):
        return Chain(prepare, head)
    return head if prepare is None else lambda x, *rest: head(prepare(x), *rest)


def _memory_at_dtype(
    network: nn.Module, dtype: torch.dtype, prepare: Prepare | None, memory: RecurrentState | None
) -> RecurrentState | None:
    if memory is None:
        return None
    advance = _AtDtype(network, dtype, _after(prepare, memory.advance))
    recall = _AtDtype(
        network, dtype, lambda name, x, state: memory.recall(name, x if prepare is None else prepare(x), state)
    )
    return RecurrentState(memory.size, recall, advance)


class _Call(nn.Module):
    """A function as a module's forward, so that its parameters can be replaced for the length of a call."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, function: Function, *given: Any) -> Any:
        """See the class."""
        return function(*given)


class _AtDtype(Planned):
    """A function computed in a dtype, whatever the network's parameters are in at the moment; they stay as they are."""

    def __init__(self, network: nn.Module, dtype: torch.dtype, function: Function) -> None:
        self._network, self._dtype, self._function = network, dtype, function

    def __call__(self, *given: Any) -> Any:
        parameter = first_tensor([self._network])
        if parameter is None or parameter.dtype == self._dtype or not parameter.is_floating_point():
            return self._function(*given)
        call = _Call(self._network)
        # Without tie_weights, and each module once: one that is shared under several names would be put back wrong.
        as_dtype = {name: value.to(self._dtype) for name, value in _floats(call)}
        return torch.func.functional_call(call, as_dtype, (self._function, *given), tie_weights=False)

    def plan(self) -> Plan | None:
        """See `Planned`; None where the parameters have to be cast."""
        plan = self._function.plan() if isinstance(self._function, Planned) else None
        weight = None if plan is None else plan.first_weight
        return plan if weight is None or weight.dtype is self._dtype else None

    def compiled(self) -> Function:
        """See `Planned`."""
        function = self._function
        inner = function.compiled() if isinstance(function, Planned) else torch.compile(function)
        return _AtDtype(self._network, self._dtype, inner)


def _floats(module: nn.Module) -> Iterator[tuple[str, Tensor]]:
    for prefix, part in module.named_modules():
        for name, value in (*part.named_parameters(recurse=False), *part.named_buffers(recurse=False)):
            if value.is_floating_point():
                yield f"{prefix}.{name}".lstrip("."), value
