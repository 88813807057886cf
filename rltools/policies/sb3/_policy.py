"""The policy around a network of Stable-Baselines3, from a file or live."""

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
from rltools.policies.base import Discounting, RecurrentState, Source
from rltools.policies.bounds import with_bounds_of
from rltools.policies.env_info import EnvInfo, check_match
from rltools.policies.library import LoadOptions
from rltools.policies.sb3._normalize import Statistics
from rltools.policies.sb3._preprocess import Prepare, in_layout_of, preprocessing, without_scaled_images
from rltools.policies.sb3.families import Family, family_of
from rltools.policies.torch_policy import TorchPolicy
from rltools.policies.vjp._chain import Chain, Plannable
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
    options: LoadOptions,
    discounting: Discounting | Callable[[], Discounting],
    statistics_now: Callable[[], Statistics | None] | None = None,
) -> TorchPolicy:
    """The policy around a network, whose `x` is in the environment's layout and units.

    Args:
        network: of one of the library's policy classes; it is never changed.
        family: its family.
        settings: what is known about its algorithm.
        statistics: of observations; None if they are not normalized.
        source: where it comes from; the environment, the statistics and the notes are filled in.
        options: see `LoadOptions`.
        discounting: see `TorchPolicy`.
        statistics_now: the current statistics of a live model; None for a file, whose statistics do not change.

    Raises:
        ArgumentError: observations or actions that do not count from 0, or an unsupported network.
        MismatchError: the environment's spaces are not the network's, or the statistics are for other observations.
    """
    inner, actions = network.observation_space, network.action_space
    environment, dtype = options.environment, options.dtype or torch.float32
    check_dtype(dtype)
    outer = _outer_space(source.name, inner, actions, environment, statistics)
    features = (environment.features if environment is not None else None) or space_features(outer)
    features = options.naming.features(features)
    network_heads = family.make_heads(network, settings)
    prepare = preprocessing(inner, outer, network.normalize_images)
    before = prepare if network_heads.recurrent_state is None else None  # else it precedes the LSTM
    heads = {name: _AtDtype(network, dtype, _after(before, head)) for name, head in network_heads.heads.items()}
    std = None if network_heads.std is None else _AtDtype(network, dtype, _after(before, network_heads.std))
    policy = TorchPolicy(
        network,
        outer,
        actions,
        heads,
        action_names=options.naming.actions(None if environment is None else environment.action_names, actions),
        features=features,
        dtype=dtype,
        choose=network_heads.choose,
        std=std,
        memory=_recurrent_state_at_dtype(network, dtype, prepare, network_heads.recurrent_state),
        normalization=_normalization(statistics, statistics_now, features),
        masked=network_heads.masked,
        discounting=discounting,
        source=_complete(source, statistics, options, () if statistics is None else statistics.notes(features)),
        sha256_of=None if statistics_now is None else lambda sha256: _with_statistics(sha256, statistics_now()),
    )
    read = statistics_now or (lambda: statistics)
    alone = replace(options, normalize=None)
    policy._again = lambda: partial(_copied, network, dict(settings), read(), source, alone, policy.discounting)
    return policy


def _copied(
    network: Any,
    settings: Mapping[str, Any],
    statistics: Statistics | None,
    source: Source,
    options: LoadOptions,
    discounting: Discounting,
) -> TorchPolicy:
    """A policy around a copy of a network, with the statistics of the time of copying."""
    family = family_of(network)
    return make_policy(network, family, settings, statistics, source=source, options=options, discounting=discounting)


def _normalization(
    statistics: Statistics | None, statistics_now: Callable[[], Statistics | None] | None, features: Features
) -> Normalization | Callable[[], Normalization | None] | None:
    """The normalization of observations; for a live model a function, because training updates its statistics."""
    if statistics_now is None:
        return None if statistics is None else statistics.normalization(features)
    last: tuple[Statistics | None, Normalization | None] = None, None

    def now() -> Normalization | None:
        nonlocal last
        current = statistics_now()
        if current is not last[0]:
            last = current, None if current is None else current.normalization(features)
        return last[1]

    now()  # refuses statistics of other observations immediately
    return now


