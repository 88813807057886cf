import re
from collections import Counter
from math import prod
from pathlib import Path

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from scipy.stats import t
from torch import nn

import rltools
from rltools.attributions import find_method
from rltools.attributions.expected_gradients import _draw
from rltools.errors import ArgumentError
from rltools.policies.base import Context
from rltools.targets import make_target_function, parse_target
from rltools.testing import PlainFunction

quick = settings(deadline=None, max_examples=15)
few, seeds = st.integers(1, 4), st.integers(0, 2**16)
expected_gradients = find_method("expected_gradients")
integrated_gradients = find_method("integrated_gradients")


def draw(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def plain(features=3, activation=nn.Tanh, seed=0, **choices):
    torch.manual_seed(seed)
    net = nn.Sequential(nn.Linear(features, 8), activation(), nn.Linear(8, 2)).double()
    return PlainFunction(net, 2, **choices)


def integral(score, x, references):
    """By 4,096 midpoints, which kinks hardly harm."""
    total = torch.zeros(len(x), score.outputs, x.shape[1], dtype=x.dtype)
    for start in references:
        for part in ((torch.arange(4096) + 0.5) / 4096).double().split(512):
            path = start + part[:, None] * (x - start)[:, None]
            total += (score.gradients(path).sum(2) * (x - start)).movedim(0, 1)
    return total / 4096 / len(references)


def by_loops(score, x, references, draws):
    """Draw after draw: `[draw, batch, target, feature]`."""
    result = torch.zeros(len(draws), len(x), 2, x.shape[1], dtype=x.dtype)
    for number, draw_ in enumerate(draws):
        for row in range(len(x)):
            for target in range(2):
                way = x[row] - references[draw_.reference]
                leaf = (references[draw_.reference] + draw_.position * way).requires_grad_()
                (slope,) = torch.autograd.grad(score.function(leaf[None])[0, target], leaf)
                result[number, row, target] = slope * way
    return result


class TestDraws:
    @given(references=st.integers(1, 12), samples=st.integers(1, 60), seed=seeds)
    @quick
    def test_every_reference_equally_often_and_each_part_of_its_way_once_or_twice(self, references, samples, seed):
        draws, used = _draw(references, samples, seed)
        assert len(draws) <= samples
        drawn = Counter(draw.reference for draw in draws)
        assert len(drawn) == used <= references
        assert list(drawn) == sorted(drawn)
        if samples >= 2 * references:
            assert set(drawn.values()) == {samples // references}
        for number in drawn:
            of_it = [draw for draw in draws if draw.reference == number]
            assert sum(draw.weight for draw in of_it) == pytest.approx(1)
            parts = len(of_it) - sum(draw.second for draw in of_it)
            places = Counter(int(draw.position * parts) for draw in of_it)
            assert set(places) == set(range(parts))
            assert max(places.values()) <= 2
            assert [draw.last for draw in of_it] == [False] * (len(of_it) - 1) + [True]

    def test_all_samples_are_used_where_there_are_fewer_than_two_for_each_reference(self):
        for references, samples in [(32, 48), (40, 20), (64, 48), (300, 48)]:
            draws, used = _draw(references, samples, 0)
            assert len(draws) == samples
            assert used == samples - sum(draw.second for draw in draws)


class TestValues:
    @given(features=few, n_references=few, samples=st.integers(1, 9), seed=seeds)
    @quick
    def test_against_loops(self, features, n_references, samples, seed):
        score = plain(features, nn.Tanh, seed)
        x, references = draw(3, features, seed=seed), draw(n_references, features, seed=seed + 1)
        result = expected_gradients(score, x, references=references, samples=samples, seed=seed)
        draws, used = _draw(n_references, samples, seed)
        drawn = by_loops(score, x, references, draws)
        weights = torch.tensor([draw.weight for draw in draws], dtype=torch.float64)
        torch.testing.assert_close(result.values, torch.einsum("d,d...->...", weights, drawn) / used)
        with torch.no_grad():
            missing = score(x) - score(references).mean(0) - result.values.sum(2)
        torch.testing.assert_close(result.residual, missing)
        assert (result.standard_error is None) == (samples == 1 or (samples == 2 and n_references > 1))

    @pytest.mark.parametrize("activation", [nn.Tanh, nn.ReLU])
    @pytest.mark.parametrize(("n_references", "samples"), [(8, 48), (8, 32), (32, 48), (100, 48)])
    def test_the_standard_error_is_that_of_other_seeds(self, activation, n_references, samples):
        score, x, references = plain(4, activation, 3), draw(4, 4), draw(n_references, 4, seed=1)
        runs = [expected_gradients(score, x, references=references, samples=samples, seed=seed) for seed in range(200)]
        std = torch.stack([run.values for run in runs]).std(0)
        message = torch.stack([run.standard_error for run in runs]).square().mean(0).sqrt()
        assert 0.9 < (message / std).median() < 1.1

    @pytest.mark.parametrize("activation", [nn.Tanh, nn.ReLU])
    @pytest.mark.parametrize(("n_references", "samples"), [(1, 64), (6, 96), (6, 20), (40, 20)])
    def test_within_its_error_of_integrated_gradients(self, activation, n_references, samples):
        """As often as Student's t says of so few pairs, whose variance varies itself: of 6 pairs 99 % within 3.7."""
        score, x, references = plain(4, activation, 3), draw(20, 4), draw(n_references, 4, seed=1)
        exact = integral(score, x, references)
        runs = [expected_gradients(score, x, references=references, samples=samples, seed=seed) for seed in range(100)]
        errors = torch.stack([run.values - exact for run in runs])
        standard = torch.stack([run.standard_error for run in runs])
        ratio = (errors.square().mean() / standard.square().mean()).sqrt()
        assert 0.91 < ratio < 1.03, "errors are as large as they are said to be; seeds differ by 3 %"
        draws, used = _draw(n_references, samples, 0)
        part = used / n_references
        freedom = part * sum(draw.second for draw in draws) + (1 - part) * (used - 1)
        for level, least, most in ((0.5, 0.46, 0.56), (0.8, 0.73, 0.84), (0.95, 0.88, 0.97), (0.99, 0.945, 0.997)):
            within = (errors.abs() <= t.ppf((1 + level) / 2, freedom) * standard + 1e-12).double().mean()
            assert least < within < most, f"{level:.0%} within the interval"

    def test_right_on_average_where_references_are_left_out(self):
        score, x, references = plain(), draw(4, 3), draw(9, 3, seed=1)
        runs = torch.stack(
            [expected_gradients(score, x, references=references, samples=4, seed=seed).values for seed in range(400)]
        )
        error = runs.std(0) / len(runs) ** 0.5
        assert ((runs.mean(0) - integral(score, x, references)).abs() < 4.5 * error).all()

    def test_far_better_than_independent_draws(self):
        score, x, references = plain(), draw(20, 3), draw(8, 3, seed=1)
        exact = integral(score, x, references)
        ours, theirs = [], []
        for seed in range(30):
            result = expected_gradients(score, x, references=references, seed=seed).values
            ours.append((result - exact).square().mean())
            generator = torch.Generator().manual_seed(seed)
            used = torch.randint(8, (32,), generator=generator)
            way = x[:, None] - references[used]
            place = torch.rand(32, 1, generator=generator, dtype=torch.float64)
            slopes = score.gradients(references[used] + place * way)
            theirs.append(((slopes * way).mean(2).movedim(0, 1) - exact).square().mean())
        assert 20 * torch.stack(ours).mean() < torch.stack(theirs).mean()

    def test_of_one_feature_the_sum_is_all_there_is(self):
        score, x, references = plain(1), draw(5, 1), draw(3, 1, seed=1)
        result = expected_gradients(score, x, references=references)
        difference = (score(x) - score(references).mean(0)).detach()
        torch.testing.assert_close(result.values[..., 0] + result.residual, difference)
        assert ((result.values[..., 0] - difference).abs() <= 4 * result.standard_error[..., 0]).all()

    def test_a_linear_score_leaves_neither_residual_nor_error(self):
        score = PlainFunction(nn.Linear(3, 2).double(), 2)
        result = expected_gradients(score, draw(4, 3), references=draw(5, 3, seed=1), samples=17)
        assert result.residual.abs().max() < 1e-12
        assert result.standard_error.max() < 1e-12

    def test_at_its_only_reference_a_state_has_nothing_to_explain(self):
        x = draw(1, 3)
        assert not expected_gradients(plain(), x, references=x).values.any()

    def test_against_captum_on_a_real_agent(self):
        attr = pytest.importorskip("captum.attr")
        policy = rltools.load_policy("cartpole-ppo")
        states = (draw(36, 4) * torch.tensor([0.5, 0.2, 0.02, 0.2])).float()
        x, references = states[:6], states[6:]
        target = "logit:0"
        calls = {"target": target, "references": references.numpy(), "samples": 240}
        result = rltools.attribute(policy, x.numpy(), method="expected_gradients", **calls)
        score = make_target_function(policy, parse_target(target, policy), Context())
        peer = attr.GradientShap(score)
        torch.manual_seed(0)
        np.random.seed(0)  # noqa: NPY002
        runs = torch.stack(
            [
                peer.attribute(x.clone().requires_grad_(), baselines=references, n_samples=60, stdevs=0.0, target=0)
                for _ in range(20)
            ]
        ).detach()
        error = (torch.as_tensor(result.standard_error[:, 0]).square() + runs.var(0) / len(runs)).sqrt()
        assert ((torch.as_tensor(result.values[:, 0]) - runs.mean(0)).abs() < 4.5 * error).all()


class TestCalling:
    @pytest.mark.parametrize("most", [1, 3, 7, 40])
    @pytest.mark.parametrize(("n_references", "samples"), [(2, 8), (2, 4), (5, 5), (9, 4), (1, 1)])
    def test_blocks_change_nothing_and_are_kept_to(self, most, n_references, samples):
        x, references = draw(3, 3), draw(n_references, 3, seed=1)
        score = plain(most_copies=most)
        result = expected_gradients(score, x, references=references, samples=samples)
        full = expected_gradients(plain(), x, references=references, samples=samples)
        for name, part in vars(full).items():
            torch.testing.assert_close(getattr(result, name), part)
        assert max(map(prod, score.seen)) <= max(most, len(x))

    def test_what_is_declared_is_what_is_done(self):
        score = plain()
        expected_gradients(score, draw(2, 3), references=draw(4, 3, seed=1), samples=8)
        rows = [prod(lead) // 2 for lead in score.seen]
        assert sorted(rows) == [1, 4, 8]
        assert expected_gradients.cost(3, 4, {"samples": 8}).passes == 2 * 8 + 4 + 1  # a gradient costs two passes

    def test_the_seed_and_nothing_else_draws(self):
        score, x, references = plain(), draw(3, 3), draw(4, 3, seed=1)
        first = expected_gradients(score, x, references=references, seed=3).values
        assert torch.equal(expected_gradients(score, x, references=references, seed=3).values, first)
        assert not torch.equal(expected_gradients(score, x, references=references, seed=4).values, first)

    def test_float32_has_the_same_draws(self):
        score, x, references = plain(), draw(3, 3), draw(4, 3, seed=1)
        exact = expected_gradients(score, x, references=references).values
        score.function.float()
        result = expected_gradients(score, x.float(), references=references.float()).values
        assert result.dtype == torch.float32
        torch.testing.assert_close(result.double(), exact, rtol=1e-4, atol=1e-5)

    def test_no_samples(self):
        with pytest.raises(ArgumentError, match="samples is 0; it must be at least 1"):
            expected_gradients(plain(), draw(2, 3), references=draw(4, 3), samples=0)


class TestPage:
    page = (Path(__file__).parents[2] / "docs" / "methods" / "gradients.md").read_text(encoding="utf-8")

    @pytest.mark.parametrize("name", ["smooth_grad", "var_grad", "expected_gradients", "integrated_gradients"])
    def test_its_costs_are_those_declared(self, name):
        method = find_method(name)
        (row,) = [line for line in self.page.splitlines() if line.startswith(f"| `{name}`")]
        cost = row.split("|")[4]
        assert method.unit == row.split("|")[3].strip()
        assert re.search(rf"\b{method.cost(8, 8, method.defaults).passes}\b", cost), cost

    def test_a_jacobian_is_the_gradient_of_all_actions(self):
        policy = rltools.load_policy("cartpole-ppo")
        x = draw(3, 4).float()
        result = rltools.attribute(policy, x.numpy(), target="logit:all").values
        rows = torch.autograd.functional.jacobian(lambda x: policy.head("logit", x, Context()).sum(0), x)
        np.testing.assert_allclose(result, rows.movedim(0, 1), rtol=1e-5, atol=1e-5)
