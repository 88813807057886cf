"""Models of a model hub, out of a cache laid out as huggingface_hub lays it out; nothing here uses the network."""

import fnmatch
import hashlib
import pickle
import re
import sys
from pathlib import Path

import gymnasium
import huggingface_hub
import pytest
from gymnasium.envs.registration import EnvSpec
from huggingface_hub import constants
from huggingface_hub.hf_api import RepoSibling
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

from rltools.cli.commands.inspect import inspection
from rltools.errors import ArgumentError, ModelError, UnsafeFileError
from rltools.policies import hub as _hub
from rltools.policies.load import load_policy

GOLDEN = Path(__file__).parents[1] / "golden" / "libraries" / "flax"
COMMIT, EARLIER = "a" * 40, "b" * 40
ARGS = "!!python/object/apply:collections.OrderedDict\n- - - algo\n    - ppo\n  - - env\n    - {env}\n"
CONFIG = "!!python/object/apply:collections.OrderedDict\n- - - normalize\n    - {normalize}\n"


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "model.zip"
    PPO("MlpPolicy", "CartPole-v1", policy_kwargs={"net_arch": [4]}, device="cpu").save(path)
    return path.read_bytes()


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """Puts a repository's files into the cache: blobs, and links to them from a snapshot."""
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.chdir(tmp_path)

    def put(repo, files, commit=COMMIT, main=True):
        folder = tmp_path / "hub" / f"models--{repo.replace('/', '--')}"
        for part in ("blobs", "refs", f"snapshots/{commit}"):
            (folder / part).mkdir(parents=True, exist_ok=True)
        if main:
            (folder / "refs" / "main").write_text(commit)
        for name, text in files.items():
            content = text.encode() if isinstance(text, str) else text
            blob = folder / "blobs" / hashlib.sha256(content).hexdigest()
            blob.write_bytes(content)
            place = folder / "snapshots" / commit / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.symlink_to(blob)
        return folder / "snapshots" / commit

    return put


def zoo(model, env="CartPole-v1", normalize="false", **others):
    return {
        f"ppo-{env}.zip": model,
        f"ppo-{env}/policy.pth": b"unpacked",
        "args.yml": ARGS.format(env=env),
        "config.yml": CONFIG.format(normalize=normalize),
        "env_kwargs.yml": "{}\n",
        "train_eval_metrics.zip": b"PK not a model",
        "README.md": "# PPO",
        "results.json": "{}",
    } | others


def statistics(env="CartPole-v1"):
    wrapper = VecNormalize(DummyVecEnv([lambda: gymnasium.make(env)]))
    wrapper.obs_rms.mean[:] = 3
    content = pickle.dumps(wrapper)
    wrapper.close()
    return content


def test_an_upload_of_the_zoo(cache, model):
    cache("sb3/ppo-CartPole-v1", zoo(model))
    policy = load_policy("hf:sb3/ppo-CartPole-v1")
    assert policy.source.name == "ppo-CartPole-v1"
    assert policy.source.sha256 == hashlib.sha256(model).hexdigest()
    assert EnvSpec.from_json(policy.source.environment).id == "CartPole-v1"
    assert policy.source.notes == (f"from the model hub: sb3/ppo-CartPole-v1 at revision {COMMIT}",)


def test_its_statistics_go_by_the_hubs_name(cache, model):
    cache("sb3/ppo-CartPole-v1", zoo(model, normalize="true", **{"vec_normalize.pkl": statistics()}))
    plain, normalized = (load_policy("hf:sb3/ppo-CartPole-v1", normalize=choice) for choice in (False, None))
    assert plain.source.sha256 != normalized.source.sha256


def test_statistics_that_are_missing_are_missed(cache, model):
    cache("sb3/ppo-CartPole-v1", zoo(model, normalize="true"))
    with pytest.raises(ModelError, match="statistics are missing"):
        load_policy("hf:sb3/ppo-CartPole-v1")


def test_arguments_of_its_environment_are_used(cache, model):
    cache("sb3/ppo-CartPole-v1", zoo(model) | {"env_kwargs.yml": "sutton_barto_reward: true\n"})
    spec = EnvSpec.from_json(load_policy("hf:sb3/ppo-CartPole-v1").source.environment)
    assert spec.kwargs["sutton_barto_reward"] is True


