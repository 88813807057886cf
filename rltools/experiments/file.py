"""An experiment file: what it may say, and reading it."""

from __future__ import annotations

import difflib
import inspect
import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, JsonValue, ValidationInfo, field_validator

from rltools._util.console import as_text
from rltools._util.foreign_files import is_file, is_there
from rltools._util.limits import MAX_EPISODES, MAX_REFERENCES, MAX_SEED, MAX_STEPS
from rltools._util.yaml import MAX_DEPTH, parse_yaml, read_yaml, validate
from rltools.attributions import find_method
from rltools.cards import Card, EnvironmentChoice, Text
from rltools.cards.content import MAX_NAME, content_path, find_content, list_content
from rltools.errors import ArgumentError, ConfigError, TargetError, UnknownNameError
from rltools.explanation.spec import SUMMARY, with_groups
from rltools.policies.base import Policy
from rltools.recording import as_path
from rltools.targets import fitting_target

MAX_ENTRIES = 200
"""Of a list in an experiment file."""
References = Annotated[int, Field(ge=1, le=MAX_REFERENCES)]


class MethodChoice(Card):
    """A method, and its parameters where they are not its defaults.

    Attributes:
        parameters: of the method.
        references: how many visited states features are compared with; None is what the experiment says.
    """

    name: Text
    parameters: dict[str, JsonValue] = Field(default_factory=dict)
    references: References | None = None

    @field_validator("name")
    @classmethod
    def _there(cls, name: str) -> str:
        from rltools.attributions import find_method

        find_method(name)
        return name

    @field_validator("parameters")
    @classmethod
    def _taken(cls, parameters: dict[str, JsonValue], info: ValidationInfo) -> dict[str, JsonValue]:
        from rltools.attributions import find_method

        if "name" in info.data:
            find_method(info.data["name"]).settings(parameters)
        return parameters


def _named(method: Any) -> Any:
    return {"name": method} if isinstance(method, str) else method


def _placed(environment: Any) -> Any:
    return {"id": environment} if isinstance(environment, str) else environment


def _there(agent: str) -> str:
    if content_path("agents", agent) or is_there(agent) or is_there(f"{agent}.zip"):
        return agent
    near = _near(agent, list_content("agents"))
    raise ValueError(f"must be the name of an agent or the path of a model ({near})")


def _scored(target: str) -> str:
    """Only what needs no agent; before anything is recorded the agents themselves are asked."""
    from rltools.targets import SCORES

    score = target.partition(":")[0].partition(" - ")[0].partition(" & ")[0].strip()
    if score in SCORES:
        return target
    raise ValueError(f"must begin with a score ({_near(score, SCORES)})")


def _near(name: str, known: Collection[str]) -> str:
    near = difflib.get_close_matches(name[:MAX_NAME], known, n=1)
    return f"did you mean {near[0]}?" if near else f"there are {', '.join(sorted(known)) or 'none'}"


def _some(entries: tuple[Any, ...]) -> tuple[Any, ...]:
    if not entries:
        raise ValueError("must have at least one entry")
    if len(entries) > MAX_ENTRIES:
        raise ValueError(f"must have at most {MAX_ENTRIES} entries, and has {len(entries):,}")
    return entries


# Not `min_length`, which also counts entries that were refused, and then complains twice.
SOME = AfterValidator(_some)


class Experiment(Card):
    """Agents x methods x targets x seeds in one environment.

    Attributes:
        description: what is asked, one line.
        agents: names, or paths of models; a path is read from the working directory.
        environment: an id, or a mapping of id and kwargs; by default each agent's own.
        methods: names, or mappings of name, parameters and references.
        controls: beside two methods or more of a score, explain by the controls too, which know nothing of the agent.
        targets: as text, for instance [centered:chosen]; null, as by default, is each agent's own default.
        episodes: of each agent and seed.
        seeds: of the first episodes; no two of them share an episode, and all agents have the same ones.
        references: how many visited states features are compared with, where a method does not say; by default 8.
        max_steps: of an episode; by default the environment's own limit.
        deterministic: the policy's best action, or one drawn from its distribution.
    """

    description: Text
    agents: Annotated[tuple[Annotated[Text, AfterValidator(_there)], ...], Field(strict=False), SOME]
    environment: Annotated[EnvironmentChoice | None, BeforeValidator(_placed)] = None
    methods: Annotated[tuple[Annotated[MethodChoice, BeforeValidator(_named)], ...], Field(strict=False), SOME]
    controls: bool = True
    targets: Annotated[tuple[Annotated[Text, AfterValidator(_scored)] | None, ...], Field(strict=False), SOME] = (None,)
    episodes: Annotated[int, Field(ge=1, le=MAX_EPISODES)] = 20
    seeds: Annotated[tuple[Annotated[int, Field(ge=0, le=MAX_SEED)], ...], Field(strict=False), SOME] = (0,)
    references: References | None = None
    max_steps: Annotated[int, Field(ge=1, le=MAX_STEPS)] | None = None
    deterministic: bool = True

    @field_validator("seeds")
    @classmethod
    def _different(cls, seeds: tuple[int, ...]) -> tuple[int, ...]:
        twice = sorted({seed for seed in seeds if seeds.count(seed) > 1})
        if twice:
            raise ValueError(f"seed {twice[0]} is given twice, and gives the same episodes; leave one of them out")
        return seeds


