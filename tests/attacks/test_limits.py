"""A file that asks for endless work is refused with the limit, in no time and in little memory."""

from __future__ import annotations

import hashlib
import io
import json
import os
import pickle
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from gymnasium.spaces import Box, Discrete, MultiBinary, MultiDiscrete

import rltools
from rltools._util.limits import MAX_WRAPPERS, check_count, in_digits, oversized
from rltools.cards.content import find_content
from rltools.envs import environment_spec, spec_from_json, wrapped_spec
from rltools.errors import ArgumentError, SimulationError, TargetError
from rltools.targets import Target, parse_target

LITTLE = 100 * 2**20
AGENT = """
name: mine
description: d
library: l
algorithm: PPO
environment: {id: CartPole-v1}
model: {file: model.zip, sha256: SHA}
training: {steps: 1, seed: 1}
returns: {mean: 500, std: 0, episodes: 1, seed: 0}
"""
STACK = "{name: FrameStackObservation, kwargs: {stack_size: 90}}"
EXPERIMENT = "description: d\nagents: [cartpole-ppo]\nmethods: [gradient]\n"


@pytest.fixture
def little(harmless: Callable[..., dict[str, Any]]) -> Callable[..., str]:
    """Does something in the watched process that must be refused in little room; its message."""

    def little(path: Path, **arguments: Any) -> str:
        report = harmless(path, **arguments)
        assert report["memory"] < LITTLE, report
        assert report["error"] is not None
        assert len(report["message"]) < 6000
        return str(report["message"])

    return little


@pytest.fixture
def agent(tmp_path: Path, saved: Path) -> Path:
    """An agent with a card, whose model can be replaced."""
    folder = tmp_path / "mine"
    folder.mkdir()
    shutil.copy(saved, folder / "model.zip")
    sha256 = hashlib.sha256(saved.read_bytes()).hexdigest()
    (folder / "agent.yaml").write_text(AGENT.replace("SHA", sha256))
    return folder


@pytest.mark.parametrize("kind", ["zero", "stdin", "fifo", "sparse", "folder", "loop"])
@pytest.mark.parametrize("name", ["model.zip", "vecnormalize.pkl", "agent.yaml"])
def test_files_that_never_end_or_are_none(little: Callable[..., str], agent: Path, kind: str, name: str) -> None:
    path = agent / name
    if name == "vecnormalize.pkl":
        text = (agent / "agent.yaml").read_text()
        both = f"file: model.zip, normalize: {name}, normalize_sha256: {'a' * 64}, "
        (agent / "agent.yaml").write_text(text.replace("file: model.zip, ", both))
    else:
        path.unlink()
    if kind in ("zero", "stdin"):
        path.symlink_to(f"/dev/{kind}")
    elif kind == "fifo":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "loop":
        path.symlink_to(path)
    else:
        with path.open("wb") as file:
            file.truncate(10**10)
    message = little(agent)
    if name == "agent.yaml" and kind != "sparse":  # then it is no agent's folder
        assert "a folder with zips: 'model.zip'" in message
    else:
        fault = (
            "larger than" if kind == "sparse" else "cannot be read" if kind in ("folder", "loop") else "a pipe or a dev"
        )
        assert f"{name} " in message
        assert fault in message
    little(agent / name)
    little(agent / name, do="inspect")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (f"episodes: {10**40}", "episodes: must be at most 1,000,000, not 1000000000000000000000000000000000000000"),
        (f"episodes: {'9' * 5000}", "a number of 5,000 digits, above the limit of 100"),
        (f"episodes: 0x{'f' * 5000}", "a number of 5,002 digits, above the limit of 100"),
        ("episodes: 1e40", "episodes: must be a whole number, not 1e+40"),
        (f"references: {10**9}", "references: must be at most 100,000, not 1000000000"),
        (f"max_steps: {10**20}", "max_steps: must be at most 1,000,000,000, not"),
        (f"seeds: [{10**30}]", r"seeds[0]: must be at most 1,000,000,000,000,000,000, not"),
        (
            f"seeds: [{', '.join(str(100 * i) for i in range(5000))}]",
            "seeds: must have at most 200 elements, and has 5,000",
        ),
        (f"targets: [{', '.join(['value'] * 1000)}]", "targets: must have at most 200 elements, and has 1,000"),
        (
            f"environment: {{id: MiniGrid-Empty-5x5-v0, kwargs: {{size: {10**9}}}}}",
            "size is 1,000,000,000, above the limit of 2,048",
        ),
        (
            f"environment: {{id: X-v0, kwargs: {{a: {{n_things: [1, {10**9}]}}}}}}",
            "n_things is 1,000,000,000, above the limit of 100,000",
        ),
        ("a: &a [x]\nb: [*a, *a]", "the anchor &a is not allowed"),
        ("a: " + "[" * 50_000, "more than 20 levels"),
        ("a: " + "{b: " * 10_000, "more than 20 levels"),
        ("a: [" + "0," * 60_000 + "]", "more than 8,000 keys and values"),
        ("a: " + "x " * 60_000, "more than 30,000 words"),
        ("a: " + "x" * 250_000, "larger than 200,000 bytes"),
        ("a: !" + "x" * 50_000 + " 1", "the tag !xxxx"),
        ("x" * 150_000 + ": 1", "could not find expected"),
        ("\n" * 190_000 + "a: 1", "a: unknown key"),
    ],
)
def test_an_experiment_file(little: Callable[..., str], tmp_path: Path, text: str, fault: str) -> None:
    (tmp_path / "mine.yaml").write_text(EXPERIMENT + text)
    assert fault in little(tmp_path / "mine.yaml", do="experiment")


