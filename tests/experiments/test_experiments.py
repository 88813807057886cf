"""Experiment files: what they may say, and that running one again gives the same."""

import dataclasses
import re
import shutil
from pathlib import Path

import pandas as pd
import pytest
import torch

import rltools
from rltools import run_experiment
from rltools.cards.content import list_content
from rltools.errors import ConfigError, ConflictError, UnknownNameError
from rltools.experiments import Experiment, _do_cell, read_experiment
from rltools.experiments._explanations import compared_methods
from rltools.experiments.file import keys

PLAIN = """
description: does it hold?
agents: [cartpole-ppo]
methods: [gradient]
episodes: 2
max_steps: 30
"""


@pytest.fixture(autouse=True)
def _no_plots_of_each_run(request, monkeypatch):
    """Comparisons keep their plots, and where bytes are compared, episodes theirs; frames need no other process."""
    monkeypatch.setattr("rltools.rollout.render.draw_in_child", lambda *arguments: False)
    if request.function is not test_the_same_file_gives_the_same_bytes_and_is_not_run_twice:
        request.getfixturevalue("without_plots")


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def written(project):
    def write(text=PLAIN):
        path = project / "asked.yaml"
        path.write_text(text)
        return path

    return write


FAULTS = {
    "description: [1]": ["description: must be a text"],
    "agents: []": ["agents: must have at least one element"],
    "agents: [cartpole-pp, /etc/none]": [
        "agents[0]: must be the name of an agent, the path of a model or hf:ORG/NAME (did you mean cartpole-ppo?)",
        "not '/etc/none'",
    ],
    "methods: [shaply]": ["methods[0]: no method 'shaply'; did you mean shapley"],
    "methods: [{name: gradient, parameters: {nodes: 3}}]": ["gradient takes no parameter 'nodes'"],
    "methods: [{name: sampled_shapley, parameters: {permutations: four}}]": [
        "permutations of sampled_shapley is 'four'; it must be a whole number"
    ],
    "methods: [{name: gradient, parameter: {}}]": ["methods[0].parameter: unknown key; did you mean 'parameters'?"],
    "targets: ['logits:chosen']": ["targets[0]: must begin with a score (did you mean logit?)"],
    "episodes: 0": ["episodes: must be at least 1, not 0"],
    "episodes: -2": ["episodes: must be at least 1, not -2"],
    "episodes: 2.5": ["episodes: must be a whole number, not 2.5"],
    "episodes: .nan": ["episodes: must be a whole number, not nan"],
    "episodes: '20'": ["episodes: must be a whole number, not '20'"],
    "episodes: true": ["episodes: must be a whole number, not True"],
    "max_steps: .inf": ["max_steps: must be a whole number, not inf"],
    "seeds: [5, 5]": ["seed 5 is given twice"],
    "seeds: [-1]": ["seeds[0]: must be at least 0, not -1"],
    "controls: maybe": ["controls: must be true or false"],
    "deterministic: maybe": ["deterministic: must be true or false"],
    "environment: 3": ["environment: must be `key: value`s"],
    "references: 0": ["references: must be at least 1, not 0"],
    "environment: {kwargs: 3}": ["environment.kwargs: must be `key: value`s"],
    "episdes: 3": ["episdes: unknown key; did you mean 'episodes'?"],
}


@pytest.mark.parametrize("line", FAULTS)
def test_each_fault_is_named_with_its_key_and_value(written, line):
    key = line.partition(":")[0]
    remaining = [
        entry
        for entry in "description: x\nagents: [cartpole-ppo]\nmethods: [gradient]".splitlines()
        if not entry.startswith(key)
    ]
    with pytest.raises(ConfigError) as refused:
        read_experiment(written("\n".join([*remaining, line])))
    message = str(refused.value)
    assert "asked.yaml" in message
    assert not [part for part in FAULTS[line] if part not in message], message
    assert "at least 1 item" not in message


def test_all_faults_come_at_once_and_nothing_is_run(written, project):
    firsts = {line.partition(":")[0]: line for line in FAULTS}
    path = written("\n".join(firsts.values()))
    with pytest.raises(ConfigError) as refused:
        run_experiment(path)
    for key in firsts:
        assert re.search(rf"^  {key}\b", str(refused.value), re.MULTILINE), key
    assert sorted(project.iterdir()) == [path]


@pytest.mark.parametrize("text", ["episodes: 1\nepisodes: 2", "agents: [", "- 1", "a: &x 1", "a: !!python/name:os 1"])
def test_what_is_no_plain_mapping_is_refused_alone(written, text):
    with pytest.raises(ConfigError, match=r"asked\.yaml"):
        read_experiment(written(text))


