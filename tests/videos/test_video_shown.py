"""What a video shows: which features, what of them, at which step, and that nothing leaves its place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rltools
from rltools.plots.drawing.animation import Sheet
from rltools.plots.drawing.colors import action_color, signed_colors, theme_color
from rltools.spaces import Features
from rltools.spaces.leaves import Leaf
from rltools.testing import example_recording
from rltools.videos._encode import timing
from rltools.videos._episode import actions_of, drawn_rows, explained_of, shown_rows
from rltools.videos._frame import RIGHT, frame

CURSOR = tuple(bytes.fromhex(theme_color("accent")[1:]))
LOWERS, RAISES = np.rint(255 * signed_colors()([0.0, 1.0])[:, :3]).astype(int)


def at_step(recording: rltools.Recording, step: int) -> np.ndarray:
    return frame(recording, 0, None, None, 1280, "")(step)[..., :3].copy()


def example(tmp_path: Path, values: np.ndarray, **choices: Any) -> rltools.Recording:
    return example_recording(tmp_path / "run", [values], unit=choices.pop("unit", "score"), **choices)


def explained(recording: rltools.Recording) -> Any:
    return explained_of(recording, 0, shown_rows(recording.features), None, None)


def drawn(recording: rltools.Recording) -> tuple[np.ndarray, ...]:
    return drawn_rows(recording.episode(0), shown_rows(recording.features), explained(recording))


def columns(image: np.ndarray, color: Any, below: int = 0) -> np.ndarray:
    """For each line of the picture how many pixels are of exactly this color."""
    return (image[below:] == np.asarray(color)).all(axis=-1).sum(axis=1)


def bands(counts: np.ndarray) -> list[int]:
    """The longest line of each band of lines that have any."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], counts > 0, [0]])))
    return [int(counts[start:stop].max()) for start, stop in zip(edges[::2], edges[1::2], strict=True)]


@pytest.fixture
def words(monkeypatch: pytest.MonkeyPatch) -> Callable[[rltools.Recording, int], list[str]]:
    """All text in the picture of a step."""
    texts: list[list[str]] = []

    def still(self: Sheet, x: float, y: float, text: str, *rest: Any, **look: Any) -> None:
        texts.append([text])

    def moving(self: Sheet, x: float, y: float, each: list[str], *rest: Any, **look: Any) -> None:
        texts.append(each)

    def read(recording: rltools.Recording, step: int) -> list[str]:
        texts.clear()
        monkeypatch.setattr(Sheet, "text", still)
        monkeypatch.setattr(Sheet, "moving_text", moving)
        frame(recording, 0, None, None, 1280, "5 steps/s")
        return [each[step if len(each) > 1 else 0] for each in texts]

    return read


def test_the_largest_attributions_have_a_row_in_the_order_of_the_features(tmp_path: Path) -> None:
    values = np.full((5, 1, 30), 0.01)
    values[:, 0, 4:26:2] = -1.0
    values[2] = np.nan
    positions, observed, attributions = drawn(example(tmp_path, values))
    assert positions.tolist() == list(range(4, 26, 2))
    assert observed.shape == attributions.shape == (5, 11)
    assert (attributions[[0, 1, 3, 4]] == -1).all()
    assert np.isnan(attributions[2]).all()


def test_bars_have_the_sign_and_the_length_of_the_attribution(tmp_path: Path) -> None:
    values = np.zeros((2, 1, 3))
    values[0, 0] = [1.0, -0.5, 0.0]
    values[1, 0] = [-1.0, 0.5, 0.0]
    recording = example(tmp_path, values)
    for step, (first, second) in ((0, (RAISES, LOWERS)), (1, (LOWERS, RAISES))):
        image = at_step(recording, step)[140:288]  # above the map of the episode
        (full,), (half,) = bands(columns(image, first)), bands(columns(image, second))
        assert half == pytest.approx(full / 2, abs=2)
        assert full > 250
        places = [np.argwhere((image == color).all(axis=-1))[:, 1] for color in (LOWERS, RAISES)]
        assert 0 <= places[1].min() - places[0].max() <= 3  # they meet at zero


