"""A view of a policy forwards everything but what it overrides, optional abilities included."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import rltools
from rltools.explanation.views import Window, clipped_entries, compiled, in_units
from rltools.policies.base import Context, check_is_policy, missing_members
from rltools.policies.decide import next_state, outputs_and_vjp
from rltools.policies.view import PolicyView

OBSERVATIONS = np.array([[0.1, -0.2, 0.05, 0.3], [0.0, 1.0, -0.1, 0.2]], np.float32)


class Doubled(PolicyView):
    """A view with another head."""

    def head(self, name: str, x: Tensor, context: Context) -> Tensor:
        return 2 * self.policy.head(name, x, context)


class Hidden(PolicyView):
    """A view with another encoding."""

    def encode(self, observations: Any) -> Tensor:
        x = self.policy.encode(observations)
        x[:, 0] = 0
        return x


@pytest.fixture
def policy() -> rltools.Policy:
    return rltools.load_policy("cartpole-ppo", "CartPole-v1", bounds="any")


def test_a_view_keeps_the_contract(policy: rltools.Policy) -> None:
    view = PolicyView(policy)
    check_is_policy(view)
    assert missing_members(view) == ()
    rltools.testing.check_policy(view)
    assert view.features == policy.features
    assert view.source == policy.source


def test_optional_abilities_are_those_of_the_policy(policy: rltools.Policy) -> None:
    view: Any = PolicyView(policy)
    assert view.module is policy.module  # type: ignore[attr-defined]
    assert view.bounds == "any"
    assert not hasattr(view, "nothing")
    x = view.encode(OBSERVATIONS)
    outputs, vjp_fn = outputs_and_vjp(view, "logit", x, Context())  # type: ignore[misc]
    assert torch.equal(outputs, policy.head("logit", x, Context()))
    assert vjp_fn(torch.ones(2, 2)).shape == x.shape
    assert type(compiled(view)) is PolicyView
    with pytest.raises(rltools.errors.ArgumentError, match="not recurrent"):
        next_state(view, x, Context())


def test_abilities_that_the_policy_lacks_are_refused() -> None:
    class Plain(PolicyView):
        """A policy that can be neither compiled nor normalized."""

        def __getattr__(self, name: str) -> Any:
            if name in ("compiled", "in_network_units", "clipped"):
                raise AttributeError(name)
            return super().__getattr__(name)

    view = PolicyView(Plain(rltools.load_policy("cartpole-ppo")))
    with pytest.raises(rltools.errors.ArgumentError, match="cannot be compiled"):
        compiled(view)
    with pytest.raises(rltools.errors.ArgumentError, match="in the environment's units"):
        in_units(view, "network")
    assert clipped_entries(view, view.encode(OBSERVATIONS)) == {}


def test_a_view_with_another_head_has_no_vjp_of_the_policys(policy: rltools.Policy) -> None:
    view = Doubled(policy)
    x = view.encode(OBSERVATIONS)
    assert outputs_and_vjp(view, "logit", x, Context()) is None
    doubled = rltools.attribute(view, OBSERVATIONS, target="logit:0").values
    np.testing.assert_allclose(doubled, 2 * rltools.attribute(policy, OBSERVATIONS, target="logit:0").values, rtol=1e-5)


def test_a_view_with_another_encoding_keeps_the_vjp(policy: rltools.Policy) -> None:
    view = Hidden(policy)
    masked = OBSERVATIONS * [0, 1, 1, 1]
    values = rltools.attribute(view, OBSERVATIONS, target="logit:0").values
    np.testing.assert_allclose(values, rltools.attribute(policy, masked, target="logit:0").values, rtol=1e-5)


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda view: pickle.loads(pickle.dumps(view))])
def test_copies(copied: Any, policy: rltools.Policy) -> None:
    view = copied(Hidden(policy))
    assert type(view) is Hidden
    np.testing.assert_array_equal(view.encode(OBSERVATIONS)[:, 1:], OBSERVATIONS[:, 1:])


def test_a_window_stays_a_window() -> None:
    window = Window(rltools.load_policy("cartpole-recurrent-ppo"), 3)
    again: Any = compiled(window)
    assert (type(again), again.lags, again.features) == (Window, 3, window.features)
    assert again.module is None
    x = torch.randn(2, 3, 2)
    zeros = torch.zeros(2, window.state_size)
    state = zeros
    for lag in range(3):
        state = next_state(window.policy, x[:, lag], Context(state=state))
    torch.testing.assert_close(next_state(window, x, Context(state=zeros)), state)
