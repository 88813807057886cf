"""What `load_policy` takes, and the seam that policy libraries are found by."""

import hashlib
import subprocess
import sys

import numpy as np
import pytest
import torch
from gymnasium.envs.registration import EnvSpec

from rltools.errors import ArgumentError, ChecksumError, ConfigError, MismatchError, ModelError, UnknownNameError
from rltools.policies import library as policies
from rltools.policies.base import Context
from rltools.policies.load import load_policy

CARD = """\
name: {name}
description: a test's
library: stable-baselines3
algorithm: PPO
environment: {{id: {env}, kwargs: {kwargs}}}
model: {{file: model.zip, sha256: "{sha256}"{statistics}}}
training: {{steps: 1, seed: 0}}
returns: {{mean: 0, std: 0, episodes: 1, seed: 0}}
"""


@pytest.fixture(scope="module")
def cartpole(tmp_path_factory):
    from stable_baselines3 import PPO

    path = tmp_path_factory.mktemp("cartpole") / "model.zip"
    PPO("MlpPolicy", "CartPole-v1", policy_kwargs={"net_arch": [4]}, device="cpu").save(path)
    return path


@pytest.fixture
def agent(cartpole, tmp_path, monkeypatch):
    """Writes an agent's folder into `agents/` of the working directory."""
    monkeypatch.chdir(tmp_path)

    def write(name="my-agent", env="CartPole-v1", kwargs="{}", sha256=None, statistics=""):
        folder = tmp_path / "agents" / name
        folder.mkdir(parents=True)
        (folder / "model.zip").write_bytes(cartpole.read_bytes())
        sha256 = sha256 or hashlib.sha256(cartpole.read_bytes()).hexdigest()
        card = CARD.format(name=name, env=env, kwargs=kwargs, sha256=sha256, statistics=statistics)
        (folder / "agent.yaml").write_text(card)
        return folder

    return write


def test_an_agent_is_found_by_name_and_by_folder(agent):
    folder = agent()
    for source in ("my-agent", folder, str(folder)):
        policy = load_policy(source)
        assert policy.source.name == "my-agent"
        assert policy.source.sha256 == hashlib.sha256((folder / "model.zip").read_bytes()).hexdigest()
        assert EnvSpec.from_json(policy.source.environment).id == "CartPole-v1"


def test_names_come_from_the_card_of_the_environment(agent):
    agent()
    (folder := agent("other").parents[1] / "envs").mkdir()
    (folder / "cartpole.yaml").write_text(
        "environments: [{id: CartPole-v1}]\ndescription: a pole\nsource: https://example.org\n"
        "observation:\n"
        "  [{name: x, meaning: m}, {name: v, unit: m/s, meaning: m}, {name: a, meaning: m}, {name: w, meaning: m}]\n"
        "actions: [{name: push left, meaning: m}, {name: push right, meaning: m}]\n"
    )
    policy = load_policy("my-agent")
    assert policy.features.names == ("x", "v", "a", "w")
    assert policy.features.units == ("", "m/s", "", "")
    assert policy.action_names == ("push left", "push right")


def test_an_unknown_name_is_answered_with_the_nearest(agent):
    agent()
    with pytest.raises(UnknownNameError, match="did you mean 'my-agent'"):
        load_policy("my-agnet")


@pytest.mark.parametrize("source", ["nowhere/model.zip", "model.zip", "./nothing"])
def test_a_path_to_nothing_is_said_to_be_one(agent, source):
    agent()
    with pytest.raises(ModelError, match="there is nothing at"):
        load_policy(source)


def test_another_file_than_the_card_names_is_refused_before_it_is_read(agent):
    folder = agent(sha256="0" * 64)
    (folder / "model.zip").write_bytes(b"anything")
    with pytest.raises(ChecksumError) as caught:
        load_policy("my-agent")
    for part in (str(folder / "model.zip"), "0" * 64, hashlib.sha256(b"anything").hexdigest()):
        assert part in str(caught.value)


def test_other_statistics_than_the_card_names_are_refused(agent):
    folder = agent(statistics=f", normalize: statistics.pkl, normalize_sha256: '{'1' * 64}'")
    with pytest.raises(ModelError, match=r"statistics\.pkl cannot be read: .*the card in .*my-agent names it"):
        load_policy("my-agent")
    (folder / "statistics.pkl").write_bytes(b"")
    with pytest.raises(ChecksumError, match=r"statistics\.pkl"):
        load_policy("my-agent")


