"""Cards that say only what is not known, and what is made of them."""

from __future__ import annotations

import shutil
from pathlib import Path

import gymnasium
import numpy as np
import pytest
from gymnasium.envs.registration import EnvSpec
from gymnasium.spaces import Box, Dict, Discrete

import rltools
from rltools.cards import CardWarning, environment_card, read_agent_card, read_environment_card
from rltools.cards.content import find_content
from rltools.cli.commands.inspect import inspection
from rltools.cli.commands.list import listing
from rltools.envs import environment_spec, with_arguments
from rltools.errors import ChecksumError, ConfigError, UnknownNameError
from rltools.policies.env_info import inspect_env
from rltools.testing import check_card

SHIPPED = Path(__file__).parents[2] / "envs"
LITTLE = """
environments: [Little-v0]
observation:
  - x
  - {name: speed, unit: m/s}
actions: [brake, go]
"""


class Little(gymnasium.Env):
    """Two numbers and two actions."""

    action_space = Discrete(2)
    observation_space = Box(-1, 1, (2,), np.float32)

    def __init__(self, size=2, wind=0.0):
        self.size, self.wind = size, wind

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return np.zeros(2, np.float32), {}

    def step(self, action):
        return np.full(2, self.wind, np.float32), 0.0, False, False, {}


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A working directory with a folder for cards, and a registered environment."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "envs").mkdir()
    gymnasium.register("Little-v0", Little, kwargs={"size": 2})
    yield tmp_path
    del gymnasium.registry["Little-v0"]


def write(project, text, name="little"):
    path = project / "envs" / f"{name}.yaml"
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    "environments",
    [
        "[Little-v0]",
        "[{id: Little-v0}]",
        "\n  - Little-v0",
        '["Little-*"]',
        "[Other-v0, Little-v0]",
        "\n  - id: Little-v0",
    ],
)
def test_an_id_alone_is_enough(project, environments):
    write(project, LITTLE.replace("[Little-v0]", environments))
    info = inspect_env("Little-v0")
    assert [info.features.label(place) for place in range(2)] == ["x", "speed (m/s)"]
    assert info.action_names == ("brake", "go")
    assert info.action_origin == info.features.origins[0] == "the card envs/little.yaml"


def test_a_card_is_checked_by_its_path_and_by_its_name(project):
    path = write(project, LITTLE)
    for card in (path, str(path), "little", "cartpole-ppo", find_content("agents", "cartpole-ppo")):
        check_card(card, episodes=1)
    with pytest.raises(UnknownNameError, match="is called 'litle'; did you mean little"):
        check_card("litle")
    with pytest.raises(ConfigError, match=r"missing\.yaml"):
        check_card("missing.yaml")


def test_texts_and_images_need_no_words(project):
    text = "environments: [Nested-v0]\nparts: {mission: {text: {}}, camera: {image: {layout: 'y,x,channel'}}, gear: "
    card = read_environment_card(write(project, text + "{choices: [{name: gear, values: [low, high]}]}}"))
    assert card.observes == "mission, camera and gear"
    assert card.parts["camera"].image.channels == ()
    space = Dict(camera=Box(0, 255, (6, 6, 3), np.uint8), gear=Discrete(2))
    gymnasium.register("Nested-v0", type("Nested", (Little,), {"observation_space": space}))
    try:
        features = inspect_env("Nested-v0").features
    finally:
        del gymnasium.registry["Nested-v0"]
    assert features.names[-2:] == ("gear=low", "gear=high")


def test_groups_are_read_and_checked(project):
    grouped = LITTLE + "groups: {motion: [speed], place: [x]}\n"
    assert read_environment_card(write(project, grouped)).groups == {"motion": ("speed",), "place": ("x",)}
    for wrong, message in (
        ("{a: [x], b: [x]}", "'x' is in two groups"),
        ("{a: [sped]}", "'sped' is no element of the observation .did you mean speed"),
        ("{a: []}", "groups.a"),
        ("[x]", "groups"),
    ):
        with pytest.raises(ConfigError, match=message):
            read_environment_card(write(project, f"{LITTLE}groups: {wrong}\n"))


