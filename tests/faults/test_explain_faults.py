"""Rows 3, 4, 30 and 40 of the table of faults: what goes wrong in an attribution."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from gymnasium.spaces import Discrete
from torch import Tensor

import rltools
from rltools.attributions import Result, method
from rltools.errors import GradientError, MethodError
from rltools.explanation import FailedAttributionWarning

Make = Callable[..., Any]


def explained(scores: Callable[[Tensor], Tensor], make_env: Make, **choices: Any) -> Any:
    env = make_env(
        step=lambda env, action: (np.full(3, env.t, np.float32), 1.0, env.t == 4, False, {}),
        reset=lambda env: (np.zeros(3, np.float32), {}),
    )
    policy = rltools.TorchPolicy(scores, env().observation_space, Discrete(2), name="odd")
    return rltools.explain(rltools.record(policy, env, episodes=2), policy, **choices)


def test_row_03_an_attribution_that_is_not_finite(make_env: Make) -> None:
    """The slope of a square root is infinite at 0, where each episode starts."""
    with pytest.warns(FailedAttributionWarning, match=r"2 of 8 steps \(25\.0%\)") as caught:
        recording = explained(lambda x: x[:, :2].sqrt(), make_env, method="gradient", target="logit:chosen")
    assert len(caught) == 1
    values = recording.attribution().values
    assert np.isnan(values[[0, 4]]).all()
    assert np.isfinite(values[[1, 2, 3, 5, 6, 7]]).all()


def test_row_04_zeros_are_kept_as_zeros(make_env: Make) -> None:
    recording = explained(lambda x: torch.relu(-x[:, :2] - 1), make_env, target="logit:chosen")
    assert (recording.attribution().values == 0).all()
    assert recording.attribution().values.shape == (8, 1, 3)


@pytest.mark.parametrize("scores", [lambda x: x[:, :2].detach(), lambda x: torch.ones(len(x), 2)])
def test_row_30_scores_that_do_not_depend_on_the_observation(scores: Any, make_env: Make) -> None:
    with pytest.raises(GradientError):
        explained(scores, make_env, method="gradient")


class PolicyTargetFunction:
    """Two scalars of three features."""

    feature_ndim, outputs, dims = 1, 2, ("feature",)

    def __call__(self, x: Tensor) -> Tensor:
        return x[..., :2] * 2

    def rows(self, index: Tensor) -> PolicyTargetFunction:
        return self


def writes(score: Any, x: Tensor) -> Result:
    x += 1
    return Result(torch.zeros(len(x), 2, 3))


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda score, x: torch.zeros(len(x), 2, 3), "returned a Tensor; it must return a Result"),
        (
            lambda score, x: Result(torch.zeros(len(x), 3)),
            r"returned values of \(4, 3\); they must be of shape \(4, 2, 3\)",
        ),
        (lambda score, x: Result(np.zeros((len(x), 2, 3))), "returned values of ndarray"),
        (lambda score, x: Result(torch.zeros(4, 2, 3), residual=torch.zeros(4)), r"returned residual of \(4,\)"),
        (writes, "wrote into its input"),
    ],
)
def test_row_40_a_method_that_breaks_its_contract(function: Any, message: str) -> None:
    function.__name__ = "theirs"
    theirs = method(unit="score", cost=1)(function)
    with pytest.raises(MethodError, match=f"method theirs {message}"):
        theirs(PolicyTargetFunction(), torch.zeros(4, 3))
