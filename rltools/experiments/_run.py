"""Runs an experiment: records and explains all agents and seeds, and writes one report."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rltools._util.console import as_text
from rltools._util.progress import say
from rltools.attributions import find_method
from rltools.envs import Environment, import_modules
from rltools.errors import ConflictError, RltoolsError, argument
from rltools.experiments.analyze import notable
from rltools.experiments.file import (
    Experiment,
    MethodChoice,
    check_possible,
    experiment_file,
    possible_faults,
    read_experiment,
)
from rltools.experiments.measured import Measured, measure, write_measured
from rltools.experiments.zoo import zoo_agents, zoo_label
from rltools.explanation import declared_stride, explain, plan_explaining
from rltools.pages.replay import replay_episodes
from rltools.pages.report import write_comparison, write_report
from rltools.policies.base import Policy
from rltools.policies.env_info import with_arguments
from rltools.policies.load import load_policy
from rltools.recording import Recording
from rltools.recording.folders import RUNS, folder_name, run_name
from rltools.rollout import record
from rltools.rollout.env_check import environment_of


@dataclass(frozen=True)
class ExperimentRun:
    """The results of an experiment.

    Attributes:
        page: the `index.html`.
        recordings: by agent and seed.
        findings: a sentence for each agent, seed, method and target, except for controls; then how well methods, agents
            and seeds agree with each other and with the controls.
        measured: by agent and seed, what the agents need and how metrics judge the attributions; empty if the file asks
            for neither.
        left_out: the agents of a zoo that could not be run, each with the reason.
    """

    page: Path
    recordings: dict[tuple[str, int], Recording]
    findings: tuple[str, ...]
    measured: Mapping[tuple[str, int], Measured] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()

    def __repr__(self) -> str:
        """Agents, seeds and the page."""
        runs = ", ".join(f"{agent} from seed {seed}" for agent, seed in self.recordings)
        return as_text(f"ExperimentRun({runs}; page={str(self.page)!r})")


def run_experiment(
    experiment: str | Path,
    changes: Sequence[str] = (),
    *,
    modules: Sequence[str] = (),
    directory: str | Path | None = None,
    overwrite: bool = False,
    threads: int | None = None,
    progress: bool = False,
) -> ExperimentRun:
    """Run an experiment: record, explain, summarize and plot everything it lists, into one report.

    The same file gives byte-identical recordings and the same numbers; finished parts are not repeated. If a method
    would take more than about a minute on a common machine, an even sample of the steps is explained, the same one on
    every machine.

    Args:
        experiment: path of its file, or its name in experiments/.
        changes: `key=value` texts that change the file's content.
        modules: modules to import because they register environments.
        directory: folder of the results; `runs/<name of the file>` by default.
        overwrite: replace recordings with other settings.
        threads: see `record` and `explain`.
        progress: show progress bars, and before each method how long it will take.

    Returns:
        The page and the recordings.

    Raises:
        UnknownNameError: there is no such file and no experiment of this name.
        ConfigError: the file has faults, or an agent does not support a target or a method; all faults are listed, and
            nothing is recorded.
        RltoolsError: an error of `load_policy`, `record` or `explain`.

    Example:
        >>> import rltools
        >>> from pathlib import Path
        >>> text = "{description: Poles, agents: [cartpole-ppo], methods: [gradient], episodes: 2}"
        >>> characters = Path("poles.yaml").write_text(text)
        >>> results = rltools.run_experiment("poles.yaml", ["max_steps=50"])
        >>> list(results.recordings)
        [('cartpole-ppo', 0)]
    """
    path = experiment_file(experiment)
    plan = read_experiment(path, changes)
    import_modules(modules)
    folder = Path(directory) if directory is not None else RUNS / folder_name(path.stem)
    env = None if plan.environment is None else with_arguments(plan.environment.id, plan.environment.kwargs)
    loaded = {agent: load_policy(agent, env) for agent in dict.fromkeys(plan.agents)}
    labels = _labels(loaded)
    check_possible(plan, path, list(loaded.values()), labels)
    agents = dict(zip(labels, loaded.values(), strict=True))
    from_zoo, left_out = _from_zoo(plan, env)
    agents |= {label: policy for label, policy in from_zoo.items() if label not in agents}
    for reason in left_out:
        say(f"left out: {reason}", show=progress)
    out = [] if directory is None else ["--out", str(directory)]
    options = [*out, *(f"--import={name}" for name in modules)]
    recordings: dict[tuple[str, int], Recording] = {}
    measured: dict[tuple[str, int], Measured] = {}
    for label, policy in agents.items():
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
                threads=threads,
                progress=progress,
            )
            _check_paired(recordings, label, seed, recording)
            recording = _explain_all(plan, recording, policy, threads, progress=progress)
            if plan.reports:
                median = [outcome.number for outcome in notable(recording.readable_outcomes())[:1]]
                replay_episodes(recording, median, env, modules=modules, progress=progress, report=True)
            recordings[label, seed] = recording
            if plan.ablate is not None or plan.assess:
                measured[label, seed] = measure(plan, (label, seed), recording, policy, env, folder, progress=progress)
                write_measured(folder, measured)
    command = _command(experiment, plan, changes, options, recordings.values())
    for recording in recordings.values() if plan.reports else ():
        write_report(recording, commands=(command,), experiment=plan.description)
    page, findings = write_comparison(
        folder,
        plan.description,
        recordings,
        commands=(command,),
        ablations={run: each.ablation for run, each in measured.items() if each.ablation is not None} or None,
        assessments={run: each.assessment for run, each in measured.items() if each.assessment is not None},
        left_out=left_out,
    )
    return ExperimentRun(page, recordings, findings, measured, left_out)


def _from_zoo(plan: Experiment, env: Environment | None) -> tuple[dict[str, Policy], tuple[str, ...]]:
    """The agents of the zoo by their labels, and those that cannot do what the experiment asks, with the reason."""
    agents: dict[str, Policy] = {}
    left_out = []
    for folder in zoo_agents() if plan.zoo else ():
        try:
            policy = load_policy(folder, env)
            environment_of(policy, env)
            faults = possible_faults(plan, policy)
        except RltoolsError as error:
            faults = [str(error)]
        else:
            if not faults:
                agents[zoo_label(folder)] = policy
                continue
        left_out.append(f"{zoo_label(folder)}: {faults[0]}")
    return agents, tuple(left_out)


def _check_paired(done: Mapping[tuple[str, int], Recording], label: str, seed: int, recording: Recording) -> None:
    """Check that agents are compared in the same episodes.

    Raises:
        ConflictError: a folder was recorded when seeds followed another rule.
    """
    for (other, first_seed), earlier in done.items():
        if first_seed == seed and earlier.header.seeds != recording.header.seeds:
            raise ConflictError(
                f"{label} and {other} were not recorded in the same episodes: {recording.directory} has "
                f"{recording.header.seeds} seeds and {earlier.directory} {earlier.header.seeds} ones; record both "
                f"again with {argument('overwrite', True)}"
            )


def _command(
    experiment: str | Path, plan: Experiment, changes: Sequence[str], options: Sequence[str], runs: Iterable[Recording]
) -> str:
    """The command that repeats the experiment, with as many episodes as the largest recording has."""
    most = max(len(recording) for recording in runs)
    if most > plan.episodes:
        changes = [*(change for change in changes if not change.startswith("episodes=")), f"episodes={most}"]
    return shlex.join(["rltools", "run", str(experiment), *changes, *options])


def _explain_all(
    plan: Experiment, recording: Recording, policy: Policy, threads: int | None, *, progress: bool
) -> Recording:
    """Explain a recording with all methods and targets of an experiment."""
    largest_stride = 1
    for choice in compared_methods(plan):
        method = find_method(choice.name)
        references = choice.references or plan.references
        parameters: dict[str, Any] = dict(choice.parameters)
        # A control is the same in every state: it is computed at the steps of the methods that it is compared with.
        every = (
            largest_stride
            if method.control
            else declared_stride(recording, policy, choice.name, references, parameters)
        )
        largest_stride = max(largest_stride, every)
        for target in (None,) if "decision" in method.needs else plan.targets:
            arguments = {"method": choice.name, "references": references, "target": target, "every": every} | parameters
            if progress:
                say(str(plan_explaining(recording, policy, threads=threads, **arguments)), show=True)
            recording = explain(recording, policy, threads=threads, progress=progress, **arguments)
    return recording


def _labels(loaded: Mapping[str, Policy]) -> list[str]:
    """The label of each agent: its name, or the path and the sha256 of its model if two have the same name."""
    names = Counter(folder_name(policy.source.name) for policy in loaded.values())
    return [
        run_name(agent, policy) if names[folder_name(policy.source.name)] > 1 else policy.source.name
        for agent, policy in loaded.items()
    ]


# A fixed list, not every installed control, so that the same file gives the same results everywhere.
CONTROLS = (MethodChoice(name="random"), MethodChoice(name="std", references=256))
"""256 visited states estimate a standard deviation to within a few percent."""
FEWEST_COMPARED = 2


def compared_methods(plan: Experiment) -> tuple[MethodChoice, ...]:
    """The methods of an experiment, followed by its controls.

    With two or more methods that attribute a score, both controls are added unless the file lists them; with
    `controls: false` none are.
    """
    listed = [choice for choice in plan.methods if find_method(choice.name).control]
    own = [choice for choice in plan.methods if choice not in listed]
    scoring = [choice for choice in own if "decision" not in find_method(choice.name).needs]
    added = CONTROLS if plan.controls and len(scoring) >= FEWEST_COMPARED else ()
    names = {choice.name for choice in listed}
    return (*own, *listed, *(choice for choice in added if choice.name not in names))
