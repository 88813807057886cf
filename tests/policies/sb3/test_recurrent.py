"""RecurrentPPO, over whole sequences, against the library itself."""

import numpy as np
import pytest
import torch
from gymnasium.spaces import Box
from torch import nn

from rltools.errors import ArgumentError
from rltools.policies._recurrence import lstm_step
from rltools.policies.base import Context
from rltools.policies.decide import next_state
from rltools.policies.load import load_policy
from rltools.spaces.leaves import leaves, map_leaves

NAMES = [
    "RecurrentPPO vector discrete",
    "RecurrentPPO vector discrete shared",
    "RecurrentPPO vector box forgetful",
    "RecurrentPPO cnn several deep",
    "RecurrentPPO dict box apart",
    "RecurrentPPO bits flags",
]
LENGTH, ROWS = 6, 4


def of_critic(model):
    return model.policy.lstm_critic is not None


@pytest.mark.parametrize("name", NAMES)
def test_actions_over_a_sequence_are_the_librarys_own(make_model, draw, name):
    model = make_model(name)
    policy = load_policy(model)
    arrays = leaves(policy.observation_space)
    drawn = draw(policy.observation_space, rows=LENGTH * ROWS)
    starts = np.random.default_rng(0).random((LENGTH, ROWS)) < 0.3
    starts[0] = True
    state, theirs = torch.zeros(ROWS, policy.state_size), None
    for t in range(LENGTH):
        observations = map_leaves(lambda _, value: value[t * ROWS : (t + 1) * ROWS], drawn, arrays)  # noqa: B023
        state[torch.from_numpy(starts[t])] = 0  # a new episode
        acted = policy.act(observations, Context(state=state))
        expected, theirs = model.predict(observations, state=theirs, episode_start=starts[t], deterministic=True)
        if isinstance(policy.action_space, Box):
            np.testing.assert_allclose(acted.actions, expected, rtol=1e-4, atol=1e-5)
        else:
            np.testing.assert_array_equal(acted.actions, expected)
        assert torch.equal(acted.context.state, state)
        state = acted.state
        layers, _, hidden = theirs[0].shape
        ours = state[:, : 2 * layers * hidden].view(ROWS, 2, layers, hidden).numpy()
        for place in (0, 1):
            np.testing.assert_allclose(ours[:, place], theirs[place].transpose(1, 0, 2), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_the_value_goes_by_the_critics_own_memory(make_model, draw, name):
    model = make_model(name)
    policy = load_policy(model)
    observations = draw(policy.observation_space)
    context = Context(state=torch.randn(6, policy.state_size, generator=torch.Generator().manual_seed(1)))
    layers, hidden = model.policy.lstm_actor.num_layers, model.policy.lstm_actor.hidden_size
    assert policy.state_size == 2 * layers * hidden * (2 if of_critic(model) else 1)
    part = context.state[:, -2 * layers * hidden :].view(6, 2, layers, hidden).permute(1, 2, 0, 3).contiguous()
    model.policy.set_training_mode(False)
    expected = model.policy.predict_values(model.policy.obs_to_tensor(observations)[0], tuple(part), torch.zeros(6))
    torch.testing.assert_close(policy.head("value", policy.encode(observations), context), expected)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_remembered_can_be_differentiated_through_time(make_model, draw, name):
    policy = load_policy(make_model(name), dtype=torch.float64)
    x = policy.encode(draw(policy.observation_space, rows=3 * 2)).reshape(3, 2, *policy.features.shape)
    start = torch.randn(2, policy.state_size, dtype=torch.float64, generator=torch.Generator().manual_seed(2))

    def last(head, past, state):
        for now in past[:-1]:
            state = next_state(policy, now, Context(state=state))
        return policy.head(head, past[-1], Context(state=state)).sum()

    for head in ("value", policy.heads[0]):
        past, state = x.clone().requires_grad_(), start.clone().requires_grad_()
        gradients = torch.autograd.grad(last(head, past, state), (past, state), allow_unused=True)
        if head == "value" and "forgetful" in name:
            assert gradients[1] is None
            continue
        assert (gradients[0].flatten(1).abs().sum(1) > 0).all()
        generator = torch.Generator().manual_seed(3)
        steps = [1e-5 * torch.randn(tensor.shape, dtype=tensor.dtype, generator=generator) for tensor in (x, start)]
        with torch.no_grad():
            ends = [last(head, x + sign * steps[0], start + sign * steps[1]).item() for sign in (1, -1)]
        predicted = sum((tensor * gradient).sum().item() for tensor, gradient in zip(steps, gradients, strict=True))
        assert 2 * predicted == pytest.approx(ends[0] - ends[1], rel=1e-5, abs=1e-11)


def test_an_episode_begins_with_zeros(make_model, draw):
    policy = load_policy(make_model("RecurrentPPO"))
    observations = draw(policy.observation_space)
    first = policy.act(observations, Context())
    again = policy.act(observations, Context(state=torch.zeros(6, policy.state_size)))
    np.testing.assert_array_equal(first.scores, again.scores)
    assert torch.equal(first.state, again.state)
    assert not torch.equal(first.state, policy.act(observations, Context(state=first.state)).state)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("layers", [1, 3])
def test_a_step_is_that_of_an_lstm(bias, layers):
    torch.manual_seed(0)
    lstm = nn.LSTM(4, 5, layers, bias=bias).eval().double()
    features, hidden, cell = torch.randn(2, 4).double(), *torch.randn(2, layers, 2, 5).double()
    state = torch.stack([hidden, cell]).permute(2, 0, 1, 3).reshape(2, -1)
    output, after = lstm_step(lstm, features, state)
    expected, (new_hidden, new_cell) = lstm(features[None], (hidden, cell))
    torch.testing.assert_close(output, expected[0])
    torch.testing.assert_close(after, torch.stack([new_hidden, new_cell]).permute(2, 0, 1, 3).reshape(2, -1))


@pytest.mark.parametrize("odd", [{"bidirectional": True}, {"proj_size": 3}])
def test_an_lstm_that_is_no_plain_one_is_refused(make_model, odd):
    model = make_model("RecurrentPPO", lstm_kwargs=odd)
    with pytest.raises(ArgumentError, match=r"not supported: LSTM\(5, 7"):
        load_policy(model)


def test_a_policy_without_a_memory_does_not_advance(make_model):
    policy = load_policy(make_model("PPO"))
    assert policy.state_size == 0
    with pytest.raises(ArgumentError, match="not recurrent"):
        policy.advance(torch.zeros(1, 5), Context())
