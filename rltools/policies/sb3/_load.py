"""Loads a policy from a model's file, safely or, if its sha256 is trusted, by its own library."""

from __future__ import annotations

import dataclasses
import hashlib
import inspect
import io
import pickle
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from torch import nn

from rltools._util.console import whole_text
from rltools.errors import ChecksumError, ModelError, RltoolsError, argument
from rltools.policies.base import Source
from rltools.policies.env_info import elsewhere_note
from rltools.policies.library import LoadOptions, statistics_text
from rltools.policies.sb3._discounting import Rewards, discounting_of, scaled_rewards
from rltools.policies.sb3._network import build
from rltools.policies.sb3._normalize import MAX_BYTES, given_statistics
from rltools.policies.sb3._policy import make_policy
from rltools.policies.sb3.archive._model_zip import read_members
from rltools.policies.sb3.archive.policy_alone import is_policy_alone, read_policy_alone
from rltools.policies.sb3.archive.saved import LIMITS, read_saved, read_settings, saved_class
from rltools.policies.sb3.families import Family, families, family_of, qualified_name
from rltools.policies.sb3.zoo._environment import zoo_environment
from rltools.policies.sb3.zoo.folder import (
    ZooRecord,
    find_statistics,
    later_statistics_note,
    other_models_note,
    read_record,
)
from rltools.policies.torch_policy import TorchPolicy
from rltools.policies.untrusted.messages import printable
from rltools.policies.untrusted.zips import MAX_FILE, read_file

LIBRARY = "Stable-Baselines3"


@dataclasses.dataclass(frozen=True)
class _Network:
    """A network from a file, in eval mode and frozen."""

    network: Any
    family: Family
    settings: Mapping[str, Any]
    sha256: str


def load_file(path: Path, options: LoadOptions) -> TorchPolicy:
    """Load the policy in a model's file; nothing in it or beside it is executed unless it is trusted.

    Args:
        path: the file.
        options: see `LoadOptions`.

    Raises:
        ModelError: missing, damaged, not supported, or without the statistics it was trained with.
        ChecksumError: a file that is not the trusted one; nothing was run.
        UnsafeFileError: it would run code or exhaust the machine.
        MismatchError: the environment's spaces are not the model's.
    """
    record = read_record(path)
    statistics_path = _statistics_path(path, record, options)
    trusted = _trusted_files(path, statistics_path, options.trust)
    options = _with_notes(options, [_trust_note(file, sha256) for file, sha256 in trusted.items()])
    options = _with_notes(_with_environment(record, options), other_models_note(path))
    loaded = _trusted_network(path, trusted[path]) if path in trusted else _safe_network(path)
    if options.dtype is not None:
        loaded.network.to(options.dtype)
    if statistics_path is not None:
        options = _with_notes(options, later_statistics_note(statistics_path, path))
        live = trusted_statistics(statistics_path, trusted.get(statistics_path))
        saved = statistics_path if live is None else live
        statistics, rewards = given_statistics(saved), scaled_rewards(saved)
    elif options.normalize is not None and options.normalize is not False:
        statistics, rewards = given_statistics(options.normalize), scaled_rewards(options.normalize)
    else:
        statistics, options = None, _with_notes(options, _without_statistics(path, loaded, options))
        rewards = _rewards_scaled_alone(path, record, options)
    normalize = options.normalize if statistics_path is None else statistics_path
    source = Source(
        options.name_of(path),
        loaded.sha256,
        library=LIBRARY,
        normalization="" if statistics is None else statistics_text(normalize),
    )
    return make_policy(
        loaded.network,
        loaded.family,
        loaded.settings,
        statistics,
        source=source,
        options=options,
        discounting=discounting_of(loaded.settings, rewards),
    )


def _rewards_scaled_alone(path: Path, record: ZooRecord | None, options: LoadOptions) -> Rewards | None:
    """How rewards were scaled in a zoo's training that did not normalize observations; None if they were not."""
    if record is None or record.normalized or options.normalize is not None:
        return None
    statistics = find_statistics(path, record)
    return None if statistics is None else scaled_rewards(statistics)


def _with_notes(options: LoadOptions, notes: Iterable[str]) -> LoadOptions:
    return dataclasses.replace(options, notes=(*options.notes, *map(whole_text, notes)))


def _with_environment(record: ZooRecord | None, options: LoadOptions) -> LoadOptions:
    if record is None:
        return options
    if options.environment is None:
        environment, notes = zoo_environment(record)
        options = options if environment is None else options.in_environment(environment)
    else:
        notes = elsewhere_note(record.environment, record.kwargs, options.environment)
    return dataclasses.replace(_with_notes(options, notes), normalized=record.normalized)


def _safe_network(path: Path) -> _Network:
    saved = read_policy_alone(path) if is_policy_alone(path) else read_saved(path)
    network, family = build(saved)
    return _Network(network, family, saved.settings, saved.sha256)


def _trusted_network(path: Path, sha256: str) -> _Network:
    model, settings = trusted_model(path, sha256)
    network: nn.Module = model.policy
    return _Network(network.eval().requires_grad_(False), family_of(network), settings, sha256)


