"""Live models, and their zips, against the library itself."""

import numpy as np
import pytest
import torch
from gymnasium.spaces import Box, Dict, MultiDiscrete

from rltools.errors import ArgumentError, MismatchError, ModelError
from rltools.loading import load_policy
from rltools.policy import Context, Policy
from rltools.testing import check_policy


def environment_of(model):
    return model.get_env().venv.envs[0] if hasattr(model.get_env(), "venv") else model.get_env().envs[0]


def test_the_actions_of_a_live_model_are_its_own(model, draw):
    policy = load_policy(model)
    observations = draw(policy.observation_space)
    expected, _ = model.predict(observations, deterministic=True)
    acted = policy.act(observations, Context())
    assert isinstance(policy, Policy)
    assert policy.observation_space.shape == environment_of(model).observation_space.shape
    np.testing.assert_array_equal(acted.actions, expected)
    assert acted.actions.dtype == policy.action_space.dtype


def test_a_live_model_keeps_the_contract_of_policies(model):
    check_policy(load_policy(model), module=model.policy)


def test_a_zip_gives_what_its_model_gives(model, draw, tmp_path):
    model.save(tmp_path / "model.zip")
    live, loaded = (
        load_policy(model),
        load_policy(tmp_path / "model.zip", lambda: environment_of(model), normalize=False),
    )
    observations = draw(live.observation_space)
    first, second = (policy.act(observations, Context()) for policy in (live, loaded))
    np.testing.assert_array_equal(first.actions, second.actions)
    np.testing.assert_array_equal(first.scores, second.scores)
    assert live.heads == loaded.heads
    for head in live.heads:
        scores = [policy.head(head, policy.encode(observations), Context()) for policy in (live, loaded)]
        assert torch.equal(*scores)


def test_gradients_agree_with_differences_in_the_units_of_the_environment(model, draw, tmp_path):
    model.save(tmp_path / "model.zip")
    for source in (model, tmp_path / "model.zip"):
        policy = load_policy(source, lambda: environment_of(model), normalize=False, dtype=torch.float64)
        observations = draw(policy.observation_space, rows=2)
        rng = np.random.default_rng(3)
        direction = torch.from_numpy(rng.standard_normal((2, *policy.features.shape)))
        for head in policy.heads:
            x = policy.encode(observations).requires_grad_()
            (gradient,) = torch.autograd.grad(policy.head(head, x, Context()).sum(), x)
            step = 1e-5 * direction
            with torch.no_grad():
                ends = [policy.head(head, x + sign * step, Context()).sum().item() for sign in (1, -1)]
            assert x.dtype == gradient.dtype == torch.float64
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
    policy.act(observations, Context())
    for head in policy.heads:
        x = policy.encode(observations).requires_grad_()
        torch.autograd.grad(policy.head(head, x, Context()).sum(), x)
    assert [part.training for part in network.modules()] == modes
    assert [parameter.requires_grad for parameter in network.parameters()] == needs
    assert all(parameter.grad is None and parameter.dtype == torch.float32 for parameter in network.parameters())
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


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


@pytest.mark.parametrize("name", ["PPO", "PPO box", "DQN"])
def test_random_actions_follow_the_distribution_of_the_model(make_model, draw, name):
    model = make_model(name)
    if name == "DQN":
        model.exploration_rate = 0.3
    policy = load_policy(model)
    observation = draw(policy.observation_space, rows=1)
    rngs = [np.random.default_rng([0, row]) for row in range(4000)]
    drawn = policy.act(np.repeat(observation, 4000, 0), Context(), deterministic=False, rngs=rngs).actions
    if name == "DQN":
        greedy = policy.act(observation, Context()).actions[0]
        expected = np.full(3, 0.1)
        expected[greedy] += 0.7
        np.testing.assert_allclose(np.bincount(drawn, minlength=3) / 4000, expected, atol=0.03)
        return
    distribution = model.policy.get_distribution(torch.from_numpy(observation)).distribution
    if name == "PPO":
        np.testing.assert_allclose(np.bincount(drawn) / 4000, distribution.probs.detach().numpy()[0], atol=0.03)
    else:
        expected = np.clip(
            distribution.sample((4000,)).numpy()[:, 0], policy.action_space.low, policy.action_space.high
        )
        np.testing.assert_allclose(drawn.mean(0), expected.mean(0), atol=0.1)
        np.testing.assert_allclose(drawn.std(0), expected.std(0), atol=0.1)


@pytest.mark.parametrize("name", ["SAC", "PPO squashed"])
def test_random_actions_that_are_not_supported_are_refused(make_model, draw, name):
    policy = load_policy(make_model(name))
    with pytest.raises(ArgumentError, match="deterministic=True"):
        policy.act(draw(policy.observation_space, 1), Context(), deterministic=False, rngs=[np.random.default_rng()])


def test_an_image_is_explained_in_the_layout_of_the_environment(make_model, tmp_path):
    model = make_model("PPO cnn")
    model.save(tmp_path / "model.zip")
    alone = load_policy(tmp_path / "model.zip", normalize=False)
    beside = load_policy(tmp_path / "model.zip", lambda: environment_of(model), normalize=False)
    assert (alone.features.shape, alone.features.dims) == ((3, 36, 40), ("channel", "y", "x"))
    assert (beside.features.shape, beside.features.dims) == ((36, 40, 3), ("y", "x", "channel"))
    frames = np.random.default_rng(0).integers(0, 256, (2, 36, 40, 3), np.uint8)
    first = alone.act(frames.transpose(0, 3, 1, 2), Context()).scores
    np.testing.assert_array_equal(first, beside.act(frames, Context()).scores)


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


def test_two_networks_have_two_fingerprints(make_model):
    model = make_model("PPO")
    first = load_policy(model).source.sha256
    with torch.no_grad():
        model.policy.action_net.bias += 1.0
    assert load_policy(model).source.sha256 != first
    assert load_policy(model).source.library == "Stable-Baselines3"


@pytest.mark.parametrize("name", ["RecurrentPPO", "MaskablePPO"])
def test_a_class_that_is_not_supported_is_named(name, tmp_path):
    import sb3_contrib
    from stable_baselines3.common.env_util import make_vec_env

    kind = "MlpLstmPolicy" if name == "RecurrentPPO" else "MlpPolicy"
    model = getattr(sb3_contrib, name)(kind, make_vec_env("CartPole-v1"), device="cpu")
    model.save(tmp_path / "model.zip")
    for source in (model, tmp_path / "model.zip"):
        with pytest.raises(ModelError, match=r"sb3_contrib\..*ActorCriticPolicy is not supported"):
            load_policy(source)


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


@pytest.mark.parametrize(("which", "space"), [("action_space", MultiDiscrete([2, 2])), ("observation_space", Dict())])
def test_spaces_that_are_not_supported_are_named(make_model, tmp_path, which, space):
    model = make_model("PPO")
    setattr(model, which, space)
    model.save(tmp_path / "model.zip")
    with pytest.raises(ArgumentError, match=f"{type(space).__name__}.*must be Box or Discrete"):
        load_policy(tmp_path / "model.zip")


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
    assert policy.source.name == "model"
    assert "not known" in policy.source.notes[0]
