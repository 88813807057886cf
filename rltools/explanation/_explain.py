"""Attributions of a recording, without its environment."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic as clock
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rltools._util.files import numbered, numbered_path, os_errors_as
from rltools._util.limits import MAX_REFERENCES, MAX_SEED, MAX_STEPS, MAX_THREADS, MAX_WINDOW, check_count
from rltools._util.lock import check_kept, folder_lock
from rltools._util.progress import duration, progress_bar
from rltools.errors import RltoolsWarning, argument
from rltools.explanation._plan import plan_explaining
from rltools.explanation._read import (
    StepBlock,
    batches,
    check_one,
    check_same_policy,
    needed_columns,
    recorded_context,
    recorded_inputs,
)
from rltools.explanation._unseen import unseen_entries
from rltools.explanation.batches import check_passes, chunk_rows, explained_rows, most_copies, pass_rows
from rltools.explanation.references import References, visited_references
from rltools.explanation.spec import Asked, ask, check_answered
from rltools.explanation.views import Units, Window, clipped_entries, compiled, in_units
from rltools.policies.base import Policy, check_is_policy
from rltools.policies.threads import compute_threads
from rltools.recording import DamagedFileWarning, Recording, check_recording
from rltools.recording.draws import draws_columns, draws_path
from rltools.recording.read_attribution import folder_identity, references_path
from rltools.recording.sealed_json import write_json
from rltools.recording.specs import spec_path
from rltools.recording.writers import BackgroundFiles
from rltools.targets import Target

BLOCK_BYTES = 1 << 25
"""Of observations that are read at once."""
LONG = 300.0
"""Seconds: work that takes longer is announced, also where no progress is shown."""
SETTLED = 3.0
"""Seconds after which a pace is taken to last."""


class LongWorkWarning(RltoolsWarning):
    """Explaining will take many minutes; the message says how many, and how it would take fewer."""


class FailedAttributionWarning(UserWarning):
    """Some attributions are not finite; they are kept as NaN."""


@torch.inference_mode(False)  # a caller's inference mode would forbid gradients
def explain(
    recording: Recording,
    policy: Policy,
    *,
    method: str = "gradient",
    target: str | Target | None = None,
    references: References = None,
    window: int = 0,
    units: Units = "environment",
    every: int = 1,
    seconds: float | None = None,
    seed: int = 0,
    max_batch: int | None = None,
    threads: int | None = None,
    compile: bool = False,  # noqa: A002  # as torch calls it
    progress: bool = False,
    **parameters: Any,
) -> Recording:
    """Add attributions to a recording: large batches, bounded memory, no environment; also years later.

    What was explained before with the same method, target, parameters, reference and policy is not done again; another
    choice goes into another folder.

    Args:
        recording: what the policy did.
        policy: the policy that did it, loaded again.
        method: a name from `rltools list methods`.
        target: for instance "logit:chosen"; None is "centered:chosen" for discrete actions, "action:all" for others.
        references: for methods that compare with other states: how many visited states to draw (None: 8), or states
            `[reference, *observation]`.
        window: of a recurrent policy, how many of the last observations are explained, each through what is remembered
            of it: values are then `[step, target, lag, *feature]`, the last lag now. 0 explains the observation of the
            moment, with what the policy remembers held.
        units: "network" explains what the network is given where a policy normalizes its observations: gradients are
            then per deviation, and the score's own units stay.
        every: explain one step of so many, evenly over all episodes.
        seconds: about how long it may take, as measured on a few steps before it begins: where all steps would take
            longer, `every` is as large as that asks for (1, 2, 3, 5, 10, ...), and `spec.every` says how large.
            What was begun before goes on with the steps it began with. None explains them all, however long it takes.
        seed: of what is drawn: the visited states, and a method's own draws.
        max_batch: rows that go through the network at once, copies of a state included; None chooses by their size.
            Results do not depend on it.
        threads: of torch, meanwhile; None is 1 for a small network, which more threads slow down, and torch's own
            number where a pass through the network is large. Results agree to rounding.
        compile: compile the network with torch: some seconds for each shape, then a faster forward. Results agree to
            rounding.
        progress: show a progress bar.
        parameters: of the method. `groups` are `{name: [feature, ...]}`, or "summary" for what a summary has a row for.

    Returns:
        The recording that was given, with this attribution in hand: its `attribution(method, target)` has the result,
        also where the same was asked before with, say, other references.

    Raises:
        UnknownNameError: no such method.
        TargetError: the policy has no such target.
        ArgumentError: a parameter the method does not take, or a value it cannot have.
        TooCostlyError: not even a single step is done within `seconds`.
        MismatchError: the policy scores these observations otherwise than the one that was recorded.
        GradientError: the policy is not differentiable.
        CorruptError: the folder of the answer holds another one, because folders were renamed.

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
    policy = compiled(policy) if compile else policy
    if seconds is not None:
        every = plan_explaining(
            recording,
            policy,
            method=method,
            target=target,
            references=references,
            window=window,
            units=units,
            every=every,
            seed=seed,
            seconds=seconds,
            max_batch=max_batch,
            threads=threads,
            **parameters,
        ).every
    policy = in_units(policy, units)
    policy = Window(policy, window) if window else policy
    chosen = parameters | ({"window": window} if window else {}) | ({"units": units} if units == "network" else {})
    asked = ask(recording, policy, method, target, references, every, seed, chosen)
    check_passes(policy, asked.method, references if isinstance(references, int) else 1, asked.settings)
    check_answered(recording, asked)
    answered = replace(recording, asked=(*recording.asked, asked.key))
    folder = recording.directory / "attributions" / asked.key
    kept = [spec_path(recording.directory, asked.key)]
    if not _unexplained(recording, folder) and kept[0].is_file():
        if policy.source.sha256 != recording.header.policy_sha256:
            check_one(recording, policy)
        return answered  # nothing is written, so that the folder need not allow it
    with folder_lock(recording.directory), os_errors_as(folder):
        folder.parent.mkdir(exist_ok=True)
        missing = _unexplained(recording, folder)
        if not missing and recording.numbers:  # only what was asked is not there
            write_json(kept[0], asked.spec.to_json())
        states = None
        if missing and "references" in asked.method.needs:
            states = visited_references(recording, policy, references, seed, folder)
            kept.append(references_path(folder))
        # Only a bar needs to know how much there is to do: finding out opens every file once more.
        total = _steps(recording, missing) if progress else 0
        name = f"{method} of {asked.target}"
        failed = explained = 0
        rows = pass_rows(policy, asked.method, 8192, 0 if states is None else len(states), asked.settings, max_batch)
        with (
            compute_threads(policy, rows, threads),
            progress_bar(
                f"explain {name}{f', one step in {every}' if every > 1 else ''}", total, show=progress
            ) as shown,
            BackgroundFiles() as files,
        ):
            advance = _announcing(shown, recording, missing, name)
            work = _Work(recording, policy, asked, states, window, folder, files, max_batch, threads, advance)
            for batch in _batches(work, missing):
                rows, of_those = _explain_batch(work, batch, first=explained == 0)
                explained, failed = explained + rows, failed + of_those
        check_kept(folder, [*kept, *files.finished] if files.finished else [])
    if failed:
        warnings.warn(
            f"{failed} of {explained} steps ({failed / explained:.1%}) have attributions ({method} of {asked.target}) "
            f"that are not finite; they are kept as NaN, and summaries leave them out",
            FailedAttributionWarning,
            stacklevel=2,
        )
    return answered


