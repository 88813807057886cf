import re
from pathlib import Path

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given, settings
from torch import nn

from rltools.attributions import find_method
from rltools.errors import ArgumentError
from rltools.testing import PlainFunction

quick = settings(deadline=None, max_examples=15)
occlusion = find_method("occlusion")


def mlp(features, seed=0, dtype=torch.float64, activation=nn.Tanh):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(nn.Linear(features, 8), activation(), nn.Linear(8, 2)).to(dtype)


def draw(*shape, seed=0, dtype=torch.float64):
    return torch.randn(*shape, dtype=dtype, generator=torch.Generator().manual_seed(seed))


def one_by_one(net, x, references, replacement, groups):
    """Row by row, part by part, reference by reference."""
    instead = {"resample": references, "mean": references.mean(0)[None], "zero": torch.zeros_like(references[:1])}
    values = torch.zeros(len(x), 2, x.shape[1], dtype=x.dtype)
    with torch.no_grad():
        for row, state in enumerate(x):
            for group in groups:
                for other in instead[replacement]:
                    without = state.clone()
                    without[list(group)] = other[list(group)]
                    lost = net(state[None])[0] - net(without[None])[0]
                    values[row][:, list(group)] += lost[:, None] / len(group) / len(instead[replacement])
    return values


@given(
    features=st.integers(1, 7),
    n_references=st.integers(1, 3),
    replacement=st.sampled_from(["resample", "mean", "zero"]),
    parts=st.integers(0, 3),
    seed=st.integers(0, 2**16),
)
@quick
def test_against_one_replacement_at_a_time(features, n_references, replacement, parts, seed):
    net, x = mlp(features, seed), draw(3, features, seed=seed)
    references = draw(n_references, features, seed=seed + 1)
    order = torch.randperm(features, generator=torch.Generator().manual_seed(seed)).tolist()
    groups = tuple(tuple(order[part::parts]) for part in range(min(parts, features))) or None
    result = occlusion(PlainFunction(net, 2), x, references=references, replacement=replacement, groups=groups)
    expected = one_by_one(net, x, references, replacement, groups or [(place,) for place in range(features)])
    torch.testing.assert_close(result.values, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("replacement", ["resample", "mean", "zero"])
def test_of_a_linear_network(replacement):
    net, x, references = nn.Linear(4, 2).double(), draw(5, 4), draw(3, 4, seed=1)
    result = occlusion(PlainFunction(net, 2), x, references=references, replacement=replacement).values
    origin = torch.zeros(4) if replacement == "zero" else references.mean(0)
    torch.testing.assert_close(result, net.weight.detach() * (x - origin)[:, None])
    if replacement == "zero":
        torch.testing.assert_close(result, find_method("input_x_gradient")(PlainFunction(net, 2), x).values)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("features", [3, 8, 9, 11, 17])
@pytest.mark.parametrize("most_copies", [4, 40, 1 << 15])
def test_what_the_network_ignores_is_exactly_zero(features, dtype, most_copies):
    net = mlp(features, dtype=dtype, activation=nn.ReLU)
    x, references = draw(5, features, dtype=dtype), draw(3, features, seed=1, dtype=dtype)
    for ignored in (0, 1, features - 1):
        with torch.no_grad():
            weight = net[0].weight.clone()
            net[0].weight[:, ignored] = 0
        values = occlusion(PlainFunction(net, 2, most_copies=most_copies), x, references=references).values
        assert not values[:, :, ignored].any()
        assert values.any()
        net[0].weight.data = weight


@pytest.mark.parametrize("most_copies", [1, 5, 8, 20, 41, 64])
def test_no_more_copies_at_once_than_are_allowed(most_copies):
    score, x, references = PlainFunction(mlp(23), 2, most_copies=most_copies), draw(5, 23), draw(2, 23, seed=1)
    expected = occlusion(PlainFunction(mlp(23), 2), x, references=references).values
    torch.testing.assert_close(occlusion(score, x, references=references).values, expected, rtol=1e-9, atol=1e-12)
    assert max(rows * copies for rows, copies in score.seen) <= max(most_copies, len(x))


@pytest.mark.parametrize("features", [6, 8])
def test_as_many_passes_as_it_says(features):
    score, x, references = PlainFunction(mlp(features), 2), draw(4, features), draw(3, features, seed=1)
    occlusion(score, x, references=references)
    assert sum(copies for _, copies in score.seen) == 12 * 3
    assert occlusion.cost(features, 3, occlusion.defaults).passes == 12 * 3
    assert occlusion.cost(features, 3, occlusion.defaults).copies == 12


def test_pictures_by_group():
    net = nn.Sequential(nn.Flatten(), nn.Linear(12, 1)).double()
    x, references = draw(2, 2, 2, 3), draw(1, 2, 2, 3, seed=1)
    groups = (tuple(range(6)), tuple(range(6, 12)))
    score = PlainFunction(net, 1, dims=("channel", "y", "x"))
    result = occlusion(score, x, references=references, groups=groups).values
    shares = (net[1].weight.detach().reshape(2, 2, 3) * (x - references)).flatten(2).sum(2)
    torch.testing.assert_close(result, (shares / 6)[:, None, :, None, None].expand(2, 1, 2, 2, 3))


def test_rows_that_are_not_finite_stay_among_themselves():
    x = draw(3, 4)
    x[1, 2] = torch.nan
    result = occlusion(PlainFunction(mlp(4), 2), x, references=draw(2, 4, seed=1)).values
    assert result[1].isnan().any()
    assert result[[0, 2]].isfinite().all()


def test_as_captum_does_it():
    captum = pytest.importorskip("captum.attr")
    net, x, references = mlp(5), draw(6, 5), draw(4, 5, seed=1)
    result = occlusion(PlainFunction(net, 2), x, references=references, replacement="mean").values
    for target in range(2):
        theirs = captum.FeatureAblation(net).attribute(x, baselines=references.mean(0, keepdim=True), target=target)
        torch.testing.assert_close(result[:, target], theirs.detach(), rtol=1e-9, atol=1e-12)


def test_what_cannot_be_meant():
    score, x = PlainFunction(mlp(3), 2), draw(2, 3)
    with pytest.raises(ArgumentError, match="replacement is 'blur'; it must be one of 'resample', 'mean', 'zero'"):
        occlusion(score, x, references=x, replacement="blur")
    with pytest.raises(ArgumentError, match="must be in one of them"):
        occlusion(score, x, references=x, groups=((0, 1),))


class TestThePage:
    page = (Path(__file__).parents[2] / "docs" / "methods" / "perturbation.md").read_text(encoding="utf-8")

    @pytest.mark.parametrize(("name", "features"), [("occlusion", 8), ("blur_saliency", 17 * 17), ("rise", 8)])
    def test_its_costs_are_those_declared(self, name, features):
        result = find_method(name)
        (row,) = [line for line in self.page.splitlines() if line.startswith(f"| `{name}`")]
        assert result.unit == row.split("|")[3].strip()
        assert re.search(rf"\b{result.cost(features, 8, result.defaults).passes}\b", row.split("|")[4])
