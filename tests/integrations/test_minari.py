"""Minari: recordings become its data sets and come back, and nothing that a data set says is executed."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gymnasium.spaces import Box, Discrete
from same_episodes import assert_same_episodes

import rltools
from rltools.errors import DataError, MismatchError
from rltools.recording import Recording

minari = pytest.importorskip("minari")
h5py = pytest.importorskip("h5py")


@pytest.mark.parametrize("data_format", ["hdf5", "arrow"])
def test_a_recording_comes_back_as_it_was(recording: Recording, cartpole: Any, data_format: str) -> None:
    source = rltools.export(recording, "minari", "poles/tiny-v0", data_format=data_format)
    assert source == "minari:poles/tiny-v0"
    data = minari.load_dataset("poles/tiny-v0")
    assert data.total_episodes == 2
    assert data.total_steps == sum(outcome.steps for outcome in recording.outcomes())
    assert data.spec.env_spec.id == "CartPole-v1"
    explained = {"gradient": "logit:all", "input_x_gradient": "centered:chosen"}
    for number, episode in enumerate(data):
        recorded = recording.episode(number)
        np.testing.assert_array_equal(episode.observations[:-1], recorded.observations)
        np.testing.assert_array_equal(episode.observations[-1], recorded.final_observation)
        for method, target in explained.items():
            values = recording.attribution(method, target, episodes=[number]).values
            stored = np.asarray(episode.infos[f"attribution_{method}"]).reshape(len(recorded) + 1, *values.shape[1:])
            np.testing.assert_array_equal(stored[:-1], values)
            assert np.isnan(stored[-1]).all()
    described = data.storage.metadata["rltools"]
    assert described["policy_sha256"] == cartpole.source.sha256
    assert {name: each["target"] for name, each in described["attributions"].items()} == explained

    read = rltools.import_data(source, cartpole)
    assert_same_episodes(recording, read)
    assert [outcome.seed for outcome in read.outcomes()] == [outcome.seed for outcome in recording.outcomes()]
    for number in recording.numbers:
        np.testing.assert_array_equal(read.episode(number).scores, recording.episode(number).scores)
        np.testing.assert_array_equal(read.episode(number).choices, recording.episode(number).actions)
        np.testing.assert_array_equal(
            read.episode(number).final_observation, recording.episode(number).final_observation
        )
    again = rltools.explain(read, cartpole, method="gradient", target="logit:all")
    np.testing.assert_array_equal(again.attribution().values, recording.attribution("gradient").values)


def test_images_stay_as_they_are_unless_jpeg_is_chosen(stores: Path, image_policy: Any) -> None:
    policy, env = image_policy
    recorded = rltools.record(policy, env, episodes=1, max_steps=3)
    same = rltools.import_data(rltools.export(recorded, "minari", "images/raw-v0"), policy)
    np.testing.assert_array_equal(same.episode(0).observations, recorded.episode(0).observations)
    changed = rltools.import_data(rltools.export(recorded, "minari", "images/jpeg-v0", jpeg=True), policy)
    assert (changed.episode(0).observations != recorded.episode(0).observations).mean() > 0.5
    assert "its images were stored as JPEG, which changes pixels" in changed.header.notes
    assert not any("JPEG" in note for note in same.header.notes)


def test_an_episode_that_ended_by_a_fault_loses_its_last_step(stores: Path, make_env: Any, make_policy: Any) -> None:
    env = make_env(step=lambda env, action: (env.observation(), 1.0 if env.t < 4 else float("nan"), False, False, {}))
    policy = make_policy(env)
    with pytest.raises(rltools.errors.FaultError) as raised:
        rltools.record(policy, env, episodes=1)
    recorded = raised.value.recording
    read = rltools.import_data(rltools.export(recorded, "minari", "poles/broken-v0"), policy)
    assert recorded.outcome(0).steps == 4
    assert read.outcome(0).steps == 3
    np.testing.assert_array_equal(read.episode(0).final_observation, recorded.episode(0).observations[3])


def create(name: str, **changes: Any) -> Any:
    """A data set of two episodes of CartPole, as somebody else may have made it."""
    rng = np.random.default_rng(0)
    choice: dict[str, Any] = {
        "steps": 4,
        "observation_space": Box(-10, 10, (4,)),
        "action_space": Discrete(2),
    } | changes
    steps = choice["steps"]
    buffers = [
        minari.data_collector.EpisodeBuffer(
            observations=changes.get("observations", rng.normal(size=(steps + 1, 4)).astype("f")),
            actions=changes.get("actions", rng.integers(0, 2, steps)),
            rewards=changes.get("rewards", np.ones(steps)),
            terminations=np.arange(steps) == steps - 1,
            truncations=np.zeros(steps, bool),
            infos=changes.get("infos"),
        )
        for _ in range(2)
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return minari.create_dataset_from_buffers(
            name,
            buffers,
            observation_space=Box(-10, 10, (4,)),
            action_space=changes.get("action_space", Discrete(2)),
        )


def test_a_data_set_of_somebody_else(stores: Path, cartpole: Any) -> None:
    create("poles/other-v0")
    read = rltools.import_data("minari:poles/other-v0", cartpole, bounds="any")
    assert [outcome.ended for outcome in read.outcomes()] == ["terminated", "terminated"]
    assert [outcome.seed for outcome in read.outcomes()] == [-1, -1]
    assert [outcome.total_reward for outcome in read.outcomes()] == [4.0, 4.0]
    assert read.header.environment == ""


def refused(source: str, policy: Any, kind: Any = DataError, **options: Any) -> str:
    with pytest.raises(kind) as raised:
        rltools.import_data(source, policy, **options)
    message = str(raised.value)
    assert "\n" not in message
    return message


def test_spaces_that_do_not_fit(stores: Path, cartpole: Any, make_policy: Any) -> None:
    create("poles/other-v0")
    message = refused("minari:poles/other-v0", make_policy("Acrobot-v1"), MismatchError)
    assert "tiny observes shape [6] and minari:poles/other-v0 gives shape [4]; choose the data set of the" in message
    message = refused("minari:poles/other-v0", cartpole, MismatchError)
    assert "minari:poles/other-v0 gives" in message
    assert "bounds='any'" in message
    create("poles/three-v0", action_space=Discrete(3))
    message = refused("minari:poles/three-v0", cartpole, MismatchError, bounds="any")
    assert "chooses among 2 actions and minari:poles/three-v0 takes 3 actions" in message
    assert "choose the data set of the environment that it was trained in" in message


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"observations": np.full((5, 4), np.nan, "f")}, "observation 'cart position' is nan after 0 steps"),
        ({"rewards": np.array([1, 1, np.inf, 1])}, "the reward of step 2 is inf"),
        ({"actions": np.array([0, 1, 7, 1])}, "the action of step 2 is 7, and tiny chooses among [2] values"),
        ({"observations": np.zeros((9, 4), "f")}, "has 9 observations and 4 rewards"),
        ({"observations": np.zeros((5, 3), "f")}, "has shape [3], and the policy takes [4]"),
        ({"observations": ["a"] * 5}, "numbers are needed"),
    ],
    ids=["nan", "reward", "action", "length", "shape", "text"],
)
def test_an_episode_that_cannot_be_explained(
    stores: Path, cartpole: Any, changes: dict[str, Any], message: str
) -> None:
    create("poles/faulty-v0", **changes)
    assert message in refused("minari:poles/faulty-v0", cartpole, bounds="any", directory=stores / "data")
    assert rltools.open_recording(stores / "data").numbers == ()


def edit(name: str, **changes: Any) -> None:
    """Change the metadata of a data set; None removes a key."""
    path = minari.storage.get_dataset_path(name) / "data" / "metadata.json"
    content = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({key: value for key, value in content.items() if value is not None}))


def test_metadata_that_cannot_be_trusted(recording: Recording, stores: Path, cartpole: Any) -> None:
    source = rltools.export(recording, "minari", "poles/tiny-v0")
    name = source.removeprefix("minari:")
    assert "did you mean poles/tiny-v0" in refused("minari:poles/tinny-v0", cartpole)
    edit(name, minari_version="9.9.9")
    assert "was written by Minari 9.9.9, and the installed Minari" in refused(source, cartpole)
    edit(name, minari_version=minari.__version__, total_episodes=0)
    assert "has no episodes, so there is nothing to explain" in refused(source, cartpole)
    edit(name, total_episodes=5)
    assert "main_data.hdf5 has no episode_2, which its metadata count" in refused(source, cartpole)
    spec = json.dumps({"id": "Evil-v0", "entry_point": "evil:Evil", "kwargs": {}})
    (stores / "evil.py").write_text("raise SystemExit('it was imported')")
    edit(name, total_episodes=2, env_spec=spec)
    assert rltools.import_data(source, cartpole).header.environment == ""  # and evil.py was not imported
    edit(name, observation_space=None)
    assert "does not describe its spaces, and its environment is not made" in refused(source, cartpole)
    (minari.storage.get_dataset_path(name) / "data" / "metadata.json").write_text("{")
    assert "cannot be read (JSONDecodeError" in refused(source, cartpole)


def test_files_of_hdf5_that_lead_elsewhere(recording: Recording, stores: Path, cartpole: Any) -> None:
    source = rltools.export(recording, "minari", "poles/tiny-v0")
    path = minari.storage.get_dataset_path("poles/tiny-v0") / "data" / "main_data.hdf5"
    with h5py.File(stores / "secret.hdf5", "w") as file:
        file["rewards"] = np.ones(12)
    original = path.read_bytes()

    def with_entry(make: Any) -> str:
        path.write_bytes(original)
        with h5py.File(path, "a") as file:
            make(file["episode_0"])
        return refused(source, cartpole)

    def replaced(group: Any, link: Any) -> None:
        del group["rewards"]
        group["rewards"] = link

    outside = h5py.ExternalLink(str(stores / "secret.hdf5"), "rewards")
    assert "rewards is a link to elsewhere" in with_entry(lambda group: replaced(group, outside))
    opaque = np.array([b"pickled"], dtype=np.void)
    assert "and only numbers and texts are read" in with_entry(lambda group: group.create_dataset("x", data=opaque))
    external = [(str(stores / "secret.hdf5"), 0, 80)]
    made = with_entry(lambda group: group.create_dataset("x", (10,), "f8", external=external))
    assert "x is kept in another file" in made
    huge = with_entry(lambda group: group.create_dataset("x", (1 << 40,), "f8", chunks=(1 << 10,)))
    assert "declares 1,099,511,627,776 elements" in huge
    path.write_bytes(original[: len(original) // 2])
    assert "cannot be read (OSError" in refused(source, cartpole)


def test_a_policy_that_needs_masks(stores: Path, recording: Recording) -> None:
    policy = rltools.load_policy("taxi-masked-ppo")
    recorded = rltools.record(policy, episodes=1, max_steps=5)
    source = rltools.export(recorded, "minari", "taxi/masked-v0")
    read = rltools.import_data(source, policy)
    np.testing.assert_array_equal(read.episode(0).masks, recorded.episode(0).masks)
    path = minari.storage.get_dataset_path("taxi/masked-v0") / "data" / "main_data.hdf5"
    with h5py.File(path, "a") as file:
        del file["episode_0"]["infos"]["action_mask"]
    assert "does not say which these were (infos['action_mask'])" in refused(source, policy)
