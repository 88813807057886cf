"""Wrappers that carry something from episode to episode: they have what they had in training, or it is said."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.utils import RecordConstructorArgs
from gymnasium.wrappers import ClipReward, NormalizeObservation, NormalizeReward, TransformObservation, TransformReward
from gymnasium.wrappers.utils import RunningMeanStd

import rltools
from rltools.envs import make_environment, spec_from_json
from rltools.errors import ConflictError, SimulationError

Make = Callable[..., Any]
NOTHING = "has learned nothing yet"


def pole() -> gymnasium.Env[Any, Any]:
    return gymnasium.make("CartPole-v1")


def trained(env: Any, episodes: int = 30) -> Any:
    """An environment in which an agent has acted for a while."""
    for seed in range(episodes):
        env.reset(seed=seed)
        over = False
        while not over:
            *_, terminated, truncated, _ = env.step(seed % 2)
            over = terminated or truncated
    return env


def clipped(env: Any) -> Any:
    return TransformObservation(env, lambda observation: np.clip(observation, -2, 2), None)


class Running(gymnasium.ObservationWrapper[Any, Any, Any]):
    """A running mean under a name of its own."""

    def __init__(self, env: Any) -> None:
        super().__init__(env)
        self.count, self.mean, self.learns = 0, np.zeros(4), True
        self.observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (4,), np.float32)

    def observation(self, observation: np.ndarray) -> np.ndarray:
        if self.learns:
            self.count += 1
            self.mean = self.mean + (observation - self.mean) / self.count
        return (10 * (observation - self.mean)).astype(np.float32)


class Recreated(Running, RecordConstructorArgs):
    """The same, made again without arguments."""

    def __init__(self, env: Any) -> None:
        RecordConstructorArgs.__init__(self)
        Running.__init__(self, env)


class Noisy(gymnasium.ObservationWrapper[Any, Any, Any]):
    """Noise that no seed reaches."""

    def __init__(self, env: Any) -> None:
        super().__init__(env)
        self.rng = np.random.default_rng(0)

    def observation(self, observation: np.ndarray) -> np.ndarray:
        return observation + self.rng.normal(0, 0.1, 4).astype(np.float32)


class Normalizing(gymnasium.Env[Any, Any]):
    """An environment that normalizes what it observes itself, and what it pays."""

    observation_space, action_space = gymnasium.spaces.Box(-10, 10, (4,), np.float32), gymnasium.spaces.Discrete(2)

    def __init__(self, *, learns: bool = True) -> None:
        self.moments, self.ret_rms, self.learns = RunningMeanStd(shape=(4,)), RunningMeanStd(shape=()), learns

    def observed(self) -> np.ndarray:
        sample = self.np_random.normal(3, 2, (1, 4))
        if self.learns:
            self.moments.update(sample)
        return ((sample[0] - self.moments.mean) / np.sqrt(self.moments.var + 1e-8)).astype(np.float32)

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        self.steps = 0
        return self.observed(), {}

    def step(self, action: Any) -> Any:
        self.steps += 1
        return self.observed(), 1.0, self.steps == 20, False, {}


@pytest.fixture
def policy(make_policy: Make) -> Any:
    return make_policy(lambda: NormalizeObservation(pole()), environment=None)


@pytest.fixture
def registered() -> Iterator[str]:
    gymnasium.register("NormalizedPole-v0", entry_point=lambda: NormalizeObservation(pole()))
    yield "NormalizedPole-v0"
    del gymnasium.registry["NormalizedPole-v0"]


def as_trained(env: Any, recording: Any) -> np.ndarray:
    """What an episode's actions lead to in the environment of the training, its statistics as they are."""
    env.update_running_mean = False
    episode = recording.episode(1)
    observations = [env.reset(seed=episode.outcome.seed)[0]]
    observations += [env.step(action)[0] for action in episode.actions]
    return np.array(observations[:-1])


