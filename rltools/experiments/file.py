"""Defines, reads, changes and checks experiment files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    JsonValue,
    ValidationInfo,
    field_validator,
    model_validator,
)

from rltools._util.console import as_text
from rltools._util.foreign_files import is_file, path_exists
from rltools._util.limits import MAX_EPISODES, MAX_REFERENCES, MAX_SEED, MAX_STEPS
from rltools._util.text import did_you_mean
from rltools._util.yaml import MAX_DEPTH, parse_yaml, read_yaml, validate
from rltools.ablation.replacements import find_replacement
from rltools.attributions import find_method
from rltools.cards import Card, EnvironmentChoice, Text
from rltools.cards.content import MAX_NAME, content_path, find_content, list_content
from rltools.errors import ArgumentError, ConfigError, TargetError, UnknownNameError
from rltools.experiments.zoo import ZOO
from rltools.explanation.spec import decodes, with_groups
from rltools.metrics import find_metric
from rltools.policies.base import Policy
from rltools.recording import as_path
from rltools.recording.attribution import VARIABLES
from rltools.targets import fitting_target

MAX_ENTRIES = 200
"""The most elements of a list in an experiment file."""
References = Annotated[int, Field(ge=1, le=MAX_REFERENCES)]
Seeds = Annotated[int, Field(ge=2, le=MAX_EPISODES)]


class MethodChoice(Card):
    """A method, with parameters that differ from its defaults.

    Attributes:
        name: the name of the method.
        parameters: the parameters of the method.
        references: number of visited states to compare with; None is the number of the experiment.
    """

    name: Text
    parameters: dict[str, JsonValue] = Field(default_factory=dict)
    references: References | None = None

    @field_validator("name")
    @classmethod
    def _check_name(cls, name: str) -> str:
        find_method(name)
        return name

    @field_validator("parameters")
    @classmethod
    def _check_parameters(cls, parameters: dict[str, JsonValue], info: ValidationInfo) -> dict[str, JsonValue]:
        if "name" in info.data:
            find_method(info.data["name"]).settings(parameters)
        return parameters


def _method_from_name(method: Any) -> Any:
    return {"name": method} if isinstance(method, str) else method


class AblationChoice(Card):
    """What is measured by hiding variables from the agents; the same as the arguments of `rltools.ablate`.

    Attributes:
        replace: the name of the replacement of hidden values.
        second: the name of another replacement that is measured at a few seeds; None for none.
        seeds: number of paired episodes for each variable.
        most: the largest number of seeds for those that may be needed most.
        coalitions: also measure sets of variables: outcome Shapley values, interactions and curves.
        leave_out: also find the largest set that can be left out, and certify it.
    """

    replace: Text = "resample"
    second: Text | None = "mean"
    seeds: Seeds = 16
    most: Seeds = 128
    coalitions: bool = False
    leave_out: bool = False

    @field_validator("replace", "second")
    @classmethod
    def _check_replacement(cls, name: str | None) -> str | None:
        if name is not None:
            find_replacement(name)
        return name

    @model_validator(mode="after")
    def _most_after_seeds(self) -> Self:
        if self.most < self.seeds:
            raise ValueError(f"most is {self.most}, and seeds is {self.seeds}; most must be at least as large")
        if self.second == self.replace:
            raise ValueError(f"second is {self.second}, as replace is; name another replacement, or null for none")
        return self


def _environment_from_id(environment: Any) -> Any:
    return {"id": environment} if isinstance(environment, str) else environment


def _existing_agent(agent: str) -> str:
    if content_path("agents", agent) or path_exists(agent) or path_exists(f"{agent}.zip"):
        return agent
    hint = did_you_mean(agent, list_content("agents"), count=1, cutoff=0.6)
    raise ValueError(f"must be the name of an agent or the path of a model ({hint})")


def _existing_score(target: str) -> str:
    """Check a target as far as possible without an agent; `check_possible` does the rest before recording."""
    from rltools.targets import SCORES

    score = target.partition(":")[0].partition(" - ")[0].partition(" & ")[0].strip()
    if score in SCORES:
        return target
    raise ValueError(f"must begin with a score ({did_you_mean(score, SCORES, count=1, cutoff=0.6)})")


def _existing_metric(name: str) -> str:
    find_metric(name)
    return name


def _check_length(elements: tuple[Any, ...]) -> tuple[Any, ...]:
    if not elements:
        raise ValueError("must have at least one element")
    return _check_most(elements)


def _check_most(elements: tuple[Any, ...]) -> tuple[Any, ...]:
    if len(elements) > MAX_ENTRIES:
        raise ValueError(f"must have at most {MAX_ENTRIES} elements, and has {len(elements):,}")
    return elements


# Not `min_length`: it counts refused elements, too, and then reports a second fault.
NOT_EMPTY = AfterValidator(_check_length)


class Experiment(Card):
    """Agents x methods x targets x seeds in one environment; the description of a field is its line of help."""

    description: Annotated[Text, Field(description="the question that the experiment asks, in one line")]
    agents: Annotated[
        tuple[Annotated[Text, AfterValidator(_existing_agent)], ...],
        Field(strict=False, description="names, or paths of models relative to the working directory"),
        NOT_EMPTY,
    ]
    environment: Annotated[
        EnvironmentChoice | None,
        BeforeValidator(_environment_from_id),
        Field(description="an id, or a mapping of id and kwargs; by default each agent's own"),
    ] = None
    methods: Annotated[
        tuple[Annotated[MethodChoice, BeforeValidator(_method_from_name)], ...],
        Field(strict=False, description="names, or mappings of name, parameters and references"),
        NOT_EMPTY,
    ]
    controls: Annotated[
        bool,
        Field(description="with two or more methods of a score, add the controls, which know nothing about the agent"),
    ] = True
    targets: Annotated[
        tuple[Annotated[Text, AfterValidator(_existing_score)] | None, ...],
        Field(
            strict=False,
            description="as text, for instance [centered:chosen]; null, the default, is each agent's default target",
        ),
        NOT_EMPTY,
    ] = (None,)
    episodes: Annotated[int, Field(ge=1, le=MAX_EPISODES, description="number for each agent and seed")] = 20
    seeds: Annotated[
        tuple[Annotated[int, Field(ge=0, le=MAX_SEED)], ...],
        Field(
            strict=False,
            description="of the first episodes; no two of them share an episode, and they are the same for all agents",
        ),
        NOT_EMPTY,
    ] = (0,)
    references: Annotated[
        References | None,
        Field(description="number of visited states to compare with, unless a method sets its own; by default 8"),
    ] = None
    max_steps: Annotated[
        Annotated[int, Field(ge=1, le=MAX_STEPS)] | None,
        Field(description="of an episode; by default the environment's own limit"),
    ] = None
    deterministic: Annotated[
        bool, Field(description="take the policy's best action, not one drawn from its distribution")
    ] = True

    ablate: Annotated[
        AblationChoice | None,
        Field(
            description="measure what the agents need: replace, second, seeds, most, coalitions and leave_out as in "
            "rltools.ablate, {} for its defaults; by default nothing is measured"
        ),
    ] = None
    assess: Annotated[
        tuple[Annotated[Text, AfterValidator(_existing_metric)], ...],
        Field(strict=False, description="metrics that judge the attributions; by default none"),
        AfterValidator(_check_most),
    ] = ()
    reports: Annotated[
        bool, Field(description="write a page for each run, with plots and a replay of its median episode")
    ] = True
    zoo: Annotated[
        bool,
        Field(
            description=f"also run the agents of the rl-baselines3-zoo folder that the environment variable {ZOO} "
            "names, if it is set; those that cannot be run are left out and named"
        ),
    ] = False

    @field_validator("seeds")
    @classmethod
    def _check_seeds(cls, seeds: tuple[int, ...]) -> tuple[int, ...]:
        repeated = sorted({seed for seed in seeds if seeds.count(seed) > 1})
        if repeated:
            raise ValueError(f"seed {repeated[0]} is given twice, and gives the same episodes; leave one of them out")
        return seeds


def keys() -> list[tuple[str, str]]:
    """The keys of an experiment file, each with its description and its default."""
    rows = []
    for name, field in Experiment.model_fields.items():
        default = field.get_default()
        value = str(list(default) if isinstance(default, tuple) else default).lower()
        ending = " (required)" if field.is_required() else "" if "none" in value else f" (default {value})"
        rows.append((name, f"{field.description}{ending}"))
    return rows


def experiment_file(experiment: str | Path) -> Path:
    """The path of an experiment's file, from its path or its name; those of the package need no folder experiments/.

    Raises:
        UnknownNameError: there is no experiment of this name.
    """
    path = as_path(experiment, "an experiment")
    is_name = str(experiment) == path.name or path.parent == Path("experiments")
    if is_file(path) or not is_name:
        return path
    return find_content("experiments", path.stem if path.suffix == ".yaml" else path.name)


def read_experiment(path: str | Path, changes: Sequence[str] = ()) -> Experiment:
    """Read an experiment file, changed by `key=value` texts.

    Raises:
        ConfigError: lists all faults of the file.
    """
    file = Path(path)
    return validate(Experiment, changed(read_yaml(file), changes), file)


def changed(content: dict[str, Any], changes: Sequence[str]) -> dict[str, Any]:
    """Set keys of `content` from texts `key=value` or `key.inner=value`; values are YAML: numbers, texts, lists.

    Raises:
        ConfigError: a text without `=`, a repeated key, or a value that is not YAML.
    """
    changed_keys: set[str] = set()
    for change in changes:
        key, equals, value = change.partition("=")
        quoted = repr(change if len(change) <= MAX_NAME else f"{change[:MAX_NAME]}...")
        if not equals or not key:
            raise ConfigError(f"{quoted} is not a change; write key=value, for instance episodes=5")
        if key in changed_keys:
            raise ConfigError(f"{key[:MAX_NAME]} is changed twice; leave {quoted} or the other one out")
        changed_keys.add(key)
        *outer, last = key.split(".", maxsplit=MAX_DEPTH)
        mapping = content
        for name in outer:
            mapping = mapping.setdefault(name, {})
            if not isinstance(mapping, dict):
                raise ConfigError(f"{quoted}: {name[:MAX_NAME]} holds {mapping!r:.200}, which has no keys")
        mapping[last] = parse_yaml(f"value: {value}", f"the change {quoted}")["value"]
    return content


def check_possible(plan: Experiment, path: Path, policies: Sequence[Policy], labels: Sequence[str]) -> None:
    """Check that every agent supports an experiment, before recording, which can take hours.

    Args:
        plan: the experiment.
        path: the path of its file, for the message.
        policies: the agents.
        labels: names of the agents in the report.

    Raises:
        ConfigError: lists all targets and methods that an agent does not support.
    """
    faults = [fault for policy in policies for fault in possible_faults(plan, policy)]
    faults += [
        f"agents: two are called {label}, and their results would be mixed up; rename one of them, or leave one out"
        for label, times in Counter(labels).items()
        if times > 1
    ]
    if faults:
        head = f"{as_text(path)}: these agents cannot do it; nothing was recorded"
        raise ConfigError("\n  ".join([head, *map(as_text, faults)]))


def possible_faults(plan: Experiment, policy: Policy) -> list[str]:
    """The targets and methods of an experiment that an agent does not support, each with the reason."""
    return list(_faults(plan, policy))


def _faults(plan: Experiment, policy: Policy) -> Iterator[str]:
    methods = [find_method(choice.name) for choice in plan.methods]
    # A method about the decision has no other target: the targets are those of the other methods.
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
    """Why a method cannot take the features of an agent, grouped by its parameters; "" if it can."""
    method, features = find_method(choice.name), policy.features
    try:
        settings = method.settings(choice.parameters)
        features = features.decoded if decodes(method, settings, features) else features
        settings = with_groups(method, settings, features)
    except (ArgumentError, UnknownNameError) as error:
        return f"{method.name} of {policy.source.name}: {error}"
    players = method.count_parts(features.shape, features.dims, settings)
    if method.largest is None or players <= method.largest:
        return ""
    n_groups = len(features.decoded.variables())
    fewer = f"{{groups: {VARIABLES}}}, which are {n_groups}" if n_groups <= method.largest else "groups of features"
    grouped = f", or its parameters to {fewer}" if "groups" in method.defaults else ""
    return (
        f"{method.name} takes up to {method.largest} features, and {policy.source.name} observes {players}; set the "
        f"method to sampled_shapley or integrated_gradients, which take any number{grouped}"
    )
