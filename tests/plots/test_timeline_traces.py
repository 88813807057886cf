"""The traces of a timeline: value, advantage and margin of each step, on request."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import rltools
from rltools.errors import ArgumentError, RecordingError
from rltools.plots import timeline
from rltools.recording import advantages, margins
from rltools.testing import check_plot, example_recording


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> rltools.Recording:
    policy = rltools.load_policy("cartpole-ppo")
    folder = tmp_path_factory.mktemp("traces") / "run"
    return rltools.explain(
        rltools.record(policy, episodes=2, max_steps=30, directory=folder), policy, method="gradient"
    )


def test_each_trace_is_a_panel_below_the_score(recording: rltools.Recording) -> None:
    plain = timeline(recording, 1)
    drawn = timeline(recording, 1, traces=["margin", "value", "advantage"])
    assert len(drawn.child_axes) == len(plain.child_axes) + 3
    panels = drawn.child_axes[1:4]
    assert [panel.get_ylabel() for panel in panels] == ["margin", "value (discounted\nreturn)", "advantage\n(GAE)"]
    margin, value, advantage = (panel.lines[0].get_ydata() for panel in panels)
    values, estimated = recording.episode(1).values, advantages(recording, 1)
    assert values is not None
    assert estimated is not None
    np.testing.assert_array_equal(margin, margins(recording, 1))
    np.testing.assert_array_equal(value, values[:-1])
    np.testing.assert_array_equal(advantage, estimated.values)
    assert drawn.child_axes[4].get_ylabel() == "action"


def test_the_plot_with_traces_is_one_like_the_others(recording: rltools.Recording) -> None:
    def with_traces(recording: rltools.Recording, **choices: object) -> object:
        existing = [] if not len(recording) or recording.episode(recording.numbers[0]).values is None else ["value"]
        return timeline(recording, traces=existing, **choices)  # type: ignore[arg-type]

    check_plot(with_traces, recording)


def test_traces_that_are_not_there(recording: rltools.Recording, tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match=r"traces has 'reward'; it may have value, advantage, margin"):
        timeline(recording, traces=["reward"])  # type: ignore[list-item]
    without = example_recording(tmp_path / "run", [np.ones((10, 1, 2))])
    assert len(timeline(without, traces=["margin"]).child_axes) > 3
    with pytest.raises(RecordingError, match=r"has no value: .* record anew"):
        timeline(without, traces=["margin", "value"])
