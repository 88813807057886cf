"""A recording of each format that was ever written stays readable for ever (row 39 of the table of faults).

The folders were written once, by the lines in `README.md`; neither they nor what is expected of them here ever change.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

import rltools
from rltools.recording import advantages
from rltools.recording.specs import folder_key

FORMAT_1, *NESTED, FORMAT_4 = (Path(__file__).parent / f"format_{number}" for number in (1, 2, 3, 4))


@pytest.fixture
def recording(tmp_path: Path) -> rltools.Recording:
    return rltools.open_recording(shutil.copytree(FORMAT_1, tmp_path / "run"))


def test_the_header(recording: rltools.Recording) -> None:
    header = recording.header
    assert header.policy == "golden"
    assert header.policy_sha256 == "0" * 64
    assert header.environment_id == "CartPole-v1"
    assert header.features.names == ("place", "speed", "angle", "Ω")
    assert header.features.units == ("m", "m/s", "rad", "rad/s")
    assert header.features.shape == (4,)
    assert header.action_names == ("left", "right")
    assert (header.action_start, header.score, header.seed) == (0, "logit", 7)
    assert (header.deterministic, header.max_steps) == (True, 6)
    assert header.notes == ("a caveat",)
    assert header.versions["rltools"] == "0.1.0"


def test_the_episodes(recording: rltools.Recording) -> None:
    assert recording.numbers == (0, 1)
    assert recording.damaged() == {}
    first, second = recording
    assert vars(first.outcome) == {
        "number": 0,
        "seed": 7,
        "steps": 6,
        "total_reward": 6.0,
        "ended": "limit",
        "fault": "",
        "out_of_space": 0,
    }
    assert second.outcome.seed == 8
    assert first.observations.dtype == np.float32
    assert first.observations[0].tolist() == pytest.approx([0.0125095, 0.0397214, 0.0275686, -0.0274793], abs=1e-6)
    assert first.actions.dtype == np.int64
    assert first.actions.tolist() == [0, 0, 0, 0, 0, 0]
    assert first.rewards.tolist() == [1.0] * 6
    assert first.scores.shape == (6, 2)
    assert first.scores[-1].tolist() == pytest.approx([4.3366256, -0.4252699])
    assert not first.terminated.any()
    assert first.final_observation is not None
    assert first.final_observation.shape == (4,)


def test_the_attributions(recording: rltools.Recording) -> None:
    result = recording.attribution("gradient")
    assert result.labels == ("logit:left", "logit:right")
    assert result.unit == "score per unit"
    assert result.values.shape == (12, 2, 4)
    assert result.values[0].tolist() == [[1.0, 2.0, 3.0, 4.0], [-1.0, 0.5, 0.25, 0.0]]
    complete = recording.attribution("integrated_gradients")
    assert complete.references is not None
    assert complete.references.shape == (8, 4)
    assert complete.residual is not None
    assert np.abs(complete.residual).max() < 1e-5


@pytest.mark.parametrize("folder", [FORMAT_1, *NESTED], ids=lambda path: path.name)
def test_the_keys_of_the_folders(folder: Path) -> None:
    """Explaining an older recording again continues in its folders, whatever spelling they are named in."""
    recording = rltools.open_recording(folder)
    assert recording.specs
    for key, spec in recording.specs.items():
        assert folder_key(recording.directory, spec) == key == spec.older_key


def test_the_frames(recording: rltools.Recording) -> None:
    assert recording.frames(0) is None
    frames = recording.frames(1)
    assert frames is not None
    assert len(frames) == 6
    assert frames[0][:4] == b"RIFF"


def test_as_labeled_arrays(recording: rltools.Recording) -> None:
    labeled = recording.to_xarray()
    assert labeled.sizes["step"] == 12
    assert set(labeled["target"].values) == {"logit:left", "logit:right", "centered:chosen"}


@pytest.fixture(params=NESTED, ids=lambda path: path.name)
def nested(request: pytest.FixtureRequest, tmp_path: Path) -> rltools.Recording:
    return rltools.open_recording(shutil.copytree(request.param, tmp_path / "run"))


def test_a_dict(nested: rltools.Recording) -> None:
    assert nested.header.branches == (3, 2)
    assert nested.header.action_names == ("action[0]=5", "action[0]=6", "action[0]=7", "action[1]=0", "action[1]=1")
    assert nested.header.environment_id == ""
    assert [(leaf.name, leaf.kind) for leaf in nested.features.leaves] == [
        ("cell", "choice"),
        ("note", "text"),
        ("place", "number"),
    ]
    assert nested.damaged() == {}
    first, second = nested
    assert second.outcome.ended == "limit"
    assert first.observations["note"].tolist() == ["t = 0", "t = 1", "t = 2"]
    assert first.observations["cell"].tolist() == [1, 2, 3]
    assert first.states[2].tolist() == [0, 0, 1, 0, 2, -1]
    assert first.final_observation["note"] == "t = 3"
    assert first.masks is not None
    assert first.masks[:, 1].tolist() == [True, False, True]
    assert first.actions.tolist() == [[5, 0], [5, 1], [7, 1]]
    frames = nested.frames(1)
    assert frames is not None
    assert len(frames) == 3


def test_the_attributions_of_a_dict(nested: rltools.Recording) -> None:
    result = nested.attribution("gradient")
    assert result.labels == nested.spec(nested.find("gradient")).labels
    assert result.values.shape == (6, 5, 6)
    assert result.values[0, 4].tolist() == [0, 0, 0, 0, 5, 0]
    exact = nested.attribution("shapley")
    assert exact.references is not None
    assert exact.references.shape == (3, 6)
    assert exact.residual is not None
    assert np.nanmax(np.abs(exact.residual)) < 1e-5


def test_format_3_is_sealed(tmp_path: Path) -> None:
    recording = rltools.open_recording(shutil.copytree(NESTED[-1], tmp_path / "run"))
    assert recording.seal == "9f160682"
    assert recording.identity(1) == {"recording": recording.seal, "number": "000001", "episode_rows": "38b4cfbe"}


def test_format_4_has_values(tmp_path: Path) -> None:
    recording = rltools.open_recording(shutil.copytree(FORMAT_4, tmp_path / "run"))
    assert recording.damaged() == {}
    assert (recording.seal, recording.identity(1)["episode_rows"]) == ("b0ac8bec", "824fa297")
    header = recording.header
    assert (header.value_head, header.gamma, header.gae_lambda) == ("value", 0.9, 0.5)
    assert (header.reward_scale, header.reward_clip) == (4.0, 10.0)
    assert {key: spec.key for key, spec in recording.specs.items()} == {key: key for key in recording.specs}
    episode = recording.episode(0)
    assert episode.values is not None
    assert episode.values.dtype == np.float32
    expected = [1.0125096, 1.013304, 1.0101882, 1.0031626, 0.99222577, 0.9773751, 0.9586071]
    assert episode.values.tolist() == pytest.approx(expected)
    estimated = advantages(recording, 0)
    assert estimated is not None
    assert estimated.values[-1] == pytest.approx(1 / 4 + 0.9 * expected[-1] - expected[-2])
    assert recording.to_xarray()["value"].shape == (12,)


@pytest.mark.parametrize("folder", [FORMAT_1, *NESTED], ids=lambda path: path.name)
def test_older_formats_have_no_values(folder: Path) -> None:
    recording = rltools.open_recording(folder)
    assert [episode.values for episode in recording] == [None, None]
    assert advantages(recording, 0) is None
    assert (recording.header.value_head, recording.header.gamma, recording.header.reward_scale) == ("", None, None)
    assert "value" not in recording.to_xarray()
