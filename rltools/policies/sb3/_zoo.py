"""Folders as rl-baselines3-zoo writes them: `<algo>/<Env>_1/<Env>.zip` with `<Env>/args.yml` and `config.yml`."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.constructor import ConstructorError, SafeConstructor
from ruamel.yaml.error import YAMLError
from ruamel.yaml.events import AliasEvent, CollectionEndEvent, CollectionStartEvent

from rltools.errors import ModelError, UnsafeFileError
from rltools.policies.sb3._zip import read_file

MAX_BYTES = 1_000_000
MAX_DEPTH = 20
_RUN = re.compile(r"(?P<name>.+)_\d+")


@dataclass(frozen=True)
class ZooRecord:
    """What a zoo's folder says about the model in it.

    Attributes:
        folder: where its files are.
        environment: the id it was trained on.
        kwargs: arguments of the environment.
        wrappers: what the environment was wrapped in: names with their arguments.
        normalized: whether it was trained on normalised observations.
        unknown: what else changes the environment, in words; nothing of it is done.
    """

    folder: Path
    environment: str
    kwargs: dict[str, Any] = field(default_factory=dict)
    wrappers: tuple[tuple[str, dict[str, Any]], ...] = ()
    normalized: bool = False
    unknown: tuple[str, ...] = ()


def model_in(folder: Path) -> Path | None:
    """The model of a zoo's run folder `<Env>_1`; None for any other folder."""
    run = _RUN.fullmatch(folder.name)
    if run is None:
        return None
    candidates = (folder / f"{run['name']}.zip", folder / "best_model.zip")
    return next((path for path in candidates if path.is_file()), None)


def read_record(model: Path) -> ZooRecord | None:
    """What the zoo says about a model; None where it lies in no folder of a zoo.

    Raises:
        ModelError: a file that is not as the zoo writes it.
        UnsafeFileError: a file that wants to run code, or to exhaust the machine.
    """
    run = _RUN.fullmatch(model.parent.name)
    folder = model.parent / run["name"] if run is not None else model.parent
    if run is None or not (folder / "config.yml").is_file():
        return None
    config = read_zoo_yaml(folder / "config.yml")
    args = read_zoo_yaml(folder / "args.yml") if (folder / "args.yml").is_file() else {}
    environment = args.get("env", run["name"])
    if not isinstance(environment, str):
        raise ModelError(f"{folder / 'args.yml'}: env is {environment!r}; it must be the id of an environment")
    kwargs, unknown = {}, []
    for given in (config.get("env_kwargs"), args.get("env_kwargs")):
        if isinstance(given, dict):
            kwargs.update(given)
        elif given:
            unknown.append(f"the arguments {given!r}")
    if config.get("frame_stack"):
        unknown.append(f"frame_stack={config['frame_stack']!r}")
    return ZooRecord(
        folder,
        environment,
        kwargs,
        tuple(_wrappers(config.get("env_wrapper"))),
        _normalized(config.get("normalize")),
        tuple(unknown),
    )


def read_zoo_yaml(path: Path) -> dict[str, Any]:
    """The `key: value`s of a zoo's file. Of all tags only the OrderedDict it is wrapped in means anything.

    Raises:
        ModelError: a file that is not as the zoo writes it.
        UnsafeFileError: another tag, an alias, or more than 1 MB or 20 levels.
    """
    text = read_file(path, MAX_BYTES).decode("utf-8", "replace")
    yaml = YAML(typ="safe", pure=True)
    yaml.Constructor = _ZooConstructor
    try:
        _check_events(yaml, text, path)
        data = yaml.load(text)
    except ConstructorError as error:
        raise UnsafeFileError(f"{path} wants more than plain data: {error.problem}; it was NOT run") from error
    except (YAMLError, ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
        raise ModelError(f"{path} is not as rl-baselines3-zoo writes it: {' '.join(str(error).split())}") from error
    if not isinstance(data, dict) or not all(isinstance(key, str) for key in data):
        raise ModelError(f"{path} holds no `key: value`s; rl-baselines3-zoo writes some")
    return data


class _ZooConstructor(SafeConstructor):
    """Safe YAML, with the one tag that the zoo's files carry."""

    def ordered_dict(self, node: Any) -> dict[Any, Any]:
        """The pairs that an OrderedDict was written as."""
        (pairs,) = self.construct_sequence(node, deep=True)
        return dict(pairs)


_ZooConstructor.add_constructor(
    "tag:yaml.org,2002:python/object/apply:collections.OrderedDict", _ZooConstructor.ordered_dict
)


def _check_events(yaml: YAML, text: str, path: Path) -> None:
    depth = 0
    for event in yaml.parse(text):
        depth += isinstance(event, CollectionStartEvent) - isinstance(event, CollectionEndEvent)
        if isinstance(event, AliasEvent) or depth > MAX_DEPTH:
            raise UnsafeFileError(f"{path} has an alias or more than {MAX_DEPTH} levels, which the zoo never writes")


def _wrappers(said: Any) -> list[tuple[str, dict[str, Any]]]:
    entries = said if isinstance(said, list) else [said] if said else []
    pairs = [pair for entry in entries for pair in (entry.items() if isinstance(entry, dict) else [(entry, None)])]
    return [(str(name), kwargs if isinstance(kwargs, dict) else {}) for name, kwargs in pairs]


def _normalized(said: Any) -> bool:
    # Written as a flag, or as the source text of a dict, which is looked at and never evaluated.
    if isinstance(said, dict):
        return said.get("norm_obs", True) is not False
    return bool(said) and not re.search(r"norm_obs\W{1,4}False", str(said))
