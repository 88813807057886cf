"""Every algorithm with every kind of observations and actions, live and from its zip, against the library itself."""

from collections import OrderedDict

import numpy as np
import pytest
import torch
from gymnasium.spaces import Box, Dict, Discrete, MultiDiscrete, Sequence, Tuple
from stable_baselines3.common.vec_env import DummyVecEnv, VecFrameStack

from rltools.errors import ArgumentError, MismatchError, ModelError
from rltools.policies.base import Context, Policy
from rltools.policies.load import load_policy
from rltools.testing import check_policy


def environment_of(model):
    vector = model.get_env()
    while hasattr(vector, "venv"):
        vector = vector.venv
    return vector.envs[0]


def rows_of(policy, observations):
    return len(policy.encode(observations))


def some_context(policy, rows, seed=0):
    """A state, where there is one, and a continuous action."""
    rng = np.random.default_rng(seed)
    state = action = None
    if policy.state_size:
        state = torch.from_numpy(rng.standard_normal((rows, policy.state_size))).to(policy.dtype)
    if isinstance(policy.action_space, Box):
        low, high = policy.action_space.low, policy.action_space.high
        action = torch.from_numpy(rng.uniform(low, high, (rows, *low.shape))).to(policy.dtype)
    return Context(state=state, action=action)


def same_actions(policy, result, expected):
    # The library's LSTM and a step written out round differently.
    if policy.state_size and isinstance(policy.action_space, Box):
        np.testing.assert_allclose(result, expected, rtol=1e-4, atol=1e-5)
    else:
        np.testing.assert_array_equal(result, expected)


def test_the_actions_of_a_live_model_are_its_own(model, draw):
    policy = load_policy(model)
    observations = draw(policy.observation_space)
    expected, _ = model.predict(observations, deterministic=True)
    acted = policy.act(observations, Context())
    assert isinstance(policy, Policy)
    assert policy.observation_space == environment_of(model).observation_space
    same_actions(policy, acted.actions, expected)
    assert acted.actions.dtype == policy.action_space.dtype


def test_a_zip_gives_what_its_model_gives(model, draw, tmp_path):
    model.save(tmp_path / "model.zip")
    live, loaded = (
        load_policy(model),
        load_policy(tmp_path / "model.zip", lambda: environment_of(model), normalize=False),
    )
    observations = draw(live.observation_space)
    context = some_context(live, rows_of(live, observations))
    first, second = (policy.act(observations, context) for policy in (live, loaded))
    np.testing.assert_array_equal(first.actions, second.actions)
    np.testing.assert_array_equal(first.scores, second.scores)
    assert (live.heads, live.branches, live.masked) == (loaded.heads, loaded.branches, loaded.masked)
    for head in live.heads:
        scores = [policy.head(head, policy.encode(observations), context) for policy in (live, loaded)]
        assert torch.equal(*scores)


def test_gradients_agree_with_differences_in_the_units_of_the_environment(model, draw):
    policy = load_policy(model, dtype=torch.float64)
    observations = draw(policy.observation_space, rows=2)
    context = some_context(policy, 2)
    rng = np.random.default_rng(3)
    direction = torch.from_numpy(rng.standard_normal((2, *policy.features.shape)))
    for head in policy.heads:
        x = policy.encode(observations).requires_grad_()
        (gradient,) = torch.autograd.grad(policy.head(head, x, context).sum(), x)
        step = 1e-5 * direction
        with torch.no_grad():
            ends = [policy.head(head, x + sign * step, context).sum().item() for sign in (1, -1)]
        assert x.dtype == gradient.dtype == torch.float64
        assert gradient.abs().sum() > 0
        expected = (ends[0] - ends[1]) / 2e-5
        assert (gradient * direction).sum().item() == pytest.approx(expected, rel=1e-5, abs=1e-7)


def test_a_live_model_stays_as_it_is(model, draw):
    network = model.policy
    network.train()
    modes = [part.training for part in network.modules()]
    needs = [parameter.requires_grad for parameter in network.parameters()]
    before = {name: value.clone() for name, value in network.state_dict().items()}
    policy = load_policy(model, dtype=torch.float64)
    observations = draw(policy.observation_space)
    context = some_context(policy, rows_of(policy, observations))
    policy.act(observations, context)
    for head in policy.heads:
        x = policy.encode(observations).requires_grad_()
        torch.autograd.grad(policy.head(head, x, context).sum(), x)
    assert [part.training for part in network.modules()] == modes
    assert [parameter.requires_grad for parameter in network.parameters()] == needs
    assert all(parameter.grad is None and parameter.dtype == torch.float32 for parameter in network.parameters())
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


