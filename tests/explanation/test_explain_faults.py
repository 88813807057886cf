import warnings

import numpy as np
import pytest
import torch
from torch import nn

import rltools
from rltools.attributions import Result
from rltools.errors import (
    ArgumentError,
    FaultError,
    GradientError,
    MethodError,
    MismatchError,
    TargetError,
    TooCostlyError,
)
from rltools.explanation import FailedAttributionWarning
from rltools.explanation import batches as _batches
from rltools.recording.seeds import episode_seed

METHODS = ["gradient", "input_x_gradient", "integrated_gradients", "shapley"]


class TestFaults:
    def test_another_policy(self, recording, make_policy):
        with pytest.raises(MismatchError, match=r"is not the policy that was recorded .*differences up to"):
            rltools.explain(recording, make_policy(seed=1), method="gradient")
        assert recording.specs == {}

    def test_not_finite(self, recording, policy, Walk, make_policy, observations_of):
        def rooted(x):
            return net(x) + 0 * torch.sqrt(x[:, :1] + x[:, :1].abs())

        net = nn.Linear(4, 3)
        rough = make_policy(rooted)
        rough_recording = rltools.record(rough, Walk, episodes=2, directory=recording.directory.with_name("rough"))
        negative = observations_of(rough_recording)[:, 0] <= 0
        with pytest.warns(
            FailedAttributionWarning, match=rf"{negative.sum()} of 14 steps \({negative.mean():.1%}\)"
        ) as caught:
            rltools.explain(rough_recording, rough, method="gradient")
        assert len(caught) == 1
        values = rough_recording.attribution().values
        assert np.isnan(values).all((1, 2)).tolist() == negative.tolist()

    def test_the_share_is_of_what_was_explained(self, tmp_path, Walk, make_policy):
        rough = make_policy(lambda x: nn.functional.pad(torch.sqrt(x[:, :1] * 0), (0, 2)))
        recording = rltools.record(rough, Walk, episodes=1, directory=tmp_path)
        with pytest.warns(FailedAttributionWarning, match=r"3 of 3 steps \(100.0%\)|4 of 4 steps \(100.0%\)"):
            rltools.explain(recording, rough, method="gradient", every=2)

    def test_all_zero_is_kept_as_zero(self, tmp_path, Walk, make_policy):
        net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
        with torch.no_grad():
            net[0].bias.fill_(-1e4)
        policy = make_policy(net)
        recording = rltools.record(policy, Walk, episodes=2, directory=tmp_path)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            for name in METHODS:
                values = rltools.explain(recording, policy, method=name).attribution(name).values
                assert not values.any()

    @pytest.mark.parametrize("name", ["gradient", "input_x_gradient", "integrated_gradients"])
    def test_a_policy_that_is_not_differentiable(self, tmp_path, name, Walk, make_policy):
        net = nn.Linear(4, 3)
        for number, function in enumerate((lambda x: net(x.detach()), torch.no_grad()(net.forward))):
            policy = make_policy(function)
            recording = rltools.record(policy, Walk, episodes=1, directory=tmp_path / str(number))
            with pytest.raises(GradientError, match="the policy detaches it"):
                rltools.explain(recording, policy, method=name)
            assert recording.specs == {}

    @pytest.mark.parametrize(
        ("function", "message"),
        [
            (lambda score, x: Result(x.zero_()[:, None]), "wrote into its input"),
            (lambda score, x: Result(x), r"returned values of \(28, 4\); they must be of shape \(28, 1, 4\)"),
            (lambda score, x: x, "returned a Tensor; it must return a Result"),
            (lambda score, x: Result(None), "returned values of NoneType"),
        ],
    )
    def test_a_method_that_breaks_its_contract(self, recording, policy, offering, function, message, files_of):
        function.__name__ = "homemade"
        offering(function)
        with pytest.raises(MethodError, match=f"method homemade {message}"):
            rltools.explain(recording, policy, method="homemade")
        assert not files_of(recording)

    @pytest.mark.parametrize(("failures", "works"), [(1, True), (5, True), (21, False)])
    def test_out_of_memory(self, recording, policy, offering, failures, works):
        calls = []

        def hungry(score, x):
            calls.append(len(x))
            if len(calls) <= failures:
                raise torch.cuda.OutOfMemoryError("CUDA out of memory")
            return Result(torch.ones(len(x), 1, 4))

        offering(hungry)
        if works:
            rltools.explain(recording, policy, method="hungry")
            assert len(recording.attribution()) == 28
            assert sum(calls[failures:]) == 28
            assert calls[0] == 28  # all four episodes at once
        else:
            with pytest.raises(TooCostlyError, match=r"no memory for 1 of 28 rows, .*\(CUDA out of memory\)"):
                rltools.explain(recording, policy, method="hungry")
            assert calls[:6] == [28, 14, 7, 3, 1, 1]
            assert len(calls) == 21

    def test_a_smaller_batch_each_time(self, policy, monkeypatch, make_policy):
        monkeypatch.setattr(_batches, "MOST_COPIES", 64)
        calls = []

        def forward(x):
            if torch.is_grad_enabled():
                calls.append(len(x))
                if len(x) > 3:
                    raise torch.cuda.OutOfMemoryError("CUDA out of memory")
            return x[:, :3] * 2

        result = rltools.attribute(make_policy(forward), np.ones((40, 4)), target="logit:0")
        assert calls[:5] == [32, 16, 8, 4, 2]
        assert set(calls[5:]) == {2}
        assert (result.values[:, 0, 0] == 2).all()
        assert result.values.shape == (40, 1, 4)

    @pytest.mark.parametrize("name", METHODS)
    @pytest.mark.parametrize("failing", [(0,), (1,)])
    def test_episodes_without_steps(self, policy, tmp_path, name, failing, Walk):
        seeds = [episode_seed("spread", 0, number) for number in failing]
        with pytest.raises(FaultError) as fault:
            rltools.record(policy, lambda: Walk(failing=seeds), episodes=3, directory=tmp_path)
        recording = fault.value.recording
        attribution = rltools.explain(recording, policy, method=name).attribution()
        assert attribution.values.shape == (14, 1, 4)
        assert (attribution.residual is None) == (name in ("gradient", "input_x_gradient"))
        (number,) = failing
        assert len(recording.attribution(episodes=[number])) == 0

    def test_nothing_but_episodes_without_steps(self, policy, tmp_path, Walk):
        with pytest.raises(FaultError) as fault:
            rltools.record(policy, lambda: Walk(failing=(0,)), episodes=1, directory=tmp_path)
        assert rltools.explain(fault.value.recording, policy, method="gradient").attribution().values.shape == (0, 1, 4)
        with pytest.raises(ArgumentError, match="has no steps to draw reference states from"):
            rltools.explain(fault.value.recording, policy, method="shapley", references=8)

    def test_arguments(self, recording, policy):
        with pytest.raises(TargetError, match="has no target 'q_value:all'"):
            rltools.explain(recording, policy, method="gradient", target="q_value:all")
        with pytest.raises(ArgumentError, match="gradient takes no parameter 'nodes'"):
            rltools.explain(recording, policy, method="gradient", nodes=3)
        with pytest.raises(ArgumentError, match="references is 0; it must be at least 1"):
            rltools.explain(recording, policy, method="shapley", references=0)
        with pytest.raises(ArgumentError, match="references are empty"):
            rltools.explain(recording, policy, method="shapley", references=np.zeros((0, 4)))
        with pytest.raises(MismatchError, match="takes observations of shape"):
            rltools.explain(recording, policy, method="shapley", references=np.zeros((2, 5)))
        assert recording.specs == {}
