"""Run folders of rl-baselines3-zoo as they lie on disk: which model, which statistics, which environment."""

import pickle
import sys

import gymnasium
import numpy as np
import pytest
from gymnasium.envs.registration import EnvSpec
from gymnasium.spaces import Box, Discrete
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import DummyVecEnv, VecFrameStack, VecNormalize, VecTransposeImage

from rltools.cli.commands.inspect import inspection
from rltools.envs import frame_stack_wrappers, import_modules, wrapped_spec
from rltools.policies.load import load_policy
from rltools.policies.sb3.zoo._environment import current_wrapper


def small(env, size):
    return PPO("MlpPolicy", env, policy_kwargs={"net_arch": [size]}, device="cpu", seed=size)


@pytest.fixture
def run(tmp_path):
    """Writes `logs/ppo/CartPole-v1_1` with models of these names, each of another size."""

    def run(*names, config="", env="CartPole-v1", make=None, args=None):
        folder = tmp_path / "logs" / "ppo" / f"{env}_1"
        (folder / env).mkdir(parents=True)
        (folder / env / "config.yml").write_text(config or "normalize: false\n")
        (folder / env / "args.yml").write_text(args or f"algo: ppo\nenv: {env}\n")
        for size, name in enumerate(names, 4):
            small(make() if make else env, size).save(folder / name)
        return folder

    return run


def size_of(policy):
    return policy.module.mlp_extractor.policy_net[0].out_features


def test_the_model_at_the_end_stands_for_the_run(run):
    folder = run("rl_model_500_steps.zip", "best_model.zip", "CartPole-v1.zip", "rl_model_1000_steps.zip")
    policy = load_policy(folder)
    assert size_of(policy) == 6
    assert policy.source.notes == (
        "this is CartPole-v1.zip; CartPole-v1_1 also holds best_model.zip, rl_model_1000_steps.zip, "
        "rl_model_500_steps.zip; load them by their paths",
    )
    assert EnvSpec.from_json(policy.source.environment).id == "CartPole-v1"


def test_a_path_in_the_folder_wins(run):
    folder = run("best_model.zip", "CartPole-v1.zip", "rl_model_1000_steps.zip")
    for size, name in enumerate(("best_model.zip", "CartPole-v1.zip", "rl_model_1000_steps.zip"), 4):
        policy = load_policy(folder / name)
        assert size_of(policy) == size
        assert EnvSpec.from_json(policy.source.environment).id == "CartPole-v1"


@pytest.mark.parametrize(
    ("names", "size"),
    [
        (["best_model.zip"], 4),
        (["rl_model_500_steps.zip", "rl_model_1000_steps.zip", "rl_model_900_steps.zip"], 5),
        (["rl_model_500_steps.zip", "best_model.zip"], 5),
    ],
)
def test_without_it_the_best_one_does_then_the_latest(run, names, size):
    assert size_of(load_policy(run(*names))) == size


def test_the_folder_may_be_given_from_within(run, monkeypatch):
    monkeypatch.chdir(run("best_model.zip"))
    assert load_policy(".").heads


def test_statistics_of_the_run_and_of_a_checkpoint(run):
    folder = run(
        "CartPole-v1.zip",
        "best_model.zip",
        "rl_model_500_steps.zip",
        "rl_model_900_steps.zip",
        config="normalize: true",
    )
    wrapper = VecNormalize(DummyVecEnv([lambda: gymnasium.make("CartPole-v1")]))
    for mean, path in ((1, "CartPole-v1/vecnormalize.pkl"), (2, "rl_model_vecnormalize_500_steps.pkl")):
        wrapper.obs_rms.mean[:] = mean
        (folder / path).write_bytes(pickle.dumps(wrapper))
    wrapper.close()
    note = "vecnormalize.pkl is from the end of training, and {} from an earlier time"
    for name, mean in (("CartPole-v1", 1), ("best_model", 1), ("rl_model_500_steps", 2), ("rl_model_900_steps", 1)):
        policy, plain = load_policy(folder / f"{name}.zip"), load_policy(folder / f"{name}.zip", normalize=False)
        x, zero = np.full((1, 4), mean, np.float32), np.zeros((1, 4), np.float32)
        np.testing.assert_allclose(
            policy.head("value", policy.encode(x), None), plain.head("value", plain.encode(zero), None)
        )
        later = name in ("best_model", "rl_model_900_steps")
        assert (note.format(f"{name}.zip") in policy.source.notes) == later


