"""Explains a recording, without its environment.

`explain` binds a spec to the policy, draws the references, and passes the steps, batch by batch, to
`Explainer`, which computes the attributions and writes them.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from time import monotonic as clock
from typing import Any

import torch

from rltools._util.files import numbered, os_errors_as
from rltools._util.limits import MAX_REFERENCES, MAX_SEED, MAX_STEPS, MAX_THREADS, MAX_WINDOW, check_count
from rltools._util.lock import check_kept, check_no_writer, folder_lock
from rltools._util.progress import duration, progress_bar
from rltools._util.workers import Workers, check_workers
from rltools.errors import RltoolsWarning, argument
from rltools.explanation._explainer import Explainer
from rltools.explanation._groups import explain_episodes
from rltools.explanation._plan import plan_explaining
from rltools.explanation._read import check_one
from rltools.explanation.batches import pass_rows
from rltools.explanation.choice import with_default_method
from rltools.explanation.references import References, visited_references
from rltools.explanation.spec import bind, check_folder
from rltools.explanation.views import Units, compiled
from rltools.policies.base import Policy, check_is_policy
from rltools.policies.threads import compute_threads
from rltools.recording import Recording, check_recording
from rltools.recording.read_attribution import references_path
from rltools.recording.sealed_json import write_json
from rltools.recording.specs import spec_path
from rltools.recording.writers import BackgroundFiles
from rltools.targets import Target

LONG = 300.0
"""Seconds above which work is announced, even without a progress bar."""
SETTLED = 3.0
"""Seconds after which the pace is extrapolated."""


class LongWorkWarning(RltoolsWarning):
    """Explaining will take many minutes; the message says how many, and how to reduce them."""


class FailedAttributionWarning(UserWarning):
    """Some attributions are not finite; they are stored as NaN."""


@torch.inference_mode(False)  # a caller's inference mode would forbid gradients
def explain(
    recording: Recording,
    policy: Policy,
    *,
    method: str | None = None,
    target: str | Target | None = None,
    references: References = None,
    window: int = 0,
    units: Units = "environment",
    every: int = 1,
    seconds: float | None = None,
    seed: int = 0,
    max_batch: int | None = None,
    threads: int | None = None,
    workers: Workers = 1,
    compile: bool = False,  # noqa: A002  # as torch calls it
    progress: bool = False,
    **parameters: Any,
) -> Recording:
    """Add attributions to a recording, in large batches and bounded memory, without its environment.

    Attributions with the same method, target, parameters, references and policy are not computed again; any other
    choice gets a folder of its own.

    Args:
        recording: the episodes to explain.
        policy: the policy that was recorded, loaded again.
        method: a name from `rltools list methods`; None is "shapley" for up to 12 features, or where choices decode
            into up to 12 factors, which are then its groups, and "integrated_gradients" beyond, as in `analyze`.
        target: what is explained, for instance "logit:chosen"; None is "centered:chosen" for discrete actions,
            "action:all" for others.
        references: how many visited states to draw (None: 32), or observations `[reference, *observation]`, for methods
            that compare with references.
        window: for a recurrent policy, how many of the last observations are explained, each through the recurrent
            state: values are then `[step, target, lag, *feature]`, the last lag now. 0 explains the current
            observation, with the recurrent state fixed.
        units: "network" explains what the network receives if a policy normalizes its observations: gradients are
            then per std, and the target value keeps its units.
        every: the stride; explain every n-th step, evenly over all episodes.
        seconds: about how long it may take, as measured on a few steps before it begins: if all steps would take
            longer, `every` is as large as that requires (1, 2, 3, 5, 10, ...), and `spec.every` records it. What was
            begun before continues with the stride it began with. None explains every step, however long it takes.
        seed: the seed of the draws of visited states and of the method.
        max_batch: the most rows, copies included, in one pass through the network; None chooses by their size. Results
            do not depend on it.
        threads: torch's threads during the call; None is 1 for a small network, which more threads slow down, and
            torch's own number if a pass through the network is large. Results agree to rounding.
        workers: how many processes explain, each on one thread; or an executor whose workers share the folder. Results
            are those of one process on one thread, to the last bit. See `record`.
        compile: compile the network with torch: some seconds for each shape, then a faster forward pass. Results agree
            to rounding.
        progress: show a progress bar.
        parameters: the parameters of the method. `groups` are `{name: [feature, ...]}`, "card" for those of the
            environment's card, or "variables" for those that a summary ranks: entries of a Dict, regions of an image, a
            choice or the factors that a card decodes it to.

    Returns:
        The recording, which now prefers this attribution: its `attribution(method, target)` returns it, even if the
        same was explained before with, say, other references.

    Raises:
        UnknownNameError: there is no such method.
        TargetError: the policy has no such target.
        ArgumentError: the method does not take a parameter, or a value is invalid.
        TooCostlyError: not even a single step can be explained within `seconds`.
        MismatchError: the policy's scores of these observations differ from the recorded ones.
        GradientError: the policy is not differentiable.
        CorruptError: the folder holds another attribution, because folders were renamed.
        SimulationError: another process ended before its episodes were explained.

    Example:
        >>> import rltools
        >>> policy = rltools.load_policy("cartpole-ppo")
        >>> recording = rltools.record(policy, episodes=2)
        >>> rltools.explain(recording, policy, target="logit:chosen").attribution().values.shape
        (1000, 1, 4)
    """
    check_recording(recording)
    check_is_policy(policy)
    check_count("every", every, most=MAX_STEPS)
    check_count("window", window, least=0, most=MAX_WINDOW)
    check_count("seed", seed, least=0, most=MAX_SEED)
    if max_batch is not None:
        check_count("max_batch", max_batch, most=MAX_STEPS)
    if isinstance(references, int):
        check_count("references", max(references, 1), most=MAX_REFERENCES)
    if threads is not None:
        check_count("threads", threads, most=MAX_THREADS)
    check_workers(workers)
    policy = compiled(policy) if compile else policy
    method, parameters = with_default_method(policy, method, parameters)
    choice: dict[str, Any] = {"method": method, "target": target, "references": references, "seed": seed}
    choice |= {"window": window, "units": units}
    if seconds is not None:
        budget: dict[str, Any] = {"seconds": seconds, "max_batch": max_batch, "threads": threads, "workers": workers}
        every = plan_explaining(recording, policy, every=every, **choice, **budget, **parameters).every
    bound = bind(recording, policy, every=every, parameters=parameters, **choice)
    check_folder(recording, bound.key, bound.spec)
    explained = replace(recording, requested=(*recording.requested, bound.key))
    folder = recording.directory / "attributions" / bound.key
    written = [spec_path(recording.directory, bound.key)]
    if not _unexplained(recording, folder) and written[0].is_file():
        if policy.source.sha256 != recording.header.policy_sha256:
            check_one(recording, bound.policy)
        return explained  # without writing anything, so that the folder may be read-only
    # A lock of its own, so that others may explain the same episodes by other methods at the same time.
    check_no_writer(recording.directory)
    with folder_lock(folder), os_errors_as(folder):
        missing = _unexplained(recording, folder)
        if not missing and recording.numbers:  # only the spec is missing
            write_json(written[0], bound.spec.to_json())
        states = None
        if missing and "references" in bound.method.needs:
            states = visited_references(recording, bound.policy, references, seed, folder)
            written.append(references_path(folder))
        name = f"{method} of {bound.target}{f' over {window} observations' if window else ''}"
        title = f"explain {name}{f', one step in {every}' if every > 1 else ''}"
        steps = _steps(recording, missing) if progress else 0  # only a bar needs the total, which opens every file
        n_references = 0 if states is None else len(states)
        rows = pass_rows(bound.policy, bound.method, 8192, n_references, bound.settings, max_batch)
        with (
            compute_threads(bound.policy, rows, threads),
            progress_bar(title, steps, show=progress) as advance_bar,
            BackgroundFiles() as files,
        ):
            advance = _announcing(advance_bar, lambda: _steps(recording, missing), name)
            explainer = Explainer(recording, bound, states, folder, files, max_batch, threads, advance)
            written += explain_episodes(explainer, missing, workers)
        check_kept(folder, [*written, *files.finished] if files.finished else [])
    if explainer.failed:
        warnings.warn(
            f"{explainer.failed} of {explainer.explained} steps ({explainer.failed / explainer.explained:.1%}) have "
            f"attributions ({name}) that are not finite; they are stored as NaN, and summaries leave them out",
            FailedAttributionWarning,
            stacklevel=3,
        )
    return explained


def _unexplained(recording: Recording, folder: Path) -> list[int]:
    """The numbers of episodes without attributions in this folder, or without the draws that others there have."""
    drawn_numbers = numbered(folder / "draws")
    return sorted(set(recording.numbers) - (set(numbered(folder)) & set(drawn_numbers or recording.numbers)))


def _steps(recording: Recording, numbers: list[int]) -> int:
    return sum(outcome.steps for outcome in recording.outcomes() if outcome.number in numbers)


def _announcing(advance: Callable[[float], None], steps: Callable[[], int], name: str) -> Callable[[float], None]:
    """Wrap a progress bar's `advance`, to warn once, after a few seconds, if all steps will take very long.

    Args:
        advance: called with the number of steps done since the last call.
        steps: counts all steps; it opens every file, and so is called only then.
        name: the method and its target, for the message.
    """
    begun: float | None = None
    done, announced = 0.0, False

    def counting(more: float) -> None:
        nonlocal begun, done, announced
        advance(more)
        if begun is None:  # the first call includes one-time work
            begun = clock()
            return
        done += more
        passed = clock() - begun
        if announced or passed < SETTLED or done <= 0:
            return
        announced = True
        total = steps()
        if (seconds := passed * total / done) > LONG:
            warnings.warn(
                f"{name} of {total:,} steps takes about {duration(seconds)}; with {argument('seconds', 60)} an even "
                f"sample of the steps is explained",
                LongWorkWarning,
                stacklevel=2,
            )

    return counting
