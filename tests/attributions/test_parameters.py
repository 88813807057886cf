"""Parameters of methods are checked by what these declare, before anything is computed."""

from __future__ import annotations

from typing import Literal, get_type_hints

import numpy as np
import pytest
from torch import Tensor

from rltools.attributions import Result, TargetFunction, find_method, method, method_names
from rltools.errors import ArgumentError

WRONG = {int: ["four", 2.5, True, None, [1]], float: ["four", float("nan"), float("inf"), True, None], bool: [1, "yes"]}
DECLARED = [
    (name, parameter, hint)
    for name in method_names()
    for parameter, hint in get_type_hints(find_method(name).function).items()
    if parameter in find_method(name).defaults and hint in WRONG
]


@pytest.mark.parametrize(("name", "parameter", "hint"), DECLARED)
def test_a_value_of_another_type_is_refused_with_what_is_allowed(name, parameter, hint):
    result = find_method(name)
    words = {int: "a whole number", float: "a finite number", bool: "true or false"}[hint]
    for value in WRONG[hint]:
        with pytest.raises(ArgumentError) as refused:
            result.settings({parameter: value})
        assert str(refused.value).startswith(f"{parameter} of {name} is {value!r}; it must be {words}, for instance ")
    assert result.settings({parameter: result.defaults[parameter]}) == result.defaults


def test_whole_numbers_of_numpy_and_whole_numbers_for_others_are_taken():
    assert find_method("sampled_shapley").settings({"permutations": np.int64(8)})["permutations"] == 8
    assert find_method("smooth_grad").settings({"noise": 1})["noise"] == 1
    with pytest.raises(ArgumentError, match="must be a finite number"):
        find_method("smooth_grad").settings({"noise": 10**400})


def test_texts_that_may_be_missing():
    assert find_method("rise").settings({"replacement": None})["replacement"] is None
    for name, parameter in (("rise", "replacement"), ("grad_cam", "layer")):
        with pytest.raises(ArgumentError, match=f"{parameter} of {name} is 3; it must be a text or null"):
            find_method(name).settings({parameter: 3})


def test_a_name_that_is_nearly_right_is_suggested():
    with pytest.raises(ArgumentError, match="takes no parameter 'permutation'; did you mean 'permutations'"):
        find_method("sampled_shapley").settings({"permutation": 3})


def test_a_parameter_that_declares_nothing_is_like_its_default():
    settings = find_method("captum:IntegratedGradients").settings
    assert settings({"n_steps": 8}) == {"n_steps": 8}
    with pytest.raises(ArgumentError, match="n_steps of captum:IntegratedGradients is 'four'"):
        settings({"n_steps": "four"})


def test_choices_of_a_method_of_ones_own():
    @method(unit="score", cost=1)
    def own(
        score: TargetFunction, x: Tensor, *, kind: Literal["soft", "hard"] = "soft", other: list[int] | None = None
    ) -> Result:
        """Nothing."""
        return Result(x[:, None])

    assert own.settings({"kind": "hard", "other": [3]}) == {"kind": "hard", "other": [3]}
    with pytest.raises(ArgumentError, match="kind of own is 'loud'; it must be 'soft' or 'hard', for instance 'soft'"):
        own.settings({"kind": "loud"})
