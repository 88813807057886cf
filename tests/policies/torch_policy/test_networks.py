"""TorchScript, autocast, in-place changes, modules that give no scores, and rows that mix: right, or one clear line."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from gymnasium.spaces import Box, Discrete
from torch import nn

import rltools
from rltools.errors import ArgumentError, GradientError, MismatchError
from rltools.policies.base import Context
from rltools.wrappers._live import explainer

SPACE, ACTIONS, BOX = Box(-5, 5, (4,), np.float32), Discrete(3), Box(-1, 1, (2,), np.float32)
STATES = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)
REFERENCES = np.zeros((2, 4), np.float32)


def network(outputs=3):
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 16), nn.ELU(), nn.Linear(16, outputs)).eval()


def policy_of(module, **more):
    return rltools.TorchPolicy(module, SPACE, ACTIONS, **more)


SCRIPTS = {
    "scripted": torch.jit.script,
    "traced": lambda net: torch.jit.trace(net, torch.zeros(1, 4)),
    "frozen": lambda net: torch.jit.freeze(torch.jit.script(net)),
    "optimized": lambda net: torch.jit.optimize_for_inference(torch.jit.script(net)),
}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::FutureWarning")
class TestTorchScript:
    @pytest.mark.parametrize("kind", SCRIPTS)
    @pytest.mark.parametrize("method", ["gradient", "integrated_gradients", "shapley"])
    def test_values_are_those_of_the_plain_network(self, kind, method):
        options = {} if method == "gradient" else {"references": REFERENCES}
        attribution, plain = (
            rltools.attribute(policy_of(net), STATES, method=method, target="logit:all", **options)
            for net in (SCRIPTS[kind](network()), network())
        )
        np.testing.assert_allclose(attribution.values, plain.values, rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(attribution.scores, plain.scores, rtol=1e-5, atol=1e-6)

    @pytest.mark.parametrize("kind", SCRIPTS)
    def test_the_sha256_is_that_of_the_weights(self, kind):
        others = network()
        others[0].weight.data[0, 0] += 1e-3
        same, again, other = (policy_of(SCRIPTS[kind](net)).source.sha256 for net in (network(), network(), others))
        assert same == again != other

    def test_a_scripted_one_in_training_mode(self):
        net = torch.jit.script(nn.Sequential(nn.Linear(4, 16), nn.Dropout(0.9), nn.Linear(16, 3)).train())
        policy = policy_of(net)
        scores = policy.act(STATES, Context()).scores
        np.testing.assert_array_equal(policy.act(STATES, Context()).scores, scores)
        assert net.training

    def test_one_beside_plain_layers(self):
        net = nn.Sequential(torch.jit.script(nn.Linear(4, 16)), nn.Tanh(), nn.Linear(16, 3))
        right = net(torch.from_numpy(STATES)).detach().numpy()
        np.testing.assert_allclose(policy_of(net).act(STATES, Context()).scores, right, rtol=1e-6)


class Scaled(nn.Module):
    """Writes into what it is given, which is nobody's business."""

    def __init__(self):
        super().__init__()
        self.last = nn.Linear(4, 3)

    def forward(self, x):
        return self.last(x.mul_(2))


class Overwriting(nn.Module):
    """Writes into what its own derivative needs."""

    def __init__(self):
        super().__init__()
        self.last = nn.Linear(4, 3)

    def forward(self, x):
        return torch.exp(self.last(x)).mul_(2)


class TestInPlace:
    def test_what_a_network_is_given_is_its_own(self):
        net = Scaled()
        policy = policy_of(net)
        right = 2 * net.last.weight.detach().numpy()
        np.testing.assert_allclose(rltools.attribute(policy, STATES, target="logit:all").values[0], right, rtol=1e-6)
        live = explainer(policy, "gradient", "logit:all", None, {})
        moment = live.decide(STATES.copy(), Context(), deterministic=True, rngs=None)
        np.testing.assert_allclose(moment.values[0], right, rtol=1e-6)

    @pytest.mark.parametrize("fault", ["attribute", "wrapper", "input_gradient"])
    def test_what_autograd_refuses_is_a_gradient_error_of_one_line(self, fault):
        net = Overwriting()
        use = {
            "attribute": lambda: rltools.attribute(policy_of(net), STATES),
            "wrapper": lambda: explainer(policy_of(net), "gradient", None, None, {}),
            "input_gradient": lambda: rltools.input_gradient(net, torch.from_numpy(STATES)),
        }[fault]
        with pytest.raises(
            GradientError, match=r"modified by an inplace operation.*into a new tensor instead"
        ) as refusal:
            use()
        assert "\n" not in str(refusal.value)


