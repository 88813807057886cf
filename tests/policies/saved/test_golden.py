"""Files that other libraries saved: scores, values, actions and gradients are those of the library itself.

A case is a folder `tests/golden/libraries/<library>/<case>/` with the files as the library saved them, and

`expected.json`: {"library": its name in the package index, "version": ..., "file": the file or folder to load, "." for
the case's own folder, "env": an id, "options": keyword arguments of `load_policy`, "layout": the layout that recognizes
it, or null for a policy library of its own, "head": the deciding head, "synthetic": whether the file was made in the
layout of a library that could not be installed}. In place of "env" may stand "observation_space" and "action_space":

    {"box": {"low": -1 or a list, "high": ..., "shape": [...], "dtype": "float32"}}    {"discrete": 4}
    {"multi_discrete": [3, 2]}    {"multi_binary": 3}    {"dict": {"name": a space, ...}}

A path in "options", such as that of statistics, is relative to the case.

`expected.npz`: `observations`, `scores` of the deciding head as it returns them, `actions` as the environment takes
them, and `value` if there is one. Those of recurrent networks are `[step, batch, ...]`, from a fresh state; others are
`[batch, ...]`. An observation of a Dict is one array per key, `observations/<key>`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium import Space, spaces

from rltools.policies.base import Context, Policy
from rltools.policies.load import load_policy
from rltools.policies.saved.contents import read_contents
from rltools.policies.saved.layout import find_layout

LIBRARIES = Path(__file__).parents[2] / "golden" / "libraries"
CASES = sorted(path.parent.relative_to(LIBRARIES).as_posix() for path in LIBRARIES.glob("*/*/expected.json"))
MOST_BYTES = 60_000
"""Of a case; a library has at most `MOST_OF_LIBRARY`."""
MOST_OF_LIBRARY = 400_000


class Spaces(gymnasium.Env[Any, Any]):
    """An environment that has spaces and nothing else."""

    def __init__(self, observation_space: Space[Any], action_space: Space[Any]) -> None:
        self.observation_space, self.action_space = observation_space, action_space

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        return self.observation_space.sample(), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        return self.observation_space.sample(), 0.0, False, False, {}


def space_of(description: dict[str, Any]) -> Space[Any]:
    """The space that a case describes."""
    ((kind, value),) = description.items()
    if kind == "box":
        dtype, shape = np.dtype(value.get("dtype", "float32")).type, tuple(value["shape"])
        low, high = (np.broadcast_to(np.asarray(value[key], dtype), shape) for key in ("low", "high"))
        return spaces.Box(low, high, shape, dtype)
    if kind == "dict":
        return spaces.Dict({name: space_of(part) for name, part in value.items()})
    if kind == "discrete":
        return spaces.Discrete(value)
    return {"multi_discrete": spaces.MultiDiscrete, "multi_binary": spaces.MultiBinary}[kind](value)


def expectation(case: str) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    folder = LIBRARIES / case
    with np.load(folder / "expected.npz") as arrays:
        return json.loads((folder / "expected.json").read_text(encoding="utf-8")), dict(arrays)


def load(case: str, facts: dict[str, Any], **more: Any) -> Policy:
    folder = LIBRARIES / case
    options = {
        key: str(folder / value) if isinstance(value, str) and (folder / value).exists() else value
        for key, value in facts.get("options", {}).items()
    }
    env: Any = facts.get("env")
    if env is None:
        observed, acted = space_of(facts["observation_space"]), space_of(facts["action_space"])
        env = lambda: Spaces(observed, acted)  # noqa: E731
    return load_policy(folder / facts["file"], env, **options, **more)


def observations_of(arrays: dict[str, np.ndarray]) -> Any:
    parts = {key.partition("/")[2]: value for key, value in arrays.items() if key.startswith("observations/")}
    return parts or arrays["observations"]


def step_of(observations: Any, step: int) -> Any:
    return {k: v[step] for k, v in observations.items()} if isinstance(observations, dict) else observations[step]


def outputs(policy: Policy, observations: Any, steps: int | None) -> dict[str, np.ndarray]:
    """Scores, actions and values of a policy; of a recurrent one step by step."""
    rows: dict[str, list[np.ndarray]] = {"scores": [], "actions": [], "value": []}
    state: Any = None
    for step in range(steps or 1):
        seen = step_of(observations, step) if steps else observations
        result = policy.act(seen, Context(state=state))
        rows["scores"].append(result.scores)
        rows["actions"].append(result.actions)
        if "value" in policy.heads:
            with torch.no_grad():
                value = policy.head("value", policy.encode(seen), Context(state=state))
            rows["value"].append(value.numpy()[:, 0])
        state = result.state
    join = np.stack if steps else np.concatenate
    return {name: join(parts) for name, parts in rows.items() if parts}


@pytest.mark.parametrize("case", CASES)
def test_scores_actions_and_values_are_those_of_the_library(case: str) -> None:
    facts, arrays = expectation(case)
    policy = load(case, facts)
    assert policy.heads[0] == facts["head"]
    steps = len(arrays["scores"]) if policy.state_size else None
    actual = outputs(policy, observations_of(arrays), steps)
    scale = np.abs(arrays["scores"]).max()
    np.testing.assert_allclose(actual["scores"], arrays["scores"].reshape(actual["scores"].shape), 1e-5, 1e-5 * scale)
    if policy.branches:
        assert (actual["actions"] == arrays["actions"].reshape(actual["actions"].shape)).all()
    else:
        np.testing.assert_allclose(actual["actions"], arrays["actions"].reshape(actual["actions"].shape), 1e-5, 1e-5)
    assert ("value" in arrays) == ("value" in policy.heads)
    if "value" in arrays:
        expected = arrays["value"].reshape(actual["value"].shape)
        np.testing.assert_allclose(actual["value"], expected, 1e-5, 1e-5 * np.abs(expected).max())


@pytest.mark.parametrize("case", CASES)
def test_the_gradient_is_that_of_central_differences(case: str) -> None:
    facts, arrays = expectation(case)
    policy = load(case, facts, dtype=torch.float64)
    observations = observations_of(arrays)
    observed = step_of(observations, 0) if policy.state_size else observations
    x = policy.encode({k: v[:2] for k, v in observed.items()} if isinstance(observed, dict) else observed[:2])
    state = torch.zeros(len(x), policy.state_size, dtype=torch.float64) if policy.state_size else None
    head = policy.heads[0]
    weights = torch.linspace(-1, 1, policy.head(head, x, Context(state=state)).shape[1], dtype=torch.float64)

    def total(x: torch.Tensor) -> torch.Tensor:
        return policy.head(head, x, Context(state=state)) @ weights

    leaf = x.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(total(leaf).sum(), leaf)
    flat, delta = gradient.reshape(len(x), -1), 1e-5
    rng = np.random.default_rng(0)
    for element in rng.choice(flat.shape[1], min(6, flat.shape[1]), replace=False):
        step = torch.zeros_like(x).reshape(len(x), -1)
        step[:, element] = delta * max(1.0, float(x.abs().max()))
        step = step.reshape(x.shape)
        with torch.no_grad():
            slope = (total(x + step) - total(x - step)) / (2 * delta * max(1.0, float(x.abs().max())))
        np.testing.assert_allclose(flat[:, element], slope, rtol=1e-3, atol=1e-6 * max(1.0, float(flat.abs().max())))


@pytest.mark.parametrize("case", CASES)
def test_the_layout_is_found_by_the_keys_alone(case: str) -> None:
    facts, _ = expectation(case)
    if facts.get("layout") is None:
        pytest.skip("a policy library of its own")
    named = facts.get("options", {}).get("layout")
    assert find_layout(read_contents(LIBRARIES / case / facts["file"]), named) == facts["layout"]


@pytest.mark.parametrize("library", sorted({case.partition("/")[0] for case in CASES}))
def test_golden_files_are_small(library: str) -> None:
    sizes = {
        case: sum(file.stat().st_size for file in (LIBRARIES / case).rglob("*") if file.is_file())
        for case in CASES
        if case.startswith(f"{library}/")
    }
    assert max(sizes.values()) < MOST_BYTES, sizes
    assert sum(sizes.values()) < MOST_OF_LIBRARY, sizes
