from itertools import permutations

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from torch import nn

from rltools.attributions import Result, find_method, method
from rltools.errors import ArgumentError, GradientError, MethodError, UnknownNameError
from rltools.testing import PlainFunction

quick = settings(deadline=None, max_examples=15)
gradient = find_method("gradient")
input_x_gradient = find_method("input_x_gradient")
integrated = find_method("integrated_gradients")
shapley = find_method("shapley")


def Plain(function, feature_ndim=1, outputs=2):
    return PlainFunction(function, outputs, dims=("channel", "y", "x")[:feature_ndim])


def mlp(features, activation=nn.Tanh, seed=0, outputs=2):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(features, 8), activation(), nn.Linear(8, outputs)).double()


def cnn(seed=0, activation=nn.Tanh):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Conv2d(2, 3, 2), activation(), nn.Flatten(), nn.Linear(3 * 6, 2)).double()


def draw(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def slopes_of(score, x, step=1e-6):
    """Finite differences of each row, `[batch, target, *feature]`."""
    result = torch.zeros(len(x), score.outputs, *x.shape[1:], dtype=x.dtype)
    with torch.no_grad():
        for index in np.ndindex(*x.shape[1:]):
            shift = torch.zeros(x.shape[1:], dtype=x.dtype)
            shift[index] = step
            result[(slice(None), slice(None), *index)] = (score(x + shift) - score(x - shift)) / (2 * step)
    return result


class TestGradient:
    @given(features=st.integers(1, 5), batch=st.integers(1, 4), seed=st.integers(0, 2**16))
    @quick
    def test_vectors_against_finite_differences(self, features, batch, seed):
        score, x = Plain(mlp(features, nn.SiLU, seed)), draw(batch, features, seed=seed)
        torch.testing.assert_close(gradient(score, x).values, slopes_of(score, x), rtol=1e-6, atol=1e-8)

    @given(batch=st.integers(1, 3), seed=st.integers(0, 2**16))
    @settings(deadline=None, max_examples=6)
    def test_images_against_finite_differences(self, batch, seed):
        score, x = Plain(cnn(seed), 3), draw(batch, 2, 3, 4, seed=seed)
        torch.testing.assert_close(gradient(score, x).values, slopes_of(score, x), rtol=1e-6, atol=1e-8)

    def test_times_the_input(self):
        score, x = Plain(cnn(), 3), draw(3, 2, 3, 4)
        expected = gradient(score, x).values * x[:, None]
        assert torch.equal(input_x_gradient(score, x).values, expected)

    def test_a_dead_network_is_zero_and_not_an_error(self):
        net = mlp(3, nn.ReLU)
        with torch.no_grad():
            net[0].bias.fill_(-100)
        assert not gradient(Plain(net), draw(2, 3)).values.any()

    @pytest.mark.parametrize("name", ["gradient", "input_x_gradient", "integrated_gradients"])
    def test_a_score_that_ignores_the_observation(self, name):
        net = mlp(3)
        for function in (lambda x: net(x.detach()), torch.no_grad()(net), lambda x: torch.zeros(len(x), 2).double()):
            with pytest.raises(GradientError, match="does not depend on the observation"):
                find_method(name)(Plain(function), draw(2, 3), references=draw(1, 3))

    def test_callers_without_gradients(self):
        score, x = Plain(mlp(3)), draw(2, 3)
        expected = gradient(score, x).values
        with torch.no_grad():
            assert torch.equal(gradient(score, x).values, expected)

    def test_not_finite_rows_come_through(self):
        x = draw(3, 3)
        x[1, 0] = torch.nan
        result = gradient(Plain(mlp(3)), x).values
        assert result[1].isnan().any()
        assert result[[0, 2]].isfinite().all()


class TestIntegratedGradients:
    def by_hand(self, score, x, references, nodes=512):
        """The midpoint-free textbook integral, one reference at a time."""
        places, weights = np.polynomial.legendre.leggauss(nodes)
        total = torch.zeros(len(x), score.outputs, *x.shape[1:], dtype=x.dtype)
        for start in references:
            for place, weight in zip((places + 1) / 2, weights / 2, strict=True):
                total += weight * gradient(score, start + place * (x - start)).values * (x - start)[:, None]
        return total / len(references)

    @pytest.mark.parametrize(("score", "shape"), [(Plain(mlp(4)), (4,)), (Plain(cnn(), 3), (2, 3, 4))])
    def test_against_many_nodes(self, score, shape):
        x, references = draw(4, *shape), draw(2, *shape, seed=1)
        result = integrated(score, x, references=references)
        torch.testing.assert_close(result.values, self.by_hand(score, x, references), rtol=1e-6, atol=1e-6)
        assert result.complete.all()

    @pytest.mark.parametrize("activation", [nn.Tanh, nn.ReLU])
    @given(seed=st.integers(0, 2**16))
    @quick
    def test_the_residual_is_what_is_missing(self, activation, seed):
        score, x, references = Plain(mlp(4, activation, seed)), draw(6, 4, seed=seed), draw(3, 4, seed=seed + 1)
        result = integrated(score, x, references=references)
        starts = score(references).detach()
        missing = score(x).detach() - starts.mean(0) - result.values.sum(2)
        torch.testing.assert_close(result.residual, missing, rtol=1e-9, atol=1e-12)
        small = (missing.abs() <= 0.01 * starts.std(0) + 1e-11).all(1)
        assert (result.complete | ~small).all()
        left = [integrated(score, x[row : row + 1], references=references) for row in range(6)]
        assert [bool(alone.complete) for alone in left] == result.complete.tolist()

    def test_nodes_are_doubled_for_the_rows_that_need_it(self):
        score = Plain(lambda x: torch.stack([x[:, 0] ** 3, torch.relu(x[:, 1])], 1))
        x = torch.tensor([[1.0, 2.0], [1.0, -2.0], [1.0, 2.0]]).double()
        references = torch.tensor([[0.0, 1.0], [0.0, 1.5]]).double()
        result = integrated(score, x, references=references, tolerance=1e-4)
        widths = [(lead[0], lead[1]) for lead in score.seen if len(lead) == 2 and lead[1] >= 16]
        # The ends of 64 parts, at which gradients and scores are taken.
        assert widths == [(3, 16)] * 2 + [(1, 32)] * 2 + [(1, 65)] * 4
        assert result.complete.all()

    def test_a_kink_on_each_part_of_the_way_is_found_exactly(self):
        score = Plain(lambda x: torch.stack([torch.relu(x[:, 0] - 0.3) + 2 * torch.relu(x[:, 1] - 0.45), x[:, 0]], 1))
        x, references = torch.tensor([[1.0, 1.0]]).double(), torch.zeros(1, 2).double()
        result = integrated(score, x, references=references, tolerance=1e-6)
        torch.testing.assert_close(result.values[0, 0], torch.tensor([0.7, 1.1]).double(), rtol=1e-6, atol=1e-6)

    def test_a_rectified_network_is_off_by_little_and_does_not_warn_of_it(self):
        """By Gauss-Legendre nodes alone most of these rows left more than 1 %, with values that were hardly wrong."""
        torch.manual_seed(0)
        net = nn.Sequential(nn.Linear(8, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 2)).double()
        score, x, references = Plain(net), 3 * draw(20, 8), 3 * draw(8, 8, seed=1)
        result = integrated(score, x, references=references)
        place = ((torch.arange(4096) + 0.5) / 4096).double()
        exact = torch.zeros_like(result.values)
        for start in references:
            for part in place.split(256):
                path = start + part[:, None] * (x - start)[:, None]
                exact += (score.gradients(path).sum(2) * (x - start)).movedim(0, 1) / 4096 / len(references)
        off = (result.values - exact).abs().amax((1, 2)) / exact.abs().amax((1, 2))
        assert off.median() < 0.01
        assert result.complete.double().mean() >= 0.9
        assert (off[result.complete] < 0.04).all()

    @pytest.mark.parametrize("jump", [lambda x: (x[:, :1] > 0).double(), lambda x: x[:, :1].round(), torch.ceil])
    def test_it_warns_of_what_a_jump_adds(self, jump):
        weights = torch.tensor([[1.0, 0.5], [0.2, 1.0]]).double()
        score, x = Plain(lambda x: x @ weights + jump(x)), 2 + draw(5, 2).abs()
        result = integrated(score, x, references=-2 - draw(3, 2, seed=1).abs())
        assert (result.residual.abs() > 0.9).all()
        assert not result.complete.any()

    def test_more_nodes_leave_less(self):
        score, x, references = Plain(mlp(4, nn.ReLU, 3)), draw(40, 4), draw(2, 4, seed=1)
        left = [
            float(integrated(score, x, references=references, nodes=nodes, most_nodes=nodes).residual.abs().mean())
            for nodes in (4, 64, 512)
        ]
        assert left[0] > left[1] > left[2]

    def test_several_references_are_the_mean_of_single_ones(self):
        score, x, references = Plain(mlp(4)), draw(5, 4), draw(3, 4, seed=1)
        single = [integrated(score, x, references=state[None]).values for state in references]
        result = integrated(score, x, references=references).values
        torch.testing.assert_close(result, torch.stack(single).mean(0), rtol=1e-6, atol=1e-8)

    def test_at_its_only_reference_a_state_has_nothing_to_explain(self):
        x = draw(2, 4)
        result = integrated(Plain(mlp(4)), x[:1], references=x[:1])
        assert not result.values.any()
        assert result.complete.all()

    def test_at_least_one_node(self):
        with pytest.raises(ArgumentError, match="nodes is 0; it must be at least 1"):
            integrated(Plain(mlp(4)), draw(2, 4), references=draw(1, 4), nodes=0)


class TestShapley:
    def by_permutations(self, score, x, references):
        values = torch.zeros(len(x), score.outputs, x.shape[1], dtype=x.dtype)
        orders = list(permutations(range(x.shape[1])))
        with torch.no_grad():
            for start in references:
                for order in orders:
                    exact = start.expand_as(x).clone()
                    for feature in order:
                        before = score(exact)
                        exact[:, feature] = x[:, feature]
                        values[:, :, feature] += score(exact) - before
        return values / (len(orders) * len(references))

    @given(features=st.integers(1, 4), n_references=st.integers(1, 3), seed=st.integers(0, 2**16))
    @quick
    def test_against_all_orders(self, features, n_references, seed):
        score = Plain(mlp(features, nn.ReLU, seed))
        x, references = draw(3, features, seed=seed), draw(n_references, features, seed=seed + 1)
        result = shapley(score, x, references=references)
        torch.testing.assert_close(result.values, self.by_permutations(score, x, references), rtol=1e-9, atol=1e-12)
        assert result.residual.abs().max() < 1e-12

    def test_of_one_feature_it_is_the_difference(self):
        score, x, references = Plain(mlp(1)), draw(4, 1), draw(2, 1, seed=1)
        expected = (score(x) - score(references).mean(0)).detach()[:, :, None]
        torch.testing.assert_close(shapley(score, x, references=references).values, expected)

    def test_of_a_product_each_has_half(self):
        score = Plain(lambda x: (x[:, 0] * x[:, 1])[:, None], outputs=1)
        x, references = torch.tensor([[2.0, 3.0, 9.0]]).double(), torch.zeros(1, 3).double()
        assert shapley(score, x, references=references).values[0, 0].tolist() == [3.0, 3.0, 0.0]

    def test_needs_no_gradient(self):
        score = Plain(lambda x: torch.stack([x[:, 0].detach(), (x[:, 1] > 0).double()], 1))
        x, references = torch.tensor([[2.0, 3.0]]).double(), torch.zeros(1, 2).double()
        assert shapley(score, x, references=references).values[0].tolist() == [[2.0, 0.0], [0.0, 1.0]]

    def test_twelve_features_and_no_more(self):
        score = Plain(lambda x: x.sum(1, keepdim=True), outputs=1)
        x = draw(1, 12)
        result = shapley(score, x, references=torch.zeros(1, 12).double())
        torch.testing.assert_close(result.values[:, 0], x)
        with pytest.raises(ArgumentError, match=r"up to 12 features, and there are 13.*use sampled_shapley"):
            shapley(score, draw(1, 13), references=draw(1, 13))
        with pytest.raises(ArgumentError, match="there are 13"):
            shapley(score, draw(0, 13), references=draw(1, 13))


class TestCalling:
    @pytest.mark.parametrize("name", ["integrated_gradients", "shapley"])
    def test_references_are_required(self, name):
        with pytest.raises(ArgumentError, match=f"^{name} compares each state with reference states and none were"):
            find_method(name)(Plain(mlp(3)), draw(2, 3))

    def test_unknown_parameters(self):
        with pytest.raises(ArgumentError, match="gradient takes no parameter 'nodes'; it takes none"):
            gradient(Plain(mlp(3)), draw(2, 3), nodes=3)
        with pytest.raises(ArgumentError, match="takes no parameter 'steps'; it takes nodes, most_nodes, tolerance"):
            integrated(Plain(mlp(3)), draw(2, 3), references=draw(1, 3), steps=3)

    @pytest.mark.parametrize("name", ["gradient", "input_x_gradient", "integrated_gradients", "shapley"])
    def test_no_rows(self, name):
        result = find_method(name)(Plain(mlp(3)), draw(0, 3), references=draw(2, 3))
        assert result.values.shape == (0, 2, 3)

    def test_an_input_that_carries_a_gradient_may_be_given(self):
        x = draw(2, 3).requires_grad_()
        assert not gradient(Plain(mlp(3)), x).values.requires_grad
        assert x.grad is None

    @pytest.mark.parametrize(
        ("part", "wrong"),
        [("residual", torch.zeros(2)), ("standard_error", torch.zeros(2, 3)), ("complete", torch.zeros(3).bool())],
    )
    def test_every_part_of_a_result_is_checked(self, part, wrong):
        @method(unit="score", cost=1)
        def partly(score, x):
            return Result(torch.zeros(2, 2, 3), **{part: wrong})

        with pytest.raises(MethodError, match=f"method partly returned {part} of"):
            partly(Plain(mlp(3)), draw(2, 3))

    def test_unknown_methods(self):
        with pytest.raises(UnknownNameError, match="no method 'shaply'; did you mean shapley"):
            find_method("shaply")
