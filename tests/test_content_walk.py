"""Every agent and experiment that comes with the package is what it says."""

import ast
import hashlib
import re

import numpy as np
import pytest

from rltools import load_policy, record
from rltools.cards import read_agent_card
from rltools.content import content_folders, find_content
from rltools.experiment import read_experiment
from rltools.testing import check_card

AGENTS = content_folders("agents")[-1]
EXPERIMENTS = content_folders("experiments")[-1]
FOLDERS = sorted(path for path in AGENTS.iterdir() if path.is_dir())
PUBLISHED = [path.name for path in FOLDERS if (path / "agent.yaml").is_file()]
SOLVED = {"CartPole-v1": 500.0, "LunarLander-v3": 150.0}
"""The mean return of three episodes that says an agent has learnt its task."""

agent = pytest.mark.parametrize("name", PUBLISHED)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: path.name)
def test_every_folder_of_an_agent_has_its_card_its_model_and_its_recipe(folder):
    assert {"agent.yaml", "model.zip", "train.py"} <= {path.name for path in folder.iterdir()}


@agent
def test_the_card_names_this_very_model(name):
    card = read_agent_card(AGENTS / name)
    assert card.name == name
    assert card.model.sha256 == hashlib.sha256((AGENTS / name / card.model.file).read_bytes()).hexdigest()
    assert set(card.training.versions) >= {"python", "torch", "gymnasium", "numpy"}


@agent
def test_the_agent_does_what_stable_baselines3_does_and_masters_its_task(name):
    import stable_baselines3

    card = read_agent_card(AGENTS / name)
    recording = record(load_policy(name), episodes=3, seed=40)
    returns = [outcome.total_reward for outcome in recording.outcomes()]
    assert np.mean(returns) >= SOLVED[card.environment.id]
    assert card.returns.mean >= SOLVED[card.environment.id]

    episode = recording.episode(0)
    model = getattr(stable_baselines3, card.algorithm).load(AGENTS / name / card.model.file, device="cpu")
    expected, _ = model.predict(episode.observations[:100], deterministic=True)
    assert len(expected) == min(100, len(episode))
    assert np.array_equal(episode.actions[:100], expected)


@agent
def test_the_card_holds_against_a_few_episodes(name):
    check_card(AGENTS / name)


def constants(tree):
    """The names that a recipe gives a value at its top, with these values."""
    return {
        node.targets[0].id: ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }


def called(tree, name):
    """The keywords of the calls of a function."""
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and getattr(node.func, "id", "") == name]
    return {keyword.arg: keyword.value for call in calls for keyword in call.keywords}


def spoken(value):
    """A keyword's value as a card writes it: a schedule in words, anything else as it is."""
    if isinstance(value, ast.Call) and getattr(value.func, "id", "") == "LinearSchedule":
        return [float(ast.literal_eval(argument)) for argument in value.args[:2]]
    return ast.literal_eval(value)


@agent
def test_the_recipe_is_that_of_the_card(name):
    card = read_agent_card(AGENTS / name)
    tree = ast.parse((AGENTS / name / "train.py").read_text("utf-8"))
    said = constants(tree)
    assert said["ENVIRONMENT"] == card.environment.id
    assert (said["STEPS"], said["SEED"]) == (card.training.steps, card.training.seed)
    assert said["HYPERPARAMETERS"] == card.training.hyperparameters
    assert ast.literal_eval(called(tree, "publish_agent")["description"]) == card.description

    given = {key: value for key, value in called(tree, card.algorithm).items() if key not in ("seed", "device")}
    networks = spoken(given.pop("policy_kwargs", ast.Constant({}))) if "policy_kwargs" in given else {}
    used = {key: spoken(value) for key, value in given.items()} | networks
    for key, value in used.items():
        written = said["HYPERPARAMETERS"][key]
        if isinstance(value, list) and isinstance(written, str):
            written = [float(part) for part in re.fullmatch(r"linear from (\S+) to (\S+)", written).groups()]
        assert written == value, key
    assert set(said["HYPERPARAMETERS"]) - set(used) <= {"n_envs", "kept"}


@pytest.mark.parametrize("path", sorted(EXPERIMENTS.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_experiment_has_no_faults(path):
    plan = read_experiment(path)
    assert [find_content("agents", name) for name in plan.agents]
