"""Running an experiment."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

from rltools.analysis import folder_name, notable, sampled
from rltools.attributions import find_method
from rltools.errors import ConfigError, TargetError
from rltools.experiment._file import Experiment, experiment_file, read_experiment
from rltools.explanation import explain
from rltools.loading import load_policy
from rltools.policies._surroundings import with_arguments
from rltools.policy import Policy
from rltools.recording import Recording
from rltools.replaying import replay_episodes
from rltools.reports import write_comparison, write_report
from rltools.rollout import record
from rltools.targets import parse_target


@dataclass(frozen=True)
class Ran:
    """What an experiment left.

    Attributes:
        page: its `index.html`.
        recordings: by agent and seed.
        findings: a sentence for each agent, seed, method and target.
    """

    page: Path
    recordings: dict[tuple[str, int], Recording]
    findings: tuple[str, ...]


def run_experiment(
    experiment: str | Path,
    changes: Sequence[str] = (),
    *,
    directory: str | Path | None = None,
    overwrite: bool = False,
    progress: bool = False,
) -> Ran:
    """Run an experiment: record, explain, summarise and draw everything it asks for, into one report.

    The same file gives byte-identical recordings and the same numbers; what is there already is not done again.

    Args:
        experiment: path of its file, or its name in experiments/.
        changes: `key=value` texts that change the file's content.
        directory: of the results; `runs/<name of the file>` by default.
        overwrite: replace recordings of other settings.
        progress: show progress bars.

    Returns:
        The page and the recordings.

    Raises:
        UnknownNameError: no such file, and no experiment of this name.
        ConfigError: faults of the file, or a target or method that an agent cannot have; all are listed, and nothing
            is recorded.
        RltoolsError: whatever `load_policy`, `record` and `explain` raise.
    """
    path = experiment_file(experiment)
    plan = read_experiment(path, changes)
    folder = Path(directory) if directory is not None else Path("runs") / folder_name(path.stem)
    env = None if plan.environment is None else with_arguments(plan.environment.id, plan.environment.kwargs)
    policies = [load_policy(agent, env) for agent in dict.fromkeys(plan.agents)]
    _check_possible(plan, path, policies)
    command = shlex.join(["rltools", "run", str(experiment), *changes])
    recordings: dict[tuple[str, int], Recording] = {}
    for policy in policies:
        for seed in plan.seeds:
            settings: dict[str, Any] = {
                "episodes": plan.episodes,
                "seed": seed,
                "directory": folder / f"{folder_name(policy.source.name)}-seed-{seed}",
                "deterministic": plan.deterministic,
                "max_steps": plan.max_steps,
                "progress": progress,
            }
            recording = record(policy, env, overwrite=overwrite, **settings)
            for method in plan.methods:
                every = sampled(recording, policy, method.name, method.references)
                parameters: dict[str, Any] = dict(method.parameters)
                for target in plan.targets:
                    explain(
                        recording,
                        policy,
                        method=method.name,
                        reference=method.references,
                        target=target,
                        every=every,
                        progress=progress,
                        **parameters,
                    )
            replay_episodes(recording, policy, env, notable(recording.outcomes())[:1], **settings)
            write_report(recording, commands=(command,))
            recordings[policy.source.name, seed] = recording
    page, findings = write_comparison(folder, plan.description, recordings, commands=(command,))
    return Ran(page, recordings, findings)


def _check_possible(plan: Experiment, path: Path, policies: Sequence[Policy]) -> None:
    """Ask every agent before anything is recorded, which can take hours.

    Raises:
        ConfigError: all that they cannot do.
    """
    faults = []
    for policy in policies:
        name = policy.source.name
        for target in plan.targets:
            try:
                parse_target(target, policy)
            except TargetError as error:
                faults.append(f"targets: {error}")
        for method in map(find_method, (choice.name for choice in plan.methods)):
            if method.largest is not None and policy.features.size > method.largest:
                faults.append(
                    f"methods: {method.name} takes up to {method.largest} features, and {name} observes "
                    f"{policy.features.size}; use integrated_gradients instead"
                )
    for first, second in combinations(policies, 2):
        if folder_name(first.source.name) == folder_name(second.source.name):
            faults.append(
                f"agents: two are called {second.source.name}, and their results would be mixed up; rename one's file"
            )
    if faults:
        raise ConfigError("\n  ".join([f"{path}: these agents cannot do it; nothing was recorded", *faults]))
