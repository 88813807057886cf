import dataclasses
import importlib
import json
import subprocess
import sys
import types

import gymnasium
import pytest
from sb3_contrib.common.wrappers import TimeFeatureWrapper
from stable_baselines3.common.atari_wrappers import AtariWrapper, WarpFrame
from stable_baselines3.common.monitor import Monitor

from rltools.envs import (
    canonical_spec_json,
    current_id,
    environment_spec,
    import_modules,
    make_environment,
    registered_ids,
    spec_from_json,
    spec_to_json,
    wrapped_spec,
    wrapper_names,
)
from rltools.envs._ids import RENAMED
from rltools.envs.names.wrappers import wrapper_libraries
from rltools.errors import ArgumentError, SimulationError


class Tiny(gymnasium.Env):
    observation_space = gymnasium.spaces.Box(0, 1, (1,))
    action_space = gymnasium.spaces.Discrete(2)


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A folder with a module that leaves a trace when it is imported."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "traced_module.py").write_text(
        "import pathlib, gymnasium\n"
        "pathlib.Path('trace').touch()\n"
        "gymnasium.register('Traced-v0', 'gymnasium.envs.classic_control:CartPoleEnv')\n"
    )
    yield tmp_path
    sys.modules.pop("traced_module", None)
    gymnasium.registry.pop("Traced-v0", None)


def written(**changes):
    return json.dumps(json.loads(gymnasium.spec("CartPole-v1").to_json()) | changes)


def test_a_spec_is_known_of_an_id_a_spec_and_an_environment_but_not_of_a_function():
    new_env = gymnasium.make("CartPole-v1", render_mode="rgb_array")
    for env in ("CartPole-v1", gymnasium.spec("CartPole-v1"), new_env):
        spec = environment_spec(env)
        assert (spec.id, spec.max_episode_steps, spec.kwargs) == ("CartPole-v1", 500, {})
    assert environment_spec(Tiny) is None
    assert environment_spec(Tiny()) is None
    assert new_env.spec.kwargs["render_mode"] == "rgb_array"


@pytest.mark.parametrize(
    ("old", "today", "kwargs"),
    [
        ("LunarLander-v2", "LunarLander-v3", {}),
        ("LunarLanderContinuous-v2", "LunarLander-v3", {"continuous": True}),
        ("HalfCheetah-v3", "HalfCheetah-v5", {}),
        ("Pendulum-v0", "Pendulum-v1", {}),
        ("CartPole-v0", "CartPole-v0", {}),
        ("HalfCheetah-v4", "HalfCheetah-v4", {}),
    ],
)
def test_a_renamed_environment_is_known_under_both_names(old, today, kwargs):
    assert current_id(old) == (today, kwargs)
    spec = environment_spec(old)
    assert (spec.id, spec.kwargs) == (today, kwargs)


@pytest.mark.parametrize("today", [today for today, _ in RENAMED.values()])
def test_a_renamed_environment_exists_today(today):
    assert today in gymnasium.registry


def test_changing_a_spec_leaves_the_registry_as_it_was():
    environment_spec("CartPole-v1").kwargs["sutton_barto_reward"] = True
    assert gymnasium.spec("CartPole-v1").kwargs == {}


@pytest.mark.parametrize("env", ["CartPole-v1", "CartPole-v0", "LunarLanderContinuous-v2", "Acrobot-v1"])
def test_an_environment_is_made_without_a_warning(env):
    new_env = make_environment(env)
    observation, _ = new_env.reset(seed=0)
    assert new_env.observation_space.contains(observation)
    new_env.close()


def test_the_step_limit_and_the_arguments_of_a_spec_are_kept():
    spec = environment_spec("LunarLander-v2")
    spec.kwargs["gravity"], spec.max_episode_steps = -5.0, 7
    new_env = make_environment(spec)
    assert (new_env.unwrapped.gravity, new_env.spec.max_episode_steps) == (-5.0, 7)


def test_another_environment_is_made_like_the_one_given():
    source = gymnasium.wrappers.FrameStackObservation(gymnasium.make("CartPole-v1"), 3)
    new_env = make_environment(source)
    assert new_env.unwrapped is not source.unwrapped
    assert new_env.observation_space == source.observation_space


