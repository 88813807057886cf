"""What the tab key completes, without importing anything heavy."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer.main
from typer._completion_classes import BashComplete

from rltools import attributions, integrations, metrics, plots
from rltools.ablation.replacements import replacement_names
from rltools.cli import completion
from rltools.cli.app import app_with_commands
from rltools.cli.completion import complete_agents, complete_environments, complete_inspectable, complete_runs

command_line = cache(lambda: typer.main.get_command(app_with_commands()))
HEAVY = {"torch", "stable_baselines3", "matplotlib", "pandas", "pyarrow", "gymnasium", "numpy"}
ASK = """
import json, sys
from rltools.cli import main
sys.argv = ["rltools"]
try:
    main()
except SystemExit:
    pass
print("LOADED", json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""


def test_the_shell_is_answered_with_names_and_nothing_is_loaded() -> None:
    words = {"_RLTOOLS_COMPLETE": "complete_bash", "COMP_WORDS": "rltools analyze cartpole-p", "COMP_CWORD": "2"}
    done = subprocess.run(
        [sys.executable, "-c", ASK], env=os.environ | words, capture_output=True, text=True, check=True
    )
    answer, _, loaded = done.stdout.rpartition("LOADED")
    assert answer.split() == ["cartpole-ppo"], done.stderr
    assert not HEAVY & set(json.loads(loaded))


@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        ("explain runs/x --method integ", {"integrated_gradients"}),
        ("explain runs/x --set a=1 --method integ", {"integrated_gradients"}),
        ("ablate x --env LunarLander-v", {"LunarLander-v3"}),
        ("ablate x --env-kwargs a=1 b=2 --replace ne", {"nearest"}),
        ("plot x beesw", {"beeswarm"}),
        ("plot x timeline --episode med", {"median"}),
        ("replay x wor", {"worst"}),
        ("export x --to zar", {"zarr"}),
        ("assess x --metric complete", {"completeness"}),
        ("inspect LunarLander-v", {"LunarLander-v3"}),
        ("run lunar", {"lunarlander"}),
        ("list repl", {"replacements"}),
        ("new en", {"env"}),
        ("new experiment mine --agent cartpole-p", {"cartpole-ppo"}),
        ("analyze x --bou", {"--bounds"}),
    ],
)
def test_arguments_and_options_are_completed(
    typed: str, completed: set[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    *words, incomplete = typed.split()
    shell = BashComplete(command_line(), {}, "rltools", "_RLTOOLS_COMPLETE")
    assert {item.value for item in shell.get_completions(words, incomplete)} == completed


def test_everything_that_is_listed_is_completed() -> None:
    captum = {name for name in attributions.method_names() if ":" in name}
    assert set(completion.complete_methods("")) == set(attributions.method_names()) - captum
    assert completion.complete_metrics("") == metrics.metric_names()
    assert completion.complete_plots("") == plots.plot_names()
    assert completion.complete_formats("") == list(integrations.format_names())
    assert completion.complete_replacements("") == list(replacement_names())


def test_paths_and_runs_are_completed_from_the_working_directory(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    for folder in ("runs/first", "runs/empty", "models/deep"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "runs/first/recording.json").write_text("{}")
    for name in ("models/best.zip", "models/best.txt", "models/net.pt", ".hidden.zip"):
        (tmp_path / name).write_text("")
    assert complete_runs("runs/f") == ["runs/first", "runs/first/"]
    assert complete_runs("")[0] == "runs/first"
    assert complete_agents("mod") == ["models/"]
    assert complete_agents("models/") == ["models/best.zip", "models/deep/", "models/net.pt"]
    assert complete_agents("nowhere/x") == []
    (tmp_path / "envs").mkdir()
    (tmp_path / "envs" / "mine.yaml").write_text("environments:\n  - {id: Mine-v0}\n  - id: Mine-v1  # too\n")
    assert complete_environments("Mine") == ["Mine-v0", "Mine-v1"]
    assert "Mine-v1" in complete_inspectable("")
