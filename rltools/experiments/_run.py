"""Running an experiment."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rltools._util.console import as_text
from rltools._util.progress import say
from rltools.attributions import find_method
from rltools.envs import import_modules
from rltools.errors import ConflictError, argument
from rltools.experiments.analyze import notable
from rltools.experiments.file import Experiment, MethodChoice, check_possible, experiment_file, read_experiment
from rltools.explanation import declared_stride, explain, plan_explaining
from rltools.pages.replay import replay_episodes
from rltools.pages.report import write_comparison, write_report
from rltools.policies.base import Policy
from rltools.policies.env_info import with_arguments
from rltools.policies.load import load_policy
from rltools.recording import Recording
from rltools.recording.folders import RUNS, folder_name, run_name
from rltools.rollout import record


@dataclass(frozen=True)
class ExperimentRun:
    """What an experiment left.

    Attributes:
        page: its `index.html`.
        recordings: by agent and seed.
        findings: a sentence for each agent, seed, method and target, but for controls; then how well these agree, and
            the methods with the controls.
    """

    page: Path
    recordings: dict[tuple[str, int], Recording]
    findings: tuple[str, ...]

    def __repr__(self) -> str:
        """How much was run, and where all of it is."""
        runs = ", ".join(f"{agent} from seed {seed}" for agent, seed in self.recordings)
        return as_text(f"Ran({runs}; page={str(self.page)!r})")


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
    """Run an experiment: record, explain, summarize and draw everything it asks for, into one report.

    The same file gives byte-identical recordings and the same numbers; what is there already is not done again. Where a
    method would take more than about a minute on a common machine, an even sample of the steps is explained, the same
    on every machine.

    Args:
        experiment: path of its file, or its name in experiments/.
        changes: `key=value` texts that change the file's content.
        modules: to import for environments that they register.
        directory: of the results; `runs/<name of the file>` by default.
        overwrite: replace recordings of other settings.
        threads: as for `record` and `explain`.
        progress: show progress bars, and before each method how long it will take.

    Returns:
        The page and the recordings.

    Raises:
        UnknownNameError: no such file, and no experiment of this name.
        ConfigError: faults of the file, or a target or method that an agent cannot have; all are listed, and nothing
            is recorded.
        RltoolsError: whatever `load_policy`, `record` and `explain` raise.

    Example:
        >>> import rltools
        >>> from pathlib import Path
        >>> text = "{description: Poles, agents: [cartpole-ppo], methods: [gradient], episodes: 2}"
        >>> characters = Path("poles.yaml").write_text(text)
        >>> ran = rltools.run_experiment("poles.yaml", ["max_steps=50"])
        >>> list(ran.recordings)
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
    out = [] if directory is None else ["--out", str(directory)]
    options = [*out, *(f"--import={name}" for name in modules)]
    recordings: dict[tuple[str, int], Recording] = {}
    for label, policy in zip(labels, loaded.values(), strict=True):
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
            shown = [outcome.number for outcome in notable(recording.readable_outcomes())[:1]]
            replay_episodes(recording, shown, env, modules=modules, progress=progress)
            recordings[label, seed] = recording
    command = _command(experiment, plan, changes, options, recordings.values())
    for recording in recordings.values():
        write_report(recording, commands=(command,))
    page, findings = write_comparison(folder, plan.description, recordings, commands=(command,))
    return ExperimentRun(page, recordings, findings)


def _check_paired(done: Mapping[tuple[str, int], Recording], label: str, seed: int, recording: Recording) -> None:
    """Agents are compared in the same episodes.

    Raises:
        ConflictError: a folder was begun when episodes got their seeds by another rule.
    """
    for (other, of), earlier in done.items():
        if of == seed and earlier.header.seeds != recording.header.seeds:
            raise ConflictError(
                f"{label} and {other} were not recorded in the same episodes: {recording.directory} has "
                f"{recording.header.seeds} seeds and {earlier.directory} {earlier.header.seeds} ones; record both "
                f"anew with {argument('overwrite', True)}"
            )


def _command(
    experiment: str | Path, plan: Experiment, changes: Sequence[str], options: Sequence[str], runs: Iterable[Recording]
) -> str:
    """What makes the same again elsewhere: a folder that held more episodes than are asked for now keeps them."""
    most = max(len(recording) for recording in runs)
    if most > plan.episodes:
        changes = [*(change for change in changes if not change.startswith("episodes=")), f"episodes={most}"]
    return shlex.join(["rltools", "run", str(experiment), *changes, *options])


def _explain_all(
    plan: Experiment, recording: Recording, policy: Policy, threads: int | None, *, progress: bool
) -> Recording:
    """The recording with all attributions of the plan in hand."""
    most_apart = 1
    for choice in compared_methods(plan):
        method = find_method(choice.name)
        references = choice.references or plan.references
        parameters: dict[str, Any] = dict(choice.parameters)
        # A control costs nothing but space, and says the same at every state: it has the steps of what it is there for.
        sampled = (
            most_apart if method.control else declared_stride(recording, policy, choice.name, references, parameters)
        )
        most_apart = max(most_apart, sampled)
        for target in (None,) if "decision" in method.needs else plan.targets:
            asked = {"method": choice.name, "references": references, "target": target, "every": sampled} | parameters
            if progress:
                say(str(plan_explaining(recording, policy, threads=threads, **asked)), shown=True)
            recording = explain(recording, policy, threads=threads, progress=progress, **asked)
    return recording


def _labels(loaded: Mapping[str, Policy]) -> list[str]:
    """What each agent is called: its name; the place and the sha256 of its model where two have the same name."""
    names = Counter(folder_name(policy.source.name) for policy in loaded.values())
    return [
        run_name(agent, policy) if names[folder_name(policy.source.name)] > 1 else policy.source.name
        for agent, policy in loaded.items()
    ]


# Named, and not all that are installed: the same file gives the same results everywhere.
CONTROLS = (MethodChoice(name="random"), MethodChoice(name="std", references=256))
"""So many visited states tell a standard deviation within a few percent."""
FEWEST_COMPARED = 2


def compared_methods(plan: Experiment) -> tuple[MethodChoice, ...]:
    """The methods of an experiment, controls last, and with two or more that attribute a score both controls.

    A control that the file lists stays as it is; `controls: false` adds none.
    """
    listed = [choice for choice in plan.methods if find_method(choice.name).control]
    own = [choice for choice in plan.methods if choice not in listed]
    scoring = [choice for choice in own if "decision" not in find_method(choice.name).needs]
    wanted = CONTROLS if plan.controls and len(scoring) >= FEWEST_COMPARED else ()
    there = {choice.name for choice in listed}
    return (*own, *listed, *(choice for choice in wanted if choice.name not in there))