class TestOfALiveEnvironment:
    def test_they_are_carried_over_and_kept(self, policy: Any, tmp_path: Any) -> None:
        env = trained(NormalizeObservation(pole()))
        before = env.obs_rms.mean.copy(), env.obs_rms.count
        recording = rltools.record(policy, env, episodes=2, max_steps=20, directory=tmp_path)
        assert env.update_running_mean
        assert (env.obs_rms.mean == before[0]).all()
        assert env.obs_rms.count == before[1]
        layer = next(layer for layer in recording.header.layers if layer["name"] == "NormalizeObservation")
        assert layer["statistics"] == {"mean": env.obs_rms.mean.tolist(), "var": env.obs_rms.var.tolist()}
        expected = as_trained(env, recording)
        assert np.abs(expected).max() > 0.5
        np.testing.assert_array_equal(recording.episode(1).observations, expected)

    def test_another_reader_makes_the_same_environment(self, policy: Any, tmp_path: Any) -> None:
        env = trained(NormalizeObservation(pole()))
        rltools.record(policy, env, episodes=1, max_steps=20, directory=tmp_path)
        opened = rltools.open_recording(tmp_path)
        again = make_environment(spec_from_json(opened.header.environment))
        observation, _ = again.reset(seed=0)
        np.testing.assert_array_equal(observation, opened.episode(0).observations[0])
        assert opened.header.features.units == ("deviations",) * 4 or not opened.header.features.units

    def test_more_episodes_are_of_the_same_statistics(self, policy: Any, tmp_path: Any) -> None:
        env = trained(NormalizeObservation(pole()))
        rltools.record(policy, env, episodes=1, max_steps=20, directory=tmp_path)
        assert len(rltools.record(policy, env, episodes=2, max_steps=20, directory=tmp_path)) == 2
        with pytest.raises(ConflictError, match=r"of mean \[[-\d., ]+\] there and those of mean \["):
            rltools.record(policy, trained(env, 3), episodes=2, max_steps=20, directory=tmp_path)

    def test_in_the_manner_of_cleanrl(self, policy: Any, tmp_path: Any) -> None:
        inner = trained(NormalizeObservation(pole()))
        env = TransformReward(NormalizeReward(clipped(inner)), lambda reward: np.clip(reward, -0.1, 0.1))
        recording = rltools.record(policy, env, episodes=2, max_steps=20, directory=tmp_path)
        assert recording.outcome(0).total_reward == recording.outcome(0).steps
        assert "left out are NormalizeReward and TransformReward" in " ".join(recording.header.notes)
        expected = np.clip(as_trained(inner, recording), -2, 2)
        np.testing.assert_array_equal(recording.episode(1).observations, expected)
        inner.update_running_mean = True
        trained(env, 3)
        with pytest.raises(ConflictError, match="statistics of observations"):
            rltools.record(policy, env, episodes=2, max_steps=20, directory=tmp_path)

    def test_beneath_an_attribution_wrapper(self, policy: Any) -> None:
        env = trained(NormalizeObservation(pole()))
        recording = rltools.record(policy, rltools.AttributionWrapper(env, policy), episodes=2, max_steps=20)
        np.testing.assert_array_equal(recording.episode(1).observations, as_trained(env, recording))

    def test_inside_what_an_id_stands_for(self, policy: Any, registered: str) -> None:
        env = trained(gymnasium.make(registered))
        recording = rltools.record(policy, env, episodes=2, max_steps=20)
        (inner,) = [layer for layer in chain_of(env) if isinstance(layer, NormalizeObservation)]
        inner.update_running_mean = False
        np.testing.assert_array_equal(recording.episode(1).observations, as_trained(env, recording))

    def test_of_a_model_of_stable_baselines3(self) -> None:
        from stable_baselines3 import PPO

        model = PPO("MlpPolicy", NormalizeObservation(pole()), n_steps=64, batch_size=64, seed=0, device="cpu")
        model.learn(64)
        recording = rltools.record(rltools.load_policy(model), episodes=2, max_steps=20)
        (inner,) = [layer for layer in chain_of(model.get_env().envs[0]) if isinstance(layer, NormalizeObservation)]
        np.testing.assert_array_equal(recording.episode(1).observations, as_trained(inner, recording))

    def test_of_a_model_that_is_being_trained_they_are_those_of_the_moment(self) -> None:
        from stable_baselines3 import PPO

        model = PPO("MlpPolicy", NormalizeObservation(pole()), n_steps=64, batch_size=64, seed=0, device="cpu")
        untrained = rltools.record(rltools.load_policy(model), episodes=1, max_steps=5)
        assert untrained.header.layers[-1]["name"] == "FrozenStatistics"
        model.learn(64)
        policy = rltools.load_policy(model)
        (inner,) = [layer for layer in chain_of(model.get_env().envs[0]) if isinstance(layer, NormalizeObservation)]
        mean = inner.obs_rms.mean.tolist()
        model.learn(64)
        layers = rltools.record(policy, episodes=1, max_steps=5).header.layers
        assert [layer["statistics"]["mean"] for layer in layers if "statistics" in layer] == [mean]
        elsewhere = rltools.load_policy(model, "CartPole-v1")
        assert elsewhere.source.notes == ("trained in NormalizeObservation, used without",)

    def test_a_trained_model_in_one_that_has_learned_nothing_is_refused(self, tmp_path: Any) -> None:
        from stable_baselines3 import PPO

        first = NormalizeObservation(pole())
        model = PPO("MlpPolicy", first, n_steps=64, batch_size=64, seed=0, device="cpu")
        model.learn(64)
        model.save(tmp_path / "model.zip")
        loaded = PPO.load(tmp_path / "model.zip", env=NormalizeObservation(pole()), device="cpu")
        pattern = rf"NormalizeObservation of CartPole-v1 {NOTHING}.*FrozenStatistics\(NormalizeObservation\(env\), "
        with pytest.raises(SimulationError, match=pattern):
            rltools.record(rltools.load_policy(loaded), episodes=1, max_steps=5)
        mean, var = first.obs_rms.mean, first.obs_rms.var
        frozen = rltools.FrozenStatistics(NormalizeObservation(pole()), mean, var)
        for model in (loaded, PPO.load(tmp_path / "model.zip", env=frozen, device="cpu")):
            environment = frozen if model is loaded else None
            layers = rltools.record(rltools.load_policy(model), environment, episodes=1, max_steps=5).header.layers
            assert [layer["statistics"]["mean"] for layer in layers if "statistics" in layer] == [mean.tolist()]

    def test_of_one_that_has_learned_nothing_it_is_refused(self, policy: Any) -> None:
        with pytest.raises(SimulationError, match=rf"NormalizeObservation of CartPole-v1 {NOTHING}.*FrozenStatistics"):
            rltools.record(policy, NormalizeObservation(pole()), episodes=1)


