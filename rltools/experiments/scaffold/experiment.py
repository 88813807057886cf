"""An experiment file that runs as it is: `rltools new experiment`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Unpack

from ruamel.yaml.comments import CommentedMap

from rltools._util.foreign_files import is_file
from rltools._util.text import plural
from rltools.cards.content import check_name, content_folders, content_path, list_content
from rltools.envs import with_arguments
from rltools.errors import ArgumentError, argument
from rltools.experiments._agents import existing_agent
from rltools.experiments.file import read_experiment
from rltools.experiments.scaffold._yaml import check_new, on_a_line, with_comments, write_yaml
from rltools.explanation.choice import by_variables, default_method
from rltools.policies.base import is_differentiable
from rltools.policies.hub import is_hub
from rltools.policies.load import load_policy
from rltools.policies.load_arguments import LoadArguments
from rltools.recording.attribution import VARIABLES

EPISODES, SEEDS = 10, 8
SHIPPED = "cartpole-ppo"
"""The agent that is taken if there is none."""


def new_experiment(
    title: str,
    agents: Sequence[str] = (),
    env: str | None = None,
    *,
    env_kwargs: Mapping[str, Any] | None = None,
    folder: str | Path = "experiments",
    **loading: Unpack[LoadArguments],
) -> Path:
    """Write an experiment file that compares agents, and runs as it is.

    Args:
        title: the name of the experiment, and of its file, with or without `.yaml`.
        agents: names of agents, paths of models or hf: ids; without any the agent that is called as the experiment is,
            else those in `agents/` of the working directory, or else one that comes with the package.
        env: the id of the environment that all act in; None is each agent's own.
        env_kwargs: arguments of the environment.
        folder: where the file goes; `rltools run NAME` finds it in `experiments/` of the working directory.
        loading: what `load_policy` is to know of the agents; live objects cannot be in a file.

    Returns:
        The path of the file.

    Raises:
        ArgumentError: the name is that of a model, or cannot be the name of a file.
        ConflictError: there is a file already.
        ConfigError: the agents cannot be in one experiment.
        RltoolsError: an agent cannot be loaded.

    Example:
        >>> from rltools.experiments import read_experiment
        >>> from rltools.experiments.scaffold import new_experiment
        >>> read_experiment(new_experiment("poles", ["cartpole-ppo"])).episodes
        10
    """
    title = title.removesuffix(".yaml")
    if is_hub(title) or is_file(title):
        raise ArgumentError(
            f"{title[:100]!r} is a model, and an experiment needs a name of its own; add the model as "
            f"{argument('agent')}"
        )
    check_name("experiments", title)
    sources = list(agents) or _agents_for(title)
    shared = {key: value for key, value in loading.items() if key in ("bounds", "device")}
    options = {key: _plain(value) for key, value in loading.items() if value is not None and key not in shared}
    path = Path(folder) / f"{title}.yaml"
    check_new(path)
    spec = None if env is None else with_arguments(env, env_kwargs or {})
    methods: dict[str, dict[str, Any]] = {}
    for source in sources:
        try:
            existing_agent(source)
        except ValueError as error:
            raise ArgumentError(f"{source!r} {error}") from error
        policy = load_policy(source, spec, **loading)
        best = default_method(policy)
        parameters = {"parameters": {"groups": VARIABLES}} if by_variables(policy, best) else {}
        methods.setdefault(best, {"name": best} | parameters)
        if is_differentiable(policy):
            methods.setdefault("gradient", {"name": "gradient"})
    content = CommentedMap(description=f"What do {' and '.join(map(_short, sources))} look at, and what do they need?")
    content["agents"] = [on_a_line({"model": source} | options) if options else source for source in sources]
    if env is not None or env_kwargs:
        chosen = ({"id": env} if env is not None else {}) | ({"kwargs": dict(env_kwargs)} if env_kwargs else {})
        content["environment"] = on_a_line(chosen)
    content.update(shared)
    rows = [on_a_line(row) if len(row) > 1 else row["name"] for row in methods.values()]
    content["methods"] = with_comments(rows, ["see `rltools list methods`"])
    content["episodes"] = EPISODES
    content["seeds"] = on_a_line([0])
    content["ablate"] = on_a_line({"seeds": SEEDS, "most": 2 * SEEDS})
    content.yaml_add_eol_comment("for each agent and seed", "episodes")
    content.yaml_add_eol_comment("several give several recordings, which tables compare", "seeds")
    content.yaml_add_eol_comment("measures the return without each feature; leave it out to save time", "ablate")
    write_yaml(
        path,
        content,
        (
            f"An experiment with {plural(len(sources), 'agent')}. More keys: environments, targets, references,",
            "groups of trainings, metrics (assess) and sweeps of any key; the help of `rltools run` lists them.",
        ),
    )
    read_experiment(path)
    return path


def _plain(value: Any) -> Any:
    """A value as a file has it."""
    if isinstance(value, Path):
        return str(value)
    return list(value) if isinstance(value, tuple | set | frozenset) else value


def _agents_for(title: str) -> list[str]:
    """The agents that are compared if none are named."""
    if content_path("agents", title):
        return [title]
    own = content_folders("agents")[0]
    return [name for name, path in sorted(list_content("agents").items()) if path.parent == own] or [SHIPPED]


def _short(source: str) -> str:
    return Path(source).stem if "/" in source and not source.startswith("hf:") else source
