"""Rows 12, 13, 32, 38 and 39 of the table of faults: folders and files that are there, or cannot be."""

from __future__ import annotations

import errno
import json
import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rltools
from rltools.errors import ArgumentError, ConflictError, CorruptError, FormatError, RecordingError
from rltools.spaces import Features

Make = Callable[..., Any]


def test_row_12_the_folder_is_there(cartpole: Any, tmp_path: Path) -> None:
    settings = {"max_steps": 5, "directory": tmp_path}
    rltools.record(cartpole, episodes=2, **settings)
    assert len(rltools.record(cartpole, episodes=3, **settings)) == 3
    with pytest.raises(ConflictError, match=r"seed=0 there and seed=9 now.*overwrite=True"):
        rltools.record(cartpole, episodes=2, seed=9, **settings)


def test_row_13_a_truncated_episode_is_made_anew_once_deleted(cartpole: Any, tmp_path: Path) -> None:
    recording = rltools.record(cartpole, episodes=3, max_steps=9, directory=tmp_path)
    path = recording.episode_path(1)
    good = path.read_bytes()
    path.write_bytes(good[:100])
    with pytest.raises(CorruptError, match=r"000001\.parquet is damaged"):
        recording.episode(1)
    with pytest.warns(rltools.recording.DamagedFileWarning):
        assert len(list(recording)) == 2
    path.unlink()
    rltools.record(cartpole, episodes=3, max_steps=9, directory=tmp_path)
    assert path.read_bytes() == good


@pytest.mark.parametrize(
    "name", ["Ω ß 漢字", "$x_1$", "100 %s %(a)d", "two\nlines\ttab", "x" * 10_000, "<script>", "\\"]
)
def test_row_32_names_are_kept_exactly(name: str, make_policy: Make, make_env: Make, tmp_path: Path) -> None:
    env = make_env()
    policy = make_policy(env, features=Features((3,), ("feature",), ("a", name, "c")), action_names=(name, "other"))
    recording = rltools.explain(
        rltools.record(policy, env, episodes=1, directory=tmp_path), policy, method="gradient", target=f"logit:{name}"
    )
    again = rltools.open_recording(tmp_path)
    assert again.features.names == ("a", name, "c")
    assert again.header.action_names == (name, "other")
    assert again.attribution().labels == (f"logit:{name}",)
    assert again.attribution()[name].shape == (5, 1)
    assert name in recording.to_xarray()["feature"].values
    assert f"observation.{name}" in recording.to_pandas().columns


def test_row_32_duplicate_names_are_refused() -> None:
    with pytest.raises(ArgumentError, match="given more than once: 'speed'"):
        Features((3,), ("feature",), ("speed", "x", "speed"))


def test_row_38_no_place_for_temporary_files(cartpole: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere(*arguments: Any, **named: Any) -> str:
        raise FileNotFoundError(errno.ENOENT, "No usable temporary directory found")

    monkeypatch.setattr(tempfile, "mkdtemp", nowhere)
    monkeypatch.setattr(tempfile, "mkstemp", nowhere)
    assert len(rltools.record(cartpole, episodes=1, max_steps=3, directory=tmp_path)) == 1
    with pytest.raises(RecordingError, match="cannot write to a temporary folder: No usable temporary directory"):
        rltools.record(cartpole, episodes=1, max_steps=3)


def test_row_38_unfinished_files_lie_beside_their_targets(make_policy: Make, make_env: Make, tmp_path: Path) -> None:
    calls: set[str] = set()

    def step(env: Any, action: Any) -> Any:
        if env.t == 1500:
            calls.update(str(path.relative_to(tmp_path)) for path in tmp_path.rglob(".unfinished*"))
        return env.observation(), 1.0, env.t == 1600, False, {}

    env = make_env(step=step)
    rltools.record(make_policy(env), env, episodes=1, directory=tmp_path)
    (name,) = calls
    assert re.fullmatch(r"episodes/\.unfinished-[0-9a-f]{8}-000000\.parquet", name)


def test_row_38_without_display_and_home(script: Callable[..., Any], tmp_path: Path) -> None:
    process = script(
        """
recording = rltools.explain(rltools.record(policy, Counting, episodes=2, directory=sys.argv[1]), policy)
print(recording.attribution().values.shape)
""",
        tmp_path / "run",
        HOME="/nowhere",
        DISPLAY="",
    )
    message, problems = process.communicate(timeout=120)
    assert (message.strip(), process.returncode) == ("(40, 1, 3)", 0), problems


def test_row_39_a_recording_of_a_newer_format(cartpole: Any, tmp_path: Path) -> None:
    rltools.record(cartpole, episodes=1, max_steps=3, directory=tmp_path)
    path = tmp_path / "recording.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"format": 12, "new": "field"}))
    for refused in (lambda: rltools.open_recording(tmp_path), lambda: rltools.record(cartpole, directory=tmp_path)):
        with pytest.raises(FormatError, match="has format 12, and this version reads up to 4; update rltools"):
            refused()
    assert np.array_equal(json.loads(path.read_text())["format"], 12)