@pytest.mark.parametrize(
    ("choice", "fault"),
    [
        (
            f"{{name: expected_gradients, parameters: {{samples: {10**12}}}}}",
            "samples of expected_gradients is 1,000,000,000,000; it must be at",
        ),
        (
            "{name: expected_gradients, parameters: {samples: 1e40}}",
            "samples of expected_gradients is 1e+40; it must be a whole number",
        ),
        (
            f"{{name: random, parameters: {{seed: {10**30}}}}}",
            "seed of random is a number of 31 digits",
        ),
        (f"{{name: gradient, references: {10**9}}}", "references: must be at most 100,000"),
        (
            f"{{name: blur_saliency, parameters: {{stride: {10**9}}}}}",
            "stride of blur_saliency is 1,000,000,000; it must be at most 100,000",
        ),
        ("x" * 100_000, "no method 'xxxx"),
    ],
)
def test_the_methods_of_an_experiment_file(little: Callable[..., str], tmp_path: Path, choice: str, fault: str) -> None:
    (tmp_path / "mine.yaml").write_text(EXPERIMENT.replace("[gradient]", f"[{choice}]"))
    assert fault in little(tmp_path / "mine.yaml", do="experiment")


def test_changes_of_an_experiment(little: Callable[..., str], tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(EXPERIMENT)
    for change, fault in (
        (f"episodes={10**40}", "episodes: must be at most 1,000,000"),
        ("a." * 50_000 + "b=1", "a: unknown key"),
        (f"agents=[{'[' * 50_000}", "more than 20 levels"),
    ):
        assert fault in little(tmp_path / "mine.yaml", do="experiment", changes=[change])


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("steps: 1", f"steps: {10**40}", "training.steps: must be at most 1,000,000,000,000,000"),
        ("episodes: 1", f"episodes: {10**40}", "returns.episodes: must be at most"),
        (
            "id: CartPole-v1",
            f"id: CartPole-v1, kwargs: {{frame_skip: {10**9}}}",
            "frame_skip is 1,000,000,000, above the limit of 10,000",
        ),
        (
            "id: CartPole-v1",
            f"id: CartPole-v1, wrappers: [{{name: FrameStackObservation, kwargs: {{stack_size: {10**9}}}}}]",
            "stack_size is 1,000,000,000, above the limit of 100",
        ),
        (
            "id: CartPole-v1",
            f"id: CartPole-v1, wrappers: [{', '.join(['{name: ClipReward}'] * 1500)}]",
            "environment.wrappers: must have no more than 50 entries",
        ),
        (
            "id: CartPole-v1",
            f"id: CartPole-v1, wrappers: [{', '.join([STACK] * 9)}]",
            "wrappers stack 387,420,489,000,000,000 observations, above the limit of 100",
        ),
        (
            "id: CartPole-v1",
            "id: CartPole-v1, wrappers: [{name: ResizeObservation, kwargs: {shape: [100000, 100000]}}]",
            "shape is 100,000, above the limit of 2,048",
        ),
    ],
)
def test_an_agents_card(little: Callable[..., str], agent: Path, old: str, new: str, fault: str) -> None:
    (agent / "agent.yaml").write_text((agent / "agent.yaml").read_text().replace(old, new))
    assert fault in little(agent)


