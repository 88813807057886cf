"""Videos, read back: how many pictures of which size, what moves in them, and what is refused."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import rltools
from rltools.errors import ArgumentError, FaultError, RecordingError, UnknownNameError
from rltools.plots.drawing.colors import signed_colors, theme_color
from rltools.spaces import Features
from rltools.testing import example_recording
from rltools.videos import _frame
from rltools.videos._frame import TOP, frame

CURSOR = tuple(bytes.fromhex(theme_color("accent")[1:]))
av = pytest.importorskip("av")


@pytest.fixture(scope="module")
def drawn(make_env: Callable[..., Any], make_policy: Callable[..., Any], tmp_path_factory: Any) -> rltools.Recording:
    """Five steps, drawn at 20 a second, explained."""
    policy = make_policy(make_env())
    directory = tmp_path_factory.mktemp("drawn") / "run"
    recording = rltools.record(policy, make_env(), episodes=1, frames=True, directory=directory)
    return rltools.explain(recording, policy, method="gradient")


@pytest.fixture
def plain(tmp_path: Path) -> rltools.Recording:
    """Eight steps of four features, the first of which raises the score as much as any."""
    values = np.random.default_rng(0).uniform(-1, 1, (8, 1, 4)) * 0.5
    values[:, 0, 0] = 1.0
    return example_recording(tmp_path / "plain", [values], unit="score")


def decoded(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as file:
        return [frame.to_ndarray(format="rgb24") for frame in file.decode(video=0)]


def drawing(recording: rltools.Recording) -> Callable[[int], np.ndarray]:
    """Draws steps in red, green and blue."""
    draw = frame(recording, 0, None, None, 1280, "30 steps/s")
    return lambda step: draw(step)[..., :3].copy()


def cursor(image: np.ndarray) -> int:
    """Where the line at the shown step stands."""
    near = np.abs(image.astype(int) - CURSOR).max(axis=-1) < 40
    return int(near.sum(axis=0).argmax())


def test_an_mp4_shows_each_step_in_real_time(drawn: rltools.Recording, tmp_path: Path) -> None:
    path = rltools.video(drawn, 0, tmp_path / "new" / "out.mp4", width=641, speed=1)
    assert [result.name for result in path.parent.iterdir()] == ["out.mp4"]
    with av.open(str(path)) as file:
        stream = file.streams.video[0]
        pictures = list(file.decode(video=0))
        assert (stream.average_rate, stream.codec.name, stream.pix_fmt) == (20, "h264", "yuv420p")
    assert [(picture.width, picture.height) for picture in pictures] == [(642, 360)] * (5 + 20)


def test_the_line_moves_with_the_step(plain: rltools.Recording, tmp_path: Path) -> None:
    places = [cursor(image) for image in decoded(rltools.video(plain, 0, tmp_path / "out.mp4", speed=1))]
    assert len(places) == 8 + 30
    steps = np.diff(places[:8])
    assert steps.min() > 50
    assert np.ptp(steps) <= 2
    assert set(places[8:]) == {places[7]}  # the end stays for a second


@pytest.mark.parametrize("speed", [3, 8, 20])
@pytest.mark.parametrize("kind", ["mp4", "gif"])
def test_the_end_is_shown_at_any_speed(plain: rltools.Recording, tmp_path: Path, speed: float, kind: str) -> None:
    path = rltools.video(plain, 0, tmp_path / f"fast.{kind}", speed=speed)
    end = drawing(plain)(7)
    if kind == "mp4":
        *_, drawn = decoded(path)
        seconds = 1.0 * len(decoded(path)) / av.open(str(path)).streams.video[0].average_rate
    else:
        with Image.open(path) as file:
            file.seek(file.n_frames - 1)
            drawn, seconds = np.asarray(file.convert("RGB")), file.info["duration"] / 1000
    assert cursor(drawn) == pytest.approx(cursor(end), abs=2)
    assert seconds > 0.95


def test_a_short_episode_lasts_long_enough_to_be_seen(drawn: rltools.Recording, tmp_path: Path) -> None:
    """Five steps at 20 a second would be over in a quarter of a second."""
    with av.open(str(rltools.video(drawn, 0, tmp_path / "out.mp4", width=640))) as file:
        pictures, rate = len(list(file.decode(video=0))), file.streams.video[0].average_rate
    assert pictures / rate == pytest.approx(5 / 2 + 1)
    with Image.open(rltools.video(drawn, 0, tmp_path / "out.gif", width=640)) as file:
        assert file.n_frames == 5
        assert file.info["duration"] == 500


def test_colors_come_back_as_they_were(plain: rltools.Recording, tmp_path: Path) -> None:
    before = drawing(plain)(3)
    after = decoded(rltools.video(plain, 0, tmp_path / "out.mp4", speed=1))[3].astype(int)
    raises = np.rint(255 * np.array(signed_colors()(1.0)[:3])).astype(int)
    flat = (before == raises).all(axis=-1)
    assert flat.sum() > 2_000
    np.testing.assert_allclose(np.median(after[flat], axis=0), raises, atol=6)
    assert after[5, 5].min() > 250


def test_speed_and_fps(drawn: rltools.Recording, tmp_path: Path) -> None:
    slow = rltools.video(drawn, 0, tmp_path / "slow.mp4", width=640, speed=0.5)
    dense = rltools.video(drawn, 0, tmp_path / "dense.mp4", width=640, speed=1, fps=40)
    with av.open(str(slow)) as file:
        assert (file.streams.video[0].average_rate, len(list(file.decode(video=0)))) == (10, 15)
    with av.open(str(dense)) as file:
        assert (file.streams.video[0].average_rate, len(list(file.decode(video=0)))) == (40, 10 + 40)


def test_webm(drawn: rltools.Recording, tmp_path: Path) -> None:
    path = rltools.video(drawn, 0, tmp_path / "out.webm", width=640, speed=1)
    with av.open(str(path)) as file:
        assert (file.streams.video[0].codec.name, len(list(file.decode(video=0)))) == ("vp9", 5 + 20)


def test_without_x264_an_mp4_is_still_one(
    drawn: rltools.Recording, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(av, "codecs_available", {"mpeg4"})
    path = rltools.video(drawn, 0, tmp_path / "out.mp4", width=640, speed=1)
    with av.open(str(path)) as file:
        assert (file.streams.video[0].codec.name, len(list(file.decode(video=0)))) == ("mpeg4", 5 + 20)


def test_a_gif_repeats_and_shows_what_was_drawn(plain: rltools.Recording, tmp_path: Path) -> None:
    path = rltools.video(plain, 0, tmp_path / "out.gif", speed=1)
    draw = drawing(plain)
    with Image.open(path) as file:
        assert (file.n_frames, file.size, file.info["loop"]) == (4, (1280, 720), 0)  # 30 steps a second, every third
        lengths = []
        for place, step in enumerate([0, 3, 6, 7]):
            file.seek(place)
            lengths.append(file.info["duration"])
            image, expected = np.asarray(file.convert("RGB")).astype(int), draw(step)
            assert (image[:20] == 255).all()
            assert np.abs(image - expected).mean() < 0.5
            assert np.abs(image - expected).max() < 60
    assert lengths == [100, 100, 100, 1100]  # the last one stays
    content = path.read_bytes()
    assert content.count(content[13:61]) == 1  # they share their colors
    assert len(content) < 75_000  # what stays is in the first picture only


def test_a_gif_has_the_colors_of_what_is_drawn(tmp_path: Path) -> None:
    """Nothing is gray and not a pale purple, however few steps have it."""
    rng, features = np.random.default_rng(0), Features((40, 40, 3), ("y", "x", "channel"))
    values = np.zeros((6, 1, 40, 40, 3))
    values[:, 0, :10, :10] = rng.normal(size=(6, 10, 10, 3))
    pictures = rng.integers(0, 256, (6, 40, 40, 3), np.uint8)
    recording = example_recording(tmp_path / "run", [values], unit="score", features=features, observations=[pictures])
    with Image.open(rltools.video(recording, 0, tmp_path / "out.gif")) as file:
        image = np.asarray(file.convert("RGB")).astype(int)
    expected = drawing(recording)(0).astype(int)
    nothing = (expected == expected[560, 700]).all(axis=-1)
    nothing[:TOP] = False  # the head says another speed
    assert tuple(expected[560, 700]) == tuple(bytes.fromhex(theme_color("paper")[1:]))
    assert nothing.sum() > 5_000
    np.testing.assert_allclose(image[nothing], expected[nothing], atol=4)


def test_an_interrupt_leaves_nothing(plain: rltools.Recording, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*arguments: Any) -> Any:
        draw = frame(*arguments)

        def until_the_third(step: int) -> np.ndarray:
            if step >= 3:
                raise KeyboardInterrupt
            return draw(step)

        return until_the_third

    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "out.mp4").write_bytes(b"the one before")
    monkeypatch.setattr(_frame, "frame", interrupted)
    for name in ("out.mp4", "out.gif"):
        with pytest.raises(KeyboardInterrupt):
            rltools.video(plain, 0, folder / name, width=640)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {"out.mp4": b"the one before"}


def test_other_kinds_are_refused(plain: rltools.Recording, tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match=r"out\.avi does not end in \.mp4, \.webm or \.gif"):
        rltools.video(plain, 0, tmp_path / "out.avi")


@pytest.mark.parametrize(
    ("choice", "texts"),
    [
        ({"speed": 0}, "speed=0"),
        ({"speed": float("nan")}, "speed=nan"),
        ({"width": 100}, "width=100"),
        ({"fps": 0}, "fps=0"),
        ({"fps": float("inf")}, "fps=inf"),
    ],
)
def test_numbers_that_cannot_be_meant(
    plain: rltools.Recording, tmp_path: Path, choice: dict[str, Any], texts: str
) -> None:
    with pytest.raises(ArgumentError, match=texts):
        rltools.video(plain, 0, tmp_path / "out.mp4", **choice)


def test_a_gif_is_no_faster_than_viewers_play(plain: rltools.Recording, tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="up to 50"):
        rltools.video(plain, 0, tmp_path / "out.gif", fps=60)


def test_without_the_library(plain: rltools.Recording, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(ArgumentError, match=r'pip install "rltools-attribution\[video\]"'):
        rltools.video(plain, 0, tmp_path / "out.mp4")
    assert rltools.video(plain, 0, tmp_path / "out.gif", width=640).is_file()


def test_what_is_not_there(plain: rltools.Recording, tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="no episode 7"):
        rltools.video(plain, 7, tmp_path / "out.mp4")
    with pytest.raises(RecordingError, match="no occlusion"):
        rltools.video(plain, 0, tmp_path / "out.mp4", method="occlusion")
    assert not (tmp_path / "out.mp4").exists()


def test_an_episode_without_steps(
    make_env: Callable[..., Any], make_policy: Callable[..., Any], tmp_path: Path
) -> None:
    def broken(env: Any, action: Any) -> Any:
        raise RuntimeError("the motor broke")

    with pytest.raises(FaultError):
        rltools.record(make_policy(make_env()), make_env(step=broken), episodes=1, directory=tmp_path / "run")
    with pytest.raises(RecordingError, match=r"has no steps .*the motor broke"):
        rltools.video(rltools.open_recording(tmp_path / "run"), 0, tmp_path / "out.mp4")


def test_a_folder_that_cannot_be_written_to(plain: rltools.Recording, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "taken.mp4").mkdir()
    for path in (tmp_path / "file" / "out.mp4", tmp_path / "taken.mp4"):
        with pytest.raises(RecordingError, match="cannot write to"):
            rltools.video(plain, 0, path, width=640)


def test_progress_is_told(plain: rltools.Recording, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rltools.video(plain, 0, tmp_path / "out.mp4", width=640, progress=True)
    assert "video of episode 0" in capsys.readouterr().err