class Inside(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = network()

    def forward(self, x):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return self.layers(x)


class TestAutocast:
    def right(self, net):
        leaf = torch.from_numpy(STATES.copy()).requires_grad_()
        with torch.autocast("cpu", dtype=torch.bfloat16):
            scores = net(leaf)
        (gradient,) = torch.autograd.grad(scores[:, 1].float().sum(), leaf)
        return scores.float().detach().numpy(), gradient.numpy()

    @pytest.mark.parametrize("where", ["around", "inside"])
    @pytest.mark.parametrize("activation", [nn.ELU, nn.Tanh])
    def test_scores_and_gradients_are_those_of_the_call(self, where, activation):
        net = Inside() if where == "inside" else network()
        (net.layers if where == "inside" else net)[1] = activation()
        scores, gradient = self.right(net)
        policy = policy_of(net)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=where == "around"):
            acted = policy.act(STATES, Context())
            attribution = rltools.attribute(policy, STATES, target="logit:1")
            moment = explainer(policy, "gradient", "logit:1", None, {}).decide(
                STATES, Context(), deterministic=True, rngs=None
            )
        assert acted.scores.dtype == np.float32
        np.testing.assert_array_equal(acted.scores, scores)
        np.testing.assert_allclose(attribution.values[:, 0], gradient, rtol=1e-6)
        np.testing.assert_allclose(moment.values[:, 0], gradient, rtol=1e-6)

    @pytest.mark.parametrize("method", ["shapley", "integrated_gradients", "expected_gradients", "decision_change"])
    def test_only_the_network_is_computed_in_less(self, method):
        options = {"references": REFERENCES}
        policy, inside = policy_of(network()), policy_of(Inside())
        with torch.autocast("cpu", dtype=torch.bfloat16):
            around = rltools.attribute(policy, STATES, method=method, **options)
        right = rltools.attribute(inside, STATES, method=method, **options)
        np.testing.assert_allclose(around.values, right.values, rtol=1e-4, atol=1e-6)


class Agent(nn.Module):
    """As CleanRL has it."""

    def __init__(self):
        super().__init__()
        self.critic, self.actor = nn.Linear(4, 1), nn.Linear(4, 3)

    def get_action_and_value(self, x):
        return self.actor(x), self.critic(x)


def output(make):
    class Other(nn.Module):
        def __init__(self):
            super().__init__()
            self.last = nn.Linear(4, 3)

        def forward(self, x):
            return make(self.last(x))

    return Other()


