"""Which agents an experiment runs, in which environments, from which seeds and at which points of a sweep."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

from rltools._util.console import as_text
from rltools.cards.content import content_path
from rltools.errors import ArgumentError, ConfigError, MismatchError, RltoolsError, SimulationError
from rltools.experiments._agent_loading import with_absolute_paths
from rltools.experiments._agents import AgentChoice
from rltools.experiments._elements import file_safe
from rltools.experiments._environments import EnvironmentVariant
from rltools.experiments._load import load_agent
from rltools.experiments._possible import possible_faults
from rltools.experiments._sweep import Point, plan_at, point_text, points_of
from rltools.experiments.cells import OF_AGENTS, Run
from rltools.experiments.file import Experiment
from rltools.experiments.zoo import zoo_agents, zoo_label
from rltools.policies.hub import is_hub
from rltools.recording.folders import folder_name, run_name, short_name
from rltools.rollout.env_check import environment_of


@dataclass(frozen=True)
class Candidate:
    """An agent in an environment from a seed, as an experiment lists it at one or more points.

    Attributes:
        name: what it is called; None for what its model is called.
        source: what `load_policy` loads it from.
        seed: of its first episode.
        variant: the environment; None is the agent's own.
        title: what the environment is called in labels; "" if there is only one.
        group: the name of its group; None if it has none.
        is_zoo: whether it is left out, and not refused, if it cannot do what the experiment wants.
        points: the points at which all that concerns it is the same.
        plan: the experiment at the first of them.
        loading: what else `load_policy` is to know of the agent, as JSON.
    """

    name: str | None
    source: str
    seed: int
    variant: EnvironmentVariant | None
    title: str
    group: str | None
    is_zoo: bool
    points: tuple[Point, ...]
    plan: Experiment
    loading: Mapping[str, Any] = field(default_factory=dict)

    @property
    def place(self) -> tuple[str, str, str]:
        """The agent, how it is loaded, and its environment, as a key."""
        variant = "" if self.variant is None else self.variant.model_dump_json()
        return self.source, variant, json.dumps(self.loading, sort_keys=True)

    @property
    def point(self) -> Point:
        """The values that all of its points have."""
        return _common(self.points)

    @property
    def recording(self) -> str:
        """Everything that its recording depends on, and the ablations beside it, which add up."""
        plan = self.plan
        measured = plan.ablate and plan.ablate.model_dump(include={"seeds", "most", "coalitions", "leave_out"})
        settings = (plan.episodes, plan.max_steps, plan.deterministic, plan.bounds, plan.device, measured)
        return json.dumps([*self.place, self.seed, *settings])


class Expanded(NamedTuple):
    """The runs of an experiment, and what was left out of it, with the reasons."""

    runs: tuple[Run, ...]
    left_out: tuple[str, ...]


def absolute(plan: Experiment) -> Experiment:
    """The same experiment with absolute paths, for processes that work in other folders."""
    agents = tuple(
        agent.model_copy(
            update={
                "model": agent.model and _absolute(agent.model),
                "models": agent.models and tuple(map(_absolute, agent.models)),
            }
        )
        for agent in plan.agents
    )
    return plan.model_copy(update={"agents": agents})


def _absolute(agent: str) -> str:
    return agent if is_hub(agent) or content_path("agents", agent) else str(Path(agent).absolute())


def runs_of(plan: Experiment, path: Path) -> Expanded:
    """The runs of an experiment, each with a label of its own.

    Every agent is loaded in each of its environments, and must be able to do what is wanted there.

    Args:
        plan: the experiment.
        path: of its file, for messages.

    Raises:
        ConfigError: agents do not fit their environments, which may not exist, or do not support what is wanted; all
            faults are listed.
        RltoolsError: an agent cannot be loaded.
    """
    candidates = _candidates(plan)
    names: dict[str, tuple[str, str]] = {}
    faults: list[str] = []
    left_out: dict[tuple[str, str, str], str] = {}
    for place, here in _by_place(candidates).items():
        first = here[0]
        misfit: RltoolsError | None = None
        reasons: list[str] = []
        try:
            for bounds, device in dict.fromkeys((each.plan.bounds, each.plan.device) for each in here):
                policy, env = load_agent(first.source, first.variant, bounds, device, first.loading)
                environment_of(policy, env)
            names[first.source] = (policy.source.name, run_name(first.source, policy))
            plans = {id(candidate.plan): candidate.plan for candidate in here}
            reasons = [fault for each in plans.values() for fault in possible_faults(each, policy)]
        except RltoolsError as error:
            if not first.is_zoo and not isinstance(error, ArgumentError | MismatchError | SimulationError):
                raise
            misfit = error
        if first.is_zoo and (misfit or reasons):
            left_out[place] = f"{first.name}: {misfit or reasons[0]}"
        elif plan.only_fitting and isinstance(misfit, MismatchError):
            left_out[place] = f"{_called(first)}: {misfit}"
        else:
            faults += [f"agents: {_called(first)}: {misfit}"] if misfit else reasons
    fitting = [candidate for candidate in candidates if candidate.place not in left_out]
    faults += _fitting_nowhere(candidates, fitting, left_out)
    if not faults:
        runs = _runs(fitting, names, plan)
        if not (faults := _same_labels(runs)):
            return Expanded(runs, tuple(left_out.values()))
    head = f"{as_text(path)}: these agents cannot do it; nothing was recorded"
    raise ConfigError("\n  ".join([head, *map(as_text, dict.fromkeys(faults))]))


def _same_labels(runs: Sequence[Run]) -> list[str]:
    """The faults of runs whose labels are the same, at least to file systems."""
    labels = Counter((folder_name(run.label).casefold(), run.seed) for run in runs)
    twice = [run.label for run in runs if labels[folder_name(run.label).casefold(), run.seed] > 1]
    return [
        f"agents: two are called {label}, and their results would be mixed up; rename one of them, or leave one out"
        for label in dict.fromkeys(twice)
    ]


def _candidates(plan: Experiment) -> list[Candidate]:
    """All agents in all environments from all seeds; those whose points differ in nothing that concerns them once."""
    merged: dict[str, Candidate] = {}
    for point in points_of(plan.sweep):
        at_point = plan_at(plan, plan.sweep, point)
        rest = at_point.model_dump(mode="json", exclude=set(OF_AGENTS))
        for candidate in _listed(at_point, point):
            settings = [candidate.name, *candidate.place, candidate.title, candidate.seed, candidate.group, rest]
            key = json.dumps(settings, sort_keys=True)
            earlier = merged.get(key, candidate)
            points = (*earlier.points, *candidate.points) if key in merged else candidate.points
            merged[key] = replace(earlier, points=points)
    order: dict[tuple[str | None, str, str], int] = {}
    for each in merged.values():
        order.setdefault((each.name, each.source, each.title), len(order))
    return sorted(merged.values(), key=lambda each: order[each.name, each.source, each.title])


def _listed(plan: Experiment, point: Point) -> Iterator[Candidate]:
    """What an experiment without a sweep lists, agent by agent."""
    shared = plan.environments or (plan.environment,)
    listed: list[tuple[AgentChoice | None, str | None, str]]
    listed = [(agent, *member) for agent in plan.agents for member in agent.members]
    named = {name for _, name, _ in listed} | {source for _, name, source in listed if name is None}
    for folder in zoo_agents() if plan.zoo else ():
        if zoo_label(folder) not in named:
            listed.append((None, zoo_label(folder), str(folder.absolute())))
    for agent, name, source in listed:
        own = agent is not None and agent.environment is not None
        for variant in (agent.environment,) if agent is not None and own else shared:
            title = variant.title if variant is not None and not own and len(shared) > 1 else ""
            group = agent.name if agent is not None and agent.models is not None else None
            for seed in plan.seeds:
                loading = {} if agent is None else with_absolute_paths(agent.loading)
                yield Candidate(name, source, seed, variant, title, group, agent is None, (point,), plan, loading)


def _by_place(candidates: Sequence[Candidate]) -> dict[tuple[str, str, str], list[Candidate]]:
    """The candidates of each agent in each environment."""
    places: dict[tuple[str, str, str], list[Candidate]] = {}
    for candidate in candidates:
        places.setdefault(candidate.place, []).append(candidate)
    return places


def _called(candidate: Candidate) -> str:
    where = "" if candidate.variant is None else f" in {candidate.variant.title}"
    return f"{candidate.name or candidate.source}{where}"


def _fitting_nowhere(
    candidates: Sequence[Candidate], fitting: Sequence[Candidate], left_out: Mapping[tuple[str, str, str], str]
) -> list[str]:
    """The faults of agents that fit none of the environments."""
    somewhere = {candidate.source for candidate in fitting}
    nowhere = dict.fromkeys(each.source for each in candidates if each.source not in somewhere and not each.is_zoo)
    reasons = {source: why for (source, *_), why in left_out.items()}
    return [f"agents: {source} fits none of the environments ({reasons[source]})" for source in nowhere]


def _place_name(candidate: Candidate, others: Sequence[Candidate], names: Mapping[str, tuple[str, str]]) -> str:
    """What an agent is called, and its environment if there are several."""
    name = candidate.name
    if name is None:
        # Its name, or the path and the sha256 of its model if two have the same name.
        name, longer = names[candidate.source]
        unnamed = {other.source for other in others if other.name is None}
        if sum(folder_name(names[source][0]) == folder_name(name) for source in unnamed) > 1:
            name = longer
    return f"{name}@{candidate.title}" if candidate.title else name


def _runs(candidates: Sequence[Candidate], names: Mapping[str, tuple[str, str]], plan: Experiment) -> tuple[Run, ...]:
    """The runs; those whose recordings are the same share one, named by the values that all of them have."""

    def label(candidate: Candidate, point: Point) -> str:
        place = _place_name(candidate, candidates, names)
        return f"{place},{point_text(point, plan.sweep)}" if point else place

    shared: dict[str, list[Candidate]] = {}
    for candidate in candidates:
        shared.setdefault(candidate.recording, []).append(candidate)
    folders: dict[str, str] = {}
    for recording, (first, *others) in shared.items():
        point = _common([first.point, *(other.point for other in others)])
        name = short_name(file_safe(label(first, point)).strip("-.") or "agent")
        folders[recording] = f"{name}-seed-{first.seed}"
    return tuple(
        Run(
            label(candidate, candidate.point),
            candidate.source if candidate.is_zoo else _absolute(candidate.source),
            candidate.seed,
            candidate.variant,
            candidate.group,
            candidate.point,
            folders[candidate.recording],
            candidate.loading,
        )
        for candidate in candidates
    )


def _common(points: Sequence[Point]) -> Point:
    """The keys for which all points have the same value."""
    first, *others = points
    return {key: value for key, value in first.items() if all(other.get(key, ...) == value for other in others)}
