import re
import runpy
from itertools import pairwise
from pathlib import Path

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from torch import nn

from rltools import input_gradient
from rltools.errors import ArgumentError, GradientError

quick = settings(deadline=None, max_examples=20)


def finite_differences(function, x, step=1e-6):
    """Of the summed output, entry by entry; x in float64."""
    slopes = torch.zeros_like(x)
    with torch.no_grad():
        for index in np.ndindex(*x.shape):
            shift = torch.zeros_like(x)
            shift[index] = step
            slopes[index] = (function(x + shift).sum() - function(x - shift).sum()) / (2 * step)
    return slopes


def double_network(sizes, activation, seed):
    torch.manual_seed(seed)
    layers = []
    for inputs, outputs in pairwise(sizes):
        layers += [nn.Linear(inputs, outputs), activation()]
    return nn.Sequential(*layers).double()


def convolutional(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(3, 4, 3, stride=2), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(4 * 36, 5)
    ).double()


class TestTextbook:
    def test_of_a_linear_regression_it_is_the_weights(self):
        net = nn.Linear(5, 1)
        assert torch.equal(input_gradient(net, torch.randn(1, 5)), net.weight.detach())

    def test_of_a_mean_of_sigmoids(self):
        x = torch.randn(1, 10, dtype=torch.float64)
        s = torch.sigmoid(x)
        torch.testing.assert_close(input_gradient(torch.sigmoid, x, reduce="mean"), s * (1 - s) / 10)

    def test_of_every_pixel_of_an_image(self):
        net = convolutional()
        x = torch.rand(1, 3, 28, 28, dtype=torch.float64)
        result = input_gradient(net, x, reduce=lambda output: output[0, 2])
        expected = finite_differences(lambda inputs: net(inputs)[0, 2], x)
        assert result.shape == (1, 3, 28, 28)
        assert result.abs().max() > 0
        # Two equal maxima of a pool within one step are a kink; there are few if any.
        assert ((result - expected).abs() < 1e-7).float().mean() > 0.999

    def test_of_the_logit_of_the_action_an_agent_takes(self, tmp_path):
        example = runpy.run_path(str(Path(__file__).parents[2] / "examples" / "input_gradients.py"))
        slopes = example["selected_action"]()
        assert len(slopes) == 4
        assert any(slopes.values())

    def test_the_example_prints_all_four(self, capsys):
        runpy.run_path(str(Path(__file__).parents[2] / "examples" / "input_gradients.py"), run_name="__main__")
        printed = capsys.readouterr().out
        assert len(re.findall(r"^\d\. ", printed, flags=re.MULTILINE)) == 4


@given(
    sizes=st.lists(st.integers(1, 6), min_size=2, max_size=4),
    batch=st.integers(1, 3),
    activation=st.sampled_from([nn.Tanh, nn.Sigmoid, nn.SiLU]),
    seed=st.integers(0, 2**16),
)
@quick
def test_random_networks_against_finite_differences(sizes, batch, activation, seed):
    net = double_network(sizes, activation, seed)
    x = torch.randn(batch, sizes[0], dtype=torch.float64)
    torch.testing.assert_close(input_gradient(net, x), finite_differences(net, x), rtol=1e-6, atol=1e-8)


@given(shape=st.lists(st.integers(1, 4), max_size=4), seed=st.integers(0, 2**16))
@quick
def test_inputs_and_outputs_of_any_shape(shape, seed):
    torch.manual_seed(seed)
    x = torch.randn(shape, dtype=torch.float64)
    torch.testing.assert_close(input_gradient(lambda t: t**3, x), 3 * x**2)
    torch.testing.assert_close(input_gradient(lambda t: t**3, x, reduce="mean"), 3 * x**2 / x.numel())
    torch.testing.assert_close(input_gradient(lambda t: t.pow(2).sum(), x), 2 * x)


@given(seed=st.integers(0, 2**16))
@quick
def test_is_linear_in_the_function(seed):
    f, g = double_network([3, 4, 2], nn.Tanh, seed), double_network([3, 2], nn.Tanh, seed + 1)
    x = torch.randn(2, 3, dtype=torch.float64)
    together = input_gradient(lambda t: 2 * f(t) - g(t), x)
    torch.testing.assert_close(together, 2 * input_gradient(f, x) - input_gradient(g, x))


