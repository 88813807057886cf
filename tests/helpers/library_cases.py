"""Saved agents of other libraries, with what those libraries themselves make of some observations.

A case is a folder: the files as the library saved them, `expected.json` and `expected.npz`. `write_case` runs in an
environment with the library, and imports nothing of rltools; `compare_case` runs where rltools is, without the library.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

RTOL = 1e-5
"""Of scores and values, relative to the largest one: two libraries add float32 numbers in different orders."""


def write_case(
    folder: Path,
    *,
    library: str,
    version: str,
    file: str,
    layout: str | None,
    head: str,
    observations: Any,
    scores: Any,
    actions: Any,
    value: Any = None,
    env: str | None = None,
    observation_space: Any = None,
    action_space: Any = None,
    options: dict[str, Any] | None = None,
    synthetic: bool = False,
) -> None:
    """Write `expected.json` and `expected.npz` beside a file that a library saved in `folder`.

    Args:
        folder: of the case; it has `file` already.
        library: its name on the package index.
        version: of the library.
        file: the saved file's name, or "." if the folder itself is what the library saved.
        layout: the file in `rltools/policies/saved/layouts` that rebuilds it; None if a policy library reads it.
        head: what the scores are: "logit", "q_value", "mean" or "action".
        observations: as the environment gives them, `[batch, ...]`; of a recurrent network `[step, batch, ...]`, from
            the state at the start of an episode.
        scores: raw, of the head that decides, by the library's own code: `[batch, k]` or `[step, batch, k]`.
        actions: its deterministic actions, as the environment takes them.
        value: of the states, `[batch]` or `[step, batch]`; None if there is none.
        env: the id of an environment of Gymnasium; None if the spaces say it all.
        observation_space: of Gymnasium, in place of `env`.
        action_space: likewise.
        options: further keyword arguments of `load_policy`; a path among them is relative to the folder.
        synthetic: whether the network was not trained by the library's own training loop.
    """
    if not (folder / file).exists():
        raise FileNotFoundError(folder / file)
    expected = {
        "library": library,
        "version": version,
        "file": file,
        "env": env,
        "observation_space": described(observation_space),
        "action_space": described(action_space),
        "options": options or {},
        "layout": layout,
        "head": head,
        "synthetic": synthetic,
    }
    expected = {key: entry for key, entry in expected.items() if entry is not None}
    (folder / "expected.json").write_text(json.dumps(expected, indent=2) + "\n", encoding="utf-8")
    arrays = {"observations": observations, "scores": scores, "actions": actions, "value": value}
    np.savez_compressed(
        folder / "expected.npz", **{key: np.asarray(array) for key, array in arrays.items() if array is not None}
    )


def described(space: Any) -> dict[str, Any] | None:
    """A Box or a Discrete as plain values; bounds that are the same everywhere are one number."""
    if space is None:
        return None
    if hasattr(space, "n"):
        return {"discrete": int(space.n)}
    low, high = (float(b.flat[0]) if (b == b.flat[0]).all() else b.tolist() for b in (space.low, space.high))
    return {"box": {"low": low, "high": high, "shape": list(space.shape), "dtype": str(space.dtype)}}


def space_of(description: dict[str, Any]) -> Any:
    """The space that `described` described."""
    from gymnasium.spaces import Box, Discrete

    if "discrete" in description:
        return Discrete(description["discrete"])
    box = description["box"]
    low, high = (np.broadcast_to(np.asarray(box[key], box["dtype"]), box["shape"]) for key in ("low", "high"))
    return Box(low, high, dtype=np.dtype(box["dtype"]).type)


def load_case(folder: Path, **options: Any) -> Any:
    """The policy that rltools makes of a case; further options of `load_policy` replace those of the case."""
    import rltools

    expected = read_expected(folder)
    options = expected["options"] | options
    for name in ("normalize", "check"):
        if isinstance(options.get(name), str):
            options[name] = str(folder / options[name])
    return rltools.load_policy(folder / expected["file"], environment_of(expected), **options)


def read_expected(folder: Path) -> dict[str, Any]:
    """What `expected.json` says."""
    expected: dict[str, Any] = json.loads((folder / "expected.json").read_text(encoding="utf-8"))
    return expected


def environment_of(expected: dict[str, Any]) -> Any:
    """What `load_policy` takes as `env`: an id, or a function that makes an environment with the spaces of the case."""
    if "env" in expected:
        return expected["env"]
    import gymnasium

    class WithSpaces(gymnasium.Env):
        observation_space = space_of(expected["observation_space"])
        action_space = space_of(expected["action_space"])

    return WithSpaces


@dataclass(frozen=True)
class Difference:
    """How far rltools is from the library.

    Attributes:
        scores: the largest difference, relative to the largest score.
        value: likewise; None if the library has none.
        actions: the share of actions that differ.
        rows: how many observations were compared.
    """

    scores: float
    value: float | None
    actions: float
    rows: int

    @property
    def fits(self) -> bool:
        """Whether rltools computes what the library computes."""
        return self.scores <= RTOL and (self.value is None or self.value <= RTOL) and not self.actions


def compare_case(folder: Path, policy: Any = None) -> Difference:
    """Load a case, and compare scores, actions and values with those of its library.

    Raises:
        RltoolsError: it cannot be loaded.
        AssertionError: the deciding head is another one, or a value is missing.
    """
    import torch

    from rltools.policies.base import Context, value_head

    policy = load_case(folder) if policy is None else policy
    expected = read_expected(folder)
    with np.load(folder / "expected.npz", allow_pickle=False) as file:
        arrays = dict(file)
    assert policy.heads[0] == expected["head"], f"{policy.heads[0]} decides, not {expected['head']}"
    assert "value" not in arrays or value_head(policy) == "value", f"no value among {policy.heads}"
    steps = {name: array if policy.state_size else array[None] for name, array in arrays.items()}
    state = torch.zeros(steps["observations"].shape[1], policy.state_size) if policy.state_size else None
    scores, actions, values = [], [], []
    for observations in steps["observations"]:
        context = Context(state=state)
        with torch.no_grad():
            x = policy.encode(observations)
            if "value" in arrays:
                values.append(policy.head("value", x, context).squeeze(-1).numpy())
            acted = policy.act(observations, context)
            scores.append(acted.scores)
            actions.append(acted.actions)
            state = acted.state
    same = np.isclose(np.stack(actions), steps["actions"], rtol=RTOL, atol=RTOL)
    return Difference(
        scores=_relative(np.stack(scores), steps["scores"]),
        value=_relative(np.stack(values), steps["value"]) if values else None,
        actions=float(1 - same.mean()),
        rows=steps["scores"].size // steps["scores"].shape[-1],
    )


def _relative(actual: np.ndarray, expected: np.ndarray) -> float:
    assert actual.shape == expected.shape, f"shapes {actual.shape} and {expected.shape}"
    return float(np.abs(actual - expected).max() / max(np.abs(expected).max(), 1e-3))
