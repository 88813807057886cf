"""Files and folders that are something else: each is named for what it is, with the next step."""

from __future__ import annotations

import gzip
import io
import json
import os
import pickle
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import gymnasium
import numpy as np
import pytest
import torch
from stable_baselines3 import DQN, PPO
from stable_baselines3.common.buffers import ReplayBuffer
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

import rltools
from rltools._util.console import say_each
from rltools.cli.commands.inspect import inspection
from rltools.cli.commands.list import listing
from rltools.errors import ArgumentError, ConfigError, ModelError, RltoolsError


def zipped(**members: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in members.items():
            archive.writestr(name.replace("__", "/").replace("_DOT_", "."), content)
    return file.getvalue()


def tarred() -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("model.zip"))
    return file.getvalue()


def statistics() -> bytes:
    return pickle.dumps(VecNormalize(DummyVecEnv([lambda: gymnasium.make("CartPole-v1")])))


def buffer() -> bytes:
    space = gymnasium.spaces.Box(-1, 1, (3,))
    return pickle.dumps(ReplayBuffer(2000, space, space, device="cpu"))


# What it is -> (its content, what is said of it, the next step).
KINDS: dict[str, tuple[Callable[[], bytes], str, str]] = {
    "empty": (lambda: b"", "an empty file", "fetch or save it again"),
    "lfs": (
        lambda: b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 12\n",
        "a Git LFS pointer",
        "run `git lfs pull`",
    ),
    "html": (lambda: b"\n<!DOCTYPE html><html><head></head></html>", "a web page", "fetch the file itself"),
    "xml": (lambda: b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>', "a web page", "fetch the file"),
    "json": (lambda: b'{"error": "not found"}', "a JSON text", "give the model's .zip"),
    "text": (lambda: b"404: Not Found\n", "a text that begins with '404: Not Found'", "fetch or save"),
    "gzip": (lambda: gzip.compress(b"x"), "a gzip archive", "unpack it"),
    "tar": (tarred, "a tar archive", "unpack it"),
    "hdf5": (lambda: b"\x89HDF\r\n\x1a\n" + bytes(99), "an HDF5 file, as Keras", "convert it to ONNX"),
    "npy": (lambda: b"\x93NUMPY\x01\x00" + bytes(99), "a NumPy array", "give the model's .zip"),
    "sb2": (lambda: zipped(data=b"{}", parameters=b"", parameter_list=b"[]"), "Stable-Baselines 2", "train it again"),
    "zip of zips": (
        lambda: zipped(models__best_model_DOT_zip=b"", models__evaluations_DOT_npz=b""),
        r"a zip of zips: 'models/best_model\.zip'",
        "give one of them",
    ),
    "onnx in a zip": (lambda: zipped(walker_DOT_onnx=b"1"), "an ONNX network", "give its file"),
    "rllib in a zip": (
        lambda: zipped(rllib_checkpoint_DOT_json=b"{}", policies__state_DOT_pkl=b""),
        "an RLlib checkpoint",
        "give the folder",
    ),
    "torchrl in a zip": (
        lambda: zipped(manifest_DOT_json=b"{}", components__state_DOT_json=b"{}"),
        "a checkpoint of TorchRL",
        "unpack it, and give its folder",
    ),
    "pickled tianshou": (
        lambda: b"\x80\x04\x8c\x2ctianshou.algorithm.modelfree\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.",
        "a pickled Tianshou policy; it was not read",
        "save its weights with torch.save(policy.state_dict(), PATH)",
    ),
    "pickled d3rlpy": (lambda: b"\x80\x04\x8c\x06d3rlpy.", "a d3rlpy pickle", "save() or save_model()"),
    "spreadsheet": (lambda: zipped(xl__workbook_DOT_xml=b"x"), "a zip of 'xl/workbook", "give the model's own .zip"),
    "empty zip": (zipped, "an empty zip", "fetch or save"),
    "keras": (lambda: zipped(config_DOT_json=b"{}", model_DOT_weights_DOT_h5=b""), "a Keras model", "FunctionPolicy"),
    "folder zipped": (
        lambda: zipped(model__data=b"{}", model__policy_DOT_pth=b""),
        "whose files are in a folder inside the zip",
        "zip the files themselves",
    ),
    "statistics": (statistics, "VecNormalize statistics, not a model", "normalize=PATH"),
    "buffer": (buffer, "a replay buffer of Stable-Baselines3", "give the model's .zip"),
    "pickle": (lambda: pickle.dumps({"a": 1}), "a pickle, which can run code", "load it yourself if you trust it"),
    "rllib": (lambda: b"\x80\x04cray.rllib.policy\nPolicy\n.", "a pickled RLlib checkpoint", "save_to_path"),
    "pickle of protocol 0": (lambda: pickle.dumps({"a": 1}, 0), "a pickle, which can run code", "load it yourself"),
    "pickle of protocol 1": (lambda: pickle.dumps({"a": 1}, 1), "a pickle, which can run code", "load it yourself"),
    "compressed by joblib": (lambda: zlib.compress(pickle.dumps(1), 3), "a pickle, which can run", "load it yourself"),
    "scikit-learn": (
        lambda: b"\x80\x04\x8c\x15sklearn.tree._classes\x94.",
        "a pickled model of scikit-learn",
        "give rltools.FunctionPolicy",
    ),
    "monitor": (lambda: b'#{"t_start": 1.0}\nr,l,t\n', "the returns of a training", "give the model's .zip"),
    "blank": (lambda: b" \n\t", "a blank text", "fetch or save it again"),
    "lz4": (lambda: b"\x04\x22\x4d\x18abc", "an lz4 archive", "unpack it"),
    "png": (lambda: b"\x89PNG\r\n\x1a\n" + bytes(30), "a PNG image", "give the model's .zip"),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["model.zip", "model.pt", "model", "run.cleanrl_model", "model.pkl"])
def test_a_file_is_named_for_what_it_is(kind: str, name: str, tmp_path: Path) -> None:
    make, name_of_kind, advice = KINDS[kind]
    path = tmp_path / name
    path.write_bytes(make())
    with pytest.raises((ModelError, ArgumentError), match=f"{name}.*{name_of_kind}") as refusal:
        rltools.load_policy(path, "CartPole-v1")
    message = str(refusal.value)
    assert advice in message.partition(";")[2]
    assert "save the model again" not in message.lower()
    assert "trust=" not in message
    assert message.isprintable()
    assert len(message) < 600
    with pytest.raises(RltoolsError, match=name_of_kind):
        inspection(str(path))
    with pytest.raises(RltoolsError):
        rltools.load_policy(path, "CartPole-v1", trust="0" * 64)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("train.py", "the code of a training, not its model"),
        ("notes.md", "a text that begins with 'import gym', not a model; give the model's .zip"),
    ],
)
def test_a_text_is_named_by_its_ending(name: str, kind: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text("import gym")
    with pytest.raises(ArgumentError, match=kind):
        rltools.load_policy(tmp_path / name)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("frozen.pb", "a part of a TensorFlow model"),
        ("model.ckpt-9.index", "a part of a TensorFlow model"),
        ("model.tflite", "a TensorFlow Lite model"),
        ("walker.sentis", "a network of ML-Agents for Unity"),
        ("policy.engine", "a TensorRT engine; give the ONNX file"),
        ("params.msgpack", "a msgpack file that holds no parameters of flax"),
        ("events.out.tfevents.1.host.1.0", "a log of TensorBoard"),
        ("rl-video.mp4", "a video"),
    ],
)
def test_bytes_that_say_nothing_are_named_by_the_ending(name: str, kind: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"\0\x01\xfe\xff" * 9)
    with pytest.raises(ArgumentError, match=kind):
        rltools.load_policy(tmp_path / name)