def test_what_is_read_at_a_step(tmp_path: Path, words: Any) -> None:
    values = np.array([[[1.0, -0.5]], [[-0.25, 0.125]]])
    features = Features((2,), ("feature",), ("speed", "height"), ("m/s", ""))
    observations = [np.array([[0.5, 12.0], [-1.5, 3.0]], np.float32)]
    recording = example(tmp_path, values, features=features, observations=observations, actions=[np.array([1, 0])])
    first, second = words(recording, 0), words(recording, 1)
    assert {"example", "speed (m/s)", "height", "Gradient", "explained score", "return so far"} <= {*first}
    assert "the score of the action taken (centered)  ·  units of the score" in first
    assert {"0.500", "12.00", "+1.000", "−0.500", "step 0 / 1", "right", "1.00"} <= {*first}
    assert {"−1.500", "3.00", "−0.250", "+0.125", "step 1 / 1", "left", "2.00"} <= {*second}
    assert any("episode 0  ·  seed 0  ·  return 2  ·  terminated by the environment  ·  5 steps/s" in w for w in first)


def test_gradients_are_times_the_deviation(tmp_path: Path, words: Any) -> None:
    observations = np.array([[0.0, 0.0], [2.0, 20.0]], np.float32)
    recording = example(tmp_path, np.ones((2, 1, 2)), observations=[observations], unit="score per unit")
    np.testing.assert_allclose(explained(recording).values, [[1, 10], [1, 10]])
    assert explained(recording).notes == ["units of the score per standard deviation"]
    assert any(word.startswith("a higher value lowers  −10") for word in words(recording, 0))


def test_of_several_targets_the_strongest_is_shown(tmp_path: Path) -> None:
    values = np.ones((3, 2, 2)) * np.array([1.0, -4.0])[None, :, None]
    scalar = explained(example(tmp_path, values, labels=("logit:left", "logit:right")))
    assert (scalar.target, scalar.method) == ("the logit of right", "gradient")
    assert scalar.notes == ["units of the logit", "strongest of 2 targets"]


def test_without_attributions_there_is_everything_else(
    make_env: Callable[..., Any], make_policy: Callable[..., Any], tmp_path: Path, words: Any
) -> None:
    recording = rltools.record(make_policy(make_env()), make_env(), episodes=1, frames=True, directory=tmp_path / "run")
    first, second = at_step(recording, 0), at_step(recording, 1)
    assert first[240, 260].max() <= 2  # the environment draws the time
    assert not np.array_equal(first, second)
    assert not any((first == color).all(axis=-1).any() for color in (LOWERS, RAISES))
    assert np.isfinite(drawn(recording)[1]).all()
    assert "nothing was explained" in words(recording, 0)


def test_an_observation_that_is_an_image_has_its_attribution_over_it(tmp_path: Path, words: Any) -> None:
    values = np.zeros((2, 1, 20, 24))
    values[0, 0, :10, :12] = 1.0
    values[1, 0, 10:, 12:] = -1.0
    features = Features((20, 24), ("y", "x"))
    recording = example(tmp_path, values, features=features, observations=[np.full((2, 20, 24), 128, np.uint8)])
    first, second = (at_step(recording, step)[86:380, 28:380].astype(int) for step in (0, 1))
    assert first[20, 20, 0] > first[20, 20, 2] + 50
    assert second[270, 320, 2] > second[270, 320, 0] + 40
    assert np.ptp(first[270, 320]) == 0
    assert "observation, in colors what of it matters" in words(recording, 0)


