"""A policy from a model's zip."""

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

from rltools.errors import ChecksumError, ModelError, RltoolsError, argument
from rltools.policies.base import Source
from rltools.policies.env_info import elsewhere_note
from rltools.policies.library import LoadOptions
from rltools.policies.sb3._network import build
from rltools.policies.sb3._normalize import MAX_BYTES, given_statistics
from rltools.policies.sb3._policy import make_policy
from rltools.policies.sb3.archive._pickle import shown
from rltools.policies.sb3.archive._zip import MAX_FILE, read_file, read_members
from rltools.policies.sb3.archive.policy_alone import is_policy_alone, read_policy_alone
from rltools.policies.sb3.archive.saved import LIMITS, read_saved, read_settings, saved_class
from rltools.policies.sb3.families import Family, family_of
from rltools.policies.sb3.zoo._environment import zoo_environment
from rltools.policies.sb3.zoo.folder import (
    ZooRecord,
    find_statistics,
    later_statistics_note,
    other_models_note,
    read_record,
)
from rltools.policies.torch_policy import TorchPolicy

LIBRARY = "Stable-Baselines3"


@dataclasses.dataclass(frozen=True)
class _Network:
    """A network out of a file, in eval mode and frozen."""

    network: Any
    family: Family
    settings: Mapping[str, Any]
    sha256: str


def load_file(path: Path, known: LoadOptions) -> TorchPolicy:
    """The policy in a model's zip; nothing in it, or beside it, is executed unless it is trusted.

    Args:
        path: the zip.
        known: see `LoadOptions`.

    Raises:
        ModelError: missing, damaged, not supported, or without the statistics it was trained with.
        ChecksumError: a file that is not the trusted one; nothing was run.
        UnsafeFileError: it wants to run code or to exhaust the machine.
        MismatchError: the environment's spaces are not the model's.
    """
    record = read_record(path)
    statistics_path = _statistics_path(path, record, known)
    trusted = _trusted_files(path, statistics_path, known.trust)
    known = _with_notes(known, [_trust_note(file, sha256) for file, sha256 in trusted.items()])
    known = _with_notes(_in_its_environment(record, known), other_models_note(path))
    made = _trusted_network(path, trusted[path]) if path in trusted else _safe_network(path)
    if known.dtype is not None:
        made.network.to(known.dtype)
    if statistics_path is not None:
        known = _with_notes(known, later_statistics_note(statistics_path, path))
        live = trusted_statistics(statistics_path, trusted.get(statistics_path))
        statistics = given_statistics(statistics_path if live is None else live)
    elif known.normalize is not None and known.normalize is not False:
        statistics = given_statistics(known.normalize)
    else:
        statistics, known = None, _with_notes(known, _without_statistics(path, made, known))
    source = Source(_encodable(known.name or path.stem), made.sha256, library=LIBRARY)
    return make_policy(made.network, made.family, made.settings, statistics, source=source, known=known)


def _with_notes(known: LoadOptions, notes: Iterable[str]) -> LoadOptions:
    return dataclasses.replace(known, notes=(*known.notes, *map(_encodable, notes)))


def _encodable(text: str) -> str:
    """A text that goes into files; names of files can have bytes that are no characters, which are written out."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _in_its_environment(record: ZooRecord | None, known: LoadOptions) -> LoadOptions:
    if record is None:
        return known
    if known.environment is None:
        around, notes = zoo_environment(record)
    else:
        around, notes = known.environment, elsewhere_note(record.environment, record.kwargs, known.environment)
    return dataclasses.replace(_with_notes(known, notes), environment=around, normalized=record.normalized)


def _safe_network(path: Path) -> _Network:
    saved = read_policy_alone(path) if is_policy_alone(path) else read_saved(path)
    network, family = build(saved)
    return _Network(network, family, saved.settings, saved.sha256)


def _trusted_network(path: Path, sha256: str) -> _Network:
    model, settings = trusted_model(path, sha256)
    network: nn.Module = model.policy
    return _Network(network.eval().requires_grad_(False), family_of(network), settings, sha256)


def _statistics_path(path: Path, record: ZooRecord | None, known: LoadOptions) -> Path | None:
    if isinstance(known.normalize, (str, Path)):
        return Path(known.normalize)
    # What a card says of statistics is the whole truth; without one they are looked for.
    if known.normalize is not None or known.normalized is False:
        return None
    return find_statistics(path, record)


def _trusted_files(path: Path, statistics: Path | None, trust: Collection[str]) -> dict[Path, str]:
    """The files that are trusted, with their sha256; every sha256 must be a file's."""
    if not trust:
        return {}
    sizes = {path: MAX_FILE} | ({statistics: MAX_BYTES} if statistics is not None else {})
    hashes = {file: hashlib.sha256(read_file(file, most)).hexdigest() for file, most in sizes.items()}
    strangers = sorted(set(trust) - set(hashes.values()))
    if strangers:
        there = " and ".join(f"{file} has the sha256 {sha256}" for file, sha256 in hashes.items())
        raise ChecksumError(
            f"what is trusted is not what is there: trusted was the sha256 {', '.join(strangers)}, and {there}; "
            f"nothing was loaded. If another file was meant, give its path; trust this one only if you know who made it"
        )
    return {file: sha256 for file, sha256 in hashes.items() if sha256 in trust}