@pytest.mark.parametrize(
    ("arrays", "kind"),
    [
        (["timesteps", "results", "ep_lengths"], r"the returns that EvalCallback measured; give best_model\.zip"),
        (["mean", "var"], "statistics of observations; give the model, and these as normalize=PATH"),
        (["obs", "actions", "rewards"], "recorded steps; give the file of the policy"),
        (["rewards"], "no layers among its 1 tensor, and it holds 'rewards'"),
    ],
)
def test_arrays_that_are_no_weights_are_named_by_their_keys(arrays: list[str], kind: str, tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", **{name: np.zeros(3) for name in arrays})
    with pytest.raises(ModelError, match=kind):
        rltools.load_policy(tmp_path / "a.npz", "CartPole-v1")


def test_the_state_of_an_optimizer_is_no_model(tmp_path: Path) -> None:
    torch.save(torch.optim.Adam([torch.zeros(1, requires_grad=True)]).state_dict(), tmp_path / "policy.optimizer.pth")
    with pytest.raises(ModelError, match=r"the state of an optimizer; give the file of the weights"):
        rltools.load_policy(tmp_path / "policy.optimizer.pth", "CartPole-v1")


def test_a_link_to_nothing_says_where_it_leads(tmp_path: Path) -> None:
    (tmp_path / "model.zip").symlink_to("blobs/abc")
    with pytest.raises(ModelError, match=r"model\.zip is a link to blobs/abc, where nothing is"):
        rltools.load_policy(tmp_path / "model.zip", "CartPole-v1")


def test_what_macos_adds_to_a_zip_is_named_with_the_command_that_removes_it(model: PPO, tmp_path: Path) -> None:
    model.save(tmp_path / "model.zip")
    with zipfile.ZipFile(tmp_path / "model.zip", "a") as archive:
        archive.writestr("__MACOSX/._data", b"")
    with pytest.raises(RltoolsError, match=r"which macOS adds.*zip -d .*model\.zip '__MACOSX/\*'"):
        rltools.load_policy(tmp_path / "model.zip", "CartPole-v1")


def test_weights_of_cleanrl_in_jax(tmp_path: Path) -> None:
    (tmp_path / "ppo.cleanrl_model").write_bytes(b"\x93\x81\xa6params\xc7\x10\x01" + bytes(range(128, 200)))
    with pytest.raises(ArgumentError, match="a file of CleanRL that is neither PyTorch's nor JAX's"):
        rltools.load_policy(tmp_path / "ppo.cleanrl_model")


@pytest.mark.parametrize(
    ("files", "kind"),
    [
        (["saved_model.pb"], "a TensorFlow SavedModel"),
        (["checkpoint_p0/best.pth"], "a Sample Factory training run without its config.json"),
        (["wandb-metadata.json"], "the files of a Weights & Biases run; give the path of the model's .zip"),
        (["wandb-metadata.json", "model.zip"], r"a Weights & Biases run; give .*/model\.zip"),
        (["a:v3/model.zip"], r"a folder with a model in it: 'a:v3/model\.zip'; give .*/a:v3/model\.zip"),
        (
            ["models--a--b/snapshots/1/a.zip", "models--a--b/refs/main"],
            r"a model in it: 'models--a--b/snapshots/1/a\.zip'",
        ),
        (["model_1.pt", "best.pt"], r"with models in it: 'best\.pt', 'model_1\.pt'; give the path of one .*/best\.pt"),
        (["checkpoint", "model.ckpt-9.index"], "a TensorFlow checkpoint"),
        (["_CHECKPOINT_METADATA", "d/a"], "an Orbax checkpoint of JAX; write its parameters"),
        (["events.out.tfevents.1"], "a log of TensorBoard"),
        (["MLmodel"], "an MLflow model"),
        (["data", "policy.pth"], "an unpacked model of Stable-Baselines3"),
        (["recording.json"], "the folder of a recording"),
        (["a.zip", "b.zip"], r"a folder with zips: 'a\.zip', 'b\.zip'; give the path of one of them"),
        (["CartPole-v1_1/CartPole-v1.zip"], "a folder of runs, 'CartPole-v1_1'; give the path of one"),
        (["notes.txt"], "a folder without a model that a library knows"),
    ],
)
def test_a_folder_is_named_for_what_it_is(files: list[str], kind: str, tmp_path: Path) -> None:
    for name in files:
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / name).write_text(json.dumps({}))
    with pytest.raises(ArgumentError, match=kind):
        rltools.load_policy(tmp_path, "CartPole-v1")


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PPO:
    monkeypatch.chdir(tmp_path)
    return PPO("MlpPolicy", "CartPole-v1", device="cpu", seed=0, policy_kwargs={"net_arch": [4]})


