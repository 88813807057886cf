"""A recording knows how its agent was loaded, and trusts nothing."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

import rltools
from rltools.cards.content import find_content
from rltools.errors import ArgumentError, CorruptError
from rltools.policies.load_arguments import loaded_from
from rltools.recording.sealed_json import write_json
from rltools.rollout.recorded_agent import load_recorded_agent, recorded_words

NAMES = {"names": ["a", "b", "c", "d"], "units": {"3": "rad/s"}, "action_names": ["left", "right"], "name": "poles"}


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model in the working directory."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(find_content("agents", "cartpole-ppo") / "model.zip", "mine.zip")
    return Path("mine.zip")


def recorded(source: Any, env: Any = None, **loading: Any) -> rltools.Recording:
    policy = rltools.load_policy(source, env, **loading)
    return rltools.record(policy, episodes=1, max_steps=3, directory="runs/r")


def changed(**agent: Any) -> rltools.Recording:
    """The recording, whose header says this of its agent, as if it had been written so."""
    content = json.loads(Path("runs/r/recording.json").read_text(encoding="utf-8"))
    for key in ("seal", "format"):
        content.pop(key)
    write_json(Path("runs/r/recording.json"), content | {"agent": agent})
    return rltools.open_recording("runs/r")


def test_an_agent_is_loaded_as_it_was(model: Path) -> None:
    recording = recorded("mine", "CartPole-v1", normalize=False, **NAMES)
    again = load_recorded_agent(rltools.open_recording("runs/r"))
    assert again.features.names == recording.features.names == ("a", "b", "c", "d")
    assert (again.features.units[3], again.action_names) == ("rad/s", ("left", "right"))
    assert again.source.name == "poles"
    rltools.explain(recording, again, method="gradient")


def test_other_arguments_replace_those_that_were_recorded(model: Path) -> None:
    recorded("mine.zip", "CartPole-v1", names=["a", "b", "c", "d"])
    again = load_recorded_agent(rltools.open_recording("runs/r"), names=["x", "y", "z", "w"])
    assert again.features.names == ("x", "y", "z", "w")


def test_a_model_is_also_looked_for_from_the_folder_of_the_recording(model: Path) -> None:
    recording = recorded("mine", "CartPole-v1")
    shutil.move(model, "runs/r/mine.zip")
    assert load_recorded_agent(recording).source.sha256 == recording.header.policy_sha256


def test_another_model_in_its_place_is_not_taken(model: Path) -> None:
    recording = recorded("mine.zip", "CartPole-v1", names=["a", "b", "c, d", "e"])
    shutil.copy(find_content("agents", "lunarlander-ppo") / "model.zip", model)
    with pytest.raises(ArgumentError, match=r"loaded from 'mine\.zip' and is not there as it was"):
        load_recorded_agent(recording)
    model.unlink()
    with pytest.raises(ArgumentError, match=r"there is nothing at mine\.zip"):
        load_recorded_agent(recording)
    words = recorded_words(recording.header)
    assert words == ["path/to/mine.zip", "--env", "CartPole-v1", "--names", '["a", "b", "c, d", "e"]']


def test_nothing_is_trusted_on_a_recordings_word(model: Path) -> None:
    recorded("mine.zip", "CartPole-v1")
    trusting = changed(source="mine.zip", trusted=True)
    with pytest.raises(ArgumentError, match=r"a recording cannot trust a file: give trust= again"):
        load_recorded_agent(trusting)
    assert recorded_words(trusting.header)[-2:] == ["--trust", "SHA256"]
    assert "trusted" not in loaded_from("mine.zip", "", {"trust": None})
    assert loaded_from("mine.zip", "", {"trust": ["0" * 64]})["trusted"] is True


def test_what_only_a_script_can_give_is_said(model: Path) -> None:
    assert loaded_from("m.zip", "", {"normalize": object()}) == {"source": "m.zip", "live": ["normalize"]}
    assert loaded_from(object(), "", {}) == {}
    recorded("mine.zip", "CartPole-v1")
    with pytest.raises(ArgumentError, match=r"a live object as normalize="):
        load_recorded_agent(changed(source="mine.zip", live=["normalize"]))


def test_recordings_without_it_are_read_and_agents_with_cards_are_known(model: Path) -> None:
    recorded("cartpole-ppo")
    content = json.loads(Path("runs/r/recording.json").read_text(encoding="utf-8"))
    assert content["agent"] == {"source": "cartpole-ppo"}
    for key in ("seal", "format", "agent"):
        content.pop(key)
    write_json(Path("runs/r/recording.json"), content)
    older = rltools.open_recording("runs/r")
    assert older.header.agent == {}
    assert load_recorded_agent(older).source.name == "cartpole-ppo"
    write_json(Path("runs/r/recording.json"), content | {"policy": "somebody's"})
    with pytest.raises(ArgumentError, match="does not say what that was loaded from"):
        load_recorded_agent(rltools.open_recording("runs/r"))


@pytest.mark.parametrize(
    "agent",
    [
        {"source": 3},
        {},
        {"source": "x", "code": "y"},
        {"source": "x", "live": "normalize"},
        {"source": "x", "trusted": 1},
    ],
)
def test_a_header_that_says_it_otherwise_is_refused(model: Path, agent: dict[str, Any]) -> None:
    recorded("cartpole-ppo")
    with pytest.raises(CorruptError, match="agent"):
        changed(**agent)


def test_how_it_was_loaded_is_no_setting_of_a_recording(model: Path) -> None:
    recording = recorded("mine.zip", "CartPole-v1", names=["a", "b", "c", "d"])
    again = rltools.load_policy(model.absolute(), "CartPole-v1", names=["a", "b", "c", "d"])
    assert len(rltools.record(again, episodes=2, max_steps=3, directory="runs/r")) == 2
    assert rltools.open_recording("runs/r").header.agent == recording.header.agent
