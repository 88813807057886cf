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

from pathlib import Path

import numpy as np
import pytest
import torch
from library_cases import compare_case, load_case, read_arrays, read_expected, rows_of

from rltools.policies.base import Context
from rltools.policies.decide import outputs_and_vjp
from rltools.policies.saved.contents import read_contents
from rltools.policies.saved.layout import find_layout

LIBRARIES = Path(__file__).parents[2] / "golden" / "libraries"
CASES = sorted(path.parent.relative_to(LIBRARIES).as_posix() for path in LIBRARIES.glob("*/*/expected.json"))
MOST_BYTES = 60_000
"""Of a case; a library has at most `MOST_OF_LIBRARY`."""
MOST_OF_LIBRARY = 400_000


@pytest.mark.parametrize("case", CASES)
def test_scores_actions_and_values_are_those_of_the_library(case: str) -> None:
    difference = compare_case(LIBRARIES / case)
    assert difference.fits, difference


@pytest.mark.parametrize("case", CASES)
def test_the_gradient_is_that_of_central_differences(case: str) -> None:
    policy, arrays = load_case(LIBRARIES / case, dtype=torch.float64), read_arrays(LIBRARIES / case)
    observations = arrays["observations"]
    x = policy.encode(rows_of(rows_of(observations, 0) if policy.state_size else observations, slice(2)))
    state = torch.zeros(len(x), policy.state_size, dtype=torch.float64) if policy.state_size else None
    head = policy.heads[0]
    weights = torch.linspace(-1, 1, policy.head(head, x, Context(state=state)).shape[1], dtype=torch.float64)

    def total(x: torch.Tensor) -> torch.Tensor:
        return policy.head(head, x, Context(state=state)) @ weights

    leaf = x.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(total(leaf).sum(), leaf)
    flat = gradient.reshape(len(x), -1)
    scale, most = max(1.0, float(x.abs().max())), max(1.0, float(flat.abs().max()))
    for element in np.random.default_rng(0).choice(flat.shape[1], min(6, flat.shape[1]), replace=False):
        errors = []
        for delta in (1e-5 * scale, 1e-3 * scale):  # a graph that casts to float32 rounds away the smaller one
            step = torch.zeros_like(flat)
            step[:, element] = delta
            step = step.reshape(x.shape)
            with torch.no_grad():
                slope = (total(x + step) - total(x - step)) / (2 * delta)
            errors.append((flat[:, element] - slope).abs() / (flat[:, element].abs() + 1e-3 * most))
        assert float(torch.stack(errors).min(0).values.max()) < 3e-3


@pytest.mark.parametrize("case", CASES)
def test_the_layout_is_found_by_the_keys_alone(case: str) -> None:
    facts = read_expected(LIBRARIES / case)
    if facts.get("layout") is None:
        pytest.skip("a policy library of its own")
    named = facts["options"].get("layout")
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


@pytest.mark.parametrize("case", ["cleanrl/ppo", "cleanrl/dqn_atari", "rsl_rl/v5_tanh", "tianshou/ppo", "d3rlpy/dqn"])
def test_gradients_of_plain_layers_take_the_fast_path(case: str) -> None:
    policy, arrays = load_case(LIBRARIES / case), read_arrays(LIBRARIES / case)
    x = policy.encode(arrays["observations"][:3])
    result = outputs_and_vjp(policy, policy.heads[0], x, Context())
    assert result is not None
    leaf = x.clone().requires_grad_()
    scores = policy.head(policy.heads[0], leaf, Context())
    (expected,) = torch.autograd.grad(scores.sum(), leaf)
    torch.testing.assert_close(result[0], scores.detach())
    torch.testing.assert_close(result[1](torch.ones_like(result[0])), expected)
