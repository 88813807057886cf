"""Vectors of environments, of Gymnasium and Stable-Baselines3, stand for one of their environments."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.spaces import Box, Discrete
from gymnasium.vector import AsyncVectorEnv, SyncVectorEnv
from gymnasium.wrappers import vector as wrappers
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.vec_env import (
    DummyVecEnv,
    SubprocVecEnv,
    VecCheckNan,
    VecEnvWrapper,
    VecExtractDictObs,
    VecFrameStack,
    VecMonitor,
    VecNormalize,
    VecTransposeImage,
)

import rltools
from rltools.envs import environment_spec, is_vector, make_environment, single_environment, vector_statistics
from rltools.errors import ArgumentError, MismatchError, RltoolsError


def pole(**kwargs: Any) -> gymnasium.Env[Any, Any]:
    return gymnasium.make("CartPole-v1", **kwargs)


def sync(env: str = "CartPole-v1", **kwargs: Any) -> Any:
    return gymnasium.make_vec(env, num_envs=2, vectorization_mode="sync", **kwargs)


class Own(gymnasium.Env[Any, Any]):
    """An environment that is not registered."""

    observation_space = Box(-1, 1, (2, 2))
    action_space = Discrete(2)

    def __init__(self, value: float = 0.5) -> None:
        self.value = value

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        return np.full((2, 2), self.value, np.float32), {}

    def step(self, action: Any) -> Any:
        return np.full((2, 2), self.value, np.float32), 1.0, True, False, {}


class Picture(Own):
    metadata = {"render_modes": ["rgb_array"], "render_fps": 1}  # noqa: RUF012
    render_mode = "rgb_array"
    observation_space = Box(0, 255, (40, 40, 1), np.uint8)

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        return np.arange(1600, dtype=np.uint8).reshape(40, 40, 1), {}


@pytest.mark.parametrize(
    ("make", "names"),
    [
        (lambda: gymnasium.make_vec("CartPole-v1", num_envs=3), []),
        (sync, []),
        (lambda: AsyncVectorEnv([pole, pole], context="fork"), []),
        (lambda: wrappers.RecordEpisodeStatistics(sync()), []),
        (lambda: wrappers.NormalizeReward(wrappers.DictInfoToList(sync())), []),
        (lambda: wrappers.RescaleObservation(sync("MountainCar-v0"), 0, 1), ["RescaleObservation"]),
        (
            lambda: wrappers.ClipAction(wrappers.FlattenObservation(sync("Pendulum-v1"))),
            ["FlattenObservation", "ClipAction"],
        ),
        (lambda: DummyVecEnv([pole, pole]), []),
        (lambda: SubprocVecEnv([pole, pole], start_method="fork"), []),
        (lambda: VecMonitor(VecCheckNan(DummyVecEnv([pole]))), []),
        (lambda: VecFrameStack(make_vec_env("CartPole-v1", 2), 3), ["FrameStackObservation", "FlattenObservation"]),
        (lambda: VecNormalize(make_vec_env("CartPole-v1")), []),
    ],
)
def test_it_stands_for_one_of_its_environments(make: Callable[[], Any], names: list[str]) -> None:
    vector = make()
    assert is_vector(vector)
    single = single_environment(vector)
    spec = environment_spec(single)
    assert spec is not None
    assert [wrapper.name for wrapper in spec.additional_wrappers] == names
    env, again = make_environment(vector), make_environment(single)
    observed = (
        vector.single_observation_space if hasattr(vector, "single_observation_space") else vector.observation_space
    )
    assert env.observation_space.shape == observed.shape
    assert env.observation_space.dtype == observed.dtype
    assert np.array_equal(env.reset(seed=3)[0], again.reset(seed=3)[0])
    assert not spec.kwargs
    vector.close()


def test_what_is_no_vector_stays_as_it_is() -> None:
    env = pole()
    for source in ("CartPole-v1", env, env.spec, pole, None, 3):
        assert single_environment(source) is source
        assert vector_statistics(source) is None


def test_the_arguments_of_make_vec_are_those_of_the_environment() -> None:
    for mode in ("sync", "vector_entry_point"):
        vector = gymnasium.make_vec(
            "CartPole-v1", 2, vectorization_mode=mode, sutton_barto_reward=True, max_episode_steps=20
        )
        spec = environment_spec(single_environment(vector))
        assert spec is not None
        assert spec.kwargs.get("sutton_barto_reward") is True
        assert make_environment(vector).spec.max_episode_steps == 20  # type: ignore[union-attr]


def test_an_environment_that_is_not_registered() -> None:
    for vector in (SyncVectorEnv([Own, Own]), AsyncVectorEnv([Own, Own], context="fork")):
        assert single_environment(vector) is Own
        vector.close()
    flat = make_environment(wrappers.FlattenObservation(SyncVectorEnv([Own, Own])))
    assert flat.reset()[0].tolist() == [0.5] * 4
    for stacked in (VecFrameStack(DummyVecEnv([Own]), 2), DummyVecEnv([Own])):
        with pytest.raises(ArgumentError, match=r"\(DummyVecEnv\) does not say how its environments were made"):
            single_environment(stacked)
    forked = SubprocVecEnv([Own], start_method="fork")
    with pytest.raises(ArgumentError, match=r"\(SubprocVecEnv\).*give a function that makes one gymnasium.Env as env="):
        rltools.record(rltools.load_policy("cartpole-ppo"), forked)  # type: ignore[arg-type]
    forked.close()


def test_images_are_stacked_as_the_network_gets_them(monkeypatch: pytest.MonkeyPatch) -> None:
    gymnasium.register("Picture-v0", entry_point=Picture)
    try:
        for vector in (
            VecTransposeImage(VecFrameStack(make_vec_env("Picture-v0"), 4)),
            VecFrameStack(VecTransposeImage(make_vec_env("Picture-v0")), 4),
        ):
            env = make_environment(vector)
            assert env.observation_space.shape == (4, 40, 40) == vector.observation_space.shape
            assert np.array_equal(env.reset()[0], vector.reset()[0])
    finally:
        gymnasium.registry.pop("Picture-v0")


def test_stacked_vectors_are_those_of_stable_baselines3() -> None:
    vector = VecFrameStack(make_vec_env("CartPole-v1", 1), 3)
    vector.seed(5)
    seed = vector.unwrapped._seeds[0]  # type: ignore[attr-defined]
    env = make_environment(vector)
    expected, (actual, _) = vector.reset()[0], env.reset(seed=seed)
    assert np.array_equal(actual, expected)
    for action in (0, 1, 1):
        expected = vector.step(np.array([action]))[0][0]
        actual = env.step(action)[0]
        assert np.array_equal(actual, expected)


def test_statistics_of_observations_are_frozen() -> None:
    vector = wrappers.NormalizeObservation(sync())
    vector.reset(seed=0)
    vector.action_space.seed(0)
    for _ in range(50):
        vector.step(vector.action_space.sample())
    plain, env = pole(), make_environment(vector)
    for _ in range(2):  # an episode teaches it nothing
        observed, normalized = plain.reset(seed=1)[0], env.reset(seed=1)[0]
        expected = (observed - vector.obs_rms.mean) / np.sqrt(vector.obs_rms.var + vector.epsilon)
        np.testing.assert_allclose(normalized, expected, rtol=1e-5)
    # Statistics of each environment, as CleanRL has them: those of the first one.
    each = SyncVectorEnv([lambda: gymnasium.wrappers.NormalizeObservation(pole())] * 2)
    each.reset(seed=0)
    for _ in range(50):
        each.step(vector.action_space.sample())
    first = each.envs[0].obs_rms.mean  # type: ignore[attr-defined]
    spec = environment_spec(single_environment(each))
    assert spec is not None
    assert spec.additional_wrappers[-1].kwargs["mean"] == first.tolist()  # type: ignore[index]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: SyncVectorEnv([pole, lambda: pole(sutton_barto_reward=True)]),
            "different environments, CartPole-v1 .* at 0 and CartPole-v1 {'sutton_barto_reward': True} .* at 1",
        ),
        (
            lambda: wrappers.TransformObservation(
                sync(), lambda x: x, single_observation_space=pole().observation_space
            ),
            "is in TransformObservation, and what that does to one of them is unknown here",
        ),
        (lambda: VecFrameStack(VecNormalize(make_vec_env("CartPole-v1")), 2), "stacks observations after VecNormalize"),
        (
            lambda: type(
                "Odd", (VecEnvWrapper,), {"reset": None, "step_wait": None, "__abstractmethods__": frozenset()}
            )(make_vec_env("CartPole-v1")),
            "is in Odd, and what that does to one of them is unknown here",
        ),
    ],
)
def test_what_it_cannot_stand_for(make: Callable[[], Any], message: str) -> None:
    vector = make()
    with pytest.raises(ArgumentError, match=message):
        single_environment(vector)
    with pytest.raises(RltoolsError):
        rltools.record(rltools.load_policy("cartpole-ppo"), vector)


def test_a_dict_of_which_one_array_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    vector = VecExtractDictObs.__new__(VecExtractDictObs)
    vector.__dict__.update(venv=make_vec_env("CartPole-v1"), num_envs=1, key="a")
    with pytest.raises(ArgumentError, match="is in VecExtractDictObs"):
        single_environment(vector)


def test_it_is_taken_wherever_an_environment_is(tmp_path: Any) -> None:
    vector, policy = sync(), rltools.load_policy("cartpole-ppo")
    expected = rltools.record(policy, "CartPole-v1", episodes=2, max_steps=30)
    for env in (vector, DummyVecEnv([pole]), gymnasium.make_vec("CartPole-v1", 2)):
        recording = rltools.record(policy, env, episodes=2, max_steps=30)  # type: ignore[arg-type]
        assert recording.episode(1).observations.tobytes() == expected.episode(1).observations.tobytes()
        assert recording.header.environment_id == "CartPole-v1"
    ablation = rltools.ablate(policy, expected, vector, seeds=2, most=2, second=None)
    assert len(ablation.losses().order) == 4
    rltools.testing.check_policy(policy, vector)
    assert rltools.load_policy("cartpole-ppo", vector).environment.id == "CartPole-v1"  # type: ignore[attr-defined]


def test_a_policy_gets_the_statistics_around_the_vector(tmp_path: Any) -> None:
    from stable_baselines3 import PPO

    vector = VecNormalize(make_vec_env("CartPole-v1", 2))
    model = PPO("MlpPolicy", vector, n_steps=16, batch_size=16, device="cpu", policy_kwargs={"net_arch": [4]})
    vector.obs_rms.mean[:], vector.obs_rms.count = 0.5, 100.0
    model.save(tmp_path / "model")
    policy = rltools.load_policy(tmp_path / "model.zip", vector)  # type: ignore[arg-type]
    live = rltools.load_policy(model, vector)  # type: ignore[arg-type]
    observations = np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)
    expected = model.policy.action_net(
        model.policy.mlp_extractor.forward_actor(model.policy.obs_to_tensor(vector.normalize_obs(observations))[0])
    )
    for loaded in (policy, live):
        scores = loaded.act(observations, rltools.policies.base.Context()).scores
        np.testing.assert_allclose(scores, expected.detach().numpy(), atol=1e-5)
        assert rltools.record(loaded, vector, episodes=1).header.environment_id == "CartPole-v1"  # type: ignore[arg-type]
    plain = rltools.load_policy("cartpole-ppo")
    for refused in (
        lambda: rltools.record(plain, vector),  # type: ignore[arg-type]
        lambda: rltools.load_policy(plain, vector),  # type: ignore[arg-type]
    ):
        with pytest.raises(MismatchError, match="are in VecNormalize, and cartpole-ppo takes observations as they are"):
            refused()
    with pytest.raises(RltoolsError, match="normalize inside the function"):
        rltools.FunctionPolicy(lambda x: x[:, 0] > 0, vector)  # type: ignore[arg-type]
    unnormalized = VecNormalize(make_vec_env("CartPole-v1"), norm_obs=False)
    assert vector_statistics(unnormalized) is None
