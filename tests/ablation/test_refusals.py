"""Bad input is answered in a line that says what to do, and nothing is lost."""

from __future__ import annotations

import dataclasses
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.spaces import Box, Discrete
from gymnasium.wrappers import NormalizeObservation

import rltools
from rltools.ablation import ablate, open_ablation
from rltools.errors import (
    ArgumentError,
    FaultError,
    MismatchError,
    RltoolsError,
    SimulationError,
    UnknownNameError,
)
from rltools.recording.sealed_json import read_json, write_json

Make = Callable[..., Any]
GOLDEN = Path(__file__).parents[1] / "golden"


@pytest.fixture
def world(guess: Any) -> Any:
    return guess(lambda x: x[..., 0] > 0.5, length=4)


@pytest.mark.parametrize(
    ("choices", "error", "message"),
    [
        ({"seeds": 0}, ArgumentError, "seeds is 0; it must be at least 1"),
        ({"seeds": 2.5}, ArgumentError, r"seeds is 2\.5; it must be a whole number"),
        ({"seeds": 10**9}, ArgumentError, "seeds is 1,000,000,000; it must be at most 50,000"),
        ({"most": 0}, ArgumentError, "most is 0; it must be at least 1"),
        ({"workers": 0}, ArgumentError, "workers is 0; it must be at least 1"),
        ({"num_envs": 0}, ArgumentError, "num_envs is 0; it must be at least 1"),
        ({"max_steps": 0}, ArgumentError, "max_steps is 0; it must be at least 1"),
        ({"seed": -1}, ArgumentError, "seed is -1; it must be at least 0"),
        ({"bounds": "all"}, ArgumentError, "bounds is 'all'"),
        ({"replace": "resampel"}, UnknownNameError, "resample"),
        ({"replace": None}, ArgumentError, "a replacement is given by its name"),
        ({"second": "meen"}, UnknownNameError, "mean"),
        ({"second": "resample"}, ArgumentError, "second is 'resample', as replace is; name another"),
        ({"leave_out": 2}, ArgumentError, "leave_out is 2; it must be True, False or a part"),
        ({"leave_out": -0.1}, ArgumentError, r"leave_out is -0\.1"),
        ({"leave_out": "half"}, ArgumentError, "leave_out is 'half'"),
        ({"leave_out": float("nan")}, ArgumentError, "leave_out is nan"),
        ({"groups": "all"}, ArgumentError, "groups is 'all'; it must be 'variables', 'features', 'card' or"),
        ({"groups": None}, ArgumentError, "groups is None"),
        ({"groups": ["obs[0]"]}, ArgumentError, "groups is "),
        ({"groups": np.zeros(3)}, ArgumentError, "groups is "),
        ({"groups": {"a": "obs[0]"}}, ArgumentError, "must be a list of names"),
        ({"groups": {"a": []}}, ArgumentError, "must be a list of names"),
        ({"groups": {"a": ["obs[9]"]}}, UnknownNameError, "obs"),
        ({"groups": {"a": ["obs[0]"], "b": ["obs[0]"]}}, ArgumentError, "in two groups"),
        ({"groups": {"obs[1]": ["obs[0]"]}}, ArgumentError, "has the name of another feature"),
    ],
    ids=str,
)
def test_arguments(choices: Any, error: type[Exception], message: str, world: Any, tmp_path: Path) -> None:
    policy, env = world
    with pytest.raises(error, match=message) as caught:
        ablate(policy, env=env, directory=tmp_path / "run", **({"seeds": 1, "most": 1} | choices))
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "run" / "ablations").exists(), "nothing is run before"


def test_fewer_seeds_for_the_race_than_for_each_mean_no_race(world: Any) -> None:
    policy, env = world
    assert ablate(policy, env=env, seeds=5, most=2).losses().seeds.tolist() == [5, 5, 5]


def test_what_is_no_policy_and_no_recording(world: Any, tmp_path: Path) -> None:
    policy, env = world
    with pytest.raises(ArgumentError, match="policy is a str; make it a policy"):
        ablate("cartpole-ppo")  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match=r"recording is a str; open one with rltools\.open_recording"):
        ablate(policy, "runs/x", env)  # type: ignore[arg-type]
    recording = rltools.record(policy, env, episodes=1)
    with pytest.raises(ArgumentError, match="the recording has its folder"):
        ablate(policy, recording, env, directory=tmp_path)


