"""Attributions of a recording, without its environment."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rltools.errors import ArgumentError
from rltools.explanation._asking import Asked, ask
from rltools.explanation._batches import chunk_rows, explained_rows, most_copies
from rltools.explanation._compiling import compiled
from rltools.explanation._context import needed_columns, recorded_context, recorded_inputs
from rltools.explanation._pieces import Piece, batches
from rltools.explanation._references import Reference, visited_reference
from rltools.explanation._same_policy import check_one, check_same_policy
from rltools.explanation._units import Units, clipped_entries, in_units
from rltools.explanation._windows import Window
from rltools.policy import Policy
from rltools.progress import progress_bar
from rltools.recording import DamagedFileWarning, Recording
from rltools.recording._background import BackgroundFiles
from rltools.recording._draws import draws_columns, draws_path
from rltools.recording._files import cause_named, numbered, numbered_path, sole_writer, write_json
from rltools.targets import Target

BLOCK_BYTES = 1 << 25
"""Of observations that are read at once."""


class FailedAttributionWarning(UserWarning):
    """Some attributions are not finite; they are kept as NaN."""


@torch.inference_mode(False)  # a caller's inference mode would forbid gradients
def explain(
    recording: Recording,
    policy: Policy,
    *,
    method: str = "gradient",
    target: str | Target | None = None,
    reference: Reference = None,
    window: int = 0,
    units: Units = "environment",
    every: int = 1,
    seed: int = 0,
    max_batch: int | None = None,
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
        target: for instance "logit:chosen"; None is "centred:chosen" for discrete actions, "action:all" for others.
        reference: for methods that compare with other states: how many visited states to draw (None: 8), or states
            `[reference, *observation]`.
        window: of a recurrent policy, how many of the last observations are explained, each through what is remembered
            of it: values are then `[step, target, lag, *feature]`, the last lag now. 0 explains the observation of the
            moment, with what the policy remembers held.
        units: "network" explains what the network is given where a policy normalises its observations: gradients are
            then per deviation, and the score's own units stay.
        every: explain one step of so many, evenly.
        seed: of what is drawn: the visited states, and a method's own draws.
        max_batch: rows that go through the network at once, copies of a state included; None chooses by their size.
            Results do not depend on it.
        compile: compile the network with torch: some seconds for each shape, then a faster forward. Results agree to
            rounding.
        progress: show a progress bar.
        parameters: of the method. `groups` are `{name: [feature, ...]}`, or "summary" for what a summary has a row for.

    Returns:
        The recording that was given; its `attribution(method, target)` has the result.

    Raises:
        UnknownNameError: no such method.
        TargetError: the policy has no such target.
        ArgumentError: a parameter the method does not take.
        MismatchError: the policy scores these observations otherwise than the one that was recorded.
        GradientError: the policy is not differentiable.

    Example:
        >>> import rltools
        >>> policy = rltools.load_policy("cartpole-ppo")
        >>> recording = rltools.record(policy, episodes=2)
        >>> rltools.explain(recording, policy, target="logit:chosen").attribution().values.shape
        (1000, 1, 4)
    """
    for name, count in (("every", every), ("max_batch", max_batch)):
        if count is not None and count < 1:
            raise ArgumentError(f"{name} is {count}; it must be at least 1")
    policy = in_units(compiled(policy) if compile else policy, units)
    policy = Window(policy, window) if window else policy
    chosen = parameters | ({"window": window} if window else {}) | ({"units": units} if units == "network" else {})
    asked = ask(recording, policy, method, target, reference, every, seed, chosen)
    folder = recording.directory / "attributions" / asked.key
    with sole_writer(recording.directory), cause_named(folder):
        missing = sorted(set(recording.numbers) - set(numbered(folder)))
        if not missing:
            if policy.source.sha256 != recording.header.policy_sha256:
                check_one(recording, policy)
            return recording
        states = None
        if "reference" in asked.method.needs:
            states = visited_reference(recording, policy, reference, seed, folder)
        # Only a bar needs to know how much there is to do: finding out opens every file once more.
        total = sum(outcome.steps for outcome in recording.outcomes() if outcome.number in missing) if progress else 0
        failed = explained = 0
        with (
            progress_bar(f"explain {method} of {asked.target}", total, shown=progress) as advance,
            BackgroundFiles() as files,
        ):
            for batch in _batches(recording, policy, asked, missing, states, window, max_batch):
                rows, of_those = _explain_batch(
                    recording, policy, asked, states, batch, folder, files, explained == 0, max_batch
                )
                explained, failed = explained + rows, failed + of_those
                advance(sum(piece.read for piece in batch))
    if failed:
        warnings.warn(
            f"{failed} of {explained} steps ({failed / explained:.1%}) have attributions ({method} of {asked.target}) "
            f"that are not finite; they are kept as NaN, and summaries leave them out",
            FailedAttributionWarning,
            stacklevel=2,
        )
    return recording


