"""What can go wrong at the command line: one line with the cause and the next step, and a non-zero exit."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rltools import open_recording
from rltools.cards.content import find_content
from rltools.cli.messages import message_with_options
from rltools.errors import ModelError, RltoolsWarning, argument
from rltools.recording.parquet import read_columns


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("analyze", "cartpole-poo"), "did you mean 'cartpole-ppo'"),
        (("analyze", "gone.zip"), "there is nothing at gone.zip"),
        (("analyze", "../../etc"), "there is nothing at ../../etc"),
        (("analyze", "no name"), "one part of a path"),
        (("analyze", "cartpole-ppo", "--env", "CartPol-v1"), "did you mean 'CartPole-v1'"),
        (("analyze", "cartpole-ppo", "--env", "Acrobot-v1"), "observes shape [4] and Acrobot-v1 gives shape [6]"),
        (("analyze", "cartpole-ppo", "--env", "poles:ShortPole-v0"), "--import poles"),
        (("analyze", "cartpole-ppo", "--env", "ShortPole-v0"), "--import PACKAGE"),
        (("analyze", "cartpole-ppo", "--import", "no_such_module"), "'no_such_module' cannot be imported"),
        (("analyze", "cartpole-ppo", "--trust", "ab"), "ab"),
        (("analyze", "cartpole-ppo", "--normalize", "gone.pkl"), "gone.pkl cannot be read"),
        (("record", "cartpole-ppo", "--out", "poles.py"), "cannot write to poles.py"),
        (("record", "cartpole-ppo", "--out", "poles.py/deeper"), "cannot write to poles.py/deeper"),
        (("explain", "gone", "cartpole-ppo"), "no recording in gone"),
        (("plot", "gone", "importance"), "no recording in gone"),
        (("plot", "gone", "importanc"), "did you mean importance"),
        (("replay", "gone", "0"), "no recording in gone"),
        (("list", "agentz"), "did you mean agents"),
        (("inspect", "gone"), "gone is no model or weights of a library that is known"),
        (("inspect", "gone.zip"), "gone.zip cannot be read"),
        (("run", "cartpol"), "did you mean 'cartpole'"),
        (("run", "experiments/cartpol.yaml"), "did you mean 'cartpole'"),
        (("run", "elsewhere/mine.yaml"), "elsewhere/mine.yaml cannot be read"),
        (("run", "cartpole", "episodes"), "write key=value"),
        (("run", "cartpole", "episodes=2", "episodes=3"), "episodes is changed twice"),
    ],
)
def test_a_mistake_is_one_line_that_names_it_and_nothing_is_made(rltools, project, arguments, message):
    ran = rltools(*arguments)
    assert ran.code == 1
    assert message in ran.fault
    assert sorted(path.name for path in project.iterdir() if path.name != "__pycache__") == ["poles.py"]


@pytest.mark.parametrize("message", ["line one\nline two", ""])
def test_an_unexpected_fault_is_one_line_too(rltools, monkeypatch, message):
    def fail(_):
        raise LookupError(message)

    monkeypatch.setattr("rltools.cli.commands.list.listing", fail)
    ran = rltools("list")
    assert ran.code == 1
    assert "LookupError" in ran.fault
    assert "RLTOOLS_DEBUG=1" in ran.fault


def test_with_debugging_an_unexpected_fault_is_shown_whole(rltools, monkeypatch):
    monkeypatch.setattr("rltools.cli.commands.list.listing", lambda _: 1 / 0)
    monkeypatch.setenv("RLTOOLS_DEBUG", "1")
    with pytest.raises(ZeroDivisionError):
        rltools("list")


def test_an_environment_that_gives_nan_ends_the_command_and_what_came_before_is_kept(rltools):
    ran = rltools(
        "record", "cartpole-ppo", "--env", "BrokenPole-v0", "--import", "poles", "--episodes", "5", "--out", "r"
    )
    assert ran.code == 1
    assert "'obs[2]' is nan after 7 steps" in ran.fault
    assert "Three in a row" in ran.fault
    remaining = open_recording("r").outcomes()
    assert [(outcome.ended, outcome.steps) for outcome in remaining] == [("fault", 7)] * len(remaining)
    printed = rltools("inspect", "r")
    assert printed.code == 0
    assert "'obs[2]' is nan after 7 steps" in printed.out


def test_an_environment_that_raises_ends_the_command_without_a_page(rltools):
    ran = rltools(
        "analyze", "cartpole-ppo", "--env", "RaisingPole-v0", "--import", "poles", "--episodes", "2", "--out", "r"
    )
    assert ran.code == 1
    assert "RuntimeError: the motor broke in two" in ran.fault
    assert "--import" not in ran.err
    assert not Path("r/index.html").exists()


def test_an_unreadable_model_is_named_and_not_used(rltools, project):
    complete = find_content("agents", "cartpole-ppo") / "model.zip"
    for name, content in {"cut.zip": complete.read_bytes()[:20_000], "empty.zip": b"", "text.zip": b"no zip"}.items():
        (project / name).write_bytes(content)
        for arguments in (("analyze", name), ("inspect", name)):
            ran = rltools(*arguments)
            assert ran.code == 1
            assert name in ran.fault


def test_a_model_that_is_not_the_one_its_card_names_is_refused(rltools, project):
    shutil.copytree(find_content("agents", "cartpole-ppo"), project / "agents" / "mine")
    model = project / "agents" / "mine" / "model.zip"
    content = bytearray(model.read_bytes())
    content[1000] ^= 1
    model.write_bytes(content)
    ran = rltools("analyze", "mine")
    assert ran.code == 1
    assert len(re.findall(r"\b[0-9a-f]{64}\b", ran.fault)) == 2


def test_damage_is_named_by_inspect_and_the_rest_is_shown(rltools, short):
    assert rltools("inspect", short).code == 0
    first = short / "episodes" / "000000.parquet"
    first.write_bytes(first.read_bytes()[:-100])
    ran = rltools("inspect", short)
    assert ran.code == 1
    assert str(first) in ran.out
    assert re.search(r"episodes +1 \(1 truncated\)", ran.out)
    again = rltools("explain", short, "cartpole-ppo", "--target", "logit:chosen")
    assert str(first) in again.err


def test_a_recording_of_a_newer_format_or_without_sense_is_refused(rltools, short):
    path = short / "recording.json"
    for changes, message in (({"format": 99}, "update rltools"), ({"format": 1, "policy": ...}, "recording.json")):
        header = json.loads(path.read_text()) | changes
        path.write_text(json.dumps({key: value for key, value in header.items() if value is not ...}))
        ran = rltools("inspect", short)
        assert ran.code == 1
        assert message in ran.fault
    path.write_text("{")
    assert "not readable JSON" in rltools("inspect", short).fault


def test_other_settings_are_refused_until_replaced(rltools, short):
    values = ("--env", "ShortPole-v0", "--import", "poles", "--episodes", "2", "--out", short)
    before = [path.stat().st_mtime_ns for path in sorted(short.rglob("*.parquet"))]
    other = rltools("record", "cartpole-ppo", *values, "--seed", "7")
    assert other.code == 1
    assert "--seed 0 there and --seed 7 now" in other.fault
    assert "--overwrite" in other.fault
    assert rltools("record", "cartpole-ppo", *values).code == 0
    assert [path.stat().st_mtime_ns for path in sorted(short.rglob("*.parquet"))] == before
    assert rltools("record", "cartpole-ppo", *values, "--seed", "7", "--overwrite").code == 0
    assert open_recording(short).header.seed == 7


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("plot", "short", "importance", "--out", "x.xyz"), "ends in '.xyz'; use "),
        (("plot", "short", "importance", "--out", "x"), "; use "),
        (("plot", "short", "importance", "--method", "shapley"), "no shapley in short"),
        (
            ("plot", "short", "importance", "--episode", "1"),
            "has no --episode; these have: decision, filmstrip, images, timeline",
        ),
        (("plot", "short", "importance", "--out", "poles.py/x.png"), "cannot write to poles.py"),
        (("replay", "short", "9"), "no episode 9 in short; it has 2, numbered 0 to 1"),
        (("replay", "short", "0", "--out", "poles.py/x.html"), "poles.py"),
        (("explain", "short", "cartpole-ppo", "--method", "shaply"), "did you mean shapley"),
        (("explain", "short", "cartpole-ppo", "--target", "logit:up"), "'push left', 'push right'"),
        (("explain", "short", "--method", "gradient", "--references", "4"), "leave out --references 4"),
        (("explain", "short", "cartpole-ppo", "--window", "4"), "is not recurrent; leave it out"),
        (("explain", "short", "cartpole-ppo", "--every", "9" * 30), "it must be at most 1,000,000,000"),
        (("explain", "short", "cartpole-ppo", "--seed", "9" * 30), "it must be at most 1,000,000,000,000,000,000"),
        (
            ("explain", "short", "cartpole-ppo", "--method", "rise", "--set", "masks=90000", "--seconds", "1e-3"),
            "and --seconds 0.001 are allowed",
        ),
        (("replay", "short", "0", "--out", "short/recording.json"), "write short/recording.html"),
        (("replay", "short", "0", "--method", "shapley"), "no shapley in short"),
        (("replay", "short", "0", "--video", "x.gif", "--speed", "inf"), "give a number above 0"),
        (("export", "short", "--out", "short/recording.json"), "write short/recording.html"),
    ],
)
def test_a_mistake_about_a_recording_is_one_line(rltools, short, arguments, message):
    ran = rltools(*arguments)
    assert ran.code == 1
    assert message in ran.fault


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("seed=2", "--set seed=2: seed is an option of its own; write --seed 2"),
        ("every=3", "write --every 3"),
        ("seconds=3", "write --seconds 3"),
        ("threads=3", "write --threads 3"),
        ("references=3", "write --references 3"),
        ("max_batch=3", "write --max-batch 3"),
        ("compile=true", "write --compile"),
        ("progress=true", "progress is no parameter of a method"),
        ("recording=x", "recording is no parameter of a method"),
        ("policy=x", "policy is no parameter of a method"),
        ("permutations=four", "permutations of sampled_shapley is 'four'; it must be a whole number, for instance 64"),
        ("permutations=2.5", "it must be a whole number"),
        ("permutations=true", "it must be a whole number"),
        ("permutations=[[[", "it must be a whole number"),
        (f"permutations={'9' * 5000}", "it must be a whole number"),
        (f"permutations={'9' * 15}", "it must be at most 100,000"),
        ("permutations=-1", "it must be at least 1"),
        ("permutation=3", "did you mean 'permutations'?"),
        ("groups=5", "groups must be {name: [feature, ...]}, 'variables' or 'card', not 5"),
        ("=3", "--set '=3' is not NAME=VALUE, for instance --set permutations=128"),
        ("permutations", "is not NAME=VALUE"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_setting_that_a_method_cannot_have_is_one_line(rltools, short, setting, message):
    ran = rltools("explain", short, "cartpole-ppo", "--method", "sampled_shapley", "--set", setting)
    assert ran.code == 1
    assert message in ran.fault
    assert {query.method for query in open_recording(short).specs.values()} == {"gradient"}


def test_a_setting_twice_is_one_line(rltools, short):
    values = ("explain", short, "cartpole-ppo", "--method", "sampled_shapley")
    ran = rltools(*values, "--set", "permutations=2", "--set", "permutations=3")
    assert "--set gives permutations twice, as 2 and as '3'" in ran.fault


def test_what_is_wrong_is_said_in_options_not_in_arguments(rltools, project, short):
    other = rltools("analyze", "cartpole-ppo", "--env", "Acrobot-v1")
    assert other.fault.endswith("give the environment it was trained on as --env ID")
    assert "env=" not in other.fault
    other = rltools("record", "cartpole-ppo", "--env", "ShortPole-v0", "--seed", "7", "--out", short)
    assert "--overwrite" in other.fault
    assert "overwrite=True" not in other.fault
    nothing = rltools("plot", short, "importance", "--method", "shapley")
    assert nothing.fault.endswith("or `rltools explain`")


@pytest.mark.parametrize(
    ("name", "value", "python", "typed"),
    [
        ("env", "", "env=", "--env ID"),
        ("normalize", "PATH", "normalize=PATH", "--normalize PATH"),
        ("normalize", "", "normalize=", "--normalize PATH"),
        ("normalize", False, "normalize=False", "--normalize none"),
        ("overwrite", True, "overwrite=True", "--overwrite"),
        ("references", "", "references=", "--references N"),
        ("seconds", 60, "seconds=60", "--seconds 60"),
        ("trust", repr("a" * 64), f"trust='{'a' * 64}'", f"--trust {'a' * 64}"),
        ("bounds", repr("any"), "bounds='any'", "--bounds any"),
        ("max_batch", 5, "max_batch=5", "--max-batch 5"),
    ],
)
def test_an_argument_is_written_as_python_or_as_an_option(name, value, python, typed):
    for error in (
        ModelError(f"give it as {argument(name, value)}."),
        RltoolsWarning(f"give it as {argument(name, value)}."),
    ):
        assert str(error) == f"give it as {python}."
        assert message_with_options(error) == f"give it as {typed}."


@pytest.mark.parametrize(
    "text", ["nothing at 'env=.zip' and my-env=3/env= x", "made one with render_mode=None", "env="]
)
def test_the_texts_of_others_are_left_as_they_are(text):
    assert message_with_options(ModelError(text)) == text


def test_a_damaged_file_is_named_once(rltools, short):
    first = short / "episodes" / "000000.parquet"
    first.write_bytes(first.read_bytes()[:-100])
    ran = rltools("plot", short, "importance")
    assert ran.code == 0
    assert str(first) in ran.fault


def test_ctrl_c_says_what_is_saved_and_leaves_only_whole_episodes(tmp_path):
    command = [sys.executable, "-m", "rltools", "record", "cartpole-ppo", "--episodes", "5000", "--out", "run"]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as running:
        until = time.monotonic() + 120
        while not list((tmp_path / "run" / "episodes").glob("0*.parquet")) and running.poll() is None:
            assert time.monotonic() < until
            time.sleep(0.05)
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=60)
    assert running.returncode == 130, err
    message = [line for line in err.splitlines() if line.startswith("rltools: ")]
    assert len(message) == 1
    assert "what was saved is kept" in message[0]
    assert "Traceback" not in err
    assert out == ""
    remaining = sorted((tmp_path / "run" / "episodes").iterdir())
    assert remaining
    assert all(path.suffix == ".parquet" and len(read_columns(path)["reward"]) == 500 for path in remaining)


def test_output_that_nobody_reads_is_no_fault():
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "rltools", "list", "envs"]
    try:
        done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, text=True, check=False)
    finally:
        os.close(writing)
    assert (done.returncode, done.stderr) == (1, "")
