"""Completion by the tab key: agents, runs, environments and whatever `rltools list` lists.

Everything is read off the names of files, so that nothing is imported and the answer is there at once. Each function
returns what begins as was typed; names of content come first, then the paths of files.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from importlib.metadata import entry_points
from pathlib import Path
from pkgutil import iter_modules

ROOT = Path(__file__).parents[1]
MODELS = (".zip", ".pt", ".pth", ".pt2", ".onnx", ".safetensors", ".npz", ".cleanrl_model")
"""The endings of files that may be models."""
MOST_PATHS = 1000
"""The most paths of a folder that are looked at."""
_CARD_ID = re.compile(r"^\s*-\s*\{?\s*id:\s*[\"']?([A-Za-z0-9_:/.-]+)[\"']?\s*(?:[,}#].*)?$", re.MULTILINE)
Completer = Callable[[str], list[str]]


def complete_agents(incomplete: str) -> list[str]:
    """Agents by name, and paths of models.

    >>> complete_agents("cartpole-p")
    ['cartpole-ppo']
    """
    from rltools.cards.content import list_content

    return _beginning(incomplete, [*sorted(list_content("agents")), *_paths(incomplete, MODELS)])


def complete_runs(incomplete: str) -> list[str]:
    """Folders of recordings, those in `runs/` first."""
    return _beginning(incomplete, [*_folders_with("recording.json"), *_paths(incomplete)])


def complete_experiment_folders(incomplete: str) -> list[str]:
    """Folders of the results of experiments, those in `runs/` first."""
    return _beginning(incomplete, [*_folders_with("experiment.json"), *_paths(incomplete)])


def complete_agents_and_runs(incomplete: str) -> list[str]:
    """What may stand where an agent or a run may."""
    return list(dict.fromkeys([*complete_agents(incomplete), *complete_runs(incomplete)]))


def complete_environments(incomplete: str) -> list[str]:
    """Ids of environments whose elements have names.

    >>> complete_environments("LunarLander-v")
    ['LunarLander-v3']
    """
    from rltools.cards.content import list_content

    texts = (path.read_text(encoding="utf-8", errors="replace") for path in list_content("envs").values())
    return _beginning(incomplete, sorted({env_id for text in texts for env_id in _CARD_ID.findall(text)}))


def complete_inspectable(incomplete: str) -> list[str]:
    """What can be inspected: agents, runs, models and environments."""
    return list(dict.fromkeys([*complete_agents_and_runs(incomplete), *complete_environments(incomplete)]))


def complete_experiments(incomplete: str) -> list[str]:
    """Experiments by name, and paths of their files."""
    from rltools.cards.content import list_content

    return _beginning(incomplete, [*sorted(list_content("experiments")), *_paths(incomplete, (".yaml", ".yml"))])


def complete_methods(incomplete: str) -> list[str]:
    """Attribution methods.

    >>> complete_methods("sha")
    ['shapley']
    """
    return _beginning(incomplete, _members("attributions"))


def complete_metrics(incomplete: str) -> list[str]:
    """Metrics."""
    return _beginning(incomplete, _members("metrics"))


def complete_plots(incomplete: str) -> list[str]:
    """Plots.

    >>> complete_plots("bee")
    ['beeswarm']
    """
    return _beginning(incomplete, _members("plots", "_"))


def complete_formats(incomplete: str) -> list[str]:
    """Formats of other tools."""
    return _beginning(incomplete, _members("integrations"))


def complete_replacements(incomplete: str) -> list[str]:
    """Replacements of hidden values."""
    return _beginning(incomplete, _members("ablation/replacements"))


def complete_layouts(incomplete: str) -> list[str]:
    """Libraries whose files of weights are read."""
    return _beginning(incomplete, _members("policies/saved/layouts"))


def complete_episodes(incomplete: str) -> list[str]:
    """The episodes that go by a name."""
    return _beginning(incomplete, ["worst", "best", "median"])


def _beginning(incomplete: str, words: Iterable[str]) -> list[str]:
    return [word for word in dict.fromkeys(words) if word.startswith(incomplete)]


def _members(room: str, prefix: str = "") -> list[str]:
    """The names of the files in a room, and those that other packages offer."""
    names = [module.name for module in iter_modules([str(ROOT / room)])]
    own = [name.removeprefix(prefix) for name in names if name.startswith("_") == bool(prefix) and name != "drawing"]
    offered = entry_points(group=f"rltools.{room.replace('/', '.')}")
    return sorted({*own, *offered.names})


def _folders_with(file: str) -> Iterator[str]:
    for path in sorted(Path("runs").glob(f"*/{file}"))[:MOST_PATHS]:
        yield str(path.parent)


def _paths(incomplete: str, endings: tuple[str, ...] = ()) -> Iterator[str]:
    """The folders in what was typed, each with a slash, and the files with one of these endings."""
    folder = incomplete.rpartition("/")[0] + "/" if "/" in incomplete else ""
    try:
        entries = sorted(Path(folder or ".").iterdir())[:MOST_PATHS]
    except OSError:
        return
    for entry in entries:
        if entry.name.startswith(".") and not incomplete.removeprefix(folder).startswith("."):
            continue
        if entry.is_dir():
            yield f"{folder}{entry.name}/"
        elif entry.suffix in endings:
            yield f"{folder}{entry.name}"