def test_changes_are_yaml_and_reach_inner_keys(written):
    changes = (
        "episodes=5",
        "seeds=[0, 100]",
        "environment.id=CartPole-v0",
        "environment.kwargs.x=1e-3",
        "targets=[null]",
    )
    plan = read_experiment(written(), changes)
    assert (plan.episodes, plan.seeds, plan.targets) == (5, (0, 100), (None,))
    assert plan.environment.id == "CartPole-v0"
    assert plan.environment.kwargs == {"x": 1e-3}


def test_an_environment_is_an_id_or_a_mapping(written):
    short = read_experiment(written(f"{PLAIN}environment: CartPole-v0\n"))
    long = read_experiment(written(f"{PLAIN}environment: {{id: CartPole-v0}}\n"))
    assert short == long
    assert short.environment.id == "CartPole-v0"
    assert read_experiment(written(), ["environment=CartPole-v0"]) == long


def test_the_keys_are_those_that_are_read_and_each_has_a_meaning():
    rows = dict(keys())
    assert list(rows) == list(Experiment.model_fields)
    assert all(len(meaning) > 10 for meaning in rows.values())
    assert rows["agents"].endswith("(required)")
    assert rows["episodes"].endswith("(default 20)")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("episodes", "write key=value"),
        ("=5", "write key=value"),
        ("episodes=[", "the change"),
        ("episodes.x=5", "episodes holds 2"),
        ("episodes=", "episodes: must be a whole number"),
        ("episodse=5", "did you mean 'episodes'"),
    ],
)
def test_a_change_that_cannot_be_meant_is_refused(written, change, message):
    with pytest.raises(ConfigError, match=re.escape(message)):
        read_experiment(written(), [change])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (["targets=['logit:up', 'q_value:chosen', 'logit:chosen']"], ["'logit:up'", "'q_value:chosen'"]),
        (["agents=[cartpole-ppo, other/cartpole-ppo]"], ["two are called cartpole-ppo"]),
    ],
)
def test_what_the_agents_cannot_do_is_said_before_anything_is_recorded(written, project, changes, message):
    (project / "other").mkdir()
    (project / "other" / "cartpole-ppo").symlink_to(list_content("agents")["cartpole-ppo"])
    with pytest.raises(ConfigError, match="nothing was recorded") as refused:
        run_experiment(written(), changes)
    assert not [part for part in message if part not in str(refused.value)]
    assert "'logit:chosen'" not in str(refused.value)
    assert not (project / "runs").exists()


def test_a_method_for_fewer_features_is_refused_before_anything_is_recorded(written, project, monkeypatch):
    import dataclasses

    from rltools.attributions import find_method
    from rltools.experiments import _possible

    monkeypatch.setattr(_possible, "find_method", lambda name: dataclasses.replace(find_method(name), largest=3))
    message = (
        "methods: gradient takes up to 3 features, and cartpole-ppo observes 4; set the method to sampled_shapley or "
        "integrated_gradients, which take any number"
    )
    with pytest.raises(ConfigError, match=f"{re.escape(message)}$"):
        run_experiment(written())
    with pytest.raises(ConfigError, match=r"or its parameters to groups of features$"):
        run_experiment(written(), ["methods=[occlusion]"])
    assert not (project / "runs").exists()
    grouped = "{groups: {both: [cart position, cart velocity]}}"
    run_experiment(written(), [f"methods=[{{name: occlusion, parameters: {grouped}}}]", "episodes=1", "max_steps=3"])


def test_groups_are_recommended_where_those_of_a_summary_are_few_enough(written, project):
    changes = ["agents=[lavagap-cnn-ppo]", "methods=[shapley]"]
    with pytest.raises(ConfigError, match=r"observes 5292; .*or its parameters to groups of features$"):
        run_experiment(written(), changes)
    changes = ["agents=[taxi-masked-ppo]", "methods=[shapley]"]
    with pytest.raises(ConfigError, match=r"observes 500; .*or its parameters to \{groups: variables\}, which are 4$"):
        run_experiment(written(), changes)
    wrong = "methods=[{name: shapley, parameters: {groups: {both: [cart]}}}]"
    with pytest.raises(ConfigError, match="methods: shapley of cartpole-ppo: no feature 'cart'"):
        run_experiment(written(), [wrong])
    assert not (project / "runs").exists()