@pytest.mark.parametrize(
    "text",
    [
        f"!!python/object/apply:collections.OrderedDict\n- - - frame_stack\n    - {10**9}\n",
        f"env_kwargs: {{size: {10**9}}}",
        f"env_wrapper: [{{gymnasium.wrappers.FrameStack: {{num_stack: {10**9}}}}}]",
        f"env_wrapper: [{', '.join(['gymnasium.wrappers.ClipAction'] * 1000)}]",
        "a: [" + "0," * 40_000 + "]",
        "a: &a [x]\nb: *a",
        "a: " + "[" * 50_000,
        f"frame_stack: 0x{'f' * 50_000}",
        f"frame_stack: {'9' * 5000}",
    ],
)
def test_a_folder_of_the_zoo(harmless: Callable[..., dict[str, Any]], tmp_path: Path, saved: Path, text: str) -> None:
    folder = tmp_path / "CartPole-v1_1"
    (folder / "CartPole-v1").mkdir(parents=True)
    shutil.copy(saved, folder / "CartPole-v1.zip")
    (folder / "CartPole-v1" / "config.yml").write_text(text)
    for do in ("load", "inspect"):
        report = harmless(folder, do=do)
        assert report["memory"] < LITTLE, report
        if do == "load":  # without an environment, which is not made on this file's word
            assert report["error"] or any("trained on" in note for note in report["notes"]), report


def test_thousands_of_cards(little: Callable[..., str], harmless: Callable[..., Any], tmp_path: Path) -> None:
    for room in ("envs", "agents", "experiments"):
        (tmp_path / room).mkdir()
    for number in range(2000):
        (tmp_path / "envs" / f"card{number}.yaml").write_text("environments: [{id: Other-v0}]\n")
    report = harmless(tmp_path, do="card")
    assert report["error"] is None
    for number in range(4000):
        (tmp_path / "envs" / f"more{number}").touch()
    assert "envs holds more than 5,000 files and folders" in little(tmp_path, do="card")
    assert "envs holds more than 5,000 files and folders" in little(tmp_path, do="list")
    report = harmless(find_content("agents", "cartpole-ppo"), do="inspect")
    assert report["error"] is None


def test_a_target_of_thousands_of_parts(cartpole: Any) -> None:
    for text in (" & ".join(["value"] * 3000), " & ".join(f"logit:{i}" for i in range(3000))):
        with pytest.raises(TargetError, match=r"names 300[01] scores in one pass, and up to 100") as refusal:
            parse_target(text, cartpole)
        assert len(str(refusal.value)) < 300
    nested = Target("value")
    for _ in range(3000):
        nested = Target("value", also=nested)
    with pytest.raises(TargetError, match=r"names 300[01] scores in one pass, and up to 100"):
        parse_target(nested, cartpole)
    with pytest.raises(TargetError):
        parse_target(" - ".join(["logit:0"] * 3000), cartpole)


