from pathlib import Path

import pytest

from rltools.cards.content import content_folders, find_content, list_content
from rltools.errors import ArgumentError, UnknownNameError


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(path: Path, text: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_the_packages_content_is_found_from_anywhere(project):
    assert find_content("envs", "cartpole").name == "cartpole.yaml"


def test_the_users_own_wins(project):
    shipped = find_content("envs", "cartpole")
    own = write(project / "envs" / "cartpole.yaml")
    assert find_content("envs", "cartpole") == own != shipped
    assert list_content("envs")["cartpole"] == own
    assert list_content("envs")["pendulum"].parent == shipped.parent


def test_an_agent_is_a_folder_with_a_card(project):
    write(project / "agents" / "mine" / "agent.yaml")
    write(project / "agents" / "no-card" / "model.zip")
    write(project / "agents" / "README.md")
    assert find_content("agents", "mine") == project / "agents" / "mine"
    assert not {"no-card", "README.md"} & list_content("agents").keys()


def test_an_experiment_is_a_yaml_file(project):
    own = write(project / "experiments" / "first.yaml")
    write(project / "experiments" / "notes.txt")
    assert find_content("experiments", "first") == own
    assert "notes" not in list_content("experiments")


def test_a_file_whose_name_could_not_be_asked_for_is_not_listed(project):
    write(project / "envs" / "my card.yaml")
    assert "my card" not in list_content("envs")


@pytest.mark.parametrize(
    "name", ["../../x", "..", ".", "", "/etc", "/etc/passwd", "a/b", "a\\b", "a\0b", "a\n", "é", "a b", "x" * 10 + "/"]
)
@pytest.mark.parametrize("room", ["agents", "envs", "experiments"])
def test_a_name_that_leads_elsewhere_is_refused(room, name, project):
    write(project / "x.yaml")
    with pytest.raises(ArgumentError, match="one part of a path") as refusal:
        find_content(room, name)
    assert not isinstance(refusal.value, UnknownNameError)


def test_an_unknown_name_is_answered_with_the_nearest_and_the_places(project):
    with pytest.raises(UnknownNameError, match="did you mean 'cartpole'") as refusal:
        find_content("envs", "cartpoel")
    for folder in content_folders("envs"):
        assert str(folder) in str(refusal.value)


def test_an_unknown_name_near_nothing_lists_what_there_is(project):
    with pytest.raises(UnknownNameError, match=r"there are .*'acrobot'.*'pendulum'"):
        find_content("envs", "zzzzzzzz")


def test_in_the_checkout_itself_each_folder_is_looked_in_once(monkeypatch):
    monkeypatch.chdir(content_folders("envs")[-1].parent)
    assert len(content_folders("envs")) == 1


def test_a_model_without_its_ending_is_recognized(project):
    write(project / "mine.zip")
    with pytest.raises(UnknownNameError, match=r"nothing in agents/ is called 'mine'; did you mean 'mine.zip'"):
        find_content("agents", "mine")
