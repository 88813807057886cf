"""What an experiment file says about attributions, ablations and assessments."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import AfterValidator, Field, JsonValue, ValidationInfo, field_validator, model_validator

from rltools._util.limits import MAX_EPISODES, MAX_REFERENCES, MAX_SEED, MAX_STEPS, MAX_WINDOW
from rltools._util.text import did_you_mean
from rltools.ablation.replacements import find_replacement
from rltools.attributions import find_method
from rltools.cards import Card, Text, or_text
from rltools.experiments._elements import NOT_EMPTY
from rltools.explanation.views import Units
from rltools.metrics import find_metric
from rltools.recording.attribution import VARIABLES
from rltools.spaces.groups import CARD

References = Annotated[int, Field(ge=1, le=MAX_REFERENCES)]
Seed = Annotated[int, Field(ge=0, le=MAX_SEED)]
Seeds = Annotated[int, Field(ge=2, le=MAX_EPISODES)]
FEATURES = "features"


def _existing_score(target: str) -> str:
    """Check a target as far as possible without an agent; `check_possible` does the rest before recording."""
    from rltools.targets import SCORES

    score = target.partition(":")[0].partition(" - ")[0].partition(" & ")[0].strip()
    if score in SCORES:
        return target
    raise ValueError(f"must begin with a score ({did_you_mean(score, SCORES, count=1, cutoff=0.6)})")


Targets = Annotated[tuple[Annotated[Text, AfterValidator(_existing_score)] | None, ...], Field(strict=False), NOT_EMPTY]
"""Targets as text; None is an agent's default one."""


def _check_groups(groups: Any, *words: str) -> None:
    """Check groups of features as far as possible without an agent.

    Raises:
        ValueError: they are none of the words, and no mapping of names.
    """
    named = isinstance(groups, dict) and all(
        isinstance(members, list) and members and all(isinstance(name, str) and name for name in members)
        for members in groups.values()
    )
    if groups not in words and not (groups and named):
        raise ValueError(f"groups must be {', '.join(words)} or a mapping {{name: [feature, ...]}}, not {groups!r:.80}")


class MethodChoice(Card):
    """A method, and how it explains where that differs from the experiment and from its defaults; see `explain`.

    Attributes:
        name: the name of the method.
        parameters: the parameters of the method, `groups` of features among them.
        references: number of visited states to compare with; None is the number of the experiment.
        targets: what it explains; None is the targets of the experiment.
        window: over how many of the last observations a recurrent policy is explained; 0 is the current one alone.
        units: "network" explains what the network receives where a policy normalizes its observations.
        every: explain every n-th step; None is all of them, or an even sample if they would take about a minute.
        seed: of the draws of visited states and of the method; None is 0.
    """

    name: Text
    parameters: dict[str, JsonValue] = Field(default_factory=dict)
    references: References | None = None
    targets: Targets | None = None
    window: Annotated[int, Field(ge=0, le=MAX_WINDOW)] = 0
    units: Units = "environment"
    every: Annotated[int, Field(ge=1, le=MAX_STEPS)] | None = None
    seed: Seed | None = None

    @field_validator("name")
    @classmethod
    def _check_name(cls, name: str) -> str:
        find_method(name)
        return name

    @field_validator("parameters")
    @classmethod
    def _check_parameters(cls, parameters: dict[str, JsonValue], info: ValidationInfo) -> dict[str, JsonValue]:
        if "name" in info.data:
            settings = find_method(info.data["name"]).settings(parameters)
            if settings.get("groups") is not None:
                _check_groups(settings["groups"], VARIABLES, CARD)
        return parameters

    @field_validator("seed")
    @classmethod
    def _check_seed(cls, seed: int | None, info: ValidationInfo) -> int | None:
        if seed is not None and "seed" in info.data.get("parameters", {}):
            raise ValueError("is among the parameters, too; leave one of them out")
        return seed


Method = Annotated[MethodChoice, or_text("name")]
"""A method by its name, or by a mapping."""


class AblationChoice(Card):
    """What is measured by hiding variables from the agents; the same as the arguments of `rltools.ablate`.

    Attributes:
        replace: the name of the replacement of hidden values.
        second: the name of another replacement that is measured at a few seeds; None for none.
        seeds: number of paired episodes for each variable.
        most: the largest number of seeds for those that may be needed most.
        groups: what is hidden together: "variables", "features", "card", or `{name: [feature, ...]}`.
        coalitions: also measure sets of variables: outcome Shapley values, interactions and curves.
        leave_out: also find the largest set that can be left out for less than this part of the return, and certify it;
            true is 0.05.
        seed: from which the seeds of the episodes are derived.
    """

    replace: Text = "resample"
    second: Text | None = "mean"
    seeds: Seeds = 16
    most: Seeds = 128
    groups: Text | dict[str, list[Text]] = VARIABLES
    coalitions: bool = False
    leave_out: bool | float = False
    seed: Seed = 0

    @field_validator("replace", "second")
    @classmethod
    def _check_replacement(cls, name: str | None) -> str | None:
        if name is not None:
            find_replacement(name)
        return name

    @field_validator("groups", mode="before")
    @classmethod
    def _check_groups(cls, groups: Any) -> Any:
        _check_groups(groups, VARIABLES, FEATURES, CARD)
        return groups

    @field_validator("leave_out", mode="before")
    @classmethod
    def _check_leave_out(cls, part: Any) -> Any:
        if isinstance(part, bool) or (isinstance(part, float) and 0 < part < 1):
            return part
        raise ValueError("must be true or false, or a part of the return between 0 and 1")

    @model_validator(mode="after")
    def _most_after_seeds(self) -> Self:
        if self.most < self.seeds:
            raise ValueError(f"most is {self.most}, and seeds is {self.seeds}; most must be at least as large")
        if self.second == self.replace:
            raise ValueError(f"second is {self.second}, as replace is; name another replacement, or null for none")
        return self


def _existing_metric(name: str) -> str:
    find_metric(name)
    return name


class AssessmentChoice(Card):
    """By which metrics the attributions are judged; the same as the arguments of `rltools.assess`.

    Attributes:
        metrics: their names.
        steps: about how many recorded steps a metric explains again; None is its default.
        seed: of everything that is drawn.
    """

    metrics: Annotated[tuple[Annotated[Text, AfterValidator(_existing_metric)], ...], Field(strict=False), NOT_EMPTY]
    steps: Annotated[int, Field(ge=1, le=MAX_STEPS)] | None = None
    seed: Seed = 0


def assessment_from_metrics(assessment: Any) -> Any:
    """A mapping with metrics, if only these were written; None for no metrics."""
    return ({"metrics": assessment} if assessment else None) if isinstance(assessment, list) else assessment
