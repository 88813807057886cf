"""Adding one thing adds one file and edits none: a copy of the package gets one new file of every kind.

The copy is imported in a single subprocess, which runs the matching conformance check for each of them.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import rltools

PACKAGE = Path(rltools.__file__).parent
CHECKOUT = Path(__file__).parents[1]

POLICY_LIBRARY = '''
"""Policies of the library brand_new."""

import gymnasium
import torch

from rltools.policies.torch_policy import TorchPolicy


class Model(torch.nn.Linear):
    """A network of that library."""


def claims(source):
    """Whether a source is a model of that library."""
    return isinstance(source, Model)


def load(source, options):
    """The policy of a model."""
    env = gymnasium.make("CartPole-v1")
    return TorchPolicy(source, env.observation_space, env.action_space, name="brand_new")
'''

WEIGHTS = '''
"""Numbers in a text, one network of a single layer."""

import hashlib

import torch

from rltools.policies.saved.rebuilt import Contents


def reads(path, head):
    """Whether it begins with the name of the format."""
    return head.startswith(b"brand new:")


def read(path):
    """The weights of the only layer."""
    content = path.read_bytes()
    numbers = torch.tensor([float(number) for number in content.partition(b":")[2].split()])
    weights = {"tiny.pi.0.weight": numbers.reshape(2, 4)}
    return Contents(path, "brand new", weights, {}, hashlib.sha256(content).hexdigest())
'''

FAMILY = '''

class BrandNewPolicy(DQNPolicy):
    """A policy class that no other family supports, because it overrides inference."""

    def _predict(self, obs: Any, deterministic: bool = True) -> Any:
        return super()._predict(obs, deterministic)


CLASSES = (BrandNewPolicy,)
'''

WRAPPERS = '''
"""The wrappers of the library brand_new_library."""

import dataclasses

from rltools.envs.names.wrappers import WrapperLibrary


def _rename(wrapper, inner):
    return {
        path: dataclasses.replace(named, names=tuple(f"new {name}" for name in named.names))
        for path, named in inner.items()
    }


LIBRARY = WrapperLibrary(
    entry_points={"BrandNewWrapper": "brand_new_library:BrandNewWrapper"}, rules={"BrandNewWrapper": _rename}
)
'''

COMMAND = '''
"""`rltools brand-new`: print a word."""

from rltools._util.console import say
from rltools.cli.app import LOOK_UP, app


@app.command("brand-new", rich_help_panel=LOOK_UP, epilog="Example: `rltools brand-new`")
def brand_new() -> None:
    """Print a word."""
    say("a brand-new word")
'''

EXPERIMENT = """
description: What does the brand-new agent look at?
agents: [brand-new]
methods: [brand_new]
episodes: 1
"""

OTHER_LIBRARY = '''
"""A library of somebody else, whose wrappers rltools is to know."""

import gymnasium


class BrandNewWrapper(gymnasium.ObservationWrapper, gymnasium.utils.RecordConstructorArgs):
    def __init__(self, env):
        gymnasium.utils.RecordConstructorArgs.__init__(self)
        super().__init__(env)

    def observation(self, observation):
        return observation
'''

CHECKS = """
import contextlib, importlib, io, json, sys, traceback, warnings
from pathlib import Path

import gymnasium
import torch
from gymnasium.envs.classic_control.cartpole import CartPoleEnv

import rltools
from rltools.cards.content import find_content
from rltools.policies.base import Context
from rltools.testing import check_attribution, check_card, check_plot, check_policy

OUTPUT = Path(sys.argv[2])
assert Path(rltools.__file__).is_relative_to(sys.argv[1]), rltools.__file__
gymnasium.register("BrandNewPole-v0", "gymnasium.envs.classic_control.cartpole:CartPoleEnv", max_episode_steps=20)
results = {}


def check(function):
    try:
        function()
        results[function.__name__] = ""
    except BaseException:
        results[function.__name__] = traceback.format_exc()


def command(*arguments):
    from rltools.cli import main

    sys.argv = ["rltools", *arguments]
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        try:
            main()
        except SystemExit as ended:
            assert not ended.code, (arguments, ended.code)
    return " ".join(output.getvalue().split())


def recording():
    policy = rltools.load_policy("cartpole-ppo", "BrandNewPole-v0")
    return rltools.explain(rltools.record(policy, episodes=2, max_steps=20), policy, method="brand_new")


@check
def method():
    check_attribution("brand_new")
    assert "brand_new" in command("list", "methods")


@check
def plot():
    assert rltools.plots.brand_new is rltools.plots.find_plot("brand_new")
    check_plot(rltools.plots.brand_new, recording())
    assert "brand_new" in command("list", "plots")


@check
def policy_library():
    from rltools.policies.brand_new import Model

    policy = rltools.load_policy(Model(4, 2))
    assert policy.source.name == "brand_new"
    check_policy(policy)


