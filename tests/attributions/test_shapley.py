from itertools import permutations
from math import prod
from pathlib import Path

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from torch import nn

from rltools.attributions import find_method
from rltools.errors import ArgumentError
from rltools.testing import PlainFunction

quick = settings(deadline=None, max_examples=15)
shapley = find_method("shapley")
PICTURE = ("channel", "y", "x")


def mlp(features, activation=nn.Tanh, seed=0, outputs=2):
    torch.manual_seed(seed)
    net = nn.Sequential(nn.Flatten(), nn.Linear(features, 8), activation(), nn.Linear(8, outputs))
    return net.double()


def draw(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def by_orders(score, x, references, groups):
    """What each group adds, averaged over all orders, one state at a time: `[batch, target, feature]`."""
    values = torch.zeros(len(x), score.outputs, x.shape[1], dtype=x.dtype)
    orders = list(permutations(groups))
    with torch.no_grad():
        for start in references:
            for order in orders:
                exact = start.expand_as(x).clone()
                for group in map(list, order):
                    before = score(exact)
                    exact[:, group] = x[:, group]
                    values[:, :, group] += ((score(exact) - before) / len(group))[:, :, None]
    return values / (len(orders) * len(references))


def nearest_by_hand(x, references, count):
    """The references nearest to each row, with NumPy and one pair at a time."""
    x, references = x.numpy(), references.numpy()
    spread = references.std(0)
    remaining = spread > 0
    result = []
    for row in x:
        distances = [np.linalg.norm((row[remaining] - state[remaining]) / spread[remaining]) for state in references]
        result.append([place for _, place in sorted(zip(distances, range(len(references)), strict=True))[:count]])
    return result


@st.composite
def partitions(draw_from, entries):
    """The positions of so many entries, in one to three groups."""
    labels = draw_from(st.lists(st.integers(0, 2), min_size=entries, max_size=entries))
    return tuple(tuple(p for p in range(entries) if labels[p] == label) for label in sorted(set(labels)))


class TestGroups:
    @given(groups=partitions(5), n_references=st.integers(1, 3), seed=st.integers(0, 2**16))
    @quick
    def test_against_all_orders_of_groups(self, groups, n_references, seed):
        score = PlainFunction(mlp(5, nn.ReLU, seed), 2)
        x, references = draw(3, 5, seed=seed), draw(n_references, 5, seed=seed + 1)
        result = shapley(score, x, references=references, groups=groups)
        expected = by_orders(score, x, references, groups)
        torch.testing.assert_close(result.values, expected, rtol=1e-9, atol=1e-12)
        assert result.residual.abs().max() < 1e-12

    def test_of_one_entry_each_they_change_nothing(self):
        score, x, references = PlainFunction(mlp(4), 2), draw(3, 4), draw(2, 4, seed=1)
        alone = shapley(score, x, references=references, groups=((0,), (1,), (2,), (3,)))
        assert torch.equal(alone.values, shapley(score, x, references=references).values)

    def test_make_pictures_of_any_size_possible(self):
        score = PlainFunction(mlp(24), 2, dims=PICTURE)
        x, references = draw(3, 2, 3, 4), draw(2, 2, 3, 4, seed=1)
        places = torch.arange(24).view(2, 3, 4)
        groups = tuple(tuple(block.flatten().tolist()) for block in (places[0], places[1, :2], places[1, 2:]))
        result = shapley(score, x, references=references, groups=groups)
        flat = PlainFunction(mlp(24), 2)
        expected = by_orders(flat, x.flatten(1), references.flatten(1), groups)
        torch.testing.assert_close(result.values, expected.view(3, 2, 2, 3, 4), rtol=1e-9, atol=1e-12)
        assert sum(prod(lead[1:]) for lead in score.seen) == 2 * 2**3

    @pytest.mark.parametrize(
        "groups", [((0, 1), (1, 2)), ((0,), (1,)), ((0, 1, 2, 3),), ((0, 1), (2,), (-1,)), ((0, 1, 2), ())]
    )
    def test_that_are_no_partition(self, groups):
        with pytest.raises(ArgumentError, match=r"positions, \d different ones; each of 0 to 2, a"):
            shapley(PlainFunction(mlp(3), 2), draw(2, 3), references=draw(1, 3), groups=groups)

    def test_more_than_twelve(self):
        score, x = PlainFunction(lambda x: x.sum(1, keepdim=True), 1), draw(2, 26)
        pairs = tuple((2 * place, 2 * place + 1) for place in range(13))
        with pytest.raises(ArgumentError, match="up to 12 features, and there are 13"):
            shapley(score, x, references=x[:1], groups=pairs)
        twelve = (*pairs[:11], (22, 23, 24, 25))
        result = shapley(score, x, references=torch.zeros(1, 26).double(), groups=twelve).values
        torch.testing.assert_close(result[:, 0, 24], x[:, 22:].mean(1))


class TestNearest:
    @given(
        rows=st.integers(1, 4), n_references=st.integers(2, 6), nearest=st.integers(1, 5), seed=st.integers(0, 2**16)
    )
    @quick
    def test_against_one_row_at_a_time(self, rows, n_references, nearest, seed):
        score = PlainFunction(mlp(4, nn.ReLU, seed), 2)
        x, references = draw(rows, 4, seed=seed), draw(n_references, 4, seed=seed + 1)
        references[:, 1] = 0.5  # a feature that does not vary
        x[:, 1] *= 1000
        references[:, 2] *= 100  # and one of another unit
        result = shapley(score, x, references=references, nearest=nearest)
        for row, places in enumerate(nearest_by_hand(x, references, nearest)):
            own = shapley(score, x[row : row + 1], references=references[places])
            torch.testing.assert_close(result.values[row], own.values[0], rtol=1e-9, atol=1e-12)
            with torch.no_grad():
                difference = score(x[row : row + 1])[0] - score(references[places]).mean(0)
            torch.testing.assert_close(result.values[row].sum(1) + result.residual[row], difference)

    def test_the_earlier_of_two_that_are_equally_near(self):
        score = PlainFunction(lambda x: x[:, :1] ** 3, 1)
        references = torch.tensor([[3.0], [1.0], [-1.0], [1.0]]).double()
        result = shapley(score, torch.zeros(1, 1).double(), references=references, nearest=1)
        assert result.values.item() == -1.0  # compared with 1, not with -1

    @pytest.mark.parametrize("nearest", [0, 3, 50])
    def test_as_many_as_there_are_is_all(self, nearest):
        score, x, references = PlainFunction(mlp(4), 2), draw(3, 4), draw(3, 4, seed=1)
        result = shapley(score, x, references=references, nearest=nearest)
        torch.testing.assert_close(result.values, shapley(score, x, references=references).values)

    def test_pictures_in_blocks(self):
        x, references = draw(3, 2, 2, 2), draw(7, 2, 2, 2, seed=1)
        full, blocks = (
            shapley(
                PlainFunction(mlp(8), 2, dims=PICTURE, most_copies=most), x, references=references, nearest=2
            ).values
            for most in (1 << 15, 6)
        )
        torch.testing.assert_close(blocks, full)

    def test_no_rows(self):
        result = shapley(PlainFunction(mlp(4), 2), draw(0, 4), references=draw(3, 4), nearest=2)
        assert result.values.shape == (0, 2, 4)

    def test_negative(self):
        with pytest.raises(ArgumentError, match="nearest is -1; it must be 0, for all references"):
            shapley(PlainFunction(mlp(4), 2), draw(2, 4), references=draw(1, 4), nearest=-1)


class TestWork:
    @pytest.mark.parametrize("most", [1, 3, 7, 50, 333])
    @pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
    def test_blocks_change_nothing(self, most, dtype):
        net = mlp(6).to(dtype)
        with torch.no_grad():
            net[1].weight[:, 2] = 0
        x, references = draw(3, 6).to(dtype), draw(2, 6, seed=1).to(dtype)
        score = PlainFunction(net, 2, most_copies=most)
        result = shapley(score, x, references=references).values
        assert max(map(prod, score.seen)) <= max(most, len(x))
        torch.testing.assert_close(result, shapley(PlainFunction(net, 2), x, references=references).values)
        assert not result[:, :, 2].any()

    @given(features=st.integers(2, 8), rows=st.integers(1, 9), most=st.integers(1, 200), seed=st.integers(0, 2**16))
    @quick
    def test_what_the_score_ignores_has_exactly_nothing(self, features, rows, most, seed):
        net = mlp(features, seed=seed)
        with torch.no_grad():
            net[1].weight[:, seed % features] = 0
        x, references = draw(rows, features, seed=seed), draw(2, features, seed=seed + 1)
        result = shapley(PlainFunction(net, 2, most_copies=most), x, references=references).values
        assert not result[:, :, seed % features].any()

    @given(equal=st.lists(st.booleans(), min_size=4, max_size=4), seed=st.integers(0, 2**16))
    @quick
    def test_features_that_are_those_of_the_reference_cost_nothing(self, equal, seed):
        score, x, references = PlainFunction(mlp(4, seed=seed), 2), draw(3, 4, seed=seed), draw(1, 4, seed=seed + 1)
        same = torch.tensor(equal)
        x[:, same] = references[0, same]
        expected = by_orders(score, x, references, [[0], [1], [2], [3]])
        score.seen.clear()
        result = shapley(score, x, references=references).values
        torch.testing.assert_close(result, expected, rtol=1e-9, atol=1e-12)
        assert not result[:, :, same].any()
        assert sum(prod(lead[1:]) for lead in score.seen) == 2 ** (4 - sum(equal))

    @pytest.mark.parametrize("nearest", [0, 2])
    def test_the_passes_it_declares(self, nearest):
        score, parameters = PlainFunction(mlp(5), 2), shapley.settings({"nearest": nearest})
        shapley(score, draw(3, 5), references=draw(4, 5, seed=1), nearest=nearest)
        assert sum(prod(lead[1:]) for lead in score.seen) == shapley.cost(5, 4, parameters).passes
        assert max(lead[1] for lead in score.seen) == shapley.cost(5, 4, parameters).copies


@pytest.mark.parametrize("n_references", [1, 5])
def test_equal_to_shap(n_references, monkeypatch):
    monkeypatch.setenv("NUMBA_DISABLE_JIT", "1")  # compiling takes far longer than what is compiled
    shap = pytest.importorskip("shap")
    net, x, references = mlp(5, outputs=3), draw(4, 5), draw(n_references, 5, seed=1)

    def scores(states):
        with torch.no_grad():
            return net(torch.as_tensor(states)).numpy()

    exact = shap.explainers.Exact(scores, shap.maskers.Independent(references.numpy(), max_samples=n_references))
    theirs = np.moveaxis(exact(x.numpy(), silent=True).values, 2, 1)
    ours = shapley(PlainFunction(net, 3), x, references=references).values.numpy()
    np.testing.assert_allclose(ours, theirs, atol=1e-5)


class TestPage:
    page = (Path(__file__).parents[2] / "docs" / "methods" / "shapley.md").read_text(encoding="utf-8")

    @pytest.mark.parametrize("name", ["shapley", "sampled_shapley"])
    def test_its_costs_are_those_declared(self, name):
        method = find_method(name)
        (row,) = [line for line in self.page.splitlines() if line.startswith(f"| `{name}`")]
        assert f"| {method.cost(8, 8, method.defaults).passes:,} |" in row
