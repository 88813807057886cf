"""What `rltools list` shows."""

from __future__ import annotations

import inspect
from collections.abc import Callable

from rltools._util.console import as_text
from rltools._util.discovery import unknown
from rltools.cards.content import list_content
from rltools.cli._words import counted
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
        rows = [(as_text(first), as_text(rest)) for first, rest in ROOMS[name]()]
        width = max((len(first) for first, _ in rows), default=0)
        lines = [f"  {first:<{width}}  {rest}".rstrip() for first, rest in rows] or ["  none"]
        blocks.append("\n".join([name, *lines]))
    return "\n\n".join(blocks)


def _agents() -> Rows:
    from rltools.cards import read_agent_card

    def line(name: str) -> str:
        card = read_agent_card(list_content("agents")[name])
        digits = 0 if abs(card.returns.mean) >= 10 else 2
        returns = f"{card.returns.mean:.{digits}f} ± {card.returns.std:.{digits}f}"
        return f"{card.algorithm} on {card.environment.id}, return {returns}. {card.description}"

    return [(name, _or_fault(line, name)) for name in sorted(list_content("agents"))]


def _environments() -> Rows:
    from rltools.cards import read_environment_card

    rows: Rows = []
    for name, path in sorted(list_content("envs").items()):
        try:
            card = read_environment_card(path)
        except RltoolsError as error:
            rows.append((name, f"cannot be read: {_first_faults(error)}"))
            continue
        made = [" ".join([e.id, *(f"{k}={v}" for k, v in e.kwargs.items())]) for e in card.environments]
        said = [card.observes, *([counted(len(card.actions), "action")] if card.actions else [])]
        rows.append((made[0], f"{', '.join(said)}. {card.description}"))
        rows += [(other, f"as {made[0]}") for other in made[1:]]
    return rows


def _experiments() -> Rows:
    from rltools.experiments import read_experiment

    return [
        (name, _or_fault(lambda path: read_experiment(path).description, str(path)))
        for name, path in sorted(list_content("experiments").items())
    ]


EXAMPLE = (8, 8)
"""Features, and states to compare with, for which costs are said."""


def _methods() -> Rows:
    from rltools.attributions import find_method, method_names

    def line(name: str) -> str:
        method = find_method(name)
        needs = f"needs {', '.join(sorted(method.needs))}" if method.needs else "needs nothing"
        passes = method.cost_of_row(EXAMPLE[:1], ("feature",), EXAMPLE[1], method.defaults).passes
        cost = f"{passes:,} pass{'' if passes == 1 else 'es'} a state"
        axioms = f"; axioms: {', '.join(sorted(method.axioms))}" if method.axioms else ""
        return f"{method.description} In {method.unit}; {needs}; {cost}{axioms}."

    rows = [(name, _or_fault(line, name)) for name in method_names()]
    rows.append(("", f"Passes are those for {EXAMPLE[0]} features and, where there are any, {EXAMPLE[1]} references."))
    return rows


def _plots() -> Rows:
    from rltools import plots

    def line(name: str) -> str:
        return (inspect.getdoc(plots.find_plot(name)) or "").split("\n", 1)[0]

    return [(name, _or_fault(line, name)) for name in plots.plot_names()]


def _or_fault(line: Callable[[str], str], name: str) -> str:
    """One broken card, or one package's broken method, does not hide the others."""
    try:
        return line(name)
    except RltoolsError as error:
        return f"cannot be read: {_first_faults(error)}"
    # What a package of somebody else's declares of its method is run here.
    except Exception as error:
        return f"cannot be used: {type(error).__name__}: {error}"


def _first_faults(error: RltoolsError) -> str:
    """An error in one line; of several faults the first one, and how many there are."""
    first, *faults = str(error).splitlines() or [""]
    return f"{first}; the first: {faults[0].strip()}" if faults else first


ROOMS: dict[str, Callable[[], Rows]] = {
    "agents": _agents,
    "envs": _environments,
    "experiments": _experiments,
    "methods": _methods,
    "plots": _plots,
}