def test_a_revision_is_pinned(cache, model):
    cache("sb3/ppo-CartPole-v1", zoo(model))
    cache("sb3/ppo-CartPole-v1", zoo(model), EARLIER, main=False)
    assert EARLIER in load_policy(f"hf:sb3/ppo-CartPole-v1@{EARLIER}").source.notes[0]
    assert COMMIT in load_policy("hf:sb3/ppo-CartPole-v1@main").source.notes[0]
    with pytest.raises(ModelError, match=f"@{'c' * 40} is not in the cache"):
        load_policy(f"hf:sb3/ppo-CartPole-v1@{'c' * 40}")


@pytest.mark.parametrize("name", ["only.zip", "best_model.zip", "my-agent.zip"])
def test_which_model_it_is(cache, model, name):
    files = {name: model} if name == "only.zip" else {name: model, "other.zip": b"x", "another.zip": b"x"}
    cache("me/my-agent", files)
    assert load_policy("hf:me/my-agent", normalize=False).source.name == "my-agent"


def test_a_file_is_picked(cache, model):
    cache("me/my-agent", {"one.zip": b"x", "two.zip": model, "deep/three.zip": model})
    for name in ("two.zip", "deep/three.zip"):
        notes = load_policy(f"hf:me/my-agent/{name}", normalize=False).source.notes
        assert notes[0] == f"from the model hub: me/my-agent {name} at revision {COMMIT}"
    with pytest.raises(ModelError, match=r"holds one\.zip, two\.zip; name one, for instance hf:me/my-agent/one\.zip"):
        load_policy("hf:me/my-agent")
    with pytest.raises(ModelError, match=r"has no four\.zip; it holds one\.zip, two\.zip"):
        load_policy("hf:me/my-agent/four.zip")


def test_a_repository_without_a_model(cache):
    cache("me/my-agent", {"README.md": "x"})
    with pytest.raises(ModelError, match=r"holds no model's \.zip"):
        load_policy("hf:me/my-agent")


def test_what_was_never_fetched(cache):
    with pytest.raises(ModelError, match="hf:me/nothing is not in the cache, and the hub cannot be reached"):
        load_policy("hf:me/nothing")


@pytest.mark.parametrize(
    "source",
    [
        "hf:",
        "hf:me",
        "hf:../../etc",
        "hf:me/..",
        "hf:me/x/y.pkl",
        "hf:me/x/../y.zip",
        "hf:me/x@",
        "hf:a b/c",
        "hf:me/x@-r",
    ],
)
def test_what_is_no_name_of_a_model(cache, source):
    with pytest.raises(ArgumentError, match="is not a model on a hub"):
        load_policy(source)


def test_only_the_prefix_reaches_for_a_hub(cache, model, monkeypatch):
    cache("sb3/ppo-CartPole-v1", zoo(model))
    monkeypatch.setattr(_hub, "_snapshot", lambda *_: pytest.fail("the hub was asked"))
    with pytest.raises(ModelError, match=r"there is nothing at .*hf:ORG/NAME"):
        load_policy("sb3/ppo-CartPole-v1")


