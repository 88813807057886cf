"""Where the next actions are taken: the last observations, and what else the policy needs there."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from rltools.errors import SimulationError
from rltools.observations import map_leaves, pick
from rltools.policy import Context, Policy
from rltools.recording import recorded_leaves

_NOTHING = Context()


class Situation:
    """One row for each environment."""

    def __init__(self, policy: Policy, rows: int) -> None:
        self._policy, self._rows = policy, rows
        self.leaves = recorded_leaves(policy.features)
        self._observations: Any = None
        self._masks = np.ones((rows, len(policy.action_names)), bool)
        self._state = torch.zeros(rows, policy.state_size, dtype=policy.dtype, device=policy.device)

    @property
    def begun(self) -> bool:
        """Whether there is an observation."""
        return self._observations is not None

    def forget(self) -> None:
        """Where a reset fails, no later action is explained by an earlier episode."""
        self._observations = None

    def begin(self, observations: Any, masks: np.ndarray | None, which: np.ndarray | None = None) -> None:
        """An episode has begun in these rows, or in all of them."""
        if which is None or self._observations is None:
            self._observations = map_leaves(lambda _, values: np.array(values), observations, self.leaves)
            which = np.ones(self._rows, bool)
        else:
            for leaf in self.leaves:
                pick(self._observations, leaf)[which] = np.asarray(pick(observations, leaf))[which]
        self._state[torch.from_numpy(which)] = 0
        if masks is not None:
            self._masks[which] = masks[which]

    def move(self, observations: Any, masks: np.ndarray | None, ended: np.ndarray) -> None:
        """A step has been taken; environments may return the same arrays every time."""
        self._observations = map_leaves(lambda _, values: np.array(values), observations, self.leaves)
        if self._policy.state_size:
            self._state[torch.from_numpy(ended)] = 0
        if masks is not None:
            self._masks[:] = masks

    def remember(self, state: Tensor | None, rows: np.ndarray) -> None:
        """What a recurrent policy remembers after acting in some rows."""
        if state is not None:
            self._state[torch.from_numpy(rows)] = state

    def taken_in(self, rows: np.ndarray) -> tuple[Any, Context]:
        """Observations and context of some rows.

        Raises:
            SimulationError: there are none yet.
        """
        if self._observations is None:
            raise SimulationError("there is no observation that an action could be taken in; call reset() first")
        context = _NOTHING
        if self._policy.masked or self._policy.state_size:
            context = Context(
                mask=torch.from_numpy(self._masks[rows]).to(self._policy.device) if self._policy.masked else None,
                state=self._state[torch.from_numpy(rows)] if self._policy.state_size else None,
            )
        if rows.all():
            return self._observations, context  # replaced by the next step, never written to
        return map_leaves(lambda _, values: values[rows], self._observations, self.leaves), context
