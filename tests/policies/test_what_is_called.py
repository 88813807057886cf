"""The network that is called is the one that acts and is explained, whatever was changed in it, and whenever."""

from __future__ import annotations

import copy
import functools
import warnings

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.spaces import Box, Discrete
from torch import nn
from torch.nn.utils import parametrizations, prune
from torch.overrides import TorchFunctionMode

import rltools
from rltools.policies.base import Context

SPACE, ACTIONS = Box(-5, 5, (4,), np.float32), Discrete(3)
STATES = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)


class Steps(gymnasium.Env):
    """Twelve states, one after another."""

    observation_space, action_space = SPACE, ACTIONS

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.count = 0
        return STATES[0], {}

    def step(self, action):
        self.count += 1
        return STATES[self.count % 5], 0.0, self.count == 12, False, {}


class Plain:
    """A module of one's own."""

    def __init__(self):
        torch.manual_seed(1)
        self.layers = nn.Sequential(
            *(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 8), nn.Tanh()), nn.Linear(8, 3)
        ).requires_grad_(False)

    def policy(self):
        return rltools.TorchPolicy(self.layers, SPACE, ACTIONS)

    def scores(self, x):
        return self.layers(x)

    def actions(self):
        return self.scores(torch.from_numpy(STATES)).argmax(1).numpy()


class Library:
    """A live PPO."""

    def __init__(self):
        from stable_baselines3 import PPO

        torch.manual_seed(1)
        self.model = PPO(
            "MlpPolicy", Steps(), n_steps=8, batch_size=8, policy_kwargs={"net_arch": [8, 8]}, device="cpu"
        )
        nn.init.normal_(self.model.policy.action_net.weight)
        self.layers = self.model.policy.mlp_extractor.policy_net

    def policy(self):
        return rltools.load_policy(self.model, Steps)

    def scores(self, x):
        network = self.model.policy
        return network.action_net(network.mlp_extractor.forward_actor(network.pi_features_extractor(x)))

    def actions(self):
        return self.model.predict(STATES, deterministic=True)[0]


NETWORKS = {"module": Plain, "stable-baselines3": Library}


def _doubled(module, *args):
    return 2 * args[-1]


class Louder(nn.Tanh):
    def __call__(self, x):
        return 3 * super().__call__(x)


class Halved(nn.Linear):
    def forward(self, x):
        return super().forward(x) / 2


def forward_of_one(layers, patch):
    layers[1].forward = lambda x: x.clamp(-0.2, 0.2)


def forward_wrapped_as_accelerate_does(layers, patch):
    old = layers[2].forward
    layers[2].forward = functools.update_wrapper(functools.partial(lambda x: 2 * old(x)), old)


def forward_of_all(layers, patch):
    old = layers.forward
    layers.forward = lambda x: 2 * old(x)


def hook(layers, patch):
    layers[1].register_forward_hook(_doubled)


def hook_on_all(layers, patch):
    layers.register_forward_hook(_doubled)


def pre_hook(layers, patch):
    layers[3].register_forward_pre_hook(lambda module, args: (args[0] * 0.1,))


def hook_in_a_new_dict(layers, patch):
    layers[1]._forward_hooks = type(layers[1]._forward_hooks)()
    layers[1].register_forward_hook(_doubled)


def backward_hook(layers, patch):
    layers[1].register_full_backward_hook(lambda module, inputs, outputs: (inputs[0] * 5,))


def backward_pre_hook(layers, patch):
    layers[1].register_full_backward_pre_hook(lambda module, outputs: (outputs[0] * 5,))


def hook_on_everything(layers, patch):
    handle = nn.modules.module.register_module_forward_hook(
        lambda module, args, output: 2 * output if isinstance(module, nn.Tanh) else None
    )
    patch.callback(handle.remove)


def pre_hook_on_everything(layers, patch):
    handle = nn.modules.module.register_module_forward_pre_hook(
        lambda module, args: (0.5 * args[0],) if isinstance(module, nn.Tanh) else None
    )
    patch.callback(handle.remove)


def backward_hook_on_everything(layers, patch):
    handle = nn.modules.module.register_module_full_backward_hook(
        lambda module, inputs, outputs: (inputs[0] * 5,) if type(module) is nn.Tanh else None
    )
    patch.callback(handle.remove)


def replaced(layers, patch):
    layers[1] = nn.ReLU()


def replaced_by_an_unknown_one(layers, patch):
    layers[1] = nn.Mish()


def replaced_by_name(layers, patch):
    setattr(layers, "1", nn.Identity())


def inserted(layers, patch):
    layers.insert(2, nn.ReLU())