def test_an_image_beside_numbers_and_text(tmp_path: Path, words: Any) -> None:
    """Regions have no value of their own beside numbers that have one."""
    leaves = (
        Leaf(("camera",), "number", (4, 4), "uint8"),
        Leaf(("mission",), "text", (), "object"),
        Leaf(("speed",), "number", (), "float32"),
    )
    features = Features((17,), leaves=leaves, leaf_dims=(("y", "x"), ("feature",), ("feature",)))
    observations = {
        "camera": np.zeros((2, 4, 4), np.uint8),
        "mission": np.array(["go to\nthe $door", "open it"], object),
        "speed": np.array([1.0, 2.0], np.float32),
    }
    values = np.ones((2, 1, 17))
    recording = example(tmp_path, values, features=features, observations=[observations])
    assert "mission: go to↵the $door" in words(recording, 0)
    assert "mission: open it" in words(recording, 1)
    positions, observed, _ = drawn(recording)
    assert len(positions) == 11
    assert np.isnan(observed).sum() >= 18
    at_step(recording, 1)


def test_a_choice_out_of_many_says_what_it_is_now(tmp_path: Path, words: Any) -> None:
    values = np.zeros((3, 1, 50))
    values[[0, 1, 2], 0, [7, 30, 7]] = [1.0, 2.0, 3.0]
    leaf = Leaf((), "choice", (), "int64", (50,), (0,))
    features = Features((50,), leaves=(leaf,))
    recording = example(tmp_path, values, features=features, observations=[np.array([7, 30, 7])])
    positions, observed, attributions = drawn(recording)
    assert positions.tolist() == [0]
    assert observed.tolist() == [[7], [30], [7]]
    assert attributions.tolist() == [[1], [2], [3]]
    assert {"obs", "7"} <= {*words(recording, 0)}
    assert {"obs", "30"} <= {*words(recording, 1)}
    at_step(recording, 1)


def test_an_action_that_is_not_allowed_has_no_probability(tmp_path: Path) -> None:
    recording = example_recording(tmp_path / "run", [np.ones((2, 1, 2))], actions=[np.array([1, 0])])
    episode = replace(
        recording.episode(0), scores=np.array([[5.0, 0.0], [0.0, 0.0]]), masks=np.array([[False, True], [True, True]])
    )
    actions = actions_of(recording.header, episode)
    np.testing.assert_equal(actions.values, [[np.nan, 1.0], [0.5, 0.5]])
    assert actions.what == "probability"


def test_scores_that_are_large_and_alike_are_told_apart(tmp_path: Path, words: Any) -> None:
    recording = example(tmp_path, np.ones((2, 1, 2)), actions=[np.array([1, 0])])
    episode = replace(recording.episode(0), scores=np.array([[66.1, 66.3], [50.4, 50.0]], np.float32))
    header = replace(recording.header, score="q_value")
    recording = replace(recording, header=header)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rltools.Recording, "episode", lambda self, number: episode)
        texts = words(recording, 0)
    assert "q value; bars from the lowest" in texts
    assert {"66.100", "66.300"} <= {*texts}


def test_of_many_actions_those_taken_have_a_row(tmp_path: Path, words: Any) -> None:
    names = [f"do {number}" for number in range(18)]
    recording = example(tmp_path, np.ones((4, 1, 2)), action_names=names, actions=[np.array([17, 3, 17, 11])])
    assert "8 of 18 actions" in words(recording, 0)
    positions = actions_of(recording.header, recording.episode(0)).drawn
    assert len(positions) == 8
    assert {3, 11, 17} <= {*positions}


def test_what_is_done_is_a_bar_in_its_color(tmp_path: Path) -> None:
    actions = np.array([[0.5, -1.0], [-0.25, 1.0]])
    recording = example(tmp_path, np.ones((2, 1, 2)), action_start=None, actions=[actions])
    image = at_step(recording, 0)[240:, 992:]
    first, second = (tuple(bytes.fromhex(action_color(k)[1:])) for k in (0, 1))
    assert bands(columns(image, first))[1] == pytest.approx(260 / 4, abs=2)  # the first is the square at its name
    assert bands(columns(image, second))[1] == pytest.approx(260 / 2, abs=2)
    assert columns(image, tuple(bytes.fromhex(theme_color("line")[1:]))).max() == pytest.approx(260 * 3 / 4, abs=2)


