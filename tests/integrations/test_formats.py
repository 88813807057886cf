"""Every format that is found: what it declares, what it refuses, and that it leaves nothing half-written."""

from __future__ import annotations

import inspect
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

import rltools
from rltools.errors import ArgumentError, ConflictError, DataError, RecordingError, UnknownNameError
from rltools.integrations import _formats, exporters, format_names, importers
from rltools.integrations._formats import appearing_whole
from rltools.recording import Recording

EXTRAS = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text("utf-8"))["project"][
    "optional-dependencies"
]
FUNCTIONS = [
    pytest.param(name, function, id=f"{name}-{function.__name__}")
    for functions in (exporters(), importers())
    for name, function in functions.items()
]


@pytest.mark.parametrize(("name", "function"), FUNCTIONS)
def test_what_a_format_declares(name: str, function: Any) -> None:
    declared = function.declared
    assert declared.title
    assert declared.place
    assert not declared.extra or declared.extra in EXTRAS
    documentation = inspect.getdoc(function) or ""
    assert "Raises:" in documentation
    parameters = list(inspect.signature(function).parameters.values())
    if function.__name__ == "read":
        assert [each.name for each in parameters] == ["source"]
        return
    assert [each.name for each in parameters[:3]] == ["recording", "out", "overwrite"]
    assert declared.default is not None
    for option in parameters[3:]:
        assert option.kind is inspect.Parameter.KEYWORD_ONLY
        assert isinstance(option.default, bool | int | float | str)
        assert f"    {option.name}: " in documentation


@pytest.mark.parametrize("name", sorted(exporters()))
def test_a_format_whose_library_is_missing(
    name: str, recording: Recording, stores: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    extra = exporters()[name].declared.extra  # type: ignore[attr-defined]
    if not extra:
        pytest.skip("what it needs comes with rltools")
    for library in {"minari": ("minari",), "mlflow": ("mlflow",)}.get(name, (name,)):
        monkeypatch.setitem(sys.modules, library, None)  # type: ignore[arg-type]
    before = sorted(stores.iterdir())
    with pytest.raises(ArgumentError, match=r"cannot be imported .*pip install 'rltools-attribution\[" + extra):
        rltools.export(recording, name)
    assert sorted(stores.iterdir()) == before


def test_importing_without_the_library(cartpole: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "minari", None)  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match=r"pip install 'rltools-attribution\[minari\]'"):
        rltools.import_data("minari:poles/ppo-v0", cartpole)


@pytest.mark.parametrize("name", ["lerobot", "zarr"])
def test_what_is_there_is_replaced_only_on_demand(name: str, recording: Recording, stores: Path) -> None:
    place = stores / "out"
    assert rltools.export(recording, name, place) == str(place)
    (place / "mine").write_text("mine")
    with pytest.raises(ConflictError, match=r"out exists; .*overwrite=True"):
        rltools.export(recording, name, place)
    assert (place / "mine").is_file()
    rltools.export(recording, name, place, overwrite=True)
    assert not (place / "mine").exists()
    assert not [path for path in stores.iterdir() if "unfinished" in path.name]


def test_the_default_place_is_the_folder_of_the_run(recording: Recording) -> None:
    assert Path(rltools.export(recording, "zarr")) == recording.directory / "recording.zarr"
    assert Path(rltools.export(recording, "lerobot")) == recording.directory / "lerobot"
    assert rltools.open_recording(recording.directory).damaged() == {}


