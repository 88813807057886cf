"""Several environments, groups of agents, sweeps, and changes of any key of an experiment."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from rltools import run_experiment
from rltools.cards.content import list_content
from rltools.errors import ConfigError
from rltools.experiments import _do_cell, experiment_status, open_experiment, read_experiment
from rltools.experiments._run_experiment import prepare
from rltools.experiments.cells import cells_by_run, cells_of

PLAIN = """
description: does it hold elsewhere?
methods: [gradient]
episodes: 2
max_steps: 30
reports: false
"""
ONE = f"{PLAIN}agents: [cartpole-ppo]\n"
REWARD = "environment: {kwargs: {sutton_barto_reward: true}}"


@pytest.fixture(autouse=True)
def _no_figures(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("rltools.pages.report._experiment.compared_figures", lambda *arguments: [])
    monkeypatch.chdir(tmp_path)


def written(text: str) -> Path:
    path = Path("elsewhere.yaml")
    path.write_text(text, encoding="utf-8")
    return path


def trainings(*names: str) -> None:
    """Copies of a model, as trainings of one algorithm leave them."""
    for name in names:
        Path(name).mkdir(parents=True)
        shutil.copy(list_content("agents")["cartpole-ppo"] / "model.zip", Path(name) / "best_model.zip")


FAULTS = {
    "agents: [{name: ppo}]": "agents[0]: must have either a model, or models",
    "agents: [{model: cartpole-ppo, models: [cartpole-ppo]}]": "agents[0]: must have either a model, or models",
    "agents: [{models: [cartpole-ppo]}]": "agents[0]: models are a group; give it a name",
    "agents: [{name: ppo, models: ['runs/ppo-*/best_model.zip']}]": "agents[0].models[0]: fits 0 paths in",
    "agents: [{name: all, models: ['/*/*/*/*/model.zip']}]": "must have *, ? and [ in at most 3 parts of the path",
    "agents: [{name: ppo, model: cartpole-pop}]": "did you mean cartpole-ppo?",
    "agents: [{name: a/b, model: cartpole-ppo}]": "agents[0].name: must be up to 80 letters",
    "agents: [{name: a, model: cartpole-ppo}, {name: a, model: pendulum-sac}]": "agents: two are called a;",
    "agents: [cartpole-ppo, cartpole-ppo]": "agents: cartpole-ppo is given twice",
    "agents: [{name: a, model: cartpole-ppo, enviroment: {}}]": "enviroment: unknown key; did you mean 'environment'?",
    "environments: [CartPole-v1, CartPole-v1]": "environments: two are called CartPole-v1;",
    "environments: [{id: CartPole-v1, wrapers: []}]": "environments[0].wrapers: unknown key; did you mean 'wrappers'",
    "environment: CartPole-v1\nenvironments: [CartPole-v1]": "environment and environments are both given",
    "bounds: wide": "bounds: must be 'same' or 'any'",
    "methods: [{name: gradient, window: -1}]": "methods[0].window: must be at least 0, not -1",
    "methods: [{name: gradient, units: meters}]": "methods[0].units: must be 'environment' or 'network'",
    "methods: [{name: gradient, every: 0}]": "methods[0].every: must be at least 1, not 0",
    "methods: [{name: gradient, targets: [logits]}]": "methods[0].targets[0]: must begin with a score (did you mean",
    "methods: [{name: random, parameters: {seed: 1}, seed: 2}]": "methods[0].seed: is among the parameters, too",
    "methods: [{name: shapley, parameters: {groups: summary}}]": "groups must be variables, card or a mapping",
    "ablate: {groups: {all: pole}}": "ablate.groups: groups must be variables, features, card or a mapping",
    "ablate: {leave_out: 2}": "ablate.leave_out: must be true or false, or a part of the return between 0 and 1",
    "sweep: [episodes]": "sweep: must be `key: value`s",
    "sweep: {references: []}": "sweep.references: must be a list of values, or a mapping {name: value, ...}",
    "sweep: {references: [8, 8]}": "sweep.references: has the same value twice",
    "sweep: {ablate: [{seeds: 4}]}": 'sweep.ablate: {"seeds": 4} has no name; write a mapping {name: value, ...}',
    "sweep: {referencs: [8]}": "sweep, referencs=8: referencs: unknown key; did you mean 'references'?",
    "sweep: {references: [0, 8]}": "sweep, references=0: references: must be at least 1, not 0",
    "sweep: {zoo: [true]}": "sweep: zoo is of the whole experiment",
    "sweep: {agents.ppo.environment.id: [CartPole-v1]}": "sweep, agents.ppo.environment.id: agents has no element",
    "sweep: {ablate.seeds: [4], ablate: {few: {seeds: 2}}}": "sweep: ablate and ablate.seeds set the same",
    f"sweep: {{references: {list(range(1, 102))}, episodes: {list(range(1, 201))}}}": "sweep: has 20,200 points",
}


@pytest.mark.parametrize("lines", FAULTS)
def test_each_fault_is_named_with_its_position(lines: str) -> None:
    own = {line.partition(":")[0] for line in lines.splitlines()}
    rest = [line for line in ONE.strip().splitlines() if line.partition(":")[0] not in own]
    with pytest.raises(ConfigError) as refused:
        read_experiment(written("\n".join([*rest, lines])))
    assert FAULTS[lines] in str(refused.value)


def test_all_faults_of_the_changes_and_of_the_file_come_at_once() -> None:
    changes = [
        "episdes=3",
        "episodes=3",
        "episodes=4",
        "agents.0.name=a",
        "agents.cartpole-ppo.name=b",
        "seed",
        "zoo=1",
    ]
    with pytest.raises(ConfigError) as refused:
        read_experiment(
            written(ONE), [*changes, "methods.shapley.references=3", "methods.7=std", "environment.kwargs=[]"]
        )
    lines = str(refused.value).splitlines()[1:]
    assert [line.strip() for line in lines] == [
        "episodes is changed twice; leave 'episodes=4' or 'episodes=3' out",
        "agents.cartpole-ppo.name is changed twice; leave 'agents.cartpole-ppo.name=b' or 'agents.0.name=a' out",
        "'seed' is not a change; write key=value, for instance episodes=5",
        "'methods.shapley.references=3': methods has no element 'shapley'; give its position from 0, or its name: "
        "there are gradient",
        "'methods.7=std': methods has 1 elements, of which the last is 0, and 7 is none of them",
        "environment.kwargs: must be `key: value`s, not []",
        "zoo: must be true or false, not 1",
        "episdes: unknown key; did you mean 'episodes'?",
    ]
    with pytest.raises(ConfigError, match=r"'environment=CartPole-v1' replaces what 'environment.id=x' has changed"):
        read_experiment(written(ONE), ["environment.id=x", "environment=CartPole-v1"])


def test_changes_reach_elements_of_lists_by_position_and_by_name() -> None:
    changes = [
        "agents.cartpole-ppo.environment.kwargs.sutton_barto_reward=true",
        "agents.0.name=ppo",
        "methods.gradient.every=3",
        "targets=[value, entropy]",
        "targets.1=null",
    ]
    plan = read_experiment(written(ONE), changes)
    assert (plan.agents[0].name, plan.agents[0].model) == ("ppo", "cartpole-ppo")
    assert plan.agents[0].environment is not None
    assert plan.agents[0].environment.kwargs == {"sutton_barto_reward": True}
    assert (plan.methods[0].name, plan.methods[0].every, plan.targets) == ("gradient", 3, ("value", None))


def _labels(text: str) -> list[str]:
    return [run.label for run in prepare(written(text)).runs]


def test_agents_act_in_all_environments_that_they_do_not_name_themselves() -> None:
    agents = f"agents: [cartpole-ppo, {{name: own, model: cartpole-ppo, {REWARD}}}]\n"
    places = "environments: [CartPole-v1, {id: CartPole-v1, kwargs: {sutton_barto_reward: true}}, {name: same}]\n"
    job = prepare(written(f"{PLAIN}{agents}{places}seeds: [0, 7]\n"))
    titles = ["CartPole-v1", "CartPole-v1,sutton_barto_reward=True", "same"]
    labels = [*(f"cartpole-ppo@{title}" for title in titles), "own"]
    assert [run.key for run in job.runs] == [(label, seed) for label in labels for seed in (0, 7)]
    kwargs = [run.environment.kwargs for run in job.runs if run.environment is not None]
    assert kwargs[::2] == [{}, {"sutton_barto_reward": True}, {}, {"sutton_barto_reward": True}]


def test_an_agent_that_does_not_fit_is_a_fault_that_names_both_or_is_left_out() -> None:
    text = f"{PLAIN}agents: [cartpole-ppo, pendulum-sac]\nenvironments: [CartPole-v1, Pendulum-v1]\n"
    with pytest.raises(ConfigError) as refused:
        prepare(written(text))
    faults = str(refused.value).splitlines()[1:]
    assert [fault.partition(": ")[2].partition(":")[0] for fault in faults] == [
        "cartpole-ppo in Pendulum-v1",
        "pendulum-sac in CartPole-v1",
    ]
    assert not Path("runs").exists()
    job = prepare(written(f"{text}only_fitting: true\n"))
    assert [run.label for run in job.runs] == ["cartpole-ppo@CartPole-v1", "pendulum-sac@Pendulum-v1"]
    assert [reason.partition(":")[0] for reason in job.left_out] == [
        "cartpole-ppo in Pendulum-v1",
        "pendulum-sac in CartPole-v1",
    ]
    with pytest.raises(ConfigError, match="pendulum-sac fits none of the environments"):
        prepare(written(f"{text}only_fitting: true\n"), ["environments=[CartPole-v1]"])
    with pytest.raises(ConfigError, match=r"agents: cartpole-ppo in wind=3: CartPole-v1 cannot be made"):
        prepare(written(ONE), ["environment.kwargs.wind=3"])


def test_a_group_is_of_trainings_that_are_named_by_what_their_paths_differ_in() -> None:
    trainings("runs/ppo-10", "runs/ppo-2", "other")
    first = "{name: ppo, models: ['runs/ppo-*/best_model.zip']}"
    second = "{name: b, models: [runs/ppo-2/best_model.zip, other/best_model.zip]}"
    runs = prepare(written(f"{PLAIN}agents: [{first}, {second}]\nenvironment: CartPole-v1\n")).runs
    assert [(run.label, run.group) for run in runs[:2]] == [("ppo-2", "ppo"), ("ppo-10", "ppo")]
    assert [run.group for run in runs[2:]] == ["b", "b"]
    assert [run.label for run in runs[2:]] == ["b-runs-ppo-2", "b-other"]
    assert all(Path(run.agent).is_absolute() for run in runs)


SWEEP = """
sweep:
  agents.ppo.environment.kwargs.sutton_barto_reward: [false, true]
  references: [2, 4]
