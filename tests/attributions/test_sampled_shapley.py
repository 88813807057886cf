from math import prod

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given, settings
from torch import nn

from rltools.attributions import find_method
from rltools.errors import ArgumentError
from rltools.testing import PlainFunction, check_attribution

quick = settings(deadline=None, max_examples=15)
exact = find_method("shapley")
sampled = find_method("sampled_shapley")


def mlp(features, seed=0, outputs=2):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Flatten(), nn.Linear(features, 8), nn.Tanh(), nn.Linear(8, outputs)).double()


def draw(*shape, seed=0):
    return 2 * torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


class TestAgainstExact:
    @given(n_references=st.integers(1, 4), seed=st.integers(0, 2**16))
    @quick
    def test_within_its_standard_errors(self, n_references, seed):
        score, x, references = (
            PlainFunction(mlp(6, seed), 2),
            draw(5, 6, seed=seed),
            draw(n_references, 6, seed=seed + 1),
        )
        expected = exact(score, x, references=references).values
        result = sampled(score, x, references=references, permutations=512, seed=seed)
        assert ((result.values - expected).abs() <= 5 * result.standard_error + 1e-12).all()

    def test_the_standard_error_is_the_error(self):
        score, x, references = PlainFunction(mlp(6), 2), draw(40, 6), draw(4, 6, seed=1)
        expected = exact(score, x, references=references).values
        result = [sampled(score, x, references=references, permutations=256, seed=seed) for seed in range(12)]
        error = torch.stack([alone.values - expected for alone in result])
        stated = torch.stack([alone.standard_error for alone in result])
        assert 0.9 < float((error**2).mean().sqrt() / (stated**2).mean().sqrt()) < 1.1
        assert (error.abs() <= 3 * stated).double().mean() > 0.98

    @given(features=st.integers(1, 2), n_references=st.integers(1, 3), seed=st.integers(0, 2**16))
    @quick
    def test_of_one_or_two_features_a_pair_has_all_orders(self, features, n_references, seed):
        score = PlainFunction(mlp(features, seed), 2)
        x, references = draw(4, features, seed=seed), draw(n_references, features, seed=seed + 1)
        result = sampled(score, x, references=references, permutations=2)
        torch.testing.assert_close(result.values, exact(score, x, references=references).values)
        assert result.standard_error.abs().max() < 1e-12

    def test_groups(self):
        score, x, references = PlainFunction(mlp(24), 2, dims=("channel", "y", "x")), draw(3, 2, 3, 4), draw(2, 2, 3, 4)
        groups = (tuple(range(10)), (10, 13), (11, 12), tuple(range(14, 24)))
        expected = exact(score, x, references=references, groups=groups)
        result = sampled(score, x, references=references, groups=groups, permutations=400)
        assert ((result.values - expected.values).abs() <= 4 * result.standard_error + 1e-12).all()
        flat = result.values.flatten(2)
        assert torch.equal(flat[:, :, 10], flat[:, :, 13])

    def test_nearest(self):
        score, x, references = PlainFunction(mlp(5), 2), draw(6, 5), draw(9, 5, seed=1)
        expected = exact(score, x, references=references, nearest=2)
        result = sampled(score, x, references=references, nearest=2, permutations=400)
        assert ((result.values - expected.values).abs() <= 4 * result.standard_error + 1e-12).all()
        assert not torch.equal(result.values, sampled(score, x, references=references, permutations=400).values)


