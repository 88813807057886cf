"""Finding one's way about a recording on disk."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import rltools
from rltools.errors import CorruptError, RecordingError, UnknownNameError

Make = Callable[..., Any]


@pytest.fixture
def stored(make_policy: Make, make_env: Make, tmp_path: Path) -> Any:
    env = make_env(length=4)
    policy = make_policy(env)
    return rltools.explain(
        rltools.record(policy, env, episodes=3, directory=tmp_path / "run"), policy, method="gradient"
    )


def test_opened_again_it_is_the_same(stored: Any) -> None:
    again = rltools.open_recording(str(stored.directory))
    assert again.header == stored.header
    assert again.numbers == (0, 1, 2)
    assert len(again) == 3
    assert again.outcomes() == stored.outcomes()
    assert (again.episode(1).scores == stored.episode(1).scores).all()
    assert again.specs == stored.specs
    assert (again.attribution().values == stored.attribution().values).all()


def test_it_can_be_moved(stored: Any, tmp_path: Path) -> None:
    stored.directory.rename(tmp_path / "elsewhere")
    assert len(list(rltools.open_recording(tmp_path / "elsewhere"))) == 3


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match=r"recording\.json is missing; `rltools record` makes one"):
        rltools.open_recording(tmp_path)


def test_an_episode_that_is_not_there(stored: Any) -> None:
    with pytest.raises(UnknownNameError, match=r"no episode 7 in .*; it has 3, numbered 0 to 2"):
        stored.episode(7)
    for number in stored.numbers:
        stored.episode_path(number).unlink()
    with pytest.raises(UnknownNameError, match="it is empty"):
        stored.outcome(0)


def test_only_episodes_count_as_episodes(stored: Any) -> None:
    room = stored.directory / "episodes"
    for name in (".unfinished-000009.parquet", "7.parquet", "notes.parquet", "²³.parquet", "000008.parquet.bak"):
        (room / name).write_text("not an episode")
    (room / "000011.parquet").mkdir()
    assert stored.numbers == (0, 1, 2)


def test_some_episodes_attributions(stored: Any) -> None:
    everything = stored.attribution().values
    assert everything.shape == (12, 1, 3)
    assert (stored.attribution(episodes=[2, 0]).values == everything[[8, 9, 10, 11, 0, 1, 2, 3]]).all()
    assert stored.attribution(episodes=[]).values.shape == (0, 1, 3)


def test_an_episode_that_is_not_explained_yet(stored: Any) -> None:
    next((stored.directory / "attributions").glob("*/000001.parquet")).unlink()
    with pytest.raises(RecordingError, match=r"episode 1 of .* is not explained yet"):
        stored.attribution()
    assert len(stored.attribution(episodes=[0, 2])) == 8


def test_the_best_predictor_speaks_first(make_policy: Make, make_env: Make) -> None:
    env = make_env(length=4)
    policy = make_policy(env)
    recording = rltools.record(policy, env, episodes=1)
    for method in ("gradient", "input_x_gradient"):
        rltools.explain(recording, policy, method=method, target="logit:chosen")
    rltools.explain(recording, policy, method="input_x_gradient")
    assert recording.attribution().spec.method == "input_x_gradient"
    assert recording.attribution().target == "centered:chosen"
    assert recording.attribution("gradient").target == "logit:chosen"
    with pytest.raises(RecordingError, match="no gradient of value in"):
        recording.attribution("gradient", "value")


def test_nothing_explained_yet(make_policy: Make, make_env: Make) -> None:
    env = make_env()
    with pytest.raises(RecordingError, match="explained there: nothing yet"):
        rltools.record(make_policy(env), env, episodes=1).attribution()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda header: header.pop("seed"), "lacks 'seed'"),
        (lambda header: header.pop("format"), "format None"),
        (lambda header: header.update(format="1"), "format '1'"),
        (lambda header: header.update(format=True), "format True"),
        (lambda header: header.update(format=0), "format 0"),
        (lambda header: header.update(action_names=5), "and must be"),
        (lambda header: header["features"].update(names=["a"]), "1 names for an observation"),
        (lambda header: header.update(features=[]), "and must be"),
    ],
)
def test_an_edited_header(change: Callable[[Any], Any], message: str, stored: Any) -> None:
    path = stored.directory / "recording.json"
    header = json.loads(path.read_text())
    change(header)
    path.write_text(json.dumps(header))
    with pytest.raises(CorruptError, match=message):
        rltools.open_recording(stored.directory)


@pytest.mark.parametrize("text", ["", "[1]", '{"format": 1', "\udcff"])
def test_a_damaged_header(text: str, stored: Any) -> None:
    (stored.directory / "recording.json").write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(CorruptError, match=r"recording\.json"):
        rltools.open_recording(stored.directory)


def test_headers_keep_any_name_exactly(make_policy: Make, make_env: Make) -> None:
    from rltools.spaces import Features

    names = ("δ\n%s", "$x_1$ </script>", "z" * 10_000)
    env = make_env()
    policy = make_policy(env, features=Features((3,), ("feature",), names), name="näme % \\")
    recording = rltools.record(policy, env, episodes=1)
    header = rltools.open_recording(recording.directory).header
    assert header.features.names == names
    assert header.policy == "näme % \\"
    assert recording.to_xarray()["feature"].values.tolist() == list(names)
