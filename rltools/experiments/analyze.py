"""From a trained agent to a page that says what it looks at."""

from __future__ import annotations

import shlex
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rltools._util.limits import MAX_EPISODES, MAX_REFERENCES, MAX_SEED, check_count
from rltools._util.progress import say
from rltools.attributions import find_method
from rltools.envs import import_modules
from rltools.errors import ArgumentError, TooCostlyError
from rltools.explanation import Plan, explain, plan_explaining
from rltools.explanation.spec import SUMMARY
from rltools.pages.replay import replay_episodes
from rltools.pages.report import write_report
from rltools.policies.bounds import Bounds
from rltools.policies.load import load_policy
from rltools.recording import Outcome, Recording
from rltools.recording.folders import RUNS, run_name
from rltools.rollout import record
from rltools.summary import Caveat, Finding, Summary, find_decision, notable_episodes, summarize
from rltools.targets import default_target, fitting_target, is_discrete, unbounded_action

if TYPE_CHECKING:
    from rltools.envs import Environment
    from rltools.policies.base import Policy

EXACT_FEATURES = 12
DECISION = "decision_change"
"""The method that predicts best what is lost without a feature; it stands beside the one that heads the findings."""
COMPARED = 32
"""Visited states to compare with: of 8, another draw made 34 % of a leading share 44 %, and turned signs."""
WINDOW = 8
"""So many observations of a recurrent policy are explained through what it remembers of them."""
SECONDS = 60.0
"""For each method; where it would take longer, an even sample of the steps is explained."""


class LeftOutWarning(UserWarning):
    """A method other than the first one was left out, because a single step of it takes too long."""


@dataclass(frozen=True)
class Analysis:
    """What `analyze` made.

    Attributes:
        recording: episodes and attributions.
        summary: of the attribution that heads the findings.
        page: the `index.html`.
        decisions: how often the decision is another one without a feature; None where the summary is of just that, and
            where an action has no bounds, so that a change of it has no measure.
    """

    recording: Recording
    summary: Summary
    page: Path
    decisions: Summary | None = None

    @property
    def findings(self) -> tuple[Finding | Caveat, ...]:
        """What changes the decision, then what the summary says; `str` of each is a sentence."""
        return (*(() if self.decisions is None else find_decision(self.decisions)), *self.summary.findings)

    def __repr__(self) -> str:
        """What was found first, and where all of it is."""
        return f"Analysis({str(self.findings[0])!r}, page={str(self.page)!r})"

    def _repr_html_(self) -> str:
        """How notebooks show it."""
        from rltools.pages.notebook import analysis_html

        return analysis_html(self.summary, self.findings, self.page)