class TestSeveralInputs:
    def test_one_gradient_each(self):
        a, b = torch.tensor([2.0, 3.0]), torch.tensor([5.0, 7.0])
        of_a, of_b = input_gradient(lambda x, y: x * y, [a, b])
        assert torch.equal(of_a, b)
        assert torch.equal(of_b, a)

    def test_a_sequence_of_one_gives_a_tuple(self):
        (gradient,) = input_gradient(lambda x: x**2, (torch.ones(2),))
        assert torch.equal(gradient, torch.full((2,), 2.0))

    def test_the_same_tensor_twice(self):
        x = torch.tensor(3.0)
        first, second = input_gradient(lambda a, b: a * b**2, [x, x])
        assert (float(first), float(second)) == (9.0, 18.0)

    def test_different_dtypes(self):
        first, second = input_gradient(lambda a, b: a.double() * b, [torch.ones(2), torch.ones(2).double()])
        assert (first.dtype, second.dtype) == (torch.float32, torch.float64)

    def test_an_input_that_does_not_matter_is_named(self):
        with pytest.raises(GradientError, match=r"input 1 \(shape \(2, 3\)\)"):
            input_gradient(lambda a, b: a**2, [torch.ones(4), torch.ones(2, 3)])


class Changing(nn.Module):
    """Replaces its buffer instead of writing into it."""

    def __init__(self):
        super().__init__()
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, x):
        self.calls = self.calls + 1
        return x**2


class TestNothingChanges:
    def test_inputs_and_parameters(self):
        net = nn.Linear(3, 2)
        net.weight.grad = remaining = torch.ones(2, 3)
        for requires_grad in (False, True):
            x = torch.ones(1, 3, requires_grad=requires_grad)
            input_gradient(net, x)
            assert x.requires_grad == requires_grad
            assert x.grad is None
            assert torch.equal(x, torch.ones(1, 3))
        assert net.weight.grad is remaining
        assert torch.equal(remaining, torch.ones(2, 3))
        assert net.bias.grad is None
        assert net.weight.requires_grad

    def test_running_statistics_in_training_mode(self):
        shared = nn.BatchNorm1d(3)
        net = nn.Sequential(shared, nn.Linear(3, 3), nn.BatchNorm1d(3), shared, nn.Linear(3, 1)).train()
        net[2].eval()
        before = {name: value.clone() for name, value in net.state_dict().items()}
        identities = {name: id(value) for name, value in net.named_buffers()}
        gradient = input_gradient(net, torch.randn(4, 3))
        assert gradient.shape == (4, 3)
        assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
        assert {name: id(value) for name, value in net.named_buffers()} == identities
        assert [module.training for module in net] == [True, True, False, True, True]

    def test_a_buffer_that_is_replaced(self):
        net = Changing()
        remaining = net.calls
        input_gradient(net, torch.ones(2))
        assert net.calls is remaining
        assert remaining == 0

    def test_buffers_after_an_error(self):
        net = nn.Sequential(nn.BatchNorm1d(3), nn.Linear(4, 1)).train()
        with pytest.raises(RuntimeError):
            input_gradient(net, torch.randn(4, 3))
        assert net[0].num_batches_tracked == 0

    def test_an_input_that_the_function_writes_into(self):
        x = torch.tensor([-1.0, 2.0])
        assert torch.equal(input_gradient(nn.ReLU(inplace=True), x), torch.tensor([0.0, 1.0]))
        assert torch.equal(x, torch.tensor([-1.0, 2.0]))

    def test_the_result_is_not_tied_to_anything(self):
        x = torch.ones(2)
        gradient = input_gradient(lambda t: t * 3, x)
        assert not gradient.requires_grad
        gradient.add_(1)
        assert torch.equal(x, torch.ones(2))


