"""`analyze`: record an agent, measure what it needs, explain its steps, and write a page about them."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, Unpack

from rltools._util.limits import MAX_EPISODES, MAX_REFERENCES, MAX_SEED, MAX_WINDOW, check_count
from rltools._util.progress import say, stage
from rltools._util.workers import Workers
from rltools.ablation import Groups, find_players
from rltools.attributions import find_method, fitting_methods
from rltools.envs import import_modules
from rltools.envs.names import origin_lines
from rltools.errors import ArgumentError, RltoolsWarning, TooCostlyError
from rltools.experiments._ablate_in_time import ablate_in_time
from rltools.experiments._analysis import Analysis
from rltools.experiments._command import analyze_command, env_words, group_words, option_words
from rltools.explanation import Plan, explain, plan_explaining
from rltools.explanation.choice import by_variables, default_method, takes_groups
from rltools.explanation.references import VISITED
from rltools.pages.replay import replay_episodes
from rltools.pages.report import write_report
from rltools.policies.base import is_differentiable
from rltools.policies.load import load_policy
from rltools.policies.load_arguments import LoadArguments, loading_words
from rltools.policies.own_environment import environment_with
from rltools.recording import Outcome, Recording, notable_episodes
from rltools.recording.attribution import VARIABLES
from rltools.rollout import record
from rltools.rollout.run_folder import run_folder
from rltools.summary import summarize
from rltools.targets import default_target, fitting_target, is_discrete, unbounded_action

if TYPE_CHECKING:
    from rltools.envs import Environment
    from rltools.policies.base import Policy

__all__ = ["Analysis", "LeftOutWarning", "analyze", "notable", "specs"]

DECISION = "decision_change"
"""The best predictor of the return lost without a feature; its findings come before those of the main method."""
SEEDS = 16
"""At 16 seeds losses are as well known as 40 seeds know them; the leaders are raced further."""
WINDOW = 8
"""The number of observations over which a recurrent policy is explained through its state."""
SECONDS = 60.0
"""The time limit of each method in seconds; if all steps would take longer, an even sample is explained."""


class LeftOutWarning(RltoolsWarning):
    """A method was left out because a single step takes longer than the limit."""


def analyze(
    source: Any,
    env: Environment | None = None,
    *,
    env_kwargs: Mapping[str, Any] | None = None,
    episodes: int = 20,
    seed: int = 0,
    method: str | None = None,
    target: str | None = None,
    references: int | None = None,
    window: int | None = None,
    seconds: float = SECONDS,
    ablate: bool = True,
    seeds: int = SEEDS,
    groups: Groups = VARIABLES,
    max_steps: int | None = None,
    frames: bool = True,
    modules: Sequence[str] = (),
    directory: str | Path | None = None,
    overwrite: bool = False,
    threads: int | None = None,
    workers: Workers = 1,
    progress: bool = False,
    **loading: Unpack[LoadArguments],
) -> Analysis:
    """Record an agent, measure what it needs, explain its steps, and write a page about that.

    What the return is without each feature is measured first, in whole episodes in which the policy does not see it;
    see `rltools.ablate`. If that is not possible, a warning and the page say why.

    The main method is exact Shapley values for up to 12 features, or where choices decode into up to 12 factors, which
    only methods that replace can tell apart; and integrated gradients beyond. The gradients of the chosen action's raw
    score and of the default target are always computed, and so is how often the decision changes when a feature takes
    its value in another visited state. A policy without gradients, such as a `FunctionPolicy`, is explained by methods
    that replace features alone: exact Shapley values of up to 12 variables, and sampled ones beyond; the page and the
    terminal say which methods are left out. For a recurrent policy, the gradient is also taken through its state, over
    the last observations. The episodes of median, lowest and highest return get replays.

    Args:
        source: see `load_policy`.
        env: see `record`; None is the agent's own.
        env_kwargs: further arguments of the environment, which is given by its id or is the agent's own.
        episodes: number of episodes.
        seed: the seed of the first episode.
        method: the main method, if not the default one.
        target: the target of the main method; None is "centered:chosen" for discrete actions and "action:all" for
            others.
        references: number of visited states that methods with references compare with; None is 32.
        window: over how many of the last observations a recurrent policy is also explained, through its state, which
            says how much it remembers; None is 8, and 0 leaves that out.
        seconds: about how long each method may take, as measured before it starts; if all steps would take longer, an
            even sample of them is explained, and the page says so. An attribution that is in the folder already is
            continued with the steps it was started with; `overwrite` starts anew.
        ablate: measure what the return is without each feature, too.
        seeds: at how many seeds each feature is hidden; fewer if that would take longer than `seconds`, and none if
            there is no time for two.
        groups: what is hidden together, and taken together by methods that can; see `ablate`.
        max_steps: see `record`.
        frames: whether replays and page show the environment; it is rendered in a child process if it has a spec.
        modules: modules to import because they register environments.
        directory: folder of the run; by default `runs/<agent>`, and for a model without a card
            `runs/<its folder>-<its name>-<first digits of its sha256>`; in another environment than the agent's own
            with what differs appended, for instance `runs/lunarlander-ppo--wind_power-15`. Finished parts are not
            repeated.
        overwrite: start anew, whatever the folder contains.
        threads: see `record` and `explain`.
        workers: how many processes record, ablate and explain, or an executor; see `record`.
        progress: show progress bars, and before each method how long it will take.
        loading: see `load_policy`: `normalize`, `trust`, `bounds`, `device`, `name`, `names`, `layout` and the others.

    Returns:
        The recording, its summary, what was measured, and the page.

    Raises:
        ArgumentError: a single step of the main method takes longer than `seconds`.
        RltoolsError: an error of `load_policy`, `record` or `explain`.

    Example:
        >>> import rltools
        >>> analysis = rltools.analyze("cartpole-ppo", episodes=2, frames=False)
        >>> analysis.page
        PosixPath('runs/cartpole-ppo/index.html')
        >>> analysis.findings[0].subjects[0].feature
        'pole angular velocity'
        >>> [verdict.kind for verdict in analysis.ablation.verdicts()][3]
        'needed'
    """
    _check_numbers(seconds, episodes, seed, seeds, references)
    import_modules(modules)
    if (trust := loading.get("trust")) is not None:
        loading["trust"] = [trust] if isinstance(trust, str) else list(trust)
    with stage("load the policy", show=progress):
        typed_env, env = env, environment_with(source, env, env_kwargs, loading)
        policy = load_policy(source, env, **loading)
    bounds = loading.get("bounds", "same")
    lags = _lags(policy, window)
    main_method = method or default_method(policy)
    main_target = str(fitting_target(main_method, find_method(main_method).needs, target, policy))
    # Checked before recording, which can take hours.
    pairs = [(find_method(name).name, target_name) for name, target_name in specs(policy, main_method, main_target)]
    find_players(policy.features, groups)
    for line in _about(policy):
        say(line, show=progress)
    folder = Path(directory) if directory is not None else run_folder(source, policy, env, loading)
    fresh = overwrite or not (folder / "recording.json").is_file()
    begun = perf_counter()
    recording = record(
        policy,
        env,
        episodes=episodes,
        seed=seed,
        directory=folder,
        max_steps=max_steps,
        overwrite=overwrite,
        threads=threads,
        workers=workers,
        progress=progress,
        bounds=bounds,
    )
    ablation, unmeasured = None, ""
    if ablate:
        ablation, unmeasured = ablate_in_time(
            policy,
            recording,
            env,
            seeds=seeds,
            seconds=seconds,
            recorded_in=perf_counter() - begun if fresh else 0.0,
            groups=groups,
            workers=workers,
            bounds=bounds,
            progress=progress,
        )
    attributions = [
        {"method": name, "target": target_name, "references": references or VISITED} | _grouped(policy, name, groups)
        for name, target_name in pairs
    ]
    if lags and is_differentiable(policy):
        attributions.append({"method": "gradient", "target": str(default_target(policy)), "window": lags})
    computing: dict[str, Any] = {"threads": threads, "workers": workers}
    with stage("plan what to explain", show=progress):
        plans = list(_plans(recording, policy, attributions, main_method, seconds, computing, progress=progress))
    for settings, plan in plans:
        recording = explain(recording, policy, every=plan.every, progress=progress, **computing, **settings)
    options = {
        "episodes": len(recording),  # the page covers all episodes in the folder
        "seed": seed,
        "method": method,
        "target": target,
        "references": references,
        "window": window,
        "seconds": None if seconds == SECONDS else seconds,
        "seeds": None if seeds == SEEDS or not ablate else seeds,
        "max-steps": max_steps,
        "out": directory,
    }
    words = [*env_words(env, env_kwargs, own=typed_env is None), *option_words(options), *loading_words(loading)]
    words += [*group_words(groups), *([] if ablate else ["--no-ablate"]), *([] if frames else ["--no-frames"])]
    command = analyze_command(source, [*words, *(f"--import={name}" for name in modules)])
    numbers = [outcome.number for outcome in notable(recording.readable_outcomes())]
    summary = summarize(recording, method=main_method, target=main_target)
    decisions = None
    if main_method != DECISION and any(settings["method"] == DECISION for settings, _ in plans):
        decisions = summarize(recording, method=DECISION)
    analysis = Analysis(recording, summary, folder / "index.html", decisions, ablation, unmeasured)

    def write() -> Path:
        source_of_page = recording if frames else recording.without_frames()
        with stage(f"write the page of {policy.source.name}", show=progress):
            return write_report(source_of_page, commands=(command,), unmeasured=unmeasured, answer=analysis.answer)

    try:
        with stage("write the replays", show=progress):
            replay_episodes(recording, numbers, env, frames=frames, modules=modules, progress=progress, report=True)
    except Exception:  # rendering can fail, and the numbers are complete; an interrupt, though, writes no page
        write()
        raise
    return replace(analysis, page=write())


def _check_numbers(seconds: float, episodes: int, seed: int, seeds: int, references: int | None) -> None:
    if not seconds > 0:
        raise ArgumentError(f"seconds is {seconds}; it must be above 0")
    check_count("episodes", episodes, most=MAX_EPISODES)
    check_count("seed", seed, least=0, most=MAX_SEED)
    check_count("seeds", seeds, most=MAX_EPISODES // 2)
    if references is not None:
        check_count("references", references, most=MAX_REFERENCES)


def _about(policy: Policy) -> list[str]:
    """What to know of a policy beforehand: where its names are from, what normalizes, and that it has no gradients."""
    lines = origin_lines(policy.features)
    if statistics := policy.source.normalization:
        lines = [*lines, f"observations are normalized with the statistics of {statistics}"]
    named = [f"{policy.source.name}: {'; '.join(lines)}"] if lines else []
    return named if is_differentiable(policy) else [*named, _without_gradients(policy)]


def _without_gradients(policy: Policy) -> str:
    fitting, lacking = fitting_methods(policy)
    return (
        f"{policy.source.name} has no gradients: {', '.join(fitting)} explain it; left out are "
        f"{', '.join(name for name, missing in lacking.items() if missing == 'gradients')}"
    )


def _lags(policy: Policy, window: int | None) -> int:
    """Over how many observations a recurrent policy is explained; 0 for others.

    Raises:
        ArgumentError: a window for a policy that is not recurrent.
    """
    if window is not None:
        check_count("window", window, least=0, most=MAX_WINDOW)
    if window and not policy.state_size:
        raise ArgumentError(f"window is {window}, and {policy.source.name} is not recurrent; leave it out")
    return (WINDOW if window is None else window) if policy.state_size else 0


def _grouped(policy: Policy, method: str, groups: Groups) -> dict[str, Any]:
    """The features that a method takes together: those that were named, or the factors of a choice."""
    if groups == VARIABLES:
        return {"groups": groups} if method == DECISION or by_variables(policy, method) else {}
    return {"groups": groups} if takes_groups(method) and groups != "features" else {}


def specs(policy: Policy, main_method: str, target: str | None) -> list[tuple[str, str]]:
    """Pairs of method and target: the gradients, if there are any, the main method, and how the decision changes."""
    default = str(default_target(policy))
    gradients = [f"{policy.heads[0]}:chosen"] if is_discrete(policy) else []
    gradients = [*gradients, default] if is_differentiable(policy) else []
    pairs = [("gradient", name) for name in gradients] + [(main_method, str(target or default))]
    pairs += [] if unbounded_action(policy) else [(DECISION, "decision")]
    return list(dict.fromkeys(pairs))


def _plans(
    recording: Recording,
    policy: Policy,
    attributions: Sequence[dict[str, Any]],
    main_method: str,
    seconds: float,
    computing: dict[str, Any],
    *,
    progress: bool,
) -> Iterator[tuple[dict[str, Any], Plan]]:
    """The attributions to compute and their strides; all plans are printed before the first one starts."""
    for settings in attributions:
        try:
            plan = plan_explaining(recording, policy, seconds=seconds, **computing, **settings)
        except TooCostlyError as error:
            if settings["method"] == main_method:
                raise
            warnings.warn(f"left out: {error.args[0]}", LeftOutWarning, stacklevel=3)
            continue
        say(str(plan), show=progress)
        yield settings, plan


def notable(outcomes: list[Outcome]) -> list[Outcome]:
    """The episodes with the median, the worst and the best return, of those that have steps."""
    by_place = notable_episodes(outcomes)
    episodes = (by_place.get("median", by_place.get("best")), by_place.get("worst"), by_place.get("best"))
    return [outcome for outcome in dict.fromkeys(episodes) if outcome is not None]