@pytest.mark.parametrize("env_id", ["antigravity:CartPole-v1", "NoSuch-v0"])
def test_an_environment_is_not_imported_on_the_files_word(written, project, env_id):
    import sys

    with pytest.raises(ConfigError, match="--import"):
        run_experiment(written(), [f"environment.id={env_id}"])
    assert "antigravity" not in sys.modules
    assert not (project / "runs").exists()


@pytest.mark.parametrize("query", ["cartpol", "experiments/cartpol.yaml"])
def test_an_unknown_name_is_answered_with_the_nearest(project, query):
    with pytest.raises(UnknownNameError, match="did you mean 'cartpole'"):
        run_experiment(query)


def test_a_path_that_leads_nowhere_is_named(project):
    with pytest.raises(ConfigError, match=r"far/away\.yaml cannot be read"):
        run_experiment("far/away.yaml")


def test_models_of_one_name_are_told_apart_by_their_place(written, project):
    for folder in ("first", "second"):
        (project / folder).mkdir()
        shutil.copy(list_content("agents")["cartpole-ppo"] / "model.zip", project / folder / "best_model.zip")
    models = "agents=[first/best_model.zip, second/best_model.zip]"
    ran = run_experiment(written(), [models, "environment=CartPole-v1", "episodes=1", "max_steps=5"])
    names = [agent.rpartition("-")[0] for agent, _ in ran.recordings]
    assert names == ["first", "second"]
    assert repr(ran).startswith("ExperimentRun(first-")


def test_references_are_the_experiments_where_a_method_has_none_of_its_own(written):
    own = "methods=[shapley, {name: integrated_gradients, references: 3}]"
    ran = run_experiment(written(), [own, "references=2", "episodes=2", "max_steps=5"])
    recording = ran.recordings["cartpole-ppo", 0]
    assert len(recording.attribution("shapley").references) == 2
    assert len(recording.attribution("integrated_gradients").references) == 3
    page = ran.page.read_text()
    assert "Rank agreement over 4 features" in page
    assert ran.findings[-3].startswith("Rank agreement over 4 features")
    assert re.search(r"by Shapley values any of .+ \d+ % \(.+ in 2 episodes\).* may lead", re.sub("<[^>]*>", "", page))
    assert "(centered) is the raw score of the action taken" in page


def test_a_method_about_the_decision_is_asked_about_nothing_else(written):
    changes = ["methods=[gradient, decision_change]", "targets=[entropy, value]", "episodes=8", "max_steps=20"]
    ran = run_experiment(written(), changes)
    query = {(result.method, result.target) for result in ran.recordings["cartpole-ppo", 0].specs.values()}
    assert query == {("gradient", "entropy"), ("gradient", "value"), ("decision_change", "decision")}
    assert "leads by decision change (changes the action in" in re.sub("<[^>]*>", "", ran.page.read_text())


COMPARED = "methods=[shapley, decision_change, integrated_gradients]"


def test_methods_are_compared_with_controls_that_are_named_so(written, project):
    ran = run_experiment(written(), [COMPARED, "targets=[centered:chosen, value]"])
    recording = ran.recordings["cartpole-ppo", 0]
    query = {(result.method, result.target): result for result in recording.specs.values()}
    targets = ("centered:chosen", "value")
    assert {(name, target) for name in ("random", "std") for target in targets} <= query.keys()
    assert len(recording.attribution("std", target="value").references) == sum(
        outcome.steps for outcome in recording.outcomes()
    )
    page = ran.page.read_text()
    assert '<th scope="row">random (control)</th><td>Value of the state</td>' in page
    assert '<th scope="row">random</th>' not in page
    assert page.index(">Shapley values</th>") < page.index(">std (control)</th>")
    assert "Rank agreement with the controls, which know nothing about the agent: " in page
    assert "leads by random" not in page
    assert not [text for text in ran.findings[:-3] if "random" in text or "std" in text]
    figures = {path.stem for path in (project / "runs" / "asked" / "plots").iterdir()}
    assert {"controls-cartpole-ppo-value", "importance-shapley-value"} <= figures
    assert not [name for name in figures if name.startswith(("importance-random", "importance-std"))]
    table = pd.read_csv(project / "runs" / "asked" / "tables" / "statistics.csv")
    assert set(table[table.control].method) == {"random", "std"}