def chain_of(env: Any) -> list[Any]:
    layers = [env]
    while isinstance(layers[-1], gymnasium.Wrapper):
        layers.append(layers[-1].env)
    return layers


class TestThatStartFromNothing:
    @pytest.mark.parametrize("wrap", [NormalizeObservation, lambda env: clipped(NormalizeObservation(env))])
    def test_a_function(self, wrap: Make, policy: Any) -> None:
        with pytest.raises(SimulationError, match=NOTHING):
            rltools.record(policy, lambda: wrap(pole()), episodes=1)

    def test_a_specification(self, policy: Any) -> None:
        with pytest.raises(SimulationError, match=NOTHING):
            rltools.record(policy, NormalizeObservation(pole()).spec, episodes=1)

    def test_an_id(self, policy: Any, registered: str) -> None:
        with pytest.raises(SimulationError, match=f"NormalizedPole-v0 {NOTHING}"):
            rltools.record(policy, registered, episodes=1)

    def test_what_the_message_advises_works(self, policy: Any) -> None:
        env = trained(NormalizeObservation(pole()))
        mean, var = env.obs_rms.mean, env.obs_rms.var

        def make() -> Any:
            return rltools.FrozenStatistics(NormalizeObservation(pole()), mean, var)

        recording = rltools.record(policy, make, episodes=2, max_steps=20)
        np.testing.assert_array_equal(recording.episode(1).observations, as_trained(env, recording))
        layer = next(layer for layer in recording.header.layers if layer["name"] == "NormalizeObservation")
        assert layer["statistics"] == {"mean": mean.tolist(), "var": var.tolist()}

    def test_statistics_that_a_function_sets_are_frozen(self, policy: Any) -> None:
        env = trained(NormalizeObservation(pole()))

        def make() -> Any:
            live = NormalizeObservation(pole())
            live.obs_rms.mean, live.obs_rms.var, live.obs_rms.count = env.obs_rms.mean, env.obs_rms.var, 100
            return live

        recording = rltools.record(policy, make, episodes=2, max_steps=20)
        np.testing.assert_array_equal(recording.episode(1).observations, as_trained(env, recording))


