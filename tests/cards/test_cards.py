import re

import gymnasium
import pytest
from gymnasium.envs.registration import EnvSpec
from pydantic import ValidationError

from rltools.cards import CardWarning, environment_card, read_agent_card, read_environment_card
from rltools.cards.content import find_content
from rltools.cli.commands.list import listing
from rltools.envs import environment_spec
from rltools.envs.names import observed_features
from rltools.errors import ConfigError
from rltools.policies.env_info import inspect_env

SHA = "0123456789abcdef" * 4

AGENT = f"""
name: cartpole-ppo
description: balances
library: stable-baselines3
algorithm: PPO
environment: {{id: CartPole-v1, kwargs: {{}}}}
model: {{file: model.zip, sha256: {SHA}}}
training: {{steps: 200000, seed: 1, hyperparameters: {{gamma: 0.98, layers: [64, 64]}}, versions: {{torch: "2.13"}}}}
returns: {{mean: 500, std: 0.0, episodes: 100, seed: 0}}
"""

ENVIRONMENT = """
environments:
  - id: Mine-v0
description: a test
source: https://example.org/
observation:
  - {name: height, unit: m, range: [0, null], meaning: how high}
  - {name: speed, meaning: how fast}
actions:
  - {name: up, meaning: go up}
"""

FACTOR = "environments: [{id: Mine-v0, kwargs: {mode: fast}}]"


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "envs").mkdir()
    return tmp_path


def agent(folder, text):
    (folder / "agent.yaml").write_text(text)
    return folder


def card(project, name, text):
    path = project / "envs" / f"{name}.yaml"
    path.write_text(text)
    return path


def described(text, description):
    return text.replace("description: a test", f"description: {description}")


def mine(**kwargs):
    return EnvSpec("Mine-v0", kwargs=kwargs)


def test_an_agents_card_is_read(tmp_path):
    read = read_agent_card(agent(tmp_path, AGENT))
    assert (read.model.file, read.model.sha256, read.model.normalize) == ("model.zip", SHA, None)
    assert read.environment.id == "CartPole-v1"
    assert read.training.hyperparameters == {"gamma": 0.98, "layers": [64, 64]}
    assert read.returns.mean == 500.0
    with pytest.raises(ValidationError):
        read.name = "other"


def test_a_missing_agent_card_is_said(tmp_path):
    with pytest.raises(ConfigError, match=r"agent\.yaml cannot be read"):
        read_agent_card(tmp_path)


def test_all_faults_of_an_agents_card_come_at_once(tmp_path):
    broken = (
        AGENT.replace("algorithm:", "algoritm:")
        .replace("steps: 200000", "steps: many")
        .replace("std: 0.0", "std: .nan")
        .replace("file: model.zip", "file: ../model.zip")
        .replace("episodes: 100", "episodes: -1")
        .replace(SHA, "abc")
    )
    with pytest.raises(ConfigError) as refusal:
        read_agent_card(agent(tmp_path, broken))
    message = str(refusal.value)
    assert message.startswith(f"{tmp_path / 'agent.yaml'}: 6 faults")
    for part in (
        "algoritm: unknown key; did you mean 'algorithm'?",
        "training.steps: must be a whole number, not 'many'",
        "returns.std: must be a finite number, not nan",
        "model.file: must be the name of a file in the card's folder: letters, digits, '_', '-' and '.', not beginning "
        "with '.', not '../model.zip'",
        "returns.episodes: must be at least 1, not -1",
        "model.sha256: must be 64 hexadecimal digits in lower case, not 'abc'",
    ):
        assert part in message


@pytest.mark.parametrize("name", ["../x.zip", "/etc/passwd", "a/b.zip", ".hidden", "", "a\\\\b"])
def test_a_model_lies_in_the_folder_of_its_card(name, tmp_path):
    with pytest.raises(ConfigError, match=r"model\.file"):
        read_agent_card(agent(tmp_path, AGENT.replace("file: model.zip", f'file: "{name}"')))


def test_normalization_statistics_come_with_their_checksum(tmp_path):
    both = AGENT.replace("sha256:", f"normalize: vecnormalize.pkl, normalize_sha256: {SHA}, sha256:")
    assert read_agent_card(agent(tmp_path, both)).model.normalize == "vecnormalize.pkl"
    with pytest.raises(ConfigError, match="normalize_sha256 is of a file; give its name as normalize"):
        read_agent_card(agent(tmp_path, both.replace("normalize: vecnormalize.pkl, ", "")))


