"""A policy and an environment of the same shapes are not yet of the same task: their bounds tell."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.spaces import Box, Dict, Discrete, MultiBinary, MultiDiscrete, Tuple
from stable_baselines3 import PPO

import rltools
from rltools.errors import ArgumentError, MismatchError
from rltools.policies.bounds import differences, with_bounds_of

Make = Callable[..., Any]
MEANT = "bounds='any'"


class Field(gymnasium.Env[Any, Any]):
    """Draws of its space; ends after four of them."""

    def __init__(self, size: float = 10, force: float = 1, dtype: Any = np.float32) -> None:
        self.observation_space = Box(-size, size, (3,), dtype)
        self.action_space = Box(-force, force, (1,), np.float32)

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        self.t = 0
        return self.draw(), {}

    def draw(self) -> np.ndarray:
        low, high = self.observation_space.low, self.observation_space.high
        return self.np_random.uniform(np.maximum(low, -20), np.minimum(high, 20)).astype(self.observation_space.dtype)

    def step(self, action: Any) -> Any:
        self.t += 1
        return self.draw(), 1.0, self.t == 4, False, {}


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Any:
    path = tmp_path_factory.mktemp("model") / "field.zip"
    PPO("MlpPolicy", Field(8), policy_kwargs={"net_arch": [4]}, device="cpu").save(path)
    return path


def policy_of(space: Any, actions: Any) -> rltools.TorchPolicy:
    size = rltools.spaces.space_features(space).size
    outputs = rltools.policies.actions.count_actions(actions)
    torch.manual_seed(0)
    return rltools.TorchPolicy(torch.nn.Linear(size, outputs), space, actions)


@pytest.mark.parametrize(
    ("mine", "theirs", "message"),
    [
        (Discrete(4, start=1), Discrete(4), "counts its observations from 1 and the environment from 0"),
        (Dict(gear=Discrete(4)), Dict(gear=Discrete(4, start=-1)), "counts gear of its observations from 0 .* from -1"),
        (
            MultiDiscrete([3, 3]),
            MultiDiscrete([3, 3], start=[0, 1]),
            r"from \[0, 0\] and the environment from \[0, 1\]",
        ),
    ],
)
def test_choices_that_count_from_elsewhere_are_refused(mine: Any, theirs: Any, message: str, make_env: Make) -> None:
    policy = policy_of(mine, Discrete(2))
    with pytest.raises(MismatchError, match=message):
        rltools.record(policy, make_env(observation_space=theirs, action_space=Discrete(2)), episodes=1)


class TestOfOtherBounds:
    def test_of_observations_are_refused_with_both(self, saved: Any) -> None:
        with pytest.raises(MismatchError, match=rf"field observes \[-8, 8\] and .* gives \[-10, 10\].*{MEANT}"):
            rltools.load_policy(saved, Field)
        policy = rltools.load_policy(saved)
        with pytest.raises(MismatchError, match=r"\[-8, 8\].*\[-10, 10\] \('obs\[0\]', and so do 2 more\)"):
            rltools.record(policy, Field, episodes=1)
        with pytest.raises(MismatchError, match=r"\[-8, 8\].*\[-10, 10\]"):
            rltools.AttributionWrapper(Field(), policy)

    def test_of_actions_are_refused_with_both(self, saved: Any) -> None:
        with pytest.raises(MismatchError, match=rf"acts in \[-1, 1\] and the environment takes \[-2, 2\].*{MEANT}"):
            rltools.load_policy(saved, lambda: Field(8, force=2))

    def test_that_are_meant_are_a_caveat_and_counted_by_the_models(self, saved: Any) -> None:
        policy = rltools.load_policy(saved, Field, bounds="any")
        with pytest.warns(rltools.rollout.OutsideSpaceWarning):
            recording = rltools.record(policy, episodes=4)
        beyond = sum(int((np.abs(episode.observations) > 8).any(1).sum()) for episode in recording)
        assert beyond > 0
        assert sum(outcome.out_of_space for outcome in recording.outcomes()) == beyond
        assert recording.header.notes[-1] == (
            "trained with observations in [-8, 8] where the environment has [-10, 10] ('obs[0]' and 2 more)"
        )

    def test_may_be_meant_for_one_recording(self, saved: Any) -> None:
        policy = rltools.load_policy(saved)
        with pytest.warns(rltools.rollout.OutsideSpaceWarning):
            rltools.record(policy, Field, episodes=4, bounds="any")
        with pytest.raises(MismatchError):
            rltools.record(policy, Field, episodes=1)
        with pytest.raises(ArgumentError, match="bounds is 'none'; it must be 'same' or 'any'"):
            rltools.record(policy, Field, bounds="none")

    def test_that_are_endless_on_one_side_are_a_caveat(self, saved: Any) -> None:
        policy = rltools.load_policy(saved, lambda: Field(np.inf))
        with pytest.warns(rltools.rollout.OutsideSpaceWarning):
            recording = rltools.record(policy, episodes=4)
        assert "[-8, 8] where the environment has [-inf, inf]" in recording.header.notes[-1]

    def test_of_a_newer_version_of_a_renamed_environment_are_a_caveat(self) -> None:
        high = np.array([1.5, 1.5, 5, 5, 3.14, 5, 1, 1], np.float32)
        older = Box(np.float32([-1, -1, -1, -1, -1, -1, 0, 0]) * high, high, dtype=np.float32)
        policy = policy_of(older, Discrete(4))
        recording = rltools.record(policy, "LunarLander-v3", episodes=1, max_steps=2)
        assert "[-1.5, 1.5] where LunarLander-v3 has [-2.5, 2.5]" in recording.header.notes[-1]
        scaled = gymnasium.wrappers.RescaleObservation(gymnasium.make("LunarLander-v3"), np.float32(-1), np.float32(1))
        with pytest.raises(MismatchError, match=r"\[-1\.5, 1\.5\] and LunarLander-v3 gives \[-1, 1\]"):
            rltools.record(policy, scaled, episodes=1)

    def test_are_meant_on_the_command_line(
        self, saved: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        from rltools.cli import main

        def run(*more: str) -> str:
            call = [
                "rltools",
                "record",
                str(saved),
                "--env",
                "Field-v0",
                "--episodes",
                "1",
                "--out",
                str(tmp_path / "run"),
            ]
            monkeypatch.setattr("sys.argv", [*call, *more])
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                with pytest.raises(SystemExit):
                    main()
            return "".join(capsys.readouterr())

        gymnasium.register("Field-v0", entry_point=Field)
        try:
            assert "--bounds any" in " ".join(run().split())
            assert "Saved in" in run("--bounds", "any")
        finally:
            del gymnasium.registry["Field-v0"]


class TestOfOtherKinds:
    def test_whole_numbers_are_no_fractions(self) -> None:
        policy = policy_of(Box(0, 255, (3,), np.uint8), Discrete(2))
        with pytest.raises(MismatchError, match=r"\[0, 255\] of uint8 and CartPole"):
            rltools.load_policy(policy_of(Box(0, 255, (4,), np.uint8), Discrete(2)), "CartPole-v1")
        assert differences(policy.observation_space, Box(0, 255, (3,), np.float32))[0].of_env == "[0, 255] of float32"

    def test_the_width_of_a_dtype_is_none(self) -> None:
        assert differences(Box(-1.2, 1, (3,), np.float64), Box(-1.2, 1, (3,), np.float32)) == []

    @pytest.mark.parametrize(
        ("mine", "theirs", "message"),
        [
            (Discrete(4), Discrete(4, start=1), "counts its actions from 0 and the environment from 1"),
            (
                MultiDiscrete([2, 3]),
                MultiDiscrete([2, 3], start=[0, 1]),
                r"from \[0, 0\] and the environment from \[0, 1\]",
            ),
            (MultiDiscrete([2, 3]), MultiDiscrete([3, 2]), r"\[2, 3\] values and the environment takes .*\[3, 2\]"),
            (MultiBinary(3), MultiBinary(2), r"MultiBinary actions \(3,\)"),
        ],
    )
    def test_discrete_actions_must_be_the_same(self, mine: Any, theirs: Any, message: str, make_env: Make) -> None:
        policy = policy_of(Box(-1, 1, (3,), np.float32), mine)
        env = make_env(observation_space=Box(-1, 1, (3,), np.float32), action_space=theirs)
        with pytest.raises(MismatchError, match=message):
            rltools.record(policy, env, episodes=1, bounds="any")

    def test_each_entry_of_a_dict_is_compared(self) -> None:
        mine = Dict(near=Box(0, 1, (2,)), far=Tuple([Box(-1, 1, ()), Discrete(3)]))
        theirs = Dict(near=Box(0, 1, (2,)), far=Tuple([Box(-2, 1, ()), Discrete(3)]))
        (difference,) = differences(mine, theirs)
        assert (difference.path, difference.endless) == (("far", 0), False)
        assert (difference.of_model, difference.of_env) == ("[-1, 1]", "[-2, 1]")
        assert with_bounds_of(mine, theirs) == mine

    def test_the_largest_number_of_a_dtype_is_no_bound(self) -> None:
        most = np.finfo(np.float32).max
        assert differences(Box(-most, most, (2,)), Box(-np.inf, np.inf, (2,))) == []
        (difference,) = differences(Box(-most, most, (2,)), Box(-1, 1, (2,)))
        assert difference.endless