class TestWhatAModuleGives:
    def test_one_without_forward_is_refused_with_what_to_give(self):
        with pytest.raises(ArgumentError, match=r"Agent has no forward.*heads=\{'logit': module.actor\}"):
            policy_of(Agent())
        with pytest.raises(ArgumentError, match="Agent has no forward"):
            rltools.load_policy(Agent(), "CartPole-v1")
        agent = Agent()
        policy = rltools.TorchPolicy(agent, SPACE, ACTIONS, {"logit": agent.actor, "value": agent.critic})
        attribution = rltools.attribute(policy, STATES, target="value")
        np.testing.assert_allclose(attribution.values[:, 0], agent.critic.weight.detach().expand(5, 4))

    @pytest.mark.parametrize(
        ("make", "message"),
        [
            (lambda y: (y, 1), r"it gives a tuple; .*lambda x: module\(x\)\[0\]"),
            (lambda y: {"logits": y}, r"it gives a dict; .*module\(x\)\['logits'\]"),
            (lambda y: torch.distributions.Categorical(logits=y), r"it gives a Categorical; .*module\(x\).logits"),
            (lambda y: torch.distributions.Normal(y, 1.0), r"it gives a Normal; .*module\(x\).mean"),
            (lambda y: y.argmax(1), r"it gives shape \[5\]"),
            (lambda y: torch.complex(y, y), "of torch.complex64"),
            (lambda y: None, "it gives a NoneType"),
        ],
        ids=["tuple", "dict", "categorical", "normal", "positions", "complex", "none"],
    )
    def test_other_outputs(self, make, message):
        policy = policy_of(output(make))
        for use in (lambda: policy.act(STATES, Context()), lambda: rltools.attribute(policy, STATES)):
            with pytest.raises(MismatchError, match=message):
                use()

    def test_modules_without_numbers_or_shapes(self):
        with pytest.raises(MismatchError, match="is on the meta device"):
            policy_of(nn.Linear(4, 3, device="meta")).act(STATES, Context())
        with pytest.raises(ArgumentError, match=r"LazyLinear.* has no shape yet"):
            policy_of(nn.LazyLinear(3))

    def test_data_parallel(self):
        net = network()
        right = rltools.attribute(policy_of(net), STATES).values
        np.testing.assert_allclose(rltools.attribute(policy_of(nn.DataParallel(net)), STATES).values, right, rtol=1e-6)

    @pytest.mark.parametrize(
        ("heads", "target"),
        [
            ({"mean"}, "mean:all"),
            ({"action"}, "action:all"),
            ({"mean", "action"}, "action:all"),
            ({"logit"}, "logit:all"),
        ],
    )
    def test_the_default_target_is_of_a_head_that_there_is(self, heads, target):
        net = network(2)
        policy = rltools.TorchPolicy(net, SPACE, BOX, dict.fromkeys(sorted(heads, reverse=True), net))
        assert rltools.attribute(policy, STATES).spec.target == target
        envs = explainer(policy, "gradient", None, None, {})
        assert str(envs.target) == target


class TestRows:
    """Whose scores depend on what stands beside them."""

    def norm(self):
        torch.manual_seed(0)
        body = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8, track_running_stats=False), nn.Linear(8, 3))
        return nn.Sequential(body, nn.Identity())

    def centered(self):
        class Centered(nn.Module):
            def __init__(self):
                super().__init__()
                self.last = nn.Linear(4, 3)

            def forward(self, x):
                return self.last(x - x.mean(0))

        return Centered()

    @pytest.mark.parametrize(
        ("kind", "message"),
        [
            ("norm", r"scores an observation differently among other observations \(in its layer '0.1', BatchNorm1d"),
            ("centered", "scores an observation differently among other observations, so a score"),
        ],
    )
    def test_they_are_refused_wherever_several_are_scored(self, kind, message, tmp_path):
        policy = policy_of(getattr(self, kind)())
        for use in (
            lambda: policy.act(STATES, Context()),
            lambda: policy.head("logit", torch.from_numpy(STATES), Context()),
            lambda: rltools.attribute(policy, STATES),
            lambda: rltools.attribute(policy, STATES, method="shapley", references=REFERENCES),
            lambda: rltools.record(policy, Still, episodes=1, directory=tmp_path / "run"),
        ):
            with pytest.raises(MismatchError, match=message):
                use()
        for method, references in (("gradient", None), ("shapley", REFERENCES)):
            with pytest.raises(MismatchError, match=message):
                explainer(policy, method, None, references, {})

    def test_explain_refuses_them(self, tmp_path):
        net = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Linear(8, 3))
        policy = policy_of(net)
        recording = rltools.record(policy, Still, episodes=1)
        net[1].running_mean = net[1].running_var = None
        with pytest.raises(MismatchError, match="scores an observation differently among other observations"):
            rltools.explain(recording, policy, method="gradient")

    def test_a_change_is_noticed(self):
        net = nn.Sequential(nn.Linear(4, 8), nn.GELU(), nn.Linear(8, 3))
        policy = policy_of(net)
        policy.act(STATES, Context())
        net.insert(1, nn.BatchNorm1d(8, track_running_stats=False))
        with pytest.raises(MismatchError, match="in its layer '1', BatchNorm1d"):
            policy.act(STATES, Context())
        del net[1]
        policy.act(STATES, Context())
        net[0].register_forward_hook(lambda module, inputs, y: y - y.mean(0))
        with pytest.raises(MismatchError, match="scores an observation differently"):
            policy.act(STATES, Context())

    @pytest.mark.parametrize(
        "layer",
        [nn.BatchNorm1d(8), nn.LayerNorm(8), nn.GroupNorm(2, 8), nn.Dropout(0.5), nn.GELU()],
        ids=lambda layer: type(layer).__name__,
    )
    def test_layers_that_look_at_one_row_are_taken(self, layer):
        net = nn.Sequential(nn.Linear(4, 8), layer, nn.Linear(8, 3)).train()
        many = np.random.default_rng(0).normal(size=(100, 4)).astype(np.float32) * 1e3
        policy = policy_of(net)
        assert policy.act(many, Context()).scores.shape == (100, 3)
        assert rltools.attribute(policy, many).values.shape == (100, 1, 4)

    def test_a_network_of_a_single_state(self):
        def make(y):
            assert len(y) == 1
            return y

        policy = policy_of(output(make))
        assert policy.act(STATES[:1], Context()).scores.shape == (1, 3)
        with pytest.raises(MismatchError, match="a head takes a batch of any size"):
            policy.act(STATES, Context())


