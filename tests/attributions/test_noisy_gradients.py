from math import prod

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given, settings
from torch import nn

from rltools.attributions import find_method
from rltools.errors import ArgumentError
from rltools.testing import PlainFunction

quick = settings(deadline=None, max_examples=15)
few, noises, seeds = st.integers(1, 4), st.floats(0.01, 2), st.integers(0, 2**16)
gradient, smooth_grad, var_grad = map(find_method, ("gradient", "smooth_grad", "var_grad"))
both = pytest.mark.parametrize("noisy", [smooth_grad, var_grad], ids=lambda noisy: noisy.name)


def draw(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def mlp(features, activation=nn.Tanh, seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(features, 8), activation(), nn.Linear(8, 2)).double()


def plain(features=3, activation=nn.Tanh, seed=0, **choices):
    return PlainFunction(mlp(features, activation, seed), 2, **choices)


def of_pictures(seed=0):
    torch.manual_seed(seed)
    net = nn.Sequential(nn.Conv2d(2, 3, 2), nn.Tanh(), nn.Flatten(), nn.Linear(18, 2)).double()
    return PlainFunction(net, 2, dims=("channel", "y", "x"))


def slope(function, row, target):
    leaf = row.clone().requires_grad_()
    return torch.autograd.grad(function(leaf[None])[0, target], leaf)[0]


def noise_by_hand(references, noise, samples, seed):
    """Draw after draw, feature after feature."""
    generator = torch.Generator().manual_seed(seed)
    means = sum(references) / len(references)
    spread = (sum((state - means) ** 2 for state in references) / len(references)).sqrt()
    draws = [torch.randn(references.shape[1:], dtype=torch.float64, generator=generator) for _ in range(samples)]
    return spread, [noise * spread * single for single in draws]


class TestSmoothGrad:
    @given(
        features=few,
        samples=st.integers(1, 6),
        noise=noises,
        activation=st.sampled_from([nn.Tanh, nn.ReLU]),
        seed=seeds,
    )
    @quick
    def test_against_loops(self, features, samples, noise, activation, seed):
        score = plain(features, activation, seed)
        x, references = draw(3, features, seed=seed), draw(4, features, seed=seed + 1)
        result = smooth_grad(score, x, references=references, noise=noise, samples=samples, seed=seed)
        _, draws = noise_by_hand(references, noise, samples, seed)
        for row in range(3):
            for target in range(2):
                pairs = [
                    (slope(score.function, x[row] + single, target) + slope(score.function, x[row] - single, target))
                    / 2
                    for single in draws
                ]
                torch.testing.assert_close(result.values[row, target], sum(pairs) / samples)
                if samples > 1:
                    error = torch.stack(pairs).std(0) / samples**0.5
                    torch.testing.assert_close(result.standard_error[row, target], error, rtol=1e-6, atol=1e-9)
        assert (result.standard_error is None) == (samples == 1)

    @pytest.mark.parametrize("samples", [1, 3])
    def test_without_noise_it_is_the_gradient(self, samples):
        score, x = plain(), draw(5, 3)
        result = smooth_grad(score, x, references=draw(1, 3), noise=0, samples=samples)  # nothing to have a spread
        assert torch.equal(result.values, gradient(score, x).values)
        assert result.standard_error is None if samples == 1 else not result.standard_error.any()

    def test_of_a_quadratic_score_it_is_the_gradient_because_signs_cancel(self):
        form = draw(3, 3)
        score = PlainFunction(lambda x: (x @ form * x).sum(1, keepdim=True), 1)
        x = draw(4, 3)
        result = smooth_grad(score, x, references=draw(6, 3, seed=1), noise=1.0, samples=2)
        torch.testing.assert_close(result.values, gradient(score, x).values)
        assert result.standard_error.max() < 1e-12

    def test_of_a_known_function(self):
        """The mean slope of sine under normal noise is cosine, damped."""
        score = PlainFunction(torch.sin, 1)
        x, references = draw(5, 1), torch.tensor([[-2.0], [2.0]]).double()
        result = smooth_grad(score, x, references=references, noise=0.3, samples=4000)
        expected = torch.cos(x)[:, None] * torch.exp(torch.tensor(-(0.6**2) / 2))
        assert (result.values - expected).abs().le(4 * result.standard_error).all()
        assert result.standard_error.max() < 0.01

    def test_each_feature_has_noise_in_its_own_unit(self):
        """In centimeters the slopes are those in meters over a hundred, and the states meant are the same."""
        score, x, references = plain(), draw(4, 3), draw(5, 3, seed=1)
        unit = torch.tensor([1.0, 100.0, 0.01]).double()
        other = PlainFunction(lambda x: score.function(x / unit), 2)
        result = smooth_grad(other, x * unit, references=references * unit, noise=0.5)
        torch.testing.assert_close(result.values * unit, smooth_grad(score, x, references=references, noise=0.5).values)

    def test_features_that_are_used_alike_agree_within_the_standard_error_only(self):
        """The axiom "symmetric" is not declared: each feature has noise of its own."""
        score = PlainFunction(lambda x: (x[:, :1] * x[:, 1:]) ** 2, 1)
        x, references = draw(6, 1).expand(6, 2), draw(5, 1, seed=1).expand(5, 2)
        result = smooth_grad(score, x, references=references, noise=0.5, samples=200)
        difference = (result.values[..., 0] - result.values[..., 1]).abs()
        assert difference.min() > 1e-6
        assert (difference < 4 * result.standard_error.sum(-1)).all()

    def test_against_captum(self):
        attr = pytest.importorskip("captum.attr")
        score, x = plain(), draw(3, 3)
        references = torch.tensor([[1.0], [-1.0]]).double().expand(2, 3)  # one deviation for all, as Captum has it
        ours = smooth_grad(score, x, references=references, noise=0.5, samples=400)
        tunnel = attr.NoiseTunnel(attr.Saliency(score.function))
        torch.manual_seed(0)
        runs = torch.stack(
            [
                tunnel.attribute(
                    x.clone().requires_grad_(), nt_samples=100, stdevs=0.5, target=1, abs=False, nt_type="smoothgrad"
                )
                for _ in range(20)
            ]
        )
        error = (ours.standard_error[:, 1].square() + runs.var(0) / len(runs)).sqrt()
        assert ((ours.values[:, 1] - runs.mean(0)).abs() < 4 * error).all()


class TestVarGrad:
    @given(features=few, samples=st.integers(2, 7), noise=noises, seed=seeds)
    @quick
    def test_against_loops(self, features, samples, noise, seed):
        score = plain(features, nn.Tanh, seed)
        x, references = draw(3, features, seed=seed), draw(4, features, seed=seed + 1)
        result = var_grad(score, x, references=references, noise=noise, samples=samples, seed=seed)
        spread, draws = noise_by_hand(references, noise, samples, seed)
        for row in range(3):
            for target in range(2):
                slopes = torch.stack([spread * slope(score.function, x[row] + single, target) for single in draws])
                variance = slopes.var(0)
                torch.testing.assert_close(result.values[row, target], variance, rtol=1e-6, atol=1e-12)
                fourth = (slopes - slopes.mean(0)).pow(4).mean(0)
                error = ((fourth - variance**2 * (samples - 3) / (samples - 1)) / samples).clamp(min=0).sqrt()
                torch.testing.assert_close(result.standard_error[row, target], error, rtol=1e-4, atol=1e-9)

    def test_of_a_linear_score_it_is_nothing(self):
        score = PlainFunction(nn.Linear(3, 2).double(), 2)
        assert var_grad(score, draw(4, 3), references=draw(5, 3, seed=1)).values.max() < 1e-20

    def test_of_a_known_function(self):
        """Of a square the slope is 2 x, whose variance is 4 times that of x."""
        score = PlainFunction(torch.square, 1)
        references = torch.tensor([[-3.0], [3.0]]).double()
        result = var_grad(score, draw(4, 1), references=references, noise=0.5, samples=4000)
        expected = torch.full_like(result.values, 3**2 * 4 * 1.5**2)
        assert ((result.values - expected).abs() < 4 * result.standard_error).all()
        torch.testing.assert_close(result.standard_error, expected * (2 / 4000) ** 0.5, rtol=0.1, atol=0)

    def test_other_units_change_nothing(self):
        score, x, references = plain(), draw(4, 3), draw(5, 3, seed=1)
        unit = torch.tensor([1.0, 100.0, 0.01]).double()
        other = PlainFunction(lambda x: score.function(x / unit), 2)
        result = var_grad(other, x * unit, references=references * unit)
        torch.testing.assert_close(result.values, var_grad(score, x, references=references).values)

    @given(seed=st.integers(0, 2**16), noise=st.floats(0, 1e3))
    @quick
    def test_never_negative_and_without_noise_nothing(self, seed, noise):
        score, x = plain(3, nn.ReLU, seed), draw(4, 3, seed=seed).float()
        score.function.float()
        references = draw(5, 3, seed=seed + 1).float()
        assert (var_grad(score, x, references=references, noise=noise, samples=5).values >= 0).all()
        assert var_grad(score, x, references=references, noise=0, samples=5).values.max() < 1e-12

    def test_a_feature_that_never_changes_has_none(self):
        references = draw(5, 3, seed=1)
        references[:, 1] = 2.0
        result = var_grad(plain(), draw(4, 3), references=references).values
        assert not result[:, :, 1].any()
        assert (result[:, :, [0, 2]] > 0).all()

    def test_against_captum(self):
        attr = pytest.importorskip("captum.attr")
        score, x = plain(), draw(3, 3)
        references = torch.tensor([[1.0], [-1.0]]).double().expand(2, 3)
        ours = var_grad(score, x, references=references, noise=0.5, samples=800)
        tunnel = attr.NoiseTunnel(attr.Saliency(score.function))
        torch.manual_seed(0)
        runs = torch.stack(
            [
                tunnel.attribute(
                    x.clone().requires_grad_(), nt_samples=200, stdevs=0.5, target=1, abs=False, nt_type="vargrad"
                )
                for _ in range(20)
            ]
        )
        unbiased = runs * 200 / 199  # Captum divides by how many there are
        error = (ours.standard_error[:, 1].square() + unbiased.var(0) / len(runs)).sqrt()
        assert ((ours.values[:, 1] - unbiased.mean(0)).abs() < 4 * error).all()


class TestNoise:
    @both
    @pytest.mark.parametrize("most", [1, 3, 7, 40])
    def test_blocks_change_nothing_and_are_kept_to(self, noisy, most):
        x, references = draw(3, 3), draw(4, 3, seed=1)
        score = plain(most_copies=most)
        result = noisy(score, x, references=references, samples=9)
        expected = noisy(plain(), x, references=references, samples=9)
        torch.testing.assert_close(result.values, expected.values)
        torch.testing.assert_close(result.standard_error, expected.standard_error)
        assert max(map(prod, score.seen)) <= max(most, len(x))

    @both
    def test_what_is_declared_is_what_is_done(self, noisy):
        score = plain()
        noisy(score, draw(2, 3), references=draw(4, 3, seed=1), samples=6)
        per_row = sum(map(prod, score.seen)) // 2
        assert noisy.cost(3, 4, {"samples": 6}).passes == 2 * per_row  # a gradient costs two passes

    @both
    def test_the_seed_and_nothing_else_draws(self, noisy):
        score, x, references = plain(), draw(3, 3), draw(4, 3, seed=1)
        first = noisy(score, x, references=references, samples=4, seed=3).values
        assert torch.equal(noisy(score, x, references=references, samples=4, seed=3).values, first)
        assert not torch.equal(noisy(score, x, references=references, samples=4, seed=4).values, first)

    @both
    def test_float32_has_the_same_draws(self, noisy):
        score, x, references = plain(), draw(3, 3), draw(4, 3, seed=1)
        expected = noisy(score, x, references=references).values
        score.function.float()
        result = noisy(score, x.float(), references=references.float()).values
        assert result.dtype == torch.float32
        torch.testing.assert_close(result.double(), expected, rtol=1e-3, atol=1e-6)

    @both
    def test_pixels_of_a_channel_share_their_deviation(self, noisy):
        """A pixel that happens to be dark in all references has noise like its neighbors'."""
        x, references = draw(2, 2, 3, 4), draw(5, 2, 3, 4, seed=1)
        dark = references.clone()
        dark[:, :, 0, 0] = 0
        spread = dark.var(0, correction=0).mean((1, 2)).sqrt()
        even = torch.stack([1 + spread, 1 - spread])[..., None, None].expand(2, 2, 3, 4)
        result = noisy(of_pictures(), x, references=dark, noise=0.5).values
        torch.testing.assert_close(result, noisy(of_pictures(), x, references=even, noise=0.5).values)
        assert result[:, :, :, 0, 0].any()

    @both
    def test_rows_that_are_not_finite_stay_alone(self, noisy):
        x = draw(3, 3)
        x[1, 0] = torch.nan
        result = noisy(plain(), x, references=draw(4, 3, seed=1)).values
        assert result[1].isnan().any()
        assert result[[0, 2]].isfinite().all()

    @both
    def test_references_without_a_spread(self, noisy):
        for references in (draw(1, 3), draw(1, 3).expand(4, 3)):
            with pytest.raises(ArgumentError, match=r"noise is 0.1 standard deviations.*give at least two states"):
                noisy(plain(), draw(2, 3), references=references)

    @both
    @pytest.mark.parametrize(
        ("wrong", "message"),
        [
            ({"noise": -0.1}, "noise is -0.1; it must be at least 0"),
            ({"noise": float("nan")}, "noise of .* is nan"),
            ({"samples": 0}, r"samples is 0; it must be at least \d"),
        ],
    )
    def test_what_is_refused(self, noisy, wrong, message):
        with pytest.raises(ArgumentError, match=message):
            noisy(plain(), draw(2, 3), references=draw(4, 3), **wrong)

    def test_a_variance_needs_two(self):
        with pytest.raises(ArgumentError, match="samples is 1; it must be at least 2"):
            var_grad(plain(), draw(2, 3), references=draw(4, 3), samples=1)