def test_without_the_extra_it_is_named(cache, monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(ModelError, match=r'pip install "rltools-attribution\[hub\]"'):
        load_policy("hf:sb3/ppo-CartPole-v1")


def test_a_link_out_of_the_cache_is_refused(cache, model, tmp_path):
    folder = cache("sb3/ppo-CartPole-v1", zoo(model))
    (tmp_path / "elsewhere.yml").write_text("a: 1\n")
    (folder / "config.yml").unlink()
    (folder / "config.yml").symlink_to(tmp_path / "elsewhere.yml")
    with pytest.raises(UnsafeFileError, match=r"config\.yml is a link to"):
        load_policy("hf:sb3/ppo-CartPole-v1")


def test_trust_and_inspection_take_a_model_of_a_hub(cache, model):
    cache("sb3/ppo-CartPole-v1", zoo(model))
    digest = hashlib.sha256(model).hexdigest()
    assert "trusted by its sha256" in " ".join(load_policy("hf:sb3/ppo-CartPole-v1", trust=digest).source.notes)
    text, _ = inspection("hf:sb3/ppo-CartPole-v1")
    assert f"at revision {COMMIT}" in " ".join(text.split())
    assert "CartPole-v1" in text


def test_with_a_network_sizes_are_looked_at_first(cache, model, monkeypatch):
    folder = cache("me/my-agent", {"model.zip": model})
    files = [RepoSibling(rfilename="model.zip", size=len(model)), RepoSibling(rfilename="replay.mp4", size=10**12)]

    class Api:
        def model_info(self, repo, *, revision, files_metadata):
            return type("Info", (), {"siblings": files})

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(huggingface_hub, "HfApi", Api)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", lambda **_: str(folder))
    assert load_policy("hf:me/my-agent", normalize=False).heads
    files.append(RepoSibling(rfilename="huge.zip", size=10**12))
    with pytest.raises(UnsafeFileError, match=r"'huge\.zip' of 1,000,000,000,000 bytes.*not fetched"):
        load_policy("hf:me/my-agent")


def test_without_a_network_what_was_fetched_is_used(cache, model, monkeypatch):
    cache("me/my-agent", {"model.zip": model})

    class Api:
        def model_info(self, *_, **__):
            raise ConnectionError("no route to host")

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(huggingface_hub, "HfApi", Api)
    assert load_policy("hf:me/my-agent", normalize=False).heads
    with pytest.raises(ModelError, match="no route to host"):
        load_policy("hf:me/other")


CARD = """---
library_name: {library}
tags: [{env}, deep-reinforcement-learning]
model-index:
- name: PPO
  results:
  - metrics: [{{type: mean_reward, value: 500.00 +/- 0.00, name: mean_reward}}]
    task: {{type: reinforcement-learning}}
    dataset: {{name: {env}, type: {env}}}
---
# PPO
"""


def card(env="CartPole-v1", library="stable-baselines3"):
    return CARD.format(env=env, library=library)


def test_the_environment_is_the_one_of_the_model_card(cache, model):
    cache("me/my-agent", {"model.zip": model, "README.md": card()})
    policy = load_policy("hf:me/my-agent", normalize=False)
    assert EnvSpec.from_json(policy.source.environment).id == "CartPole-v1"
    assert "its environment, CartPole-v1, is the one that the model card of me/my-agent names" in policy.source.notes
    assert policy.action_names == ("push left", "push right")


def test_what_the_zoo_says_comes_before_the_model_card(cache, model):
    cache("sb3/ppo-CartPole-v1", zoo(model, **{"README.md": card("Pendulum-v1")}))
    policy = load_policy("hf:sb3/ppo-CartPole-v1")
    assert EnvSpec.from_json(policy.source.environment).id == "CartPole-v1"
    assert not any("model card" in note for note in policy.source.notes)


def test_an_environment_of_ones_own_comes_before_the_model_card(cache, model):
    cache("me/my-agent", {"model.zip": model, "README.md": card("Pendulum-v1")})
    policy = load_policy("hf:me/my-agent", "CartPole-v1", normalize=False)
    assert "trained on Pendulum-v1, used on CartPole-v1" in policy.source.notes


def test_a_model_card_with_an_environment_of_other_spaces(cache, model):
    cache("me/my-agent", {"model.zip": model, "README.md": card("Pendulum-v1")})
    policy = load_policy("hf:me/my-agent", normalize=False)
    assert policy.source.environment is None
    assert any(
        "Pendulum-v1, which the model card names, has other observations or actions" in note
        for note in policy.source.notes
    )


@pytest.mark.parametrize(
    ("env", "note"),
    [
        ("PandaReach-v3", r"names the environment PandaReach-v3, which is not registered.*panda-gym has it.*panda_gym"),
        ("MyOwn-v0", r"names the environment MyOwn-v0, which is not registered here; import the package"),
        ("os:CartPole-v1", r"names 'os:CartPole-v1', which is no environment's id"),
        ("[CartPole-v1]", r"^from the model hub[^;]*$"),
    ],
)
def test_a_model_card_without_an_environment_that_is_here(cache, model, env, note):
    cache("me/my-agent", {"model.zip": model, "README.md": card(env)})
    policy = load_policy("hf:me/my-agent", normalize=False)
    assert policy.source.environment is None
    assert re.search(note, "; ".join(each for each in policy.source.notes if "hub" in each or "card" in each))


def test_a_model_card_with_several_environments(cache, model):
    second = "  - dataset: {name: Pendulum-v1}\n---\n"
    cache("me/my-agent", {"model.zip": model, "README.md": card().replace("---\n#", f"{second}#")})
    policy = load_policy("hf:me/my-agent", normalize=False)
    assert policy.source.environment is None
    assert any("several environments, CartPole-v1, Pendulum-v1" in note for note in policy.source.notes)


def test_weights_without_an_environment_say_what_to_give(cache):
    files = {"dqn.cleanrl_model": (GOLDEN / "dqn" / "agent.cleanrl_model").read_bytes()}
    cache("me/weights", files | {"README.md": card("PandaReach-v3", "cleanrl")})
    match = r"no environment; give the one .*names the environment PandaReach-v3, which is not registered here"
    with pytest.raises(ArgumentError, match=match):
        load_policy("hf:me/weights")
    cache("me/weights", files | {"README.md": card("CartPole-v1", "cleanrl")}, EARLIER, main=False)
    policy = load_policy(f"hf:me/weights@{EARLIER}")
    assert policy.heads == ("q_value",)
    assert "its environment, CartPole-v1, is the one that the model card of me/weights names" in policy.source.notes


@pytest.mark.parametrize(
    ("files", "path"),
    [
        (["dqn.cleanrl_model", "dqn.py", "events.out"], "dqn.cleanrl_model"),
        (["config.json", "checkpoint_p0/best_1.pth", "checkpoint_p0/checkpoint_2.pth"], ""),
        (["deep/rllib_checkpoint.json", "deep/learner_group/metadata.json"], "deep"),
        (["a.pt", "best_agent.pt"], "best_agent.pt"),
        (["my-agent.onnx", "other.onnx"], "my-agent.onnx"),
        (["inner/model.safetensors"], "inner/model.safetensors"),
    ],
)
def test_which_file_or_folder_it_is(cache, files, path):
    folder = cache("me/my-agent", dict.fromkeys(files, b"x") | {"README.md": card()})
    assert _hub.fetch("hf:me/my-agent").path == folder / path


def test_several_files_of_weights_are_listed(cache):
    folder = cache("me/my-agent", {"one.pt": b"1", "two.pth": b"2"})
    with pytest.raises(ModelError, match=r"holds one\.pt, two\.pth; name one, for instance hf:me/my-agent/one\.pt"):
        _hub.fetch("hf:me/my-agent")
    assert _hub.fetch("hf:me/my-agent/two.pth").path == folder / "two.pth"


@pytest.mark.parametrize(
    ("library", "tags", "fetched", "left"),
    [
        ("cleanrl", [], "ppo.cleanrl_model", "model.zip"),
        (None, ["x", "sample-factory"], "checkpoint_p0/best.pth", "replay.mp4"),
        ("ml-agents", [], "SoccerTwos.onnx", "SoccerTwos.pt"),
        ("ray", [], "a/module_state.pkl", "a/class_and_ctor_args.pkl"),
        (None, [], "model.safetensors", "optimizer.bin"),
    ],
)
def test_the_library_of_the_model_card_decides_what_is_fetched(cache, monkeypatch, library, tags, fetched, left):
    patterns, folder = [], cache("me/my-agent", {"README.md": card()})
    files = [RepoSibling(rfilename=name, size=1) for name in (fetched, "README.md")]
    if library is not None or tags:
        files.append(RepoSibling(rfilename=left, size=10**12))

    class Api:
        def model_info(self, repo, *, revision, files_metadata):
            return type("Info", (), {"siblings": files, "library_name": library, "tags": tags})

    def download(**chosen):
        patterns.extend(chosen["allow_patterns"])
        return str(folder)

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(huggingface_hub, "HfApi", Api)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    with pytest.raises(ModelError, match="not a model of a library that rltools reads"):
        _hub.fetch("hf:me/my-agent")
    assert any(fnmatch.fnmatch(fetched, pattern) for pattern in patterns)
    assert not any(fnmatch.fnmatch(left, pattern) for pattern in patterns)
