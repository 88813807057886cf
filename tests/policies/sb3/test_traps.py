"""What goes wrong when a network of Stable-Baselines3 is differentiated the obvious way, each on images too."""

import copy

import numpy as np
import pytest
import torch
from gymnasium.spaces import Box, Discrete
from stable_baselines3.common.preprocessing import preprocess_obs
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from torch import nn

from rltools.policies.base import Context
from rltools.policies.load import load_policy
from rltools.targets import make_target_function, parse_target


def gradient_of(policy, name, x, context=None, column=0):
    x = x.detach().requires_grad_()
    (result,) = torch.autograd.grad(policy.head(name, x, context or Context())[:, column].sum(), x)
    return result


def as_tensor(model, observations):
    return model.policy.obs_to_tensor(observations)[0]


@pytest.mark.parametrize("name", ["PPO", "PPO cnn", "A2C dict several", "RecurrentPPO cnn", "MaskablePPO cnn"])
def test_logits_are_those_of_the_network_and_no_log_probabilities(make_model, draw, name):
    model = make_model(name)
    policy = load_policy(model)
    observations = draw(policy.observation_space)
    scores = policy.head("logit", policy.encode(observations), Context())
    sums = torch.stack([part.exp().sum(1) for part in scores.split(policy.branches, dim=1)], 1)
    assert ((sums - 1).abs() > 1e-3).all()
    if policy.state_size:
        return
    distribution = model.policy.get_distribution(as_tensor(model, observations))
    several = getattr(distribution, "distributions", None) or distribution.distribution
    library = [part.logits for part in several] if isinstance(several, list) else [several.logits]
    normalized = [torch.log_softmax(part, 1) for part in scores.split(policy.branches, dim=1)]
    for ours, theirs in zip(normalized, library, strict=True):
        torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("name", ["SAC cnn shared", "TD3 dict shared", "TQC cnn shared", "CrossQ cnn shared"])
def test_the_value_of_an_action_has_a_gradient_through_a_shared_extractor(make_model, draw, name):
    model = make_model(name)
    policy = load_policy(model)
    x = policy.encode(draw(policy.observation_space))
    context = Context(action=torch.zeros(6, 2))
    result = gradient_of(policy, "q_value", x, context)
    assert result.abs().sum() > 0
    leaf = torch.zeros(6, 3, 36, 40, requires_grad=True)
    arguments = (
        {key: value.float() for key, value in as_tensor(model, draw(policy.observation_space)).items()}
        | {"camera": leaf}
        if "dict" in name
        else leaf
    )
    theirs = model.critic(arguments, torch.zeros(6, 2))
    joined = theirs if isinstance(theirs, torch.Tensor) else torch.cat(theirs, 1)
    assert torch.autograd.grad(joined.sum(), leaf, allow_unused=True)[0] is None


@pytest.mark.parametrize("name", ["PPO choice", "DQN choices", "PPO dict"])
def test_choices_have_a_gradient_for_each_of_their_values(make_model, draw, name):
    model = make_model(name)
    policy = load_policy(model, dtype=torch.float64)
    observations = draw(policy.observation_space)
    x = policy.encode(observations)
    result = policy.features.unflatten(gradient_of(policy, policy.heads[0], x))
    inputs = policy.features.unflatten(x)
    pairs = [(result, inputs)] if "dict" not in name else [(result[key], inputs[key]) for key in ("cell", "doors")]
    for gradient, one_hot in pairs:
        assert ((one_hot == 0) | (one_hot == 1)).all()
        assert (gradient.abs().sum(0) > 0).all()
    library = preprocess_obs(as_tensor(model, observations), model.observation_space)
    theirs = library["cell"] if "dict" in name else library
    torch.testing.assert_close(pairs[0][1].float(), theirs)


@pytest.mark.parametrize("name", ["PPO cnn", "SAC cnn", "PPO dict", "RecurrentPPO cnn"])
def test_images_have_a_gradient_in_double_precision_through_the_division_by_255(make_model, draw, name):
    model = make_model(name)
    policy = load_policy(model, dtype=torch.float64)
    x = policy.encode(draw(policy.observation_space))
    result = gradient_of(policy, policy.heads[0], x)
    model.policy.normalize_images = False
    unscaled = load_policy(model, dtype=torch.float64)
    image = policy.features.unflatten(x)["camera"] if "dict" in name else x
    image /= 255.0  # in place: of a Dict, in x
    expected = gradient_of(unscaled, policy.heads[0], x)
    of_image = [
        policy.features.unflatten(single)["camera"] if "dict" in name else single for single in (result, expected)
    ]
    torch.testing.assert_close(of_image[0] * 255, of_image[1])
    assert result.dtype == torch.float64


