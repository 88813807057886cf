import numpy as np
import pytest

from rltools.summary import episodes as _deviation
from rltools.summary.episodes import std


@pytest.mark.parametrize("at_once", [1, 7, 256])
def test_it_is_that_of_all_finite_states_however_many_are_read_at_once(at_once, monkeypatch):
    monkeypatch.setattr(_deviation, "AT_ONCE", at_once)
    rng = np.random.default_rng(0)
    episodes = [1e6 + rng.normal(size=(steps, 2, 3)) for steps in (40, 0, 9)]
    expected = np.concatenate(episodes).reshape(-1, 6).std(axis=0)
    spoilt = np.full((2, 2, 3), 5.0)
    spoilt[:, 0, 1] = (np.nan, np.inf)
    result = std([*episodes, spoilt], 6)
    np.testing.assert_allclose(result, expected, rtol=1e-9)


def test_without_a_finite_state_there_is_none():
    assert std([np.zeros((0, 3)), np.full((2, 3), np.nan)], 3) is None
