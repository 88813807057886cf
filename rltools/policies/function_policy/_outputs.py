"""Checks what a user's function returned, and makes scores of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from gymnasium import Space
from gymnasium.spaces import Box

from rltools.errors import ArgumentError, MismatchError
from rltools.policies.actions import branches, count_actions

Returns = Literal["actions", "probabilities", "logits", "q_values"]
"""What a function returns."""
HEADS = {"actions": "probability", "probabilities": "probability", "logits": "logit", "q_values": "q_value"}
"""The deciding head of a policy with discrete actions, by what its function returns."""
TOLERANCE = 1e-3
"""How far the probabilities of a choice may be from a sum of 1."""


def check_returns(returns: object, space: Space[Any]) -> None:
    """Refuse what a function for these actions cannot return.

    Raises:
        ArgumentError: an unknown word; or scores for continuous actions.
    """
    if returns not in get_args(Returns):
        raise ArgumentError(f"returns is {returns!r:.80}; it must be one of {', '.join(map(repr, get_args(Returns)))}")
    if isinstance(space, Box) and returns != "actions":
        raise ArgumentError(
            f"returns is {returns!r}, and actions of {space} are continuous, without a score for each; give a function "
            f"to actions, returns='actions'"
        )


@dataclass(frozen=True)
class Reader:
    """Makes scores of what a function returns.

    Attributes:
        name: of the policy, for errors.
        returns: what the function returns.
        space: of the actions.
        classes: the actions that the columns of probabilities belong to, as scikit-learn's `classes_`; None for all.
    """

    name: str
    returns: Returns
    space: Space[Any]
    classes: tuple[int, ...] | None = None

    def __call__(self, output: Any, rows: int) -> np.ndarray:
        """The scores float64 `[row, k]` in what a function returned for so many rows.

        Raises:
            MismatchError: other shapes, no numbers, actions that do not exist, or no probabilities.
        """
        sizes, count, shape = branches(self.space), count_actions(self.space), tuple(self.space.shape or ())
        values = self._array(output, sizes)
        if self.returns == "actions":
            if values.shape not in {(rows, *shape), (rows, max(1, len(sizes) or count)), (rows,) * (count == 1)}:
                raise self._wrong_shape(values, (rows, *shape), count)
            flat = values.reshape(rows, -1).astype(np.float64)
            return flat if not sizes else self._one_hot(flat, sizes)
        if self.classes is not None and values.shape == (rows, len(self.classes)):
            every = np.zeros((rows, count))
            every[:, list(self.classes)] = values
            values = every
        if values.shape != (rows, count):
            raise self._wrong_shape(values, (rows, count), count)
        scores: np.ndarray = values.astype(np.float64)
        if self.returns == "probabilities":
            self._check_sums(scores, sizes)
        return scores

    def _array(self, output: Any, sizes: Sequence[int]) -> np.ndarray:
        """What a function returned as an array of numbers."""
        several = isinstance(output, list | tuple) and len(output) == len(sizes) > 1 and self.returns != "actions"
        if several and all(np.ndim(part) == 2 for part in output):  # one array for each choice, as scikit-learn has it
            output = np.concatenate([np.asarray(part) for part in output], axis=1)
        output = output.detach().cpu() if hasattr(output, "detach") else output
        try:
            values = np.asarray(output)
        except ValueError:  # lists of several lengths
            values = np.empty(0, object)
        if values.dtype.kind not in "biuf":
            raise MismatchError(
                f"the function of {self.name} returned {_described(output)}; it must return an array of numbers, the "
                f"{self.returns} of each observation"
            )
        return values

    def _one_hot(self, actions: np.ndarray, sizes: Sequence[int]) -> np.ndarray:
        start = np.broadcast_to(np.reshape(getattr(self.space, "start", 0), -1), len(sizes))
        positions = actions - start
        wrong = ~((positions == np.rint(positions)) & (positions >= 0) & (positions < np.array(sizes)))
        if wrong.any():
            row, choice = np.argwhere(wrong)[0]
            last = start[choice] + sizes[choice] - 1
            raise MismatchError(
                f"the function of {self.name} returned the action {actions[row, choice]:g}, and actions are "
                f"{start[choice]} to {last}; make it return one of these for every observation, also for one that no "
                f"episode visits"
            )
        scores = np.zeros((len(actions), sum(sizes)))
        columns = positions.astype(np.int64) + np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int64)
        np.put_along_axis(scores, columns, 1.0, axis=1)
        return scores

    def _check_sums(self, scores: np.ndarray, sizes: Sequence[int]) -> None:
        for part in np.split(scores, np.cumsum(sizes)[:-1], axis=1):
            sums, lowest = part.sum(1), part.min(1)
            wrong = (np.abs(sums - 1) > TOLERANCE) | (lowest < -TOLERANCE)
            if wrong.any():
                row = int(np.flatnonzero(wrong)[0])
                raise MismatchError(
                    f"the function of {self.name} returned {np.round(part[row], 3).tolist()}, which are no "
                    f"probabilities (their sum is {sums[row]:.3g}); if they are scores, give returns='logits' or "
                    f"returns='q_values'"
                )

    def _wrong_shape(self, values: np.ndarray, expected: tuple[int, ...], count: int) -> MismatchError:
        rows = expected[0]
        advice = ""
        if self.returns == "actions" and values.shape == (rows, count):
            advice = "; if these are scores of each action, give returns='probabilities', 'logits' or 'q_values'"
        elif self.returns != "actions" and values.shape[:1] == (rows,) and values.ndim == 1:
            advice = "; if these are actions, give returns='actions'"
        elif values.shape[:1] != (rows,):
            advice = "; it gets a batch, and must return a row for each observation: give batched=False if it takes one"
        return MismatchError(
            f"the function of {self.name} returned shape {list(values.shape)} for {rows} observations, and its "
            f"{self.returns} must have shape {list(expected)}{advice}"
        )


def _described(output: Any) -> str:
    if isinstance(output, np.ndarray | np.generic):
        return f"an array of {output.dtype}"
    return "None; does it lack a `return`?" if output is None else f"a {type(output).__name__}"
