from itertools import permutations

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from torch import nn

from rltools.attributions import find_method
from rltools.attributions._support.image import blurred
from rltools.errors import ArgumentError
from rltools.testing import PlainFunction

quick = settings(deadline=None, max_examples=15)
blur_saliency = find_method("blur_saliency")
ORDERS = list(permutations(("channel", "y", "x")))


def draw(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def network(entries, seed=0):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(nn.Flatten(), nn.Linear(entries, 8), nn.Tanh(), nn.Linear(8, 2)).double()


def by_hand(score, x, stride, radius, blur):
    """`[batch, target, y, x]`, position by position, with SciPy's Gaussian: what a pixel's values sum to."""
    filters, interpolate = pytest.importorskip("scipy.ndimage"), pytest.importorskip("scipy.interpolate")
    axes = [1 + score.dims.index(name) for name in ("y", "x")]
    sizes = [x.shape[axis] for axis in axes]
    soft = torch.as_tensor(filters.gaussian_filter(x.numpy(), blur, axes=axes, mode="reflect"))
    down, across = np.meshgrid(*map(np.arange, sizes), indexing="ij")
    grid = [np.arange(0, size, stride) for size in sizes]
    lost = np.zeros((*map(len, grid), len(x), score.outputs))
    for i, j in np.ndindex(*map(len, grid)):
        mask = np.exp(-((down - grid[0][i]) ** 2 + (across - grid[1][j]) ** 2) / (2 * radius**2))
        shape = [size if axis in axes else 1 for axis, size in enumerate(x.shape)]
        weight = torch.as_tensor(mask if axes[0] < axes[1] else mask.T).reshape(shape)
        with torch.no_grad():
            lost[i, j] = score(x) - score(x * (1 - weight) + soft * weight)
    # A single place, or what lies beyond the last one, has the last value.
    ends = [np.append(places, size + stride) for places, size in zip(grid, sizes, strict=True)]
    padded = np.pad(lost, [(0, 1), (0, 1), (0, 0), (0, 0)], mode="edge")
    between = interpolate.RegularGridInterpolator(ends, padded)(np.stack([down, across], -1))
    return torch.as_tensor(between).movedim((0, 1), (2, 3))


@given(
    dims=st.sampled_from(ORDERS),
    channels=st.integers(1, 3),
    height=st.integers(1, 9),
    width=st.integers(1, 9),
    stride=st.integers(1, 5),
    radius=st.floats(0.5, 6),
    blur=st.floats(0.3, 4),
    seed=st.integers(0, 2**16),
)
@quick
def test_against_one_position_at_a_time(dims, channels, height, width, stride, radius, blur, seed):
    sizes = {"channel": channels, "y": height, "x": width}
    x = draw(2, *(sizes[name] for name in dims), seed=seed)
    score = PlainFunction(network(channels * height * width, seed), 2, dims=dims)
    result = blur_saliency(score, x, stride=stride, radius=radius, blur=blur).values
    channel = 2 + dims.index("channel")
    maps = result.sum(channel) if dims.index("y") < dims.index("x") else result.sum(channel).transpose(-1, -2)
    torch.testing.assert_close(maps, by_hand(score, x, stride, radius, blur), rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(result, result.mean(channel, keepdim=True).expand_as(result))


def test_stacked_pictures_are_blurred_together():
    dims, x = ("lag", "y", "x", "channel"), draw(2, 3, 6, 5, 2)
    score = PlainFunction(network(180), 2, dims=dims)
    result = blur_saliency(score, x, stride=2, radius=1.5).values
    torch.testing.assert_close(result.sum((2, 5)), by_hand(score, x, 2, 1.5, 3.0), rtol=1e-9, atol=1e-12)


def test_of_a_linear_network_it_is_the_detail_around_a_place():
    net, x, dims = nn.Sequential(nn.Flatten(), nn.Linear(63, 1)).double(), draw(2, 7, 9), ("y", "x")
    result = blur_saliency(PlainFunction(net, 1, dims=dims), x, stride=1, radius=2.0).values
    detail = net[1].weight.detach().reshape(7, 9) * (x - blurred(x, dims, 3.0))
    down, across = torch.arange(7.0)[:, None], torch.arange(9.0)
    around = torch.exp(-((down[..., None, None] - down) ** 2 + (across[:, None, None] - across) ** 2) / 8).double()
    torch.testing.assert_close(result[:, 0], torch.einsum("yxij,bij->byx", around, detail))


@pytest.mark.parametrize("shape", [(2, 2), (1, 7), (9, 5), (20, 30)])
@pytest.mark.parametrize("std", [0.4, 3.0])
def test_blurring_is_that_of_the_authors_code(shape, std):
    filters = pytest.importorskip("scipy.ndimage")
    x = draw(3, *shape, 2)
    expected = filters.gaussian_filter(x.numpy(), std, axes=(1, 2))
    torch.testing.assert_close(blurred(x, ("y", "x", "channel"), std), torch.as_tensor(expected))


def test_an_even_picture_has_nothing_to_blur():
    x = torch.full((1, 2, 30, 20), 0.7).double()
    result = blur_saliency(PlainFunction(network(1200), 2, dims=("channel", "y", "x")), x).values
    assert result.abs().max() < 1e-12


def test_the_atari_picture_of_the_paper_has_289_places():
    x = torch.rand(1, 4, 84, 84)
    score = PlainFunction(lambda states: states.flatten(1)[:, :2], 2, dims=("channel", "y", "x"))
    blur_saliency(score, x)
    ((rows, copies),) = score.seen
    assert rows == 1
    assert 17 * 17 <= copies <= 17 * 17 + 7


@pytest.mark.parametrize("most_copies", [1, 8, 17, 60])
def test_no_more_copies_at_once_than_are_allowed(most_copies):
    x, dims = draw(3, 9, 8), ("y", "x")
    score = PlainFunction(network(72), 2, dims=dims, most_copies=most_copies)
    expected = blur_saliency(PlainFunction(network(72), 2, dims=dims), x, stride=2).values
    torch.testing.assert_close(blur_saliency(score, x, stride=2).values, expected, rtol=1e-9, atol=1e-12)
    assert max(rows * copies for rows, copies in score.seen) <= max(most_copies, len(x))


def test_single_precision_as_double():
    x, net = draw(2, 20, 20), network(400)
    expected = blur_saliency(PlainFunction(net, 2, dims=("y", "x")), x).values
    result = blur_saliency(PlainFunction(net.float(), 2, dims=("y", "x")), x.float()).values
    torch.testing.assert_close(result.double(), expected, rtol=1e-3, atol=1e-5)
    assert result.dtype == torch.float32


def test_what_cannot_be_meant():
    score, x = PlainFunction(network(12), 2, dims=("y", "x")), draw(2, 3, 4)
    for wrong, message in {"stride": "stride is 0;", "radius": "radius is 0;", "blur": "blur is 0;"}.items():
        with pytest.raises(ArgumentError, match=message):
            blur_saliency(score, x, **{wrong: 0})
    with pytest.raises(ArgumentError, match="these observations have feature"):
        blur_saliency(PlainFunction(network(4), 2), draw(2, 4))


def test_of_an_agent_that_sees_pictures():
    import rltools

    policy = rltools.load_policy("lavagap-cnn-ppo")
    states = np.random.default_rng(0).integers(0, 256, (2, *policy.features.shape), dtype=np.uint8)
    result = rltools.attribute(policy, states, method="blur_saliency", target="centered:all")
    assert result.values.shape == (2, len(policy.action_names), *policy.features.shape)
    np.testing.assert_allclose(result.values.sum(1), 0, atol=1e-5)  # centered scores change by 0 together
    assert np.abs(result.values).max() > 1e-4


@pytest.mark.parametrize(("dims", "stride"), [(("channel", "y", "x"), 2), (("y", "x", "channel"), 3)])
def test_as_many_passes_as_it_says(dims, stride):
    shape = tuple({"channel": 2, "y": 7, "x": 9}[name] for name in dims)
    score = PlainFunction(network(126), 2, dims=dims)
    blur_saliency(score, draw(3, *shape), stride=stride)
    settings = blur_saliency.defaults | {"stride": stride}
    assert [copies for _, copies in score.seen] == [blur_saliency.cost_of_row(shape, dims, 0, settings).passes]
    assert blur_saliency.cost_of_row(shape, dims, 0, settings).copies == score.seen[0][1]
