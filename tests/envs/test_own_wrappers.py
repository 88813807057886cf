"""Wrappers of a module that the user named, in cards, experiments and specifications."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import gymnasium
import pytest

import rltools
from rltools.cards import read_agent_card
from rltools.cards.content import find_content
from rltools.envs import _named_modules as named_modules
from rltools.envs import (
    environment_spec,
    import_modules,
    make_environment,
    spec_from_json,
    spec_to_json,
    with_arguments,
    wrapped_spec,
)
from rltools.errors import SimulationError
from rltools.policies.env_info import inspect_env
from rltools.rollout.render import add_frames

MODULE = '''
import gymnasium
import numpy as np
from gymnasium.wrappers import RecordVideo


class Scale(gymnasium.ObservationWrapper, gymnasium.utils.RecordConstructorArgs):
    """Scales what is observed, and says what it is called then."""

    feature_names = ["place", "pace", "tilt", "spin"]
    action_names = ["west", "east"]

    def __init__(self, env, factor):
        gymnasium.utils.RecordConstructorArgs.__init__(self, factor=factor)
        super().__init__(env)
        self.factor = factor

    def observation(self, observation):
        return (observation * self.factor).astype(np.float32)


class Plain(gymnasium.Wrapper):
    """Changes nothing."""


def function(env):
    raise RuntimeError("called")


number = 3


def __getattr__(name):
    raise RuntimeError("asked for " + name)
'''


@pytest.fixture
def module(tmp_path, monkeypatch):
    """The name of a module of the user's, which is imported and named."""
    (tmp_path / "own_wrappers_of_tests.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(named_modules, "_named_modules", set())
    monkeypatch.delitem(sys.modules, "own_wrappers_of_tests", raising=False)
    import_modules(["own_wrappers_of_tests"])
    yield "own_wrappers_of_tests"
    del sys.modules["own_wrappers_of_tests"]


def scaled(module):
    return wrapped_spec(with_arguments("CartPole-v1", {}), [(f"{module}:Scale", {"factor": 10.0})])


def test_it_is_made_with_its_arguments_and_names(module):
    env = make_environment(scaled(module))
    assert env.get_wrapper_attr("factor") == 10
    info = inspect_env(scaled(module))
    assert info.features.names == ("place", "pace", "tilt", "spin")
    assert info.features.origins[0] == "the wrapper Scale's feature_names"
    assert (info.action_names, info.action_origin) == (("west", "east"), "the wrapper Scale's action_names")


def test_its_specification_goes_through_a_file(module):
    text = spec_to_json(scaled(module))
    assert spec_from_json(text).additional_wrappers == scaled(module).additional_wrappers


def test_a_specification_may_name_it_once_the_user_has(module):
    text = spec_to_json(scaled(module))
    named_modules._named_modules.clear()
    with pytest.raises(SimulationError, match="if you trust the module 'own_wrappers_of_tests', name it yourself"):
        spec_from_json(text)
    assert spec_from_json(text.replace('"CartPole-v1"', f'"{module}:CartPole-v1"', 1), allowed_modules=[module])


def test_an_agent_is_recorded_and_rendered_in_it(module, tmp_path):
    folder = tmp_path / "agents" / "scaled"
    shutil.copytree(find_content("agents", "cartpole-ppo"), folder)
    card = folder / "agent.yaml"
    wrapper = f"wrappers: [{{name: '{module}:Scale', kwargs: {{factor: 1.0}}}}]"
    card.write_text(
        card.read_text().replace("id: CartPole-v1", f"id: CartPole-v1\n  {wrapper}").replace("cartpole-ppo", "scaled")
    )
    assert read_agent_card(folder).environment.wrappers[0].name == f"{module}:Scale"
    policy = rltools.load_policy("scaled")
    assert policy.features.names[0] == "place"
    recording = rltools.record(policy, episodes=1, max_steps=3, directory=tmp_path / "run")
    add_frames(recording, [0], None, [module])
    assert (tmp_path / "run" / "frames").is_dir()
    assert "used without" in " ".join(rltools.load_policy("scaled", "CartPole-v1").source.notes)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("{}:Missing", "Missing is not there"),
        ("{}:function", "function is a function, not a gymnasium.Wrapper"),
        ("{}:number", "number is a int"),
        ("{}:RecordVideo", "RecordVideo is defined in gymnasium.wrappers.rendering, which you did not name"),
        ("{}:gymnasium", "gymnasium is a module"),
        ("{}.Scale:factor", "name it yourself|cannot be used"),
        ("{}:Scale.observation", "names no wrapper"),
        ("{}:", "names no wrapper"),
        (":Scale", "names no wrapper"),
        ("os:system", "if you trust the module 'os', name it yourself: --import os"),
        ("gymnasium.wrappers:RecordVideo", "not made just because a file names it; give a function"),
        ("stable_baselines3.common.monitor:Monitor", "not made just because a file names it; give a function"),
    ],
)
def test_nothing_else_can_be_named(module, name, message):
    with pytest.raises(SimulationError, match=message):
        wrapped_spec(environment_spec("CartPole-v1"), [(name.format(module), {})])


def test_a_module_inside_a_named_package_counts():
    assert named_modules.is_named("a.b") is False
    assert named_modules.is_named("os.path") is False


def test_wrappers_of_a_live_environment_need_no_name(module):
    env = vars(sys.modules[module])["Scale"](gymnasium.make("CartPole-v1"), factor=2.0)
    named_modules._named_modules.clear()
    assert make_environment(env).get_wrapper_attr("factor") == 2
    assert Path(sys.modules[module].__file__).name == "own_wrappers_of_tests.py"
