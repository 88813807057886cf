"""Makes a policy out of a file or a folder of weights."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from rltools._util.console import whole_text
from rltools.errors import ArgumentError, RltoolsError, argument, message_of
from rltools.policies._normalization import Normalization
from rltools.policies.base import Context, Source
from rltools.policies.check import check_outputs
from rltools.policies.env_info import inspect_env
from rltools.policies.library import LoadOptions, statistics_text
from rltools.policies.saved.contents import read_contents
from rltools.policies.saved.joined import taking_joined
from rltools.policies.saved.layout import Layout, LayoutCard, chains_text, find_layout, layouts
from rltools.policies.saved.networks import ACTIVATIONS
from rltools.policies.saved.rebuilt import Contents, Rebuilt, Wanted
from rltools.policies.saved.statistics import statistics_of
from rltools.policies.torch_policy import TorchPolicy
from rltools.spaces import Features, space_features


def load_weights(path: Path, options: LoadOptions) -> TorchPolicy:
    """The policy whose weights a file or a folder holds; nothing in it is executed.

    Raises:
        ModelError: damaged, or it holds no network that can be rebuilt.
        UnsafeFileError: it would run code or exhaust the machine; nothing was run.
        ArgumentError: the environment, the layout, the activation, the strides or the head have to be given.
        MismatchError: the network is not for the environment.
    """
    contents = read_contents(path)
    options = _in_its_environment(contents, options)
    env_info = options.environment
    name = find_layout(contents, options.layout)
    layout = layouts()[name]
    if env_info is None:
        raise ArgumentError(
            f"{path} holds weights of {layout.CARD.title} ({chains_text(contents)}), and no environment; give the one "
            f"it was trained in as {argument('env')}"
        )
    features = env_info.features or space_features(env_info.observation_space)
    statistics = _statistics(options, features)
    wanted = Wanted(
        env_info.observation_space,
        env_info.action_space,
        options.activation,
        options.strides,
        options.head,
        statistics,
        options.normalize is False,
    )

    def rebuild(activation: str | None) -> TorchPolicy:
        return _policy(contents, name, dataclasses.replace(wanted, activation=activation), options, features)

    used = wanted.activation or layout.CARD.activation
    if options.check is None:
        return rebuild(options.activation)
    if used is None and not layout.CARD.by_network:
        return _with_an_activation(rebuild, options.check)
    used, policy = used or "the library's own function", rebuild(options.activation)
    note = check_outputs(policy, options.check, lambda agrees: _advice(used, lambda name: agrees(rebuild(name))))
    policy.source = dataclasses.replace(policy.source, notes=(*policy.source.notes, note))
    return policy


def _policy(contents: Contents, name: str, wanted: Wanted, options: LoadOptions, features: Features) -> TorchPolicy:
    """The policy around the network in a file, in the layout of this name."""
    layout, env_info, path = layouts()[name], options.environment, contents.path
    assert env_info is not None
    rebuilt = taking_joined(_rebuilt(contents, layout, wanted), wanted.observation_space)
    rebuilt.module.eval().requires_grad_(False)
    if options.dtype is not None:
        rebuilt.module.to(options.dtype)
    facts = [*options.notes, *env_info.notes, _how(layout.CARD, wanted, rebuilt), *rebuilt.notes]
    if env_info.spec_json is None:
        facts.append("its environment has no specification that could be written down")
    notes = dict.fromkeys(whole_text(message_of(Exception(fact))) for fact in facts)  # arguments as in Python
    policy = TorchPolicy(
        rebuilt.module,
        env_info.observation_space,
        env_info.action_space,
        rebuilt.heads,
        features=features,
        action_names=env_info.action_names,
        dtype=options.dtype or torch.float32,
        choose=rebuilt.choose,
        std=rebuilt.std,
        memory=rebuilt.memory,
        normalization=rebuilt.normalization or wanted.statistics,
        discounting=rebuilt.discounting,
        source=Source(
            options.name_of(path),
            _sha256(contents, layout.CARD, wanted, rebuilt),
            env_info.spec_json,
            layout.CARD.title,
            tuple(notes),
            _normalization(path, wanted, rebuilt, options),
        ),
    )
    _try_out(policy)
    return policy


def _rebuilt(contents: Contents, layout: Layout, wanted: Wanted) -> Rebuilt:
    """The network in a file; every error names the file."""
    try:
        return layout.rebuild(contents, wanted)
    except RltoolsError as error:
        message = error.args[0]
        raise error if str(contents.path) in message else type(error)(f"{contents.path}: {message}") from error


def _with_an_activation(rebuild: Callable[[str | None], TorchPolicy], check: Any) -> TorchPolicy:
    """The policy of a network that needs no activation; for others the error says which would agree with `check`."""
    try:
        policy = rebuild(None)
    except ArgumentError as error:
        fitting = _agreeing(None, lambda name: bool(check_outputs(rebuild(name), check)))
        if not fitting:
            raise
        advice = f"{argument('check')} agrees with {' or '.join(fitting)}: give that if it was trained so"
        raise ArgumentError(f"{error.args[0]}; {advice}") from error
    check_outputs(policy, check)
    return policy


def _agreeing(used: str | None, agrees: Callable[[str], bool]) -> list[str]:
    """The arguments that name activations with which a network agrees with given outputs, tried one after another."""
    names = {repr(make()): name for name, make in reversed(ACTIVATIONS.items()) if name != used}  # each function once
    return [argument("activation", repr(name)) for name in sorted(names.values()) if _is_true(agrees, name)]


def _advice(used: str, agrees: Callable[[str], bool]) -> str:
    """What to try for a network that computes something else: the activations with which it would not."""
    fitting = _agreeing(used, agrees)
    if fitting:
        return (
            f"It was rebuilt with {used} between its layers, and would compute the same with "
            f"{' or '.join(fitting)}: give that if it was trained so"
        )
    return (
        f"No other activation makes it the same; give another {argument('layout')}, the environment it was trained in, "
        f"or the statistics of its observations as {argument('normalize')}"
    )


def _is_true(agrees: Callable[[str], bool], activation: str) -> bool:
    try:
        return agrees(activation)
    except RltoolsError:
        return False


def _normalization(path: Path, wanted: Wanted, rebuilt: Rebuilt, options: LoadOptions) -> str:
    """What holds the statistics of observations; "" if they are not normalized."""
    if rebuilt.normalization is not None:
        return path.name
    return "" if wanted.statistics is None else statistics_text(options.normalize)


def _statistics(options: LoadOptions, features: Features) -> Normalization | None:
    return None if options.normalize in (None, False) else statistics_of(options.normalize, features)


def _how(card: LayoutCard, wanted: Wanted, rebuilt: Rebuilt) -> str:
    """The caveat on how the network was rebuilt."""
    activation = wanted.activation or rebuilt.activation or card.activation
    layers = f", with {activation} between its layers" if activation else ""
    origin = "as its settings say" if rebuilt.activation and not card.by_network else "the library's default"
    origin = "as the caller says" if wanted.activation else origin
    return f"rebuilt from weights in the layout of {card.title}{layers}" + (f" ({origin})" if activation else "")


def _sha256(contents: Contents, card: LayoutCard, wanted: Wanted, rebuilt: Rebuilt) -> str:
    """The sha256 of the file; with what the caller adds to it, if that makes another network of it."""
    digest = hashlib.sha256(contents.sha256.encode())
    own = wanted.activation if wanted.activation != card.activation else None
    settings = [own, wanted.strides, wanted.head]
    statistics = rebuilt.normalization or wanted.statistics
    if settings == [None] * len(settings) and wanted.statistics is None:
        return contents.sha256
    digest.update(repr(settings).encode())
    if statistics is not None:
        for values in (statistics.mean, statistics.std, statistics.limit):
            digest.update(values.numpy().tobytes())
    return digest.hexdigest()


def _try_out(policy: TorchPolicy) -> None:
    """Compute every head for one observation of zeros, so that a network of another environment is refused now."""
    x = torch.zeros(1, *policy.features.shape, dtype=policy.dtype)
    state = torch.zeros(1, policy.state_size, dtype=policy.dtype) if policy.state_size else None
    action = torch.zeros(1, len(policy.action_names), dtype=policy.dtype)
    with torch.no_grad():
        for head in policy.heads:
            policy.head(head, x, Context(state=state, action=None if policy.branches else action))


def _in_its_environment(contents: Contents, options: LoadOptions) -> LoadOptions:
    """The options with the environment that a library's settings name, if the caller gives none.

    Raises:
        ArgumentError: there is no such environment here.
    """
    if options.environment is not None or contents.environment is None:
        return options
    try:
        return dataclasses.replace(options, environment=inspect_env(contents.environment))
    except RltoolsError as error:
        raise ArgumentError(
            f"{contents.path} was trained in {contents.environment[:80]!a}, which cannot be made here ({error}); give "
            f"the environment as {argument('env')}"
        ) from error