def test_a_faulty_card_is_named_where_it_is_needed(project):
    write(project, LITTLE.replace("observation:", "observations:"))
    with pytest.raises(ConfigError, match=r"little\.yaml.*observations: unknown key; did you mean 'observation'"):
        environment_card(environment_spec("Little-v0"))
    assert environment_card(environment_spec("CartPole-v1")) is not None


def test_a_faulty_card_of_plain_ids_stops_nothing_else(project):
    write(project, "environments: [Other-v0, CartPole-v10]\nnames: [")
    assert environment_card(environment_spec("CartPole-v1")) is not None
    with pytest.raises(ConfigError):
        environment_card(EnvSpec("Other-v0"))


def test_an_unreadable_card_is_named_and_left_out(project):
    write(project, LITTLE)
    (project / "envs" / "huge.yaml").write_bytes(b"#" * 300_000)
    with pytest.warns(CardWarning, match=r"huge\.yaml is ignored"):
        assert environment_card(environment_spec("Little-v0")) is not None


AGENT = "environment: CartPole-v1\nmodel: model.zip\n"


@pytest.fixture
def agent(project):
    """An agent's folder whose card says only where it acts and which file it is."""
    folder = project / "agents" / "mine"
    folder.mkdir(parents=True)
    shutil.copy(find_content("agents", "cartpole-ppo") / "model.zip", folder)
    (folder / "agent.yaml").write_text(AGENT)
    return folder


def test_an_agent_needs_an_environment_and_a_file(agent):
    card = read_agent_card(agent)
    assert (card.name, card.environment.id, card.model.file) == ("mine", "CartPole-v1", "model.zip")
    assert rltools.load_policy("mine").source.name == "mine"
    check_card("mine")


def test_what_is_listed_and_inspected_of_it_reads_well(agent):
    assert "mine an agent on CartPole-v1. minigrid" in " ".join(listing("agents", 200).split())
    text, _ = inspection("mine")
    assert "agent         mine\n" in text
    assert "return" not in text.partition("model")[0]
    assert "trained       200,192 steps" in text


def test_a_checksum_is_compared_where_there_is_any(agent):
    (agent / "agent.yaml").write_text(AGENT.replace("model.zip", "{file: model.zip, sha256: " + "a" * 64 + "}"))
    with pytest.raises(ChecksumError, match="is not the file its card names"):
        rltools.load_policy("mine")


def test_a_card_says_how_a_file_of_weights_is_read(agent):
    model = "{file: model.zip, layout: cleanrl, activation: tanh, strides: [4, 2, 1], head: logit}"
    (agent / "agent.yaml").write_text(AGENT.replace("model.zip", model))
    assert read_agent_card(agent).model.strides == (4, 2, 1)


def test_arguments_choose_the_environment(project):
    write(project, LITTLE)
    spec = with_arguments("Little-v0", {"size": 8, "wind": 0.5})
    policy = rltools.FunctionPolicy(lambda observations: np.zeros(len(observations), int), spec)
    recording = rltools.record(policy, episodes=1, max_steps=2)
    assert recording.episode(0).observations[1, 0] == 0.5
    assert '"size": 8' in recording.header.environment


@pytest.mark.parametrize("name", [path.stem for path in sorted(SHIPPED.glob("*.yaml"))])
def test_the_packages_own_cards_say_everything(name):
    card = read_environment_card(SHIPPED / f"{name}.yaml")
    assert card.description
    assert card.source
    for part in (card, *card.parts.values()):
        described = [*part.observation, *part.choices, *([part.image] if part.image else [])]
        assert all(each.meaning for each in described)
    assert all(action.meaning for action in card.actions)


def test_the_packages_own_agents_say_everything():
    for path in sorted(SHIPPED.parent.glob("agents/*/agent.yaml")):
        card = read_agent_card(path.parent)
        assert card.description and card.library and card.algorithm  # noqa: PT018
        assert card.model.sha256
        assert card.training is not None
        assert card.returns is not None
