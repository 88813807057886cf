import numpy as np
import pytest

import rltools
from rltools.errors import ArgumentError, UnknownNameError
from rltools.plots import phases
from rltools.plots.drawing.labels import spread_apart
from rltools.spaces import Features
from rltools.testing import example_recording

NAMES = Features((2,), ("feature",), ("height", "contact"), ("m", ""))


def _recording(folder, touchdowns=(20, 30, 25, None), after=10):
    """Height has -1 before touchdown and 0 after it, contact 0 and 3."""
    values, states = [], []
    for touchdown in touchdowns:
        steps = (touchdown or 20) + after
        down = np.arange(steps) >= (steps if touchdown is None else touchdown)
        values.append(np.stack([down - 1.0, 3.0 * down], axis=1)[:, None])
        states.append(np.stack([np.zeros(steps), down], axis=1).astype(np.float32))
    return example_recording(folder, values, features=NAMES, observations=states, unit="score", method="shapley")


def _lines(axes):
    """By feature, of those drawn over several points; that of height, which matters most, is drawn last."""
    contact, height = [line for line in axes.lines if len(line.get_xdata()) > 2]
    return {"height": height, "contact": contact}


def _small_print(axes):
    return " ".join(text.get_text() for text in axes.texts).replace("\n", " ")


def test_aligned_at_an_event(tmp_path):
    axes = phases(_recording(tmp_path / "r"), event=("contact", 0.5), event_name="touchdown", signed=True)
    assert axes.get_xlabel().replace("\n", " ") == "steps since touchdown, the first step with contact > 0.5"
    height, contact = _lines(axes)["height"], _lines(axes)["contact"]
    # 30 steps before the event there is one of three episodes, 25 before it are two.
    assert height.get_xdata().tolist() == list(range(-25, 10))
    np.testing.assert_array_equal(height.get_ydata(), -(np.arange(-25, 10) < 0).astype(float))
    np.testing.assert_array_equal(contact.get_ydata(), 3.0 * (np.arange(-25, 10) >= 0))
    assert "1 episode without the event left out" in _small_print(axes)


def test_an_event_can_be_a_function(tmp_path):
    axes = phases(_recording(tmp_path / "r"), event=lambda episode: 5 if len(episode) > 30 else None)
    assert axes.get_xlabel() == "steps since the event"
    assert "2 episodes without the event left out" in _small_print(axes)


def test_time_is_normalized_by_default(tmp_path):
    axes = phases(_recording(tmp_path / "r"))
    assert axes.get_xlabel() == "part of the episode (%)"
    assert axes.get_xlim() == (0, 100)
    assert axes.get_ylim()[0] == 0
    assert "|Shapley values|" in axes.get_ylabel()


def test_short_episodes_are_not_stretched(tmp_path):
    axes = phases(_recording(tmp_path / "r", (5, 6, 7, 8)))
    assert axes.get_xlabel() == "steps since the start of the episode"
    assert phases(_recording(tmp_path / "s", (5, 6, 7, 8)), align="time").get_xlabel() == "part of the episode (%)"


@pytest.mark.parametrize(("align", "first", "last"), [("start", 0, 39), ("end", -40, -1)])
def test_aligned_at_an_end_for_as_long_as_half_of_the_episodes_last(tmp_path, align, first, last):
    axes = phases(_recording(tmp_path / "r", (10, 20, 30, 40)), align=align)
    steps = _lines(axes)["height"].get_xdata()
    # They have 20, 30, 40 and 50 steps.
    assert (steps[0], steps[-1]) == (first, last)


def test_lines_are_named_beside_their_ends(tmp_path):
    axes = phases(_recording(tmp_path / "r"), align="end")
    named = {text.get_text(): text.get_position()[1] for text in axes.texts if text.get_text() in NAMES.names}
    assert named["contact"] > named["height"]
    assert phases(_recording(tmp_path / "s"), features=["height"]).get_legend() is None


def test_what_cannot_be_meant_is_refused(tmp_path):
    recording = _recording(tmp_path / "r")
    with pytest.raises(ArgumentError, match="time, start, end"):
        phases(recording, align="middle")
    with pytest.raises(UnknownNameError, match="contcat"):
        phases(recording, event=("contcat", 0.5))


def test_names_move_apart_and_stay_within():
    heights = spread_apart([0.5, 0.51, 0.99], [0.1, 0.1, 0.1])
    assert heights == pytest.approx([0.455, 0.555, 0.95])
    crowded = spread_apart([1.0, 1.0, 1.0], [0.2, 0.1, 0.1])
    assert crowded == pytest.approx([0.7, 0.85, 0.95])


def test_steps_too_sparse_for_any_part_are_no_steps(tmp_path):
    recording = rltools.record(rltools.load_policy("cartpole-ppo"), episodes=3, directory=tmp_path)
    recording = rltools.explain(recording, rltools.load_policy("cartpole-ppo"), method="gradient", every=400)
    axes = phases(recording)
    assert "no steps" in [text.get_text() for text in axes.texts]