@pytest.mark.parametrize("setting", ["episodes", "num_envs", "max_steps", "seed"])
def test_a_recording_without_end(cartpole: Any, setting: str, tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match=f"{setting} is a number of 41 digits; it must be at most 1,000,000"):
        rltools.record(cartpole, directory=tmp_path / "run", **{setting: 10**40})
    with pytest.raises(ArgumentError, match=rf"{setting} is 1e\+40; it must be a whole number"):
        rltools.record(cartpole, directory=tmp_path / "run", **{setting: 1e40})
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("setting", "fault"),
    [
        ({"references": 10**9}, "references is 1,000,000,000; it must be at most 100,000"),
        ({"window": 10**9}, "window is 1,000,000,000; it must be at most 10,000"),
        ({"every": 10**12}, "every is 1,000,000,000,000; it must be at most 1,000,000,000"),
        ({"seed": 10**40}, "seed is a number of 41 digits"),
        ({"max_batch": 10**40}, "max_batch is a number of 41 digits"),
        (
            {"method": "expected_gradients", "samples": 10**12},
            "samples of expected_gradients is 1,000,000,000,000; it must be at most 100,000",
        ),
        (
            {"method": "sampled_shapley", "permutations": 10**12},
            "sampled_shapley is 1,000,000,000,000; it must be",
        ),
    ],
)
def test_an_explanation_without_end(cartpole: Any, setting: dict[str, Any], fault: str, tmp_path: Path) -> None:
    recording = rltools.record(cartpole, episodes=1, max_steps=3, directory=tmp_path)
    with pytest.raises(ArgumentError, match=fault):
        rltools.explain(recording, cartpole, **setting)


def test_thousands_of_wrappers() -> None:
    import gymnasium

    env = gymnasium.make("CartPole-v1")
    for _ in range(3000):
        env = gymnasium.wrappers.ClipReward(env, 0)  # type: ignore[assignment]
    for do in (lambda: rltools.load_policy("cartpole-ppo", env), lambda: environment_spec(env)):
        with pytest.raises(SimulationError, match=f"more than {MAX_WRAPPERS} wrappers"):
            do()
    spec = environment_spec("CartPole-v1")
    assert spec is not None
    with pytest.raises(SimulationError, match="3,000 wrappers, above the limit of 50"):
        wrapped_spec(spec, [("ClipReward", {})] * 3000)
    wrapper = {"name": "ClipReward", "entry_point": "gymnasium.wrappers.transform_reward:ClipReward", "kwargs": {}}
    spec_entry = {"id": "CartPole-v1", "kwargs": {}, "max_episode_steps": 5, "additional_wrappers": [wrapper] * 3000}
    with pytest.raises(SimulationError, match="wrappers, above the limit of 50"):
        spec_from_json(json.dumps(spec_entry))
    spec_entry |= {"kwargs": {"sutton_barto_reward": True, "size": 10**9}, "additional_wrappers": []}
    with pytest.raises(SimulationError, match="size is 1,000,000,000, above the limit of 2,048"):
        spec_from_json(json.dumps(spec_entry))


def test_arguments_of_real_environments_are_moderate() -> None:
    for arguments in (
        {"max_num_frames_per_episode": 108_000, "frameskip": 4, "repeat_action_probability": 0.25},
        {"max_episode_steps": 10**7, "reset_noise_scale": 0.1, "ctrl_cost_weight": 10**6},
        {"size": 16, "agent_view_size": 7, "max_steps": 100_000, "see_through_walls": True},
        {"screen_size": 84, "frame_skip": 4, "noop_max": 30, "terminal_on_life_loss": False},
        {"stack_size": 8, "seed": 2**32 - 1, "render_fps": 60, "mode": None},
    ):
        assert oversized(arguments) == ""
    assert oversized({"a": list(range(20_000))}) == "there are more than 10,000 arguments"
    assert oversized({"a": "x" * 20_000}) == "a is a text of 20,000 characters, above the limit of 10,000"


