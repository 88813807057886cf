"""What the folder of a run is called where nobody says."""

import re
import shutil

import pytest

from rltools import load_policy
from rltools.cards.content import find_content
from rltools.recording.folders import folder_name, run_name


@pytest.mark.parametrize(
    ("name", "folder"),
    [("a b/c", "a-b-c"), ("../../etc", "etc"), ("..", "agent"), ("", "agent"), ("é", "agent"), ("x\0y", "x-y")],
)
def test_a_policys_name_never_leads_out_of_the_folder_of_runs(name, folder):
    assert folder_name(name) == folder


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("con", "agent-con"),
        ("NUL.zip", "agent-NUL.zip"),
        ("Lpt1", "agent-Lpt1"),
        ("console", "console"),
        ("com", "com"),
    ],
)
def test_a_folder_never_has_the_name_of_a_device(name, folder):
    assert folder_name(name) == folder


def named(source, policy=None):
    return run_name(source, policy or load_policy(source))


def test_an_agent_with_a_card_goes_by_its_name():
    place = find_content("agents", "cartpole-ppo")
    assert named("cartpole-ppo") == named(place) == named(str(place)) == "cartpole-ppo"


def test_models_of_the_same_name_have_folders_of_their_own(tmp_path, monkeypatch):
    models = {}
    for folder, agent in (("first", "cartpole-ppo"), ("second run", "lunarlander-ppo"), ("third", "lunarlander-ppo")):
        models[folder] = tmp_path / folder / "best_model.zip"
        models[folder].parent.mkdir()
        shutil.copy(find_content("agents", agent) / "model.zip", models[folder])
    names = {folder: named(path) for folder, path in models.items()}
    assert re.fullmatch("first-best_model-[0-9a-f]{8}", names["first"])
    assert re.fullmatch("second-run-best_model-[0-9a-f]{8}", names["second run"])
    assert names["second run"].removeprefix("second-run") == names["third"].removeprefix("third")
    assert names["first"][-8:] != names["third"][-8:]
    monkeypatch.chdir(tmp_path / "third")
    assert named("best_model.zip") == names["third"]


def test_a_live_policy_goes_by_its_name_and_its_parameters(cartpole, make_policy):
    assert re.fullmatch("tiny-[0-9a-f]{8}", named(cartpole))
    assert named(cartpole) != named(make_policy("CartPole-v1", seed=1))


def test_a_folder_of_the_zoo_goes_by_its_algorithm_and_its_name(zoo):
    assert re.fullmatch(r"dqn-CartPole-v1_1-[0-9a-f]{8}", named(zoo / "dqn" / "CartPole-v1_1"))


def test_names_that_are_too_long_stay_apart():
    names = [folder_name(letter * 5000) for letter in "ab"] + [folder_name("a" * 5001)]
    assert len(set(names)) == 3
    assert all(len(name) < 200 for name in names)
    assert folder_name("a" * 150) == "a" * 150