@check
def layout_of_the_page():
    network = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 2))
    torch.save({f"tiny.pi.{key}": value for key, value in network.state_dict().items()}, "tiny.pt")
    policy, x = rltools.load_policy("tiny.pt", "CartPole-v1"), torch.randn(3, 4)
    assert policy.source.library == "TinyRL"
    assert torch.equal(policy.head("logit", x, Context()), network(x))
    assert "TinyRL (layout tinyrl)" in command("inspect", "tiny.pt")


@check
def format_of_weights():
    Path("weights.txt").write_text("brand new: 1 0 0 0 0 1 0 0")
    policy = rltools.load_policy("weights.txt", "CartPole-v1")
    assert policy.head("logit", torch.tensor([[3.0, 4.0, 5.0, 6.0]]), Context()).tolist() == [[3.0, 4.0]]
    assert "brand new" in command("inspect", "weights.txt")


@check
def algorithm_family():
    from stable_baselines3 import DQN

    from rltools.policies.sb3.families.brand_new import BrandNewPolicy

    check_policy(rltools.load_policy(DQN(BrandNewPolicy, "CartPole-v1", seed=0, device="cpu")))


@check
def wrapper_names():
    from brand_new_library import BrandNewWrapper

    policy = rltools.load_policy("cartpole-ppo", lambda: BrandNewWrapper(gymnasium.make("CartPole-v1")))
    assert policy.features.names[0] == "new cart position", policy.features.names


@check
def environment_card():
    check_card(find_content("envs", "brand-new"))
    assert "BrandNewPole-v0" in command("list", "envs")


@check
def agent():
    check_card(find_content("agents", "brand-new"), episodes=1)
    assert "brand-new" in command("list", "agents")


@check
def experiment():
    from rltools.experiments import read_experiment

    assert read_experiment(find_content("experiments", "brand-new")).agents[0].model == "brand-new"
    assert "brand-new" in command("list", "experiments")


@check
def new_command():
    assert "brand-new" in command("--help")
    assert "Example: rltools brand-new" in command("brand-new", "--help")
    assert command("brand-new") == "a brand-new word"


@check
def score():
    policy = rltools.load_policy("cartpole-ppo")
    values = rltools.attribute(policy, [[0.1, 0.0, 0.0, 0.0]], method="gradient", target="brand_new")
    twin = rltools.attribute(policy, [[0.1, 0.0, 0.0, 0.0]], method="gradient", target="entropy")
    assert values.values.tolist() == twin.values.tolist()


@check
def command_of_the_page():
    recorded = recording()
    assert command("seeds", str(recorded.directory), "--episodes", "1") == f"0: {recorded.outcome(0).seed}"


@check
def score_of_the_page():
    policy = rltools.load_policy("cartpole-ppo")
    observations = [[0.1, 0.0, 0.0, 0.0]]
    odds = rltools.attribute(policy, observations, method="gradient", target="odds:0")
    probability = rltools.attribute(policy, observations, method="gradient", target="probability:0")
    p = probability.scores[0, 0]
    assert abs(odds.scores[0, 0] - p / (1 - p)) < 1e-5
    assert abs(odds.values / probability.values - 1 / (1 - p) ** 2).max() < 1e-3


@check
def replacement_of_the_page():
    from rltools.ablation.replacements import find_replacement

    policy = rltools.load_policy("cartpole-ppo", "BrandNewPole-v0")
    ablation = rltools.ablate(policy, replace="median", second=None, seeds=2, most=2)
    assert ablation.losses().replacement == "median"
    assert len(ablation.returns((2,))) == 2
    assert "median" in command("list", "replacements")
    assert find_replacement("median").phrase == "its median over visited states"


@check
def metric_of_the_page():
    from rltools.metrics import assess_recorded

    (row,) = assess_recorded(recording(), metrics=["sparseness"])
    assert row.question == "complexity"
    assert row.low <= row.value <= row.high
    assert 0 < row.random < 1
    assert "sparseness" in command("list", "metrics")


@check
def format_of_the_page():
    policy, recorded = rltools.load_policy("cartpole-ppo", "BrandNewPole-v0"), recording()
    folder = str(recorded.directory)
    assert command("export", folder, "--to", "numpy_arrays", "--out", "poles.npz") == "Wrote poles.npz"
    read = rltools.import_data("numpy_arrays:poles.npz", policy)
    for number in recorded.numbers:
        assert (read.episode(number).scores == recorded.episode(number).scores).all()
    assert "numpy_arrays" in command("list", "formats")
    assert "numpy_arrays" in command("export", "--help")


@check
def executor_of_the_page():
    from rltools.experiments.executors import executor_names

    Path("poles.yaml").write_text(
        "{description: Poles?, agents: [cartpole-ppo], methods: [gradient], episodes: 1, max_steps: 5, reports: false}"
    )
    results = rltools.run_experiment("poles.yaml", executor="threads", workers=2)
    assert len(results.recordings) == 1
    assert "threads" in executor_names()


@check
def broken_files():
    from rltools._util.discovery import PluginWarning, loadable

    for package, error in (("rltools.cli.commands", "ModuleNotFoundError"), ("rltools.targets.scores", "NameError")):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            assert "broken" not in loadable(package)
        (warning,) = [each for each in caught if each.category is PluginWarning]
        assert f"{package.replace('.', '/')}/broken.py cannot be loaded: {error}" in str(warning.message)