def test_statistics_that_the_card_does_not_name_are_left_alone(agent):
    folder = agent()
    (folder / "vecnormalize.pkl").write_bytes(b"not even a pickle")
    assert load_policy("my-agent").source.notes == ()


def test_a_faulty_card_is_named(agent):
    folder = agent()
    (folder / "agent.yaml").write_text("nmae: x")
    with pytest.raises(ConfigError, match=r"agent\.yaml"):
        load_policy("my-agent")


def test_the_environment_of_the_card_must_fit(agent):
    agent(env="LunarLander-v3")
    with pytest.raises(MismatchError, match=r"my-agent.*\[4\].*LunarLander-v3.*\[8\]"):
        load_policy("my-agent")


def test_another_environment_is_used_when_asked_for_and_said(agent):
    agent()
    policy = load_policy("my-agent", "CartPole-v0")
    assert EnvSpec.from_json(policy.source.environment).id == "CartPole-v0"
    assert policy.source.notes[0] == "trained on CartPole-v1, used on CartPole-v0"


def test_an_environment_given_as_a_function_or_alive_is_used(cartpole):
    import gymnasium

    for env in (lambda: gymnasium.make("CartPole-v1"), gymnasium.make("CartPole-v1"), gymnasium.spec("CartPole-v1")):
        policy = load_policy(cartpole, env)
        assert EnvSpec.from_json(policy.source.environment).id == "CartPole-v1"


def test_a_policy_is_returned_as_it_is(cartpole):
    policy = load_policy(cartpole)
    assert load_policy(policy) is policy
    assert load_policy(policy, "CartPole-v1") is policy
    with pytest.raises(ArgumentError, match="policy already"):
        load_policy(policy, dtype=torch.float64)


def test_a_module_is_a_policy_of_the_environment_given():
    policy = load_policy(torch.nn.Linear(4, 2), "CartPole-v1")
    assert policy.act(np.zeros((1, 4), np.float32), Context()).actions.shape == (1,)
    with pytest.raises(ArgumentError, match="give env="):
        load_policy(torch.nn.Linear(4, 2))


@pytest.mark.parametrize("source", [3, None, 2j])
def test_what_no_library_claims_is_refused_with_those_asked(source):
    with pytest.raises(ArgumentError, match=r"tried: .*sb3, .*saved, torch_policy"):
        load_policy(source)


def test_a_file_that_no_library_claims_is_refused(tmp_path):
    (tmp_path / "model.keras").touch()
    with pytest.raises(ArgumentError, match=r"the path .*model\.keras"):
        load_policy(tmp_path / "model.keras")


def test_an_installed_library_is_asked_first(monkeypatch, make_policy):
    policy = make_policy("CartPole-v1")

    class Point:
        def load(self, *arguments):
            return policy if arguments else self

        def claims(self, source):
            return source == "anything"

    point = Point()
    monkeypatch.setattr(
        policies, "entry_points_of", lambda group: {"mine": point} if group == "rltools.policies" else {}
    )
    assert policies.policy_of("anything", policies.LoadOptions()) is policy


def test_loading_is_imported_without_the_library_of_the_models():
    heavy = ("stable_baselines3", "matplotlib", "pandas")
    script = f"import sys, rltools.policies.load; print([name for name in {heavy} if name in sys.modules])"
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"


def test_a_file_whose_name_everybody_gives_is_called_after_its_folder_too(cartpole):
    folder = cartpole.parent.name
    assert load_policy(cartpole).source.name == f"{folder}-model"
    assert load_policy(cartpole, name="poles").source.name == "poles"


def test_a_page_says_what_normalizes_and_of_what_its_sha256_is(make_env, make_policy, tmp_path):
    import dataclasses

    import rltools
    from rltools.pages.report._parts import closing

    assert load_policy("cartpole-ppo").source.normalization == ""
    policy = load_policy("hopper-ppo")
    assert policy.source.normalization == "hopper-ppo/vecnormalize.pkl"
    env = make_env(length=1)
    header = rltools.record(make_policy(env), env, episodes=1).header
    plain = closing((), (), header, policy=True)
    assert "normalized" not in plain
    assert "sha256 of both" not in plain
    page = closing((), (), dataclasses.replace(header, normalization=policy.source.normalization), policy=True)
    assert "observations are normalized with the statistics of hopper-ppo/vecnormalize.pkl" in page
    assert "sha256 of both" in page