def deleted(layers, patch):
    del layers[1]


def appended(layers, patch):
    layers.append(nn.Tanh())


def moved(layers, patch):
    layers._modules["1"] = layers._modules.pop("1")  # now the last


def of_another_class(layers, patch):
    layers[1].__class__ = Louder


def subclass_with_a_call(layers, patch):
    layers[1] = Louder()


def subclass(layers, patch):
    layers[2].__class__ = Halved


def class_forward(layers, patch):
    patch.setattr(nn.Tanh, "forward", lambda self, x: x / 3)


def class_of_linear_forward(layers, patch):
    patch.setattr(nn.Linear, "forward", lambda self, x: 2 * x @ self.weight.T)


def class_call(layers, patch):
    old = nn.Tanh.__call__
    patch.setattr(nn.Tanh, "__call__", lambda self, x: 2 * old(self, x))


def class_of_all_call(layers, patch):
    old = nn.Module.__call__
    patch.setattr(nn.Module, "__call__", lambda self, *args: (2 if isinstance(self, nn.Tanh) else 1) * old(self, *args))


def container_forward(layers, patch):
    def forward(self, x):
        for layer in reversed(list(self)):
            if isinstance(layer, nn.Tanh):
                x = layer(x)
        for layer in self:
            x = layer(x)
        return x

    patch.setattr(nn.Sequential, "forward", forward)


def weight_norm(layers, patch):
    parametrizations.weight_norm(layers[2])
    layers[2].parametrizations.weight.original0.data.mul_(3)


def weight_norm_of_old(layers, patch):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        nn.utils.weight_norm(layers[2])
    layers[2].weight_g.data.mul_(3)


def spectral_norm(layers, patch):
    parametrizations.spectral_norm(layers[2])


def pruned(layers, patch):
    prune.l1_unstructured(layers[2], "weight", 0.7)


def compiled_in_place(layers, patch):
    layers[1]._compiled_call_impl = lambda x: 2 * torch.tanh(x)  # what compile() puts there, without a compiler


def compiled(layers, patch):
    layers[1] = torch.compile(nn.ReLU(), backend="eager")


def other_weights(layers, patch):
    layers[2].weight = nn.Parameter(layers[2].weight.detach() * 2)


def data_of_weights(layers, patch):
    layers[2].weight.data.mul_(2)


def weight_as_a_plain_tensor(layers, patch):
    weight = layers[2].weight.detach() * 2
    del layers[2].weight
    layers[2].weight = weight


def weights_loaded(layers, patch):
    layers.load_state_dict({name: value * 1.5 for name, value in layers.state_dict().items()})


def weight_in_the_way(layers, patch):
    vars(layers[2])["weight"] = layers[2].weight.detach() * 2


def function_of_linear(layers, patch):
    old = nn.functional.linear
    patch.setattr(nn.functional, "linear", lambda *args: 2 * old(*args))


def function_of_tanh(layers, patch):
    old = torch.tanh
    patch.setattr(torch, "tanh", lambda x: old(x) / 2)


def attributes_of_linear(layers, patch):
    old = nn.Module.__getattr__
    patch.setattr(
        nn.Linear, "__getattr__", lambda self, name: (3 if name == "weight" else 1) * old(self, name), raising=False
    )


class Halving(TorchFunctionMode):
    def __torch_function__(self, function, types, args=(), named=None):
        output = function(*args, **(named or {}))
        return output / 2 if function is torch.tanh else output


def function_mode(layers, patch):
    mode = Halving()
    mode.__enter__()
    patch.callback(lambda: mode.__exit__(None, None, None))


CHANGES = [
    *(forward_of_one, forward_wrapped_as_accelerate_does, forward_of_all, hook, hook_on_all, pre_hook),
    *(hook_in_a_new_dict, backward_hook, backward_pre_hook, hook_on_everything, pre_hook_on_everything),
    *(backward_hook_on_everything, replaced, replaced_by_an_unknown_one, replaced_by_name, inserted, deleted),
    *(appended, moved, of_another_class, subclass_with_a_call, subclass, class_forward, class_of_linear_forward),
    *(class_call, class_of_all_call, container_forward, weight_norm, weight_norm_of_old, spectral_norm, pruned),
    *(compiled_in_place, compiled, other_weights, data_of_weights, weight_as_a_plain_tensor, weights_loaded),
    *(weight_in_the_way, function_of_linear, function_of_tanh, attributes_of_linear, function_mode),
]
ONLY_GRADIENTS = (backward_hook, backward_pre_hook, backward_hook_on_everything)