def keys() -> list[tuple[str, str]]:
    """The keys an experiment file takes, each with what it means and its default, as the class above says it."""
    text = inspect.getdoc(Experiment) or ""
    entries = re.findall(r"^    (\w+): (.+)$", text.partition("Attributes:")[2], re.MULTILINE)
    said = dict(entries)
    rows = []
    for name, field in Experiment.model_fields.items():
        default = field.get_default()
        shown = str(list(default) if isinstance(default, tuple) else default).lower()
        ending = " (required)" if field.is_required() else "" if "none" in shown else f" (default {shown})"
        rows.append((name, f"{said[name].rstrip('.')}{ending}"))
    return rows


def experiment_file(experiment: str | Path) -> Path:
    """Where an experiment's file is; `experiments/NAME.yaml` is also found where no such folder is.

    Raises:
        UnknownNameError: nowhere.
    """
    path = as_path(experiment, "an experiment")
    named = str(experiment) == path.name or path.parent == Path("experiments")
    if is_file(path) or not named:
        return path
    return find_content("experiments", path.stem if path.suffix == ".yaml" else path.name)


def read_experiment(path: str | Path, changes: Sequence[str] = ()) -> Experiment:
    """An experiment file, changed by `key=value` texts.

    Raises:
        ConfigError: faults; all of them are listed.
    """
    place = Path(path)
    return validate(Experiment, changed(read_yaml(place), changes), place)


def changed(content: dict[str, Any], changes: Sequence[str]) -> dict[str, Any]:
    """`content` with `key=value` or `key.inner=value` put in; values are YAML: numbers, texts, lists.

    Raises:
        ConfigError: a text without `=`, a key twice, or a value that is no YAML.
    """
    given: set[str] = set()
    for change in changes:
        key, equals, value = change.partition("=")
        said = repr(change if len(change) <= MAX_NAME else f"{change[:MAX_NAME]}...")
        if not equals or not key:
            raise ConfigError(f"{said} is not a change; write key=value, for instance episodes=5")
        if key in given:
            raise ConfigError(f"{key[:MAX_NAME]} is changed twice; leave {said} or the other one out")
        given.add(key)
        *outer, last = key.split(".", maxsplit=MAX_DEPTH)
        place = content
        for name in outer:
            place = place.setdefault(name, {})
            if not isinstance(place, dict):
                raise ConfigError(f"{said}: {name[:MAX_NAME]} holds {place!r:.200}, which has no keys")
        place[last] = parse_yaml(f"value: {value}", f"the change {said}")["value"]
    return content


def check_possible(plan: Experiment, path: Path, policies: Sequence[Policy], labels: Sequence[str]) -> None:
    """Ask every agent before anything is recorded, which can take hours.

    Args:
        plan: what is asked.
        path: of its file, for the message.
        policies: of the agents.
        labels: what these are called.

    Raises:
        ConfigError: all that they cannot do.
    """
    faults = [fault for policy in policies for fault in _faults(plan, policy)]
    faults += [
        f"agents: two are called {label}, and their results would be mixed up; rename one of them, or leave one out"
        for label, times in Counter(labels).items()
        if times > 1
    ]
    if faults:
        head = f"{as_text(path)}: these agents cannot do it; nothing was recorded"
        raise ConfigError("\n  ".join([head, *map(as_text, faults)]))


def _faults(plan: Experiment, policy: Policy) -> Iterator[str]:
    methods = [find_method(choice.name) for choice in plan.methods]
    # A method about the decision is asked about nothing else: the targets are those of the others.
    scoring = [method for method in methods if "decision" not in method.needs]
    for target in plan.targets if scoring else ():
        try:
            fitting_target(scoring[0].name, scoring[0].needs, target, policy)
        except TargetError as error:
            yield f"targets: {error}"
    for method in (method for method in methods if "decision" in method.needs):
        try:
            fitting_target(method.name, method.needs, None, policy)
        except TargetError as error:
            yield f"methods: {error}"
    for choice in plan.methods:
        if fault := _too_many(choice, policy):
            yield f"methods: {fault}"


def _too_many(choice: MethodChoice, policy: Policy) -> str:
    """Why a method cannot take what an agent observes, in the groups asked for; "" if it can."""
    method, features = find_method(choice.name), policy.features
    try:
        settings = with_groups(method, method.settings(choice.parameters), features)
    except (ArgumentError, UnknownNameError) as error:
        return f"{method.name} of {policy.source.name}: {error}"
    players = method.count_parts(features.shape, features.dims, settings)
    if method.largest is None or players <= method.largest:
        return ""
    there = len(features.groups(merged=True))
    fewer = f"{{groups: {SUMMARY}}}, which are {there}" if there <= method.largest else "groups of features"
    grouped = f", or its parameters to {fewer}" if "groups" in method.defaults else ""
    return (
        f"{method.name} takes up to {method.largest} features, and {policy.source.name} observes {players}; set the "
        f"method to sampled_shapley or integrated_gradients, which take any number{grouped}"
    )
