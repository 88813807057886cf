"""Steps in which nothing happens, and how the ranking reads without them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rltools
from rltools.summary import find_uneventful, summarize, uneventful_steps
from rltools.testing import example_recording

STILL, MOVING = 40, 30


@pytest.fixture
def landing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A recording: in flight the first feature counts, and at rest, for longer, the second one."""

    def make(
        *,
        rest: int = STILL,
        jitter: float = 0.001,
        drift: float = 0.0,
        discrete: bool = True,
        resting: tuple[float, ...] = (0.0, 9.0, 0.0),
    ) -> Any:
        rng = np.random.default_rng(0)
        flight = [5.0, 1.0, 2.0]
        values = [np.array([[flight]] * MOVING + [[resting]] * rest) for _ in range(6)]
        actions = [np.array([number % 2 for number in range(MOVING)] + [0] * rest) for _ in range(6)]
        options = {} if discrete else {"action_names": ("torque",), "action_start": None, "labels": ("action:torque",)}
        recording = example_recording(
            tmp_path / "r",
            values,
            unit="score",
            method="shapley",
            actions=actions if discrete else [each[:, None].astype(np.float32) for each in actions],
            **options,
        )
        whole = rltools.Recording.episode
        noise = rng.normal(size=(MOVING + rest, 2))
        noise[MOVING:] = 3 + jitter * noise[MOVING:] + drift * np.arange(rest)[:, None]

        def episode(self: Any, number: int) -> Any:
            result = whole(self, number)
            object.__setattr__(result, "scores", noise[:, : result.scores.shape[1]].astype(np.float32))
            return result

        monkeypatch.setattr(rltools.Recording, "episode", episode)
        return recording

    return make


def test_a_stretch_of_one_action_and_steady_scores_is_uneventful(landing: Any) -> None:
    uneventful = uneventful_steps(landing())
    assert (uneventful.count, uneventful.total) == (6 * STILL, 6 * (STILL + MOVING))
    assert all(steps[-STILL:].all() and not steps[:MOVING].any() for steps in uneventful.steps.values())


@pytest.mark.parametrize("change", [{"rest": 15}, {"jitter": 1.0}])
def test_a_short_stretch_or_scores_that_change_are_not(landing: Any, change: dict[str, Any]) -> None:
    recording = landing(**change)
    assert uneventful_steps(recording).count == 0
    assert find_uneventful(recording, summarize(recording)) is None


def test_a_score_that_drifts_is_moving_though_the_action_stays(landing: Any) -> None:
    assert uneventful_steps(landing(drift=0.04)).count == 0


def test_steps_before_a_rest_are_told_apart_from_it(landing: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    recording = landing()
    still = rltools.Recording.episode

    def gliding(self: Any, number: int) -> Any:
        result = still(self, number)
        glide = np.zeros(MOVING + STILL, np.float32)
        glide[:MOVING] = np.linspace(-20, 0, MOVING)
        object.__setattr__(result, "scores", 3 + glide[:, None] * np.ones(result.scores.shape[1], np.float32))
        object.__setattr__(result, "actions", np.zeros_like(result.actions))
        return result

    monkeypatch.setattr(rltools.Recording, "episode", gliding)
    (*_, steps) = uneventful_steps(recording).steps.values()
    assert steps[-STILL:].all()
    assert not steps[: MOVING - 10].any()


def test_a_continuous_action_that_drifts_is_moving(landing: Any) -> None:
    assert uneventful_steps(landing(discrete=False)).count == 6 * STILL
    assert uneventful_steps(landing(discrete=False, drift=0.04)).count == 0


def test_the_ranking_without_them_is_that_of_the_other_steps(landing: Any) -> None:
    recording = landing()
    summary = summarize(recording)
    assert summary.top(1)[0].feature == "obs[1]"
    finding = find_uneventful(recording, summary)
    assert finding is not None
    assert (finding.part, finding.n, finding.total) == ("other", 6 * STILL, 6 * (STILL + MOVING))
    assert [(each.feature, round(each.share, 3)) for each in finding.subjects] == [
        ("obs[0]", 0.625),
        ("obs[2]", 0.25),
        ("obs[1]", 0.125),
    ]
    assert str(finding).startswith("Without the 240 of 420 steps in which nothing happens (")
    assert str(finding).endswith("obs[0] is first with 62 %, obs[2] is second with 25 % and obs[1] is third with 12 %.")


def test_where_the_order_stays_they_are_only_counted(landing: Any) -> None:
    recording = landing(resting=(9.0, 1.0, 2.0))
    finding = find_uneventful(recording, summarize(recording))
    assert finding is not None
    assert finding.part == "same"
    assert str(finding).startswith("In 240 of 420 steps nothing happens: one action is taken for long")
