"""What a video shows: which features, what of them, at which step, and that nothing leaves its place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rltools
from rltools.spaces import Features
from rltools.spaces.leaves import Leaf
from rltools.testing import example_recording
from rltools.videos._actions import actions_of
from rltools.videos._colors import color, heat
from rltools.videos._frames import frames
from rltools.videos._layout import RIGHT, layout_of
from rltools.videos._numbers import brief, fixed, signed
from rltools.videos._painting import strongest
from rltools.videos._pen import fitted, text_width
from rltools.videos._pictures import pictures_of
from rltools.videos._scene import Scene, scene_of
from rltools.videos._timing import pace, timing
from rltools.videos._tracks import step_x

SIZE = (1280, 720)


def at_step(scene: Scene, step: int) -> np.ndarray:
    return np.asarray(next(frames(scene, [step], SIZE, "")))


def example(tmp_path: Path, values: np.ndarray, **choices: Any) -> Scene:
    recording = example_recording(tmp_path / "run", [values], unit=choices.pop("unit", "score"), **choices)
    return scene_of(recording, 0, None, None)


def test_the_largest_attributions_have_a_row_in_the_order_of_the_features(tmp_path: Path) -> None:
    values = np.full((5, 1, 30), 0.01)
    values[:, 0, 4:26:2] = -1.0
    values[2] = np.nan
    scene = example(tmp_path, values)
    assert [int(row.entries[0]) for row in scene.rows] == list(range(4, 26, 2))
    assert scene.there == 30
    assert scene.explained is not None
    assert scene.explained.values.shape == (5, 11)
    assert scene.explained.scale == 1.0


def test_bars_have_the_sign_and_the_length_of_the_attribution(tmp_path: Path) -> None:
    values = np.zeros((2, 1, 3))
    values[0, 0] = [1.0, -0.5, 0.0]
    values[1, 0] = [-1.0, 0.5, 0.0]
    scene = example(tmp_path, values)
    bars = layout_of(scene, []).bars
    for step, signs in ((0, ("positive", "negative")), (1, ("negative", "positive"))):
        image = at_step(scene, step)
        for at, (sign, share) in enumerate(zip(signs, (1.0, 0.5), strict=True)):
            line = image[round(bars.bars.y + (at + 0.5) * bars.row)]
            colored = (line == color(sign)).all(axis=-1)
            assert colored.sum() == pytest.approx(bars.bars.width / 2 * share, abs=2)
            middle = bars.bars.x + bars.bars.width / 2
            assert (np.flatnonzero(colored).mean() > middle) == (sign == "positive")


def test_gradients_are_times_the_deviation(tmp_path: Path) -> None:
    observations = np.array([[0.0, 0.0], [2.0, 20.0]], np.float32)
    scene = example(tmp_path, np.ones((2, 1, 2)), observations=[observations], unit="score per unit")
    assert scene.explained is not None
    np.testing.assert_allclose(scene.explained.values, [[1, 10], [1, 10]])
    assert scene.explained.unit == "score per standard deviation"


def test_of_several_targets_the_strongest_is_shown(tmp_path: Path) -> None:
    values = np.ones((3, 2, 2)) * np.array([1.0, -4.0])[None, :, None]
    scene = example(tmp_path, values, labels=("logit:left", "logit:right"))
    assert scene.explained is not None
    assert (scene.explained.label, scene.explained.note) == ("logit:right", "the strongest of 2 targets")


def test_without_attributions_there_is_everything_else(
    make_env: Callable[..., Any], make_policy: Callable[..., Any], tmp_path: Path
) -> None:
    policy = make_policy(make_env())
    recording = rltools.record(policy, make_env(), episodes=1, frames=True, directory=tmp_path / "run")
    scene = scene_of(recording, 0, None, None)
    assert scene.explained is None
    assert np.isfinite(scene.observed).all()
    first, second = at_step(scene, 0), at_step(scene, 1)
    box = layout_of(scene, pictures_of(scene)).pictures[0]
    y, x = round(box.y + box.height / 2), round(box.x + box.width / 2)
    assert first[y, x].max() <= 2  # the environment draws the time
    assert not np.array_equal(first, second)
    assert not (first == color("positive")).all(axis=-1).any()


def test_an_observation_that_is_a_picture_has_its_attribution_over_it(tmp_path: Path) -> None:
    values = np.zeros((2, 1, 20, 24))
    values[0, 0, :10, :12] = 1.0
    values[1, 0, 10:, 12:] = -1.0
    observations = np.full((2, 20, 24), 128, np.uint8)
    features = Features((20, 24), ("y", "x"))
    scene = example(tmp_path, values, features=features, observations=[observations])
    (picture,) = pictures_of(scene)
    first, second = (np.asarray(picture.at(step, (240, 200))).astype(int) for step in (0, 1))
    assert first[20, 20, 0] > first[20, 20, 2] + 50
    assert second[180, 220, 2] > second[180, 220, 0] + 50
    assert np.ptp(first[180, 220]) == 0
    assert {row.kind for row in scene.rows} == {"region"}


def test_a_choice_out_of_many_says_what_it_is_now(tmp_path: Path) -> None:
    values = np.zeros((3, 1, 50))
    values[[0, 1, 2], 0, [7, 30, 7]] = [1.0, 2.0, 3.0]
    observations = np.array([7, 30, 7])
    leaf = Leaf((), "choice", (), "int64", (50,), (0,))
    features = Features((50,), leaves=(leaf,))
    scene = example(tmp_path, values, features=features, observations=[observations])
    assert scene.seen is not None
    assert [row.name for row in scene.seen.rows] == ["obs=7", "obs=30", "obs=7"]
    assert scene.seen.values.tolist() == [1.0, 2.0, 3.0]
    assert {7, 30} <= {int(row.entries[0]) for row in scene.rows}
    at_step(scene, 1)


def test_an_action_that_is_not_allowed_has_no_probability(tmp_path: Path) -> None:
    recording = example_recording(tmp_path / "run", [np.ones((2, 1, 2))], actions=[np.array([1, 0])])
    episode = replace(
        recording.episode(0), scores=np.array([[5.0, 0.0], [0.0, 0.0]]), masks=np.array([[False, True], [True, True]])
    )
    actions = actions_of(recording.header, episode)
    assert actions.values.tolist() == [[0.0, 1.0], [0.5, 0.5]]
    assert actions.what == "probability"


def test_scores_that_are_large_and_alike_are_told_apart(tmp_path: Path) -> None:
    recording = example_recording(tmp_path / "run", [np.ones((2, 1, 2))])
    episode = replace(recording.episode(0), scores=np.array([[66.1, 66.3], [50.4, 50.0]]))
    actions = actions_of(replace(recording.header, score="q_value"), episode)
    np.testing.assert_allclose(actions.bars, [[0, 0.2], [0.4, 0]], atol=1e-6)
    assert actions.scale == pytest.approx(0.4)
    assert actions.values[0].tolist() == [66.1, 66.3]


def test_of_many_actions_those_taken_have_a_row(tmp_path: Path) -> None:
    names = [f"do {at}" for at in range(18)]
    done = np.array([17, 3, 17, 11])
    scene = example(tmp_path, np.ones((4, 1, 2)), action_names=names, actions=[done])
    assert len(scene.actions.shown) == 8
    assert {3, 11, 17} <= set(scene.actions.shown)


@pytest.mark.parametrize("name", ["x" * 10_000, "$\\frac{1}{", "速度\u202e\n\x00", "Ω μ 🚀 <b>"])
def test_names_stay_in_their_place(tmp_path: Path, name: str) -> None:
    features = Features((3,), ("feature",), (name, f"{name} again", "z"), (name, "m", ""))
    values = np.random.default_rng(0).normal(size=(3, 1, 3))
    scene = example(tmp_path, values, features=features, action_names=(name, "right"), actions=[np.zeros(3, int)])
    scene = replace(scene, header=replace(scene.header, policy=name))
    image = at_step(scene, 1)
    assert (image[:, RIGHT + 6 :] == 255).all()
    assert (image[:, :20] == 255).all()


@pytest.mark.parametrize("steps", [1, 2, 3_000])
def test_episodes_of_any_length(tmp_path: Path, steps: int) -> None:
    values = np.random.default_rng(0).normal(size=(steps, 1, 1))
    values[::3] = np.nan
    scene = example(tmp_path, values, action_names=("force",), action_start=None)
    line = (at_step(scene, steps - 1) == color("accent")).all(axis=-1)
    place = layout_of(scene, []).tracks
    assert np.flatnonzero(line.any(axis=0)).mean() == pytest.approx(step_x(place, steps - 1, steps), abs=1)


def test_columns_of_a_long_episode_show_what_matters_most() -> None:
    values = np.zeros((100, 2))
    values[13, 0], values[99, 1], values[50] = 5.0, -7.0, np.nan
    shown = strongest(values, 10)
    assert shown.shape == (10, 2)
    assert (shown[1, 0], shown[9, 1], np.abs(shown).sum()) == (5.0, -7.0, 12.0)
    assert strongest(values[:3], 7)[:, 0].tolist() == [0.0] * 7


def test_colors_of_numbers() -> None:
    found = heat(np.array([-2.0, 0.0, 1.0, np.nan]), 1.0)
    assert [tuple(one) for one in found.tolist()] == [color(name) for name in ("negative", "zero", "positive", "gap")]


@pytest.mark.parametrize(
    ("steps", "rate", "fps", "gif", "expected"),
    [
        (5, 50.0, None, False, (50, [0, 1, 2, 3, 4])),
        (2, 4.0, None, False, (12, [0, 0, 0, 1, 1, 1])),
        (7, 125.0, None, False, (125 / 3, [0, 3, 6])),
        (4, 10.0, 5.0, False, (5, [0, 2, 3])),
        (251, 500.0, None, False, (500 / 9, [*range(0, 251, 9), 250])),
        (1, 30.0, 1.0, False, (1, [0])),
        (6, 50.0, None, True, (12.5, [0, 4, 5])),
        (250, 5.0, None, True, (5, list(range(250)))),
        (2, 4.0, None, True, (4, [0, 1])),
    ],
)
def test_which_step_each_picture_shows(steps: int, rate: float, fps: float | None, gif: bool, expected: Any) -> None:
    found = timing(steps, rate, fps, gif=gif)
    assert (pytest.approx(found.fps), found.steps) == expected


def test_a_gif_of_a_long_episode_has_a_bearable_number_of_pictures() -> None:
    found = timing(10_000, 30.0, None, gif=True)
    assert 240 < len(found.steps) <= 250
    assert len(found.steps) / found.fps == pytest.approx(10_000 / 30, rel=0.01)
    assert len(timing(250 * 40, 1e5, None, gif=True).steps) <= 250


@pytest.mark.parametrize(
    ("steps", "rate", "speed", "expected"),
    [
        (4, 10.0, None, 2.0),  # of an environment whose agent takes turns
        (20, 10.0, None, 5.0),
        (251, 50.0, None, 50.0),
        (4, 10.0, 1.0, 10.0),
        (4, 1.0, None, 1.0),
        (4, 30.0, 0.2, 6.0),
    ],
)
def test_how_fast_it_is_shown(steps: int, rate: float, speed: float | None, expected: float) -> None:
    assert pace(steps, rate, speed) == pytest.approx(expected)


def test_numbers_keep_their_width() -> None:
    assert [fixed(value, 20.0, 2) for value in (3.14159, -12.0, 0.0, -0.001)] == ["3.1", "−12.0", "0.0", "0.0"]
    assert [signed(value, 1.0) for value in (0.5, -0.5, 0.0, 0.001)] == ["+0.50", "−0.50", "0.00", "0.00"]
    assert fixed(float("nan"), 1.0) == "–"
    assert fixed(2e-7, 2e-7) == "2.0e−7"
    assert [brief(value) for value in (1341.72, 298.04, -0.5, 12_345_678, 0)] == ["1341.7", "298", "−0.5", "1.2e7", "0"]


def test_text_that_is_too_long_is_cut_in_the_middle() -> None:
    short = fitted("a name that is much too long for its place", 100, 13)
    assert text_width(short, 13) <= 100
    assert short.startswith("a name")
    assert short.endswith("place")
    assert "…" in short
