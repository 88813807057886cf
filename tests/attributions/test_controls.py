import pytest
import torch

from rltools.attributions import find_method, method, method_names
from rltools.errors import MethodError
from rltools.testing import PlainFunction

random = find_method("random")
std = find_method("std")


def draw(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


@pytest.fixture
def score():
    return PlainFunction(lambda x: x.flatten(1)[:, :2], 2, dims=("y", "x"))


def test_controls_say_so_and_others_do_not():
    named = {name for name in method_names() if find_method(name).description.startswith("Control: ")}
    assert named == {"random", "std"}
    assert {find_method(name).unit for name in named} == {"rank"}


def test_only_controls_say_no_more_than_an_order():
    """What is on disk tells a control by its unit."""
    controls = {name for name in method_names() if find_method(name).control}
    assert controls == {name for name in method_names() if find_method(name).unit == "rank"} == {"random", "std"}
    with pytest.raises(MethodError, match=r"the unit .steps.; units are .score per unit., "):
        method(unit="steps", cost=0)(print)


def test_neither_asks_the_network(score):
    random(score, draw(3, 4, 5))
    std(score, draw(3, 4, 5), references=draw(8, 4, 5))
    assert not score.seen


class TestRandom:
    def test_one_draw_for_all_rows_and_targets(self, score):
        result = random(score, draw(3, 4, 5)).values
        assert result.shape == (3, 2, 4, 5)
        assert (result == result[0, 0]).all()
        assert len(result[0, 0].unique()) == 20

    def test_is_drawn_from_its_seed(self, score):
        x = draw(3, 40, 50)
        first, again, other = (random(score, x, seed=seed).values for seed in (0, 0, 1))
        assert torch.equal(first, again)
        assert abs(float(torch.corrcoef(torch.stack([first[0, 0].flatten(), other[0, 0].flatten()]))[0, 1])) < 0.1

    def test_is_standard_normal(self, score):
        result = random(score, draw(1, 40, 50)).values[0, 0]
        assert abs(float(result.mean())) < 0.1
        assert abs(float(result.std()) - 1) < 0.1

    def test_is_the_same_in_float32(self, score):
        x = draw(1, 4, 5)
        torch.testing.assert_close(random(score, x.float()).values, random(score, x).values.float())


class TestDeviation:
    def test_is_that_of_the_references(self, score):
        references = draw(9, 4, 5)
        result = std(score, draw(3, 4, 5, seed=1), references=references).values
        torch.testing.assert_close(result, references.std(0, correction=0).expand(3, 2, 4, 5))

    def test_of_one_reference_is_nothing(self, score):
        assert not std(score, draw(2, 4, 5), references=draw(1, 4, 5)).values.any()
