"""Loads a policy from a name, a file, a folder or a live model."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from rltools._util.foreign_files import is_file
from rltools.envs import vector_statistics
from rltools.errors import (
    ArgumentError,
    MismatchError,
)
from rltools.policies._sources import from_card, from_hub, local_path
from rltools.policies.base import HasOrigin, Policy
from rltools.policies.bounds import Bounds, check_bounds
from rltools.policies.env_info import EnvInfo, check_match, check_normalizes, inspect_env, place
from rltools.policies.hub import is_hub
from rltools.policies.library import LoadOptions, policy_of
from rltools.policies.load_arguments import LoadArguments, loaded_from
from rltools.policies.naming import Naming, check_loaded

if TYPE_CHECKING:
    import torch

    from rltools.envs import Environment
    from rltools.spaces.rename import Names

_SHA256 = re.compile(r"[0-9a-f]{64}")


def load_policy(
    source: Any,
    env: Environment | None = None,
    *,
    normalize: Any = None,
    dtype: torch.dtype | None = None,
    trust: str | Iterable[str] | None = None,
    device: str | None = None,
    bounds: Bounds = "same",
    name: str | None = None,
    names: Names | None = None,
    units: Names | None = None,
    action_names: Sequence[str] | None = None,
    layout: str | None = None,
    activation: str | None = None,
    strides: Sequence[int] | None = None,
    head: str | None = None,
    check: Any = None,
) -> Policy:
    """Load the policy in a source. No file is executed unless it is trusted by its sha256.

    Args:
        source: an agent's name (`agents/<name>/agent.yaml`, here or in the package), the folder of one, a model's .zip,
            whose ending may be left out, what `policy.save()` wrote, a run folder of rl-baselines3-zoo, a model from a
            hub (`hf:org/name`, `hf:org/name/file.zip`, `hf:org/name@revision`), a live model, or a policy, which is
            returned as it is. From a run folder `<Env>_1` it loads `<Env>.zip`, else `best_model.zip`, else the latest
            checkpoint.
        env: where the policy acts: an id, a specification, an environment or a function that makes one, or a vector of
            environments of Gymnasium or Stable-Baselines3, which stands for one of them. None is the environment it
            was trained on, if known; for a model of a hub, the one that its model card names.
        normalize: statistics of observations: None looks for them beside the model and around a vector of environments,
            False means none on purpose, else the path of a vecnormalize.pkl or a live VecNormalize.
        dtype: torch.float32 or torch.float64, of encoded observations and scores; None is float32.
        trust: the sha256 of each file, model or statistics, that its own library may load, which runs the code in it.
            Other files are read without running anything, and none is trusted just because that failed.
        device: where a model from a file computes, for instance "cuda"; None is the CPU. A live model is not moved.
        bounds: "any" accepts an environment whose observations or actions have other finite bounds than in training.
            Bounds that are infinite on one side, or those of a newer version of a renamed environment, become a caveat
            in recordings.
        name: the policy's name on pages and in files; None leaves it to the card or the file.
        names: of the elements of the observation: one for each, or a mapping from today's names (or positions) to
            others; for a Dict or Tuple a mapping from the path of each array. None takes those of the environment.
        units: of the elements, in the forms that `names` takes.
        action_names: one per discrete action, or per dimension of a continuous one; None takes those of the
            environment.
        layout: for a file of weights, the library whose layout it has, for instance "cleanrl"; None finds it by its
            keys.
        activation: for a file of weights, the function between its layers, for instance "tanh", which no file says;
            None takes that of the layout, if it has one.
        strides: for a file of weights with convolutions, their strides; None takes those of the layout.
        head: for a file of weights or a graph, what its outputs are: "logit", "q_value", "mean" or "action"; None takes
            those of the layout.
        check: observations and what the network makes of them, by which a rebuilt network is checked: the path of an
            .npz with `observations` and `scores` or `actions`, or a mapping of such arrays; None for no such check.

    Raises:
        UnknownNameError: no agent has this name; the message lists similar ones.
        ChecksumError: a model that is not the one its card names, or not the trusted one.
        ModelError: a model that is missing, damaged or not supported, or no model; the message says what it is.
        UnsafeFileError: a file that would run code, or exhaust the machine; nothing in it was run.
        PluginError: the library of another package claims the source, and fails to load it.
        MismatchError: the environment's spaces or their bounds are not the policy's; both are in the message.

    Example:
        >>> import rltools
        >>> rltools.load_policy("cartpole-ppo")
        TorchPolicy('cartpole-ppo', 4 features, 2 actions, heads logit, value)
        >>> from stable_baselines3 import PPO
        >>> rltools.load_policy(PPO("MlpPolicy", "CartPole-v1"), "CartPole-v1").action_names
        ('push left', 'push right')
        >>> rltools.load_policy("cartpole-pop")
        Traceback (most recent call last):
            ...
        rltools.errors.UnknownNameError: nothing in agents/ is called 'cartpole-pop'; did you mean 'cartpole-ppo' or ...
    """
    loading: LoadArguments = {
        "normalize": normalize,
        "dtype": dtype,
        "trust": trust,
        "bounds": bounds,
        "name": name,
        "names": names,
        "units": units,
        "action_names": action_names,
        "layout": layout,
        "activation": activation,
        "strides": strides,
        "head": head,
        "check": check,
    }
    check_bounds(bounds)
    if trust is not None and not isinstance(source, (str, Path)):
        raise ArgumentError(f"trust (--trust) is for files, and {type(source).__name__} is live already; leave it out")
    if device is not None and not isinstance(source, (str, Path)):
        raise ArgumentError(f"device={device!r} is for files; move the {type(source).__name__} there yourself")
    naming = Naming(names, units, action_names)
    if isinstance(source, Policy):
        check_loaded(naming, source.source.name)
        return _unchanged(source, env, normalize, dtype, bounds)
    env_info = None if env is None else inspect_env(env, bounds=bounds)
    if normalize is None and getattr(source, "get_vec_normalize_env", lambda: None)() is None:
        normalize = vector_statistics(env)
    origin = loaded_from(source, "" if env_info is None else env_info.name, loading)
    options = LoadOptions(
        name=name,
        environment=env_info,
        normalize=normalize,
        dtype=dtype,
        layout=layout,
        activation=activation,
        strides=None if strides is None else tuple(strides),
        head=head,
        check=check,
        naming=naming,
    )
    if is_hub(source):
        source, options = from_hub(source, options)
    elif isinstance(source, (str, Path)):
        source = local_path(source)
        if is_file(source / "agent.yaml"):
            source, options = from_card(source, options)
    if trust is not None:
        options = dataclasses.replace(options, trust=_trusted_hashes(trust))
    policy, options = _loaded(source, options, env_info)
    if options.environment is not None:
        check_match(policy.source.name, policy.observation_space, policy.action_space, options.environment)
    place(policy, env_info, bounds)
    if origin:
        cast("HasOrigin", policy).loaded_from = origin
    return policy if device is None else _moved(policy, device)


def _trusted_hashes(trust: str | Iterable[str]) -> frozenset[str]:
    """The sha256 of each trusted file, checked for its form."""
    values = trust if isinstance(trust, Iterable) and not isinstance(trust, str) else [trust]
    hashes = {str(value).strip().lower().removeprefix("sha256:") for value in values}
    wrong = sorted(value for value in hashes if not _SHA256.fullmatch(value))
    if wrong or not hashes:
        raise ArgumentError(
            f"trust (--trust) is the sha256 of the file that may run code, 64 hexadecimal digits, "
            f"not {wrong[0][:80] if wrong else 'nothing'!r}; `sha256sum FILE` prints it"
        )
    return frozenset(hashes)


def _moved(policy: Policy, name: str) -> Policy:
    """A freshly loaded policy, moved to a device."""
    import torch

    module = getattr(policy, "module", None)
    if not isinstance(module, torch.nn.Module):
        raise ArgumentError(f"{policy.source.name} has no network that could be moved to {name}; leave device= out")
    try:
        module.to(torch.device(name))
    except (RuntimeError, AssertionError) as error:
        raise ArgumentError(f"device={name!r} cannot be used here: {str(error).splitlines()[0]}") from error
    return policy


def _unchanged(
    policy: Policy, env: Environment | None, normalize: Any, dtype: torch.dtype | None, bounds: Bounds
) -> Policy:
    if normalize is not None or dtype is not None:
        raise ArgumentError(f"{policy.source.name} is a policy already; give normalize and dtype when it is made")
    check_normalizes(policy, env)
    env_info = None if env is None else inspect_env(env, names=False, bounds=bounds)
    if env_info is not None:
        check_match(policy.source.name, policy.observation_space, policy.action_space, env_info)
    has_no_environment = policy.source.environment is None and not hasattr(policy, "environment")
    place(policy, env_info if has_no_environment else None, bounds)
    return policy


def _loaded(source: Any, options: LoadOptions, env_info: EnvInfo | None) -> tuple[Policy, LoadOptions]:
    """The policy in a source, and how it was loaded: in no environment if that of a model card has other spaces."""
    in_environment = options if options.environment is None else options.in_environment(options.environment)
    try:
        return policy_of(source, in_environment), in_environment
    except ArgumentError as error:
        card_notes = options.notes[1:] if options.from_model_card and options.environment is None else ()
        if not card_notes:
            raise
        raise type(error)(f"{error}. {'; '.join(card_notes)}") from error
    except MismatchError:
        named = options.environment if env_info is None and options.from_model_card else None
        if named is None or not _says_its_spaces(source):
            raise
    note = f"{named.name}, which the model card names, has other observations or actions than the model: not used"
    options = dataclasses.replace(options, environment=None, notes=(*options.notes, note))
    return policy_of(source, options), options


def _says_its_spaces(source: Any) -> bool:
    """Whether it is a model of Stable-Baselines3, whose zip says what it observes."""
    return isinstance(source, Path) and source.suffix == ".zip"