def _outer_space(
    name: str,
    inner: Space[Any],
    actions: Space[Any],
    environment: EnvInfo | None,
    statistics: Statistics | None,
) -> Space[Any]:
    """The environment's observation space with the bounds that the network was trained with."""
    outer = inner if environment is None else environment.observation_space
    if environment is not None:
        trained = without_scaled_images(
            in_layout_of(inner, outer), outer, () if statistics is None else statistics.moments
        )
        check_match(name, trained, actions, environment)
        outer = with_bounds_of(trained, outer)
    starts = [leaf.name or "observations" for space in (inner, outer) for leaf in leaves(space) if any(leaf.starts)]
    if np.any(getattr(actions, "start", 0)):
        starts.append("actions")
    if starts:
        raise ArgumentError(f"{name} has {starts[0]} that do not count from 0, as in Stable-Baselines3")
    return outer


def _complete(source: Source, statistics: Statistics | None, options: LoadOptions, more: Iterable[str]) -> Source:
    sha256, notes = _with_statistics(source.sha256, statistics), [*options.notes, *source.notes, *more]
    spec, environment = None, options.environment
    if environment is not None:
        spec = environment.spec_json
        notes += environment.notes
        if spec is None:
            notes.append("its environment has no specification that could be written down")
    return replace(source, sha256=sha256, environment=spec, notes=tuple(dict.fromkeys(notes)))


def _with_statistics(sha256: str, statistics: Statistics | None) -> str:
    if statistics is None:
        return sha256
    return hashlib.sha256(bytes.fromhex(sha256) + statistics.fingerprint()).hexdigest()


def _after(prepare: Prepare | None, head: Function) -> Function:
    if isinstance(head, Chain) and isinstance(prepare, Chain):
        return Chain(prepare, head)
    return head if prepare is None else lambda x, *rest: head(prepare(x), *rest)


def _recurrent_state_at_dtype(
    network: nn.Module, dtype: torch.dtype, prepare: Prepare | None, recurrent_state: RecurrentState | None
) -> RecurrentState | None:
    if recurrent_state is None:
        return None
    advance = _AtDtype(network, dtype, _after(prepare, recurrent_state.advance))
    recall = _AtDtype(
        network, dtype, lambda name, x, state: recurrent_state.recall(name, x if prepare is None else prepare(x), state)
    )
    return RecurrentState(recurrent_state.size, recall, advance)


class _Call(nn.Module):
    """A function as a module's forward, so that `functional_call` can replace its parameters."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, function: Function, *inputs: Any) -> Any:
        """Call the function."""
        return function(*inputs)


class _AtDtype(Plannable):
    """A function computed in one dtype, whatever the dtype of the network's parameters; they are not changed."""

    def __init__(self, network: nn.Module, dtype: torch.dtype, function: Function) -> None:
        self._network, self._dtype, self._function = network, dtype, function

    def __call__(self, *inputs: Any) -> Any:
        parameter = first_tensor([self._network])
        if parameter is None or parameter.dtype == self._dtype or not parameter.is_floating_point():
            return self._function(*inputs)
        call = _Call(self._network)
        # Without tie_weights, and each module once: a shared module would not be restored correctly.
        as_dtype = {name: value.to(self._dtype) for name, value in _floats(call)}
        return torch.func.functional_call(call, as_dtype, (self._function, *inputs), tie_weights=False)

    def plan(self, *, gradients: bool = True) -> Plan | None:
        """See `Plannable`; None if parameters must be cast."""
        plan = self._function.plan(gradients=gradients) if isinstance(self._function, Plannable) else None
        weight = None if plan is None else plan.first_weight
        return plan if weight is None or weight.dtype is self._dtype else None

    def compiled(self) -> Function:
        """See `Plannable`."""
        function = self._function
        inner = function.compiled() if isinstance(function, Plannable) else torch.compile(function)
        return _AtDtype(self._network, self._dtype, inner)


def _floats(module: nn.Module) -> Iterator[tuple[str, Tensor]]:
    for prefix, part in module.named_modules():
        for name, value in (*part.named_parameters(recurse=False), *part.named_buffers(recurse=False)):
            if value.is_floating_point():
                yield f"{prefix}.{name}".lstrip("."), value
