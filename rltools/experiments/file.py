"""What an experiment file may say, and reading one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BeforeValidator, Field, JsonValue, field_validator, model_validator

from rltools._util.foreign_files import is_file
from rltools._util.limits import MAX_EPISODES, MAX_SEED, MAX_STEPS
from rltools._util.yaml import faults_error, read_yaml, validate
from rltools.cards import Card, Text, or_text
from rltools.cards.content import find_content
from rltools.experiments._agents import AgentChoice
from rltools.experiments._changes import changed
from rltools.experiments._elements import NOT_EMPTY, check_most
from rltools.experiments._environments import EnvironmentVariant
from rltools.experiments._methods import (
    AblationChoice,
    AssessmentChoice,
    Method,
    MethodChoice,
    References,
    Targets,
    assessment_from_metrics,
)
from rltools.experiments._sweep import named_values, sweep_faults
from rltools.experiments.zoo import ZOO
from rltools.policies.bounds import Bounds
from rltools.recording import as_path

__all__ = [
    "AblationChoice",
    "AgentChoice",
    "AssessmentChoice",
    "Experiment",
    "MethodChoice",
    "experiment_file",
    "keys",
    "read_experiment",
]


class Experiment(Card):
    """Agents x environments x methods x targets x seeds; the description of a field is its line of help."""

    description: Annotated[Text, Field(description="the question that the experiment asks, in one line")]
    agents: Annotated[
        tuple[Annotated[AgentChoice, or_text("model")], ...],
        Field(
            strict=False,
            description="names, hf: ids, or paths of models relative to the working directory; or mappings of name, "
            "model, environment and what rltools.load_policy takes: normalize, names, layout, activation and others; a "
            "mapping of name and models, in which * stands for anything, is a group of trainings of one algorithm",
        ),
        NOT_EMPTY,
    ]
    environment: Annotated[
        EnvironmentVariant | None,
        or_text("id"),
        Field(
            description="of all agents that name none: an id, or a mapping of id, kwargs and wrappers, without an id "
            "each agent's own with these kwargs; by default each agent's own"
        ),
    ] = None
    environments: Annotated[
        tuple[Annotated[EnvironmentVariant, or_text("id")], ...],
        Field(strict=False, description="several such environments, which may have names; each agent acts in each"),
        AfterValidator(check_most),
    ] = ()
    only_fitting: Annotated[
        bool,
        Field(description="leave out agents in environments that have other spaces, instead of refusing the file"),
    ] = False
    device: Annotated[
        str | None, Field(description="where the networks compute, for instance cuda; the processor by default")
    ] = None
    bounds: Annotated[
        Bounds, Field(description="any accepts environments whose bounds differ from those of the training")
    ] = "same"
    methods: Annotated[
        tuple[Method, ...],
        Field(
            strict=False,
            description="names, or mappings of name, parameters (groups of features among them), references, targets, "
            "window, units, every and seed as in rltools.explain",
        ),
        NOT_EMPTY,
    ]
    controls: Annotated[
        bool,
        Field(description="with two or more methods of a score, add the controls, which know nothing about the agent"),
    ] = True
    targets: Annotated[
        Targets,
        Field(description="as text, for instance [centered:chosen]; null, the default, is each agent's default target"),
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
        Field(description="number of visited states to compare with, unless a method sets its own; by default 32"),
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
            description="measure what the agents need: replace, second, seeds, most, groups, coalitions, leave_out and "
            "seed as in rltools.ablate, {} for its defaults; by default nothing is measured"
        ),
    ] = None
    assess: Annotated[
        AssessmentChoice | None,
        BeforeValidator(assessment_from_metrics),
        Field(
            description="metrics that judge the attributions, or a mapping of metrics, steps and seed as in "
            "rltools.assess; by default nothing is judged"
        ),
    ] = None
    sweep: Annotated[
        dict[str, Annotated[dict[str, JsonValue], BeforeValidator(named_values)]],
        Field(
            description="keys with several values, {references: [8, 32]}, or with named ones, {ablate: {few: {seeds: "
            "4}}}; a key leads inwards with dots, by positions or names; everything is done at each combination"
        ),
    ] = Field(default_factory=dict)
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

    @field_validator("agents")
    @classmethod
    def _check_agents(cls, agents: tuple[AgentChoice, ...]) -> tuple[AgentChoice, ...]:
        for position, agent in enumerate(agents):
            if agent in agents[:position]:
                raise ValueError(f"{agent.name or agent.model} is given twice; leave one of them out")
        names = [agent.name for agent in agents if agent.name is not None]
        if repeated := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"two are called {repeated[0]}; give them different names")
        return agents

    @field_validator("environments")
    @classmethod
    def _check_environments(cls, environments: tuple[EnvironmentVariant, ...]) -> tuple[EnvironmentVariant, ...]:
        titles = [each.title for each in environments]
        if repeated := sorted({title for title in titles if titles.count(title) > 1}):
            raise ValueError(f"two are called {repeated[0]}; give them different names")
        return environments

    @model_validator(mode="after")
    def _one_environment_or_several(self) -> Self:
        if self.environment is not None and self.environments:
            raise ValueError("environment and environments are both given; put all of them into environments")
        return self


def keys() -> list[tuple[str, str]]:
    """The keys of an experiment file, each with its description and its default."""
    rows = []
    for name, field in Experiment.model_fields.items():
        default = field.get_default(call_default_factory=True, validated_data={})
        value = str(list(default) if isinstance(default, tuple) else default).lower()
        plain = default in (None, (), {}, (None,))
        ending = " (required)" if field.is_required() else "" if plain else f" (default {value})"
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

    Args:
        path: of the file.
        changes: values are YAML; a key leads inwards with dots, through lists by position or by name:
            `agents.0.environment.kwargs.gravity=-12`, `methods.shapley.references=32`.

    Raises:
        ConfigError: lists all faults of the file and of the changes.

    Example:
        >>> from pathlib import Path
        >>> from rltools.experiments import read_experiment
        >>> characters = Path("poles.yaml").write_text("{description: Poles, agents: [cartpole-ppo], methods: [std]}")
        >>> read_experiment("poles.yaml", ["methods.std.references=64", "episodes=5"]).methods[0].references
        64
        >>> read_experiment("poles.yaml", ["episodse=5"])
        Traceback (most recent call last):
            ...
        rltools.errors.ConfigError: poles.yaml: episodse: unknown key; did you mean 'episodes'?
    """
    file = Path(path)
    content: dict[str, Any] = read_yaml(file)
    plan = validate(Experiment, content, file, changed(content, changes))
    if faults := sweep_faults(plan, plan.sweep):
        raise faults_error(file, faults)
    return plan
