import numpy as np
import pytest
import torch
from torch import nn

import rltools
from rltools.attributions import Result
from rltools.errors import (
    ArgumentError,
)
from rltools.explanation import _explainer
from rltools.explanation import batches as _batches

METHODS = ["gradient", "input_x_gradient", "integrated_gradients", "shapley"]


class TestTheSameEitherWay:
    @pytest.mark.parametrize("target", ["centered:chosen", "logit:all", "probability:chosen - runner_up"])
    @pytest.mark.parametrize("name", METHODS)
    def test_explain_and_attribute(self, recording, policy, name, target, observations_of):
        states = observations_of(recording)
        references = states[:3]
        explained = rltools.explain(recording, policy, method=name, target=target, references=references).attribution()
        direct = rltools.attribute(policy, states, method=name, target=target, references=references)
        np.testing.assert_allclose(explained.values, direct.values, rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(explained.scores, direct.scores, rtol=1e-4, atol=1e-6)
        assert explained.spec == direct.spec
        if name in ("gradient", "input_x_gradient"):
            assert explained.references is None
            assert direct.references is None
        else:
            np.testing.assert_array_equal(explained.references, direct.references)
            total = explained.values.sum(2) + explained.residual
            assert np.isfinite(total).all()

    @pytest.mark.parametrize("name", METHODS)
    def test_whatever_the_batches(self, recording, policy, name, monkeypatch, observations_of):
        expected = rltools.explain(recording, policy, method=name).attribution()
        monkeypatch.setattr(_batches, "MOST_COPIES", 1)
        states = observations_of(recording)
        result = rltools.attribute(policy, states, method=name, references=expected.references)
        np.testing.assert_allclose(result.values, expected.values, rtol=1e-4, atol=1e-6)

    def test_whatever_the_blocks(self, tmp_path, policy, monkeypatch, Walk):
        recording = rltools.record(policy, lambda: Walk(length=150), episodes=2, directory=tmp_path)
        every_seventh = rltools.explain(recording, policy, method="gradient", every=7).attribution().values
        again = rltools.record(policy, lambda: Walk(length=150), episodes=2, directory=tmp_path / "again")
        monkeypatch.setattr(_explainer, "BLOCK_BYTES", 1)
        parts = rltools.explain(again, policy, method="gradient", every=7).attribution().values
        np.testing.assert_allclose(parts, every_seventh, rtol=1e-5, atol=1e-7)
        assert np.isfinite(every_seventh).all((1, 2)).sum() in (42, 43)

    @pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
    @pytest.mark.parametrize("name", METHODS)
    def test_in_the_callers_mode(self, recording, policy, mode, name):
        expected = rltools.attribute(policy, np.ones((2, 4)), method=name, references=np.zeros(4)).values
        with mode():
            result = rltools.attribute(policy, torch.ones(2, 4), method=name, references=torch.zeros(4)).values
            rltools.explain(recording, policy, method=name)
        np.testing.assert_array_equal(result, expected)

    def test_in_float64(self, tmp_path, Walk, make_policy, observations_of):
        policy = make_policy(dtype=torch.float64)
        recording = rltools.record(policy, Walk, episodes=2, directory=tmp_path)
        attribution = rltools.explain(recording, policy, method="gradient", target="logit:chosen").attribution()
        assert attribution.values.dtype == np.float64
        states = observations_of(recording).astype(np.float64)
        step = np.array([0, 1e-6, 0, 0])
        with torch.no_grad():
            ahead, behind, here = (
                policy.head("logit", policy.encode(states + shift), None).numpy() for shift in (step, -step, 0 * step)
            )
        rows = np.arange(len(states)), here.argmax(1)
        slope = (ahead[rows] - behind[rows]) / 2e-6
        np.testing.assert_allclose(attribution.values[:, 0, 1], slope, rtol=1e-6, atol=1e-9)

    def test_images(self, tmp_path, Walk, make_policy, observations_of):
        torch.manual_seed(0)
        net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 6 * 6, 3))
        policy = make_policy(
            lambda x: net(x.permute(0, 3, 1, 2) / 255), space=Walk((8, 8, 3), dtype=np.uint8).observation_space
        )
        recording = rltools.record(policy, lambda: Walk((8, 8, 3), dtype=np.uint8), episodes=2, directory=tmp_path)
        for name in ("gradient", "integrated_gradients"):
            values = rltools.explain(recording, policy, method=name, references=2).attribution(name).values
            assert values.shape == (14, 1, 8, 8, 3)
            assert np.isfinite(values).all()
        direct = rltools.attribute(policy, observations_of(recording))
        np.testing.assert_allclose(recording.attribution("gradient").values, direct.values, rtol=1e-3, atol=1e-7)
        with pytest.raises(ArgumentError, match="there are 192"):
            rltools.explain(recording, policy, method="shapley", references=8)


class TestEvery:
    @pytest.mark.parametrize("every", [1, 2, 3, 20])
    def test_one_step_of_so_many(self, recording, policy, every):
        full = rltools.explain(recording, policy, method="gradient").attribution().values
        thin = rltools.explain(recording, policy, every=every, method="shapley", references=8).attribution("shapley")
        finite = np.isfinite(thin.values).all((1, 2))
        assert finite.sum() in (28 // every, 28 // every + 1, 28 // every + 2)
        assert thin.values.shape == full.shape
        assert thin.complete is None
        assert np.isfinite(thin.residual).all(1).tolist() == finite.tolist()

    def test_the_kept_steps_are_the_same(self, recording, policy):
        rltools.explain(recording, policy, method="gradient")
        rltools.explain(recording, policy, method="gradient", every=3)
        keys = {spec.every: key for key, spec in recording.specs.items()}
        full, thin = recording.attribution_of(keys[1]).values, recording.attribution_of(keys[3]).values
        finite = np.isfinite(thin).all((1, 2))
        np.testing.assert_allclose(thin[finite], full[finite], rtol=1e-5, atol=1e-7)

    @pytest.mark.parametrize("every", [0, -1])
    def test_at_least_one(self, recording, policy, every):
        with pytest.raises(ArgumentError, match=f"every is {every}"):
            rltools.explain(recording, policy, method="gradient", every=every)


def test_a_methods_own_draws_follow_the_seed(recording, policy, offering):
    def sampled(score, x, *, seed=0):
        return Result(torch.full((len(x), 1, 4), float(seed)))

    offering(sampled)
    for seed in (3, 5):
        rltools.explain(recording, policy, method="drawn", seed=seed)
    result = {spec.parameters["seed"]: key for key, spec in recording.specs.items()}
    assert set(result) == {3, 5}
    assert all((recording.attribution_of(key).values == seed).all() for seed, key in result.items())