@pytest.mark.parametrize(
    "name",
    [
        "PPO vector discrete",
        "PPO dict several apart",
        "A2C cnn flags",
        "TRPO choices box",
        "PPO vector box squashed",
        "DQN bits",
        "QRDQN dict",
        "SAC vector sde",
        "SAC cnn shared",
        "TD3 choice",
        "DDPG vector",
        "TQC dict shared",
        "CrossQ vector",
        "ARS vector box",
        "MaskablePPO dict several",
        "MaskablePPO bits flags",
        "RecurrentPPO dict box",
        "RecurrentPPO vector discrete shared",
        "RecurrentPPO vector box sde",
    ],
)
def test_the_contract_of_policies_is_kept(make_model, name):
    model = make_model(name)
    check_policy(load_policy(model), module=model.policy)


def test_a_loaded_network_is_frozen_and_leaves_the_random_stream_alone(make_model, tmp_path):
    make_model("PPO").save(tmp_path / "model.zip")
    torch.manual_seed(4)
    expected = torch.rand(3)
    torch.manual_seed(4)
    policy = load_policy(tmp_path / "model.zip", normalize=False)
    assert torch.equal(torch.rand(3), expected)
    x = policy.encode(np.zeros((1, 5), np.float32))
    assert not policy.head("logit", x, Context()).requires_grad


def test_a_live_model_is_followed_through_training(make_model, draw):
    model = make_model("PPO")
    policy = load_policy(model)
    observations = draw(policy.observation_space)
    before = policy.act(observations, Context()).scores
    with torch.no_grad():
        model.policy.action_net.bias += 1.0
    np.testing.assert_allclose(policy.act(observations, Context()).scores, before + 1.0, rtol=1e-5)


def test_a_policy_network_alone_is_enough(make_model, draw):
    model = make_model("PPO box")
    policy = load_policy(model.policy)
    observations = draw(policy.observation_space)
    np.testing.assert_array_equal(
        policy.act(observations, Context()).actions, model.predict(observations, deterministic=True)[0]
    )


def test_the_keys_of_a_dict_may_come_in_another_order(make_model, draw, tmp_path):
    model = make_model("PPO dict box")
    model.save(tmp_path / "model.zip")
    env = environment_of(model).unwrapped
    turned = OrderedDict(reversed(env.observation_space.spaces.items()))
    policy = load_policy(tmp_path / "model.zip", type(env)(Dict(turned), env.action_space), normalize=False)
    observations = draw(env.observation_space)
    assert [leaf.name for leaf in policy.features.leaves] == ["speed", "lamps", "doors", "cell", "camera"]
    expected, _ = model.predict(observations, deterministic=True)
    np.testing.assert_array_equal(policy.act(observations, Context()).actions, expected)


@pytest.mark.parametrize(("name", "shape"), [("PPO", (10,)), ("PPO cnn", (36, 40, 6))])
def test_stacked_frames_keep_the_layout_of_the_environment(make_model, draw, name, shape):
    model = make_model(name, lambda env: VecFrameStack(DummyVecEnv([lambda: env]), 2))
    policy = load_policy(model)
    observations = draw(policy.observation_space)
    assert policy.features.shape == shape
    expected, _ = model.predict(observations, deterministic=True)
    np.testing.assert_array_equal(policy.act(observations, Context()).actions, expected)


@pytest.mark.parametrize("space", [Box(0, 1, (9,)), Sequence(Box(0, 1))], ids=str)
def test_an_environment_that_gives_something_else_is_left_aside(make_model, space):
    model = make_model("PPO")
    model.get_env().observation_space = space
    policy = load_policy(model)
    assert policy.features.shape == (5,)
    assert policy.source.environment is None


def test_the_clipped_action_has_no_gradient(make_model):
    model = make_model("PPO box")
    with torch.no_grad():
        model.policy.action_net.bias[0] = 100.0
    policy = load_policy(model)
    x = torch.zeros(1, 5, requires_grad=True)
    scores = policy.head("action", x, Context())
    gradients = [torch.autograd.grad(scores[0, k], x, retain_graph=True)[0].abs().sum().item() for k in (0, 1)]
    assert scores[0, 0].item() == 2.0
    assert gradients[0] == 0.0
    assert gradients[1] > 0.0


@pytest.mark.parametrize("name", ["PPO box squashed", "ARS box", "TD3", "SAC"])
def test_before_and_after_the_tanh_are_different_targets(make_model, draw, name):
    model = make_model(name)
    with torch.no_grad():
        for parameter in model.policy.parameters():
            parameter.mul_(3)
    policy = load_policy(model)
    observations = draw(policy.observation_space)
    x = policy.encode(observations)
    mean, action = (policy.head(head, x, Context()) for head in ("mean", "action"))
    low, high = map(torch.from_numpy, (policy.action_space.low, policy.action_space.high))
    torch.testing.assert_close(action, low + (torch.tanh(mean) + 1) / 2 * (high - low))
    assert (mean.abs() > 0.3).any()


def test_the_bits_of_an_action_have_scores_for_off_and_on(make_model, draw):
    model = make_model("PPO vector flags")
    policy = load_policy(model)
    observations = draw(policy.observation_space)
    scores = policy.head("logit", policy.encode(observations), Context())
    distribution = model.policy.get_distribution(torch.from_numpy(observations)).distribution
    assert policy.branches == (2, 2)
    assert policy.action_names == ("action[0]=off", "action[0]=on", "action[1]=off", "action[1]=on")
    assert not scores[:, 0::2].any()
    torch.testing.assert_close(torch.softmax(scores.view(-1, 2, 2), 2)[:, :, 1], distribution.probs)