class TestCallersMode:
    @pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
    def test_gradients_all_the_same(self, mode):
        net = nn.Linear(2, 1)
        with mode():
            x = torch.ones(1, 2)
            gradient = input_gradient(net, x)
            assert not torch.is_grad_enabled()
        assert torch.equal(gradient, net.weight.detach())
        assert not gradient.is_inference()

    def test_an_input_made_in_inference_mode(self):
        with torch.inference_mode():
            x = torch.ones(2)
        assert torch.equal(input_gradient(lambda t: t**2, x), torch.full((2,), 2.0))

    def test_an_input_with_a_history(self):
        leaf = torch.ones(2, requires_grad=True)
        assert torch.equal(input_gradient(lambda t: t**2, leaf * 3), torch.full((2,), 6.0))
        assert leaf.grad is None


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning", "ignore:.*:FutureWarning")
def test_a_traced_module():
    net = nn.Linear(3, 1)
    traced = torch.jit.trace(net, torch.ones(1, 3))
    assert torch.equal(input_gradient(traced, torch.ones(1, 3)), net.weight.detach())


class TestRefused:
    @pytest.mark.parametrize("dtype", [torch.int64, torch.uint8, torch.bool, torch.complex64])
    def test_inputs_without_gradients(self, dtype):
        with pytest.raises(ArgumentError, match=str(dtype)):
            input_gradient(lambda x: x, torch.ones(2).to(dtype))

    def test_an_array(self):
        with pytest.raises(ArgumentError, match=r"input 0 is a ndarray; give a float torch\.Tensor"):
            input_gradient(lambda x: x, [np.ones(2)])

    @pytest.mark.parametrize(
        "function",
        [
            lambda x: x.detach(),
            lambda x: torch.ones(2),
            lambda x: x.argmax(),
            lambda x: (x > 0).float(),
            torch.no_grad()(lambda x: x**2),
        ],
    )
    def test_outputs_that_carry_no_gradient(self, function):
        with pytest.raises(GradientError, match="does not depend on the input in a differentiable way"):
            input_gradient(function, torch.ones(2))

    def test_outputs_that_depend_on_parameters_only(self):
        net = nn.Linear(2, 1)
        with pytest.raises(GradientError, match=r"does not depend on the input \(shape \(1, 2\)\)"):
            input_gradient(lambda x: net(x.detach()), torch.ones(1, 2))

    @pytest.mark.parametrize("output", [None, 1.0, (torch.ones(1), torch.ones(1))])
    def test_outputs_that_are_no_tensor(self, output):
        with pytest.raises(ArgumentError, match=f"the function returned a {type(output).__name__}"):
            input_gradient(lambda x: output, torch.ones(2))

    @pytest.mark.parametrize("reduce", ["max", None, 3])
    def test_unknown_reductions(self, reduce):
        with pytest.raises(ArgumentError, match='must be "sum", "mean" or a callable'):
            input_gradient(lambda x: x, torch.ones(2), reduce=reduce)

    @pytest.mark.parametrize(("reduce", "message"), [(lambda t: t, r"shape \(2,\)"), (lambda t: 1.0, "a float")])
    def test_reductions_that_give_no_scalar(self, reduce, message):
        with pytest.raises(ArgumentError, match=f"reduce returned {message}"):
            input_gradient(lambda x: x, torch.ones(2), reduce=reduce)

    @pytest.mark.parametrize("reduce", ["sum", "mean", lambda output: output[0]])
    def test_complex_outputs(self, reduce):
        with pytest.raises(ArgumentError, match="complex64"):
            input_gradient(lambda x: x * 1j, torch.ones(2), reduce=reduce)

    def test_complex_inside_is_fine(self):
        x = torch.tensor([3.0, 4.0])
        torch.testing.assert_close(input_gradient(lambda t: torch.complex(t[0], t[1]).abs(), x), x / 5)


def test_a_callable_reduction():
    net = nn.Linear(4, 3)
    gradient = input_gradient(net, torch.ones(2, 4), reduce=lambda output: output[:, 1].sum())
    assert torch.equal(gradient, net.weight.detach()[1].expand(2, 4))
    assert torch.equal(input_gradient(lambda x: x**2, torch.ones(1), reduce=lambda y: y), torch.tensor([2.0]))


def test_no_rows():
    assert input_gradient(nn.Linear(2, 1), torch.ones(0, 2)).shape == (0, 2)