class TestAxioms:
    @given(features=st.integers(1, 20), n_references=st.integers(1, 5), permutations=st.integers(1, 40))
    @quick
    def test_a_linear_score_is_exact_and_all_references_count_the_same(self, features, n_references, permutations):
        weight = draw(features, 2)
        x, references = draw(3, features, seed=1), draw(n_references, features, seed=2)
        result = sampled(PlainFunction(lambda x: x @ weight, 2), x, references=references, permutations=permutations)
        expected = weight.T * (x - references.mean(0))[:, None]
        torch.testing.assert_close(result.values, expected, rtol=1e-9, atol=1e-9)
        assert result.standard_error.max() < 1e-9  # references differ, and that is not an error of sampling

    @given(features=st.integers(2, 30), rows=st.integers(1, 5), most=st.integers(1, 400), seed=st.integers(0, 2**16))
    @quick
    def test_what_the_score_ignores_has_exactly_nothing(self, features, rows, most, seed):
        net = mlp(features, seed)
        with torch.no_grad():
            net[1].weight[:, seed % features] = 0
        score = PlainFunction(net, 2, most_copies=most)
        result = sampled(score, draw(rows, features, seed=seed), references=draw(3, features, seed=seed + 1), seed=seed)
        assert not result.values[:, :, seed % features].any()
        assert not result.standard_error[:, :, seed % features].any()

    def test_the_values_sum_to_the_difference_of_scores(self):
        score, x, references = PlainFunction(mlp(30), 2), draw(4, 30), draw(7, 30, seed=1)
        result = sampled(score, x, references=references, permutations=3)
        with torch.no_grad():
            difference = score(x) - score(references).mean(0)
        torch.testing.assert_close(result.values.sum(2), difference)
        assert result.residual.abs().max() < 1e-12

    def test_other_parameters_keep_the_contract_too(self):
        check_attribution("sampled_shapley", permutations=5, seed=3)


class TestSampling:
    def test_another_seed_draws_other_orders(self):
        score, x, references = PlainFunction(mlp(6), 2), draw(2, 6), draw(2, 6, seed=1)
        first, again, other = (sampled(score, x, references=references, seed=seed).values for seed in (1, 1, 2))
        assert torch.equal(first, again)
        assert not torch.equal(first, other)

    def test_all_rows_share_the_orders(self):
        score, references = PlainFunction(mlp(6), 2), draw(2, 6, seed=1)
        result = sampled(score, draw(1, 6).expand(3, 6), references=references).values
        torch.testing.assert_close(result[0], result[2])

    def test_float32_draws_the_same_orders(self):
        net, x, references = mlp(6), draw(2, 6), draw(2, 6, seed=1)
        double = sampled(PlainFunction(net, 2), x, references=references).values
        single = sampled(PlainFunction(net.float(), 2), x.float(), references=references.float()).values
        assert single.dtype == torch.float32
        torch.testing.assert_close(single.double(), double, rtol=1e-4, atol=1e-5)

    @pytest.mark.parametrize("most", [1, 3, 17, 200])
    def test_blocks_change_nothing(self, most):
        score, x, references = PlainFunction(mlp(6), 2, most_copies=most), draw(3, 6), draw(2, 6, seed=1)
        result = sampled(score, x, references=references)
        assert max(map(prod, score.seen)) <= max(most, len(x))
        full = sampled(PlainFunction(mlp(6), 2), x, references=references)
        torch.testing.assert_close(result.values, full.values)
        torch.testing.assert_close(result.standard_error, full.standard_error)

    @pytest.mark.parametrize(("permutations", "nearest", "walked"), [(64, 0, 66), (1, 0, 12), (64, 2, 64), (13, 0, 18)])
    def test_each_reference_has_as_many_orders_and_two_pairs_at_least(self, permutations, nearest, walked):
        score, parameters = (
            PlainFunction(mlp(5), 2),
            sampled.settings({"permutations": permutations, "nearest": nearest}),
        )
        sampled(score, draw(2, 5), references=draw(3, 5, seed=1), permutations=permutations, nearest=nearest)
        assert sum(lead[1] for lead in score.seen) == walked * 5 == sampled.cost(5, 3, parameters).passes
        assert max(lead[1] for lead in score.seen) == sampled.cost(5, 3, parameters).copies

    def test_no_rows(self):
        result = sampled(PlainFunction(mlp(6), 2), draw(0, 6), references=draw(2, 6))
        assert result.values.shape == result.standard_error.shape == (0, 2, 6)

    @pytest.mark.parametrize("parameters", [{"permutations": 0}, {"nearest": -2}, {"groups": ((0,), (1, 1))}])
    def test_parameters_that_make_no_sense(self, parameters):
        with pytest.raises(ArgumentError):
            sampled(PlainFunction(mlp(3), 2), draw(2, 3), references=draw(1, 3), **parameters)