def test_a_bar_that_is_cut_has_a_torn_end(tmp_path: Path, words: Callable[[rltools.Recording, int], list[str]]) -> None:
    values = np.ones((200, 1, 2))
    values[7, 0] = (50, -50)
    recording = example(tmp_path, values)
    whole, torn = (columns(at_step(recording, step)[:380, 500:], RAISES) for step in (6, 7))
    assert len(set(whole[whole > 50])) <= 2  # the ends of both are straight
    assert len(set(torn[torn > 50])) > 3
    texts = words(recording, 7)
    assert any("≤" in text for text in texts)
    assert any("≥" in text for text in texts)


@pytest.mark.parametrize("name", ["x" * 10_000, "$\\frac{1}{", "速度\u202e\n\x00", "Ω μ 🚀 <b>"])
def test_names_stay_in_their_place(tmp_path: Path, name: str) -> None:
    features = Features((3,), ("feature",), (name, f"{name} again", "z"), (name, "m", ""))
    values = np.random.default_rng(0).normal(size=(3, 1, 3))
    recording = example(tmp_path, values, features=features, action_names=(name, "right"), actions=[np.zeros(3, int)])
    image = at_step(replace(recording, header=replace(recording.header, policy=name)), 1)
    assert (image[:, RIGHT + 6 :] == 255).all()
    assert (image[:, :20] == 255).all()


@pytest.mark.parametrize("steps", [1, 2, 3_000])
def test_episodes_of_any_length(tmp_path: Path, steps: int) -> None:
    values = np.random.default_rng(0).normal(size=(steps, 1, 1))
    values[::3] = np.nan
    image = at_step(example(tmp_path, values, action_names=("force",), action_start=None), steps - 1)
    line = (image[420:].astype(int) - CURSOR == 0).all(axis=-1)
    left, right = 228, 948
    assert np.flatnonzero(line.any(axis=0)).mean() == pytest.approx(
        left + (steps - 0.5) / steps * (right - left), abs=2
    )


def test_colors_of_a_long_episode_show_what_matters_most(tmp_path: Path) -> None:
    values = np.zeros((3_000, 1, 2))
    values[1_300, 0, 0], values[2_999, 0, 1] = 5.0, -5.0
    image = at_step(example(tmp_path, values), 0)[248:294, 228:949]
    for color in (RAISES, LOWERS):
        assert (np.abs(image.astype(int) - color) <= 1).all(axis=-1).any()


@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_not_finite_are_dashes(tmp_path: Path, words: Any, number: float) -> None:
    values = np.full((4, 1, 2), number)
    values[1:3, 0, 0] = 1.0, -1.0
    observations = [np.array([[number, 1.0]] * 4, np.float32)]
    recording = example(tmp_path, values, observations=observations)
    assert "–" in words(recording, 0)
    assert "+1.00" in words(recording, 1)
    for step in range(4):
        at_step(recording, step)


def test_the_whole_picture_at_any_size(tmp_path: Path) -> None:
    recording = example(tmp_path, np.ones((2, 1, 3)))
    for width in (640, 997, 1280, 3840):
        image = frame(recording, 0, None, None, width, "")(1)
        assert image.shape == (2 * round(width * 9 / 32), width + width % 2, 4)
        assert (image[..., 3] == 255).all()
        assert (image[0] == 255).all()


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
    assert timing(steps, rate, 1.0, fps, gif=gif) == (rate, pytest.approx(expected[0]), expected[1])


def test_a_gif_of_a_long_episode_has_a_bearable_number_of_pictures() -> None:
    _, fps, sequence = timing(10_000, 30.0, None, None, gif=True)
    assert 240 < len(sequence) <= 250
    assert len(sequence) / fps == pytest.approx(10_000 / 30, rel=0.01)
    assert len(timing(250 * 40, 1e5, None, None, gif=True)[2]) <= 250


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
    assert timing(steps, rate, speed, None, gif=False)[0] == pytest.approx(expected)