@pytest.mark.parametrize("name", ["SAC", "TD3", "DDPG", "CrossQ", "TQC"])
def test_the_value_of_an_action_is_that_of_the_critics(make_model, draw, name):
    model = make_model(name)
    policy = load_policy(model)
    x = policy.encode(draw(policy.observation_space))
    context = some_context(policy, 6)
    result = policy.head("q_value", x, context)
    model.policy.set_training_mode(False)
    sent = torch.from_numpy(model.policy.scale_action(context.action.numpy()))
    estimates = model.critic(x, sent)
    expected = estimates.mean((1, 2)) if name == "TQC" else torch.cat(estimates, 1).amin(1)
    torch.testing.assert_close(result[:, 0], expected)
    with pytest.raises(ArgumentError, match="depends on the action, and none is given"):
        policy.head("q_value", x, Context())


def test_two_networks_have_two_fingerprints(make_model):
    model = make_model("PPO")
    first = load_policy(model).source.sha256
    with torch.no_grad():
        model.policy.action_net.bias += 1.0
    assert load_policy(model).source.sha256 != first
    assert load_policy(model).source.library == "Stable-Baselines3"


def test_a_class_that_is_not_supported_is_named(make_model, tmp_path):
    from stable_baselines3.dqn.policies import QNetwork

    model = make_model("DQN")
    with pytest.raises(ModelError, match=r"dqn\.policies\.QNetwork is not supported; supported are"):
        load_policy(model.q_net)
    model.policy_class = QNetwork
    model.save(tmp_path / "model.zip")
    with pytest.raises(ModelError, match=r"dqn\.policies\.QNetwork is not supported; supported are"):
        load_policy(tmp_path / "model.zip")


def test_a_derived_class_is_taken_while_it_leaves_inference_alone(make_model, draw):
    from stable_baselines3.common.policies import ActorCriticPolicy

    model = make_model("PPO")
    model.policy.__class__ = type("Mine", (ActorCriticPolicy,), {})
    policy = load_policy(model)
    observations = draw(policy.observation_space)
    np.testing.assert_array_equal(
        policy.act(observations, Context()).actions, model.predict(observations, deterministic=True)[0]
    )
    model.policy.__class__ = type("Mine", (ActorCriticPolicy,), {"_predict": lambda *_, **__: None})
    with pytest.raises(ModelError, match="keep their inference methods"):
        load_policy(model)


@pytest.mark.parametrize("space_name", ["action_space", "observation_space"])
def test_spaces_that_are_not_supported_are_named(make_model, tmp_path, space_name):
    model = make_model("PPO")
    setattr(model, space_name, Tuple([Discrete(2)]))
    model.save(tmp_path / "model.zip")
    with pytest.raises(ArgumentError, match=r"Tuple space, which is not supported; spaces must be Box, Discrete"):
        load_policy(tmp_path / "model.zip")


@pytest.mark.parametrize(
    ("space_name", "space"),
    [
        ("action_space", Discrete(3, start=1)),
        ("action_space", MultiDiscrete([3], start=[1])),
        ("observation_space", Dict(speed=Box(0, 1, (4,)), gear=Discrete(1, start=-1))),
    ],
)
def test_what_does_not_count_from_0_is_refused(make_model, space_name, space):
    model = make_model("PPO")
    setattr(model.policy, space_name, space)
    subject = "gear" if space_name == "observation_space" else "actions"
    with pytest.raises(ArgumentError, match=f"has {subject} that do not count from 0"):
        load_policy(model.policy)


def test_another_environment_is_refused_with_both_shapes(make_model, tmp_path):
    model = make_model("PPO")
    model.save(tmp_path / "model.zip")
    for source in (model, tmp_path / "model.zip", load_policy(model)):
        with pytest.raises(MismatchError, match=r"\[5\].*\[8\]"):
            load_policy(source, "LunarLander-v3")


def test_another_number_of_actions_is_refused_with_both(make_model):
    model = make_model("PPO")
    env = environment_of(model).unwrapped
    wide = type(env)(env.observation_space, MultiDiscrete([3]))
    with pytest.raises(MismatchError, match=r"3 actions.*MultiDiscrete"):
        load_policy(model, wide)
    small = type(env)(env.observation_space, Box(-1, 1, (3,)))
    with pytest.raises(MismatchError, match=r"3 actions.*Box"):
        load_policy(model, small)


def test_a_model_without_an_environment_can_be_loaded(make_model, tmp_path):
    make_model("DQN").save(tmp_path / "model.zip")
    policy = load_policy(str(tmp_path / "model.zip"))
    assert policy.source.environment is None
    assert policy.source.name == f"{tmp_path.name}-model"  # many files are called model.zip
    assert any("unknown" in note for note in policy.source.notes)
