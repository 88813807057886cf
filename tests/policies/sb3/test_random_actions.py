"""Random actions, against the distributions of the library."""

import numpy as np
import pytest
import torch

from rltools.errors import ArgumentError
from rltools.policies.base import Context
from rltools.policies.load import load_policy

ROWS = 8


def generators(rows=ROWS, seed=0):
    return [np.random.default_rng([seed, row]) for row in range(rows)]


def distribution_of(model, observations):
    """The library's own, with the gSDE it has."""
    inputs = model.policy.obs_to_tensor(observations)[0]
    model.policy.set_training_mode(False)
    if not hasattr(model, "actor"):
        return model.policy.get_distribution(inputs).distribution
    mean, log_std, kwargs = model.actor.get_action_dist_params(inputs)
    return model.actor.action_dist.proba_distribution(mean, log_std, **kwargs).distribution


@pytest.mark.parametrize("acted", ["discrete", "several", "flags"])
@pytest.mark.parametrize("name", ["PPO vector", "A2C choices"])
def test_choices_follow_the_probabilities(make_model, draw, name, acted):
    model = make_model(f"{name} {acted}")
    policy = load_policy(model)
    observation = draw(policy.observation_space, rows=1)
    drawn = policy.act(np.repeat(observation, 3000, 0), Context(), deterministic=False, rngs=generators(3000)).actions
    distribution = distribution_of(model, observation)
    several = (
        [single.probs[0] for single in distribution] if isinstance(distribution, list) else [distribution.probs[0]]
    )
    if acted == "flags":
        several = [torch.stack([1 - on, on]) for on in distribution.probs[0]]
    for values, expected in zip(drawn.reshape(3000, -1).T, several, strict=True):
        shares = np.bincount(values, minlength=len(expected)) / 3000
        np.testing.assert_allclose(shares, expected.detach().numpy(), atol=0.04)


@pytest.mark.parametrize(
    "name",
    [
        "PPO vector box",
        "TRPO cnn box",
        "PPO dict box apart",
        "PPO vector box sde",
        "PPO vector box squashed",
        "SAC vector",
        "SAC vector sde",
        "SAC dict",
        "SAC cnn shared",
        "TQC cnn sde",
        "TQC choices",
        "CrossQ vector",
    ],
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_continuous_actions_stray_as_far_as_the_librarys_own(make_model, draw, name, dtype):
    model = make_model(name)
    policy = load_policy(model, dtype=dtype)
    observations = draw(policy.observation_space, rows=ROWS)
    acted = policy.act(observations, Context(), deterministic=False, rngs=generators())
    noise = torch.from_numpy(np.stack([rng.standard_normal(2) for rng in generators()]))
    distribution = distribution_of(model, observations)
    expected = (distribution.mean + distribution.stddev * noise).detach().numpy()
    if model.policy.squash_output:
        expected = model.policy.unscale_action(np.tanh(expected))
    expected = np.clip(expected, policy.action_space.low, policy.action_space.high)
    np.testing.assert_allclose(acted.actions, expected, rtol=1e-4, atol=1e-4)
    certain = policy.act(observations, Context())
    assert not np.array_equal(acted.actions, certain.actions)
    np.testing.assert_array_equal(acted.scores, certain.scores)
    torch.testing.assert_close(acted.context.action, torch.from_numpy(acted.actions).to(dtype))


@pytest.mark.parametrize(("bias", "std"), [(9.0, np.exp(2.0)), (-90.0, np.exp(-20.0))])
def test_a_deviation_is_capped_as_the_library_caps_it(make_model, draw, bias, std):
    model = make_model("SAC")
    with torch.no_grad():
        model.actor.log_std.bias.fill_(bias)
    policy = load_policy(model, dtype=torch.float64)
    observations = draw(policy.observation_space, rows=ROWS)
    acted = policy.act(observations, Context(), deterministic=False, rngs=generators())
    noise = np.stack([rng.standard_normal(2) for rng in generators()])
    expected = model.policy.unscale_action(np.tanh(acted.scores + std * noise))
    np.testing.assert_allclose(acted.actions, expected, rtol=1e-6)


@pytest.mark.parametrize("flags", ["", "sde"])
def test_random_actions_with_a_memory_go_by_what_is_remembered(make_model, draw, flags):
    model = make_model(f"RecurrentPPO vector box {flags}")
    policy = load_policy(model)
    observations = draw(policy.observation_space, rows=ROWS)
    state = torch.randn(ROWS, policy.state_size, generator=torch.Generator().manual_seed(0))
    acted = policy.act(observations, Context(state=state), deterministic=False, rngs=generators())
    of_actor = state[:, :14].view(ROWS, 2, 1, 7).permute(1, 2, 0, 3).contiguous()
    distribution, _ = model.policy.get_distribution(torch.from_numpy(observations), tuple(of_actor), torch.zeros(ROWS))
    noise = np.stack([rng.standard_normal(2) for rng in generators()])
    expected = (
        (distribution.distribution.mean + distribution.distribution.stddev * torch.from_numpy(noise)).detach().numpy()
    )
    expected = np.clip(expected, policy.action_space.low, policy.action_space.high)
    np.testing.assert_allclose(acted.actions, expected, rtol=1e-4, atol=1e-4)
    assert torch.equal(acted.state, policy.act(observations, Context(state=state)).state)


@pytest.mark.parametrize("name", ["TD3", "DDPG", "ARS", "ARS vector box", "ARS vector box linear"])
def test_what_draws_nothing_acts_the_same(make_model, draw, name):
    policy = load_policy(make_model(name))
    observations = draw(policy.observation_space, rows=ROWS)
    drawn = policy.act(observations, Context(), deterministic=False, rngs=generators()).actions
    np.testing.assert_array_equal(drawn, policy.act(observations, Context()).actions)


@pytest.mark.parametrize("name", ["SAC", "PPO vector box sde"])
def test_scores_alone_do_not_say_how_far_an_action_strays(make_model, draw, name):
    policy = load_policy(make_model(name))
    with pytest.raises(ArgumentError, match="sample with act"):
        policy.choose(torch.zeros(ROWS, 2), deterministic=False, rngs=generators())


@pytest.mark.parametrize("name", ["SAC", "PPO", "PPO box", "DQN"])
def test_random_actions_need_a_generator_for_each_row(make_model, draw, name):
    model = make_model(name)
    model.exploration_rate = 0.1
    policy = load_policy(model)
    with pytest.raises(ArgumentError, match="each of the 8 rows"):
        policy.act(draw(policy.observation_space, rows=ROWS), Context(), deterministic=False, rngs=generators(3))


def test_a_q_network_that_does_not_say_how_it_explores(make_model, draw):
    policy = load_policy(make_model("DQN").policy)
    with pytest.raises(ArgumentError, match="exploration rate"):
        policy.act(draw(policy.observation_space, rows=ROWS), Context(), deterministic=False, rngs=generators())
