import numpy as np
import pytest
import torch

from rltools.attributions import Result, find_method, method, method_names
from rltools.errors import MethodError, UnknownNameError
from rltools.targets.function import derivative
from rltools.testing import check_attribution


@pytest.mark.parametrize("name", method_names())
def test_every_method_of_the_folder(name):
    check_attribution(name)


@pytest.mark.parametrize("name", method_names())
def test_every_method_describes_itself(name):
    result = find_method(name)
    assert result.name == name
    assert result.description.endswith(".")
    assert result.cost(8, 8, result.defaults).passes >= (0 if result.control else 1)
    assert result.description.startswith("Control: ") == result.control
    assert set(result.settings({})) == set(result.defaults)


def slopes(score, x):
    leaf = x.detach().requires_grad_()
    return derivative(score(leaf), leaf).movedim(0, 1)


def declared(function, axioms=(), unit="score per unit", needs=("gradient",)):
    return method(unit=unit, needs=needs, axioms=axioms, cost=2)(function)


def absolute(score, x):
    return Result(slopes(score, x).abs())


def of_the_batch(score, x):
    return Result(slopes(score, x) - slopes(score, x).mean(0))


def by_row_number(score, x):
    return Result(slopes(score, x) * torch.arange(len(x)).reshape(-1, *[1] * x.ndim))


def only_some_rows(score, x):
    return Result(slopes(score, x[:3]))


def noisy(score, x, *, seed=0):
    return Result(slopes(score, x) + torch.randn(x.shape)[:, None])


def noisy_with_a_seed(score, x, *, seed=0):
    generator = torch.Generator().manual_seed(seed)
    noise = 0.1 * torch.randn(16, *x.shape[1:], generator=generator, dtype=x.dtype)
    return Result(torch.stack([slopes(score, x + shift) for shift in noise]).mean(0))


def noisy_per_row(score, x, *, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return Result(slopes(score, x + torch.randn(x.shape, generator=generator, dtype=x.dtype)))


def targets_exchanged(score, x):
    return Result(slopes(score, x).flip(1))


def leaving_gradients(score, x):
    leaf = x.detach().clone().requires_grad_()
    score(leaf).sum().backward()
    return Result(slopes(score, x))


def writing(score, x):
    result = slopes(score, x)
    x += 1
    return Result(result)


def requiring(score, x):
    x.requires_grad_()
    return Result(slopes(score, x))


def into_the_reference(score, x, *, references):
    references.zero_()
    return Result(slopes(score, x))


def of_integers(score, x):
    return Result(slopes(score, x).round().long())


def an_array(score, x):
    return slopes(score, x).numpy()


def without_target(score, x):
    return Result(slopes(score, x)[:, 0])


def half_explained(score, x, *, references):
    return Result(slopes(score, x) * (x - references.mean(0))[:, None])


def first_feature_favored(score, x):
    result = slopes(score, x)
    result.flatten(2)[:, :, 0] *= 2
    return Result(result)


def smeared(score, x):
    result = slopes(score, x)
    return Result(result + 1e-3 * result.flatten(2).mean(2).reshape(*result.shape[:2], *[1] * (x.ndim - 1)))


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (declared(absolute, {"linear"}), "linear: absolute of a linear network is wrong"),
        (declared(of_the_batch), "rows that come"),
        (declared(by_row_number), "rows that come in another order"),
        (declared(noisy), "a second time"),
        (declared(noisy_per_row), "rows that come"),
        (declared(targets_exchanged), "explained alone"),
        (declared(leaving_gradients), "the .grad of the network's parameters"),
        (declared(half_explained, {"complete"}, "score", {"gradient", "references"}), "complete: the stated residual"),
        (declared(first_feature_favored, {"symmetric"}), "symmetric"),
        (declared(smeared, {"dummy"}), "dummy: smeared gives"),
        (declared(slopes, {"fair"}), "unknown axioms fair; there are linear, dummy"),
    ],
)
def test_what_breaks_a_promise_is_found(broken, message):
    with pytest.raises(AssertionError, match=message):
        check_attribution(broken)


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (declared(only_some_rows), r"only_some_rows returned values of \(3, 3, 4\); they must be of shape \(5, 3, 4\)"),
        (declared(writing), "writing wrote into its input"),
        (declared(requiring), "requiring wrote into its input"),
        (declared(into_the_reference, needs={"references"}), "into_the_reference wrote into its reference"),
        (declared(of_integers), "of_integers returned values of torch.int64; they must be floats"),
        (declared(an_array), "an_array returned a ndarray; it must return a Result"),
        (declared(without_target), "without_target returned values of"),
    ],
)
def test_what_breaks_the_contract_is_named(broken, message):
    with pytest.raises(MethodError, match=f"^method {message}"):
        check_attribution(broken)


def test_a_method_that_draws_from_its_seed_conforms():
    check_attribution(declared(noisy_with_a_seed, {"dummy", "invariant"}), seed=1)


def test_a_residual_must_be_small_on_a_smooth_score():
    def confessing(score, x, *, references):
        values = slopes(score, x) * (x - references.mean(0))[:, None]
        with torch.no_grad():
            starts = score(references.expand(len(x), *references.shape)).mean(1)
            return Result(values, residual=score(x) - starts - values.flatten(2).sum(2))

    with pytest.raises(AssertionError, match="complete: confessing leaves a residual"):
        check_attribution(declared(confessing, {"complete"}, "score", {"gradient", "references"}))


def test_the_random_state_is_left_alone():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    numpy_state = np.random.get_state()[1].copy()  # noqa: NPY002
    check_attribution("gradient")
    assert torch.equal(torch.rand(3), expected)
    assert np.array_equal(numpy_state, np.random.get_state()[1])  # noqa: NPY002


def test_an_unknown_method():
    with pytest.raises(UnknownNameError, match="did you mean gradient"):
        check_attribution("gradeint")