OUTPUT.write_text(json.dumps(results))
"""


def renamed(path: Path, name: str) -> str:
    """The text of a file that defines `name`, which defines `brand_new` instead."""
    text = path.read_text(encoding="utf-8")
    assert f"\ndef {name}(" in text, path
    return text.replace(f"\ndef {name}(", "\ndef brand_new(")


def new_agent(agents: Path, to: Path) -> None:
    shutil.copytree(agents / "cartpole-ppo", to)
    card = (to / "agent.yaml").read_text(encoding="utf-8")
    (to / "agent.yaml").write_text(card.replace("name: cartpole-ppo", "name: brand-new"), encoding="utf-8")


def new_card(envs: Path, to: Path) -> None:
    card = (envs / "cartpole.yaml").read_text(encoding="utf-8")
    card = card.replace("  - id: CartPole-v0\n", "").replace("CartPole-v1", "BrandNewPole-v0")
    to.write_text(card, encoding="utf-8")


NEW_FILES: dict[str, Callable[[Path], str]] = {
    "attributions/brand_new.py": lambda root: renamed(root / "attributions/gradient.py", "gradient"),
    "plots/_brand_new.py": lambda root: renamed(root / "plots/_importance.py", "importance"),
    "policies/brand_new.py": lambda root: POLICY_LIBRARY.lstrip(),
    "policies/saved/formats/brand_new.py": lambda root: WEIGHTS.lstrip(),
    "policies/sb3/families/brand_new.py": lambda root: (
        (root / "policies/sb3/families/q_network.py").read_text(encoding="utf-8") + FAMILY
    ),
    "cli/commands/brand_new.py": lambda root: COMMAND.lstrip(),
    "envs/names/wrappers/brand_new_library.py": lambda root: WRAPPERS.lstrip(),
    "targets/scores/brand_new.py": lambda root: renamed(root / "targets/scores/entropy.py", "entropy"),
}
"""New files of the package, by their path in it, each with a function of the package's folder that gives its text."""
PAGE = CHECKOUT / "CONTRIBUTING.md"
for path, begin in (
    ("cli/commands/seeds.py", "`rltools seeds`"),
    ("policies/saved/layouts/tinyrl.py", "The agents of the library tinyrl"),
    ("targets/scores/odds.py", "The odds of"),
    ("ablation/replacements/median.py", "The median over"),
    ("metrics/sparseness.py", "How few features"),
    ("integrations/numpy_arrays.py", "NumPy: the arrays"),
    ("experiments/executors/threads.py", "Threads of this process"),
):
    (text,) = (
        block
        for block in re.findall(r"```python3\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
        if block.startswith(f'"""{begin}')
    )
    NEW_FILES[path] = lambda root, text=text: text  # type: ignore[misc]
NEW_FILES["cli/commands/broken.py"] = lambda root: "import nothing_of_this_name\n"
NEW_FILES["targets/scores/broken.py"] = lambda root: "nothing_of_this_name\n"


@pytest.fixture(scope="module")
def failures(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The traceback of each check that fails in the copy with the new files; "" for one that passes."""
    root = tmp_path_factory.mktemp("checkout")
    shutil.copytree(PACKAGE, root / "rltools")  # with what is compiled already
    for room in ("agents", "envs", "experiments"):
        shutil.copytree(CHECKOUT / room, root / room)
    for path, text in NEW_FILES.items():
        (root / "rltools" / path).write_text(text(root / "rltools"), encoding="utf-8")
    new_agent(root / "agents", root / "agents" / "brand-new")
    new_card(root / "envs", root / "envs" / "brand-new.yaml")
    (root / "experiments" / "brand-new.yaml").write_text(EXPERIMENT.lstrip(), encoding="utf-8")
    (root / "brand_new_library.py").write_text(OTHER_LIBRARY.lstrip(), encoding="utf-8")
    work = root / "work"
    work.mkdir()
    (work / "checks.py").write_text(CHECKS, encoding="utf-8")
    environment = os.environ | {"PYTHONPATH": str(root), "MPLBACKEND": "Agg"}
    done = subprocess.run(
        [sys.executable, "checks.py", str(root), "results.json"],
        cwd=work,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    results: dict[str, str] = json.loads((work / "results.json").read_text(encoding="utf-8"))
    return results


@pytest.mark.parametrize(
    "kind",
    [
        "method",
        "plot",
        "policy_library",
        "layout_of_the_page",
        "format_of_weights",
        "algorithm_family",
        "wrapper_names",
        "environment_card",
        "agent",
        "experiment",
        "new_command",
        "score",
        "command_of_the_page",
        "score_of_the_page",
        "metric_of_the_page",
        "format_of_the_page",
        "executor_of_the_page",
        "broken_files",
    ],
)
def test_a_new_file_is_all_it_takes(failures: dict[str, str], kind: str) -> None:
    assert failures[kind] == "", failures[kind]