def test_an_environments_card_is_read(project):
    read = read_environment_card(card(project, "mine", ENVIRONMENT))
    assert [(entry.name, entry.unit, entry.range) for entry in read.observation] == [
        ("height", "m", (0.0, None)),
        ("speed", "", (None, None)),
    ]
    assert read.action_names == ("up",)


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("name: speed", "name: height", "observation: names must differ; given more than once: 'height'"),
        ("observation:", "image: {layout: 'y,x', channels: [gray], meaning: m}\nobservation:", "give exactly one of"),
        ("range: [0, null]", "range: [0]", r"observation\[0\]\.range\[1\]: missing"),
        (
            "https://example.org/",
            "javascript:alert(1)",
            "source: must be an address that begins with http://",
        ),
        ("  - id: Mine-v0", "  []", r"environments: must not be empty, not \[\]"),
        ("meaning: how high", "meaning: no", None),
    ],
)
def test_faults_of_an_environments_card(old, new, fault, project):
    path = card(project, "mine", ENVIRONMENT.replace(old, new))
    if fault is None:
        assert read_environment_card(path).observation[0].meaning == "no"
    else:
        with pytest.raises(ConfigError, match=fault):
            read_environment_card(path)


def test_a_card_is_found_for_an_environment_whatever_arguments_do_not_matter(project):
    card(project, "mine", ENVIRONMENT)
    assert environment_card(mine(gravity=-9.0, render_mode="human")).description == "a test"
    assert environment_card(EnvSpec("Other-v0")) is None
    assert environment_card(EnvSpec("Mine-v01")) is None


def test_the_card_that_lists_most_arguments_wins(project):
    card(project, "a", ENVIRONMENT)
    card(project, "b", described(ENVIRONMENT, "fast").replace("environments:\n  - id: Mine-v0", FACTOR))
    assert environment_card(mine(mode="fast", other=1)).description == "fast"
    assert environment_card(mine(mode="slow")).description == "a test"
    assert environment_card(mine()).description == "a test"


def test_a_card_that_needs_an_argument_does_not_fit_without_it(project):
    card(project, "b", ENVIRONMENT.replace("environments:\n  - id: Mine-v0", FACTOR))
    assert environment_card(mine(mode="slow")) is None
    assert environment_card(mine()) is None


def test_the_users_card_wins_over_the_packages(project):
    card(project, "my-cartpole", described(ENVIRONMENT, "mine").replace("Mine-v0", "CartPole-v1"))
    assert environment_card(environment_spec("CartPole-v1")).description == "mine"
    assert environment_card(environment_spec("CartPole-v0")).description != "mine"


def test_two_cards_of_one_folder_that_fit_equally_are_refused(project):
    card(project, "a", ENVIRONMENT)
    card(project, "b", ENVIRONMENT)
    with pytest.raises(ConfigError, match=r"a\.yaml and b\.yaml both describe Mine-v0"):
        environment_card(mine())


def test_only_cards_that_mention_the_environment_are_read(project):
    card(project, "conda", "name: base\ndependencies: [python]\nprefix: *nowhere")
    card(project, "mine", ENVIRONMENT)
    assert environment_card(mine()) is not None
    card(project, "broken", "id: Mine-v0")
    with pytest.raises(ConfigError, match=r"broken\.yaml"):
        environment_card(mine())


@pytest.mark.parametrize(
    ("wrapper", "label"),
    [
        (gymnasium.wrappers.NormalizeObservation, "cart position (deviations)"),
        (lambda env: gymnasium.wrappers.TransformObservation(env, lambda content: 2 * content, None), "cart position"),
        (lambda env: gymnasium.wrappers.ClipReward(env, 0), "cart position (m)"),
    ],
)
def test_units_are_not_said_of_a_rescaled_observation(wrapper, label):
    env = wrapper(gymnasium.make("CartPole-v1"))
    assert observed_features(env, environment_card(environment_spec("CartPole-v1"))).label(0) == label


def test_an_agents_environment_lists_its_wrappers(tmp_path):
    listed = "kwargs: {}, wrappers: [{name: SelectFeatures, kwargs: {keep: [0, 2]}}, {name: FlattenObservation}]"
    wrappers = read_agent_card(agent(tmp_path, AGENT.replace("kwargs: {}", listed, 1))).environment.wrappers
    assert [(wrapper.name, wrapper.kwargs) for wrapper in wrappers] == [
        ("SelectFeatures", {"keep": [0, 2]}),
        ("FlattenObservation", {}),
    ]
    with pytest.raises(ConfigError, match=r"environment\.wrappers"):
        read_agent_card(agent(tmp_path, AGENT.replace("kwargs: {}", "wrappers: FlattenObservation", 1)))


PATTERNS = """
environments:
  - {id: "Mine-*"}
description: pattern
source: https://example.org/
image: {layout: "x,y,channel", channels: [kind], meaning: what is there}
"""


def test_a_pattern_speaks_of_every_id_that_matches(project):
    card(project, "pattern", PATTERNS)
    assert environment_card(mine()).description == "pattern"
    assert environment_card(EnvSpec("Mine-Big-v3")).action_names == ()
    assert environment_card(EnvSpec("NotMine-v0")) is None


def test_an_id_comes_before_a_pattern_and_a_longer_pattern_before_a_shorter(project):
    card(project, "pattern", PATTERNS)
    card(
        project,
        "longer",
        PATTERNS.replace("description: pattern", "description: longer").replace("Mine-*", "Mine-Big-*"),
    )
    card(project, "mine", ENVIRONMENT)
    assert environment_card(mine()).description == "a test"
    assert environment_card(EnvSpec("Mine-Big-v3")).description == "longer"
    assert environment_card(EnvSpec("Mine-Small-v3")).description == "pattern"