def test_frames_are_drawn_when_asked_for():
    new_env = make_environment("CartPole-v1", render_mode="rgb_array")
    new_env.reset(seed=0)
    assert new_env.render().shape[2] == 3
    assert make_environment("CartPole-v1").render_mode is None


def test_a_function_makes_an_environment():
    assert isinstance(make_environment(Tiny), Tiny)
    assert make_environment(lambda: gymnasium.make("CartPole-v1", render_mode="rgb_array"), render_mode="rgb_array")
    with pytest.raises(SimulationError, match=r"made with render_mode='rgb_array'.*made one with render_mode=None"):
        make_environment(Tiny, render_mode="rgb_array")


@pytest.mark.parametrize(
    ("env", "message"),
    [
        ("CartPoel-v1", "no environment 'CartPoel-v1' is registered; did you mean 'CartPole-v1'"),
        ("Somebody/Game-v0", "import that package first"),
        ("CartPole", "did you mean 'CartPole-v1'"),
        ("not_imported_module:Env-v0", "import it first, or name it on the command line: --import not_imported_module"),
        (lambda: 1 / 0, "ZeroDivisionError: division by zero"),
        (list, "made list; it must return a gymnasium.Env"),
        (Tiny(), "no specification"),
    ],
)
def test_what_cannot_be_made_is_said(env, message):
    with pytest.raises(SimulationError) as refusal:
        make_environment(env)
    assert message in str(refusal.value)
    assert "not_imported_module" not in sys.modules


def test_an_argument_the_environment_does_not_have_is_said():
    spec = environment_spec("CartPole-v1")
    spec.kwargs["grvity"] = 1
    with pytest.raises(SimulationError, match=r"CartPole-v1 cannot be made: .*grvity"):
        make_environment(spec)


def test_a_missing_library_is_said_with_the_command_that_installs_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "gymnasium.envs.box2d.lunar_lander", None)
    with pytest.raises(SimulationError, match=r'pip install "gymnasium\[box2d\]"'):
        make_environment("LunarLander-v3")


def test_something_else_than_an_environment_is_refused():
    with pytest.raises(ArgumentError, match=r"an environment is an id, .* not 3"):
        make_environment(3)


def test_a_spec_that_was_written_is_read_back():
    new_env = gymnasium.make("LunarLanderContinuous-v3", gravity=-5.0, max_episode_steps=9, render_mode="rgb_array")
    new_env = gymnasium.wrappers.ClipReward(new_env, min_reward=-1.0)
    spec = spec_from_json(new_env.spec.to_json())
    assert (spec.id, spec.max_episode_steps) == ("LunarLanderContinuous-v3", 9)
    assert spec.kwargs == {"continuous": True, "gravity": -5.0}
    assert [wrapper.name for wrapper in spec.additional_wrappers] == ["ClipReward"]
    assert make_environment(spec).unwrapped.gravity == -5.0
    unlimited = gymnasium.make("CartPole-v1", max_episode_steps=-1).spec.to_json()
    assert spec_from_json(unlimited).max_episode_steps is None


def test_the_zoos_time_feature_may_be_named_by_a_file():
    entry_point = "sb3_contrib.common.wrappers.time_feature:TimeFeatureWrapper"
    wrapper = {"name": "TimeFeatureWrapper", "entry_point": entry_point, "kwargs": {"max_steps": 500}}
    spec = spec_from_json(written(additional_wrappers=[wrapper]))
    assert make_environment(spec).observation_space.shape == (5,)


def test_an_old_id_in_a_file_is_read_as_todays():
    spec = spec_from_json(written(id="LunarLanderContinuous-v2"))
    assert (spec.id, spec.kwargs) == ("LunarLander-v3", {"continuous": True})


def test_the_registrys_entry_point_counts_and_not_the_files(project):
    spec = spec_from_json(written(entry_point="traced_module:Env", vector_entry_point="traced_module:Env"))
    assert spec.entry_point == gymnasium.spec("CartPole-v1").entry_point
    assert spec.vector_entry_point == gymnasium.spec("CartPole-v1").vector_entry_point
    make_environment(spec)
    assert not (project / "trace").exists()


