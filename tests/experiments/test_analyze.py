"""From an agent to a page, end to end."""

import html
import json
import re
import sys

import gymnasium
import numpy as np
import pytest
from gymnasium.spaces import Box, Discrete
from torch import nn

from rltools import analyze, explain, load_policy, open_recording, record
from rltools.errors import ArgumentError, TooCostlyError
from rltools.experiments.analyze import LeftOutWarning, notable, specs
from rltools.explanation import declared_stride
from rltools.pages.replay import NoFramesWarning
from rltools.recording import Outcome
from rltools.summary import summarize


@pytest.fixture(scope="module")
def short_pole():
    """CartPole that ends after at most 12 steps."""
    entry = "gymnasium.envs.classic_control.cartpole:CartPoleEnv"
    gymnasium.register("TwelvePole-v0", entry, max_episode_steps=12)
    yield "TwelvePole-v0"
    gymnasium.registry.pop("TwelvePole-v0")


@pytest.fixture(scope="module")
def analyzed(short_pole, tmp_path_factory):
    folder = tmp_path_factory.mktemp("analysis") / "run"
    return analyze("cartpole-ppo", short_pole, episodes=2, directory=folder), folder


@pytest.fixture(autouse=True)
def _plots_of_two_pages(request):
    """A page about a choice and one about continuous actions have their plots; other tests are about something else."""
    continuous = test_continuous_actions_are_explained_as_the_environment_receives_them
    if "analyzed" not in request.fixturenames and request.function is not continuous:
        request.getfixturevalue("without_plots")