@pytest.fixture
def patch(monkeypatch):
    """Puts back what was patched for all modules."""
    callbacks = []
    monkeypatch.callback = callbacks.append
    yield monkeypatch
    for callback in callbacks:
        callback()


def right_values(network):
    """Scores and gradients `[state, action, feature]` of calling the network, in eval mode."""
    network.layers.eval()
    leaf = torch.from_numpy(STATES.copy()).requires_grad_()
    scores = network.scores(leaf.clone())
    gradients = [torch.autograd.grad(scores[:, k].sum(), leaf, retain_graph=True)[0] for k in range(3)]
    return scores.detach().numpy(), torch.stack(gradients, 1).numpy()


def assert_explains_what_is_called(policy, network):
    scores, gradients = right_values(network)
    acted = policy.act(STATES, Context())
    np.testing.assert_allclose(acted.scores, scores, rtol=1e-5, atol=1e-6)
    assert acted.actions.tolist() == network.actions().tolist()
    attribution = rltools.attribute(policy, STATES, target="logit:all")
    np.testing.assert_allclose(attribution.values, gradients, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(attribution.scores, scores, rtol=1e-5, atol=1e-6)
    return scores, gradients


@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor:UserWarning")  # of torch's compiler
@pytest.mark.parametrize("kind", NETWORKS)
@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_a_network_that_is_changed_before_and_after_it_became_a_policy(kind, change, patch):
    network = NETWORKS[kind]()
    policy = network.policy()
    before = assert_explains_what_is_called(policy, network)
    change(network.layers, patch)
    after = assert_explains_what_is_called(policy, network)
    assert not np.allclose(before[1], after[1]), "the change matters"
    assert np.allclose(before[0], after[0]) == (change in ONLY_GRADIENTS)
    assert_explains_what_is_called(network.policy(), network)


@pytest.mark.parametrize("kind", NETWORKS)
@pytest.mark.parametrize(
    "change", [forward_of_one, hook, backward_hook, replaced, deleted, class_forward, hook_on_everything, pruned]
)
def test_recordings_explanations_and_wrappers(kind, change, patch):
    network = NETWORKS[kind]()
    policy = network.policy()
    env = rltools.AttributionWrapper(Steps(), policy, target="logit:all")
    vector = gymnasium.vector.SyncVectorEnv([Steps, Steps])
    envs = rltools.VectorAttributionWrapper(vector, policy, method="input_x_gradient", target="logit:all")
    rltools.record(policy, Steps, episodes=1)
    change(network.layers, patch)
    scores, gradients = right_values(network)
    recording = rltools.record(policy, Steps, episodes=1)
    episode = recording.episode(0)
    np.testing.assert_allclose(episode.scores[:5], scores, rtol=1e-5, atol=1e-6)
    assert episode.actions[:5].tolist() == network.actions().tolist()
    for method, values in (("gradient", gradients), ("input_x_gradient", gradients * STATES[:, None])):
        rltools.explain(recording, policy, method=method, target="logit:all")
        attribution = recording.attribution(method, "logit:all").values[:5]
        np.testing.assert_allclose(attribution, values, rtol=1e-4, atol=1e-6)
    env.reset(seed=0)
    envs.reset(seed=0)
    for state in range(3):
        _, _, _, _, info = env.step_policy()
        np.testing.assert_allclose(info["attribution"], gradients[state], rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(info["score"], scores[state], rtol=1e-5, atol=1e-6)
        _, _, _, _, info = envs.step_policy()
        np.testing.assert_allclose(info["attribution"][1], gradients[state] * STATES[state], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("kind", NETWORKS)
def test_a_change_that_is_taken_back(kind):
    network = NETWORKS[kind]()
    policy = network.policy()
    first = assert_explains_what_is_called(policy, network)
    handle = network.layers[1].register_forward_hook(_doubled)
    assert_explains_what_is_called(policy, network)
    handle.remove()
    again = assert_explains_what_is_called(policy, network)
    np.testing.assert_array_equal(again[0], first[0])
    assert policy.vjp("logit", torch.from_numpy(STATES), Context()) is not None, "without a graph again"


@pytest.mark.parametrize("kind", NETWORKS)
def test_copies_follow_their_own_network(kind):
    network = NETWORKS[kind]()
    policy = network.policy()
    twin = copy.deepcopy(policy)
    before = policy.act(STATES, Context()).scores
    network.layers[1].register_forward_hook(_doubled)
    np.testing.assert_array_equal(twin.act(STATES, Context()).scores, before)
    assert_explains_what_is_called(policy, network)


class TestOfStableBaselines:
    def test_a_child_of_the_policy_is_replaced(self):
        network = Library()
        policy = network.policy()
        policy.act(STATES, Context())
        torch.manual_seed(2)
        network.model.policy.action_net = nn.Linear(8, 3)
        assert_explains_what_is_called(policy, network)
        network.model.policy.mlp_extractor.policy_net = nn.Sequential(nn.Linear(4, 8), nn.Mish())
        assert_explains_what_is_called(policy, network)

    def test_a_method_of_the_extractor_is_replaced(self):
        network = Library()
        policy, extractor = network.policy(), network.model.policy.mlp_extractor
        extractor.forward_actor = lambda features: extractor.policy_net(features) * 2
        assert_explains_what_is_called(policy, network)

    def test_it_is_trained_further(self):
        network = Library()
        policy = network.policy()
        before = policy.act(STATES, Context()).scores
        network.model.learn(16)
        scores, _ = assert_explains_what_is_called(policy, network)
        assert not np.allclose(scores, before)

    @pytest.mark.parametrize("name", ["_predict", "get_distribution", "predict"])
    def test_its_own_methods_are_replaced(self, name):
        network = Library()
        policy = network.policy()
        setattr(network.model.policy, name, lambda *args, **more: None)
        with pytest.raises(rltools.errors.ModelError, match=rf"{name} of this very network was replaced"):
            policy.act(STATES, Context())

    def test_a_method_of_its_class_is_replaced(self, monkeypatch):
        policy = Library().policy()
        kind = type(policy.module)
        monkeypatch.setattr(kind, "get_distribution", lambda self, observations: None)
        with pytest.raises(rltools.errors.ModelError, match=r"ActorCriticPolicy\.get_distribution of the class"):
            policy.act(STATES, Context())

    @pytest.mark.parametrize("algorithm", ["DQN", "QRDQN"])
    @pytest.mark.parametrize(
        "change",
        [hook, forward_of_all, replaced, "inner hook", "inner forward", "inner replaced", "extractor"],
        ids=lambda change: getattr(change, "__name__", change),
    )
    def test_q_networks(self, algorithm, change, patch):
        import sb3_contrib
        import stable_baselines3

        torch.manual_seed(0)
        algorithm_class = getattr(stable_baselines3, algorithm, None) or getattr(sb3_contrib, algorithm)
        policy_kwargs = {"net_arch": [8, 8], "activation_fn": nn.Tanh}
        model = algorithm_class("MlpPolicy", Steps(), policy_kwargs=policy_kwargs, device="cpu")
        policy = rltools.load_policy(model, Steps)
        name = "q_net" if algorithm == "DQN" else "quantile_net"
        inner = getattr(model.policy, name)
        before = policy.act(STATES, Context()).scores
        if change == "inner hook":
            inner.register_forward_hook(_doubled)
        elif change == "inner forward":
            old = inner.forward
            inner.forward = lambda x: old(x) - x.sum()
        elif change == "inner replaced":
            torch.manual_seed(5)
            setattr(model.policy, name, model.policy.make_q_net() if algorithm == "DQN" else _quantiles(model))
        elif change == "extractor":
            inner.features_extractor.register_forward_hook(_doubled)
        else:
            change(getattr(inner, name), patch)
        states = STATES[:1]  # one row, because one of the changes sums over the batch
        leaf = torch.from_numpy(states.copy()).requires_grad_()
        right = getattr(model.policy, name)(leaf)
        right = right if algorithm == "DQN" else right.mean(1)
        acted = policy.act(states, Context())
        np.testing.assert_allclose(acted.scores, right.detach().numpy(), rtol=1e-5, atol=1e-6)
        assert not np.allclose(acted.scores, before[:1])
        assert acted.actions.tolist() == model.predict(states, deterministic=True)[0].tolist()
        attribution = rltools.attribute(policy, states, target="q_value:1").values[0, 0]
        (gradient,) = torch.autograd.grad(right[0, 1], leaf)
        np.testing.assert_allclose(attribution, gradient[0].numpy(), rtol=1e-4, atol=1e-6)

    @pytest.mark.parametrize("algorithm", ["SAC", "TD3"])
    @pytest.mark.parametrize("where", ["latent", "last", "extractor", "actor replaced", "weights"])
    def test_actors(self, algorithm, where):
        import stable_baselines3

        env = Steps()
        env.action_space = Box(np.array([-1.0, -3.0], np.float32), np.array([2.0, 5.0], np.float32))
        torch.manual_seed(0)
        algorithm_class = getattr(stable_baselines3, algorithm)
        model = algorithm_class("MlpPolicy", env, policy_kwargs={"net_arch": [8, 8]}, buffer_size=8, device="cpu")
        policy = rltools.load_policy(model)
        before = policy.act(STATES, Context()).actions
        actor = model.policy.actor
        if where == "latent":
            (actor.latent_pi if algorithm == "SAC" else actor.mu)[1] = nn.Mish()
        elif where == "last":
            (actor.mu if algorithm == "SAC" else actor.mu[-1]).register_forward_hook(_doubled)
        elif where == "extractor":
            actor.features_extractor.register_forward_pre_hook(lambda module, args: (args[0] - 1,))
        elif where == "actor replaced":
            torch.manual_seed(9)
            model.policy.actor = model.policy.make_actor()
        else:
            actor.load_state_dict({name: value * 2 for name, value in actor.state_dict().items()})
        acted = policy.act(STATES, Context()).actions
        assert not np.allclose(acted, before)
        # The library clips what it gives to the environment, and a last layer that gives more than 1 leads outside.
        leaf = torch.from_numpy(STATES.copy()).requires_grad_()
        squashed = model.policy.actor(leaf, True) if algorithm == "SAC" else model.policy.actor(leaf)
        low, high = (torch.from_numpy(bound) for bound in (env.action_space.low, env.action_space.high))
        right = low + 0.5 * (squashed + 1) * (high - low)
        np.testing.assert_allclose(acted, right.detach().numpy(), rtol=1e-5, atol=1e-6)
        attribution = rltools.attribute(policy, STATES, target="action:all").values
        for dimension in range(2):
            (gradient,) = torch.autograd.grad(right[:, dimension].sum(), leaf, retain_graph=True)
            np.testing.assert_allclose(attribution[:, dimension], gradient.numpy(), rtol=1e-4, atol=1e-6)

    def test_what_hangs_on_an_actor_itself_is_refused(self):
        import stable_baselines3

        env = Steps()
        env.action_space = Box(-1, 1, (2,), np.float32)
        model = stable_baselines3.TD3("MlpPolicy", env, buffer_size=8, device="cpu")
        policy = rltools.load_policy(model)
        model.policy.actor.register_forward_hook(_doubled)
        with pytest.raises(rltools.errors.ModelError, match=r"its actor \(Actor\) is hooked"):
            policy.act(STATES, Context())

    def test_an_lstm(self):
        import sb3_contrib

        torch.manual_seed(0)
        kwargs = {"net_arch": [8], "lstm_hidden_size": 6}
        model = sb3_contrib.RecurrentPPO("MlpLstmPolicy", Steps(), policy_kwargs=kwargs, n_steps=8, device="cpu")
        policy = rltools.load_policy(model, Steps)
        before = policy.act(STATES, Context()).scores
        model.policy.lstm_actor.register_forward_hook(lambda module, args, output: (output[0] * 3, output[1]))
        network = model.policy
        leaf = torch.from_numpy(STATES.copy()).requires_grad_()
        latent = network.lstm_actor(leaf[None])[0][0]
        right = network.action_net(network.mlp_extractor.forward_actor(latent))
        acted = policy.act(STATES, Context())
        np.testing.assert_allclose(acted.scores, right.detach().numpy(), rtol=1e-5, atol=1e-6)
        assert not np.allclose(acted.scores, before)
        attribution = rltools.attribute(policy, STATES, target="logit:0").values[:, 0]
        (gradient,) = torch.autograd.grad(right[:, 0].sum(), leaf)
        np.testing.assert_allclose(attribution, gradient.numpy(), rtol=1e-4, atol=1e-6)

    def test_exploration_goes_on_with_a_training(self):
        from stable_baselines3 import DQN

        model = DQN("MlpPolicy", Steps(), device="cpu")
        policy = rltools.load_policy(model, Steps)
        many = np.repeat(STATES[:1], 200, axis=0)
        drawn = {}
        for rate in (0.0, 1.0):
            model.exploration_rate = rate
            rngs = [np.random.default_rng(row) for row in range(200)]
            drawn[rate] = policy.act(many, Context(), deterministic=False, rngs=rngs).actions
        assert len(set(drawn[0.0])) == 1
        assert len(set(drawn[1.0])) == 3

    def test_statistics_of_a_live_model_go_on(self):
        from stable_baselines3 import PPO
        from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

        vector = VecNormalize(DummyVecEnv([Steps]))
        model = PPO("MlpPolicy", vector, n_steps=8, batch_size=8, device="cpu")
        policy = rltools.load_policy(model)
        first = policy.source.sha256
        before = policy.act(STATES, Context()).scores
        vector.obs_rms.mean[:] += 1  # in place
        vector.obs_rms.var = vector.obs_rms.var * 4

        def right():
            observed = torch.from_numpy(vector.normalize_obs(STATES))
            with torch.no_grad():
                return model.policy.action_net(model.policy.mlp_extractor.forward_actor(observed)).numpy()

        np.testing.assert_allclose(policy.act(STATES, Context()).scores, right(), rtol=1e-5, atol=1e-6)
        assert not np.allclose(before, right())
        assert policy.source.sha256 != first
        model.learn(16)
        np.testing.assert_allclose(policy.act(STATES, Context()).scores, right(), rtol=1e-5, atol=1e-6)


def _quantiles(model):
    return model.policy.make_quantile_net()


class TestOfModules:
    def image_policy(self, net):
        return rltools.TorchPolicy(net, Box(0, 1, (2, 9, 9), np.float32), Discrete(3))

    @pytest.mark.parametrize(
        "settings",
        [
            {"stride": (2, 2), "padding": (2, 2)},
            {"stride": 2, "padding": 2},
            {"padding_mode": "reflect", "padding": (1, 1), "_reversed_padding_repeated_twice": [1, 1, 1, 1]},
            {"dilation": (2, 2)},
            {"padding": "same", "_reversed_padding_repeated_twice": [1, 1, 1, 1]},
        ],
        ids=lambda change: getattr(change, "__name__", change),
    )
    def test_settings_of_a_convolution(self, settings):
        torch.manual_seed(0)
        net = nn.Sequential(nn.Conv2d(2, 4, 3), nn.ReLU(inplace=True), nn.AdaptiveAvgPool2d(2), nn.Flatten())
        net.append(nn.Linear(16, 3))
        plain = nn.Sequential(nn.Conv2d(2, 3, 3), nn.Tanh(), nn.Flatten(), nn.Linear(147, 3))
        states = np.random.default_rng(0).random((2, 2, 9, 9), np.float32)
        for module in (net, plain):
            policy = self.image_policy(module)
            policy.act(states, Context())
            for name, value in settings.items():
                setattr(module[0], name, value)
            if module is plain:
                module[3] = nn.Linear(module[:3](torch.from_numpy(states)).shape[1], 3)
            leaf = torch.from_numpy(states.copy()).requires_grad_()
            right = module(leaf)
            attribution = rltools.attribute(policy, states, target="logit:1")
            np.testing.assert_allclose(attribution.scores[:, 0], right[:, 1].detach().numpy(), rtol=1e-4, atol=1e-6)
            (gradient,) = torch.autograd.grad(right[:, 1].sum(), leaf)
            np.testing.assert_allclose(attribution.values[:, 0], gradient.numpy(), rtol=1e-4, atol=1e-6)

    def test_settings_of_flatten(self):
        net = nn.Sequential(nn.Flatten(), nn.Linear(4, 3))
        policy = rltools.TorchPolicy(net, SPACE, ACTIONS)
        policy.act(STATES, Context())
        net[0].start_dim = 0
        with pytest.raises(rltools.errors.MismatchError):
            policy.act(STATES, Context())

    def test_a_layer_in_training_mode_is_added(self):
        net = nn.Sequential(nn.Linear(4, 64), nn.Linear(64, 3)).eval()
        policy = rltools.TorchPolicy(net, SPACE, ACTIONS)
        before = policy.act(STATES, Context()).scores
        net.insert(1, nn.Dropout(0.9))
        np.testing.assert_allclose(policy.act(STATES, Context()).scores, before, rtol=1e-6)
        assert net[1].training

    @pytest.mark.parametrize("how", ["lambda", "method", "partial", "heads"])
    def test_functions_of_modules(self, how):
        torch.manual_seed(0)
        net = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Dropout(0.5), nn.Linear(8, 3))
        function = {
            "lambda": lambda x: net(1 * x),
            "method": net.forward,
            "partial": functools.partial(net),
            "heads": nn.Identity(),
        }[how]
        heads = {"logit": net} if how == "heads" else None
        policy = rltools.TorchPolicy(function, SPACE, ACTIONS, heads)
        for change in (hook, replaced, data_of_weights_of_first):
            change(net, None)
            net.eval()
            right = net(torch.from_numpy(STATES)).detach().numpy()
            net.train()
            np.testing.assert_allclose(policy.act(STATES, Context()).scores, right, rtol=1e-6, atol=1e-7)
            assert net[2].training

    def test_a_network_in_another_dtype_says_so(self):
        net = Plain()
        policy = net.policy()
        policy.act(STATES, Context())
        net.layers.half()
        with pytest.raises(rltools.errors.MismatchError, match=r"cannot take observations \[5, 4\] of torch.float32"):
            policy.act(STATES, Context())

    def test_a_library_network_in_another_dtype_is_computed_in_the_policys(self):
        network = Library()
        policy = network.policy()
        before = policy.act(STATES, Context()).scores
        network.model.policy.double()
        np.testing.assert_allclose(policy.act(STATES, Context()).scores, before, rtol=1e-5)
        assert next(network.model.policy.parameters()).dtype == torch.float64


def data_of_weights_of_first(layers, patch):
    layers[0].weight.data.mul_(2)


class TestIdentity:
    @pytest.mark.parametrize("change", [hook, replaced, data_of_weights, other_weights, forward_of_one, pruned])
    @pytest.mark.parametrize("kind", NETWORKS)
    def test_the_sha256_is_that_of_the_network_as_it_is(self, kind, change, patch):
        network = NETWORKS[kind]()
        policy = network.policy()
        first = policy.source.sha256
        assert policy.source.sha256 == first == network.policy().source.sha256
        change(network.layers, patch)
        assert policy.source.sha256 != first
        assert policy.source.sha256 == network.policy().source.sha256

    def test_of_a_file_it_is_the_files_until_the_network_is_changed(self):
        policy = rltools.load_policy("cartpole-ppo")
        first, weight = policy.source.sha256, policy.module.action_net.weight
        weight.data.mul_(2)
        assert policy.source.sha256 != first
        weight.data.div_(2)
        assert policy.source.sha256 == first

    def test_a_recording_of_another_state_is_not_continued(self, tmp_path):
        network = Plain()
        policy = network.policy()
        rltools.record(policy, Steps, episodes=1, directory=tmp_path / "run")
        network.layers[0].weight.data.mul_(2)
        with pytest.raises(rltools.errors.ConflictError):
            rltools.record(policy, Steps, episodes=2, directory=tmp_path / "run")


def test_another_network_is_not_taken_without_a_word():
    policy = Plain().policy()
    with pytest.raises(rltools.errors.ArgumentError, match=r"make a policy of that Linear, or change layers"):
        policy.module = nn.Linear(4, 3)
    rule = rltools.FunctionPolicy(lambda observations: observations[:, 0] > 0, "CartPole-v1")
    with pytest.raises(rltools.errors.ArgumentError, match="make a FunctionPolicy of that function"):
        rule.function = lambda observations: observations[:, 1] > 0


def test_a_model_with_another_network_is_refused():
    library = Library()
    policy = library.policy()
    policy.act(STATES, Context())
    library.model.policy = Library().model.policy
    for compute in (lambda: policy.act(STATES, Context()), lambda: rltools.attribute(policy, STATES)):
        with pytest.raises(rltools.errors.ModelError, match=r"another network than when it was loaded; load it again"):
            compute()


ELEMENTS = torch._C._nn
CALLS = {
    nn.ReLU: [(nn.functional, "relu"), (torch, "relu")],
    nn.ELU: [(nn.functional, "elu"), (ELEMENTS, "elu")],
    nn.SELU: [(nn.functional, "selu"), (torch, "selu")],
    nn.SiLU: [(nn.functional, "silu"), (ELEMENTS, "silu")],
    nn.GELU: [(nn.functional, "gelu")],
    nn.LeakyReLU: [(nn.functional, "leaky_relu"), (ELEMENTS, "leaky_relu")],
    nn.Sigmoid: [(torch, "sigmoid")],
    nn.Softplus: [(nn.functional, "softplus")],
    nn.LayerNorm: [(nn.functional, "layer_norm"), (torch, "layer_norm")],
}
"""The functions that a class of layers calls, from outside to inside."""


def class_of_layer_forward(layers, patch):
    patch.setattr(type(layers[1]), "forward", lambda self, x: x / 3)


def class_of_layer_call(layers, patch):
    old = nn.Module.__call__
    patch.setattr(type(layers[1]), "__call__", lambda self, x: 2 * old(self, x))


def class_of_layer_call_impl(layers, patch):
    old = nn.Module._call_impl
    patch.setattr(type(layers[1]), "_call_impl", lambda self, x: 2 * old(self, x), raising=False)


def hook_on_every_layer(layers, patch):
    kind = type(layers[1])
    handle = nn.modules.module.register_module_forward_hook(
        lambda module, args, output: 2 * output if type(module) is kind else None
    )
    patch.callback(handle.remove)


def backward_hook_on_every_layer(layers, patch):
    kind = type(layers[1])
    handle = nn.modules.module.register_module_full_backward_hook(
        lambda module, inputs, outputs: (inputs[0] * 5,) if type(module) is kind else None
    )
    patch.callback(handle.remove)


def derived(layers, patch):
    kind = type(layers[1])
    layers[1].__class__ = type("Derived", (kind,), {"forward": lambda self, x: 3 * kind.forward(self, x)})


def first_function(layers, patch):
    _double(*CALLS[type(layers[1])][0], patch)


def last_function(layers, patch):
    _double(*CALLS[type(layers[1])][-1], patch)


def _double(owner, name, patch):
    old = getattr(owner, name)
    patch.setattr(owner, name, lambda *args, **more: 2 * old(*args, **more))


def attributes_of_normalization(layers, patch):
    old = nn.Module.__getattr__
    patch.setattr(
        nn.LayerNorm, "__getattr__", lambda self, name: (3 if name == "weight" else 1) * old(self, name), raising=False
    )


def parametrized_normalization(layers, patch):
    torch.nn.utils.parametrize.register_parametrization(layers[1], "weight", nn.Softplus())


def pruned_normalization(layers, patch):
    prune.l1_unstructured(layers[1], "weight", 0.7)


def replaced_by_tanh(layers, patch):
    layers[1] = nn.Tanh()


LAYER_CHANGES = [
    *(forward_of_one, hook, hook_in_a_new_dict, backward_hook, backward_pre_hook, compiled_in_place, derived),
    *(
        replaced_by_tanh,
        replaced_by_an_unknown_one,
        class_of_layer_forward,
        class_of_layer_call,
        class_of_layer_call_impl,
    ),
    *(hook_on_every_layer, backward_hook_on_every_layer, first_function, last_function),
]


class TestOfEachLayer:
    def network_of(self, kind, layer):
        network = NETWORKS[kind]()
        network.layers[1] = layer(8) if layer is nn.LayerNorm else layer()
        return network

    def has_vjp(self, policy):
        return policy.vjp("logit", torch.from_numpy(STATES), Context()) is not None

    def assert_follows(self, network, change, patch):
        policy = network.policy()
        before = assert_explains_what_is_called(policy, network)
        assert self.has_vjp(policy)
        change(network.layers, patch)
        after = assert_explains_what_is_called(policy, network)
        assert not np.allclose(before[1], after[1]), "the change matters"
        assert self.has_vjp(policy) == (change is replaced_by_tanh)
        assert_explains_what_is_called(network.policy(), network)

    @pytest.mark.parametrize("change", LAYER_CHANGES, ids=lambda change: change.__name__)
    @pytest.mark.parametrize("layer", CALLS)
    def test_it_is_changed_before_and_after_it_became_a_policy(self, layer, change, patch):
        self.assert_follows(self.network_of("module", layer), change, patch)

    @pytest.mark.parametrize("change", [hook, class_of_layer_forward, first_function])
    @pytest.mark.parametrize("layer", CALLS)
    def test_in_a_library(self, layer, change, patch):
        self.assert_follows(self.network_of("stable-baselines3", layer), change, patch)

    @pytest.mark.parametrize("layer", CALLS)
    def test_a_class_that_is_as_it_was_again(self, layer):
        network = self.network_of("module", layer)
        policy = network.policy()
        first = assert_explains_what_is_called(policy, network)
        with pytest.MonkeyPatch.context() as patch:
            class_of_layer_forward(network.layers, patch)
            assert_explains_what_is_called(policy, network)
            assert not self.has_vjp(policy)
        again = assert_explains_what_is_called(policy, network)
        np.testing.assert_array_equal(again[0], first[0])
        assert self.has_vjp(policy)

    @pytest.mark.parametrize("change", [attributes_of_normalization, parametrized_normalization, pruned_normalization])
    def test_weights_of_a_normalization(self, change, patch):
        self.assert_follows(self.network_of("module", nn.LayerNorm), change, patch)

    def test_the_function_of_a_convolution(self, patch):
        torch.manual_seed(0)
        net = nn.Sequential(nn.Conv2d(2, 4, 3), nn.Tanh(), nn.Flatten(), nn.Linear(196, 3)).requires_grad_(False)
        policy = rltools.TorchPolicy(net, Box(0, 1, (2, 9, 9), np.float32), Discrete(3))
        states = np.random.default_rng(0).random((2, 2, 9, 9), np.float32)
        before = rltools.attribute(policy, states, target="logit:1").values[:, 0]
        _double(nn.functional, "conv2d", patch)
        leaf = torch.from_numpy(states.copy()).requires_grad_()
        (gradient,) = torch.autograd.grad(net(leaf)[:, 1].sum(), leaf)
        after = rltools.attribute(policy, states, target="logit:1").values[:, 0]
        np.testing.assert_allclose(after, gradient.numpy(), rtol=1e-4, atol=1e-6)
        assert not np.allclose(before, after)
