"""An experiment file says of an agent what `load_policy` takes, and its recordings say it again."""

from __future__ import annotations

import inspect
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from rltools.cards.content import find_content
from rltools.errors import ConfigError
from rltools.experiments import open_experiment, read_experiment, run_experiment
from rltools.experiments._agent_loading import AgentLoading
from rltools.policies.load import load_policy
from rltools.recording import open_recording
from rltools.rollout.recorded_agent import load_recorded_agent

BESIDE = {"source", "env", "dtype", "device", "bounds", "name"}
"""What an experiment says elsewhere, or not at all."""


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model in the working directory."""
    monkeypatch.chdir(tmp_path)
    Path("models").mkdir()
    return Path(shutil.copy(find_content("agents", "cartpole-ppo") / "model.zip", "models/mine.zip"))


def written(agents: Any) -> Path:
    plan = {"description": "?", "agents": agents, "methods": ["gradient"], "episodes": 1, "max_steps": 3}
    path = Path("plan.yaml")
    path.write_text(json.dumps(plan | {"reports": False, "environment": "CartPole-v1"}), encoding="utf-8")
    return path


def test_the_keys_are_the_arguments_of_load_policy() -> None:
    assert set(AgentLoading.model_fields) == set(inspect.signature(load_policy).parameters) - BESIDE


def test_agents_are_loaded_so_and_recordings_have_the_same_bytes_in_another_folder(model: Path) -> None:
    names = {"0": "x", "pole angle": "tilt"}
    agents = [{"name": "mine", "model": "models/mine.zip", "normalize": False, "names": names}, "cartpole-ppo"]
    run_experiment(written(agents), directory="out")
    recording = open_recording("out/mine-seed-0")
    assert recording.features.names == ("x", "cart velocity", "tilt", "pole angular velocity")
    assert recording.header.agent == {
        "source": "../../models/mine.zip",
        "environment": "CartPole-v1",
        "loading": {"normalize": False, "names": names},
    }
    assert load_recorded_agent(recording).features.names[2] == "tilt"
    (run, _) = open_experiment("out").runs
    assert run.loading == {"normalize": False, "names": names}
    assert open_recording("out/cartpole-ppo-seed-0").features.names[2] == "pole angle"


@pytest.mark.parametrize(
    ("keys", "fault"),
    [
        ({"names": "x"}, "names"),
        ({"names": [1]}, "names"),
        ({"units": {"0": 3}}, "units"),
        ({"head": "best"}, "head"),
        ({"trust": ["abc"]}, "64 hexadecimal digits"),
        ({"strides": [0]}, "strides"),
        ({"normalize": True}, "normalize"),
        ({"activatoin": "tanh"}, "did you mean 'activation'"),
    ],
)
def test_what_load_policy_would_not_take_is_a_fault_of_the_file(model: Path, keys: dict[str, Any], fault: str) -> None:
    with pytest.raises(ConfigError, match=fault):
        read_experiment(written([{"model": "models/mine.zip", **keys}]))


def test_models_of_a_hub_need_no_path(model: Path) -> None:
    assert read_experiment(written(["hf:sb3/ppo-CartPole-v1"])).agents[0].model == "hf:sb3/ppo-CartPole-v1"
