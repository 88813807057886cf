"""Policies whose attributions are known, and every method on each of them.

A method is held to what it declares: a new file in the folder of methods is tested here without an edit.
"""

from __future__ import annotations

from functools import cache
from itertools import permutations
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

import rltools
from rltools.attributions import Method, find_method, is_per_feature_unit, method_names
from rltools.errors import ArgumentError
from rltools.policies.base import Context
from rltools.testing import check_policy
from rltools.testing.truth import QUANTITIES, Truth, truths

TRUTHS = truths()
METHODS = [name for name in method_names() if not find_method(name).needs & {"image", "convolution"}]
EXACT = {"rtol": 0, "atol": 1e-9}
every_truth = pytest.mark.parametrize("truth", TRUTHS.values(), ids=TRUTHS)


def rows_of(truth: Truth) -> tuple[np.ndarray, np.ndarray]:
    return truth.observations(20, seed=0), truth.observations(8, seed=1)


@cache
def explained(name: str, truth_name: str) -> Any:
    """What a method says of the rows; None where it says that it would be wrong, or that it is about choices."""
    truth, method = TRUTHS[truth_name], find_method(name)
    x, references = rows_of(truth)
    target = "decision" if "decision" in method.needs else truth.target
    try:
        return rltools.attribute(truth.policy, x, method=name, target=target, references=references)
    except ArgumentError:
        assert method.needs & {"network", "actions"}
        return None


def compared_with(method: Method, references: np.ndarray) -> np.ndarray:
    """A method without references compares with 0."""
    return references if "references" in method.needs else np.zeros_like(references[:1])


@every_truth
def test_a_policy_computes_its_function(truth: Truth) -> None:
    x, _ = rows_of(truth)
    head = truth.policy.head(truth.policy.heads[0], truth.policy.encode(x), Context()).detach().numpy()
    np.testing.assert_allclose(head[:, -1], truth.function(x), **EXACT)
    assert truth.policy.dtype == torch.float64
    assert truth.description.endswith(".")


@every_truth
def test_it_is_a_policy_like_any_other(truth: Truth) -> None:
    check_policy(truth.policy)


@every_truth
def test_the_mean_gradient_is_that_of_the_function_along_the_line(truth: Truth) -> None:
    x, references = rows_of(truth)
    for start in references[:3]:
        begin = np.broadcast_to(start, x.shape)
        steps = 20_000
        points = [begin + (x - begin) * (k + 0.5) / steps for k in range(0, steps, 50)]
        step = 1e-6
        slopes = np.zeros_like(x)
        for point in points:
            for feature in range(x.shape[1]):
                nudge = np.zeros(x.shape[1])
                nudge[feature] = step
                slopes[:, feature] += (truth.function(point + nudge) - truth.function(point - nudge)) / (2 * step)
        mean = slopes / len(points)
        # A step that falls on a kink or a jump is off by as much as it jumps, which only a jump makes large.
        close = np.isclose(mean, truth.mean_gradient(x, begin), rtol=0, atol=0.02)
        assert close.mean() > 0.98


@every_truth
def test_shapley_values_by_all_orders(truth: Truth) -> None:
    """The definition by orders, written for a single row, agrees with the one by coalitions."""
    x, references = rows_of(truth)
    size = x.shape[1]
    for row in x[:5]:
        values = np.zeros(size)
        for start in references:
            for order in permutations(range(size)):
                point, before = start.copy(), truth.function(start[None])[0]
                for feature in order:
                    point[feature] = row[feature]
                    now = truth.function(point[None])[0]
                    values[feature] += now - before
                    before = now
        values /= len(references) * len(list(permutations(range(size))))
        np.testing.assert_allclose(truth.shapley(row[None], references)[0], values, **EXACT)