def _unexplained(recording: Recording, folder: Path) -> list[int]:
    """The numbers of episodes that have no attributions in this folder, or lack the draws that others there have."""
    drawn = numbered(folder / "draws")
    return sorted(set(recording.numbers) - (set(numbered(folder)) & set(drawn or recording.numbers)))


def _steps(recording: Recording, numbers: list[int]) -> int:
    return sum(outcome.steps for outcome in recording.outcomes() if outcome.number in numbers)


def _announcing(
    shown: Callable[[float], None], recording: Recording, missing: list[int], name: str
) -> Callable[[float], None]:
    """What notes how many steps are done, and warns once, after a few seconds, where all of them take very long."""
    begun: float | None = None
    done, announced = 0.0, False

    def advance(more: float) -> None:
        nonlocal begun, done, announced
        shown(more)
        if begun is None:  # from here on, because all begins with what is done once
            begun = clock()
            return
        done += more
        passed = clock() - begun
        if announced or passed < SETTLED or done <= 0:
            return
        announced = True
        steps = _steps(recording, missing)
        if (whole := passed * steps / done) > LONG:
            warnings.warn(
                f"{name} of {steps:,} steps takes about {duration(whole)}; with {argument('seconds', 60)} an even "
                f"sample of the steps "
                f"is explained",
                LongWorkWarning,
                stacklevel=2,
            )

    return advance