def test_numbers_are_said_as_far_as_one_reads_them() -> None:
    assert [in_digits(number) for number in (7, 10**12, 10**40, 1 << 10**6, 1e40)] == [
        "7",
        "1,000,000,000,000",
        "a number of 41 digits",
        "a number of 301,030 digits",
        "1e+40",
    ]
    for wrong in (2.0, "5", None, [1]):
        with pytest.raises(ArgumentError, match="must be a whole number from 1 to 9"):
            check_count("n", wrong, most=9)
    check_count("n", np.int64(5), most=9)
    with pytest.raises(ArgumentError, match="n is 0; it must be at least 1"):
        check_count("n", 0, most=9)


def test_a_zip_with_no_end(little: Callable[..., str], tmp_path: Path, saved: Path) -> None:
    with (tmp_path / "model.zip").open("wb") as file:
        file.write(b"PK\x03\x04")
        file.truncate(250 * 2**20)
    assert "its directory is missing" in little(tmp_path / "model.zip")
    with zipfile.ZipFile(saved) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    for name in ("data", "policy.pth"):
        with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            for other, content in members.items():
                archive.writestr(other, content if other != name else b" " * 31 * 2**20)
        little(tmp_path / "bomb.zip")


def repeated(megabytes: int) -> bytes:
    """Weights that become a hundredth when they are packed."""
    block = np.random.default_rng(0).normal(size=150).astype(np.float32)
    file = io.BytesIO()
    torch.save({"a": torch.from_numpy(np.tile(block, megabytes * 2**20 // block.nbytes))}, file)
    return file.getvalue()


STEPS = b"\x80\x02](" + b"N" * 190_000 + b"e."
PICKLED = {
    "steps": STEPS,
    "Discrete": pickle.dumps(Discrete(10**12)),
    "MultiDiscrete": pickle.dumps(MultiDiscrete([10**9, 10**9])),
    "MultiBinary": pickle.dumps(MultiBinary(10**7)),
    "Box": pickle.dumps(Box(-1, 1, (3, 5))).replace(b"K\x03K\x05", b"J\x40\x42\x0f\x00J\x40\x42\x0f\x00"),
    "Box of nothing": pickle.dumps(Box(np.zeros((10**12, 0), np.float32), np.zeros((10**12, 0), np.float32))),
    "name": b"\x80\x04c" + b"x" * 5 * 2**20 + b"\nb\n.",
}


@pytest.mark.parametrize("entry", ["observation_space", "action_space", "policy_class", "policy_kwargs"])
@pytest.mark.parametrize("kind", PICKLED)
def test_an_entry_of_a_model(
    little: Callable[..., str], with_entry: Any, write: Callable[..., Path], entry: str, kind: str
) -> None:
    little(write(with_entry(entry, PICKLED[kind])))


@pytest.mark.parametrize(
    "kwargs",
    [
        {"net_arch": [10**9]},
        {"net_arch": [10**400]},
        {"net_arch": [1] * 100_000},
        {"net_arch": {"pi": [10**9], "vf": [4]}},
        {"features_extractor_kwargs": {"features_dim": 10**12}},
        {"n_critics": 10**9},
    ],
)
def test_arguments_of_a_network(
    little: Callable[..., str], with_data: Any, write: Callable[..., Path], kwargs: dict[str, Any]
) -> None:
    little(write(with_data(policy_kwargs=kwargs)))


def test_settings_and_weights_of_a_model(
    little: Callable[..., str], members: dict[str, bytes], write: Callable[..., Path]
) -> None:
    for data in (
        b"[" * 10**6,
        b'{"a":' * 150_000,
        b'{"a":' + b"9" * 10**6 + b"}",
        b'{"a":"' + b"x" * 30 * 2**20 + b'"}',
    ):
        little(write(members | {"data": data}))
    packed = write(members | {"policy.pth": repeated(100)}, compression=zipfile.ZIP_DEFLATED)
    assert packed.stat().st_size < 3 * 2**20
    assert "would unpack from" in little(packed)
