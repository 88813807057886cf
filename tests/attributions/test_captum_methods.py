import random
import warnings

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from gymnasium.spaces import Box, Dict, Discrete
from hypothesis import given, settings
from torch import nn
from torch.nn import functional

import rltools
from rltools.attributions import find_method, method_names
from rltools.attributions._support.captum.methods import captum_method
from rltools.errors import ArgumentError, MethodError, UnknownNameError
from rltools.policies.base import Context
from rltools.policies.torch_policy import TorchPolicy
from rltools.targets import make_target_function, parse_target
from rltools.testing import PlainFunction, check_attribution

attr = pytest.importorskip("captum.attr")
quick = settings(deadline=None, max_examples=15)
deep_lift = find_method("deep_lift")
guided_backprop = find_method("guided_backprop")


def draw(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def mlp(activation=nn.ReLU, seed=0, features=4):
    torch.manual_seed(seed)
    layers = [nn.Linear(features, 8), activation(), nn.Linear(8, 8), activation(), nn.Linear(8, 2)]
    return nn.Sequential(*layers).double()


class Skip(nn.Module):
    """A residual network; each of its two activations is a module of its own, one module, or a function."""

    def __init__(self, how="modules"):
        super().__init__()
        torch.manual_seed(0)
        self.first, self.inner, self.last = nn.Linear(4, 8), nn.Linear(8, 8), nn.Linear(8, 2)
        self.act, self.again = nn.ReLU(inplace=how == "in place"), nn.ReLU()
        self.how = how
        self.double()

    def forward(self, x):
        act, again = (self.act, self.again)
        if self.how == "reused":
            again = act
        if self.how == "function":
            act = functional.relu
        if self.how == "bound":
            act = lambda h: h.clamp(min=0)  # noqa: E731
        hidden = self.first(x)
        return self.last(again(self.inner(act(hidden)) + hidden))


def plain(net, outputs=2):
    return PlainFunction(net, outputs)


def left_behind(net):
    hooks = [hook for part in net.modules() for hook in (*part._forward_hooks, *part._forward_pre_hooks)]
    hooks += [hook for part in net.modules() for hook in part._backward_hooks]
    return hooks, [name for part in net.modules() for name in ("input", "output") if name in vars(part)]


class Guided(torch.autograd.Function):
    """A ReLU that passes back what is positive only."""

    @staticmethod
    def forward(ctx, hidden):
        ctx.save_for_backward(hidden)
        return hidden.clamp(min=0)

    @staticmethod
    def backward(ctx, slopes):
        (hidden,) = ctx.saved_tensors
        return (slopes * (hidden > 0)).clamp(min=0)


class TestDeepLift:
    @pytest.mark.parametrize("activation", [nn.ReLU, nn.Tanh, lambda: nn.ReLU(inplace=True), nn.Softplus])
    @given(seed=st.integers(0, 2**16))
    @quick
    def test_the_values_sum_to_the_difference(self, activation, seed):
        score = plain(mlp(activation, seed))
        x, references = draw(5, 4, seed=seed), draw(3, 4, seed=seed + 1)
        result = deep_lift(score, x, references=references)
        difference = (score(x) - score(references).mean(0)).detach()
        torch.testing.assert_close(result.values.sum(2), difference, rtol=1e-6, atol=1e-9)
        torch.testing.assert_close(result.residual, difference - result.values.sum(2), rtol=1e-9, atol=1e-12)
        assert result.complete.all()

    def test_the_rescale_rule_by_hand(self):
        net, x, references = mlp(), draw(5, 4), draw(1, 4, seed=1)
        multiplier = net[4].weight.expand(5, 2, 8)
        inner, outer = net[:3], net[:1]
        for before, linear in ((inner, net[2]), (outer, net[0])):
            high, low = before(x), before(references)
            ratio = (high.relu() - low.relu()) / (high - low)
            multiplier = (multiplier * ratio[:, None]) @ linear.weight
        expected = (multiplier * (x - references)[:, None]).detach()
        torch.testing.assert_close(deep_lift(plain(net), x, references=references).values, expected)

    def test_several_references_are_the_mean_of_single_ones(self):
        score, x, references = plain(mlp()), draw(5, 4), draw(3, 4, seed=1)
        single = [deep_lift(score, x, references=state[None]).values for state in references]
        result = deep_lift(score, x, references=references).values
        torch.testing.assert_close(result, torch.stack(single).mean(0))

    def test_a_skip_connection_keeps_its_share(self):
        """Captum alone hands back nothing through it."""
        net, x, references = Skip(), draw(5, 4), draw(1, 4, seed=1)
        assert deep_lift(plain(net), x, references=references).residual.abs().max() < 1e-12
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            alone = attr.DeepLift(net).attribute(x.clone(), references.expand_as(x), target=0)
        assert ((net(x) - net(references))[:, 0] - alone.sum(1)).abs().max() > 0.01

    @pytest.mark.parametrize(
        ("how", "message"),
        [
            ("function", r"computes Relu outside the modules that it has a rule for \(ELU, .*Tanh\)"),
            ("bound", "computes Clamp outside"),
            ("reused", "the module 'act' is called 2 times"),
            ("in place", "writes into a tensor that is read elsewhere"),
        ],
    )
    @pytest.mark.parametrize("name", ["deep_lift", "guided_backprop", "captum:DeepLift", "captum:Deconvolution"])
    def test_what_hooks_would_miss_is_refused(self, name, how, message):
        net = Skip(how)
        if "DeepLift" not in name and name != "deep_lift":
            message = message.replace(r"\(ELU, .*Tanh\)", r"\(ReLU\)")
        with pytest.raises(ArgumentError, match=message):
            find_method(name)(plain(net), draw(5, 4), references=draw(2, 4))
        assert left_behind(net) == ([], [])

    @pytest.mark.parametrize(
        ("function", "message"),
        [
            (lambda h: torch.log_softmax(h, -1), "LogSoftmax"),
            (torch.tanh, "Tanh"),
            (lambda h: h.clamp(-1, 1), "Clamp"),
            (lambda h: h * h, "Mul"),
            (lambda h: 1 / (4 + h), "Reciprocal"),
            (lambda h: torch.ones_like(h) / (4 + h), "Div"),
        ],
    )
    def test_a_score_that_bends_is_refused(self, function, message):
        class Bent(nn.Module):
            def __init__(self):
                super().__init__()
                self.inner = mlp()

            def forward(self, x):
                return function(self.inner(x))

        with pytest.raises(ArgumentError, match=f"computes {message} outside"):
            deep_lift(plain(Bent()), draw(5, 4), references=draw(2, 4))

    def test_linear_operations_are_let_through(self):
        class Linear(nn.Module):
            def __init__(self):
                super().__init__()
                self.inner = mlp()

            def forward(self, x):
                scaled = ((x - 0.1) / 2.0).clamp(-100, 100) * torch.ones(4).double()
                result = self.inner(torch.cat([scaled[:, :1], scaled[:, 1:]], 1).clone())
                return (result - result.mean(1, keepdim=True))[:, [1, 0]] / 3

        assert deep_lift(plain(Linear()), draw(5, 4), references=draw(2, 4)).residual.abs().max() < 1e-12

    def test_clipped_observations_leave_a_residual(self):
        class Clipped(nn.Module):
            def __init__(self):
                super().__init__()
                self.inner = mlp(nn.Tanh)

            def forward(self, x):
                return self.inner(x.clamp(-0.5, 0.5))

        result = deep_lift(plain(Clipped()), 3 * draw(20, 4), references=draw(4, 4))
        assert result.residual.abs().max() > 0.01
        assert not result.complete.all()

    def test_functions_have_no_modules(self):
        with pytest.raises(ArgumentError, match="this policy is a plain function"):
            deep_lift(plain(lambda x: x[:, :2]), draw(5, 4), references=draw(2, 4))

    def test_nothing_is_left(self):
        net = nn.ModuleDict({"used": mlp(), "unused": mlp(nn.Tanh)})

        class Both(nn.Module):
            def __init__(self):
                super().__init__()
                self.parts = net

            def forward(self, x):
                self.parts["unused"](x)
                return self.parts["used"](x)

        deep_lift(plain(Both()), draw(5, 4), references=draw(2, 4))
        assert left_behind(net) == ([], [])
        assert all(parameter.grad is None for parameter in net.parameters())


class TestGuidedBackprop:
    @pytest.mark.parametrize("skip", [False, True])
    def test_by_hand(self, skip):
        net, x = Skip(), draw(6, 4)
        leaf = x.clone().requires_grad_()
        if skip:
            hidden = net.first(leaf)
            outputs = net.last(Guided.apply(net.inner(Guided.apply(hidden)) + hidden))
        else:
            net = mlp()
            outputs = net[4](Guided.apply(net[2](Guided.apply(net[0](leaf)))))
        expected = [torch.autograd.grad(outputs[:, t].sum(), leaf, retain_graph=True)[0] for t in range(2)]
        torch.testing.assert_close(guided_backprop(plain(net), x).values, torch.stack(expected, 1))

    def test_without_relus_it_is_the_gradient(self):
        score, x = plain(mlp(nn.Tanh)), draw(6, 4)
        torch.testing.assert_close(guided_backprop(score, x).values, find_method("gradient")(score, x).values)


class TestAgainstOurs:
    @pytest.mark.parametrize("name", ["Saliency", "InputXGradient"])
    def test_gradients(self, name):
        ours = {"Saliency": "gradient", "InputXGradient": "input_x_gradient"}[name]
        score, x = plain(mlp(nn.Tanh)), draw(6, 4)
        result = find_method(f"captum:{name}")(score, x).values
        assert (result < 0).any()
        torch.testing.assert_close(result, find_method(ours)(score, x).values)

    def test_integrated_gradients(self):
        score, x, references = plain(mlp(nn.ReLU)), draw(6, 4), draw(3, 4, seed=1)
        theirs = find_method("captum:IntegratedGradients")(score, x, references=references, n_steps=20)
        ours = find_method("integrated_gradients")(score, x, references=references, nodes=20, most_nodes=20)
        torch.testing.assert_close(theirs.values, ours.values, rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(theirs.residual, ours.residual, rtol=1e-5, atol=1e-5)

    @pytest.mark.parametrize("name", ["ShapleyValues", "KernelShap", "ShapleyValueSampling"])
    def test_shapley(self, name):
        score, x, references = plain(mlp(nn.Tanh)), draw(2, 4), draw(1, 4, seed=1)
        enough = {} if name == "ShapleyValues" else {"n_samples": 200}
        result = find_method(f"captum:{name}")(score, x, references=references, **enough).values
        exact = find_method("shapley")(score, x, references=references).values
        torch.testing.assert_close(result, exact, rtol=0, atol=1e-6 if name == "ShapleyValues" else 0.05)

    def test_ablation(self):
        score, x, references = plain(mlp()), draw(6, 4), draw(3, 4, seed=1)
        expected = torch.zeros(6, 2, 4).double()
        for start in references:
            for feature in range(4):
                without = x.clone()
                without[:, feature] = start[feature]
                expected[:, :, feature] += (score(x) - score(without)).detach() / 3
        result = find_method("captum:FeatureAblation")(score, x, references=references).values
        torch.testing.assert_close(result, expected)
        one_by_one = find_method("captum:Occlusion")(score, x, references=references).values
        torch.testing.assert_close(one_by_one, expected)

    def test_groups_share_evenly(self):
        score, x, references = plain(mlp()), draw(6, 4), draw(1, 4, seed=1)
        groups = ((0, 3), (1,), (2,))
        result = find_method("captum:FeatureAblation")(score, x, references=references, groups=groups).values
        without = x.clone()
        without[:, [0, 3]] = references[0, [0, 3]]
        torch.testing.assert_close(result[:, :, [0, 3]].sum(2), (score(x) - score(without)).detach())
        assert torch.equal(result[:, :, 0], result[:, :, 3])

    def test_windows_as_files_hold_them(self):
        net = nn.Sequential(nn.Flatten(), mlp(features=12)).double()
        score, x = PlainFunction(net, 2, dims=("channel", "y", "x")), draw(3, 2, 2, 3)
        result = find_method("captum:Occlusion")(
            score, x, references=draw(1, 2, 2, 3), sliding_window_shapes=[2, 2, 1], strides=[2, 2, 1]
        )
        assert torch.equal(result.values[:, :, 0, 0], result.values[:, :, 1, 1])

    def test_deep_lift_shap(self):
        score, x = plain(mlp()), draw(6, 4)
        for count in (1, 3):
            references = draw(count, 4, seed=1)
            result = find_method("captum:DeepLiftShap")(score, x, references=references)
            torch.testing.assert_close(result.values, deep_lift(score, x, references=references).values)


class TestCalling:
    @pytest.mark.parametrize("name", ["Saliency", "FeatureAblation", "GradientShap"])
    def test_the_contract(self, name):
        check_attribution(f"captum:{name}")

    @pytest.mark.parametrize("name", ["KernelShap", "ShapleyValueSampling", "GradientShap", "Lime"])
    def test_draws(self, name):
        """From the seed, the same for all rows, and no global state moves."""
        result, score, x, references = find_method(f"captum:{name}"), plain(mlp()), draw(3, 4), draw(2, 4)
        states = torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()  # noqa: NPY002
        first = result(score, x, references=references, n_samples=6).values
        assert torch.equal(first, result(score, x, references=references, n_samples=6).values)
        assert torch.equal(states[0], torch.get_rng_state())
        assert np.array_equal(states[1], np.random.get_state()[1])  # noqa: NPY002
        assert states[2] == random.getstate()
        alone = result(score.rows(torch.tensor([2])), x[2:], references=references, n_samples=6).values
        torch.testing.assert_close(first[2:], alone)
        if name != "Lime":  # which finds all zero here
            other = result(score, x, references=references, n_samples=6, seed=1).values
            assert not torch.equal(first, other)

    @pytest.mark.parametrize("name", ["FeatureAblation", "IntegratedGradients", "KernelShap"])
    def test_memory_is_bounded_and_changes_nothing(self, name):
        net, x, references = mlp(), draw(3, 4), draw(2, 4)
        little = PlainFunction(net, 2, most_copies=6)
        result = find_method(f"captum:{name}")
        small = result(little, x, references=references).values
        torch.testing.assert_close(small, result(plain(net), x, references=references).values)
        assert max(rows for rows, *_ in little.seen) <= 6

    def test_each_row_has_its_own_score(self):
        """Captum expands and cuts batches; the chosen action of a row goes with it."""
        policy = TorchPolicy(mlp().float(), Box(-9, 9, (4,), np.float32), Discrete(2))
        x = draw(4, 4).float()
        score = make_target_function(
            policy, parse_target("logit:chosen", policy), Context(action=torch.tensor([0, 1, 1, 0]))
        )
        references = draw(2, 4, seed=1).float()
        for name, ours in (("DeepLift", "deep_lift"), ("IntegratedGradients", "integrated_gradients")):
            every = make_target_function(policy, parse_target("logit:all", policy), Context())
            both = find_method(ours)(every, x, references=references).values
            expected = both[range(4), [0, 1, 1, 0]]
            result = find_method(f"captum:{name}")(score, x, references=references).values[:, 0]
            torch.testing.assert_close(result, expected, rtol=1e-3, atol=1e-2)

    def test_declarations(self):
        result = find_method("captum:IntegratedGradients")
        assert result is captum_method("captum:IntegratedGradients")
        assert (result.name, result.unit, result.needs) == (
            "captum:IntegratedGradients",
            "score",
            {"gradient", "references"},
        )
        assert result.defaults == {"n_steps": 50}
        assert result.cost(4, 8, result.defaults).passes == 800
        assert result.description == "IntegratedGradients, as Captum computes it."
        saliency = find_method("captum:Saliency")
        assert (saliency.unit, saliency.needs, saliency.defaults) == ("score per unit", {"gradient"}, {})
        kernel = find_method("captum:KernelShap")
        assert kernel.defaults == {"n_samples": 25, "groups": None, "seed": 0}
        assert find_method("captum:ShapleyValues").cost(3, 2, {"groups": None}).passes == 2 * 3 * 6

    @pytest.mark.parametrize(
        ("name", "error", "message"),
        [
            ("captum:Salience", UnknownNameError, "did you mean captum:Saliency"),
            ("captum:LayerGradCam", ArgumentError, "it explains layers or neurons.*There are captum:Int"),
            ("captum:FeaturePermutation", ArgumentError, "it exchanges features among rows"),
            ("captum:LRP", ArgumentError, "it rewrites the network's weights"),
            ("captum:NoiseTunnel", ArgumentError, "take smooth_grad"),
        ],
    )
    def test_what_is_not_offered(self, name, error, message):
        with pytest.raises(error, match=message):
            find_method(name)

    def test_they_are_not_in_the_list(self):
        assert not [name for name in method_names() if name.startswith("captum")]

    def test_what_captum_refuses(self):
        with pytest.raises(
            MethodError, match=r"^captum:Occlusion cannot explain this score; Occlusion of Captum says Asser"
        ):
            find_method("captum:Occlusion")(
                plain(mlp()), draw(2, 4), references=draw(1, 4), sliding_window_shapes=[1, 1]
            )

    @pytest.mark.parametrize("name", ["captum:DeepLift", "deep_lift", "guided_backprop"])
    def test_a_refusal_begins_with_the_name_that_was_asked_for(self, name):
        with pytest.raises(ArgumentError, match=f"^{name} would be wrong here: "):
            find_method(name)(plain(Skip("function")), draw(2, 4), references=draw(1, 4))

    @pytest.mark.parametrize("name", ["captum:Saliency", "deep_lift"])
    def test_without_captum(self, name, monkeypatch):
        def absent(module):
            raise ImportError(module)

        monkeypatch.setattr("rltools.attributions._support.captum.calls.import_module", absent)
        captum_method.cache_clear()
        with pytest.raises(ArgumentError, match=r'pip install "rltools-attribution\[captum\]"'):
            find_method(name)(plain(mlp()), draw(2, 4), references=draw(1, 4))
        captum_method.cache_clear()

    def test_no_rows(self):
        for name in ("captum:Saliency", "captum:KernelShap", "deep_lift", "guided_backprop"):
            result = find_method(name)(plain(mlp()), draw(0, 4), references=draw(2, 4))
            assert result.values.shape == (0, 2, 4)


class OfADict(nn.Module):
    def __init__(self):
        super().__init__()
        self.both = mlp(features=5).float()

    def forward(self, x):
        return self.both(torch.cat([x["arm"], x["hand"]], 1))


def test_from_a_recording_of_dict_observations(tmp_path, make_env):
    """End to end: recorded, explained, opened again, summarized."""
    torch.manual_seed(0)
    space = Dict({"arm": Box(-9, 9, (3,), np.float32), "hand": Box(-9, 9, (2,), np.float32)})
    calls = {"arm": np.ones(3, np.float32), "hand": np.zeros(2, np.float32)}

    def observed(env):
        return {
            key: (value + env.np_random.normal(size=value.shape)).astype(np.float32) for key, value in calls.items()
        }

    env = make_env(
        observation_space=space,
        reset=lambda env: (observed(env), {}),
        step=lambda env, action: (observed(env), 1.0, env.t >= 5, False, {}),
    )
    policy = TorchPolicy(OfADict(), space, Discrete(2))
    recording = rltools.record(policy, env, episodes=3, directory=tmp_path / "run")
    for name in ("captum:Saliency", "captum:FeatureAblation", "deep_lift"):
        rltools.explain(recording, policy, method=name)
    rltools.explain(recording, policy, method="gradient")
    again = rltools.open_recording(tmp_path / "run")
    result = {name: again.attribution(method=name).values for name in ("captum:Saliency", "gradient")}
    np.testing.assert_allclose(result["captum:Saliency"], result["gradient"], rtol=1e-5, atol=1e-6)
    assert result["gradient"].shape == (15, 1, 5)
    assert again.attribution(method="deep_lift").residual.max() < 1e-5
    assert rltools.summarize(again, method="captum:Saliency").method == "captum:Saliency"