def files(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_the_folder_holds_what_the_page_shows(analyzed):
    created, folder = analyzed
    slugs = {re.sub("-[0-9a-f]{8}/", "/", name) for name in files(folder) if "/.lock" not in name}
    batches = {name for name in slugs if re.fullmatch(r"ablations/resample/\d{6}\.parquet", name)}
    assert batches
    slugs -= batches
    explained = (
        "gradient-centered-chosen",
        "gradient-logit-chosen",
        "shapley-centered-chosen",
        "decision-change-decision",
    )
    expected = {
        "index.html",
        "summary.csv",
        "recording.json",
        "replays/episode-000000.html",
        "replays/episode-000001.html",
    }
    expected |= {f"{room}/00000{number}.parquet" for room in ("episodes", "frames") for number in (0, 1)}
    plotted = (
        "losses",
        "measured_agreement",
        "importance",
        "beeswarm",
        "dependence",
        "timeline",
        "action_matrix",
        "decision",
    )
    plotted += ("filmstrip", "filmstrip-000000", "filmstrip-000001")
    expected |= {f"plots/{name}{ending}" for name in plotted for ending in (".png", ".svg", "-dark.svg")}
    expected |= {f"attributions/{key}/00000{number}.parquet" for key in explained for number in (0, 1)}
    expected |= {f"attributions/{key}/attribution.json" for key in explained}
    expected |= {f"ablations/resample/{name}" for name in ("ablation.json", "visited.parquet")}
    compared = {f"attributions/{key}/reference.parquet" for key in explained[2:]}
    compared |= {f"attributions/{key}/draws/00000{number}.parquet" for key in explained[2:] for number in (0, 1)}
    assert slugs - {".lock"} == expected | compared
    assert created.page == folder / "index.html"
    assert created.summary.method == "shapley"
    page = created.page.read_text()
    text = html.unescape(re.sub("<[^>]*>", "", page))
    for finding in map(str, created.findings):
        # Where they stand on the page: the headline apart from its method, the return beside the agent.
        message = re.sub(r"^Mean return (\S+) .*$", r"\1", finding)
        assert all(part in text for part in re.split(r" (?=\([^()]*\)\.$)|\.$", message)), finding
    assert "trained on CartPole-v1" in page


def test_nothing_is_done_twice(analyzed, short_pole):
    created, folder = analyzed
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*.parquet")}
    page = created.page.read_bytes()
    again = analyze("cartpole-ppo", short_pole, episodes=2, directory=folder)
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*.parquet")} == before
    assert again.page.read_bytes() == page
    assert again.summary.findings == created.summary.findings


def test_continuous_actions_are_explained_as_the_environment_receives_them(make_policy, tmp_path):
    policy = make_policy("Pendulum-v1", kwargs={"g": 9.81})
    gymnasium.register("ShortPendulum-v0", "gymnasium.envs.classic_control:PendulumEnv", max_episode_steps=8)
    try:
        created = analyze(policy, "ShortPendulum-v0", episodes=2, directory=tmp_path / "run")
    finally:
        gymnasium.registry.pop("ShortPendulum-v0")
    assert {query.target for query in created.recording.specs.values()} == {"action:all", "decision"}
    assert any("moves the action by" in str(finding) for finding in created.findings)
    assert created.ablation.players == ("cos(angle)", "sin(angle)", "angular velocity")
    assert created.recording.attribution("shapley").values.shape == (16, 1, 3)
    assert created.page.is_file()


class Picture(gymnasium.Env):
    """Random pictures."""

    observation_space = Box(0, 255, (36, 36, 3), np.uint8)
    action_space = Discrete(2)
    render_mode = "rgb_array"

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.left = 4
        return self.observe(), {}

    def observe(self):
        return self.np_random.integers(0, 256, (36, 36, 3), np.uint8)

    def step(self, action):
        self.left -= 1
        return self.observe(), 1.0, self.left == 0, False, {}

    def render(self):
        return np.zeros((20, 20, 3), np.uint8)


class Clock:
    """Seconds that pass only when a network computes: so many for each row."""

    def __init__(self, monkeypatch, policy, a_row):
        self.now = 0.0
        monkeypatch.setattr("rltools.explanation._cost.clock", lambda: self.now)

        def count(module, arguments, output):
            self.now += a_row * len(arguments[0])

        layer = next(layer for layer in policy.module.modules() if isinstance(layer, (nn.Linear, nn.Conv2d)))
        layer.register_forward_hook(count)


def test_pictures_of_a_live_model_are_explained_and_more_than_there_is_time_for_is_sampled_and_said(
    tmp_path, monkeypatch, capsys
):
    from stable_baselines3 import PPO

    model = PPO("CnnPolicy", Picture(), seed=0, device="cpu", n_steps=8, batch_size=8)
    policy = load_policy(model, Picture)
    monkeypatch.setattr("rltools.experiments.analyze.load_policy", lambda *arguments, **options: policy)
    Clock(monkeypatch, policy, a_row=1 / 128)  # some 400 passes for a step of integrated gradients, 1 of a gradient
    created = analyze(
        model,
        Picture,
        episodes=2,
        references=8,
        seconds=20,
        ablate=False,
        progress=True,
        directory=tmp_path / "run",
        frames=False,
    )
    every = {query.method: query.every for query in created.recording.specs.values()}
    assert every["gradient"] == 1
    assert every["integrated_gradients"] == 2
    page = created.page.read_text()
    assert "One step in 2 is explained" in page
    assert "--seconds 20" in page
    values = created.recording.attribution("integrated_gradients").values
    assert values.shape == (8, 1, 36, 36, 3)
    assert np.isfinite(values).all(axis=(1, 2, 3, 4)).sum() == 4
    message = capsys.readouterr().err
    planned = message.index(
        "explain integrated_gradients of centered:chosen: one step in 2 of 8, about 12 s; all would take"
    )
    assert "and 20 s are allowed (seconds=20); cheaper: " in message[planned:].splitlines()[0]
    assert planned < message.index("explain gradient of logit:chosen: 8 steps\n"), "said before any of it begins"


def test_a_method_beside_the_headline_is_left_out_where_one_step_of_it_takes_too_long(
    make_env, make_policy, tmp_path, monkeypatch
):
    env = make_env(length=6)
    policy = make_policy(env)
    Clock(monkeypatch, policy, a_row=0.1)  # 4 copies x 12 visited states of decision_change take 4.8 s, a gradient .1 s
    with pytest.warns(LeftOutWarning, match=r"left out: decision_change of decision takes about 5 s for a single step"):
        created = analyze(
            policy,
            env,
            episodes=2,
            seconds=4,
            method="gradient",
            ablate=False,
            frames=False,
            directory=tmp_path / "run",
        )
    assert created.decisions is None
    assert {query.method for query in created.recording.specs.values()} == {"gradient"}
    with pytest.raises(TooCostlyError, match=r"shapley of centered:chosen takes about \d+ s .* cheaper: 8 references"):
        analyze(policy, env, episodes=2, seconds=4, method="shapley", frames=False, directory=tmp_path / "other")


def test_what_was_begun_goes_on_with_the_steps_it_began_with(make_env, make_policy, tmp_path, monkeypatch):
    env = make_env(length=6)
    policy = make_policy(env)
    clock = Clock(monkeypatch, policy, a_row=0.001)
    settings = {"method": "gradient", "ablate": False, "frames": False, "directory": tmp_path / "run"}
    analyze(policy, env, episodes=2, seconds=1, **settings)
    every = {key: query.every for key, query in open_recording(tmp_path / "run").specs.items()}
    assert sorted(every.values()) == [1, 1, 2], "12 steps of 96 passes of decision_change take 1.15 s"
    clock.now = 0.0
    more = analyze(policy, env, episodes=4, seconds=1000, **settings)
    assert {key: query.every for key, query in more.recording.specs.items()} == every
    assert all(more.recording.is_complete(key) for key in every)


def test_seconds_that_cannot_be_meant(make_env, make_policy, tmp_path):
    env = make_env(length=3)
    for seconds in (0, -1, float("nan")):
        with pytest.raises(ArgumentError, match="seconds is"):
            analyze(make_policy(env), env, seconds=seconds, directory=tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_what_is_asked_of_each_kind_of_policy(cartpole, make_policy):
    assert specs(cartpole, "shapley", None) == [
        ("gradient", "logit:chosen"),
        ("gradient", "centered:chosen"),
        ("shapley", "centered:chosen"),
        ("decision_change", "decision"),
    ]
    assert specs(cartpole, "gradient", "value") == [
        ("gradient", "logit:chosen"),
        ("gradient", "centered:chosen"),
        ("gradient", "value"),
        ("decision_change", "decision"),
    ]
    decision = ("decision_change", "decision")
    assert specs(cartpole, "decision_change", "decision").count(decision) == 1
    assert specs(make_policy("Pendulum-v1"), "gradient", None) == [("gradient", "action:all"), decision]


def test_where_an_action_has_no_bounds_nothing_is_asked_of_the_decision(make_env, make_policy, tmp_path):
    env = make_env(action_space=Box(-np.inf, np.inf, (1,)), length=3)
    policy = make_policy(env)
    assert specs(policy, "gradient", None) == [("gradient", "action:all")]
    created = analyze(policy, env, episodes=1, method="gradient", frames=False, directory=tmp_path / "run")
    assert created.decisions is None
    assert created.answer.section("decision") is None


def test_the_decision_comes_first_and_the_summary_of_the_score_after_it(analyzed):
    created, _ = analyzed
    assert created.decisions.method == "decision_change"
    assert len(created.recording.attribution("decision_change").references) == 24, "32, of those there are"
    (changes,) = [finding for finding in map(str, created.findings) if finding.startswith("Replacing ")]
    assert "of replacements" in changes
    assert [section.key for section in created.answer.sections] == ["measured", "trust", "decision", "score"]
    first = created.answer.section("score").findings[0]
    assert (first.kind, first.subjects[0].feature) == ("lead", created.summary.findings[0].subjects[0].feature)


def test_the_decision_may_head_the_findings_itself(make_env, make_policy, tmp_path):
    env = make_env(length=12)
    created = analyze(
        make_policy(env), env, episodes=2, method="decision_change", frames=False, directory=tmp_path / "run"
    )
    assert (created.summary.method, created.summary.target, created.decisions) == ("decision_change", "decision", None)
    with pytest.raises(ArgumentError, match="explains the decision of"):
        analyze(make_policy(env), env, method="decision_change", target="entropy", directory=tmp_path / "none")


def test_factors_of_a_choice_are_features_of_the_decision(tmp_path):
    policy = load_policy("taxi-masked-ppo")
    recording = record(policy, episodes=2, max_steps=10, directory=tmp_path / "run")
    explain(recording, policy, method="decision_change", groups="variables", references=8)
    result = summarize(recording)
    assert result.features == ("row", "column", "passenger", "destination")
    assert result.findings[0].subjects[0].feature in result.features
    assert declared_stride(recording, policy, "decision_change", 8, {"groups": "variables"}) == 1


def outcome(number, total_reward, steps=3):
    return Outcome(number, number, steps, total_reward, "terminated", "", 0)


def test_the_median_the_worst_and_the_best_episode_are_shown():
    assert notable([]) == []
    assert notable([outcome(0, 1.0, steps=0)]) == []
    assert notable([outcome(0, 1.0)]) == [outcome(0, 1.0)]
    several = [outcome(number, reward) for number, reward in enumerate((5.0, 1.0, 3.0, 4.0, 2.0))]
    assert [each.total_reward for each in notable(several)] == [3.0, 1.0, 5.0]


def test_the_recording_says_it_was_another_environment(analyzed):
    _, folder = analyzed
    header = json.loads((folder / "recording.json").read_text())
    assert any("TwelvePole-v0" in note for note in header["notes"])
    assert open_recording(folder).header.environment_id == "TwelvePole-v0"


@pytest.mark.parametrize("query", [{"method": "shaply"}, {"target": "logit:up"}])
def test_what_the_agent_cannot_do_is_said_before_anything_is_recorded(short_pole, tmp_path, query):
    with pytest.raises(ArgumentError):
        analyze("cartpole-ppo", short_pole, episodes=1, directory=tmp_path / "run", **query)
    assert not (tmp_path / "run").exists()


def test_an_environment_that_cannot_be_drawn_has_a_page_too(make_env, make_policy, tmp_path):
    env = make_env(length=3, render_mode=None)
    with pytest.warns(NoFramesWarning):
        created = analyze(make_policy(env), env, episodes=1, method="gradient", directory=tmp_path / "run")
    assert created.page.is_file()


def test_a_target_is_summarized_however_it_is_written(make_env, make_policy, tmp_path):
    env = make_env(length=3)
    target = "logit:chosen - logit:runner_up"
    created = analyze(make_policy(env), env, episodes=1, method="gradient", target=target, directory=tmp_path / "run")
    assert created.summary.target == "logit:chosen - runner_up"


def test_the_command_on_the_page_makes_the_same_page(make_env, make_policy, short_pole, tmp_path, monkeypatch):
    (tmp_path / "modul.py").write_text("")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", [*sys.path])
    settings = {"episodes": 1, "seed": 3, "method": "gradient", "references": 2, "modules": ["modul"], "frames": False}
    created = analyze("cartpole-ppo", short_pole, directory="a run", **settings)
    query = "--episodes 1 --seed 3 --method gradient --references 2 --out 'a run' --no-frames --import=modul"
    command = f"rltools analyze cartpole-ppo --env TwelvePole-v0 {query}"
    assert f"<pre>{html.escape(command, quote=True)}</pre>".replace("&#x27;", "&#39;") in created.page.read_text()
    assert created.recording.frames(0) is None
    assert [path.name for path in (tmp_path / "a run" / "replays").iterdir()] == ["episode-000000.html"]


def test_features_are_compared_with_as_many_states_as_asked(make_env, make_policy, tmp_path):
    env = make_env(length=5)
    created = analyze(
        make_policy(env), env, episodes=2, references=3, ablate=False, frames=False, directory=tmp_path / "run"
    )
    assert len(created.recording.attribution("shapley").references) == 3
    assert "3 visited states" in created.page.read_text()
    with pytest.raises(ArgumentError, match="references is 0"):
        analyze(make_policy(env), env, references=0, directory=tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_what_was_made_says_what_was_found_and_where(analyzed):
    created, folder = analyzed
    assert repr(created) == f"Analysis({str(created.findings[0])!r}, page='{folder / 'index.html'}')"


def test_the_page_says_in_plain_words_what_was_asked(analyzed):
    page = analyzed[0].page.read_text()
    assert "(centered) is the raw score of the action taken, less the mean over the allowed actions" in page
    assert page.count("The logit of the action taken is the raw score of the action taken, before") == 1
    assert "2 episodes" in page
    assert "24 explained steps" in page
