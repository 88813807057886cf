"""Running an experiment."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rltools.analysis import notable, sampled
from rltools.attributions import find_method
from rltools.environments import import_modules
from rltools.errors import ConfigError, TargetError
from rltools.experiment._file import Experiment, experiment_file, read_experiment
from rltools.explanation import explain
from rltools.folders import RUNS, folder_name, run_name
from rltools.loading import load_policy
from rltools.policies._surroundings import with_arguments
from rltools.policy import Policy
from rltools.recording import Recording
from rltools.replaying import replay_episodes
from rltools.reports import write_comparison, write_report
from rltools.rollout import record
from rltools.targets import fitting_target


@dataclass(frozen=True)
class Ran:
    """What an experiment left.

    Attributes:
        page: its `index.html`.
        recordings: by agent and seed.
        findings: a sentence for each agent, seed, method and target, and how well these agree.
    """

    page: Path
    recordings: dict[tuple[str, int], Recording]
    findings: tuple[str, ...]

    def __repr__(self) -> str:
        """How much was run, and where all of it is."""
        runs = ", ".join(f"{agent} from seed {seed}" for agent, seed in self.recordings)
        return f"Ran({runs}; page={str(self.page)!r})"


def run_experiment(
    experiment: str | Path,
    changes: Sequence[str] = (),
    *,
    modules: Sequence[str] = (),
    directory: str | Path | None = None,
    overwrite: bool = False,
    progress: bool = False,
) -> Ran:
    """Run an experiment: record, explain, summarise and draw everything it asks for, into one report.

    The same file gives byte-identical recordings and the same numbers; what is there already is not done again.

    Args:
        experiment: path of its file, or its name in experiments/.
        changes: `key=value` texts that change the file's content.
        modules: to import for environments that they register.
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
    import_modules(modules)
    folder = Path(directory) if directory is not None else RUNS / folder_name(path.stem)
    env = None if plan.environment is None else with_arguments(plan.environment.id, plan.environment.kwargs)
    loaded = {agent: load_policy(agent, env) for agent in dict.fromkeys(plan.agents)}
    _check_possible(plan, path, loaded)
    out = [] if directory is None else ["--out", str(directory)]
    command = shlex.join(["rltools", "run", str(experiment), *changes, *out, *(f"--import={name}" for name in modules)])
    recordings: dict[tuple[str, int], Recording] = {}
    for label, policy in zip(_labels(loaded), loaded.values(), strict=True):
        for seed in plan.seeds:
            recording = record(
                policy,
                env,
                episodes=plan.episodes,
                seed=seed,
                directory=folder / f"{folder_name(label)}-seed-{seed}",
                deterministic=plan.deterministic,
                max_steps=plan.max_steps,
                overwrite=overwrite,
                progress=progress,
            )
            _explain_all(plan, recording, policy, progress=progress)
            shown = [outcome.number for outcome in notable(recording.outcomes())[:1]]
            replay_episodes(recording, shown, env, modules=modules, progress=progress)
            write_report(recording, commands=(command,))
            recordings[label, seed] = recording
    page, findings = write_comparison(folder, plan.description, recordings, commands=(command,))
    return Ran(page, recordings, findings)


def _explain_all(plan: Experiment, recording: Recording, policy: Policy, *, progress: bool) -> None:
    for method in plan.methods:
        references = method.references or plan.references
        parameters: dict[str, Any] = dict(method.parameters)
        every = sampled(recording, policy, method.name, references, parameters)
        for target in (None,) if "decision" in find_method(method.name).needs else plan.targets:
            explain(
                recording,
                policy,
                method=method.name,
                reference=references,
                target=target,
                every=every,
                progress=progress,
                **parameters,
            )


def _labels(loaded: Mapping[str, Policy]) -> list[str]:
    """What each agent is called: its name; the place and the sha256 of its model where two have the same name."""
    names = Counter(folder_name(policy.source.name) for policy in loaded.values())
    return [
        run_name(agent, policy) if names[folder_name(policy.source.name)] > 1 else policy.source.name
        for agent, policy in loaded.items()
    ]


def _check_possible(plan: Experiment, path: Path, loaded: Mapping[str, Policy]) -> None:
    """Ask every agent before anything is recorded, which can take hours.

    Raises:
        ConfigError: all that they cannot do.
    """
    faults = []
    for policy in loaded.values():
        name = policy.source.name
        methods = [find_method(choice.name) for choice in plan.methods]
        # A method about the decision is asked about nothing else: the targets are those of the others.
        scoring = [method for method in methods if "decision" not in method.needs]
        for target in plan.targets if scoring else ():
            try:
                fitting_target(scoring[0].name, scoring[0].needs, target, policy)
            except TargetError as error:
                faults.append(f"targets: {error}")
        for method in (method for method in methods if "decision" in method.needs):
            try:
                fitting_target(method.name, method.needs, None, policy)
            except TargetError as error:
                faults.append(f"methods: {error}")
        for method in methods:
            if method.largest is not None and policy.features.size > method.largest:
                faults.append(
                    f"methods: {method.name} takes up to {method.largest} features, and {name} observes "
                    f"{policy.features.size}; use integrated_gradients instead"
                )
    faults += [
        f"agents: two are called {label}, and their results would be mixed up; rename one of them, or leave one out"
        for label, times in Counter(_labels(loaded)).items()
        if times > 1
    ]
    if faults:
        raise ConfigError("\n  ".join([f"{path}: these agents cannot do it; nothing was recorded", *faults]))