@pytest.mark.parametrize("name", ["lerobot", "minari", "zarr"])
def test_an_interrupted_export_leaves_nothing(
    name: str, recording: Recording, stores: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rltools.export(recording, name, overwrite=True)
    before = {path: path.stat().st_mtime_ns for path in stores.rglob("*") if path.is_file()}

    def interrupt(path: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(_formats, "to_disk", interrupt)
    with pytest.raises(KeyboardInterrupt):
        rltools.export(recording, name, overwrite=True)
    assert {path: path.stat().st_mtime_ns for path in stores.rglob("*") if path.is_file()} == before


def test_what_a_killed_export_left_is_removed(stores: Path) -> None:
    (stores / ".unfinished-out").mkdir()
    (stores / ".unfinished-out" / "half").write_text("half")
    with appearing_whole(stores / "out", overwrite=False) as folder:
        folder.mkdir()
        (folder / "whole").write_text("whole")
    assert sorted(path.relative_to(stores).as_posix() for path in (stores / "out").rglob("*")) == ["out/whole"]
    assert not (stores / ".unfinished-out").exists()


def test_an_export_that_the_library_refuses(
    recording: Recording, stores: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: Any, **options: Any) -> None:
        raise ValueError("two lines\nof a reason")

    monkeypatch.setattr("xarray.Dataset.to_zarr", fail)
    with pytest.raises(RecordingError, match=r"zarr could not write .*\(ValueError: two lines of a reason\)"):
        rltools.export(recording, "zarr", stores / "out")
    assert not list(stores.glob("*out*"))


def test_a_place_that_cannot_be_written_to(recording: Recording, stores: Path) -> None:
    (stores / "file").write_text("")
    with pytest.raises(RecordingError, match=r"cannot write to .*file"):
        rltools.export(recording, "zarr", stores / "file" / "out")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"to": "minary"}, "no format to export to 'minary'; did you mean minari"),
        ({"to": "zarr", "zarr_fromat": 3}, "zarr takes no option 'zarr_fromat'; did you mean zarr_format"),
        ({"to": "zarr", "zarr_format": "3"}, "the option zarr_format of zarr is '3'; it must be int, such as 2"),
        ({"to": "zarr", "zarr_format": 4}, "zarr_format is 4; it must be 2 or 3"),
        ({"to": "minari", "jpeg": 1}, "the option jpeg of minari is 1; it must be bool, such as False"),
        ({"to": "minari", "data_format": "csv"}, "data_format is 'csv'; Minari has hdf5, arrow and parquet"),
        ({"to": "minari", "out": "../poles-v0"}, "'../poles-v0' is no id of a Minari data set; it has the form"),
        ({"to": "minari", "out": "poles"}, "'poles' is no id of a Minari data set"),
        ({"to": "lerobot", "fps": -1}, "fps is -1; it must be at least 1"),
        ({"to": "wandb", "mode": "onlin"}, "mode is 'onlin'; it must be one of online, offline"),
    ],
)
def test_a_mistake_is_one_line(recording: Recording, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentError) as raised:
        rltools.export(recording, **options)
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_recording_without_episodes(recording: Recording) -> None:
    for path in (recording.directory / "episodes").iterdir():
        path.unlink()
    for name in exporters():
        with pytest.raises(ArgumentError, match="has no episodes to export"):
            rltools.export(recording, name)


@pytest.mark.parametrize(
    ("source", "kind", "message"),
    [
        ("poles", ArgumentError, "the data set is 'poles'; give the format and its name, for instance minari:"),
        ("minari:", ArgumentError, "give the format and its name"),
        ("minary:poles-v0", UnknownNameError, "no format to import from 'minary'; did you mean minari"),
        ("zarr:poles", UnknownNameError, "no format to import from 'zarr'"),
        ("minari:../../etc/passwd", DataError, "is no id of a Minari data set"),
        ("minari:poles/none-v0", DataError, "there are none"),
        ("lerobot:none", DataError, "no data set none: there is neither none/meta/info.json nor one in"),
    ],
)
def test_a_source_that_is_none(stores: Path, cartpole: Any, source: str, kind: Any, message: str) -> None:
    with pytest.raises(kind) as raised:
        rltools.import_data(source, cartpole, directory=stores / "data")
    assert message in str(raised.value)
    assert not (stores / "data").exists()


def test_names_are_read_without_loading_any() -> None:
    assert set(format_names()) >= {"lerobot", "minari", "mlflow", "rerun", "wandb", "zarr"}
    assert not any(name.startswith("_") for name in format_names())