@pytest.mark.parametrize(
    ("changes", "controls"),
    [
        ([COMPARED], ["random", "std"]),
        ([COMPARED, "controls=false"], []),
        (["methods=[gradient, decision_change]"], []),
        (["methods=[random, gradient]"], ["random"]),
        (["methods=[{name: random, parameters: {seed: 3}}, gradient, shapley]"], ["random", "std"]),
    ],
)
def test_controls_stand_beside_what_is_compared_and_come_last(written, changes, controls):
    plan = read_experiment(written(), changes)
    output = compared_methods(plan)
    assert [choice.name for choice in output[len(output) - len(controls) :]] == controls
    assert {choice.name for choice in output} == {choice.name for choice in plan.methods} | set(controls)
    assert all(choice in output for choice in plan.methods)


def test_controls_have_no_more_steps_than_what_they_are_compared_with(written, monkeypatch):
    monkeypatch.setattr(
        _do_cell, "declared_stride", lambda recording, policy, method, *_: 5 if method == "shapley" else 1
    )
    ran = run_experiment(written(), ["methods=[shapley, gradient]", "max_steps=10"])
    every = {result.method: result.every for result in ran.recordings["cartpole-ppo", 0].specs.values()}
    assert every == {"shapley": 5, "gradient": 1, "random": 5, "std": 5}


def content(folder: Path) -> dict[str, bytes]:
    remaining = [
        *folder.rglob("episodes/*.parquet"),
        *folder.rglob("attributions/*/*.parquet"),
        *folder.glob("tables/*"),
    ]
    return {str(path.relative_to(folder)): path.read_bytes() for path in remaining}


def test_the_same_file_gives_the_same_bytes_and_is_not_run_twice(written, project, monkeypatch):
    # Figures have tests of their own, and take longest.
    monkeypatch.setattr("rltools.pages.report._run.report_plots", lambda *arguments: ())
    monkeypatch.setattr("rltools.pages.report._experiment.compared_figures", lambda *arguments: [])
    path = written()
    first = run_experiment(path)
    second = run_experiment(path, directory=project / "again")
    existing = content(project / "runs" / "asked")
    assert existing == content(project / "again")
    assert {name.partition("/")[0] for name in existing} == {"cartpole-ppo-seed-0", "tables"}
    assert len(existing) == 2 + 2 + 3 * 3
    assert first.findings == second.findings
    assert len(first.recordings["cartpole-ppo", 0]) == 2

    before = {file: file.stat().st_mtime_ns for file in (project / "runs").rglob("0*.parquet")}
    again = run_experiment(path)
    assert {file: file.stat().st_mtime_ns for file in (project / "runs").rglob("0*.parquet")} == before
    assert again.findings == first.findings

    with pytest.raises(ConflictError, match="max_steps=30 there and max_steps=8 now"):
        run_experiment(path, ["max_steps=8"])
    shorter = run_experiment(path, ["max_steps=8", "seeds=[0, 100]"], overwrite=True)
    steps = {run: [each.steps for each in output.outcomes()] for run, output in shorter.recordings.items()}
    assert steps == {("cartpole-ppo", 0): [8, 8], ("cartpole-ppo", 100): [8, 8]}
    page = shorter.page.read_text()
    assert "rltools run" in page
    assert "max_steps=8" in page
    assert 'href="cartpole-ppo-seed-100/index.html"' in page


def test_a_folder_that_held_more_episodes_is_made_again_with_as_many(written, project):
    path = written("description: x\nagents: [cartpole-ppo]\nmethods: [gradient]\nmax_steps: 9")
    run_experiment(path, ["episodes=3"], directory=project / "out")
    output = run_experiment(path, ["episodes=2"], directory=project / "out")
    assert all(len(recording) == 3 for recording in output.recordings.values())
    for page in (output.page, *output.page.parent.glob("*/index.html")):
        assert "episodes=3" in page.read_text(encoding="utf-8")
        assert "episodes=2" not in page.read_text(encoding="utf-8")


def test_agents_in_other_episodes_are_not_compared(tmp_path, cartpole):
    recording = rltools.record(cartpole, episodes=1, max_steps=2, directory=tmp_path)
    older = dataclasses.replace(recording, header=dataclasses.replace(recording.header, seeds="consecutive"))
    _do_cell._check_paired({("a", 0): recording, ("a", 1): older, ("b", 0): recording})
    with pytest.raises(ConflictError, match=r"b and a were not recorded in the same episodes.*overwrite=True"):
        _do_cell._check_paired({("a", 0): older, ("b", 0): recording})


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is such a device")
def test_a_device_that_is_not_there(written):
    with pytest.raises(ConfigError, match="device='cuda' cannot be used here"):
        run_experiment(written(), ["device=cuda"])