"""


def test_points_share_what_does_not_depend_on_a_key_and_the_manifest_has_all_of_it() -> None:
    agents = "agents: [{name: ppo, model: cartpole-ppo}, {name: other, model: cartpole-ppo}]\n"
    path = written(f"{PLAIN}{agents}{SWEEP}".replace("[gradient]", "[gradient, integrated_gradients]"))
    job = prepare(path)
    rewards = ("false", "true")
    labels = [f"ppo,sutton_barto_reward={reward},references={n}" for reward in rewards for n in (2, 4)]
    assert [run.label for run in job.runs] == [*labels, "other,references=2", "other,references=4"]
    assert dict(job.runs[-1].point) == {"references": 4}
    folders = [*(f"ppo,sutton_barto_reward={reward}-seed-0" for reward in rewards), "other-seed-0"]
    assert list(dict.fromkeys(run.name for run in job.runs)) == folders
    assert [job.plan_of(run).references for run in job.runs] == [2, 4] * 3
    kinds = [cell.id.partition(".")[2] for cell in cells_of(job) if cell.id.startswith("other-seed-0.")]
    methods = ["1-gradient", "2-integrated_gradients", "3-random", "4-std", "5-integrated_gradients"]
    # Controls are computed at the steps of the methods beside them, which may differ.
    assert kinds == ["record", *(f"explain-{name}" for name in [*methods, "6-random", "7-std"])]
    first, second = (set(cells_by_run(job)["other,references=" + n, 0]) for n in "24")
    assert first & second == {"other-seed-0.record", "other-seed-0.explain-1-gradient"}
    again = open_experiment("runs/elsewhere")
    assert again.runs == job.runs
    assert cells_of(again) == cells_of(job)
    assert again.board == job.board
    assert prepare(path, ["sweep.references=[2, 8]"]).board != job.board


def test_a_sweep_is_run_and_each_point_has_its_own_attributions(monkeypatch: pytest.MonkeyPatch) -> None:
    recorded: list[Any] = []
    from rltools.experiments import _do_cell

    record = _do_cell.record
    monkeypatch.setattr(_do_cell, "record", lambda *args, **named: recorded.append(named) or record(*args, **named))
    text = f"{ONE}sweep: {{references: [2, 4], ablate: {{none: null, few: {{seeds: 2, most: 2, groups: features}}}}}}\n"
    path = written(text.replace("[gradient]", "[{name: integrated_gradients, targets: [value], every: 2, seed: 5}]"))
    ran = run_experiment(path)
    labels = [f"cartpole-ppo,references={count},ablate={name}" for count in (2, 4) for name in ("none", "few")]
    assert [run.label for run in ran.runs] == [label for label, _ in ran.recordings] == labels
    assert len(recorded) == 2  # measured and not measured
    for run in ran.runs:
        recording = ran.recordings[run.key]
        (spec,) = recording.specs.values()
        assert (spec.target, spec.every) == ("value", 2)
        assert len(recording.attribution().references) == run.point["references"]
        assert "seed 5" in spec.parameters["reference"]
    assert [label for (label, _), each in ran.measured.items() if each.ablation is not None] == labels[1::2]
    measured = ran.measured[labels[1], 0].ablation
    assert measured is not None
    assert measured.spec.groups == "features"
    assert {row.status for row in experiment_status(open_experiment("runs/elsewhere"))} == {"done"}
    files = {path: path.stat().st_mtime_ns for path in Path("runs").rglob("0*.parquet")}
    assert run_experiment(path).findings == ran.findings
    assert {path: path.stat().st_mtime_ns for path in Path("runs").rglob("0*.parquet")} == files


def test_methods_have_windows_and_their_own_targets() -> None:
    text = PLAIN.replace("[gradient]", "[gradient, {name: gradient, window: 3, targets: [value]}]")
    path = written(f"{text}agents: [cartpole-recurrent-ppo]\n")
    ran = run_experiment(path, ["episodes=1", "max_steps=6"])
    specs = ran.recordings["cartpole-recurrent-ppo", 0].specs.values()
    assert {(spec.window, spec.target) for spec in specs if spec.method == "gradient"} == {
        (0, "centered:chosen"),
        (3, "value"),
    }
    with pytest.raises(ConfigError, match=re.escape("methods: gradient of cartpole-ppo: ")):
        prepare(path, ["agents=[cartpole-ppo]"])


def test_the_file_of_the_documentation_has_no_faults() -> None:
    trainings("runs/dqn", "runs/sac-1", "runs/sac-2")
    shutil.copy(Path(__file__).parents[1] / "golden" / "libraries" / "cleanrl" / "ppo" / "ppo.cleanrl_model", "runs")
    page = (Path(__file__).parents[2] / "experiments" / "README.md").read_text()
    blocks = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    whole = "description: all of it\n" + "".join(blocks)
    plan = read_experiment(
        written(whole.replace("  environment.kwargs.gravity:", "  environments.weak.kwargs.gravity:"))
    )
    assert [name for name, _ in plan.agents[3].members] == ["sac-1", "sac-2"]
    assert len(plan.sweep) == 3


def test_an_agent_is_loaded_by_the_values_of_its_point(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("bounds.yaml").write_text(
        "{description: x, agents: [cartpole-ppo], methods: [gradient], sweep: {bounds: [same, any], device: [cpu]}}",
        encoding="utf-8",
    )
    job = prepare("bounds.yaml")
    monkeypatch.setattr(_do_cell, "load_agent", lambda agent, environment, bounds, device, loading: (bounds, device))
    assert [_do_cell.agent_of(job, run) for run in job.runs] == [("same", "cpu"), ("any", "cpu")]


def test_a_page_names_more_episodes_only_if_no_point_has_them() -> None:
    Path("more.yaml").write_text(
        "{description: x, agents: [cartpole-ppo], methods: [gradient], max_steps: 3, controls: false, reports: false,"
        " episodes: 1, sweep: {episodes: [1, 2]}}",
        encoding="utf-8",
    )
    assert "more.yaml episodes=" not in run_experiment("more.yaml").page.read_text()


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is such a device")
def test_what_only_one_point_cannot_do_is_refused_before_anything_is_recorded() -> None:
    Path("devices.yaml").write_text(
        "{description: x, agents: [cartpole-ppo], methods: [gradient], sweep: {device: [cpu, cuda]}}", encoding="utf-8"
    )
    with pytest.raises(ConfigError, match="device='cuda' cannot be used here"):
        prepare("devices.yaml")
    assert not Path("runs").exists()
