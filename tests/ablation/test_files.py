"""The files of an ablation: the same whatever runs side by side, resumable, and refused if they are not its own."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rltools
from rltools.ablation import Ablation, ablate, ablations, measure, open_ablation
from rltools.ablation._runner import AblationRunner
from rltools.errors import ArgumentError, ConflictError, CorruptError, RecordingError, UnknownNameError
from rltools.recording import DamagedFileWarning

Copy = Callable[[], rltools.Recording]
EVERYTHING: Any = {
    "seeds": 6,
    "most": 40,
    "replace": "hold",
    "second": "nearest",
    "coalitions": True,
    "leave_out": True,
}


@pytest.fixture
def world(guess: Any) -> Any:
    """A policy that needs one bit or another, and its environment."""
    return guess(lambda x: x[..., 0] + x[..., 1] > 0.5, length=6)


@pytest.fixture
def copied(world: Any, tmp_path: Path) -> Copy:
    """Gives a copy of the same recording at every call."""
    policy, env = world
    rltools.record(policy, env, episodes=6, directory=tmp_path / "original")
    names = iter(range(100))
    return lambda: rltools.open_recording(shutil.copytree(tmp_path / "original", tmp_path / f"copy {next(names)}"))


SETS = ((), (0,), (1,), (2,))


def same_rows(first: Ablation, second: Ablation) -> bool:
    """Whether two ablations have the same episodes, in any order and run for any purpose."""
    columns = ["replacement", "number", "seed", *(f"hides {name}" for name in first.players), "total_reward", "ended"]
    tables = [each.to_pandas()[columns].sort_values(columns).to_numpy().tolist() for each in (first, second)]
    return tables[0] == tables[1]


def test_files_are_the_same_whatever_runs_side_by_side(world: Any, copied: Copy, files_in: Any) -> None:
    policy, env = world
    runs = [ablate(policy, copied(), env, num_envs=num_envs, **EVERYTHING) for num_envs in (1, 3, 64)]
    single, *others = [files_in(run.directory) for run in runs]
    assert {"ablation.json", "visited.parquet", "000000.parquet"} <= set(single)
    assert all(files == single for files in others)
    assert len({run.key for run in runs}) == 1


def test_a_second_call_runs_nothing_and_changes_nothing(world: Any, copied: Copy, files_in: Any) -> None:
    policy, env = world
    recording = copied()
    before = files_in(ablate(policy, recording, env, **EVERYTHING).directory)

    calls: list[int] = []

    def counted() -> Any:
        calls.append(1)
        return env()

    again = ablate(policy, recording, counted, **EVERYTHING)
    assert files_in(again.directory) == before
    assert len(calls) <= 4, "it is only compared with the policy"
    assert len(ablations(recording)) == 1


@pytest.mark.parametrize("after", [1, 200, 1500])
def test_an_interrupt_loses_a_batch_at_most(
    after: int, world: Any, copied: Copy, files_in: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy, env = world
    monkeypatch.setattr("rltools.ablation._runner.BATCH", 20)
    whole = files_in(ablate(policy, copied(), env, **EVERYTHING).directory)
    steps = iter(range(10**9))
    kind = type(env())

    class Interrupting(kind):  # type: ignore[misc, valid-type]
        def step(self, action: Any) -> Any:
            if next(steps) == after:
                raise KeyboardInterrupt
            return super().step(action)

    def interrupting() -> Any:
        made = env()
        made.__class__ = Interrupting
        return made

    recording = copied()
    with pytest.raises(KeyboardInterrupt):
        ablate(policy, recording, interrupting, **EVERYTHING)
    (existing,) = ablations(recording) or (None,)
    if existing is not None:
        remaining = files_in(existing.directory)
        assert remaining.items() <= whole.items(), "what is there is what would be there"
        assert not list(recording.directory.rglob(".unfinished*"))
        assert existing.losses().interval.value.shape == (3,)
        assert len(existing.verdicts()) == 3
        assert existing.to_xarray().sizes["player"] == 3
    assert files_in(ablate(policy, recording, env, **EVERYTHING).directory) == whole


def test_more_seeds_are_added(world: Any, copied: Copy) -> None:
    policy, env = world
    recording = copied()
    few = ablate(policy, recording, env, seeds=3, most=3)
    more = ablate(policy, recording, env, seeds=7, most=7)
    fresh = ablate(policy, copied(), env, seeds=7, most=7)
    assert few.key == more.key
    assert len(few.rollouts) < len(more.rollouts)
    assert fresh.rollouts.tasks <= more.rollouts.tasks
    assert {hidden: more.returns(hidden) for hidden in SETS} == {hidden: fresh.returns(hidden) for hidden in SETS}
    assert more.losses().interval.value.tolist() == fresh.losses().interval.value.tolist()
    assert len(ablations(recording)) == 1
    fewer = ablate(policy, recording, env, seeds=2, most=2)
    assert len(fewer.rollouts) == len(more.rollouts), "all that was ever measured is returned"


def test_coalitions_and_certificates_are_added_later(world: Any, copied: Copy) -> None:
    policy, env = world
    recording = copied()
    plain = ablate(policy, recording, env, seeds=6, most=6)
    assert (plain.shapley(), plain.certificate, plain.curves(), plain.alone()) == (None, None, None, None)
    with_coalitions = ablate(policy, recording, env, seeds=6, most=6, coalitions=True)
    assert with_coalitions.shapley().seeds == 6
    both = ablate(policy, recording, env, seeds=6, most=6, leave_out=True)
    assert both.key == plain.key
    assert both.certificate.seeds == 64
    assert both.shapley().interval.value.tolist() == with_coalitions.shapley().interval.value.tolist()
    opened = open_ablation(recording)
    assert str(opened.certificate) == str(both.certificate)
    assert same_rows(opened, both)


def test_other_settings_are_another_ablation(world: Any, copied: Copy) -> None:
    policy, env = world
    recording = copied()
    runs = [
        ablate(policy, recording, env, seeds=1, most=1, second=None, **choices)
        for choices in ({}, {"replace": "mean"}, {"seed": 1}, {"max_steps": 3}, {"groups": "features"})
    ]
    assert len({run.key for run in runs}) == 5
    assert {each.key for each in ablations(recording)} == {run.key for run in runs}
    assert open_ablation(recording, "mean").replace == "mean"
    assert open_ablation(recording, runs[2].key).spec.seed == 1
    assert set(runs[2].rollouts.seed).isdisjoint(runs[0].rollouts.seed)
    assert runs[3].rollouts.steps.max() == 3
    assert set(runs[3].rollouts.ended) == {"limit"}
    with pytest.raises(UnknownNameError, match="mean"):
        open_ablation(recording, "meen")


def test_sets_are_added(world: Any, copied: Copy) -> None:
    policy, env = world
    recording = copied()
    ablation = ablate(policy, recording, env, seeds=2, most=2, second=None)
    more = measure(policy, recording, ablation, [(0, 1, 2), (2, 0), ()], env=env, seeds=3)
    assert sorted(more.returns((0, 1, 2))) == sorted(more.returns((0, 2))) == [0, 1, 2]
    assert sorted(more.returns(())) == [0, 1, 2]
    again = measure(policy, recording, more, [(2, 1, 0)], env=env, seeds=3)
    assert len(again.rollouts) == len(more.rollouts)
    with pytest.raises(ArgumentError, match="positions 0 to 2"):
        measure(policy, recording, ablation, [(3,)], env=env)
    assert recording.damaged() == {}


def test_recording_anew_removes_ablations(world: Any, copied: Copy) -> None:
    policy, env = world
    recording = copied()
    ablate(policy, recording, env, seeds=1, most=1)
    again = rltools.record(policy, env, episodes=2, directory=recording.directory, overwrite=True)
    assert ablations(again) == ()
    with pytest.raises(RecordingError, match="ablate"):
        open_ablation(again)


def test_visited_states_stay_when_episodes_are_added(world: Any, copied: Copy) -> None:
    policy, env = world
    recording = copied()
    before = ablate(policy, recording, env, seeds=2, most=2)
    rltools.record(policy, env, episodes=9, directory=recording.directory)
    after = ablate(policy, rltools.open_recording(recording.directory), env, seeds=3, most=3)
    assert after.key == before.key
    assert len(after.rollouts) > len(before.rollouts)


def test_other_visited_states_are_not_mixed_in(world: Any, copied: Copy) -> None:
    """Of more episodes, others are drawn; the returns that were measured with the first ones do not fit them."""
    policy, env = world
    recording = copied()
    ablation = ablate(policy, recording, env, seeds=2, most=2)
    (ablation.directory / "visited.parquet").unlink()
    rltools.record(policy, env, episodes=9, directory=recording.directory)
    with pytest.raises(CorruptError, match=r"not made with the states in the visited\.parquet beside it"):
        ablate(policy, rltools.open_recording(recording.directory), env, seeds=2, most=2)
    assert len(recording.damaged()) == len(list(ablation.directory.glob("0*.parquet")))


def damage(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))


@pytest.mark.parametrize("name", ["ablation.json", "visited.parquet", "000000.parquet", "000001.parquet"])
def test_damage_is_named_and_can_be_mended(name: str, world: Any, copied: Copy, files_in: Any) -> None:
    policy, env = world
    recording = copied()
    ablation = ablate(policy, recording, env, seeds=3, most=3)
    before = files_in(ablation.directory)
    path = ablation.directory / name
    damage(path)
    assert list(recording.damaged()) == [path]
    with pytest.raises(CorruptError, match=name):
        ablate(policy, recording, env, seeds=3, most=3)
    if name != "visited.parquet":
        with pytest.raises(CorruptError, match=name):
            ablations(recording)
    assert {key: value for key, value in files_in(ablation.directory).items() if key != name} == {
        key: value for key, value in before.items() if key != name
    }
    path.unlink()
    again = ablate(policy, recording, env, seeds=3, most=3)
    assert recording.damaged() == {}
    assert same_rows(again, ablation)
    if not name.startswith("0"):
        assert files_in(again.directory) == before


@pytest.mark.parametrize("name", ["ablation.json", "visited.parquet", "000000.parquet"])
def test_files_of_another_ablation_are_refused(name: str, world: Any, copied: Copy) -> None:
    policy, env = world
    recording = copied()
    ablation = ablate(policy, recording, env, seeds=3, most=3, second=None)
    other = ablate(policy, recording, env, seeds=3, most=3, second=None, seed=1)
    shutil.copy(other.directory / name, ablation.directory / name)
    with pytest.raises(CorruptError, match=r"belong"):
        ablate(policy, recording, env, seeds=3, most=3, second=None)
    assert ablation.directory / name in recording.damaged() or name == "ablation.json"
    assert recording.damaged()


def test_a_batch_under_another_number_is_refused(world: Any, copied: Copy) -> None:
    policy, env = world
    recording = copied()
    ablation = ablate(policy, recording, env, seeds=3, most=3, second=None)
    shutil.copy(ablation.directory / "000000.parquet", ablation.directory / "000007.parquet")
    with pytest.raises(CorruptError, match="holds batch 000000, and its name says 000007"):
        open_ablation(recording)


def test_an_ablation_of_another_recording_is_refused(world: Any, copied: Copy, tmp_path: Path) -> None:
    policy, env = world
    recording = copied()
    ablate(policy, recording, env, seeds=1, most=1)
    other = rltools.record(policy, env, episodes=2, seed=5, directory=tmp_path / "other")
    shutil.copytree(recording.directory / "ablations", other.directory / "ablations")
    with pytest.raises(CorruptError, match="another recording"):
        open_ablation(other)
    assert other.damaged()


def test_two_writers_exclude_each_other(world: Any, copied: Copy) -> None:
    policy, env = world
    recording = copied()
    inside, go_on = threading.Event(), threading.Event()

    def waiting() -> Any:
        if inside.is_set():
            go_on.wait(20)
        return env()

    original = AblationRunner.announce

    def announce(self: AblationRunner, *args: Any) -> None:
        inside.set()
        original(self, *args)

    first: list[Ablation] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(AblationRunner, "announce", announce)
        thread = threading.Thread(target=lambda: first.append(ablate(policy, recording, waiting, seeds=2, most=2)))
        thread.start()
        assert inside.wait(20)
        with pytest.raises(ConflictError, match="wait for it"):
            ablate(policy, recording, env, seeds=2, most=2)
        go_on.set()
        thread.join()
    assert same_rows(first[0], open_ablation(recording))


def test_a_folder_that_cannot_be_written_to(world: Any, copied: Copy) -> None:
    policy, env = world
    recording = copied()
    (recording.directory / "ablations").write_text("a file in its place")
    with pytest.raises(RecordingError, match="cannot write to"):
        ablate(policy, recording, env, seeds=1, most=1)
    assert len(list(recording)) == 6


def test_a_full_disk_keeps_what_was_measured(
    world: Any, copied: Copy, files_in: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy, env = world
    recording = copied()
    whole = files_in(ablate(policy, copied(), env, seeds=3, most=3).directory)

    def full(self: Any, metadata: Any) -> None:
        raise OSError(28, "No space left on device")

    from rltools.ablation import _runner

    original = _runner.write_batch

    def write_batch(folder: Path, number: int, *args: Any) -> Path:
        if number == 1:
            monkeypatch.setattr("rltools.recording.parquet.ColumnWriter.close", full)
        return original(folder, number, *args)

    with monkeypatch.context() as patch:
        patch.setattr(_runner, "write_batch", write_batch)
        with pytest.raises(RecordingError, match="No space left on device"):
            ablate(policy, recording, env, seeds=3, most=3)
    monkeypatch.undo()
    existing = open_ablation(recording)
    assert len(existing.rollouts) == 3
    assert not list(recording.directory.rglob(".unfinished*"))
    assert files_in(ablate(policy, recording, env, seeds=3, most=3).directory) == whole


def test_the_temporary_folder_lives_as_long_as_the_ablation(world: Any) -> None:
    import copy
    import gc
    import pickle

    policy, env = world
    ablation = ablate(policy, env=env, seeds=1, most=1)
    folder = ablation.directory
    gc.collect()
    assert (folder / "ablation.json").is_file()
    with pytest.raises(RecordingError, match="temporary folder"):
        pickle.dumps(ablation)
    twin = copy.deepcopy(ablation)
    del ablation
    gc.collect()
    assert (folder / "ablation.json").is_file()
    assert twin.losses().seeds.tolist() == [1, 1, 1]
    del twin
    gc.collect()
    assert not folder.exists()


def test_a_kept_ablation_is_pickled(world: Any, copied: Copy) -> None:
    import pickle

    policy, env = world
    ablation = ablate(policy, copied(), env, seeds=2, most=2)
    twin = pickle.loads(pickle.dumps(ablation))
    assert same_rows(twin, ablation)
    assert twin.spec == ablation.spec
    assert replace(twin, directory=None).players == ablation.players


def test_tables(world: Any, copied: Copy) -> None:
    policy, env = world
    ablation = ablate(policy, copied(), env, seeds=6, most=6, coalitions=True)
    table = ablation.to_pandas()
    assert len(table) == len(ablation.rollouts)
    alone = table[(table["replacement"] == "resample") & (table.filter(like="hides").sum(axis=1) == 1)]
    means = [alone[alone[f"hides {name}"]]["total_reward"].mean() for name in ablation.players]
    losses = ablation.losses()
    np.testing.assert_allclose(float(losses.baseline.value) - np.array(means), losses.interval.value)
    dataset = ablation.to_xarray()
    np.testing.assert_array_equal(dataset["loss"], losses.interval.value)
    np.testing.assert_allclose((dataset["baseline_return"] - dataset["return_without"]).mean("number"), dataset["loss"])
    assert dataset["verdict"].to_numpy().tolist() == [verdict.kind for verdict in ablation.verdicts()]
    np.testing.assert_allclose(dataset["outcome_shapley"], ablation.shapley().interval.value)
    assert dataset.sizes == {"player": 3, "number": 6}


def test_which_ablation_has_precedence_does_not_depend_on_times(tmp_path: Path) -> None:
    policy = rltools.load_policy("cartpole-ppo")
    recording = rltools.record(policy, episodes=2, max_steps=30, directory=tmp_path)
    few = {"seeds": 2, "most": 2, "second": None}
    by_mean = rltools.ablate(policy, recording, replace="mean", **few)
    grouped = rltools.ablate(policy, recording, groups={"cart": ["cart position", "cart velocity"]}, **few)
    short = rltools.ablate(policy, recording, max_steps=5, **few)
    long = rltools.ablate(policy, recording, seeds=3, most=3, second=None)
    expected = [long.key, short.key, grouped.key, by_mean.key]
    for latest in expected:
        os.utime(tmp_path / "ablations" / latest / "ablation.json")
        assert [each.key for each in ablations(recording)] == expected
    assert open_ablation(recording).key == long.key
    assert open_ablation(recording, "mean").key == by_mean.key


def test_a_lost_batch_is_named(tmp_path: Path) -> None:
    policy = rltools.load_policy("cartpole-ppo")
    recording = rltools.record(policy, episodes=2, max_steps=30, directory=tmp_path)
    whole = rltools.ablate(policy, recording, seeds=2, most=2)
    assert whole.directory is not None
    (whole.directory / "000001.parquet").unlink()
    with pytest.warns(DamagedFileWarning, match=r"lacks 000001\.parquet; ablate again with the same settings"):
        partial = open_ablation(recording)
    assert len(partial.rollouts) < len(whole.rollouts)
    again = rltools.ablate(policy, recording, seeds=2, most=2)
    assert again.losses().interval.value.tolist() == whole.losses().interval.value.tolist()


def test_levels_are_checked(tmp_path: Path) -> None:
    policy = rltools.load_policy("cartpole-ppo")
    recording = rltools.record(policy, episodes=2, max_steps=30, directory=tmp_path)
    ablation = rltools.ablate(policy, recording, seeds=2, most=2)
    for call in (ablation.losses, ablation.verdicts, ablation.to_xarray, ablation.baseline):
        with pytest.raises(ArgumentError, match="level=95: the level is between 0 and 1"):
            call(level=95)
