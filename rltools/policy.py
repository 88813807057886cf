"""What acts: the contract every policy library is turned into."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor

if TYPE_CHECKING:
    from gymnasium import Space

    from rltools.features import Features


@dataclass(frozen=True)
class Source:
    """Where a policy comes from.

    Attributes:
        name: what to call it on pages and in files.
        sha256: of the model file and its normalisation statistics; of the parameters where there is no file.
        environment: the specification it was trained on, as `EnvSpec.to_json()` writes it; None where nothing says.
        library: what made it, for people.
        notes: caveats a reader of any result should see.
    """

    name: str
    sha256: str
    environment: str | None = None
    library: str = "PyTorch"
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Context:
    """What each row needs beside its observation. An entry is None where the policy, or the moment, has none.

    Attributes:
        action: the action chosen: int64 `[batch]`, a position from 0, for discrete actions; float `[batch, k]`, as the
            environment received it, for continuous ones.
        scores: `[batch, k]`, of the policy's first head at the observation itself; what "runner_up" is read from.
        mask: bool `[batch, k]`, the actions that were allowed.
    """

    action: Tensor | None = None
    scores: Tensor | None = None
    mask: Tensor | None = None

    def rows(self, index: slice | Tensor) -> Context:
        """The context of some rows, in the order of `index`."""
        return self._map(lambda entry: entry[index])

    def repeat(self, times: int) -> Context:
        """Each row `times` times in a row, as `x.flatten(0, 1)` lays out perturbed copies."""
        return self if times == 1 else self._map(lambda entry: entry.repeat_interleave(times, dim=0))

    def _map(self, change: Any) -> Context:
        entries = {name: getattr(self, name) for name in ("action", "scores", "mask")}
        return replace(self, **{name: change(entry) for name, entry in entries.items() if entry is not None})


@dataclass(frozen=True)
class Acted:
    """One decision for each row.

    Attributes:
        actions: `[batch, *action]`, in the action space's dtype, ready for `env.step(actions[row])`.
        scores: float `[batch, k]`, of the policy's first head.
        context: the context given, with `action` and `scores` filled in.
    """

    actions: np.ndarray
    scores: np.ndarray
    context: Context


@runtime_checkable
class Policy(Protocol):
    """A trained network that chooses actions, and that gradients can be taken through.

    Every call leaves the network's train/eval modes, its buffers and its parameters' `.grad` as they were.

    Attributes:
        features: names, units and shape of an encoded observation.
        action_names: one per discrete action, or per dimension of a continuous one.
        heads: the scores it has, from "logit", "q_value", "mean", "action" and "value"; the first one decides.
        dtype: of encoded observations and scores.
    """

    features: Features
    observation_space: Space[Any]
    action_space: Space[Any]
    action_names: tuple[str, ...]
    heads: tuple[str, ...]
    source: Source
    dtype: torch.dtype
    device: torch.device

    def encode(self, observations: np.ndarray) -> Tensor:
        """`[batch, *observation]` as the environment gives it -> float `[batch, *feature]`, in the environment's units.

        Raises:
            MismatchError: another shape than the policy was trained on.
            ArgumentError: integers that the policy's dtype cannot hold.
        """
        ...

    def head(self, name: str, x: Tensor, context: Context) -> Tensor:
        """`x [batch, *feature]` -> `[batch, k]`, differentiable; k is 1 for "value"."""
        ...

    def choose(
        self, scores: Tensor, *, deterministic: bool = True, rngs: Sequence[np.random.Generator] | None = None
    ) -> np.ndarray:
        """The actions that scores `[batch, k]` of the first head lead to, as `env.step` takes them."""
        ...

    def act(
        self,
        observations: np.ndarray,
        context: Context,
        *,
        deterministic: bool = True,
        rngs: Sequence[np.random.Generator] | None = None,
    ) -> Acted:
        """Decide for each row, with one forward pass; `rngs` has a random generator for each row."""
        ...


def decide(
    policy: Policy,
    scores: Tensor,
    context: Context,
    *,
    deterministic: bool = True,
    rngs: Sequence[np.random.Generator] | None = None,
) -> Acted:
    """What a policy does with scores `[batch, k]` of its first head; most policies' `act` ends here."""
    if scores.requires_grad:
        scores = scores.detach()
    actions = policy.choose(scores, deterministic=deterministic, rngs=rngs)
    context = Context(positions(policy, actions), scores, context.mask)
    return Acted(actions, scores.numpy(force=True), context)


def positions(policy: Policy, actions: np.ndarray) -> Tensor:
    """Actions as the environment takes them -> `Context.action`: Discrete ones count from 0, whatever its start."""
    start = getattr(policy.action_space, "start", None)
    if start is None:
        return torch.tensor(actions, dtype=policy.dtype, device=policy.device).reshape(len(actions), -1)
    found = torch.from_numpy(actions)
    if actions.dtype != np.int64 or policy.device.type != "cpu":
        found = found.to(policy.device, torch.int64)
    return found - int(start) if start else found