def _trust_note(file: Path, sha256: str) -> str:
    return f"{file.name} was loaded by {LIBRARY} itself, trusted by its sha256 {sha256}"


def _without_statistics(path: Path, made: _Network, known: LoadOptions) -> tuple[str, ...]:
    if known.normalize is False:
        return ("observations are not normalized, as asked",)
    # Only these algorithms keep the observation beneath VecNormalize exactly when there is one.
    shown = made.family.SHOWS_NORMALIZATION and "_last_original_obs" in made.settings
    normalized = known.normalized or (shown and made.settings["_last_original_obs"] is not None)
    if normalized:
        raise ModelError(
            f"{path} was trained on normalized observations and their statistics are missing; put "
            f"the file vecnormalize.pkl into {path.parent}, give its path as {argument('normalize', 'PATH')}, or say "
            f"{argument('normalize', False)}"
        )
    if known.normalized is None and not shown:
        return ("whether it was trained on normalized observations is not known; none are normalized",)
    return ()


_ALGORITHMS = ("PPO", "A2C", "DQN", "SAC", "TD3", "DDPG")
_CONTRIB = ("RecurrentPPO", "MaskablePPO", "TRPO", "QRDQN", "TQC", "CrossQ", "ARS")
_ATTEMPTS = 4


def trusted_model(path: Path, sha256: str) -> tuple[Any, dict[str, Any]]:
    """A live model, with the readable part of its settings.

    The zip does not name its algorithm: those are tried whose policies its policy class is among, and whose arguments
    its settings hold. No name is imported on the file's word but by the library itself.

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
        # A trusted file's own code runs here, and may fail as it likes.
        except Exception as error:
            faults.append(f"{algorithm.__name__} ({type(error).__name__}: {shown(error)})")
    raise ModelError(
        f"{path} is trusted, and its own library cannot load it: {'; '.join(faults)}. Import the modules that define "
        f"its classes first (--import MODULE), or load it yourself and give the live model"
    )


def trusted_statistics(path: Path, sha256: str | None) -> Any:
    """A live VecNormalize out of a pickle; None where the file is not trusted.

    Raises:
        ChecksumError: the file is not the trusted one; nothing was run.
        ModelError: it holds no VecNormalize.
    """
    if sha256 is None:
        return None
    from stable_baselines3.common.vec_env import VecNormalize

    content = _exactly(path, sha256)
    try:
        # What VecNormalize.load does, of the very bytes whose sha256 was compared.
        found = pickle.loads(content)  # noqa: S301
    except Exception as error:
        raise ModelError(
            f"{path} is trusted, and cannot be unpickled ({type(error).__name__}: {shown(error)}); import the modules "
            f"that define its classes first"
        ) from error
    if not isinstance(found, VecNormalize):
        raise ModelError(f"{path} holds a {type(found).__name__}; give the file that VecNormalize.save() wrote")
    return found


def _exactly(path: Path, sha256: str) -> bytes:
    content = read_file(path)
    actual = hashlib.sha256(content).hexdigest()
    if actual != sha256:
        raise ChecksumError(f"{path} changed while it was read: sha256 {actual}, trusted was {sha256}; nothing was run")
    return content


def _candidates(settings: dict[str, Any], path: Path, sha256: str) -> list[Any]:
    """The algorithms that may have saved the settings, likeliest first."""
    import sb3_contrib
    import stable_baselines3

    algorithms = [getattr(stable_baselines3, name) for name in _ALGORITHMS]
    algorithms += [getattr(sb3_contrib, name) for name in _CONTRIB]
    try:
        named = saved_class(settings, path, sha256)
    except RltoolsError:  # a class of the user's own
        named = ""
    own = [a for a in algorithms if any(_name(policy) == named for policy in a.policy_aliases.values())]
    return sorted(own or algorithms, key=lambda algorithm: len(_arguments(algorithm) ^ set(settings)))


def _arguments(algorithm: Any) -> set[str]:
    return set(inspect.signature(algorithm.__init__).parameters)


def _name(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"
