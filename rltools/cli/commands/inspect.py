"""`rltools inspect`: show what a model or a recording contains."""

from __future__ import annotations

import re
import shlex
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rltools._util.console import as_text, say_as_it_is, say_each
from rltools._util.foreign_files import is_file, is_folder, path_exists
from rltools._util.text import plural
from rltools.cli.agent_options import EnvKwargs
from rltools.cli.app import LOOK_UP, app
from rltools.cli.completion import complete_inspectable
from rltools.cli.inspect_env import env_lines
from rltools.cli.options import Import
from rltools.cli.screen import terms
from rltools.cli.values import import_all, named_values
from rltools.errors import ArgumentError, CorruptError, FormatError, SimulationError

if TYPE_CHECKING:
    from gymnasium.envs.registration import EnvSpec

    from rltools.policies.sb3.archive.saved import Saved


@app.command(rich_help_panel=LOOK_UP, epilog="Example: `rltools inspect model.zip`")
def inspect(
    path: Annotated[
        str,
        typer.Argument(
            metavar="WHAT",
            help="A model or weights of any library, the folder of a recording or of several, an agent, or an "
            "environment's id.",
            autocompletion=complete_inspectable,
        ),
    ],
    *,
    env_kwargs: EnvKwargs = None,
    modules: Import = None,
) -> None:
    """Show what a model or a recording contains, without executing anything, or what an environment observes."""
    import_all(modules)
    arguments = named_values(env_kwargs, "--env-kwargs", "size=8")
    if (env := environment_called(path, arguments)) is not None:
        say_as_it_is(*env_lines(env))
        return
    if arguments:
        raise ArgumentError(f"--env-kwargs are for an environment, and {path[:MAX_LENGTH]} is none; leave them out")
    text, intact = inspection(path)
    say_each(text)
    if not intact:
        raise typer.Exit(1)


def environment_called(name: str, arguments: dict[str, Any]) -> EnvSpec | None:
    """The environment of an id; None if something else goes by this name.

    Raises:
        SimulationError: it looks like the id of an environment, and none is registered.
    """
    from rltools.cards.content import content_path
    from rltools.policies.hub import is_hub

    path = Path(name)
    if content_path("agents", name) or is_hub(name) or path_exists(path) or path_exists(Path(f"{name}.zip")):
        return None
    from rltools.envs import with_arguments

    try:
        return with_arguments(name, arguments)
    except SimulationError:
        if arguments or _ENV_ID.search(name):
            raise
        return None


_ENV_ID = re.compile(r"-v\d+$")
Rows = list[tuple[str, str]]
LOAD = "load it"
"""The last row of a model: the command that one types next."""
MOST_RUNS = 50
"""The most runs of a folder that are listed."""
MAX_LENGTH = 600
"""The most characters of a text from a model's file that are printed."""


def inspection(name: str) -> tuple[str, bool]:
    """The content of a model or a recording, and whether all of it can be read; nothing is executed.

    Raises:
        ArgumentError: the path is neither.
        ModelError: a model that cannot be read.
    """
    from rltools.cards.content import content_path
    from rltools.policies.hub import fetch, is_hub

    if is_hub(name):
        fetched = fetch(name)
        card = [("model card", note) for note in fetched.notes]
        rows, intact = [("source", fetched.note), *card, *_inspect_path(fetched.path)[0]], True
    else:
        rows, intact = _inspect_path(content_path("agents", name) or Path(name))
    return "\n".join(terms(rows)), intact


