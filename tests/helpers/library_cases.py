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
        observations: as the environment gives them, `[batch, ...]`, or a dict of such arrays; of a recurrent network
            `[step, batch, ...]`, from the state at the start of an episode.
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
    arrays = {"scores": scores, "actions": actions, "value": value}
    seen = observations.items() if isinstance(observations, dict) else ()
    arrays |= {f"observations/{key}": array for key, array in seen} or {"observations": observations}
    written = {key: np.asarray(array) for key, array in arrays.items() if array is not None}
    np.savez_compressed(folder / "expected.npz", **written)


def described(space: Any) -> dict[str, Any] | None:
    """A space as plain values, for instance `{"discrete": 4}`; bounds that are the same everywhere are one number."""
    if space is None:
        return None
    if hasattr(space, "spaces"):
        return {"dict": {name: described(inner) for name, inner in space.spaces.items()}}
    if hasattr(space, "nvec"):
        return {"multi_discrete": space.nvec.tolist()}
    if hasattr(space, "n"):
        return {"multi_binary" if space.shape else "discrete": int(space.n)}
    low, high = (float(b.flat[0]) if (b == b.flat[0]).all() else b.tolist() for b in (space.low, space.high))
    return {"box": {"low": low, "high": high, "shape": list(space.shape), "dtype": str(space.dtype)}}


def space_of(description: dict[str, Any]) -> Any:
    """The space that `described` described."""
    from gymnasium import spaces

    ((kind, content),) = description.items()
    if kind == "box":
        dtype, shape = np.dtype(content.get("dtype", "float32")), tuple(content["shape"])
        low, high = (np.broadcast_to(np.asarray(content[key], dtype), shape) for key in ("low", "high"))
        return spaces.Box(low, high, shape, dtype.type)
    if kind == "dict":
        return spaces.Dict({name: space_of(inner) for name, inner in content.items()})
    kinds = {"discrete": spaces.Discrete, "multi_discrete": spaces.MultiDiscrete, "multi_binary": spaces.MultiBinary}
    return kinds[kind](content)


def load_case(folder: Path, **options: Any) -> Any:
    """The policy that rltools makes of a case; further options of `load_policy` replace those of the case."""
    import rltools

    expected = read_expected(folder)
    beside = {
        name: str(folder / option)
        for name, option in expected["options"].items()
        if isinstance(option, str) and (folder / option).exists()
    }
    return rltools.load_policy(
        folder / expected["file"], environment_of(expected), **expected["options"] | beside | options
    )


def read_expected(folder: Path) -> dict[str, Any]:
    """What `expected.json` says."""
    expected: dict[str, Any] = json.loads((folder / "expected.json").read_text(encoding="utf-8"))
    return {"options": {}} | expected


def read_arrays(folder: Path) -> dict[str, Any]:
    """What `expected.npz` has; the observations of a Dict by their keys."""
    with np.load(folder / "expected.npz", allow_pickle=False) as file:
        arrays: dict[str, Any] = dict(file)
    parts = {key.partition("/")[2]: arrays.pop(key) for key in list(arrays) if key.startswith("observations/")}
    return arrays | ({"observations": parts} if parts else {})


def environment_of(expected: dict[str, Any]) -> Any:
    """What `load_policy` takes as `env`: an id, or a function that makes an environment with the spaces of the case."""
    if expected.get("env") is not None:
        return expected["env"]
    import gymnasium

    class WithSpaces(gymnasium.Env):
        observation_space = space_of(expected["observation_space"])
        action_space = space_of(expected["action_space"])

    return WithSpaces


def rows_of(observations: Any, rows: Any) -> Any:
    """Some rows, or a step, of observations that may be those of a Dict."""
    return {k: v[rows] for k, v in observations.items()} if isinstance(observations, dict) else observations[rows]


@dataclass(frozen=True)
class Difference:
    """How far rltools is from the library.

    Attributes:
        scores: the largest difference, relative to the largest score.
        value: likewise; None if neither has a value.
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


def compare_case(folder: Path) -> Difference:
    """Load a case, and compare scores, actions and values with those of its library; recurrent networks step by step.

    Raises:
        RltoolsError: it cannot be loaded.
        AssertionError: the deciding head is another one, or only one of the two has a value.
    """
    import torch

    from rltools.policies.base import Context

    policy, expected, arrays = load_case(folder), read_expected(folder), read_arrays(folder)
    assert policy.heads[0] == expected["head"], f"{policy.heads[0]} decides, not {expected['head']}"
    assert ("value" in arrays) == ("value" in policy.heads), f"the library has {list(arrays)}, rltools {policy.heads}"
    made: dict[str, list[np.ndarray]] = {"scores": [], "actions": [], "value": []}
    state: Any = None
    for step in range(len(arrays["scores"])) if policy.state_size else [slice(None)]:
        observations = rows_of(arrays["observations"], step)
        acted = policy.act(observations, Context(state=state))
        made["scores"].append(acted.scores)
        made["actions"].append(acted.actions)
        if "value" in arrays:
            with torch.no_grad():
                made["value"].append(policy.head("value", policy.encode(observations), Context(state=state)).numpy())
        state = acted.state
    pairs = {name: (np.stack(parts).reshape(arrays[name].shape), arrays[name]) for name, parts in made.items() if parts}
    actions = np.isclose(*pairs["actions"], rtol=RTOL, atol=0 if policy.branches else RTOL)
    value = _relative(*pairs["value"]) if "value" in pairs else None
    scores = arrays["scores"]
    return Difference(_relative(*pairs["scores"]), value, float(1 - actions.mean()), scores.size // scores.shape[-1])


def _relative(actual: np.ndarray, expected: np.ndarray) -> float:
    return float(np.abs(actual - expected).max() / max(np.abs(expected).max(), 1e-3))