def test_a_module_named_by_a_file_is_imported_only_when_the_user_named_it(project):
    text = written(id="traced_module:Traced-v0")
    for allowed in ((), ("another", "traced")):
        with pytest.raises(SimulationError, match="--import traced_module"):
            spec_from_json(text, allowed_modules=allowed)
        assert not (project / "trace").exists()
    spec = spec_from_json(text, allowed_modules=["traced_module"])
    assert (spec.id, (project / "trace").exists()) == ("Traced-v0", True)
    assert spec_from_json(text).id == "Traced-v0"  # now that it is imported, nothing more would run


def test_a_module_that_is_imported_registers_no_more_for_a_files_word(project):
    with pytest.raises(SimulationError, match="no environment 'Nothing-v0' is registered"):
        spec_from_json(written(id="json:Nothing-v0"))


@pytest.mark.parametrize(
    "entry_point",
    [
        "traced_module:Wrapper",
        "traced_module:ClipReward",
        "gymnasium.wrappers.rendering:RecordVideo",
        "gymnasium.wrappers.array_conversion:ArrayConversion",
        "gymnasium.wrappers.elsewhere:ClipReward",
        "ClipReward",
    ],
)
def test_wrappers_named_by_a_file_are_gymnasiums_own(entry_point, project):
    wrappers = [{"name": "ClipReward", "entry_point": entry_point, "kwargs": {"min_reward": 0}}]
    with pytest.raises(SimulationError, match=r"not made just because a file names it|names no wrapper"):
        spec_from_json(written(additional_wrappers=wrappers))
    assert not (project / "trace").exists()


@pytest.mark.parametrize("name", wrapper_names())
def test_a_wrapper_that_a_file_may_name_exists(name):
    (wrapper,) = wrapped_spec(environment_spec("CartPole-v1"), [(name, {})]).additional_wrappers
    module, _, qualified = wrapper.entry_point.partition(":")
    if module.partition(".")[0] == "minigrid":
        pytest.importorskip("minigrid")
    cls = getattr(importlib.import_module(module), qualified)
    assert issubclass(cls, gymnasium.Wrapper)
    assert cls.__name__ == name
    assert cls.__module__ == module or cls.__module__.startswith("rltools.wrappers.")


def test_wrappers_are_put_on_from_the_inside_outwards():
    spec = wrapped_spec(
        environment_spec("CartPole-v1"),
        [("SelectFeatures", {"keep": ["pole angle", 0]}), ("FrameStackObservation", {"stack_size": 4})],
    )
    new_env = make_environment(spec)
    assert new_env.observation_space.shape == (4, 2)
    again = make_environment(spec_from_json(spec_to_json(new_env.spec)))
    assert again.observation_space == new_env.observation_space
    assert make_environment(new_env).observation_space == new_env.observation_space


@pytest.mark.parametrize("module", ["_select_features", "_select", "anything.at_all"])
def test_recordings_may_name_the_module_that_once_defined_a_wrapper(module):
    selected = wrapped_spec(environment_spec("CartPole-v1"), [("SelectFeatures", {"keep": [0, 2]})])
    text = spec_to_json(selected)
    (wrapper,) = json.loads(text)["additional_wrappers"]
    assert wrapper["entry_point"] == "rltools.wrappers:SelectFeatures"
    older = text.replace("rltools.wrappers:", f"rltools.wrappers.{module}:")
    assert older != text
    assert canonical_spec_json(older) == canonical_spec_json(text)
    spec = spec_from_json(older)
    assert spec_to_json(spec) == spec_to_json(spec_from_json(text))
    live = make_environment(spec)
    assert live.observation_space.shape == (2,)
    assert environment_spec(live).additional_wrappers == spec.additional_wrappers


@pytest.mark.parametrize("entry_point", ["rltools.wrappers._select:Another", "rltools.wrapper:SelectFeatures", "os:_"])
def test_other_entry_points_are_no_wrappers_of_rltools(entry_point):
    text = written(additional_wrappers=[{"name": "x", "entry_point": entry_point, "kwargs": {}}])
    with pytest.raises(SimulationError, match=r"not made just because a file names it|names no wrapper"):
        spec_from_json(text)
    assert canonical_spec_json(text) == text


