"""`rltools new` writes files that only need to be edited, and `rltools inspect ENV` shows what they say."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from rltools import load_policy
from rltools.cards import read_environment_card
from rltools.cards.content import find_content
from rltools.experiments import read_experiment
from rltools.experiments._load import load_agent
from rltools.experiments._plan_runs import runs_of

ROOM = """
import gymnasium
import numpy as np
from gymnasium import spaces


class Room(gymnasium.Env):
    metadata = {"render_modes": []}

    def __init__(self, size=3, kind="dict"):
        low = np.array([-1.0, 0.0, -np.inf][:size], np.float32)
        pose = spaces.Box(low, np.array([1.0, 9.5, np.inf][:size], np.float32))
        image = spaces.Box(0, 255, (8, 8, 3), np.uint8)
        parts = {"pose": pose, "gear": spaces.Discrete(3), "view": image, "note": spaces.Text(5)}
        self.observation_space = spaces.Dict(parts) if kind == "dict" else parts[kind]
        self.action_space = spaces.Box(-2.0, 2.0, (2,))


gymnasium.register("Room-v0", Room)
"""


@pytest.fixture
def room(rltools: Any, project: Path) -> Any:
    """Runs the command in a folder with a module that registers an environment that nobody has named."""
    import sys

    import gymnasium

    (project / "room.py").write_text(ROOM)
    yield rltools
    sys.modules.pop("room", None)
    gymnasium.registry.pop("Room-v0", None)


def test_a_card_names_everything_and_is_used_once_it_is_edited(room: Any, project: Path) -> None:
    ran = room("new", "env", "Room-v0", "--import", "room", "--env-kwargs", "size=3", "kind=pose")
    assert (ran.code, ran.err) == (0, "")
    path = project / "envs" / "room-v0.yaml"
    assert ran.out.splitlines()[0] == "Wrote envs/room-v0.yaml"
    assert "\n  rltools inspect Room-v0 --env-kwargs size=3 --env-kwargs kind=pose --import room" in ran.out
    text = path.read_text()
    assert "{name: 'obs[1]', unit: '', range: [0, 9.5]} # 1" in text.replace("  #", " #")
    show = ("inspect", "Room-v0", "--import", "room", "--env-kwargs", "size=3", "kind=pose")
    unedited = " ".join(room(*show).out.split())
    assert "3 features numbered, since neither a card nor the environment names them" in unedited
    assert "numbered: nothing names them" in unedited
    assert "room-v0.yaml" not in unedited
    path.write_text(text.replace("'obs[1]', unit: ''", "height, unit: m"))
    printed = room(*show)
    assert any(line.split()[:3] == ["1", "height", "m"] for line in printed.out.splitlines()), printed.out
    assert "envs/room-v0.yaml" in printed.out
    card = read_environment_card(path)
    assert card.environments[0].kwargs == {"size": 3, "kind": "pose"}
    again = room("new", "env", "Room-v0", "--import", "room")
    assert (again.code, path.read_text().count("height")) == (1, 1)
    assert "is there already" in again.fault


@pytest.mark.parametrize("kind", ["dict", "gear", "view"])
def test_choices_images_and_dicts_have_cards_too(room: Any, project: Path, kind: str) -> None:
    printed = room("inspect", "Room-v0", "--import", "room", "--env-kwargs", f"kind={kind}")
    assert printed.code == 0, printed.err
    assert max(map(len, printed.out.splitlines())) <= 80
    assert ("a choice of 0, 1, 2" in printed.out) == (kind in ("dict", "gear"))
    assert ("an image, y 8 x x 8 x channel 3" in " ".join(printed.out.split())) == (kind in ("dict", "view"))
    assert "0  (no name)  -2 to 2" in printed.out
    ran = room("new", "env", "Room-v0", "--import", "room", "--env-kwargs", f"kind={kind}")
    assert (ran.code, ran.err) == (0, "")
    card = read_environment_card(project / "envs" / "room-v0.yaml")
    if kind == "dict":
        assert set(card.parts) == {"pose", "gear", "view", "note"}
        assert card.parts["view"].image is not None
        assert card.parts["view"].image.range == (0, 255)
        named = room("inspect", "Room-v0", "--import", "room", "--env-kwargs", "kind=dict")
        assert "named by" not in named.out  # the card is as it was written
        assert named.err == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("Room-v7",), "no environment 'Room-v7' is registered"),
        (("cartpole-ppo", "--env-kwargs", "a=1"), "--env-kwargs are for an environment"),
        (("nowhere",), "no agent and no environment"),
        (("CartPole-v1", "--env-kwargs", "size=3"), "CartPole-v1"),
    ],
)
def test_what_cannot_be_inspected_is_said(rltools: Any, arguments: tuple[str, ...], message: str) -> None:
    ran = rltools("inspect", *arguments)
    assert ran.code == 1
    assert message in ran.fault


def test_an_agent_gets_a_folder_and_is_known_by_its_name(rltools: Any, project: Path) -> None:
    (project / "ppo").mkdir()
    shutil.copy(find_content("agents", "cartpole-ppo") / "model.zip", project / "ppo" / "best_model.zip")
    ran = rltools("new", "agent", "ppo/best_model", "--env", "CartPole-v1", "--env-kwargs", "sutton_barto_reward=true")
    assert (ran.code, ran.err) == (0, "")
    assert "rltools analyze ppo" in ran.out
    policy = load_policy("ppo")
    assert policy.source.name == "ppo"
    assert '"sutton_barto_reward": true' in str(policy.source.environment)
    assert rltools("new", "agent", "ppo/best_model.zip", "--env", "CartPole-v1").code == 1
    assert rltools("list", "agents").out.count("\n  ppo ") == 1


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        (("nothing.zip", "--env", "CartPole-v1"), "there is no model at nothing.zip"),
        (("cartpole-ppo",), "is an agent with a card already"),
        (("model.zip", "--names", "a,b,c,d"), "see `rltools new env`"),
        (("model.zip", "--trust", "0" * 64), "a card cannot trust a file"),
        ((".",), "a folder without a model's .zip"),
    ],
)
def test_what_no_card_can_say_is_refused(rltools: Any, project: Path, typed: tuple[str, ...], message: str) -> None:
    shutil.copy(find_content("agents", "cartpole-ppo") / "model.zip", project / "model.zip")
    ran = rltools("new", "agent", *typed)
    assert ran.code == 1
    assert message in ran.fault
    assert not (project / "agents").exists()


def test_an_experiment_is_valid_as_it_is(rltools: Any, project: Path) -> None:
    typed = ("--names", "2=tilt", "--env", "CartPole-v1", "--agent", "cartpole-ppo")
    ran = rltools("new", "experiment", "poles", *typed)
    assert (ran.code, ran.err) == (0, "")
    assert "rltools run experiments/poles.yaml" in ran.out
    plan = read_experiment(project / "experiments" / "poles.yaml")
    assert [choice.name for choice in plan.methods] == ["shapley", "gradient"]
    assert plan.agents[0].loading == {"names": {"2": "tilt"}}
    (run,) = runs_of(plan, project / "experiments" / "poles.yaml").runs
    policy, _ = load_agent(run.agent, run.environment, "same", None, run.loading)
    assert policy.features.names[2] == "tilt"
    assert rltools("new", "experiment", "mine.yaml").out.startswith("Wrote experiments/mine.yaml")
    assert read_experiment(project / "experiments" / "mine.yaml").agents[0].model == "cartpole-ppo"
    assert rltools("new", "experiment", "theirs", "--agent", "nobody").code == 1
    assert rltools("new", "experiment").code == 2


def test_an_experiment_that_is_called_as_an_agent_is_about_it_and_a_model_is_no_name(
    rltools: Any, project: Path
) -> None:
    assert rltools("new", "experiment", "lunarlander-ppo").code == 0
    plan = read_experiment(project / "experiments" / "lunarlander-ppo.yaml")
    assert [agent.model for agent in plan.agents] == ["lunarlander-ppo"]
    (project / "best_model.zip").write_bytes(b"")
    ran = rltools("new", "experiment", "best_model.zip")
    assert (
        "'best_model.zip' is a model, and an experiment needs a name of its own; add the model as --agent" in ran.fault
    )


def test_new_alone_says_what_there_is(rltools: Any) -> None:
    printed = rltools("new")
    assert {"env", "agent", "experiment"} <= set(printed.out.split())
