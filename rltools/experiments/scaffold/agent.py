"""A card for an agent, beside a copy of its model: `rltools new agent MODEL`."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from gymnasium.envs.registration import EnvSpec
from ruamel.yaml.comments import CommentedMap

from rltools._util.files import os_errors_as
from rltools._util.foreign_files import path_exists
from rltools.cards import read_agent_card
from rltools.cards.content import check_name, content_path
from rltools.envs import current_id, spec_from_json, wrapper_names
from rltools.errors import ArgumentError, argument
from rltools.experiments.scaffold._yaml import check_new, on_a_line, write_yaml
from rltools.policies.env_info import inspect_env
from rltools.policies.load import load_policy
from rltools.policies.own_environment import environment_with
from rltools.policies.sb3.zoo.folder import find_statistics, model_in, read_record
from rltools.recording.folders import folder_name

if TYPE_CHECKING:
    from rltools.policies.load_arguments import LoadArguments

_IN_CARDS = ("layout", "activation", "strides", "head")
"""Arguments of `load_policy` that a card may have."""


def new_agent(
    model: str | Path,
    env: str | EnvSpec | None = None,
    *,
    env_kwargs: Mapping[str, Any] | None = None,
    folder: str | Path = "agents",
    **loading: Unpack[LoadArguments],
) -> Path:
    """Copy a model into a folder of its own, and write its card `agent.yaml`.

    Args:
        model: the path of a model's file, or of a run folder of rl-zoo.
        env: the id of the environment that it acts in; None is that of its training, if the model says so.
        env_kwargs: arguments of the environment.
        folder: where the agent's folder goes; it is known by its name if that is `agents/` of the working directory.
        loading: what `load_policy` is to know, `name` among it: the name of the agent, by default that of its file.

    Returns:
        The path of the card.

    Raises:
        ArgumentError: the environment is unknown, the model is a folder, or the card cannot say how it is loaded.
        ConflictError: there is an agent of this name already.
        RltoolsError: an error of `load_policy`.

    Example:
        >>> import rltools
        >>> from rltools.cards.content import find_content
        >>> from rltools.experiments.scaffold import new_agent
        >>> path = new_agent(find_content("agents", "cartpole-ppo") / "model.zip", "CartPole-v1", name="poles")
        >>> path.as_posix(), rltools.load_policy("poles").source.name
        ('agents/poles/agent.yaml', 'poles')
    """
    _check_arguments(loading)
    file = _model_file(model)
    name = loading.get("name") or folder_name(_name_of(file)).lower()
    check_name("agents", name)
    target = Path(folder) / name
    check_new(target)
    chosen = environment_with(model, env, env_kwargs, loading)
    policy = load_policy(model, chosen, **loading)
    files = {"model": file}
    statistics = loading.get("normalize")
    normalize = find_statistics(file, read_record(file)) if statistics is None and file.suffix == ".zip" else statistics
    if isinstance(normalize, str | Path):
        files["normalize"] = Path(normalize)
    spec = inspect_env(chosen, names=False).spec if chosen is not None else None
    if spec is None and policy.source.environment is not None:
        spec = spec_from_json(policy.source.environment)
    if spec is None:
        raise ArgumentError(f"{file} does not say what it acts in; give its environment as {argument('env')}")
    card = CommentedMap(description=f"{policy.source.library} on {spec.id}.")
    card["environment"] = _environment(spec)
    in_card = {key: _plain(value) for key, value in loading.items() if key in _IN_CARDS and value is not None}
    card["model"] = CommentedMap(_of_files(files) | in_card)
    with os_errors_as(target):
        target.mkdir(parents=True)
        for path in files.values():
            shutil.copyfile(path, target / path.name)
    write_yaml(
        target / "agent.yaml",
        card,
        (f"The agent {name}: `rltools analyze {name}` finds it by the name of this folder.",),
    )
    read_agent_card(target)
    return target / "agent.yaml"


def _check_arguments(loading: LoadArguments) -> None:
    """Refuse what a card cannot say.

    Raises:
        ArgumentError: trust, or names, which belong into the card of the environment.
    """
    if loading.get("trust"):
        raise ArgumentError(
            f"a card cannot trust a file; leave out {argument('trust')}, and give it with every command"
        )
    for name in ("names", "units", "action_names"):
        if loading.get(name) is not None:
            raise ArgumentError(f"{name} belong into the card of the environment; see `rltools new env`")


def _model_file(model: str | Path) -> Path:
    """The file of a model.

    Raises:
        ArgumentError: an agent's name, nothing, or a folder that is no run folder of rl-zoo.
    """
    path = Path(model)
    if not path_exists(path):
        path = Path(f"{model}.zip")
    if not path_exists(path):
        instead = f"; {model} is an agent with a card already" if content_path("agents", str(model)) else ""
        raise ArgumentError(f"there is no model at {model}; give the path of its file{instead}")
    if path.is_dir():
        zipped = model_in(path)
        if zipped is None:
            raise ArgumentError(f"{model} is a folder without a model's .zip; a card stands beside a single file")
        path = zipped
    return path


def _name_of(file: Path) -> str:
    """The name of a file, or that of its folder where the file is called as many are."""
    common = ("best_model", "model", "final_model", "policy", "checkpoint")
    return file.absolute().parent.name if file.stem in common else file.stem


def _environment(spec: EnvSpec) -> CommentedMap:
    """The environment as a card has it.

    Raises:
        ArgumentError: a wrapper that a card cannot name.
    """
    import gymnasium

    plain = gymnasium.registry[current_id(spec.id)[0]]
    kwargs = {name: value for name, value in spec.kwargs.items() if plain.kwargs.get(name, _MISSING) != value}
    content = CommentedMap(id=spec.id)
    if kwargs:
        content["kwargs"] = on_a_line(kwargs)
    if spec.additional_wrappers:
        names = wrapper_names()
        for wrapper in spec.additional_wrappers:
            if wrapper.name not in names:
                raise ArgumentError(f"{spec.id} is in the wrapper {wrapper.name}, which a card cannot name")
        content["wrappers"] = [
            on_a_line({"name": wrapper.name} | ({"kwargs": wrapper.kwargs} if wrapper.kwargs else {}))
            for wrapper in spec.additional_wrappers
        ]
    return content


_MISSING = object()


def _of_files(files: Mapping[str, Path]) -> dict[str, str]:
    fields: dict[str, str] = {}
    for role, path in files.items():
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        own = {"file": path.name, "sha256": digest}
        fields |= own if role == "model" else {"normalize": path.name, "normalize_sha256": digest}
    return fields


def _plain(value: Any) -> Any:
    return value if isinstance(value, str) else on_a_line(list(value))
