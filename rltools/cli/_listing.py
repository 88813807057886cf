"""What `rltools list` shows."""

from __future__ import annotations

import inspect
from collections.abc import Callable

from rltools.cli._words import counted
from rltools.content import list_content
from rltools.discovery import unknown
from rltools.errors import RltoolsError

Rows = list[tuple[str, str]]


def listing(room: str | None) -> str:
    """A line for everything in a room, or in all of them.

    Raises:
        UnknownNameError: no such room.
    """
    if room is not None and room not in ROOMS:
        raise unknown("room", room, ROOMS)
    blocks = []
    for name in ROOMS if room is None else (room,):
        rows = ROOMS[name]()
        width = max((len(first) for first, _ in rows), default=0)
        lines = [f"  {first:<{width}}  {rest}".rstrip() for first, rest in rows] or ["  none"]
        blocks.append("\n".join([name, *lines]))
    return "\n\n".join(blocks)


def _agents() -> Rows:
    from rltools.cards import read_agent_card

    def line(name: str) -> str:
        card = read_agent_card(list_content("agents")[name])
        digits = 0 if abs(card.returns.mean) >= 10 else 2
        returns = f"{card.returns.mean:.{digits}f} ± {card.returns.deviation:.{digits}f}"
        return f"{card.algorithm} on {card.environment.id}, return {returns}. {card.description}"

    return [(name, _or_fault(line, name)) for name in sorted(list_content("agents"))]


def _environments() -> Rows:
    from rltools.cards import read_environment_card

    rows: Rows = []
    for name, path in sorted(list_content("envs").items()):
        try:
            card = read_environment_card(path)
        except RltoolsError as error:
            rows.append((name, f"cannot be read: {str(error).splitlines()[0]}"))
            continue
        made = [" ".join([e.id, *(f"{k}={v}" for k, v in e.kwargs.items())]) for e in card.environments]
        said = [card.observes, *([counted(len(card.actions), "action")] if card.actions else [])]
        rows.append((made[0], f"{', '.join(said)}. {card.description}"))
        rows += [(other, f"as {made[0]}") for other in made[1:]]
    return rows


def _experiments() -> Rows:
    from rltools.experiment import read_experiment

    return [
        (name, _or_fault(lambda path: read_experiment(path).description, str(path)))
        for name, path in sorted(list_content("experiments").items())
    ]


EXAMPLE = (8, 8)
"""Features, and states to compare with, for which costs are said."""


def _methods() -> Rows:
    from rltools.attributions import find_method, method_names

    rows = []
    for name in method_names():
        found = find_method(name)
        needs = f"needs {', '.join(sorted(found.needs))}" if found.needs else "needs nothing"
        passes = found.forwards(*EXAMPLE, found.defaults)
        cost = f"{passes:,} pass{'' if passes == 1 else 'es'} a state"
        axioms = f"; axioms: {', '.join(sorted(found.axioms))}" if found.axioms else ""
        rows.append((name, f"{found.description} In {found.unit}; {needs}; {cost}{axioms}."))
    rows.append(("", f"Passes are those for {EXAMPLE[0]} features and, where there are any, {EXAMPLE[1]} references."))
    return rows


def _plots() -> Rows:
    from rltools import plots

    return [(name, (inspect.getdoc(getattr(plots, name)) or "").split("\n", 1)[0]) for name in plots.plot_names()]


def _or_fault(line: Callable[[str], str], name: str) -> str:
    """One broken card does not hide the others."""
    try:
        return line(name)
    except RltoolsError as error:
        return f"cannot be read: {str(error).splitlines()[0]}"


ROOMS: dict[str, Callable[[], Rows]] = {
    "agents": _agents,
    "envs": _environments,
    "experiments": _experiments,
    "methods": _methods,
    "plots": _plots,
}
