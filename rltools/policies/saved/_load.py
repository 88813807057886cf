"""Makes a policy out of a file or a folder of weights."""

from __future__ import annotations

import hashlib
from pathlib import Path

import torch

from rltools.errors import ArgumentError, argument
from rltools.policies._normalization import Normalization
from rltools.policies.base import Context, Source
from rltools.policies.library import LoadOptions
from rltools.policies.saved.contents import read_contents
from rltools.policies.saved.layout import LayoutCard, chains_text, find_layout, layouts
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
    contents, env_info = read_contents(path), options.environment
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
    )
    rebuilt = layout.rebuild(contents, wanted)
    rebuilt.module.eval().requires_grad_(False)
    if options.dtype is not None:
        rebuilt.module.to(options.dtype)
    notes = [*options.notes, *env_info.notes, _how(name, layout.CARD, wanted), *rebuilt.notes]
    if env_info.spec_json is None:
        notes.append("its environment has no specification that could be written down")
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
        normalization=rebuilt.normalization or statistics,
        discounting=rebuilt.discounting,
        source=Source(
            _encodable(options.name or path.stem),
            _sha256(contents, layout.CARD, wanted, rebuilt),
            env_info.spec_json,
            layout.CARD.title,
            tuple(dict.fromkeys(map(_encodable, notes))),
        ),
    )
    _try_out(policy)
    return policy


def _statistics(options: LoadOptions, features: Features) -> Normalization | None:
    return None if options.normalize in (None, False) else statistics_of(options.normalize, features)


def _how(name: str, card: LayoutCard, wanted: Wanted) -> str:
    """The caveat that says how the network was rebuilt."""
    activation = wanted.activation or card.activation
    layers = f", with {activation} between its layers" if activation else ""
    origin = "as the caller says" if wanted.activation else "the library's default"
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


def _encodable(text: str) -> str:
    """A text that can be written as UTF-8; undecodable bytes in the name of a file are escaped."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