def _inspect_path(path: Path) -> tuple[Rows, bool]:
    if is_file(path / "recording.json"):
        return _recording(path)
    if is_file(path / "agent.yaml"):
        return _agent(path), True
    from rltools.policies.kinds import described
    from rltools.policies.library import inspection_of
    from rltools.policies.sb3 import claims
    from rltools.policies.sb3.zoo.folder import model_in, other_models_note

    if not path_exists(path) and is_file(f"{path}.zip"):
        path = Path(f"{path}.zip")  # Stable-Baselines3 lets one omit the ending
    if (rows := inspection_of(path)) is not None:
        return rows, True
    model = model_in(path)
    if model is None and claims(path):
        return _model(path), True
    if model is None and (rows := _runs(path)):
        return rows, True
    if model is None:
        instead = f", but {described(path)}" if path_exists(path) else "; it does not exist"
        raise ArgumentError(
            f"{str(path)[:MAX_LENGTH]} is no model or weights of a library that is known, no folder of a recording, no "
            f"agent and no environment{instead}; see `rltools list agents`"
        )
    return [*_model(model), *(("note", note) for note in other_models_note(model))], True


def _agent(folder: Path) -> Rows:
    from rltools.cards import read_agent_card
    from rltools.policies.sb3.archive.saved import read_saved

    card = read_agent_card(folder)
    saved = read_saved(folder / card.model.file)
    steps = saved.settings.get("num_timesteps")
    trained = plural(steps, "step") if type(steps) is int else ""
    if card.training is not None:
        trained = f"{plural(card.training.steps, 'step')}, seed {card.training.seed}"
        if type(steps) is int and steps != card.training.steps:  # the best model of several evaluations
            trained += f"; this model was saved at step {_shortened(f'{steps:,}')}"
    returns = card.returns
    rows = [
        ("agent", f"{card.name}: {card.description}" if card.description else card.name),
        ("environment", " ".join([card.environment.id, *(f"{k}={v}" for k, v in card.environment.kwargs.items())])),
    ]
    if returns is not None:
        rows.append(("return", f"{returns.mean} ± {returns.std} over {plural(returns.episodes, 'episode')}"))
    rows += [("trained", trained)] if trained else []
    return [*rows, *_saved(saved), (LOAD, shlex.join(["rltools", "analyze", card.name]))]


def _model(path: Path) -> Rows:
    from rltools.policies.sb3.archive.policy_alone import is_policy_alone, read_policy_alone
    from rltools.policies.sb3.archive.saved import read_saved

    saved = read_policy_alone(path) if is_policy_alone(path) else read_saved(path)
    steps, planned = (saved.settings.get(key) for key in ("num_timesteps", "_total_timesteps"))
    trained = []
    if type(steps) is int:
        unfinished = type(planned) is int and planned > steps
        trained = [("trained", f"{steps:,} of {planned:,} steps" if unfinished else plural(steps, "step"))]
    beside = _files_beside(path)
    environment = [] if "environment" in dict(beside) else ["--env", "ID"]
    command = shlex.join(["rltools", "analyze", str(path), *environment])
    return [*beside, *((term, _shortened(text)) for term, text in trained), *_saved(saved), (LOAD, command)]


def _files_beside(path: Path) -> Rows:
    """Facts about a model from the files beside it."""
    from rltools.policies.sb3.zoo.folder import find_statistics, read_record

    record = read_record(path)
    statistics = find_statistics(path, record)
    rows = [("statistics", str(statistics))] if statistics is not None else []
    if record is None:
        return rows
    stacked = [f"frame_stack={record.frame_stack}"] if record.frame_stack > 1 else []
    environment = [record.environment, *(f"{key}={value}" for key, value in record.kwargs.items())]
    wrappers = [*(name for name, _ in record.wrappers), *stacked, *record.unknown]
    rows = [("environment", _shortened(" ".join(environment))), *rows]
    return rows + ([("wrapped in", _shortened(", ".join(wrappers)))] if wrappers else [])


