"""A card that says something else than what is there does not pass."""

import shutil

import pytest

from rltools.cards.content import content_folders
from rltools.errors import ChecksumError, ConfigError, SimulationError
from rltools.testing import check_card

ENVS, AGENTS = content_folders("envs")[-1], content_folders("agents")[-1]


@pytest.fixture
def changed(tmp_path):
    """A copy of a card with one text replaced by another."""

    def change(name, old, new):
        if (ENVS / f"{name}.yaml").is_file():
            path = target = tmp_path / f"{name}.yaml"
            path.write_text((ENVS / path.name).read_text())
        else:
            target = tmp_path / name
            shutil.copytree(AGENTS / name, target)
            path = target / "agent.yaml"
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))
        return target

    return change


@pytest.mark.parametrize("name", ["cartpole", "pendulum", "mountaincar-continuous"])
def test_a_true_card_passes(name):
    check_card(ENVS / f"{name}.yaml")


@pytest.mark.parametrize(
    ("name", "old", "new", "error", "message"),
    [
        ("cartpole", "name: push left", "nme: push left", ConfigError, "nme"),
        ("cartpole", "CartPole-v1", "CartPole-v9", SimulationError, "CartPole-v9"),
        ("cartpole", "CartPole-v1", "Acrobot-v1", AssertionError, "Acrobot-v1 has 3 actions, and its card names 2"),
        ("acrobot", "Acrobot-v1", "MountainCar-v0", AssertionError, "gives 2 elements, and its card names 6"),
        ("pendulum", "[-1, 1]", "[-1, -0.9]", AssertionError, "outside of the card's range"),
        ("cartpole-ppo", "name: cartpole-ppo", "name: other", AssertionError, "calls the agent 'other'"),
        ("cartpole-ppo", "mean: 500.0", "mean: 400.0", AssertionError, "reaches 500.0 in 3 episodes"),
        ("cartpole-ppo", "sha256: ", "sha256: 0123", ConfigError, "sha256"),
    ],
)
def test_a_false_one_does_not(changed, name, old, new, error, message):
    with pytest.raises(error, match=message):
        check_card(changed(name, old, new))


def test_a_card_of_observations_only_passes(changed):
    path = changed("cartpole", "actions:", "actions:")
    path.write_text(path.read_text().partition("actions:")[0])
    check_card(path)
    path.write_text(path.read_text().replace("range: [-4.8, 4.8]", "range: [-0.01, 0.01]"))
    with pytest.raises(AssertionError, match="outside of the card's range"):
        check_card(path)


def test_another_model_does_not(changed):
    folder = changed("cartpole-ppo", "name: ", "name: ")
    (folder / "model.zip").write_bytes(b"other")
    with pytest.raises(ChecksumError):
        check_card(folder)