def test_observations_in_other_units() -> None:
    policy = rltools.load_policy("hopper-ppo").in_network_units()
    with pytest.raises(ArgumentError, match=r"give the policy without in_network_units\(\)"):
        ablate(policy)


def test_no_environment(world: Any) -> None:
    policy, env = world
    with pytest.raises(ArgumentError, match="has no environment to act in; name one: env="):
        ablate(policy)
    recording = rltools.record(policy, env, episodes=1)
    with pytest.raises(ArgumentError, match=r"an environment that a function made.*give the function again: env="):
        ablate(policy, recording)


def test_a_function_is_not_silently_replaced_by_the_policys_own_environment() -> None:
    policy = rltools.load_policy("cartpole-ppo")
    recording = rltools.record(policy, lambda: gymnasium.make("CartPole-v1", max_episode_steps=7), episodes=1)
    with pytest.raises(ArgumentError, match="that a function made"):
        ablate(policy, recording, seeds=1, most=1)


def test_another_environment_and_another_policy(world: Any, make_policy: Make, make_env: Make) -> None:
    policy = rltools.load_policy("cartpole-ppo")
    recording = rltools.record(policy, episodes=1)
    with pytest.raises(MismatchError, match="was recorded in CartPole-v1, and env is Pendulum-v1; leave out env"):
        ablate(policy, recording, "Pendulum-v1")
    with pytest.raises(MismatchError, match="load the one that was recorded"):
        ablate(make_policy("CartPole-v1"), recording)
    guessing, env = world
    own = rltools.record(guessing, env, episodes=1)
    with pytest.raises(MismatchError):
        ablate(guessing, own, make_env(observation_space=Box(0, 1, (2,), np.float32)))
    with pytest.raises(RltoolsError, match="environment"):
        ablate(guessing, own, 3)  # type: ignore[arg-type]


def failing(env: Any, when: Callable[[Any, int], bool], how: Callable[[Any], Any]) -> Any:
    """The environment of the fixture, of which some steps fail."""
    kind = type(env())

    class Failing(kind):  # type: ignore[misc, valid-type]
        def step(self, action: Any) -> Any:
            return how(super().step(action)) if when(self, action) else super().step(action)

    def make() -> Any:
        made = env()
        made.__class__ = Failing
        return made

    return make


def broken(result: Any) -> Any:
    raise RuntimeError("the simulator broke")


def without_number(result: Any) -> Any:
    return (np.full_like(result[0], np.nan), *result[1:])


@pytest.mark.parametrize("how", [broken, without_number])
def test_all_seeds_fail(how: Any, world: Any) -> None:
    policy, env = world
    recording = rltools.record(policy, env, episodes=2)
    with pytest.raises(FaultError, match="every one of 3 episodes with nothing hidden ended by a fault") as caught:
        ablate(policy, recording, failing(env, lambda env, action: True, how), seeds=3, most=3)
    message = str(caught.value)
    assert "delete" in message and "ablate again" in message  # noqa: PT018
    assert len(open_ablation(recording).faults) == 3
    with pytest.raises(FaultError, match="ended by a fault"):  # there is not even a recording
        ablate(policy, env=failing(env, lambda env, action: True, how))


def test_some_seeds_fail(world: Any) -> None:
    """Those whose first bits are alike: their pairs do not count, whatever is hidden."""
    policy, env = world
    recording = rltools.record(policy, env, episodes=2)
    ablation = ablate(
        policy,
        recording,
        failing(env, lambda env, action: env.t == 2 and env.bits[1] == 1, broken),
        replace="zero",
        second=None,
        seeds=12,
        most=12,
        coalitions=True,
    )
    whole = ablate(policy, recording, env, replace="zero", second=None, seeds=12, most=12)
    assert whole.key == ablation.key  # functions have no specification, so what failed is not run again
    failed = set(ablation.rollouts.number[ablation.rollouts.ended == "fault"].tolist())
    assert 0 < len(failed) < 12
    assert len(ablation.faults) == 8 * len(failed)
    assert all("the simulator broke" in fault for fault in ablation.faults)
    assert ablation.losses().seeds.tolist() == [12 - len(failed)] * 3
    assert ablation.shapley().seeds == 12 - len(failed)


