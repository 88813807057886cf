import gymnasium
import pytest
from gymnasium.envs.registration import EnvSpec, WrapperSpec
from pydantic import ValidationError

from rltools.cards import environment_card, read_agent_card, read_environment_card
from rltools.environments import environment_spec
from rltools.errors import ConfigError

SHA = "0123456789abcdef" * 4

AGENT = f"""
name: cartpole-ppo
description: balances
library: stable-baselines3
algorithm: PPO
environment: {{id: CartPole-v1, kwargs: {{}}}}
model: {{file: model.zip, sha256: {SHA}}}
training: {{steps: 200000, seed: 1, hyperparameters: {{gamma: 0.98, layers: [64, 64]}}, versions: {{torch: "2.13"}}}}
returns: {{mean: 500, deviation: 0.0, episodes: 100, seed: 0}}
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
        .replace("deviation: 0.0", "deviation: .nan")
        .replace("file: model.zip", "file: ../model.zip")
        .replace("episodes: 100", "episodes: -1")
        .replace(SHA, "abc")
    )
    with pytest.raises(ConfigError) as refusal:
        read_agent_card(agent(tmp_path, broken))
    message = str(refusal.value)
    assert message.startswith(f"{tmp_path / 'agent.yaml'}: 7 faults")
    for part in (
        "algoritm: unknown key; did you mean 'algorithm'?",
        "algorithm: missing",
        "training.steps: input should be a valid integer, not 'many'",
        "returns.deviation: input should be a finite number, not nan",
        "not '../model.zip'",
        "returns.episodes: input should be greater than or equal to 1, not -1",
        "model.sha256",
    ):
        assert part in message


@pytest.mark.parametrize("name", ["../x.zip", "/etc/passwd", "a/b.zip", ".hidden", "", "a\\\\b"])
def test_a_model_lies_in_the_folder_of_its_card(name, tmp_path):
    with pytest.raises(ConfigError, match=r"model\.file"):
        read_agent_card(agent(tmp_path, AGENT.replace("file: model.zip", f'file: "{name}"')))


def test_normalisation_statistics_come_with_their_checksum(tmp_path):
    both = AGENT.replace("sha256:", f"normalize: vecnormalize.pkl, normalize_sha256: {SHA}, sha256:")
    assert read_agent_card(agent(tmp_path, both)).model.normalize == "vecnormalize.pkl"
    one = AGENT.replace("sha256:", "normalize: vecnormalize.pkl, sha256:")
    with pytest.raises(ConfigError, match="belong together"):
        read_agent_card(agent(tmp_path, one))


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
        ("observation:", "image: {layout: 'y,x', channels: [grey], meaning: m}\nobservation:", "not both"),
        ("range: [0, null]", "range: [0]", r"observation\[0\]\.range\[1\]: missing"),
        ("https://example.org/", "javascript:alert(1)", "source: string should match pattern"),
        ("  - id: Mine-v0", "  []", "environments: .* at least 1 item"),
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


def test_units_are_not_said_of_a_rescaled_observation(project):
    spec = environment_spec("CartPole-v1")
    assert environment_card(spec).observation[0].unit == "m"
    for wrapper, unit in ((gymnasium.wrappers.NormalizeObservation, ""), (gymnasium.wrappers.ClipReward, "m")):
        spec.additional_wrappers = (WrapperSpec(wrapper.__name__, "", {}),)
        first = environment_card(spec).observation[0]
        assert (first.name, first.unit) == ("cart position", unit)
