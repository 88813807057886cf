"""The six ways of docs/start.md: each block is run, and each page has named features."""

from __future__ import annotations

import re
import shlex
import shutil
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gymnasium
import pytest
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

import rltools
from rltools.cli import main

ROOT = Path(__file__).parents[1]
CLEANRL = ROOT / "tests" / "golden" / "libraries" / "cleanrl" / "ppo" / "ppo.cleanrl_model"
PAGE = (ROOT / "docs" / "start.md").read_text(encoding="utf-8")
SMALL = ["--episodes", "2", "--no-ablate", "--references", "4", "--no-frames", "--overwrite"]
(ENVIRONMENT,) = (block for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL) if "class Harbor" in block)


def section(title: str) -> tuple[list[str], list[str]]:
    """The commands and the Python blocks of a section."""
    (text,) = re.findall(rf"^## {title}\n(.*?)(?=^## )", PAGE, re.DOTALL | re.MULTILINE)
    blocks = re.findall(r"```(python)?\n(.*?)```", text, re.DOTALL)
    commands = [line for language, block in blocks if not language for line in block.splitlines() if line]
    return commands, [block for language, block in blocks if language and "class Harbor" not in block]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, without_plots: None) -> Iterator[Path]:
    """A folder with what each way begins with."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    sys.modules.pop("harbor", None)
    gymnasium.registry.pop("Harbor-v0", None)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[[str], str]:
    """Runs a command as it stands on the page, an analysis with few episodes; what it printed."""

    def run(command: str) -> str:
        words = shlex.split(command)
        monkeypatch.setattr(sys, "argv", [*words, *(SMALL if words[1] == "analyze" else [])])
        with warnings.catch_warnings():
            warnings.simplefilter("default")  # as outside of tests, where a warning is a line and no error
            with pytest.raises(SystemExit) as ended:
                main()
        printed = capsys.readouterr()
        assert not ended.value.code, printed.err
        return printed.out

    return run


@pytest.fixture
def run_blocks(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], dict[str, Any]]:
    """Runs the Python blocks of a section, their analyses with few episodes; the names they leave."""
    analyze = rltools.analyze

    def small(*arguments: Any, **options: Any) -> Any:
        return analyze(*arguments, episodes=2, ablate=False, references=4, frames=False, **options)

    monkeypatch.setattr(rltools, "analyze", small)

    def run_blocks(title: str) -> dict[str, Any]:
        names: dict[str, Any] = {}
        _, blocks = section(title)
        for block in blocks:
            exec(block, names)
        return names

    return run_blocks


def page_of(printed: str) -> str:
    """The page that an analysis names."""
    (path,) = re.findall(r"runs/\S+/index\.html", printed)
    return Path(path).read_text(encoding="utf-8")


def test_a_model(project: Path, run: Callable[[str], str]) -> None:
    normalized = VecNormalize(DummyVecEnv([lambda: gymnasium.make("CartPole-v1")]))
    PPO("MlpPolicy", normalized, n_steps=64, device="cpu").save("best_model.zip")
    normalized.save("vecnormalize.pkl")
    plain, with_statistics = section("A model of Stable-Baselines3")[0]
    assert "pole angle" in page_of(run(f"{plain} --normalize none"))
    assert "pole angle" in page_of(run(with_statistics))


def test_a_run_folder(project: Path, run: Callable[[str], str]) -> None:
    folder = project / "logs" / "ppo" / "CartPole-v1_1"
    (folder / "CartPole-v1").mkdir(parents=True)
    PPO("MlpPolicy", "CartPole-v1", n_steps=64, device="cpu").save(folder / "CartPole-v1.zip")
    (folder / "CartPole-v1" / "config.yml").write_text(
        "!!python/object/apply:collections.OrderedDict\n- - - n_steps\n    - 8\n"
    )
    (folder / "CartPole-v1" / "args.yml").write_text(
        "!!python/object/apply:collections.OrderedDict\n- - - env\n    - CartPole-v1\n"
    )
    (command,) = section("A run folder of rl-zoo")[0]
    assert "pole angle" in page_of(run(command))


def test_a_file_of_another_library(project: Path, run: Callable[[str], str]) -> None:
    shutil.copy(CLEANRL, "ppo.cleanrl_model")
    inspect, analyze = section("A file of CleanRL, or another library")[0]
    assert "CleanRL" in run(inspect)
    assert "pole angle" in page_of(run(analyze))


def test_a_network(project: Path, run_blocks: Callable[[str], dict[str, Any]]) -> None:
    analysis = run_blocks("A network of your own")["analysis"]
    assert analysis.page.parent.name.startswith("mine-")
    assert "pole angle" in analysis.page.read_text(encoding="utf-8")


def test_an_environment(project: Path, run: Callable[[str], str]) -> None:
    Path("harbor.py").write_text(ENVIRONMENT, encoding="utf-8")
    names: dict[str, Any] = {}
    exec(ENVIRONMENT, names)
    PPO("MlpPolicy", names["Harbor"](), n_steps=64, device="cpu").save("harbor.zip")
    inspect, analyze, with_arguments = section("An environment of your own")[0]
    listed = run(inspect)
    for words in ("distance", "m/s", "thrust", "feature_names"):
        assert words in listed
    assert "distance" in page_of(run(analyze))
    assert "gusts=2" in page_of(run(with_arguments))


def test_a_tree(project: Path, run_blocks: Callable[[str], dict[str, Any]]) -> None:
    analysis = run_blocks("A tree, a rule, a table")["analysis"]
    assert "pole angle" in analysis.page.read_text(encoding="utf-8")
    assert analysis.recording.header.policy == "tree"