@dataclass(frozen=True)
class _Work:
    """One question about a recording, and what answering it needs; see `explain`."""

    recording: Recording
    policy: Policy
    asked: Asked
    references: Tensor | None
    window: int
    folder: Path
    files: BackgroundFiles
    max_batch: int | None
    threads: int | None
    advance: Callable[[float], None]


def _batches(work: _Work, missing: list[int]) -> Iterator[list[StepBlock]]:
    """A batch is what a method works off at once: more would only delay what the progress bar says."""
    policy, asked = work.policy, work.asked
    references = 0 if work.references is None else len(work.references)
    copies, targets = most_copies(policy, work.max_batch), len(asked.spec.labels)
    rows = chunk_rows(asked.method, policy, targets, references, asked.settings, copies)
    row_bytes = max(1, policy.features.size) * policy.dtype.itemsize
    most = int(np.clip(BLOCK_BYTES // row_bytes, 64, 8192))
    names = needed_columns(work.recording, policy)
    return batches(work.recording, missing, names, asked.spec.every, min(rows, most), most, work.window)


def _explain_batch(work: _Work, batch: list[StepBlock], *, first: bool) -> tuple[int, int]:
    """Explain pieces of episodes, each into its own file; returns how many steps, and how many of those failed."""
    policy, asked, folder, files = work.policy, work.asked, work.folder, work.files
    for piece in batch:
        if piece.damage is not None:
            files.abandon(numbered_path(folder, piece.number))
            files.abandon(draws_path(folder, piece.number))
            warnings.warn(str(piece.damage), DamagedFileWarning, stacklevel=4)
    read = sum(piece.read for piece in batch)
    batch = [piece for piece in batch if piece.damage is None]
    steps = sum(len(piece.t) for piece in batch)
    if not steps:
        work.advance(read)
    if not batch:
        return 0, 0
    columns = {name: np.concatenate([piece.columns[name] for piece in batch]) for name in batch[0].columns}
    if first:
        check_same_policy(policy, columns, work.recording)
    context = recorded_context(policy, columns)
    x = recorded_inputs(policy, columns)
    explained = explained_rows(
        policy,
        asked.method,
        asked.target,
        x,
        context,
        work.references,
        asked.settings,
        work.max_batch,
        threads=work.threads,
        advance=lambda done: work.advance(done * read / max(1, steps)),  # more are read than explained
    )
    found = explained.columns | clipped_entries(policy, x)
    # Only now, so that a question that failed at its first step does not seem to be answered.
    if not (path := spec_path(work.recording.directory, asked.key)).is_file():
        values = explained.columns["values"]
        unseen = unseen_entries(work.recording, policy, asked.method, asked.target, asked.spec, x, context, values)
        folder.mkdir(exist_ok=True)
        write_json(path, replace(asked.spec, unseen=unseen).to_json())
    start = 0
    for piece in batch:
        rows = slice(start, start + len(piece.t))
        path = numbered_path(folder, piece.number)
        files.write(path, {"t": piece.t, **{name: values[rows] for name, values in found.items()}})
        draws, beside = draws_path(folder, piece.number), None
        if explained.without is not None:
            beside = draws_columns(piece.t, explained.without[rows], asked.spec, policy.features)
        if beside is not None:
            files.write(draws, beside)
        if piece.last:
            belongs = work.recording.identity(piece.number) | folder_identity(work.recording, asked.key)
            # An episode whose attributions are there has its draws, too.
            if beside is not None:
                files.finish(draws, belongs)
            files.finish(path, {"policy_sha256": asked.spec.policy_sha256, **belongs})
        start = rows.stop
    return start, explained.failed
