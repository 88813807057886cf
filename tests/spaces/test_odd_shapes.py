"""Observations of one number without an axis, of bits in odd shapes, and of none at all."""

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.spaces import Box, Dict, Discrete, MultiBinary, MultiDiscrete
from torch import nn

import rltools
from rltools.attributions import find_method, method_names
from rltools.errors import ArgumentError
from rltools.spaces.leaves import leaves
from rltools.testing import check_policy

FEW = {"masks": 8, "permutations": 4, "samples": 4, "nodes": 2}
OF_IMAGES = ("blur_saliency", "grad_cam")
CAPTUM = ("captum:IntegratedGradients", "captum:FeatureAblation", "captum:ShapleyValueSampling", "captum:Occlusion")


class Net(nn.Module):
    """The tangent of the sum of all entries, whatever their shape."""

    def __init__(self, size):
        super().__init__()
        torch.manual_seed(0)
        self.layer, self.relu = nn.Linear(size, 3), nn.ReLU()

    def forward(self, x):
        if isinstance(x, dict):
            x = torch.cat([part.reshape(len(part), -1) for part in x.values()], 1)
        return self.relu(self.layer(x.reshape(len(x), self.layer.in_features)) + 2)


def stepping(space):
    class Steps(gymnasium.Env):
        observation_space, action_space = space, Discrete(3)

        def reset(self, *, seed=None, options=None):
            super().reset(seed=seed)
            self.observation_space.seed(seed)
            self.t = 0
            return self.observation_space.sample(), {}

        def step(self, action):
            self.t += 1
            return self.observation_space.sample(), 1.0, self.t == 5, False, {}

    return Steps


def policy_of(space, size):
    return rltools.TorchPolicy(Net(size), space, Discrete(3))


@pytest.mark.parametrize("name", [*method_names(), *CAPTUM])
def test_one_number_is_explained_as_a_vector_of_one(name):
    if name in OF_IMAGES:
        pytest.skip("of images")
    if name.startswith("captum") or name == "deep_lift":
        pytest.importorskip("captum")
    method, target = find_method(name), "decision" if name == "decision_change" else "logit:1"
    chosen = {key: value for key, value in FEW.items() if key in method.defaults}
    x, references = np.array([0.3, -0.7, 0.9], np.float32), np.array([-0.2, 0.5], np.float32)
    scalar, vector = policy_of(Box(-1, 1, ()), 1), policy_of(Box(-1, 1, (1,)), 1)
    result = rltools.attribute(scalar, x, method=name, target=target, references=references, **chosen)
    expected = rltools.attribute(
        vector, x[:, None], method=name, target=target, references=references[:, None], **chosen
    )
    assert result.values.shape == (3, 1)
    np.testing.assert_allclose(result.values, expected.values[..., 0], rtol=1e-6)
    for column in ("standard_error", "residual", "complete"):
        actual, other = getattr(result, column), getattr(expected, column)
        assert (actual is None) == (other is None)
        if actual is not None:
            np.testing.assert_allclose(actual.reshape(-1), other.reshape(-1), rtol=1e-6)


def test_a_run_of_one_number(tmp_path):
    space = Box(-1, 1, ())
    policy = policy_of(space, 1)
    check_policy(policy)
    assert (policy.features.shape, policy.features.dims, policy.features.names) == ((), (), ("obs",))
    recording = rltools.record(policy, stepping(space), episodes=2, directory=tmp_path / "r")
    for name in ("gradient", "shapley"):
        rltools.explain(recording, policy, method=name, **({} if name == "gradient" else {"references": 2}))
        result = rltools.summarize(recording, method=name)
        assert (result.features, result.top(1)[0].share) == (("obs",), pytest.approx(1))
    ablation = rltools.ablate(policy, recording, stepping(space), seeds=3, most=3, coalitions=True)
    assert ablation.players == ("obs",)
    for name in rltools.plots.plot_names():
        getattr(rltools.plots, name)(recording)
    assert rltools.replay(recording, episode=0, path=tmp_path / "e.html").is_file()
    assert recording.to_xarray(method="gradient")["attribution_gradient"].dims == ("step", "target")
    env = rltools.AttributionWrapper(stepping(space)(), policy)
    env.reset(seed=0)
    assert env.step(0)[4]["attribution"].shape == ()


@pytest.mark.parametrize(
    ("space", "size"),
    [
        (MultiBinary((2, 1, 2)), 4),
        (MultiBinary((1, 2, 1, 1, 2)), 4),
        (MultiBinary([3]), 3),
        (MultiDiscrete([[2, 3], [2, 2]]), 9),
        (MultiDiscrete([3]), 3),
        (Box(-1, 1, (1, 2, 1, 2, 1)), 4),
        (Dict(a=Box(-1, 1, ()), b=MultiBinary((2, 2))), 5),
    ],
    ids=str,
)
def test_odd_shapes(space, size, tmp_path):
    policy = policy_of(space, size)
    recording = rltools.record(policy, stepping(space), episodes=2, directory=tmp_path / "r")
    for name in ("gradient", "occlusion", "shapley", "rise", "decision_change", "sarfa"):
        method = find_method(name)
        chosen = {key: value for key, value in FEW.items() if key in method.defaults}
        rltools.explain(recording, policy, method=name, references=2, **chosen)
        result = rltools.summarize(recording, method=name, detail="elements")
        assert result.features == policy.features.names
        assert np.isfinite(recording.attribution(name).values).all()
    assert rltools.replay(recording, episode=0, path=tmp_path / "e.html").is_file()


@pytest.mark.parametrize("shape", [(0,), (0, 4, 3), (3, 0)])
def test_nothing_to_observe_is_refused(shape):
    with pytest.raises(ArgumentError, match="have no elements to explain"):
        rltools.TorchPolicy(Net(1), Box(-1, 1, shape), Discrete(3))
    with pytest.raises(ArgumentError, match=r"at 'a/b' have no elements.*FilterObservation"):
        leaves(Dict(a=Dict(b=Box(-1, 1, shape)), c=Discrete(2)))


def test_nothing_to_decide_is_refused():
    with pytest.raises(ArgumentError, match=r"actions of shape \(0,\) leave nothing to decide"):
        rltools.TorchPolicy(Net(1), Box(-1, 1, (1,)), Box(-1, 1, (0,)))