def _batches(
    recording: Recording,
    policy: Policy,
    asked: Asked,
    missing: list[int],
    reference: Tensor | None,
    window: int,
    max_batch: int | None,
) -> Iterator[list[Piece]]:
    """A batch is what a method works off at once: more would only delay what the progress bar says."""
    references = 0 if reference is None else len(reference)
    copies = most_copies(policy.features.size, policy.dtype.itemsize, max_batch)
    shape, dims = policy.features.shape, policy.features.dims
    rows = chunk_rows(asked.method, shape, dims, references, asked.settings, copies)
    row_bytes = max(1, policy.features.size) * policy.dtype.itemsize
    most = int(np.clip(BLOCK_BYTES // row_bytes, 64, 8192))
    names = needed_columns(recording, policy)
    return batches(recording, missing, names, asked.question.every, min(rows, most), most, window)


def _explain_batch(
    recording: Recording,
    policy: Policy,
    asked: Asked,
    reference: Tensor | None,
    batch: list[Piece],
    folder: Path,
    files: BackgroundFiles,
    first: bool,
    max_batch: int | None,
) -> tuple[int, int]:
    """Explain pieces of episodes, each into its own file; returns how many steps, and how many of those failed."""
    for piece in batch:
        if piece.damage is not None:
            files.abandon(numbered_path(folder, piece.number))
            files.abandon(draws_path(folder, piece.number))
            warnings.warn(str(piece.damage), DamagedFileWarning, stacklevel=4)
    batch = [piece for piece in batch if piece.damage is None]
    if not batch:
        return 0, 0
    columns = {name: np.concatenate([piece.columns[name] for piece in batch]) for name in batch[0].columns}
    if first:
        check_same_policy(policy, columns, recording)
    context = recorded_context(policy, columns)
    x = recorded_inputs(policy, columns)
    explained = explained_rows(policy, asked.method, asked.target, x, context, reference, asked.settings, max_batch)
    found = explained.columns | clipped_entries(policy, x)
    # Only now, so that a question that failed at its first step does not seem to be answered.
    if not (folder / "attribution.json").is_file():
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / "attribution.json", asked.question.to_json())
    start = 0
    for piece in batch:
        rows = slice(start, start + len(piece.t))
        path = numbered_path(folder, piece.number)
        files.write(path, {"t": piece.t, **{name: values[rows] for name, values in found.items()}})
        draws, beside = draws_path(folder, piece.number), None
        if explained.without is not None:
            beside = draws_columns(piece.t, explained.without[rows], policy.features)
        if beside is not None:
            files.write(draws, beside)
        if piece.last:
            # An episode whose attributions are there has its draws, too.
            if beside is not None:
                files.finish(draws, {})
            files.finish(path, {"policy_sha256": asked.question.policy_sha256})
        start = rows.stop
    return start, explained.failed