def _saved(saved: Saved) -> Rows:
    from rltools.policies.sb3.archive.saved import DECODED

    steps = ("num_timesteps", "_total_timesteps")
    plain = {
        key: value
        for key, value in saved.settings.items()
        if isinstance(value, (int, float, str)) and not key.startswith("_") and key not in steps
    }
    packed = [key for key, value in saved.settings.items() if _is_packed(value) and key not in DECODED]
    return [
        ("observations", _shortened(str(saved.observation_space))),
        ("actions", _shortened(str(saved.action_space))),
        ("policy", _shortened(saved.policy_class)),
        ("model", str(saved.path)),
        ("sha256", saved.sha256),
        ("weights", f"{sum(w.numel() for w in saved.weights.values()):,} in {plural(len(saved.weights), 'tensor')}"),
        ("settings", _shortened(", ".join(f"{key}={value}" for key, value in sorted(plain.items())))),
        ("not decoded", _shortened(", ".join(sorted(packed)) or "nothing")),
    ]


def _is_packed(value: Any) -> bool:
    return isinstance(value, dict) and ":serialized:" in value


def _shortened(text: str) -> str:
    """A text from a model's file in one line of limited length; arrays are printed over several lines."""
    plain = " ".join(text[: MAX_LENGTH + 1].split())
    return plain if len(text) <= MAX_LENGTH else f"{plain[:MAX_LENGTH]}..."


def _runs(folder: Path) -> Rows:
    """The runs and experiments in a folder, a line for each, and what to type for more about one; none if none are."""
    from rltools.experiments.cells import MANIFEST
    from rltools.recording import open_recording

    if not is_folder(folder):
        return []
    paths = next(filter(None, (sorted(folder.glob(f"{depth}recording.json")) for depth in ("*/", "*/*/"))), [])
    experiments = [(path.parent.name, f"rltools status {path.parent}") for path in sorted(folder.glob(f"*/{MANIFEST}"))]
    rows = []
    for path in paths[:MOST_RUNS]:
        name = as_text(path.parent.relative_to(folder))
        try:
            rows.append((name, open_recording(path.parent).content))
        except (CorruptError, FormatError) as error:
            rows.append((name, f"cannot be read: {error}"))
    if len(paths) > MOST_RUNS:
        rows.append(("", f"and {len(paths) - MOST_RUNS} more"))
    rows += [(name, f"an experiment; `{command}`") for name, command in experiments]
    return [*rows, ("look into one", shlex.join(["rltools", "inspect", str(paths[0].parent)]))] if paths else rows


def _recording(folder: Path) -> tuple[Rows, bool]:
    from rltools.ablation import ablation_keys, open_ablation
    from rltools.recording import open_recording

    recording = open_recording(folder)
    header = recording.header
    damaged = recording.damaged()
    readable = [n for n in recording.numbers if recording.episode_path(n) not in damaged]
    outcomes = [recording.outcome(number) for number in readable]
    seeds = f"{header.seeds} from {header.seed}; {'deterministic' if header.deterministic else 'stochastic'} actions"
    if header.data:
        seeds = "those of the data set, as are the actions"
    endings = Counter(outcome.ended for outcome in outcomes)
    rows = [
        ("recording", str(folder)),
        ("policy", f"{header.policy}, sha256 {header.policy_sha256}"),
        ("environment", header.environment_text),
        ("episodes", f"{len(outcomes)} ({', '.join(f'{count} {end}' for end, count in endings.items()) or 'none'})"),
        ("steps", f"{sum(outcome.steps for outcome in outcomes):,}"),
        ("seeds", seeds),
    ]
    specs = recording.specs
    rows += [
        ("explained", words + (f", one step in {specs[key].every}" if specs[key].every > 1 else ""))
        for key, words in recording.descriptions.items()
    ]
    for key in ablation_keys(folder):
        with suppress(CorruptError, FormatError):  # named below
            ablation = open_ablation(recording, key)
            count = plural(len(ablation.rollouts), "episode")
            rows.append(("ablated", f"{plural(len(ablation.players), 'variable')}, {ablation.replace}, {count}"))
    rows += [("note", note) for note in header.notes]
    rows += [("fault", f"episode {outcome.number}: {outcome.fault}") for outcome in outcomes if outcome.fault]
    rows += [("damaged", why) for why in damaged.values()]
    return rows, not damaged