@pytest.mark.parametrize("name", ["PPO cnn", "DQN cnn", "PPO dict", "MaskablePPO dict"])
def test_maps_are_in_the_layout_of_the_environment(make_model, draw, name):
    model = make_model(name)
    policy, alone = load_policy(model), load_policy(model.policy)
    observations = draw(policy.observation_space)
    result = policy.features.unflatten(gradient_of(policy, policy.heads[0], policy.encode(observations)))
    if "dict" in name:
        turned = observations | {"camera": observations["camera"].transpose(0, 3, 1, 2)}
        inner = alone.features.unflatten(gradient_of(alone, policy.heads[0], alone.encode(turned)))["camera"]
        result = result["camera"]
    else:
        turned = observations.transpose(0, 3, 1, 2)
        inner = gradient_of(alone, policy.heads[0], alone.encode(turned))
    assert result.shape == (6, 36, 40, 3)
    torch.testing.assert_close(result, inner.permute(0, 2, 3, 1))


@pytest.mark.parametrize(("high", "scaled"), [(255, True), (254, False)])
def test_what_an_image_is_is_decided_by_the_space(make_model, high, scaled):
    def darker(env):
        env.observation_space = Box(0, high, (6, 6, 3), np.uint8)
        return env

    model = make_model("PPO", darker)
    policy = load_policy(model)
    assert model.observation_space.shape == ((3, 6, 6) if scaled else (6, 6, 3))
    assert policy.observation_space.shape == (6, 6, 3)
    frames = np.random.default_rng(0).integers(0, high, (4, 6, 6, 3), np.uint8)
    expected = model.policy.get_distribution(as_tensor(model, frames)).distribution.logits
    torch.testing.assert_close(torch.log_softmax(policy.head("logit", policy.encode(frames), Context()), 1), expected)


@pytest.mark.parametrize("name", ["MaskablePPO", "MaskablePPO cnn", "MaskablePPO dict several"])
def test_actions_that_are_not_allowed_are_left_out_of_a_mean(make_model, draw, name):
    policy = load_policy(make_model(name), dtype=torch.float64)
    x = policy.encode(draw(policy.observation_space))
    mask = torch.ones(6, sum(policy.branches), dtype=torch.bool)
    mask[:, 1] = False
    acted = policy.act(draw(policy.observation_space), Context(mask=mask))
    raw = policy.head("logit", x, Context(mask=mask))
    assert raw.abs().max() < 100
    centered = make_target_function(policy, parse_target("centered:all", policy), acted.context)(x)
    first = slice(0, policy.branches[0])
    mean = raw[:, first][:, mask[0, first]].mean(1, keepdim=True)
    torch.testing.assert_close(centered[:, first], raw[:, first] - mean)


@pytest.mark.parametrize("name", ["PPO cnn discrete apart", "PPO dict box apart", "RecurrentPPO dict box apart"])
def test_an_extractor_of_its_own_serves_the_value(make_model, draw, name):
    model = make_model(name)
    policy = load_policy(model)
    x = policy.encode(draw(policy.observation_space))
    before = {head: policy.head(head, x, Context()) for head in policy.heads}
    with torch.no_grad():
        for parameter in model.policy.vf_features_extractor.parameters():
            parameter.mul_(1.5)
    changed = {head: not torch.equal(policy.head(head, x, Context()), before[head]) for head in policy.heads}
    assert changed.pop("value")
    assert not any(changed.values())


@pytest.mark.parametrize("name", ["PPO vector box sde", "SAC vector sde", "TQC cnn sde", "RecurrentPPO vector box sde"])
def test_a_network_with_state_dependent_noise_is_never_copied(make_model, draw, name, monkeypatch):
    model = make_model(name)
    if name == "PPO vector box sde":
        model.policy.get_distribution(torch.zeros(1, 5))
        with pytest.raises(RuntimeError, match="deepcopy"):
            copy.deepcopy(model.policy)
    monkeypatch.setattr(copy, "deepcopy", lambda *_: pytest.fail("the policy was copied"))
    policy = load_policy(model)
    observations = draw(policy.observation_space)
    rngs = [np.random.default_rng(row) for row in range(6)]
    policy.act(observations, Context(), deterministic=False, rngs=rngs)
    for head in ("mean", "action"):
        assert gradient_of(policy, head, policy.encode(observations)).abs().sum() > 0


