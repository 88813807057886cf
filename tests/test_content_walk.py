"""Every agent and experiment that comes with the package is what it says."""

import ast
import hashlib
import pickle
import re

import numpy as np
import pytest

from rltools import load_policy, record
from rltools.cards import read_agent_card
from rltools.cards.content import content_folders
from rltools.experiments import read_experiment
from rltools.experiments._plan_runs import runs_of
from rltools.recording import recorded_leaves
from rltools.spaces.leaves import map_leaves
from rltools.testing import check_card

AGENTS = content_folders("agents")[-1]
EXPERIMENTS = content_folders("experiments")[-1]
FOLDERS = sorted(path for path in AGENTS.iterdir() if path.is_dir())
PUBLISHED = [path.name for path in FOLDERS if (path / "agent.yaml").is_file()]
SOLVED = {
    "CartPole-v1": 475.0,
    "LunarLander-v3": 150.0,
    "Pendulum-v1": -300.0,
    "Hopper-v5": 3000.0,
    "Taxi-v4": 5.0,
    "MiniGrid-Empty-Random-5x5-v0": 0.9,
    "MiniGrid-LavaGapS5-v0": 0.9,
}
"""The mean return of a few episodes that says an agent has learned its task, where one can say so."""

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
    card = read_agent_card(AGENTS / name)
    recording = record(load_policy(name), episodes=3, seed=40)
    returns = [outcome.total_reward for outcome in recording.outcomes()]
    bar = SOLVED.get(card.environment.id, -np.inf)
    assert np.mean(returns) >= bar
    assert card.returns.mean >= bar

    episode = recording.episode(0)
    steps = min(100, len(episode))
    expected = predicted(AGENTS / name, card, episode, steps)
    if episode.actions.dtype.kind == "f":  # SB3 predicts one row at a time here, and BLAS rounds by the batch
        np.testing.assert_allclose(episode.actions[:steps], expected, rtol=1e-4, atol=1e-5)
    else:
        assert np.array_equal(episode.actions[:steps], expected)


def predicted(folder, card, episode, steps):
    """What the library itself does in the first states of an episode."""
    import sb3_contrib
    import stable_baselines3
    from stable_baselines3.common.vec_env import VecNormalize

    algorithm = getattr(stable_baselines3, card.algorithm, None) or getattr(sb3_contrib, card.algorithm)
    model = algorithm.load(folder / card.model.file, device="cpu")
    statistics = None
    if card.model.normalize is not None:
        with (folder / card.model.normalize).open("rb") as file:
            statistics = pickle.load(file)
        assert isinstance(statistics, VecNormalize)
    state, actions = None, []
    for t in range(steps):
        events = map_leaves(
            lambda _, values, t=t: np.array(values[t]), episode.observations, recorded_leaves(episode.features)
        )
        events = events if statistics is None else statistics.normalize_obs(events)
        arguments = {} if episode.masks is None else {"action_masks": episode.masks[t]}
        if episode.recurrent_states is not None:
            arguments = {"state": state, "episode_start": np.array([t == 0])}
        action, state = model.predict(events, deterministic=True, **arguments)
        actions.append(action)
    return np.array(actions)


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
    message = constants(tree)
    assert message["ENVIRONMENT"] == card.environment.id
    wrapper_name = [
        {"name": wrapper.name} | ({"kwargs": wrapper.kwargs} if wrapper.kwargs else {})
        for wrapper in card.environment.wrappers
    ]
    assert message.get("WRAPPERS", []) == wrapper_name
    assert (message["STEPS"], message["SEED"]) == (card.training.steps, card.training.seed)
    assert message["HYPERPARAMETERS"] == card.training.hyperparameters
    assert ast.literal_eval(called(tree, "publish_agent")["description"]) == card.description

    arguments = {key: value for key, value in called(tree, card.algorithm).items() if key not in ("seed", "device")}
    networks = spoken(arguments.pop("policy_kwargs", ast.Constant({}))) if "policy_kwargs" in arguments else {}
    used = {key: spoken(value) for key, value in arguments.items()} | networks
    for key, value in used.items():
        written = message["HYPERPARAMETERS"][key]
        if isinstance(value, list) and isinstance(written, str):
            written = [float(part) for part in re.fullmatch(r"linear from (\S+) to (\S+)", written).groups()]
        assert written == value, key
    assert set(message["HYPERPARAMETERS"]) - set(used) <= {"n_envs", "kept"}


@pytest.mark.parametrize("path", sorted(EXPERIMENTS.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_experiment_has_no_faults(path):
    runs, left_out = runs_of(read_experiment(path), path)
    assert runs
    assert not left_out
