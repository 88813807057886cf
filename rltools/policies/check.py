"""Compares a policy with what its own library made of some observations, which the caller gives.

Shapes say nothing of the functions between layers, so that a rebuilt network may compute something else without any
error. A few observations with the scores or actions of the library itself settle it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rltools._util.text import plural
from rltools.errors import ArgumentError, ModelError, argument
from rltools.policies.base import Context, Policy
from rltools.policies.saved.formats.npz import read_arrays
from rltools.policies.untrusted.zips import read_file

TOLERANCE = 1e-3
"""Largest difference of scores or continuous actions, as a share of the largest: other devices round differently."""
_FORM = "`observations` [row, ...] and `scores` or `actions` of these rows"
Arrays = dict[str, Any]


@dataclass(frozen=True)
class Difference:
    """How far a policy is from what was expected.

    Attributes:
        kind: "scores" or "actions".
        largest: difference of scores or continuous actions; the share of other actions if they are discrete.
        most: the largest magnitude that was expected; 1 for discrete actions.
        rows: how many were compared.
        is_share: whether `largest` is a share of rows.
    """

    kind: str
    largest: float
    most: float
    rows: int
    is_share: bool = False

    @property
    def is_small(self) -> bool:
        """Whether rounding explains it."""
        return self.largest == 0 or (not self.is_share and self.largest <= TOLERANCE * self.most)

    def __str__(self) -> str:
        """The difference in words, for a message."""
        if self.is_share:
            return f"{self.kind} differ at {round(self.largest * self.rows)} of {plural(self.rows, 'row')}"
        return f"{self.kind} differ by up to {self.largest:.3g}, and are up to {self.most:.3g} large"


def check_outputs(policy: Policy, check: Any, advise: Callable[[Callable[[Policy], bool]], str] | None = None) -> str:
    """Compare a policy with given outputs; the sentence that says with how many it agrees.

    Args:
        policy: the policy.
        check: the path of an .npz, or a mapping, of `observations` `[row, ...]` and `scores` of the deciding head,
            `[row, k]`, or `actions` as the environment takes them. Rows of a recurrent policy are
            `[step, batch, ...]`, from a fresh state. The observations of a Dict are `observations/<key>`.
        advise: what to try if it does not agree, from a function that says whether another policy does.

    Raises:
        ArgumentError: arrays that are missing or do not fit.
        ModelError: the policy computes something else; the message says how far it is off.

    Example:
        >>> import numpy as np, rltools
        >>> from rltools.policies.check import check_outputs
        >>> policy = rltools.load_policy("cartpole-ppo")
        >>> observations = np.array([[0.0, 0.0, 0.2, 0.0], [0.0, 0.0, -0.2, 0.0]])
        >>> check_outputs(policy, {"observations": observations, "actions": [1, 0]})
        'its actions are those given for 2 observations'
    """
    arrays = _arrays(check)
    differences = list(_differences(policy, arrays))
    wrong = [difference for difference in differences if not difference.is_small]
    if not wrong:
        agreeing = " and ".join(difference.kind for difference in differences)
        return f"its {agreeing} are those given for {plural(differences[0].rows, 'observation')}"
    advice = (
        advise(lambda other: all(difference.is_small for difference in _differences(other, arrays)))
        if advise is not None
        else f"Give the environment it was trained in as {argument('env')}, or the outputs of this very model"
    )
    raise ModelError(
        f"{policy.source.name} does not compute what {argument('check')} says: {'; '.join(map(str, wrong))}. {advice}"
    )


def _arrays(check: Any) -> Arrays:
    if isinstance(check, (str, Path)):
        arrays: Arrays = dict(read_arrays(read_file(Path(check)), str(check)))
    elif isinstance(check, Mapping):
        arrays = {str(key): value if isinstance(value, Mapping) else np.asarray(value) for key, value in check.items()}
    else:
        raise ArgumentError(
            f"check is a {type(check).__name__}; give the path of an .npz, or a mapping of arrays, with {_FORM}"
        )
    parts = {key.partition("/")[2]: value for key, value in arrays.items() if key.startswith("observations/")}
    if parts:
        arrays["observations"] = parts
    if "observations" not in arrays or not {"scores", "actions"} & set(arrays):
        raise ArgumentError(f"check has {', '.join(sorted(arrays)) or 'nothing'}; give {_FORM}")
    return arrays


def _differences(policy: Policy, arrays: Arrays) -> Iterator[Difference]:
    """How far the scores and actions of a policy are from the expected ones."""
    observations = arrays["observations"]
    actual = _outputs(policy, observations)
    for kind in ("scores", "actions"):
        if kind not in arrays:
            continue
        values = actual[kind]
        expected = np.asarray(arrays[kind])
        if expected.size != values.size or not expected.size:
            raise ArgumentError(
                f"check has {kind} of shape {list(expected.shape)}, and the policy returns {list(values.shape)} for "
                f"its observations; give {_FORM}"
            )
        rows = int(np.prod(values.shape[: 2 if policy.state_size else 1]))
        difference = np.abs(values.astype(np.float64) - expected.reshape(values.shape).astype(np.float64))
        if kind == "actions" and policy.branches:
            share = (difference.reshape(rows, -1) > 0).any(axis=1).mean()
            yield Difference(kind, float(share), 1.0, rows, is_share=True)
        else:
            most = float(np.abs(expected.astype(np.float64)).max())
            yield Difference(kind, float(np.nan_to_num(difference, nan=np.inf).max()), most, rows)


def _outputs(policy: Policy, observations: Any) -> dict[str, np.ndarray]:
    """The scores and the actions of a policy for rows, or for steps of a recurrent one."""
    if not policy.state_size:
        result = policy.act(observations, Context())
        return {"scores": result.scores, "actions": result.actions}
    steps, state, results = len(next(iter(_leaves(observations)))), None, []
    for step in range(steps):
        seen = (
            {k: v[step] for k, v in observations.items()} if isinstance(observations, Mapping) else observations[step]
        )
        results.append(policy.act(seen, Context(state=state)))
        state = results[-1].state
    return {
        "scores": np.stack([result.scores for result in results]),
        "actions": np.stack([result.actions for result in results]),
    }


def _leaves(observations: Any) -> Iterator[Any]:
    yield from observations.values() if isinstance(observations, Mapping) else (observations,)
