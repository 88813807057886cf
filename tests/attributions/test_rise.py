import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given, settings
from torch import nn

from rltools.attributions import find_method
from rltools.attributions._support.image import blurred, part_masks, pixel_masks
from rltools.errors import ArgumentError
from rltools.testing import PlainFunction

quick = settings(deadline=None, max_examples=15)
rise = find_method("rise")


def draw(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def network(entries, seed=0):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(nn.Flatten(), nn.Linear(entries, 8), nn.Tanh(), nn.Linear(8, 2)).double()


class TestMasks:
    @given(height=st.integers(1, 20), width=st.integers(1, 20), cells=st.integers(1, 9), visible=st.floats(0.2, 0.8))
    @quick
    def test_every_pixel_has_the_stated_mean_and_variance(self, height, width, cells, visible):
        masks = 4000
        drawn = pixel_masks(masks, (height, width), cells, visible, seed=0, like=draw(1))
        weights = drawn.weights(torch.arange(masks))
        assert weights.shape == (masks, height * width)
        assert 0 <= weights.min() <= weights.max() <= 1
        assert (weights.mean(0) - visible).abs().max() < 6 * (drawn.variance / masks) ** 0.5
        variance = weights.var(0)
        assert ((variance - drawn.variance).abs() < 0.2 * drawn.variance).all()

    def test_against_enlarging_by_hand(self):
        size, cells, visible, seed = (9, 6), 3, 0.5, 4
        generator = torch.Generator().manual_seed(seed)
        grid = (torch.rand(5, 5, 5, generator=generator) < visible).double()
        down = torch.randint(3, (5, 1), generator=generator)
        across = torch.randint(2, (5, 1), generator=generator)
        weights = pixel_masks(5, size, cells, visible, seed, like=draw(1)).weights(torch.arange(5)).reshape(5, *size)
        for mask in range(5):
            large = nn.functional.interpolate(grid[mask][None, None], (13, 9), mode="bilinear", align_corners=True)[
                0, 0
            ]
            y, x = int(down[mask]), int(across[mask])
            torch.testing.assert_close(weights[mask], large[y : y + 9, x : x + 6])

    def test_a_part_is_shown_or_not(self):
        weights = part_masks(2000, 3, 0.3, seed=0, like=draw(1)).weights(torch.arange(2000))
        assert set(weights.unique().tolist()) == {0, 1}
        assert (weights.mean(0) - 0.3).abs().max() < 0.05


@given(
    features=st.integers(1, 5),
    replacement=st.sampled_from([None, "resample", "mean", "zero"]),
    masks=st.integers(2, 30),
    seed=st.integers(0, 2**16),
)
@quick
def test_against_one_mask_at_a_time(features, replacement, masks, seed):
    net, x, references = network(features, seed), draw(2, features, seed=seed), draw(3, features, seed=seed + 1)
    visible = part_masks(masks, features, 0.4, seed, x).weights(torch.arange(masks))
    instead = {"mean": references.mean(0)[None], "zero": torch.zeros(1, features)}.get(replacement, references)
    result = rise(
        PlainFunction(net, 2),
        x,
        references=references,
        replacement=replacement,
        masks=masks,
        probability=0.4,
        seed=seed,
    )
    with torch.no_grad():
        scores = torch.stack(
            [net(torch.where(mask == 1, x, instead[i % len(instead)])) for i, mask in enumerate(visible)]
        )  # [mask, batch, target]
    terms = (scores - scores.mean(0))[..., None] * (visible - 0.4)[:, None, None] / (0.4 * 0.6)
    torch.testing.assert_close(result.values, terms.sum(0) / (masks - 1), rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(result.standard_error, terms.std(0) / masks**0.5, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("dims", [("channel", "y", "x"), ("y", "x", "channel"), ("x", "channel", "y")])
@pytest.mark.parametrize("replacement", [None, "mean"])
def test_of_pictures_against_one_mask_at_a_time(dims, replacement):
    sizes = {"channel": 2, "y": 5, "x": 7}
    shape = [sizes[name] for name in dims]
    net, x, references = network(70), draw(2, *shape), draw(3, *shape, seed=1)
    instead = blurred(x, dims, 3.0) if replacement is None else references.mean(0)
    drawn = pixel_masks(20, (5, 7), 3, 0.5, 0, x)
    maps = drawn.weights(torch.arange(20)).reshape(20, 5, 7)
    maps = maps if dims.index("y") < dims.index("x") else maps.transpose(1, 2)
    maps = maps.unsqueeze(1 + dims.index("channel"))
    with torch.no_grad():
        scores = torch.stack([net(x * mask + instead * (1 - mask)) for mask in maps])
    terms = torch.einsum("mbt,m...->mbt...", scores - scores.mean(0), maps - 0.5) / drawn.variance
    result = rise(
        PlainFunction(net, 2, dims=dims), x, references=references, masks=20, cells=3, replacement=replacement
    )
    torch.testing.assert_close(result.values, (terms.sum(0) / 19 / 2).expand_as(result.values), rtol=1e-9, atol=1e-12)
    expected = (terms.std(0) / 20**0.5 / 2).expand_as(result.standard_error)
    torch.testing.assert_close(result.standard_error, expected, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("visible", [0.3, 0.5])
def test_of_a_linear_network_it_is_right_on_average_and_its_error_is_as_stated(visible):
    net, x, references = nn.Linear(4, 1).double(), draw(2, 4), draw(3, 4, seed=1)
    with torch.no_grad():
        net.weight.copy_(torch.tensor([[1.0, -1.0, 0.5, 2.0]]))
    runs = [
        rise(PlainFunction(net, 1), x, references=references, masks=60, probability=visible, seed=seed)
        for seed in range(300)
    ]
    values, errors = (torch.stack([getattr(run, part) for run in runs]) for part in ("values", "standard_error"))
    exact = net.weight.detach() * (x - references.mean(0))[:, None]
    spread = values.std(0)
    assert ((values.mean(0) - exact).abs() < 4.5 * spread / 300**0.5).all()
    torch.testing.assert_close(errors.square().mean(0).sqrt(), spread, rtol=0.2, atol=0)


def test_what_ignores_the_state_has_no_value():
    x = draw(2, 3, 8, 8)
    score = PlainFunction(lambda states: states.new_full((len(states), 1), 1e3), 1, dims=("channel", "y", "x"))
    assert not rise(score, x, references=x, masks=50).values.any()


def test_a_group_is_hidden_together():
    net, x, references = network(4), draw(3, 4), draw(1, 4, seed=1)
    result = rise(PlainFunction(net, 2), x, references=references, groups=((0, 2), (1, 3)), masks=40)
    assert torch.equal(result.values[:, :, 0], result.values[:, :, 2])
    visible = part_masks(40, 2, 0.5, 0, x).weights(torch.arange(40))[:, [0, 1, 0, 1]]
    with torch.no_grad():
        scores = torch.stack([net(torch.where(mask == 1, x, references)) for mask in visible])
    expected = torch.einsum("mbt,mf->btf", scores - scores.mean(0), visible - 0.5) / 0.25 / 39 / 2
    torch.testing.assert_close(result.values, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("dims", [("feature",), ("y", "x")])
@pytest.mark.parametrize("most_copies", [1, 7, 40])
def test_no_more_copies_at_once_than_are_allowed(dims, most_copies):
    x, references = (draw(*[rows, 6, 4][: 1 + len(dims)], seed=rows) for rows in (3, 2))
    net = network(x[0].numel())
    expected = rise(PlainFunction(net, 2, dims=dims), x, references=references, masks=50)
    score = PlainFunction(net, 2, dims=dims, most_copies=most_copies)
    result = rise(score, x, references=references, masks=50)
    torch.testing.assert_close(result.values, expected.values, rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(result.standard_error, expected.standard_error, rtol=1e-9, atol=1e-12)
    assert max(rows * copies for rows, copies in score.seen) <= max(most_copies, len(x))
    assert sum(copies for _, copies in score.seen) == rise.cost(1, 1, rise.defaults | {"masks": 50}).passes


def test_another_seed_is_another_draw_and_more_masks_leave_less_error():
    score, x, references = PlainFunction(network(4), 2), draw(2, 4), draw(2, 4, seed=1)
    few, other = (rise(score, x, references=references, masks=100, seed=seed) for seed in (0, 1))
    many = rise(score, x, references=references, masks=1600)
    assert not torch.equal(few.values, other.values)
    torch.testing.assert_close(many.standard_error, few.standard_error / 4, rtol=0.4, atol=0)


def test_what_cannot_be_meant():
    score, x = PlainFunction(network(3), 2), draw(2, 3)
    for wrong, message in [
        ({"masks": 1}, "masks is 1; it must be at least 2"),
        ({"probability": 1.0}, "probability is 1.0; it must lie"),
        ({"cells": 0}, "cells is 0; it must be at least 1"),
        ({"replacement": "blur"}, "these observations have feature"),
        ({"replacement": "black"}, "replacement is 'black'"),
    ]:
        with pytest.raises(ArgumentError, match=message):
            rise(score, x, references=x, **wrong)
