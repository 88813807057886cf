"""Whatever happens to a file is noticed: flipped bits, lost or added bytes, files in the place of others."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rltools
from rltools.errors import CorruptError, RecordingError
from rltools.recording import DamagedFileWarning, read_draws
from rltools.recording.parquet import read_blocks, read_columns, read_metadata
from rltools.recording.seal import MAGIC, check_seal
from rltools.recording.sealed_json import SEALED_FORMAT, parse_json, write_json

Make = Callable[..., Any]
GRADIENT, SHAPLEY = "gradient-centered-chosen", "shapley-centered-chosen"
KINDS = {
    "episode": "episodes/000001.parquet",
    "frames": "frames/000001.parquet",
    "attributions": f"attributions/{SHAPLEY}-*/000001.parquet",
    "references": f"attributions/{SHAPLEY}-*/reference.parquet",
    "draws": f"attributions/{SHAPLEY}-*/draws/000001.parquet",
}
TEXTS = {"recording": "recording.json", "question": f"attributions/{SHAPLEY}-*/attribution.json"}


@pytest.fixture(scope="module")
def original(make_policy: Make, make_env: Make, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("seals") / "run"
    env = make_env(length=3)
    policy = make_policy(env)
    recording = rltools.record(policy, env, episodes=3, directory=folder, frames=[0, 1])
    rltools.explain(recording, policy, method="gradient")
    rltools.explain(recording, policy, method="shapley", references=2)
    return folder


@pytest.fixture
def stored(original: Path, tmp_path: Path) -> rltools.Recording:
    return rltools.open_recording(shutil.copytree(original, tmp_path / "run"))


def file_of(recording: rltools.Recording, pattern: str) -> Path:
    (path,) = recording.directory.glob(pattern)
    return path


def flipped(content: bytes) -> Iterator[tuple[int, bytes]]:
    """Each bit of a file in turn."""
    for bit in range(8 * len(content)):
        changed = bytearray(content)
        changed[bit // 8] ^= 1 << bit % 8
        yield bit, bytes(changed)


def everything(recording: rltools.Recording) -> None:
    """Read all there is, and let no warning pass."""
    for _ in recording:
        pass
    for key in recording.specs:
        recording.attribution_of(key)
        for number in recording.numbers:
            read_draws(recording, key, number)
    for number in recording.numbers:
        recording.frames(number)


@pytest.mark.parametrize("kind", KINDS)
def test_no_flipped_bit_of_a_file_of_rows_goes_unnoticed(kind: str, stored: rltools.Recording) -> None:
    path = file_of(stored, KINDS[kind])
    good = path.read_bytes()
    assert check_seal(io.BytesIO(good), rows=True)
    read_whole = 0
    for bit, content in flipped(good):
        try:
            sealed = check_seal(io.BytesIO(content), rows=True)
        except ValueError:
            if bit % 211:
                continue
            sealed = False  # noticed; of some the readers themselves are asked too
        assert not sealed, bit
        read_whole += 1
        path.write_bytes(content)
        for read in (read_columns, lambda path: list(read_blocks(path, None, 2))):
            with pytest.raises(CorruptError, match=path.name):
                read(path)
    assert 8 * len(MAGIC) <= read_whole < 1000
    path.write_bytes(good)
    everything(stored)


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_file_says_of_its_rows_is_trusted_without_reading_them(kind: str, stored: rltools.Recording) -> None:
    """Row counts are in the footer: none of its bits flips unnoticed, though rows are not looked at."""
    path = file_of(stored, KINDS[kind])
    good = path.read_bytes()
    footer = good.index(MAGIC)
    for bit, content in flipped(good[footer:]):
        try:
            sealed = check_seal(io.BytesIO(good[:footer] + content), rows=False)
        except ValueError:
            continue
        assert not sealed, bit
        path.write_bytes(good[:footer] + content)
        with pytest.raises(CorruptError, match=path.name):
            read_metadata(path)


@pytest.mark.parametrize("kind", TEXTS)
def test_no_flipped_bit_of_a_text_goes_unnoticed(kind: str, stored: rltools.Recording) -> None:
    path = file_of(stored, TEXTS[kind])
    key = path.parent.name
    for bit, content in flipped(path.read_bytes()):
        try:
            parse_json(path, content, lambda content: content, 1 if kind == "recording" else SEALED_FORMAT)
        except RecordingError:
            if bit % 37:
                continue
        path.write_bytes(content)
        with pytest.raises(RecordingError) as caught:
            rltools.open_recording(stored.directory).spec(key)
        assert path.name in str(caught.value), bit
        assert "\n" not in str(caught.value), bit


@pytest.mark.parametrize("kind", [*KINDS, *TEXTS])
def test_lost_and_added_bytes(kind: str, stored: rltools.Recording) -> None:
    path = file_of(stored, (KINDS | TEXTS)[kind])
    good = path.read_bytes()
    for content in (
        b"",
        *(good[:length] for length in range(0, len(good), 97)),
        good[:-1],
        good[1:],
        good + b"\0",
        good + b"\n",
        good * 2,
        good[:50] + good[60:],
        b"\xef\xbb\xbf" + good,
    ):
        path.write_bytes(content)
        with pytest.raises(RecordingError, match=path.name):
            read(stored, path)


def read(recording: rltools.Recording, path: Path) -> Any:
    """What a file of a recording holds."""
    if path.name == "recording.json":
        return rltools.open_recording(recording.directory)
    return recording.spec(path.parent.name) if path.suffix == ".json" else read_columns(path)


def copy_over(stored: rltools.Recording, source: str, target: str) -> Path:
    path = file_of(stored, target)
    shutil.copy(file_of(stored, source), path)
    return path


def test_an_episode_under_the_name_of_another(stored: rltools.Recording) -> None:
    path = copy_over(stored, "episodes/000002.parquet", "episodes/000001.parquet")
    for read in (stored.episode, stored.outcome):
        with pytest.raises(CorruptError, match=r"it holds episode 000002, and its name says 000001"):
            read(1)
    assert path in stored.damaged()
    with pytest.warns(DamagedFileWarning, match="000001"):
        assert [episode.outcome.number for episode in stored] == [0, 2]


@pytest.mark.parametrize("number", [0, 2])
def test_attributions_of_another_episode(number: int, stored: rltools.Recording) -> None:
    folder = f"attributions/{GRADIENT}-*"
    path = copy_over(stored, f"{folder}/00000{number}.parquet", f"{folder}/000001.parquet")
    with pytest.warns(DamagedFileWarning, match=f"it holds episode 00000{number}, and its name says 000001"):
        damage = stored.attribution("gradient")
    assert np.isnan(damage.values[3:6]).all()
    assert list(stored.damaged()) == [path]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("draws/000002.parquet", "it holds episode 000002, and its name says 000001"),
        ("000001.parquet", "it has no 'without'"),
    ],
)
def test_something_else_in_the_place_of_draws(source: str, message: str, stored: rltools.Recording) -> None:
    path = copy_over(stored, f"attributions/{SHAPLEY}-*/{source}", KINDS["draws"])
    key = path.parent.parent.name
    with pytest.warns(DamagedFileWarning, match=message):
        assert read_draws(stored, key, 1) is None
    assert list(stored.damaged()) == [path]
    with pytest.warns(DamagedFileWarning, match=message):
        damage = rltools.summarize(stored, method="shapley")
    assert not damage.overall.draws
    assert any("the contribution of each one was not recorded" in note for note in damage.notes)
    assert read_draws(stored, key, 0) is not None


def test_draws_in_the_place_of_attributions(stored: rltools.Recording) -> None:
    path = copy_over(stored, KINDS["draws"], KINDS["attributions"])
    with pytest.warns(DamagedFileWarning, match=r"it has no 'scores'"):
        assert np.isnan(stored.attribution("shapley").values[3:6]).all()
    assert list(stored.damaged()) == [path]


def test_draws_that_are_deleted_are_made_anew(stored: rltools.Recording, make_policy: Make, make_env: Make) -> None:
    path = file_of(stored, KINDS["draws"])
    good = path.read_bytes()
    path.unlink()
    rltools.explain(stored, make_policy(make_env(length=3)), method="shapley", references=2)
    assert path.read_bytes() == good
    left = path.with_name(".unfinished-000002.parquet")
    left.write_bytes(b"PAR1")
    file_of(stored, f"attributions/{SHAPLEY}-*/000002.parquet").unlink()
    rltools.explain(stored, make_policy(make_env(length=3)), method="shapley", references=2)
    assert not left.exists()
    assert stored.damaged() == {}


def test_attributions_of_another_method(stored: rltools.Recording) -> None:
    path = copy_over(stored, f"attributions/{SHAPLEY}-*/000001.parquet", f"attributions/{GRADIENT}-*/000001.parquet")
    with pytest.warns(DamagedFileWarning, match="it does not belong to the attribution.json"):
        stored.attribution("gradient")
    assert list(stored.damaged()) == [path]


def test_the_question_of_another_attribution(stored: rltools.Recording) -> None:
    copy_over(stored, f"attributions/{SHAPLEY}-*/attribution.json", f"attributions/{GRADIENT}-*/attribution.json")
    assert len(stored.damaged()) == 3
    key = next(key for key in stored.specs if key.startswith("gradient"))
    with pytest.warns(DamagedFileWarning, match="it does not belong to the attribution.json"):
        assert np.isnan(stored.attribution_of(key).values).all()


def test_folders_that_changed_their_names_answer_no_other_question(
    stored: rltools.Recording, make_policy: Make, make_env: Make
) -> None:
    gradient, shapley = sorted((stored.directory / "attributions").iterdir())
    aside = gradient.rename(stored.directory / "aside")
    shapley.rename(gradient)
    aside.rename(shapley)
    policy = make_policy(make_env(length=3))
    with pytest.raises(CorruptError, match=r"holds method shapley .* its name belongs to method gradient .* delete it"):
        rltools.explain(stored, policy, method="gradient")
    shutil.rmtree(gradient)
    assert rltools.explain(stored, policy, method="gradient").attribution().method == "gradient"


def test_other_references(stored: rltools.Recording, make_policy: Make, make_env: Make) -> None:
    env = make_env(length=3)
    rltools.explain(stored, make_policy(env), method="shapley", references=2, seed=5)
    first, second = stored.directory.glob(f"attributions/{SHAPLEY}-*/reference.parquet")
    shutil.copy(second, first)
    with pytest.warns(DamagedFileWarning, match="it was not computed with the references"):
        stored.attribution_of(first.parent.name)
    first.unlink()
    with pytest.warns(DamagedFileWarning, match=r"reference\.parquet is missing"):
        stored.attribution_of(first.parent.name)


def test_files_of_another_recording(
    stored: rltools.Recording, make_policy: Make, make_env: Make, tmp_path: Path
) -> None:
    env = make_env(length=3)
    policy = make_policy(env)
    other = rltools.record(policy, env, episodes=3, seed=100, directory=tmp_path / "other", frames=[0, 1])
    rltools.explain(other, policy, method="gradient")
    for pattern in ("episodes/000001.parquet", "frames/000001.parquet", f"attributions/{GRADIENT}-*/000001.parquet"):
        shutil.copy(file_of(other, pattern), file_of(stored, pattern))
        assert "it does not belong to the recording.json" in stored.damaged()[file_of(stored, pattern)]
    with pytest.raises(CorruptError, match="it does not belong to the recording"):
        stored.episode(1)
    shutil.copy(other.directory / "recording.json", stored.directory)
    with pytest.raises(CorruptError, match="it does not belong to the recording"):
        rltools.open_recording(stored.directory).episode(0)


def test_an_episode_that_was_made_anew_has_other_attributions(stored: rltools.Recording, make_env: Make) -> None:
    """The same number and seed, and other rows: what explained the old ones does not explain these."""
    episode = stored.episode(1)
    path = stored.episode_path(1)
    from rltools.recording.episode import episode_metadata, recorded_leaves
    from rltools.recording.writers import BlockFile
    from rltools.spaces.leaves import pick

    (leaf,) = recorded_leaves(episode.features)
    file = BlockFile(path)
    columns = {"action": episode.actions, "reward": episode.rewards, "score": episode.scores}
    columns |= {"terminated": episode.terminated, "truncated": episode.truncated}
    file.write({"observation": pick(episode.observations, leaf) + 1, **columns})
    file.finish(episode_metadata(episode.outcome, {"observation": episode.final_observation}))
    with pytest.warns(DamagedFileWarning, match="it was not made from the rows"):
        stored.attribution("gradient")
    with pytest.raises(CorruptError, match="it was not made from the rows"):
        stored.frames(1)


EDITS: tuple[tuple[Callable[[dict[str, Any]], Any], str], ...] = (
    (lambda header: header.update(seed=True), "key 'seed' is True"),
    (lambda header: header.update(seed="7"), "key 'seed' is '7'"),
    (lambda header: header.update(seed=1.0), "key 'seed' is 1.0"),
    (lambda header: header.update(seed=float("nan")), "key 'seed' is nan"),
    (lambda header: header.update(seed=10**4000), "key 'seed' is 1000"),
    (lambda header: header.update(max_steps=-5), "key 'max_steps' is -5"),
    (lambda header: header.update(deterministic=1), "key 'deterministic' is 1"),
    (lambda header: header.update(action_names=["left", 3]), "key 'action_names' is"),
    (lambda header: header.update(action_names="left"), "key 'action_names' is 'left'"),
    (lambda header: header.update(versions={"numpy": 2}), "key 'versions' is"),
    (lambda header: header.update(notes=None), "key 'notes' is None"),
    (lambda header: header.update(environment="{"), "key 'environment' must be"),
    (lambda header: header.update(environment='{"id": 3}'), "key 'environment' must be"),
    (lambda header: header.update(sede=7), "unknown key 'sede'"),
    (lambda header: header.pop("policy"), "lacks 'policy'"),
    (lambda header: header["features"].update(shape=[-3]), "key 'features' has the shape"),
    (lambda header: header["features"].update(shape=[10**9, 10**9]), "key 'features' has the shape"),
    (lambda header: header["features"].update(names=[1, 2, 3]), "key 'features.names' is"),
    (lambda header: header["features"].pop("dims"), "lacks 'features.dims'"),
    (lambda header: header["features"].update(leaves=[{"path": []}]), "lacks 'features.leaves"),
)


@pytest.mark.parametrize(("edit", "message"), EDITS, ids=[message for _, message in EDITS])
@pytest.mark.parametrize("sealed", [True, False])
def test_an_edited_header_names_file_and_key(
    edit: Callable[[dict[str, Any]], Any], message: str, sealed: bool, stored: rltools.Recording
) -> None:
    path = stored.directory / "recording.json"
    header = json.loads(path.read_text())
    if sealed:
        del header["seal"], header["format"]
        edit(header)
        write_json(path, header)
    else:
        del header["seal"]
        edit(header)
        path.write_text(json.dumps(header | {"format": 1}))
    with pytest.raises(CorruptError) as caught:
        rltools.open_recording(stored.directory)
    assert f"{path}" in str(caught.value)
    assert message in str(caught.value)
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"every": 0}, "key 'every' is 0"),
        ({"every": True}, "key 'every' is True"),
        ({"labels": [1]}, "key 'labels' is [1]"),
        ({"parameters": []}, "key 'parameters' is []"),
        ({"parameters": {"window": -1}}, "key 'parameters.window' is -1"),
        ({"parameters": {"window": "8"}}, "key 'parameters.window' is '8'"),
        ({"methd": "gradient"}, "unknown key 'methd'"),
        ({"unit": None}, "key 'unit' is None"),
        ({"format": 1.5}, "has format 1.5"),
    ],
)
def test_an_edited_question_names_file_and_key(change: dict[str, Any], message: str, stored: rltools.Recording) -> None:
    path = file_of(stored, TEXTS["question"])
    content = json.loads(path.read_text())
    del content["seal"], content["format"]
    path.write_text(json.dumps(content | change))
    with pytest.raises(CorruptError) as caught:
        stored.spec(path.parent.name)
    assert f"{path}" in str(caught.value)
    assert message in str(caught.value)
    assert list(stored.damaged())[-1:] == [path] or path in stored.damaged()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"format": 1, "seed": 1, "seed": 2}', "the key 'seed' appears twice"),
        ("[" * 100_000, "nested too deeply"),
        ('{"format": ' + "1" * 5000 + "}", "not readable JSON"),
        ('{"format": 1e400}', "format inf"),
        ("\ufeff{}", "not readable JSON"),
        ("\udcff", "not readable JSON"),
        ("3", "holds a int"),
        ("", "not readable JSON"),
    ],
)
def test_what_is_no_json_of_ours(text: str, message: str, stored: rltools.Recording) -> None:
    for path in (stored.directory / "recording.json", file_of(stored, TEXTS["question"])):
        path.write_bytes(text.encode(errors="surrogateescape"))
        with pytest.raises(CorruptError, match=message):
            read(stored, path)


def test_a_sealed_file_does_not_pass_as_one_of_before_there_were_seals(stored: rltools.Recording) -> None:
    path = stored.directory / "recording.json"
    header = json.loads(path.read_text())
    del header["seal"]
    path.write_text(json.dumps(header))
    with pytest.raises(CorruptError, match="does not match its key 'seal'"):
        rltools.open_recording(stored.directory)
    episode = stored.episode_path(0)
    content = episode.read_bytes()
    start = content.index(MAGIC)
    episode.write_bytes(content[:start] + content[start + 28 :])
    with pytest.raises(CorruptError, match="it has no 'checksum'"):
        stored.episode(0)


def test_other_programs_read_sealed_files(stored: rltools.Recording) -> None:
    import pyarrow.parquet as pq

    table = pq.read_table(stored.episode_path(1), page_checksum_verification=True)
    assert table.num_rows == 3
    assert table["reward"].to_pylist() == [1.0, 1.0, 1.0]


def test_half_a_surrogate_pair_in_a_name_is_kept(make_policy: Make, make_env: Make, tmp_path: Path) -> None:
    env = make_env(length=2)
    names = ("a\udcff", "b", "\ud800")
    policy = make_policy(env, name="model-\udcfe", features=rltools.Features((3,), ("feature",), names))
    rltools.record(policy, env, episodes=1, directory=tmp_path)
    header = rltools.open_recording(tmp_path).header
    assert header.policy == "model-\udcfe"
    assert header.features.names == names


def test_an_episode_in_the_place_of_another_is_not_explained(
    stored: rltools.Recording, make_policy: Make, make_env: Make
) -> None:
    copy_over(stored, "episodes/000002.parquet", "episodes/000001.parquet")
    with pytest.warns(DamagedFileWarning, match="it holds episode 000002"):
        explained = rltools.explain(stored, make_policy(make_env(length=3)), method="input_x_gradient")
    assert [path.name for path in sorted((stored.directory / "attributions" / explained.requested[-1]).glob("0*"))] == [
        "000000.parquet",
        "000002.parquet",
    ]