@pytest.mark.parametrize("name", ["final_model", "runs/final_model", "ppo_0.99", "runs/lr1e-3.5"])
def test_a_model_is_found_as_stable_baselines3_finds_it(model: PPO, name: str) -> None:
    Path("runs").mkdir()
    model.save(name)
    PPO.load(name)
    for source in (name, Path(name)):
        assert rltools.load_policy(source, "CartPole-v1").heads == ("logit", "value")
    text, is_complete = inspection(name)
    assert is_complete
    assert "ActorCriticPolicy" in text


def test_what_is_there_comes_before_what_has_an_ending(model: PPO, tmp_path: Path) -> None:
    model.save("mine")
    (tmp_path / "mine").mkdir()
    with pytest.raises(ArgumentError, match=r"a folder beside a zip of the same name; give mine\.zip"):
        rltools.load_policy("mine", "CartPole-v1")


@pytest.mark.parametrize(
    "source", ["", " ", "nothing", "a/nothing", "nothing.zip", "a" * 5000, "a/" * 3000, "a\0b", "\udc80", "~/x"]
)
def test_what_is_not_there_is_one_error(source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for path_or_text in (source, Path(source)):
        with pytest.raises(RltoolsError) as refusal:
            rltools.load_policy(path_or_text, "CartPole-v1")
        assert len(str(refusal.value)) < 1500
    with pytest.raises(RltoolsError):
        inspection(source)


def test_a_replay_buffer_beside_a_model_is_no_model(tmp_path: Path) -> None:
    model = DQN("MlpPolicy", "CartPole-v1", device="cpu", buffer_size=2000, policy_kwargs={"net_arch": [4]})
    model.save_replay_buffer(tmp_path / "buffer")
    with pytest.raises(ArgumentError, match="a replay buffer of Stable-Baselines3, not a model"):
        rltools.load_policy(tmp_path / "buffer.pkl")


def test_a_model_under_a_name_of_bytes_that_are_no_characters(
    model: PPO, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / os.fsdecode(b"r\xffns")
    folder.mkdir()
    path = folder / os.fsdecode(b"m\xfe.zip")
    model.save(tmp_path / "plain.zip")
    path.write_bytes((tmp_path / "plain.zip").read_bytes())
    policy = rltools.load_policy(path, "CartPole-v1")
    assert policy.source.name == r"m\udcfe"
    recording = rltools.record(policy, episodes=1, max_steps=3, directory=tmp_path / "recording")
    assert rltools.open_recording(recording.directory).header.policy == r"m\udcfe"
    say_each(inspection(str(path))[0])
    assert r"r\udcffns/m\udcfe.zip" in capsys.readouterr().out
    path.write_bytes(b"")
    with pytest.raises(ModelError, match="an empty file"):
        rltools.load_policy(path, "CartPole-v1")


def test_names_of_bytes_that_are_no_characters_among_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for room in ("agents", "envs", "experiments"):
        (tmp_path / room).mkdir()
        (tmp_path / room / os.fsdecode(b"x\xff.yaml")).write_text("id: CartPole-v1")
    (tmp_path / "agents" / os.fsdecode(b"y\xff")).mkdir()
    (tmp_path / "agents" / os.fsdecode(b"y\xff") / "agent.yaml").touch()
    text = listing(None)
    assert "cartpole-ppo" in text
    assert "\\xff" not in text
    assert rltools.load_policy("cartpole-ppo").source.name == "cartpole-ppo"
    (tmp_path / "agents" / "mine").mkdir()
    (tmp_path / "agents" / "mine" / "agent.yaml").write_text('name: "x\\ud800"')
    with pytest.raises(ConfigError, match="line 1: half of a character"):
        rltools.load_policy("mine")
    (tmp_path / "agents" / "mine" / "agent.yaml").write_bytes(b"name: x\xff")
    with pytest.raises(ConfigError, match="is not UTF-8 text"):
        rltools.load_policy("mine")