class Normed(BaseFeaturesExtractor):
    """A small CNN with everything that is off in eval mode."""

    def __init__(self, space):
        super().__init__(space, 8)
        layers = nn.Conv2d(space.shape[0], 4, 8, 8), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(), nn.Flatten()
        self.cnn = nn.Sequential(*layers, nn.LazyLinear(8))
        self.eval()(torch.zeros(1, *space.shape))
        self.train()

    def forward(self, x):
        return self.cnn(x)


def unlike(name):
    return {"features_extractor_class": Normed, "features_extractor_kwargs": {}} if "cnn" in name else {}


@pytest.mark.parametrize("name", ["CrossQ", "PPO cnn", "SAC cnn", "DQN cnn", "RecurrentPPO cnn"])
def test_layers_that_differ_in_training_are_scored_in_eval_mode_and_stay_as_they_are(make_model, draw, name):
    model = make_model(name, **unlike(name))
    with torch.no_grad():
        for buffer in model.policy.buffers():
            if buffer.is_floating_point():
                buffer.add_(0.3)
    policy = load_policy(model)
    observations = draw(policy.observation_space)
    expected, _ = model.predict(observations, deterministic=True)
    model.policy.train()
    modes = [part.training for part in model.policy.modules()]
    buffers = [buffer.clone() for buffer in model.policy.buffers()]
    context = Context(action=torch.zeros(6, 2))
    x = policy.encode(observations)
    first = {head: (gradient_of(policy, head, x, context), policy.head(head, x, context)) for head in policy.heads}
    np.testing.assert_array_equal(policy.act(observations, Context()).actions, expected)
    for head, (gradient, scores) in first.items():
        assert torch.equal(gradient_of(policy, head, x, context), gradient)
        assert torch.equal(policy.head(head, x, context), scores)
    assert [part.training for part in model.policy.modules()] == modes
    assert all(torch.equal(now, before) for now, before in zip(model.policy.buffers(), buffers, strict=True))


@pytest.mark.parametrize("name", ["PPO cnn", "SAC cnn shared", "TD3", "RecurrentPPO cnn", "MaskablePPO dict"])
def test_no_gradient_is_left_on_the_parameters(make_model, draw, name):
    model = make_model(name)
    ones = torch.ones_like(next(model.policy.parameters()))
    next(model.policy.parameters()).grad = ones
    policy = load_policy(model)
    x = policy.encode(draw(policy.observation_space))
    for head in policy.heads:
        gradient_of(policy, head, x, Context(action=torch.zeros(6, 2)))
    first, *others = model.policy.parameters()
    assert first.grad is ones
    assert torch.equal(ones, torch.ones_like(ones))
    assert all(parameter.grad is None for parameter in others)


@pytest.mark.parametrize("kind", ["vector", "cnn", "dict"])
def test_the_value_of_a_shared_lstm_is_not_cut_off(make_model, draw, kind):
    model = make_model(f"RecurrentPPO {kind} discrete shared")
    policy = load_policy(model)
    x = policy.encode(draw(policy.observation_space))
    state = torch.randn(6, policy.state_size, generator=torch.Generator().manual_seed(0))
    result = gradient_of(policy, "value", x, Context(state=state))
    assert result.abs().sum() > 0
    if kind == "vector":
        leaf = x.clone().requires_grad_()
        states = tuple(state.view(6, 2, 1, 7).permute(1, 2, 0, 3).contiguous())
        theirs = model.policy.predict_values(leaf, states, torch.zeros(6))
        assert torch.autograd.grad(theirs.sum(), leaf, allow_unused=True)[0] is None
        torch.testing.assert_close(policy.head("value", x, Context(state=state)), theirs)


@pytest.mark.parametrize("name", ["DQN", "QRDQN cnn"])
def test_random_actions_of_q_networks_are_epsilon_greedy(make_model, draw, name):
    model = make_model(name)
    model.exploration_rate = 0.3
    policy = load_policy(model)
    assert isinstance(policy.action_space, Discrete)
    observation = draw(policy.observation_space, rows=1)
    rngs = [np.random.default_rng([0, row]) for row in range(2000)]
    scores = torch.as_tensor(policy.act(observation, Context()).scores).expand(2000, 3)
    drawn = policy.choose(scores, deterministic=False, rngs=rngs)
    expected = np.full(3, 0.1)
    expected[int(scores[0].argmax())] += 0.7
    np.testing.assert_allclose(np.bincount(drawn, minlength=3) / 2000, expected, atol=0.04)
