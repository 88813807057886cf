import numpy as np

from rltools.plots import action_matrix, caption
from rltools.plots.drawing.colors import signed_colors
from rltools.plots.drawing.steps import linked
from rltools.spaces import Features
from rltools.testing import example_recording

NAMES = Features((3,), ("feature",), ("height", "speed", "contact"), ("m", "m/s", ""))


def _recording(folder, **options):
    """Attributions are 3, -2 when left is taken, -3, 2 when right is; the third turns its sign with the episode."""
    rng = np.random.default_rng(0)
    actions = [rng.integers(0, 2, 40) for _ in range(6)]
    values = [
        np.where(part[:, None], -1, 1) * [3, -2, 0] + [0, 0, 1e-3 * (-1) ** index] for index, part in enumerate(actions)
    ]
    options = {"action_names": ("left", "right", "up")} | options
    return example_recording(
        folder, [part[:, None] for part in values], features=NAMES, actions=actions, unit="score", **options
    )


def _cells(axes):
    return np.array([text.get_text() for text in axes.texts][1:]).reshape(
        len(axes.get_yticks()), len(axes.get_xticks())
    )


def _colors(axes):
    rows, columns = len(axes.get_yticks()), len(axes.get_xticks())
    return np.array([cell.get_facecolor() for cell in axes.patches[: rows * columns]]).reshape(rows, columns, 4)


def test_a_column_for_each_action_taken(tmp_path):
    axes = action_matrix(_recording(tmp_path / "r"))
    labels = [label.get_text() for label in axes.get_xticklabels()]
    assert [label.split("\n")[0] for label in labels] == ["left", "right"]
    assert sum(int(label.split("n = ")[1]) for label in labels) == 240
    assert axes.get_xlabel() == "action taken"
    assert "1 action never taken" in axes.texts[0].get_text()
    assert _cells(axes)[:2].tolist() == [["3.00", "−3.00"], ["−2.00", "2.00"]]


def test_the_colors_are_centered_on_zero(tmp_path):
    colors = _colors(action_matrix(_recording(tmp_path / "r")))
    np.testing.assert_allclose(colors[:2, 0], signed_colors()([1.0, 0.5 - 1 / 3]), atol=0.01)
    np.testing.assert_allclose(colors[2], signed_colors()([0.5, 0.5]), atol=0.01)


def test_a_cell_is_linked_to_a_step_of_its_action_near_the_mean(tmp_path):
    recording = _recording(tmp_path / "r")
    axes = action_matrix(recording)
    links = [link for link in linked(axes.figure).values() if link.kind == "dots"]
    assert len(links) == 6
    taken = [int(recording.episode(int(link.episode[0])).actions[link.step[0]]) for link in links]
    assert taken == [0, 1] * 3


def test_what_may_be_zero_is_hatched_and_that_is_said(tmp_path):
    axes = action_matrix(_recording(tmp_path / "r"))
    hatched = [(patch.get_x() + 0.5, patch.get_y() + 0.5) for patch in axes.patches if patch.get_hatch()]
    assert hatched == [(0, 2), (1, 2)]
    assert "hatched: 95 % interval contains 0" in axes.texts[0].get_text()


def test_one_episode_has_nothing_hatched(tmp_path):
    axes = action_matrix(example_recording(tmp_path / "r", [np.ones((9, 1, 3))], unit="score"))
    assert not [patch for patch in axes.patches if patch.get_hatch()]
    assert "no interval" in axes.texts[0].get_text()


def test_a_column_for_each_dimension_of_a_continuous_action(tmp_path):
    joints = ("hip", "knee")
    recording = example_recording(
        tmp_path / "r",
        [np.ones((9, 2, 2)) * [[1], [-4]]] * 2,
        labels=("action:hip", "action:knee"),
        action_names=joints,
        action_start=None,
        unit="score",
    )
    axes = action_matrix(recording)
    assert [label.get_text() for label in axes.get_xticklabels()] == ["hip", "knee"]
    assert axes.get_xlabel() == "dimension of the action"
    np.testing.assert_allclose(_colors(axes)[0], signed_colors()([0.5 + 1 / 8, 0.0]), atol=0.01)


def test_numbers_are_left_out_where_they_have_no_room(tmp_path):
    names = tuple(f"a long name of action {index}" for index in range(30))
    rng = np.random.default_rng(0)
    recording = example_recording(tmp_path / "r", [rng.normal(size=(200, 1, 3))] * 2, action_names=names)
    from matplotlib.figure import Figure

    small = action_matrix(recording, axes=Figure(figsize=(4, 3)).subplots())
    assert len(small.texts) == 1
    assert len(small.get_xticklabels()) == 10
    assert "20 rarer actions left out" in caption(small)  # axes as low as these have no small print
    assert {label.get_rotation() for label in small.get_xticklabels()} == {90}


def test_the_top_features_are_shown_and_that_is_said(tmp_path):
    axes = action_matrix(_recording(tmp_path / "r"), top=1)
    assert [label.get_text() for label in axes.get_yticklabels()] == ["height"]
    assert "top 1 of 3 features" in axes.texts[0].get_text()
