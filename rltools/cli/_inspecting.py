"""What `rltools inspect` shows."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from rltools.content import find_content, list_content
from rltools.errors import ArgumentError

Rows = list[tuple[str, str]]


def inspection(name: str) -> tuple[str, bool]:
    """What is in a model or a recording, and whether all of it can be read; nothing is executed.

    Raises:
        ArgumentError: it is neither.
        ModelError: a model that cannot be read.
    """
    path = find_content("agents", name) if name in list_content("agents") else Path(name)
    if (path / "recording.json").is_file():
        rows, whole = _recording(path)
    elif (path / "agent.yaml").is_file():
        rows, whole = _agent(path), True
    elif path.suffix == ".zip":
        rows, whole = _model(path), True
    else:
        raise ArgumentError(
            f"{name} is no model's .zip, no folder of a recording and no agent; see `rltools list agents`"
        )
    width = max(len(term) for term, _ in rows)
    return "\n".join(f"{term:<{width}}  {value}" for term, value in rows), whole


def _agent(folder: Path) -> Rows:
    from rltools.cards import read_agent_card

    card = read_agent_card(folder)
    return [
        ("agent", f"{card.name}: {card.description}"),
        ("environment", " ".join([card.environment.id, *(f"{k}={v}" for k, v in card.environment.kwargs.items())])),
        ("return", f"{card.returns.mean} ± {card.returns.deviation} over {card.returns.episodes} episodes"),
        ("trained", f"{card.training.steps:,} steps, seed {card.training.seed}"),
        *_model(folder / card.model.file),
    ]


def _model(path: Path) -> Rows:
    from rltools.policies.sb3._saved import read_saved

    saved = read_saved(path)
    numbers = {
        key: value
        for key, value in saved.settings.items()
        if isinstance(value, (int, float, str)) and not key.startswith("_")
    }
    return [
        ("model", str(path)),
        ("sha256", saved.sha256),
        ("policy", saved.policy_class),
        ("observations", str(saved.observation_space)),
        ("actions", str(saved.action_space)),
        ("weights", f"{sum(w.numel() for w in saved.weights.values()):,} in {len(saved.weights)} tensors"),
        ("settings", ", ".join(f"{key}={value}" for key, value in sorted(numbers.items()))[:600]),
    ]


def _recording(folder: Path) -> tuple[Rows, bool]:
    from rltools.recording import open_recording

    recording = open_recording(folder)
    header = recording.header
    damaged = recording.damaged()
    readable = [n for n in recording.numbers if recording.episode_path(n) not in damaged]
    outcomes = [recording.outcome(number) for number in readable]
    endings = Counter(outcome.ended for outcome in outcomes)
    rows = [
        ("recording", str(folder)),
        ("policy", f"{header.policy}, sha256 {header.policy_sha256}"),
        ("environment", header.environment_id or "made by a function"),
        ("episodes", f"{len(outcomes)} ({', '.join(f'{count} {end}' for end, count in endings.items()) or 'none'})"),
        ("steps", f"{sum(outcome.steps for outcome in outcomes):,}"),
        ("seeds", f"from {header.seed}; {'deterministic' if header.deterministic else 'stochastic'} actions"),
    ]
    rows += [
        ("explained", f"{asked.method} of {asked.target}" + (f", one step in {asked.every}" if asked.every > 1 else ""))
        for asked in recording.questions.values()
    ]
    rows += [("note", note) for note in header.notes]
    rows += [("fault", f"episode {outcome.number}: {outcome.fault}") for outcome in outcomes if outcome.fault]
    rows += [("damaged", why) for why in damaged.values()]
    return rows, not damaged
