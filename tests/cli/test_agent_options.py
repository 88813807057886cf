"""One place for everything that loads an agent: what is typed reaches `load_policy`, and the page's command has it."""

from __future__ import annotations

import inspect
import shlex
import shutil
from pathlib import Path
from typing import Any, get_args

import pytest
import typer.main

from rltools import open_recording
from rltools.cards.content import find_content
from rltools.cli.agent_options import AgentOptions, parse_names
from rltools.cli.app import app_with_commands, repeated
from rltools.errors import ArgumentError
from rltools.policies.load import load_policy
from rltools.policies.load_arguments import LoadArguments, loading_words

TAKING_AGENTS = ("record", "analyze", "ablate", "explain", "assess")
KWARGS = ("--env-kwargs", "sutton_barto_reward=true")


def test_every_command_that_takes_an_agent_has_every_option_of_one() -> None:
    command_line: Any = typer.main.get_command(app_with_commands())
    for name in TAKING_AGENTS:
        options = {option for parameter in command_line.commands[name].params for option in parameter.opts}
        assert {
            "--env", "--env-kwargs", "--import", "--normalize", "--trust", "--bounds", "--device", "--name", "--names",
            "--feature-units", "--action-names", "--layout", "--activation", "--strides", "--head", "--check",
        } <= options, name  # fmt: skip


def test_the_options_are_the_arguments_of_load_policy() -> None:
    arguments = set(inspect.signature(load_policy).parameters) - {"source", "env"}
    assert arguments == set(LoadArguments.__annotations__)
    typed = AgentOptions(
        normalize="none", bounds="any", trust=["0" * 64], device="cpu", name="n", names="a", feature_units="m",
        action_names="l,r", layout="cleanrl", activation="tanh", strides="4,2,1", head="logit", check=Path("x.npz"),
    )  # fmt: skip
    assert set(typed.loading) == arguments - {"dtype"}
    assert typed.loading["strides"] == [4, 2, 1]
    assert AgentOptions().loading == {}


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("speed, angle", ["speed", "angle"]),
        ("obs[0]=speed,1=angle", {"obs[0]": "speed", "1": "angle"}),
        ('["x, y", "a=b"]', ["x, y", "a=b"]),
        ('{"pose": ["x", "y"]}', {"pose": ["x", "y"]}),
    ],
)
def test_names_are_listed_paired_or_json_and_written_back(text: str, names: Any) -> None:
    assert parse_names("--names", text) == names
    words = loading_words({"names": names})
    assert parse_names("--names", words[1]) == names


@pytest.mark.parametrize("text", ["speed,0=angle", '["a", ', "{1: 2"])
def test_names_that_are_neither_are_refused(text: str) -> None:
    with pytest.raises(ArgumentError, match="--names"):
        parse_names("--names", text)


def test_arguments_of_the_environment_follow_one_option_or_several() -> None:
    typed = ["--env-kwargs", "size=8", "wind=0.1", "model.zip", "--seed", "1", "--env-kwargs", "a=b", "episodes=5"]
    assert [word for word in repeated(typed) if "=" in word] == ["size=8", "wind=0.1", "a=b", "episodes=5"]
    assert list(repeated(typed)).count("--env-kwargs") == 4
    assert list(repeated(["run", "episodes=5"])) == ["run", "episodes=5"]


def test_the_page_has_the_command_that_makes_it_again(rltools: Any, project: Path, without_plots: None) -> None:
    typed = (
        "--env", "ShortPole-v0", *KWARGS, "--import", "poles", "--name", "two poles", "--names", "2=tilt",
        "--action-names", "left,right", "--groups", "cart=obs[0],obs[1]", "--max-steps", "5",
    )  # fmt: skip
    fast = ("--method", "gradient", "--no-ablate", "--no-frames")
    ran = rltools("analyze", "cartpole-ppo", *typed, *fast, "--episodes", "1", "--out", "r")
    assert ran.code == 0, ran.err
    recording = open_recording("r")
    assert (recording.header.policy, recording.features.names[2]) == ("two poles", "tilt")
    assert recording.header.action_names == ("left", "right")
    assert '"sutton_barto_reward": true' in recording.header.environment
    assert recording.header.max_steps == 5
    page = (project / "r" / "index.html").read_text(encoding="utf-8").replace("&#39;", "'")
    command = next(line for line in page.splitlines() if "rltools analyze cartpole-ppo" in line)
    words = shlex.split(command[command.index("rltools analyze") :].partition("<")[0])
    for option, value in zip(typed[::2], typed[1::2], strict=True):
        pair = [f"{option}={value}"] if option == "--import" else [option, value]
        assert any(words[start : start + len(pair)] == pair for start in range(len(words))), (option, words)


def test_the_agents_own_environment_takes_arguments_too(rltools: Any, project: Path) -> None:
    ran = rltools("record", "cartpole-ppo", *KWARGS, "--episodes", "1", "--max-steps", "3", "--out", "r")
    assert ran.code == 0, ran.err
    assert open_recording("r").header.environment_text == "CartPole-v1 (sutton_barto_reward=true)"


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        (("--env-kwargs", "size"), "--env-kwargs 'size' is not NAME=VALUE"),
        (("--env-kwargs", "a=1", "a=2"), "--env-kwargs gives a twice"),
        (("--strides", "4,x"), "--strides '4,x'"),
        (("--names", "a,b"), "names"),
    ],
)
def test_what_cannot_be_is_one_line(rltools: Any, typed: tuple[str, ...], message: str) -> None:
    ran = rltools("record", "cartpole-ppo", *typed)
    assert ran.code == 1
    assert message in ran.fault


def test_every_field_has_its_help() -> None:
    for name, annotation in inspect.get_annotations(AgentOptions, eval_str=True).items():
        (option,) = get_args(annotation)[1:]
        assert option.help, name


def test_a_recording_knows_its_agent_and_says_what_to_type_if_that_is_gone(rltools: Any, project: Path) -> None:
    shutil.copy(find_content("agents", "cartpole-ppo") / "model.zip", "mine.zip")
    loaded = ("--env", "ShortPole-v0", "--import", "poles", "--names", "2=tilt", "--name", "tilted")
    assert rltools("record", "mine.zip", *loaded, "--episodes", "1", "--out", "r").code == 0
    ran = rltools("explain", "r", "--references", "2")
    assert ran.code == 0, ran.err
    assert "tilt" in ran.out
    Path("mine.zip").unlink()
    ran = rltools("explain", "r", "--method", "gradient")
    assert ran.code == 1
    words = "rltools explain r path/to/mine.zip --env ShortPole-v0 --name tilted --names 2=tilt`"
    assert words in ran.fault
    assert "there is nothing at mine.zip" in ran.fault