def test_a_feature_without_which_every_episode_fails(world: Any) -> None:
    """As long as the answer is right nothing fails; the loss of the only feature that matters stays unknown."""
    policy, env = world
    ablation = ablate(
        policy,
        rltools.record(policy, env, episodes=2),
        failing(env, lambda env, action: bool(action) != bool(env.bits[0]), broken),
        replace="zero",
        second=None,
        seeds=6,
        most=48,
        groups={"first": ["obs[0]"]},
        leave_out=True,
        coalitions=True,
    )
    losses = ablation.losses()
    complete = int(losses.seeds[0])
    assert complete < losses.seeds[1]
    assert (losses.seeds[1:] >= 6).all()
    assert ablation.verdicts()[0].kind == "undecided", "the few that did not fail are no fair sample"
    assert ablation.certificate.holds
    assert ablation.certificate.left_out == losses.players[1:]


def test_every_feature_fails(world: Any) -> None:
    policy, env = world
    recording = rltools.record(policy, env, episodes=2)
    seen: list[int] = []

    def when(env: Any, action: Any) -> bool:
        if env.t == 0:
            seen.append(1)
        return len(seen) > 4

    ablation = ablate(
        policy, recording, failing(env, when, broken), seeds=4, most=40, second=None, leave_out=True, coalitions=True
    )
    assert np.isnan(ablation.losses().interval.value).all()
    assert ablation.losses().leaders == 0
    assert [verdict.kind for verdict in ablation.verdicts()] == ["undecided"] * 3
    assert ablation.shapley() is None
    assert not ablation.certificate.holds
    assert "ended by a fault" in str(ablation.certificate)


def test_no_part_of_a_return_of_zero(guess: Any) -> None:
    policy, env = guess(lambda x: x[..., 0] > 0.5, pays=(0.0, 0.0))
    recording = rltools.record(policy, env, episodes=1)
    with pytest.raises(ArgumentError, match="the mean return is 0, so there is no part of it to keep"):
        ablate(policy, recording, env, seeds=2, most=2, leave_out=True)
    assert open_ablation(recording).losses().interval.value.tolist() == [0, 0, 0]


def test_nothing_to_hide() -> None:
    from gymnasium.spaces import Dict, Text

    with pytest.raises(ArgumentError, match="have no numbers"):
        rltools.TorchPolicy(lambda x: torch.zeros(1, 2), Dict({"mission": Text(4)}), Discrete(2))


def test_an_environment_that_keeps_state(make_policy: Make) -> None:
    """Statistics that begin anew in every episode are none."""
    policy = make_policy("CartPole-v1")
    recording = rltools.record(policy, episodes=1, max_steps=9)
    with pytest.raises(SimulationError, match="has learned nothing yet"):
        ablate(policy, recording, lambda: NormalizeObservation(gymnasium.make("CartPole-v1")), bounds="any")


@pytest.mark.filterwarnings("ignore:.*outside the space")
def test_statistics_of_observations_are_frozen(make_policy: Make) -> None:
    def make() -> Any:
        env = NormalizeObservation(gymnasium.make("CartPole-v1"))
        for seed in range(5):
            env.reset(seed=seed)
            while not env.step(seed % 2)[2]:
                pass
        return env

    live = make()
    policy = make_policy("CartPole-v1")
    recording = rltools.record(policy, live, episodes=2, max_steps=30, bounds="any")
    ablation = ablate(policy, recording, seeds=3, most=3, second=None, bounds="any")
    again = ablate(policy, recording, live, seeds=3, most=3, second=None, bounds="any")
    assert "FrozenStatistics" in ablation.spec.environment
    assert again.key == ablation.key
    assert len(again.rollouts) == len(ablation.rollouts)
    assert np.abs(np.concatenate([episode.observations for episode in recording])).max() > 0.5


def test_frames_and_drawn_actions_do_not_matter(make_policy: Make, make_env: Make, tmp_path: Path) -> None:
    env = make_env(action_space=Discrete(2))
    policy = make_policy(env)
    framed = rltools.record(policy, env, episodes=2, frames=True, directory=tmp_path / "framed")
    drawn = rltools.record(policy, env, episodes=2, deterministic=False, directory=tmp_path / "drawn")
    runs = [ablate(policy, recording, env, seeds=2, most=2, second=None) for recording in (framed, drawn)]
    assert runs[0].returns() == runs[1].returns(), "the best actions are taken"
    assert framed.frames(0)


def with_sha256(policy: Any, sha256: str) -> Any:
    policy.source = dataclasses.replace(policy.source, sha256=sha256, name="golden")
    return policy