def test_a_shape_in_a_file_is_a_list():
    spec = wrapped_spec(environment_spec("CartPole-v1"), [("ReshapeObservation", {"shape": [2, 2]})])
    assert make_environment(spec_from_json(spec_to_json(spec))).observation_space.shape == (2, 2)


@pytest.mark.parametrize("name", ["FrameStck", "RecordVideo", "TransformObservation", "os:system", ""])
def test_a_wrapper_that_a_card_may_not_name_is_refused(name):
    with pytest.raises(SimulationError, match=f"wrapper {name!r} (is not made just because|may be named by)"):
        wrapped_spec(environment_spec("CartPole-v1"), [(name, {})])


def test_what_a_file_does_not_say_of_a_wrapper_is_its_defaults():
    source = TimeFeatureWrapper(Monitor(gymnasium.make("CartPole-v1")))
    assert source.spec.additional_wrappers[-1].kwargs is None
    again = spec_from_json(spec_to_json(source.spec))
    assert [(wrapper.name, wrapper.kwargs) for wrapper in again.additional_wrappers] == [("TimeFeatureWrapper", {})]


def test_what_a_live_wrapper_holds_need_not_be_recorded():
    source = TimeFeatureWrapper(Monitor(gymnasium.make("CartPole-v1")), test_mode=True)
    new_env = make_environment(gymnasium.wrappers.FlattenObservation(source))
    assert (new_env.env._test_mode, new_env.env._max_steps) == (True, 500)
    pytest.importorskip("cv2")
    small = WarpFrame(gymnasium.make("CarRacing-v3"), width=20, height=30)
    assert make_environment(small).observation_space.shape == (30, 20, 1)


class Unsaid(gymnasium.ObservationWrapper):
    """Its two arguments are not recorded, and one of them is kept nowhere."""

    def __init__(self, env, entries=2):
        super().__init__(env)
        self.observation_space = gymnasium.spaces.Box(-9, 9, (entries,))


def test_a_second_environment_that_comes_out_different_is_refused(monkeypatch):
    library = wrapper_libraries()["sb3_contrib"]
    entry_points = library.entry_points | {"Unsaid": f"{__name__}:Unsaid"}
    changed = dataclasses.replace(library, entry_points=entry_points)
    monkeypatch.setitem(wrapper_libraries(), __name__.partition(".")[0], changed)
    monkeypatch.setitem(sys.modules, __name__, sys.modules.get(__name__) or types.SimpleNamespace(Unsaid=Unsaid))
    with pytest.raises(SimulationError, match="does not record its arguments"):
        make_environment(Unsaid(gymnasium.make("CartPole-v1"), 3))
    assert make_environment(Unsaid(gymnasium.make("CartPole-v1"))).observation_space.shape == (2,)


def test_the_wrappers_that_atari_wrapper_puts_on_are_put_on_once():
    pytest.importorskip("ale_py")
    pytest.importorskip("cv2")
    source = AtariWrapper(gymnasium.make("ALE/Breakout-v5", frameskip=1), frame_skip=3, terminal_on_life_loss=False)
    parts = ["NoopResetEnv", "MaxAndSkipEnv", "FireResetEnv", "WarpFrame", "ClipRewardEnv"]
    for new_env in (make_environment(source), make_environment(spec_from_json(spec_to_json(source.spec)))):
        assert [wrapper.name for wrapper in new_env.spec.additional_wrappers][-5:] == parts
    skipping = make_environment(source).env.env.env
    assert (type(skipping).__name__, skipping._skip) == ("MaxAndSkipEnv", 3)
    alone = make_environment(wrapped_spec(environment_spec("ALE/Breakout-v5"), [("AtariWrapper", {"frame_skip": 1})]))
    assert type(alone).__name__ == "AtariWrapper"