def _statistics_path(path: Path, record: ZooRecord | None, options: LoadOptions) -> Path | None:
    if isinstance(options.normalize, (str, Path)):
        return Path(options.normalize)
    # A card says whether there are statistics; without a card they are searched for.
    if options.normalize is not None or options.normalized is False:
        return None
    return find_statistics(path, record)


def _trusted_files(path: Path, statistics: Path | None, trust: Collection[str]) -> dict[Path, str]:
    """The trusted files with their sha256; every trusted sha256 must belong to a file."""
    if not trust:
        return {}
    sizes = {path: MAX_FILE} | ({statistics: MAX_BYTES} if statistics is not None else {})
    hashes = {file: hashlib.sha256(read_file(file, most)).hexdigest() for file, most in sizes.items()}
    unmatched = sorted(set(trust) - set(hashes.values()))
    if unmatched:
        actual = " and ".join(f"{file} has the sha256 {sha256}" for file, sha256 in hashes.items())
        raise ChecksumError(
            f"no file has the trusted sha256 {', '.join(unmatched)}: {actual}; "
            f"nothing was loaded. If another file was meant, give its path; trust this one only if you know who made it"
        )
    return {file: sha256 for file, sha256 in hashes.items() if sha256 in trust}


def _trust_note(file: Path, sha256: str) -> str:
    return f"{file.name} was loaded by {LIBRARY} itself, trusted by its sha256 {sha256}"


def _without_statistics(path: Path, loaded: _Network, options: LoadOptions) -> tuple[str, ...]:
    if options.normalize is False:
        return ("observations are not normalized, as asked",)
    # Only some algorithms save the original observation exactly when there is a VecNormalize.
    tells = loaded.family.SHOWS_NORMALIZATION and "_last_original_obs" in loaded.settings
    normalized = options.normalized or (tells and loaded.settings["_last_original_obs"] is not None)
    if normalized:
        raise ModelError(
            f"{path} was trained on normalized observations and their statistics are missing; put "
            f"the file vecnormalize.pkl into {path.parent}, give its path as {argument('normalize', 'PATH')}, or pass "
            f"{argument('normalize', False)}"
        )
    if options.normalized is None and not tells:
        return ("whether it was trained on normalized observations is unknown; none are normalized",)
    return ()


_ATTEMPTS = 4


def trusted_model(path: Path, sha256: str) -> tuple[Any, dict[str, Any]]:
    """Load a live model by its own library, with the readable part of its settings.

    The zip does not name its algorithm. So the algorithms of all families that have its policy class are tried, those
    whose arguments resemble its settings first. Only the library itself imports what the file names.

    Raises:
        ChecksumError: the file is not the trusted one; nothing was run.
        ModelError: no algorithm of the libraries can load it.
    """
    content = _exactly(path, sha256)
    settings = read_settings(read_members(content, str(path), LIMITS)["data"], path)
    faults = []
    for algorithm in _candidates(settings, path, sha256)[:_ATTEMPTS]:
        try:
            return algorithm.load(io.BytesIO(content), device="cpu"), settings
        # A trusted file's own code runs here, and may raise anything.
        except Exception as error:
            faults.append(f"{algorithm.__name__} ({type(error).__name__}: {printable(error)})")
    raise ModelError(
        f"{path} is trusted, and its own library cannot load it: {'; '.join(faults)}. Import the modules that define "
        f"its classes first (--import MODULE), or load it yourself and give the live model"
    )


def trusted_statistics(path: Path, sha256: str | None) -> Any:
    """Unpickle a VecNormalize; None if the file is not trusted.

    Raises:
        ChecksumError: the file is not the trusted one; nothing was run.
        ModelError: it holds no VecNormalize.
    """
    if sha256 is None:
        return None
    from stable_baselines3.common.vec_env import VecNormalize

    content = _exactly(path, sha256)
    try:
        # As VecNormalize.load does, from the very bytes whose sha256 was compared.
        statistics = pickle.loads(content)  # noqa: S301
    except Exception as error:
        raise ModelError(
            f"{path} is trusted, and cannot be unpickled ({type(error).__name__}: {printable(error)}); import the "
            f"modules that define its classes first"
        ) from error
    if not isinstance(statistics, VecNormalize):
        raise ModelError(f"{path} holds a {type(statistics).__name__}; give the file that VecNormalize.save() wrote")
    return statistics


def _exactly(path: Path, sha256: str) -> bytes:
    content = read_file(path)
    actual = hashlib.sha256(content).hexdigest()
    if actual != sha256:
        raise ChecksumError(f"{path} changed while it was read: sha256 {actual}, trusted was {sha256}; nothing was run")
    return content


def _candidates(settings: dict[str, Any], path: Path, sha256: str) -> list[Any]:
    """The algorithms that may have saved the settings, likeliest first."""
    algorithms: list[Any] = [algorithm for family in families() for algorithm in family.ALGORITHMS]
    try:
        policy_class = saved_class(settings, path, sha256)
    except RltoolsError:  # a class of the user's own
        policy_class = ""
    own = [a for a in algorithms if any(qualified_name(cls) == policy_class for cls in a.policy_aliases.values())]
    return sorted(own or algorithms, key=lambda algorithm: len(_arguments(algorithm) ^ set(settings)))


def _arguments(algorithm: Any) -> set[str]:
    return set(inspect.signature(algorithm.__init__).parameters)