def test_true_values_that_can_be_written_down() -> None:
    x, references = rows_of(TRUTHS["linear"])
    weights = np.array([2, -1, 0.5, 0])
    for quantity in ("shapley", "integrated_gradients", "occlusion"):
        values = getattr(TRUTHS["linear"], quantity)(x, references)
        np.testing.assert_allclose(values, weights * (x - references.mean(axis=0)), **EXACT)
    off, on = np.zeros((1, 3)), np.array([[1.0, 1.0, 0.0]])
    xor = TRUTHS["xor"]
    assert xor.function(np.array([[0, 0, 9], [0, 1, 9], [1, 0, 9], [1, 1, 9.0]])).tolist() == [0, 1, 1, 0]
    assert xor.shapley(on, off).tolist() == [[0, 0, 0]]
    assert xor.shapley(np.array([[1.0, 0, 0]]), off).tolist() == [[1, 0, 0]]
    assert xor.occlusion(on, off).tolist() == [[-1, -1, 0]]
    gated = TRUTHS["gated"]
    left, right = np.array([[1.0, 3.0, 5.0]]), np.array([[-1.0, 0.0, 2.0]])
    assert gated.integrated_gradients(left, right).tolist() == [[0, 1.5, 1.5]]
    assert gated.decision_change(left, right).tolist() == [[0, 1, 0]]
    np.testing.assert_allclose(gated.shapley(left, right), [[-2, 1.5, 1.5]], **EXACT)  # of orders from 2 to 3
    assert TRUTHS["tree"].function(np.array([[1, 2, 1, 0], [1, 2, -1, 0], [1, 0, 1, 0.0]])).tolist() == [4, 2, 1]


@every_truth
def test_what_is_irrelevant_and_what_is_alike(truth: Truth) -> None:
    x, references = rows_of(truth)
    for feature in truth.irrelevant:
        other = x.copy()
        other[:, feature] = references[:1, feature]
        np.testing.assert_array_equal(truth.function(other), truth.function(x))
    assert len({x[:, feature].tobytes() for feature in truth.alike}) <= 1
    used = set(range(x.shape[1])) - set(truth.irrelevant)
    assert all(truth.shapley(x, references)[:, feature].any() for feature in used)


@every_truth
@pytest.mark.parametrize("name", METHODS)
def test_every_method_is_what_it_declares(name: str, truth: Truth) -> None:
    method, attribution = find_method(name), explained(name, truth.name)
    if attribution is None:
        return
    x, references = rows_of(truth)
    values, compared = attribution.values[:, 0], compared_with(method, references)
    assert np.isfinite(values).all()
    if "dummy" in method.axioms:
        assert not values[:, list(truth.irrelevant)].any()
    if "linear" in method.axioms and truth.linear:
        expected = truth.gradient(x) if is_per_feature_unit(method.unit) else truth.shapley(x, compared)
        np.testing.assert_allclose(values, expected, **EXACT)
    if "complete" in method.axioms:
        residual = 0 if attribution.residual is None else attribution.residual[:, 0]
        np.testing.assert_allclose(values.sum(axis=1) + residual, truth.total(x, compared), **EXACT)
    if "symmetric" in method.axioms and truth.alike:
        np.testing.assert_allclose(values[:, truth.alike[0]], values[:, truth.alike[1]], **EXACT)


@every_truth
@pytest.mark.parametrize("name", QUANTITIES)
def test_a_method_of_the_name_of_a_true_value_agrees_with_it(name: str, truth: Truth) -> None:
    x, references = rows_of(truth)
    attribution = explained(name, truth.name)
    expected = truth.gradient(x) if name == "gradient" else getattr(truth, name)(x, references)
    # Integrals over a jump of the gradient are numerical; everything else is exact.
    tolerance = 0.01 if (name, truth.name) == ("integrated_gradients", "gated") else 1e-9
    np.testing.assert_allclose(attribution.values[:, 0], expected, rtol=0, atol=tolerance * np.abs(expected).max())


@every_truth
def test_sampled_values_are_as_near_as_their_errors_say_on_average(truth: Truth) -> None:
    x, references = rows_of(truth)
    for name, quantity in (("sampled_shapley", "shapley"), ("expected_gradients", "integrated_gradients")):
        attribution = explained(name, truth.name)
        off = attribution.values[:, 0] - getattr(truth, quantity)(x, references)
        assert np.sqrt(np.mean(off**2)) <= 3 * np.sqrt(np.mean(attribution.standard_error[:, 0] ** 2)) + 1e-9


def test_a_wrong_method_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    gradient = find_method("gradient")
    wrong = SimpleNamespace(values=np.ones((20, 1, 4)), residual=None)
    monkeypatch.setattr(f"{__name__}.explained", lambda *_: wrong, raising=True)
    assert {"dummy", "linear"} <= gradient.axioms
    with pytest.raises(AssertionError):
        test_every_method_is_what_it_declares("gradient", TRUTHS["linear"])