def test_the_users_pattern_wins_over_the_packages_id(project):
    card(project, "mine", PATTERNS.replace("Mine-*", "CartPole-*"))
    assert environment_card(environment_spec("CartPole-v1")).description == "pattern"


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("values: [a, b]", "values: [a, b], factors: [{name: row, values: [a]}]", "either values or factors"),
        ("values: [a, b]", "", "either values or factors"),
        ("{choices:", "{text: {meaning: m}, choices:", "exactly one of observation, image, choices and text"),
    ],
)
def test_faults_of_a_nested_card(old, new, fault, project):
    nested = """
environments: [{id: Mine-v0}]
description: a test
source: https://example.org/
parts:
  gear: {choices: [{name: gear, meaning: which one, values: [a, b]}]}
"""
    assert read_environment_card(card(project, "mine", nested)).leaf("gear").choices[0].value_names == ("a", "b")
    with pytest.raises(ConfigError, match=fault):
        read_environment_card(card(project, "mine", nested.replace(old, new)))


def test_a_card_says_in_a_few_words_what_is_observed():
    content = {
        name: read_environment_card(find_content("envs", name)).observes for name in ("cartpole", "taxi", "carracing")
    }
    assert content == {"cartpole": "4 features", "taxi": "500 values", "carracing": "an image"}
    assert read_environment_card(find_content("envs", "minigrid")).observes == "direction, image and mission"
    assert read_environment_card(find_content("envs", "blackjack")).observes == "3 parts"


def test_a_card_that_was_changed_is_read_again(project):
    card(project, "mine", ENVIRONMENT)
    assert environment_card(mine()).description == "a test"
    card(project, "mine", described(ENVIRONMENT, "another description"))
    assert environment_card(mine()).description == "another description"


def test_a_card_with_another_number_of_entries_is_said(tmp_path, monkeypatch):
    (tmp_path / "envs").mkdir()
    (tmp_path / "envs" / "pole.yaml").write_text(
        "environments: [{id: CartPole-v1}]\ndescription: d\nsource: https://example.org\n"
        "observation: [{name: a, meaning: m}, {name: b, meaning: m}]\nactions: [{name: x, meaning: m}]\n"
    )
    monkeypatch.chdir(tmp_path)
    around = inspect_env("CartPole-v1")
    assert around.features.names[0] == "obs[0]"
    assert around.notes == ("the environment's card names 2 elements and there are 4: not used",)


@pytest.mark.parametrize("listed", ["id: MyCartPole-v1", "id: CartPole-v10\nalso: CartPole-v1"])
def test_a_faulty_card_of_another_environment_stops_nothing(listed, project):
    card(project, "broken", f"environments:\n  - {listed}\n: [")
    assert environment_card(environment_spec("CartPole-v1")) is not None
    card(project, "broken", "environments:\n  - id: CartPole-v1\n: [")
    with pytest.raises(ConfigError, match=r"broken\.yaml"):
        environment_card(environment_spec("CartPole-v1"))


def test_a_card_that_cannot_be_opened_stops_only_its_own(project):
    (project / "envs").mkdir(exist_ok=True)
    (project / "envs" / "mountain.yaml").symlink_to(project / "nowhere")
    assert environment_card(environment_spec("CartPole-v1")) is not None


def test_a_card_that_cannot_be_read_is_left_out_and_named(project):
    card(project, "mine", ENVIRONMENT)
    with (project / "envs" / "huge.yaml").open("wb") as file:
        file.truncate(10**10)
    with pytest.warns(CardWarning, match=r"huge\.yaml is larger than 200,000 bytes.*the card huge\.yaml is ignored"):
        assert environment_card(mine()).description == "a test"
    (project / "envs" / "huge.yaml").unlink()
    card(project, "many", "\n".join(f"id: A{number}-v0" for number in range(1001)))
    with pytest.warns(CardWarning, match=r"many\.yaml lists more than 1,000 ids"):
        assert environment_card(mine()).description == "a test"


def test_a_faulty_card_stops_only_the_environment_whose_whole_id_it_names(project):
    card(project, "mine", ENVIRONMENT)
    for name, text in (
        ("a", "id: Mine-v01"),
        ("b", "id: My/Mine-v0"),
        ("c", "id: Mine-v0-more\n\tbroken"),
        ("d", "&x ["),
    ):
        card(project, name, text)
    assert environment_card(mine()).description == "a test"
    for env_id, name in (("Mine-v01", "a"), ("My/Mine-v0", "b"), ("Mine-v0-more", "c")):
        with pytest.raises(ConfigError, match=rf"{name}\.yaml"):
            environment_card(EnvSpec(env_id))
    output = " ".join(listing("envs").split())  # lines are wrapped
    assert re.search(r"a cannot be read: .*a\.yaml: 2 faults", output)
    assert re.search(r"d cannot be read: .*line 1: the anchor &x", output)
    assert "Mine-v0 2 features" in output