def analyze(
    source: Any,
    env: Environment | None = None,
    *,
    episodes: int = 20,
    seed: int = 0,
    method: str | None = None,
    target: str | None = None,
    references: int | None = None,
    seconds: float = SECONDS,
    normalize: Any = None,
    trust: str | Iterable[str] | None = None,
    frames: bool = True,
    modules: Sequence[str] = (),
    directory: str | Path | None = None,
    overwrite: bool = False,
    threads: int | None = None,
    progress: bool = False,
    bounds: Bounds = "same",
) -> Analysis:
    """Record an agent, explain its steps, draw it, and write a page that says what it looks at.

    The gradient of the chosen action's raw score and of the default target are always recorded; Shapley values up to
    12 features, integrated gradients above, head the findings, and beside them how often the decision is another one
    when a feature has its value of another visited state. Of a recurrent policy the gradient is also taken through its
    memory, over the last 8 observations. The median and the worst episode get replays.

    Args:
        source: as for `load_policy`.
        env: as for `record`; None is the agent's own.
        episodes: how many.
        seed: of the first episode.
        method: that heads the findings instead.
        target: that it explains; None is "centered:chosen" for discrete actions, "action:all" for others.
        references: how many visited states features are compared with, by methods that compare; None is 32.
        seconds: about how long each method may take, as measured before it begins; where all steps would take longer,
            an even sample of them is explained, and the page says which. What was begun in the folder goes on with the
            steps it began with, whatever the seconds; `overwrite` begins anew.
        normalize: as for `load_policy`.
        trust: as for `load_policy`.
        frames: whether replays and page show the environment; it is drawn in a process of its own where it has a
            specification.
        modules: to import for environments that they register.
        directory: of the run; by default `runs/<agent>`, and for a model without a card
            `runs/<its folder>-<its name>-<first digits of its sha256>`. What is there already is not done again.
        overwrite: begin anew, whatever the folder holds.
        threads: as for `record` and `explain`.
        progress: show progress bars, and before each method how long it will take.
        bounds: as for `load_policy`.

    Returns:
        The recording, its summary, and the page.

    Raises:
        ArgumentError: a single step of the method that heads the findings takes longer than `seconds`.
        RltoolsError: whatever `load_policy`, `record` and `explain` raise.

    Example:
        >>> import rltools
        >>> analysis = rltools.analyze("cartpole-ppo", episodes=2, frames=False)
        >>> analysis.page
        PosixPath('runs/cartpole-ppo/index.html')
        >>> len(analysis.findings) > 3
        True
    """
    if not seconds > 0:
        raise ArgumentError(f"seconds is {seconds}; it must be above 0")
    check_count("episodes", episodes, most=MAX_EPISODES)
    check_count("seed", seed, least=0, most=MAX_SEED)
    if references is not None:
        check_count("references", references, most=MAX_REFERENCES)
    import_modules(modules)
    trusted = [trust] if isinstance(trust, str) else None if trust is None else list(trust)
    policy = load_policy(source, env, normalize=normalize, trust=trusted, bounds=bounds)
    headline = method or ("shapley" if policy.features.size <= EXACT_FEATURES else "integrated_gradients")
    main = str(fitting_target(headline, find_method(headline).needs, target, policy))
    # Asked before anything is recorded, which can take hours.
    wanted = [(find_method(name).name, of) for name, of in specs(policy, headline, main)]
    folder = Path(directory) if directory is not None else RUNS / run_name(source, policy)
    recording = record(
        policy,
        env,
        episodes=episodes,
        seed=seed,
        directory=folder,
        overwrite=overwrite,
        threads=threads,
        progress=progress,
        bounds=bounds,
    )
    asked = [
        {"method": name, "target": of, "references": references or COMPARED}
        | ({"groups": SUMMARY} if name == DECISION else {})
        for name, of in wanted
    ]
    if policy.state_size:
        asked.append({"method": "gradient", "target": str(default_target(policy)), "window": WINDOW})
    plans = list(_plans(recording, policy, asked, headline, seconds, threads, progress=progress))
    for settings, plan in plans:
        recording = explain(recording, policy, every=plan.every, threads=threads, progress=progress, **settings)
    options = {
        "env": env,
        "episodes": len(recording),  # a folder that held more than asked for is reported whole
        "seed": seed,
        "method": method,
        "target": target,
        "references": references,
        "seconds": None if seconds == SECONDS else seconds,
        "normalize": normalize,
        "bounds": None if bounds == "same" else bounds,
        "out": directory,
    }
    words = [*_options(options), *([] if frames else ["--no-frames"])]
    named = str(source) if isinstance(source, (str, Path)) else "MODEL"
    command = shlex.join(
        [
            "rltools",
            "analyze",
            named,
            *words,
            *(f"--trust={sha256}" for sha256 in trusted or ()),
            *(f"--import={name}" for name in modules),
        ]
    )
    numbers = [outcome.number for outcome in notable(recording.readable_outcomes())]
    try:
        replay_episodes(recording, numbers, env, frames=frames, modules=modules, progress=progress)
    except Exception:  # drawing can fail, and the numbers are there; who interrupts it does not want to wait for them
        write_report(recording if frames else recording.without_frames(), commands=(command,))
        raise
    page = write_report(recording if frames else recording.without_frames(), commands=(command,))
    summary = summarize(recording, method=headline, target=main, merged=headline == DECISION)
    decisions = None
    if headline != DECISION and any(settings["method"] == DECISION for settings, _ in plans):
        decisions = summarize(recording, method=DECISION, merged=True)
    return Analysis(recording, summary, page, decisions)


def _options(options: dict[str, Any]) -> list[str]:
    """What to type for the same page; a live object or an environment made by a function has no name to type."""
    words = []
    for name, value in options.items():
        if value is False:
            words += [f"--{name}", "none"]
        elif value is not None:
            words += [f"--{name}", str(value) if isinstance(value, (str, int, float, Path)) else name.upper()]
    return words


def specs(policy: Policy, headline: str, target: str | None) -> list[tuple[str, str]]:
    """Pairs of method and target: the plain gradients, what heads the findings, and how the decision changes."""
    default = str(default_target(policy))
    gradients = [f"{policy.heads[0]}:chosen"] if is_discrete(policy) else []
    wanted = [("gradient", of) for of in (*gradients, default)] + [(headline, str(target or default))]
    wanted += [] if unbounded_action(policy) else [(DECISION, "decision")]
    return list(dict.fromkeys(wanted))


def _plans(
    recording: Recording,
    policy: Policy,
    asked: Sequence[dict[str, Any]],
    headline: str,
    seconds: float,
    threads: int | None,
    *,
    progress: bool,
) -> Iterator[tuple[dict[str, Any], Plan]]:
    """What is explained, and how much of it; all of it is said before any of it begins, as each is measured."""
    for settings in asked:
        try:
            plan = plan_explaining(recording, policy, seconds=seconds, threads=threads, **settings)
        except TooCostlyError as error:
            if settings["method"] == headline:
                raise
            warnings.warn(f"left out: {error}", LeftOutWarning, stacklevel=3)
            continue
        say(str(plan), shown=progress)
        yield settings, plan


def notable(outcomes: list[Outcome]) -> list[Outcome]:
    """The episodes with the median, the worst and the best return, of those that have steps."""
    by_place = notable_episodes(outcomes)
    episodes = (by_place.get("median", by_place.get("best")), by_place.get("worst"), by_place.get("best"))
    return [outcome for outcome in dict.fromkeys(episodes) if outcome is not None]