@pytest.mark.parametrize(
    ("env_id", "package"),
    [("MiniGrid-Empty-5x5-v0", "minigrid"), ("ALE/Pong-v5", "ale_py"), ("PongNoFrameskip-v4", "ale_py")],
)
def test_a_known_package_is_imported_for_its_ids(env_id, package):
    pytest.importorskip(package)
    code = f"""
import sys
from rltools.envs import environment_spec, spec_from_json
assert {package!r} not in sys.modules
text = '{{"id": "{env_id}", "kwargs": {{}}, "max_episode_steps": null, "additional_wrappers": []}}'
assert spec_from_json(text).id == environment_spec({env_id!r}).id == {env_id!r}
assert {package!r} in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_known_package_that_is_missing_is_said(monkeypatch):
    monkeypatch.setitem(sys.modules, "minigrid", None)  # puts back afterwards what was there
    del sys.modules["minigrid"]
    monkeypatch.setattr(gymnasium, "registry", {})
    monkeypatch.setattr(importlib, "import_module", absent)
    for env_id, command in (("MiniGrid-Empty-5x5-v0", "pip install minigrid"), ("BabyAI-X-v0", "pip install minigrid")):
        with pytest.raises(SimulationError, match=command):
            environment_spec(env_id)


def absent(name):
    raise ImportError(f"no {name}")


def test_ids_by_pattern():
    assert registered_ids("CartPole-*") == ("CartPole-v0", "CartPole-v1")
    assert registered_ids("Nothing-*") == ()


def test_an_environment_that_makes_others_is_not_taken_from_a_file():
    with pytest.raises(SimulationError, match="any environment"):
        spec_from_json(written(id="GymV26Environment-v0", kwargs={"env_id": "traced_module:X-v0"}))


NO_JSON_OBJECT = ["", "[]", "{}", "null", '"CartPole-v1"', "[" * 100_000]
WRONG_TYPES = [
    {"id": 3},
    {"kwargs": [1]},
    {"max_episode_steps": "many"},
    {"max_episode_steps": True},
    {"max_episode_steps": 0},
    {"additional_wrappers": ["x"]},
    {"additional_wrappers": [{"name": "a", "entry_point": 1, "kwargs": {}}]},
]


@pytest.mark.parametrize("text", NO_JSON_OBJECT + [written(**changes) for changes in WRONG_TYPES])
def test_what_is_no_specification_is_refused(text):
    with pytest.raises(SimulationError, match="not an environment's specification"):
        spec_from_json(text)


def test_an_unregistered_environment_in_a_file_is_said():
    with pytest.raises(SimulationError, match="no environment 'Nobody-v0' is registered"):
        spec_from_json(written(id="Nobody-v0"))


def test_modules_the_user_names_register_their_environments(project):
    import_modules(["traced_module"])
    assert environment_spec("traced_module:Traced-v0").id == "Traced-v0"
    assert isinstance(make_environment("Traced-v0"), gymnasium.Env)


@pytest.mark.parametrize("name", ["no_such_module_here", ".relative", "broken_module"])
def test_a_module_that_cannot_be_imported_is_said(name, project):
    (project / "broken_module.py").write_text("1 / 0")
    with pytest.raises(SimulationError, match=f"the module {name!r} cannot be imported"):
        import_modules([name])


def test_the_file_of_a_module_is_no_module():
    with pytest.raises(SimulationError, match=r"'my_envs/harbor\.py' is a file, .*: my_envs\.harbor$"):
        import_modules(["my_envs/harbor.py"])


def test_a_missing_mujoco_is_said_with_the_command_that_installs_it():
    code = """
import sys
sys.modules["mujoco"] = None
from rltools.envs import make_environment
from rltools.errors import SimulationError
try:
    make_environment("Hopper-v5")
except SimulationError as error:
    print(error)
"""
    message = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert "Hopper-v5 cannot be made" in message
    assert "mujoco" in message.lower()
    assert 'pip install "gymnasium[mujoco]"' in message


def test_a_robot_that_walks_stays_in_the_picture():
    mujoco = pytest.importorskip("mujoco")
    renderer = make_environment("Hopper-v5", render_mode="rgb_array").unwrapped.mujoco_renderer
    assert mujoco.mj_id2name(renderer.model, mujoco.mjtObj.mjOBJ_CAMERA, renderer.camera_id) == "track"
    chosen = gymnasium.spec("Hopper-v5")
    chosen.kwargs["default_camera_config"] = {"distance": 9.0}
    assert make_environment(chosen, render_mode="rgb_array").unwrapped.mujoco_renderer.camera_id == -1
    without = make_environment("InvertedPendulum-v5", render_mode="rgb_array").unwrapped.mujoco_renderer
    assert without.camera_id == -1
