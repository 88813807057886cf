"""How the work is done changes nothing in what comes out: batches, compilation, the device."""

import copy
import shutil

import gymnasium
import numpy as np
import pytest
import torch

import rltools
from rltools.attributions import find_method, method_names
from rltools.errors import ArgumentError

OF_VECTORS = [name for name in method_names() if not find_method(name).needs & {"image", "convolution"}]
LARGEST = 32


@pytest.fixture(scope="module")
def states():
    return 0.3 * np.random.default_rng(0).standard_normal((20, 4))


@pytest.mark.parametrize("name", OF_VECTORS)
def test_smaller_batches_give_the_same(name, states, monkeypatch):
    policy = rltools.load_policy("cartpole-ppo", dtype=torch.float64)
    full = rltools.attribute(policy, states, method=name, references=states[:4]).values
    batches, head = [], policy.head

    def counting(head_name, x, context):
        batches.append(len(x))
        return head(head_name, x, context)

    monkeypatch.setattr(policy, "head", counting)
    parts = rltools.attribute(policy, states, method=name, references=states[:4], max_batch=LARGEST).values
    np.testing.assert_allclose(parts, full, rtol=1e-9, atol=1e-12)
    # A row may stand beside its copies so that both are rounded alike.
    assert max(batches, default=0) <= 2 * LARGEST


def test_a_batch_of_none_is_refused(states):
    with pytest.raises(ArgumentError, match="max_batch is 0; it must be at least 1"):
        rltools.attribute(rltools.load_policy("cartpole-ppo"), states, max_batch=0)


@pytest.mark.skipif(shutil.which("g++") is None, reason="torch compiles with g++, and there is none")
@pytest.mark.filterwarnings("ignore")  # of torch's own compiler
@pytest.mark.parametrize("name", ["gradient", "shapley"])
def test_a_compiled_network_says_the_same(name, states):
    policy = rltools.load_policy("cartpole-ppo")
    plain, compiled = (
        rltools.attribute(policy, states, method=name, references=states[:1], compile=how).values
        for how in (False, True)
    )
    np.testing.assert_allclose(compiled, plain, rtol=1e-5, atol=1e-5)


def test_what_cannot_be_compiled_says_so(states):
    policy = rltools.load_policy("cartpole-ppo")

    class Plain:
        def __getattr__(self, name):
            if name == "compiled":
                raise AttributeError(name)
            return getattr(policy, name)

    with pytest.raises(ArgumentError, match="cannot be compiled; leave compile=True out"):
        rltools.attribute(Plain(), states, compile=True)


def test_a_device(states):
    policy = rltools.load_policy("cartpole-ppo", device="cpu")
    assert policy.device.type == "cpu"
    assert np.isfinite(rltools.attribute(policy, states).values).all()


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is such a device")
def test_a_device_that_is_not_there():
    with pytest.raises(ArgumentError, match="device='cuda' cannot be used here"):
        rltools.load_policy("cartpole-ppo", device="cuda")


def test_a_live_model_is_not_moved():
    with pytest.raises(ArgumentError, match="is for files; move the Linear there yourself"):
        rltools.load_policy(torch.nn.Linear(2, 2), device="cpu")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("name", ["gradient", "integrated_gradients", "shapley", "smooth_grad", "decision_change"])
def test_on_a_gpu_it_is_the_same(name, states):
    plain, moved = (
        rltools.attribute(rltools.load_policy("cartpole-ppo", device=d), states, method=name, references=states[:4])
        for d in ("cpu", "cuda")
    )
    np.testing.assert_allclose(moved.values, plain.values, rtol=1e-5, atol=1e-5)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
class TestGpu:
    """What only a GPU can show."""

    @pytest.fixture
    def frames(self):
        torch.manual_seed(0)
        net = torch.nn.Sequential(
            *(torch.nn.Conv2d(4, 16, 8, 4), torch.nn.ReLU(), torch.nn.Conv2d(16, 8, 4, 2), torch.nn.ReLU()),
            *(torch.nn.Flatten(), torch.nn.Linear(648, 6)),
        )
        space = gymnasium.spaces.Box(0, 255, (4, 84, 84), np.uint8)
        policies = [
            rltools.TorchPolicy(copy.deepcopy(net).to(device), space, gymnasium.spaces.Discrete(6))
            for device in ("cpu", "cuda")
        ]
        return policies, np.random.default_rng(0).integers(0, 256, (300, 4, 84, 84), dtype=np.uint8)

    @pytest.mark.parametrize("name", ["gradient", "grad_cam", "guided_backprop"])
    def test_convolutions_in_full_precision(self, frames, name):
        policies, observations = frames
        before = torch.backends.cudnn.conv.fp32_precision
        plain, moved = (rltools.attribute(policy, observations[:16], method=name).values for policy in policies)
        assert np.abs(moved - plain).max() < 1e-5 * np.abs(plain).max()
        assert torch.backends.cudnn.conv.fp32_precision == before

    def test_smaller_batches_when_the_card_is_full(self, frames):
        (_, policy), observations = frames
        expected = rltools.attribute(policy, observations, method="integrated_gradients", references=observations[:4])
        torch.cuda.empty_cache()
        torch.cuda.set_per_process_memory_fraction(400e6 / torch.cuda.get_device_properties(0).total_memory)
        try:
            again = rltools.attribute(policy, observations, method="integrated_gradients", references=observations[:4])
        finally:
            torch.cuda.set_per_process_memory_fraction(1.0)
        np.testing.assert_allclose(again.values, expected.values, rtol=1e-4, atol=1e-5)
