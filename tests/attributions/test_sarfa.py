import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from gymnasium.spaces import Box
from hypothesis import given, settings
from torch import nn

import rltools
from rltools.attributions import find_method
from rltools.attributions._support.image import blurred
from rltools.attributions._support.perturbation import place_parts
from rltools.errors import ArgumentError
from rltools.testing import PlainFunction

quick = settings(deadline=None, max_examples=15)
sarfa = find_method("sarfa")


def draw(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def network(entries, actions, seed=0, sharpness=3.0):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        net = nn.Sequential(nn.Flatten(), nn.Linear(entries, 8), nn.Tanh(), nn.Linear(8, actions)).double()
        with torch.no_grad():
            net[-1].weight *= sharpness
        return net


def softmax(scores):
    powers = np.exp(scores - scores.max())
    return powers / powers.sum()


def formula(before, after, chosen):
    """The paper's, of the scores of one state and of its perturbed copy."""
    fall = softmax(before)[chosen] - softmax(after)[chosen]
    if fall <= 0:
        return 0.0
    others, perturbed = softmax(np.delete(before, chosen)), softmax(np.delete(after, chosen))
    alike = 1 / (1 + (others * np.log(others / perturbed)).sum())
    return 2 * fall * alike / (fall + alike)


@given(
    features=st.integers(1, 6),
    actions=st.integers(2, 5),
    replacement=st.sampled_from([None, "resample", "mean", "zero"]),
    seed=st.integers(0, 2**16),
)
@quick
def test_against_the_formula_one_replacement_at_a_time(features, actions, replacement, seed):
    net, x, references = (
        network(features, actions, seed),
        draw(3, features, seed=seed),
        draw(2, features, seed=seed + 1),
    )
    chosen = torch.randint(actions, (3,), generator=torch.Generator().manual_seed(seed))
    result = sarfa(PlainFunction(net, actions, chosen=chosen), x, references=references, replacement=replacement).values
    instead = {"mean": references.mean(0)[None], "zero": torch.zeros(1, features)}.get(replacement, references)
    for row, state in enumerate(x):
        for feature in range(features):
            shares = []
            for other in instead:
                without = state.clone()
                without[feature] = other[feature]
                before, after = (net(single[None])[0].detach().numpy() for single in (state, without))
                shares.append(formula(before, after, int(chosen[row])))
            np.testing.assert_allclose(result[row, :, feature], np.mean(shares), rtol=1e-9, atol=1e-12)


@given(stride=st.integers(1, 4), actions=st.integers(2, 4), seed=st.integers(0, 2**16))
@quick
def test_of_pictures_against_the_formula_at_each_place(stride, actions, seed):
    dims, x, net = ("y", "x", "channel"), draw(2, 5, 6, 2, seed=seed), network(60, actions, seed)
    score = PlainFunction(net, actions, dims=dims)
    parts = place_parts(x, dims, stride, 2.0)
    weights = parts.mask(torch.eye(parts.count).double())
    soft = blurred(x, dims, 3.0)
    shares = torch.zeros(2, 1, parts.count).double()
    for row in range(2):
        before = net(x[row][None])[0].detach().numpy()
        for place, weight in enumerate(weights):
            after = net((x[row] * (1 - weight) + soft[row] * weight)[None])[0].detach().numpy()
            shares[row, 0, place] = formula(before, after, before.argmax())
    result = sarfa(score, x, references=x, stride=stride, radius=2.0).values
    torch.testing.assert_close(result, parts.spread(shares).expand_as(result), rtol=1e-9, atol=1e-12)


def test_a_group_is_replaced_together():
    net, x, references = network(5, 3), draw(4, 5), draw(1, 5, seed=1)
    result = sarfa(PlainFunction(net, 3), x, references=references, groups=((0, 3), (1, 2, 4))).values
    without = x.clone()
    without[:, [0, 3]] = references[:, [0, 3]]
    before, after = (net(states).detach().numpy() for states in (x, without))
    shares = [formula(b, a, b.argmax()) for b, a in zip(before, after, strict=True)]
    np.testing.assert_allclose(result[:, 0, [0, 3]].sum(1), shares, rtol=1e-9, atol=1e-12)
    assert torch.equal(result[:, :, 1], result[:, :, 4])


def test_groups_of_a_picture_are_blurred():
    dims, x, net = ("y", "x"), draw(3, 4, 4), network(16, 3)
    result = sarfa(
        PlainFunction(net, 3, dims=dims), x, references=x, groups=(tuple(range(8)), tuple(range(8, 16)))
    ).values
    without = x.clone()
    without[:, :2] = blurred(x, dims, 3.0)[:, :2]
    before, after = (net(states).detach().numpy() for states in (x, without))
    shares = [formula(b, a, b.argmax()) for b, a in zip(before, after, strict=True)]
    np.testing.assert_allclose(result[:, 0, :2].sum((1, 2)), shares, rtol=1e-9, atol=1e-12)


def test_it_is_about_the_chosen_action_whatever_the_target():
    policy = rltools.load_policy("cartpole-ppo")
    states, visited = np.array([[0.1, 0.5, -0.05, -0.3]] * 2), np.zeros((3, 4))
    result = {
        target: rltools.attribute(policy, states, method="sarfa", references=visited, target=target).values
        for target in ("centered:chosen", "logit:0", "logit:1")
    }
    assert result["logit:0"].max() > 0
    np.testing.assert_array_equal(result["logit:0"], result["logit:1"])
    np.testing.assert_array_equal(result["logit:0"], result["centered:chosen"])


def test_shares_lie_between_0_and_1():
    net, x = network(6, 4, sharpness=300), draw(50, 6)
    result = sarfa(PlainFunction(net, 4), x, references=draw(3, 6, seed=1)).values
    assert result.min() == 0
    assert 0.5 < result.max() <= 1


@pytest.mark.parametrize("replacement", ["zero", "mean"])
def test_an_action_that_becomes_more_likely_and_a_feature_that_changes_nothing_have_0(replacement):
    score = PlainFunction(lambda x: torch.stack([x[:, 0], x[:, 1], x[:, 0] * 0], 1), 3, chosen=torch.tensor([0]))
    x = torch.tensor([[-1.0, 1.0, 5.0]])
    result = sarfa(score, x, references=torch.zeros(1, 3), replacement=replacement).values[0, 0]
    # Without the first feature the chosen action has the score 0 and not -1; without the second another one falls.
    assert result.tolist() == [0, 0, 0]


def test_of_a_single_action_there_is_nothing_to_say():
    assert not sarfa(PlainFunction(network(3, 1), 1), draw(2, 3), references=draw(2, 3, seed=1)).values.any()


def test_rows_that_are_not_finite_stay_among_themselves():
    x = draw(3, 4)
    x[1, 2] = torch.nan
    chosen = torch.tensor([0, 1, 1])
    result = sarfa(PlainFunction(network(4, 2), 2, chosen=chosen), x, references=draw(2, 4, seed=1)).values
    assert result[1].isnan().any()
    assert result[[0, 2]].isfinite().all()


@pytest.mark.parametrize("most_copies", [1, 8, 17])
def test_no_more_copies_at_once_than_are_allowed(most_copies):
    x, references, net = draw(2, 9), draw(2, 9, seed=1), network(9, 3)
    expected = sarfa(PlainFunction(net, 3), x, references=references).values
    score = PlainFunction(net, 3, most_copies=most_copies)
    torch.testing.assert_close(sarfa(score, x, references=references).values, expected, rtol=1e-9, atol=1e-12)
    assert max(lead[0] * lead[-1] for lead in score.seen if len(lead) > 1) <= max(most_copies, len(x))


def test_what_cannot_be_meant():
    net, x = network(3, 2), draw(2, 3)
    with pytest.raises(ArgumentError, match="these observations have feature"):
        sarfa(PlainFunction(net, 2), x, references=x, replacement="blur")
    with pytest.raises(ArgumentError, match="replacement is 'noise'"):
        sarfa(PlainFunction(net, 2), x, references=x, replacement="noise")
    continuous = rltools.TorchPolicy(nn.Linear(3, 2), Box(-1, 1, (3,)), Box(-1, 1, (2,)))
    with pytest.raises(ArgumentError, match="does not choose one of several actions"):
        rltools.attribute(continuous, x.float().numpy(), method="sarfa", references=x.float().numpy())


@pytest.mark.parametrize("replacement", [None, "blur", "resample", "mean"])
def test_as_many_passes_as_it_says_of_a_picture(replacement):
    dims, shape = ("channel", "y", "x"), (2, 7, 9)
    score = PlainFunction(network(126, 3), 3, dims=dims)
    changes = {"stride": 2, "replacement": replacement}
    sarfa(score, draw(4, *shape), references=draw(3, *shape, seed=1), **changes)
    calls = [lead[1] if len(lead) > 1 else 1 for lead in score.seen]
    assert sum(calls) == sarfa.cost_of_row(shape, dims, 3, sarfa.defaults | changes).passes
    assert max(calls) == sarfa.cost_of_row(shape, dims, 3, sarfa.defaults | changes).copies


def test_as_many_passes_as_it_says_of_a_vector_or_groups():
    for shape, dims, groups in (((6,), ("feature",), None), ((1, 2, 3), ("channel", "y", "x"), ((0, 1, 2, 3), (4, 5)))):
        score = PlainFunction(network(6, 3), 3, dims=dims)
        changes = {"groups": groups, "replacement": None if groups is None else "resample"}
        sarfa(score, draw(4, *shape), references=draw(3, *shape, seed=1), **changes)
        calls = [lead[1] if len(lead) > 1 else 1 for lead in score.seen]
        assert sum(calls) == sarfa.cost_of_row(shape, dims, 3, sarfa.defaults | changes).passes