class Recurrent(nn.Module):
    """Keeps its state to itself."""

    def __init__(self):
        super().__init__()
        self.cell, self.last, self.state = nn.RNNCell(4, 8), nn.Linear(8, 3), None

    def forward(self, x):
        if self.state is None or len(self.state) != len(x):
            self.state = torch.zeros(len(x), 8)
        self.state = self.cell(x, self.state).detach()
        return self.last(self.state)


class Counting(nn.Module):
    """A running mean of its own, which goes on in eval mode."""

    def __init__(self):
        super().__init__()
        self.last = nn.Linear(4, 3)
        self.register_buffer("mean", torch.zeros(4))

    def forward(self, x):
        self.mean = 0.9 * self.mean + 0.1 * x[:1].squeeze(0)
        return self.last(x - self.mean)


CHANGING = {
    "recurrent": Recurrent,
    "running mean": Counting,
    "noise": lambda: output(lambda y: y + torch.rand_like(y)),
    "dropout as a function": lambda: output(lambda y: nn.functional.dropout(y, 0.5)),
}


class TestRepeats:
    """Modules that score the same observations differently at each call: what acts is not what is explained."""

    @pytest.mark.parametrize("kind", CHANGING)
    def test_they_are_refused(self, kind):
        torch.manual_seed(0)
        message = "scores the same observations differently when it is called again"
        for use in (
            lambda policy: policy.act(STATES, Context()),
            lambda policy: rltools.attribute(policy, STATES[:1]),
            lambda policy: rltools.attribute(policy, STATES, method="shapley", references=REFERENCES),
            lambda policy: rltools.record(policy, Still, episodes=1),
        ):
            with pytest.raises(MismatchError, match=message):
                use(policy_of(CHANGING[kind]()))

    def test_counting_calls_is_no_change(self):
        calls = []
        policy = policy_of(output(lambda y: calls.append(1) or y))
        policy.act(STATES, Context())
        checked = len(calls)
        policy.act(STATES, Context())
        assert len(calls) == checked + 1, "checked once"


def Still():  # stands for a class
    import gymnasium

    class Steps(gymnasium.Env):
        observation_space, action_space = SPACE, ACTIONS

        def reset(self, *, seed=None, options=None):
            super().reset(seed=seed)
            self.count = 0
            return STATES[0], {}

        def step(self, action):
            self.count += 1
            return STATES[self.count % 5], 0.0, self.count == 6, False, {}

    return Steps()
