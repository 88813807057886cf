import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from gymnasium.spaces import Box, Discrete, MultiDiscrete
from hypothesis import given, settings
from torch import nn

from rltools import AttributionWrapper, TorchPolicy, attribute, explain, load_policy, record
from rltools.attributions import find_method
from rltools.errors import ArgumentError
from rltools.policies.base import Context
from rltools.targets import Target, make_target_function
from rltools.testing import PlainFunction, check_attribution

quick = settings(deadline=None, max_examples=15)
decision_change = find_method("decision_change")


def draw(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def network(features=4, outputs=3, seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Flatten(), nn.Linear(features, 8), nn.Tanh(), nn.Linear(8, outputs)).double()


def policy_of(space, features=4, outputs=3, seed=0, **choices):
    return TorchPolicy(
        network(features, outputs, seed), Box(-np.inf, np.inf, (features,)), space, dtype=torch.float64, **choices
    )


def by_hand(decide, x, references, groups, different):
    """One feature, one state and one reference at a time: the mean change of the decision, and its standard error."""
    values = torch.zeros(len(x), *decide(x[0]).shape, x[0].numel(), dtype=torch.float64)
    errors = torch.zeros_like(values)
    for row, state in enumerate(x):
        for group in groups:
            changes = []
            for other in references:
                replaced = state.clone()
                for place in group:
                    replaced.view(-1)[place] = other.reshape(-1)[place]
                changes.append(different(decide(replaced), decide(state)))
            changes = torch.stack(changes).double()
            for place in group:
                values[row, :, place] = changes.mean(0) / len(group)
                errors[row, :, place] = (changes.var(0) / len(references)).sqrt() / len(group)
    return values, errors


def each(features):
    return [(place,) for place in range(features)]


def test_it_keeps_what_it_declares():
    check_attribution("decision_change")
    check_attribution("decision_change", seed=3)


def test_what_it_declares():
    assert decision_change.unit == "share"
    assert decision_change.needs == {"references", "decision"}
    assert decision_change.cost(8, 32, {"groups": None}).passes == 9 * 32


class TestChoices:
    @given(features=st.integers(1, 5), n_references=st.integers(2, 6), seed=st.integers(0, 2**16))
    @quick
    def test_against_one_replacement_at_a_time(self, features, n_references, seed):
        policy = policy_of(Discrete(3), features, seed=seed)
        x, references = draw(4, features, seed=seed), 2 * draw(n_references, features, seed=seed + 1)
        result = decision_change(make_target_function(policy, Target("decision"), Context()), x, references=references)
        values, errors = by_hand(
            lambda state: policy.head("logit", state[None], Context()).argmax(1),
            x,
            references,
            each(features),
            torch.ne,
        )
        torch.testing.assert_close(result.values, values)
        torch.testing.assert_close(result.standard_error, errors)

    @given(seed=st.integers(0, 2**16))
    @quick
    def test_several_at_once(self, seed):
        policy = policy_of(MultiDiscrete([3, 2]), outputs=5, seed=seed)
        x, references = draw(3, 4, seed=seed), 2 * draw(4, 4, seed=seed + 1)
        result = decision_change(make_target_function(policy, Target("decision"), Context()), x, references=references)

        def decide(state):
            logits = policy.head("logit", state[None], Context())
            return torch.cat([part.argmax(1) for part in logits.split([3, 2], 1)])

        values, errors = by_hand(decide, x, references, each(4), torch.ne)
        torch.testing.assert_close(result.values, values)
        torch.testing.assert_close(result.standard_error, errors)

    def test_among_allowed_actions(self):
        policy = policy_of(Discrete(3), masked=True)
        x, references = draw(20, 4), 3 * draw(8, 4, seed=1)
        single = torch.zeros(20, 3, dtype=torch.bool)
        single[:, 2] = True
        forced = decision_change(
            make_target_function(policy, Target("decision"), Context(mask=single)), x, references=references
        )
        assert not forced.values.any()
        assert not forced.standard_error.any()
        two = torch.tensor([True, False, True]).expand(20, 3)
        result = decision_change(
            make_target_function(policy, Target("decision"), Context(mask=two)), x, references=references
        )
        values, _ = by_hand(
            lambda state: policy.head("logit", state[None], Context())[:, [0, 2]].argmax(1),
            x,
            references,
            each(4),
            torch.ne,
        )
        torch.testing.assert_close(result.values, values)

    def test_decisions_have_no_distance(self):
        score = PlainFunction(lambda x: 7 * (x[:, :1] > 0).double(), 1, categorical=True)
        result = decision_change(
            score, torch.tensor([[1.0, 1.0]]).double(), references=torch.tensor([[-1.0, -1.0]]).double()
        )
        assert result.values[0, 0].tolist() == [1.0, 0.0]
        assert result.standard_error is None, "one reference says nothing of others"


class TestContinuous:
    @given(seed=st.integers(0, 2**16))
    @quick
    def test_the_mean_distance_in_units_of_the_range(self, seed):
        space = Box(np.float32([-0.5, 0]), np.float32([0.5, 4]))
        policy = policy_of(space, outputs=2, seed=seed)
        x, references = draw(3, 4, seed=seed), 2 * draw(5, 4, seed=seed + 1)
        result = decision_change(make_target_function(policy, Target("decision"), Context()), x, references=references)
        values, errors = by_hand(
            lambda state: torch.as_tensor(policy.act(state[None].numpy(), Context()).actions[0] / np.float32([1, 4])),
            x,
            references,
            each(4),
            lambda single, other: (single - other).abs(),
        )
        torch.testing.assert_close(result.values, values, rtol=1e-4, atol=1e-6)
        torch.testing.assert_close(result.standard_error, errors, rtol=1e-4, atol=1e-6)
        assert (result.values >= 0).all()
        assert (result.values <= 1).all()

    def test_a_feature_that_is_not_read_moves_nothing_whatever_the_size_of_a_batch(self):
        net = network(7, 2).float()
        with torch.no_grad():
            net[1].weight[:, 3] = 0
        score = PlainFunction(net, 2)
        for rows in (1, 2, 5, 33):
            x, references = draw(rows, 7).float(), draw(5, 7, seed=1).float()
            score.most_copies = 64
            assert not decision_change(score, x, references=references).values[:, :, 3].any()


class TestGroups:
    @given(seed=st.integers(0, 2**16))
    @quick
    def test_groups_are_replaced_together(self, seed):
        policy = policy_of(Discrete(3), seed=seed)
        x, references, groups = draw(4, 4, seed=seed), 2 * draw(5, 4, seed=seed + 1), ((0, 2), (3,), (1,))
        score = make_target_function(policy, Target("decision"), Context())
        result = decision_change(score, x, references=references, groups=groups)
        values, errors = by_hand(
            lambda state: policy.head("logit", state[None], Context()).argmax(1), x, references, groups, torch.ne
        )
        torch.testing.assert_close(result.values, values)
        torch.testing.assert_close(result.standard_error, errors)

    def test_a_single_group_is_another_state(self):
        policy = policy_of(Discrete(3))
        x, references = draw(6, 4), draw(9, 4, seed=1)
        score = make_target_function(policy, Target("decision"), Context())
        result = decision_change(score, x, references=references, groups=((0, 1, 2, 3),)).values.sum(2)
        others = score(references)[:, 0]
        torch.testing.assert_close(result, (score(x) != others).double().mean(1, keepdim=True))

    def test_pictures_by_region(self):
        torch.manual_seed(0)
        net = nn.Sequential(nn.Conv2d(3, 2, 3), nn.Flatten(), nn.Linear(72, 2))
        space = Box(0, 255, (3, 8, 8), np.uint8)
        policy = TorchPolicy(net, space, Discrete(2))
        states = np.random.default_rng(0).integers(0, 256, (6, 3, 8, 8), np.uint8)
        result = attribute(policy, states, method="decision_change", references=states[:4], groups="variables")
        assert result.values.shape == (6, 1, 3, 8, 8)
        values = result.values.reshape(6, -1)
        for _, places in policy.features.variables():
            assert np.ptp(values[:, places], axis=1).max() == 0
        assert result.spec.parameters["groups"] == "variables"


class TestBounds:
    @pytest.mark.parametrize("most", [1, 2, 3, 7, 40, 1000])
    def test_so_many_copies_at_once_and_no_more(self, most):
        score = PlainFunction(lambda x: (x.sum(1, keepdim=True) > 0).double(), 1, categorical=True, most_copies=most)
        x, references = draw(3, 5), draw(4, 5, seed=1)
        result = decision_change(score, x, references=references)
        expected = by_hand(lambda state: state.sum(0, keepdim=True) > 0, x, references, each(5), torch.ne)
        torch.testing.assert_close(result.values, expected[0])
        assert all(np.prod(lead) <= max(most, len(x)) for lead in score.seen)

    def test_no_rows(self):
        score = PlainFunction(lambda x: (x[:, :2] > 0).double(), 2, categorical=True)
        result = decision_change(score, draw(0, 3), references=draw(2, 3))
        assert result.values.shape == result.standard_error.shape == (0, 2, 3)

    def test_what_is_no_number_is_not_a_change(self):
        policy = policy_of(Discrete(3))
        x = draw(3, 4)
        x[1] = torch.nan
        result = decision_change(
            make_target_function(policy, Target("decision"), Context()), x, references=draw(2, 4, seed=1)
        )
        assert result.values.isnan().all(2).any(1).tolist() == [False, True, False]

    def test_states_to_compare_with_are_needed(self):
        with pytest.raises(ArgumentError, match="decision_change compares each state with reference states"):
            decision_change(PlainFunction(lambda x: x, 2), draw(1, 2))


class TestOfAPolicy:
    def test_in_a_recording_whatever_the_chunks(self, tmp_path):
        policy = load_policy("cartpole-ppo")
        recording = record(policy, episodes=3, max_steps=40, directory=tmp_path / "run")
        explain(recording, policy, method="decision_change", references=16)
        result = recording.attribution("decision_change")
        assert (result.target, result.labels, result.unit) == ("decision", ("decision",), "share")
        assert result.values.min() == 0
        assert 0 < result.values.max() <= 1
        other = record(policy, episodes=3, max_steps=40, directory=tmp_path / "other")
        explain(other, policy, method="decision_change", references=16, max_batch=50)
        np.testing.assert_allclose(other.attribution("decision_change").values, result.values, atol=1e-6)
        data = recording.to_xarray(method="decision_change")
        assert list(data["target"].values) == ["decision"]

    def test_live(self):
        import gymnasium

        cartpole = load_policy("cartpole-ppo")
        states = np.random.default_rng(0).normal(size=(6, 4)).astype(np.float32)
        env = AttributionWrapper(gymnasium.make("CartPole-v1"), cartpole, "decision_change", references=states)
        observation, _ = env.reset(seed=0)
        *_, info = env.step_policy()
        assert env.labels == ("decision",)
        expected = attribute(cartpole, observation, method="decision_change", references=states).values[0, 0]
        np.testing.assert_allclose(info["attribution"], expected, atol=1e-6)

    def test_a_real_agent_needs_what_it_acts_by(self, zoo):
        """Of LunarLander the velocities and the angle decide; a contact of a leg hardly does in flight."""
        model = sorted((zoo / "ppo" / "LunarLander-v2_1").glob("*.zip"))[0]
        policy = load_policy(model, normalize=False)
        flying = np.random.default_rng(0).normal(size=(200, 8)).astype(np.float32) * np.float32([0.3] * 6 + [0] * 2)
        result = attribute(policy, flying, method="decision_change", references=flying[:32])
        contacts = result.values[:, 0, 6:]
        assert not contacts.any(), "they are the same in every state"
        assert result.values[:, 0, :6].mean(0).min() > 0