class TestOfAUsersOwn:
    def test_a_live_one_that_has_learned_is_told_from_a_new_one(self, policy: Any) -> None:
        with pytest.raises(SimulationError, match="than the one that was passed: Recreated has changed"):
            rltools.record(policy, trained(Recreated(pole())), episodes=1)

    @pytest.mark.parametrize("env", [Recreated(pole()), lambda: Running(pole())])
    def test_one_that_learns_from_nothing_is_refused(self, env: Any, policy: Any) -> None:
        with pytest.raises(SimulationError, match=r"(Recreated|Running) learns from episode to episode"):
            rltools.record(policy, env, episodes=1)

    def test_one_that_learns_no_more_is_taken(self, policy: Any) -> None:
        learned = trained(Running(pole()))

        def make() -> Any:
            live = Running(pole())
            live.mean, live.learns = learned.mean, False
            return live

        recording = rltools.record(policy, make, episodes=1, max_steps=5)
        assert recording.header.notes == ()
        assert "Running" in recording.header.environment_text

    def test_an_environment_that_was_changed_after_it_was_made_is_noticed(self, cartpole: Any) -> None:
        env = pole()
        env.unwrapped.gravity = 3.0  # type: ignore[attr-defined]
        with pytest.raises(SimulationError, match="returns other observations from the same seed"):
            rltools.record(cartpole, env, episodes=1)

    @pytest.mark.parametrize("env_id", ["CartPole-v1", "LunarLander-v3", "BipedalWalker-v3"])
    def test_one_that_has_only_been_used_is_not(self, env_id: str, make_policy: Make) -> None:
        env = gymnasium.make(env_id)
        env.reset(seed=3)
        for _ in range(60):
            if any(env.step(env.action_space.sample())[2:4]):
                env.reset()
        assert len(rltools.record(make_policy(env_id), env, episodes=1, max_steps=3)) == 1

    def test_noise_is_a_caveat(self, cartpole: Any) -> None:
        recording = rltools.record(cartpole, lambda: Noisy(pole()), episodes=1, max_steps=3)
        assert "other observations each time it is reset with the same seed" in " ".join(recording.header.notes)

    def test_an_environment_that_normalizes_by_itself(self, make_policy: Make) -> None:
        policy = make_policy(Normalizing)
        with pytest.raises(SimulationError, match="Normalizing learns from episode to episode"):
            rltools.record(policy, Normalizing, episodes=1)
        recording = rltools.record(policy, lambda: Normalizing(learns=False), episodes=1)
        assert recording.header.notes == ()

    def test_a_simulator_that_is_there_once_is_a_caveat(self, cartpole: Any) -> None:
        open_envs: list[Any] = []

        class Alone(gymnasium.ObservationWrapper[Any, Any, Any]):
            def __init__(self) -> None:
                if open_envs:
                    raise OSError("port 2000 is in use")
                open_envs.append(self)
                super().__init__(pole())

            def observation(self, observation: np.ndarray) -> np.ndarray:
                return observation

            def close(self) -> None:
                open_envs.clear()

        recording = rltools.record(cartpole, Alone, episodes=2, max_steps=3, num_envs=1)
        assert len(recording) == 2
        assert "could not be opened beside the first" in " ".join(recording.header.notes)
        assert "port 2000 is in use" in " ".join(recording.header.notes)

    def test_a_live_environment_that_can_be_copied_is_left_alone(self, cartpole: Any) -> None:
        env = pole()
        env.reset(seed=5)
        env.step(1)
        state = np.array(env.unwrapped.state)  # type: ignore[attr-defined]
        rltools.record(cartpole, env, episodes=1, max_steps=3)
        assert (np.array(env.unwrapped.state) == state).all()  # type: ignore[attr-defined]


class TestOfRewards:
    def test_those_that_are_clipped_are_named(self, cartpole: Any) -> None:
        recording = rltools.record(cartpole, ClipReward(pole(), 0, 0.5), episodes=1, max_steps=4)
        assert recording.outcome(0).total_reward == 2
        assert recording.header.notes == ("rewards and returns are what ClipReward makes of the environment's own",)

    def test_those_that_are_scaled_by_what_was_seen_are_the_environments_own(self, cartpole: Any) -> None:
        recording = rltools.record(cartpole, lambda: NormalizeReward(pole()), episodes=1, max_steps=4)
        assert recording.episode(0).rewards.tolist() == [1, 1, 1, 1]
        assert "left out are NormalizeReward" in recording.header.notes[0]


class TestFrozenStatistics:
    def test_numbers_of_another_shape_are_refused(self) -> None:
        with pytest.raises(
            rltools.errors.ArgumentError, match=r"mean has shape \[2\]; give finite numbers of shape \[4\]"
        ):
            rltools.FrozenStatistics(NormalizeObservation(pole()), [0, 0], [1, 1])

    def test_a_negative_variance_is_refused(self) -> None:
        with pytest.raises(rltools.errors.ArgumentError, match=r"var holds -1\.0"):
            rltools.FrozenStatistics(NormalizeObservation(pole()), [0] * 4, [1, 1, 1, -1])

    def test_without_such_a_wrapper_it_is_refused(self) -> None:
        with pytest.raises(
            rltools.errors.ArgumentError,
            match=r"CartPole-v1.* has no wrapper that keeps statistics of observations; put .*\.NormalizeObservation "
            r"around the environment first: rltools\.FrozenStatistics\(NormalizeObservation\(env\), ",
        ):
            rltools.FrozenStatistics(pole(), [0] * 4, [1] * 4)

    def test_a_number_that_no_wrapper_has_is_refused(self) -> None:
        with pytest.raises(rltools.errors.ArgumentError, match=r"number is 1, .* are 0 NormalizeObservation, from the"):
            rltools.FrozenStatistics(NormalizeObservation(pole()), [0] * 4, [1] * 4, number=1)

    def test_of_nothing_they_are_kept_where_they_are_meant(self, policy: Any) -> None:
        env = rltools.FrozenStatistics(NormalizeObservation(pole()), [0] * 4, [1] * 4)
        layers = rltools.record(policy, env, episodes=1, max_steps=5).header.layers
        assert [layer["statistics"]["mean"] for layer in layers if "statistics" in layer] == [[0] * 4]