def test_inspect_shows_the_run(run):
    folder = run(
        "CartPole-v1.zip", "best_model.zip", config="frame_stack: 4\nenv_wrapper: os.system\nvec_env_wrapper: x"
    )
    text, complete = inspection(str(folder))
    assert complete
    for part in ("environment", "CartPole-v1", "os.system", "frame_stack=4", "best_model.zip", "0 steps"):
        assert part in text
    model, _ = inspection(str(folder / "best_model.zip"))
    assert "best_model.zip" in model


@pytest.fixture
def pole_module(tmp_path, monkeypatch):
    """A module that registers an environment, to be imported from the working directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    register = "import gymnasium\ngymnasium.register('Pole-v0', 'gymnasium.envs.classic_control:CartPoleEnv')\n"
    (tmp_path / "pole_module.py").write_text(register)
    yield "pole_module"
    sys.modules.pop("pole_module", None)
    gymnasium.registry.pop("Pole-v0", None)


def test_an_environment_with_its_module_is_made_once_the_user_imported_that(run, pole_module):
    folder = run("CartPole-v1.zip", args="env: pole_module:Pole-v0\n")
    before = load_policy(folder)
    assert before.source.environment is None
    assert "--import pole_module" in before.source.notes[0]
    assert pole_module not in sys.modules
    import_modules([pole_module])
    policy = load_policy(folder)
    assert EnvSpec.from_json(policy.source.environment).id == "Pole-v0"
    assert policy.source.notes == ()
    assert load_policy(folder, "Pole-v0").source.notes == ()


def test_inspect_of_another_folder_is_refused(tmp_path):
    from rltools.errors import ArgumentError

    with pytest.raises(ArgumentError, match="is no model or weights of a library that is known"):
        inspection(str(tmp_path))


class Ramp(gymnasium.Env):
    """Observations count up from 1."""

    action_space = Discrete(2)

    def __init__(self, space):
        self.observation_space, self.t = space, 1

    def observation(self):
        observation = np.full(self.observation_space.shape, self.t, self.observation_space.dtype)
        observation.reshape(-1)[0] += 3
        return observation

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.t = 1
        return self.observation(), {}

    def step(self, action):
        self.t += 1
        return self.observation(), 0.0, self.t > 6, False, {}


@pytest.mark.parametrize(
    ("space", "wrapper"),
    [
        (Box(-100, 100, (2,), np.float32), "FlattenObservation"),
        (Box(0, 255, (40, 36, 1), np.uint8), "ReshapeObservation"),
    ],
)
def test_stacked_frames_are_those_of_stable_baselines(monkeypatch, run, space, wrapper):
    spec = EnvSpec("Ramp-v0", entry_point=lambda: Ramp(space), disable_env_checker=True)
    monkeypatch.setitem(gymnasium.registry, "Ramp-v0", spec)
    theirs = VecFrameStack(DummyVecEnv([lambda: Ramp(space)]), 3)
    theirs = VecTransposeImage(theirs) if len(space.shape) == 3 else theirs
    policy = load_policy(run("Ramp-v0.zip", env="Ramp-v0", config="frame_stack: 3", make=lambda: theirs))
    assert policy.observation_space.shape == theirs.observation_space.shape
    assert wrapper in {name for name, _ in frame_stack_wrappers(3, space)}
    ours = gymnasium.make(wrapped_spec(spec, frame_stack_wrappers(3, space)))
    observation, _ = ours.reset(seed=0)
    np.testing.assert_array_equal(observation, theirs.reset()[0])
    for _ in range(4):
        np.testing.assert_array_equal(ours.step(0)[0], theirs.step([0])[0][0])


@pytest.mark.parametrize(
    ("env", "config", "message"),
    [
        ("CartPole-v1", "frame_stack: 4\nnormalize: true", "after normalization"),
        ("CarRacing-v3", "frame_stack: 2", "along the last axis"),
    ],
)
def test_stacked_frames_that_cannot_be_made_alike_are_said(run, env, config, message):
    make = (lambda: gymnasium.make("CartPole-v1")) if env != "CartPole-v1" else None
    policy = load_policy(run(f"{env}.zip", env=env, config=config, make=make), normalize=False)
    assert policy.source.environment is None
    assert message in policy.source.notes[0]
    assert "give a function that makes the environment as env=" in policy.source.notes[0]


@pytest.mark.parametrize(
    ("name", "kwargs", "expected"),
    [
        ("gym.wrappers.FlattenObservation", {}, ("FlattenObservation", {})),
        ("gymnasium.wrappers.TimeAwareObservation", {}, ("TimeAwareObservation", {})),
        (
            "gym.wrappers.gray_scale_observation.GrayScaleObservation",
            {"keep_dim": True},
            ("GrayscaleObservation", None),
        ),
        (
            "rl_zoo3.wrappers.YAMLCompatResizeObservation",
            {"shape": [64, 64]},
            ("ResizeObservation", {"shape": [64, 64]}),
        ),
        (
            "gym.wrappers.resize_observation.ResizeObservation",
            {"shape": 64},
            ("ResizeObservation", {"shape": [64, 64]}),
        ),
        ("rl_zoo3.wrappers.FrameSkip", {"skip": 3}, ("RepeatAction", {"num_repeats": 3})),
        ("gym.wrappers.FrameStack", {"num_stack": 2}, ("FrameStackObservation", {"stack_size": 2})),
        ("utils.wrappers.TimeFeatureWrapper", {}, ("TimeFeatureWrapper", {})),
        ("stable_baselines3.common.atari_wrappers.AtariWrapper", {}, ("AtariWrapper", {})),
        ("gym_minigrid.wrappers.FlatObsWrapper", {}, ("FlatObsWrapper", {})),
    ],
)
def test_wrappers_by_their_names_today(name, kwargs, expected):
    wrapper, note = current_wrapper(name, kwargs)
    assert note == ""
    assert wrapper[0] == expected[0]
    assert wrapper[1] == (kwargs if expected[1] is None else expected[1])


def test_wrappers_that_leave_observations_alone_are_left_out_and_said(run):
    folder = run("CartPole-v1.zip", config="env_wrapper:\n- rl_zoo3.wrappers.DelayedRewardWrapper:\n    delay: 3\n")
    policy = load_policy(folder)
    assert EnvSpec.from_json(policy.source.environment).additional_wrappers == ()
    assert policy.source.notes == ("trained with DelayedRewardWrapper, which delays rewards; that is not done here",)
    assert current_wrapper("stable_baselines3.common.monitor.Monitor", {}) == (None, "")


@pytest.mark.parametrize(
    "name",
    [
        "rl_zoo3.wrappers.HistoryWrapper",
        "gym.wrappers.NormalizeObservation",
        "gym.wrappers.RecordVideo",
        "a.ClipAction",
    ],
)
def test_wrappers_without_a_like_are_refused(name):
    with pytest.raises(LookupError):
        current_wrapper(name, {})


def test_a_wrapper_of_gymnasium_is_around_the_environment(run):
    policy = load_policy(run("CartPole-v1.zip", config="env_wrapper: gym.wrappers.FlattenObservation"))
    assert policy.source.notes == ()
    assert "transform_observation:FlattenObservation" in policy.source.environment


def test_the_limit_of_an_episode_stays(run):
    assert EnvSpec.from_json(load_policy(run("CartPole-v1.zip")).source.environment).max_episode_steps == 500