@pytest.fixture
def oldest(tmp_path: Path, make_policy: Make) -> Any:
    """A recording of the first format, and a policy that could have made it."""
    recording = rltools.open_recording(shutil.copytree(GOLDEN / "format_1", tmp_path / "format_1"))
    return with_sha256(make_policy("CartPole-v1", features=recording.features), "0" * 64), recording


def test_an_old_recording_is_ablated(oldest: Any) -> None:
    policy, recording = oldest
    ablation = ablate(policy, recording, seeds=2, most=2)
    assert ablation.players == ("place", "speed", "angle", "Ω")
    assert ablation.spec.max_steps == 6
    assert open_ablation(recording).spec.environment.startswith('{"id": "CartPole-v1"')
    assert recording.damaged() == {}


def test_an_old_recording_without_a_limit_of_steps(oldest: Any) -> None:
    policy, recording = oldest
    path = recording.directory / "recording.json"
    content = read_json(path, dict)[0] | {"max_steps": 0}
    write_json(path, content)
    recording = rltools.open_recording(recording.directory)
    assert ablate(policy, recording, seeds=1, most=1, second=None).spec.max_steps == 500


@pytest.mark.parametrize("name", ["format_2", "format_3"])
def test_old_nested_recordings_need_their_function(name: str, tmp_path: Path) -> None:
    recording = rltools.open_recording(shutil.copytree(GOLDEN / name, tmp_path / name))
    text = (GOLDEN / "README.md").read_text(encoding="utf-8").split("`format_3`")[1]
    code = re.search(r"```python\n(.*?)recording = rltools", text, re.DOTALL)
    assert code is not None
    names: dict[str, Any] = {}
    exec(code[1].replace("rltools.policy import", "rltools.policies.base import"), names)
    policy = with_sha256(names["policy"], "0" * 64)
    with pytest.raises(ArgumentError, match="that a function made"):
        ablate(policy, recording, seeds=1, most=1)
    ablation = ablate(policy, recording, names["Room"], seeds=2, most=2)
    assert ablation.players == ("cell", "place")
    assert not ablation.faults
    assert recording.damaged() == {}


def test_inspecting_names_ablations_and_their_damage(world: Any, tmp_path: Path) -> None:
    from rltools.cli.commands.inspect import inspection

    policy, env = world
    recording = rltools.record(policy, env, episodes=1, directory=tmp_path / "run")
    ablation = ablate(policy, recording, env, seeds=1, most=1)
    text, intact = inspection(str(recording.directory))
    assert intact
    assert "ablated" in text
    assert "resample, 11 episodes" in " ".join(text.split())
    (ablation.directory / "000000.parquet").write_bytes(b"PAR1")
    text, intact = inspection(str(recording.directory))
    assert not intact
    assert "000000.parquet is damaged" in " ".join(text.split())  # lines are wrapped
    assert "ablate again" in text


MODULE = """
import gymnasium, numpy as np
from gymnasium.spaces import Box, Discrete

class Corridor(gymnasium.Env):
    observation_space, action_space = Box(-9, 9, (2,), np.float32), Discrete(2)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.t = 0
        return self.np_random.normal(size=2).astype(np.float32), {}

    def step(self, action):
        self.t += 1
        return self.np_random.normal(size=2).astype(np.float32), 1 + float(action), self.t > 4, False, {}

gymnasium.register("Corridor-v0", f"{__name__}:Corridor")
"""


def test_workers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files_in: Any) -> None:
    """Environments that a module registers, and functions; one test, because starting is slow."""
    (tmp_path / "corridors_of_a_test.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    rltools.envs.import_modules(["corridors_of_a_test"])
    module = sys.modules["corridors_of_a_test"]
    net = torch.nn.Linear(2, 2)
    policy = rltools.TorchPolicy(net, module.Corridor.observation_space, Discrete(2), name="walker")
    original = rltools.record(policy, "Corridor-v0", episodes=3, max_steps=9, directory=tmp_path / "original")
    copies = [rltools.open_recording(shutil.copytree(original.directory, tmp_path / f"{n}")) for n in range(3)]
    single = ablate(policy, copies[0], seeds=4, most=20, leave_out=True)
    double = ablate(policy, copies[1], seeds=4, most=20, leave_out=True, workers=2)
    assert files_in(single.directory) == files_in(double.directory)
    function = ablate(policy, copies[2], lambda: gymnasium.make("Corridor-v0"), seeds=2, most=2, workers=2)
    assert not function.faults
