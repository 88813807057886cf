"""The page on environments, run as it stands: its Python in one script, its cards in their folders."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

import gymnasium
import pytest

import rltools
from rltools.cards import read_agent_card
from rltools.envs import import_modules
from rltools.policies.env_info import inspect_env
from rltools.testing import check_card

PAGE = Path(__file__).parents[2] / "docs" / "environments.md"
DAMPED = """

class Damped(gymnasium.ObservationWrapper):
    def __init__(self, env, factor):
        super().__init__(env)
        self.factor = factor

    def observation(self, observation):
        return observation * np.float32(self.factor)
"""


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A working directory with the page's environment as a module, and what was registered before."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "boat.py").write_text(blocks("python")[0] + DAMPED)
    import_modules(["boat"])
    yield tmp_path
    del sys.modules["boat"], gymnasium.registry["Boat-v0"]


def test_the_python_of_the_page_runs(project):
    names = {}
    for block in blocks("python")[1:]:  # each goes on where the one before it ended
        exec(block, names)
    assert names["policy"].source.name == "skipper"
    assert inspect_env("Boat-v0").action_origin == "the environment's action_names"


def test_the_card_of_the_environment_is_true(project):
    (project / "envs").mkdir()
    (project / "envs" / "boat.yaml").write_text(blocks("yaml")[0])
    check_card("boat")
    info = inspect_env("Boat-v0")
    assert info.features.label(0) == "way to the buoy (m)"
    assert set(info.features.origins) == {"the card envs/boat.yaml"}
    assert info.features.named_groups == (("motion", ("way to the buoy", "speed")),)


def test_the_card_of_the_agent_is_loaded(project):
    from stable_baselines3 import PPO

    folder = project / "agents" / "skipper"
    folder.mkdir(parents=True)
    (folder / "agent.yaml").write_text(blocks("yaml")[1])
    env = gymnasium.make("Boat-v0")
    PPO("MlpPolicy", env, n_steps=64, policy_kwargs={"net_arch": [4]}, device="cpu").save(folder / "model.zip")
    assert read_agent_card(folder).name == "skipper"
    policy = rltools.load_policy("skipper")
    assert policy.features.names == ("way to the buoy", "speed", "wind")
    observations = rltools.record(policy, episodes=1, max_steps=3).episode(0).observations
    way = observations[0, 0] / 0.5 * 2.0 + 2.5  # damped, and normalized by the card's statistics
    assert 1 < way < 8
    shutil.rmtree(folder)
