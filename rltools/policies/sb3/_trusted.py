"""Files that their user trusts, loaded by Stable-Baselines3 itself: it unpickles them, and so runs what they hold."""

from __future__ import annotations

import hashlib
import inspect
import io
import pickle
from pathlib import Path
from typing import Any

from rltools.errors import ChecksumError, ModelError, RltoolsError
from rltools.policies.sb3._saved import LIMITS, read_settings, saved_class
from rltools.policies.sb3._unpickle import shown
from rltools.policies.sb3._zip import read_file, read_members

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
