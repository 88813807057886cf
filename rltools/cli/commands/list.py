"""`rltools list`: list agents, environments, experiments, formats, methods, metrics, plots and replacements."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import typer

from rltools._util.console import say_each
from rltools._util.discovery import unknown_name
from rltools._util.text import first_line, fixed, plural
from rltools.cli.app import LOOK_UP, app
from rltools.cli.screen import grid
from rltools.errors import RltoolsError


@app.command("list", rich_help_panel=LOOK_UP, epilog="Example: `rltools list methods`")
def list_(
    kind: Annotated[
        str | None,
        typer.Argument(
            help="agents, envs, experiments, formats, methods, metrics, plots or replacements; default: all.",
            autocompletion=lambda incomplete: [kind for kind in KINDS if kind.startswith(incomplete)],
        ),
    ] = None,
) -> None:
    """List agents, environments, experiments, formats, methods, metrics, plots and replacements in tables."""
    say_each(listing(kind))


Rows = list[tuple[str, str]]


def listing(kind: str | None, width: int | None = None) -> str:
    """A table of the items of a kind, or of all kinds, one below the other.

    Args:
        kind: "agents", "methods", ...; None for all.
        width: in characters; None for that of the terminal.

    Raises:
        UnknownNameError: there is no such kind.
    """
    if kind is not None and kind not in KINDS:
        raise unknown_name("list", kind, KINDS)
    blocks = []
    for name in KINDS if kind is None else (kind,):
        lines = grid(KINDS[name](), width) or ["  none"]
        blocks.append("\n".join([name, *lines]))
    return "\n\n".join(blocks)


def _agents() -> Rows:
    from rltools.cards import read_agent_card
    from rltools.cards.content import list_content

    def line(name: str) -> str:
        card = read_agent_card(list_content("agents")[name])
        returns = ""
        if card.returns is not None:
            digits = 0 if abs(card.returns.mean) >= 10 else 2
            returns = f", return {fixed(card.returns.mean, digits)} ± {fixed(card.returns.std, digits)}"
        return f"{card.algorithm or 'an agent'} on {card.environment.id}{returns}. {card.description}".rstrip()

    return [(name, _or_fault(line, name)) for name in sorted(list_content("agents"))]


def _environments() -> Rows:
    from rltools.cards import read_environment_card
    from rltools.cards.content import list_content

    rows: Rows = []
    for name, path in sorted(list_content("envs").items()):
        try:
            card = read_environment_card(path)
        except RltoolsError as error:
            rows.append((name, f"cannot be read: {_first_faults(error)}"))
            continue
        ids = [" ".join([e.id, *(f"{k}={v}" for k, v in e.kwargs.items())]) for e in card.environments]
        spaces = [card.observes, *([plural(len(card.actions), "action")] if card.actions else [])]
        rows.append((ids[0], f"{', '.join(spaces)}. {card.description}".rstrip()))
        rows += [(other, f"same as {ids[0]}") for other in ids[1:]]
    return rows


def _experiments() -> Rows:
    from rltools.cards.content import list_content
    from rltools.experiments import read_experiment

    return [
        (name, _or_fault(lambda path: read_experiment(path).description, str(path)))
        for name, path in sorted(list_content("experiments").items())
    ]


def _formats() -> Rows:
    from rltools.integrations import exporters, format_names, importers

    writers, readers = exporters(), importers()

    def line(name: str) -> str:
        roles = {"writes": writers.get(name), "reads": readers.get(name)}
        declared = {role: vars(function)["declared"] for role, function in roles.items() if function is not None}
        extra = next(iter(declared.values())).extra
        what = "; ".join(f"{role} {each.title} ({each.place})" for role, each in declared.items())
        return f"{what}{f'. Needs the extra {extra}' if extra else ''}."

    return [(name, _or_fault(line, name)) for name in format_names()]


EXAMPLE = (8, 8)
"""The numbers of features and references for which costs are listed."""


def _methods() -> Rows:
    from rltools.attributions import find_method, method_names

    def line(name: str) -> str:
        method = find_method(name)
        needs = f"needs {', '.join(sorted(method.needs))}" if method.needs else "needs nothing"
        passes = method.cost_of_row(EXAMPLE[:1], ("feature",), EXAMPLE[1], method.defaults).passes
        cost = f"{passes:,} pass{'' if passes == 1 else 'es'} per state"
        axioms = f"; axioms: {', '.join(sorted(method.axioms))}" if method.axioms else ""
        return f"{method.description} In {method.unit}; {needs}; {cost}{axioms}."

    rows = [(name, _or_fault(line, name)) for name in method_names()]
    rows.append(("", f"Passes are for {EXAMPLE[0]} features and, for methods with references, {EXAMPLE[1]} of them."))
    return rows


def _metrics() -> Rows:
    from rltools.metrics import find_metric, metric_names

    def line(name: str) -> str:
        metric = find_metric(name)
        needs = f"needs {' and '.join(sorted(metric.needs))}" if metric.needs else "needs nothing"
        return f"{metric.question}: {metric.description} {metric.better.capitalize()} is better; {needs}."

    return [(name, _or_fault(line, name)) for name in metric_names()]


def _plots() -> Rows:
    from rltools import plots

    def line(name: str) -> str:
        return first_line(plots.find_plot(name))

    return [(name, _or_fault(line, name)) for name in plots.plot_names()]


def _replacements() -> Rows:
    from rltools.ablation.replacements import find_replacement, replacement_names

    def line(name: str) -> str:
        return find_replacement(name).description

    return [(name, _or_fault(line, name)) for name in replacement_names()]


def _or_fault(line: Callable[[str], str], name: str) -> str:
    """A line, or the error in its place, so that one broken card or package does not hide the others."""
    try:
        return line(name)
    except RltoolsError as error:
        return f"cannot be read: {_first_faults(error)}"
    # The declaration of a method in another package is executed here.
    except Exception as error:
        return f"cannot be used: {type(error).__name__}: {error}"


def _first_faults(error: RltoolsError) -> str:
    """An error on one line; for several faults their number and the first one."""
    first, *faults = str(error).splitlines() or [""]
    return f"{first}; the first: {faults[0].strip()}" if faults else first


KINDS: dict[str, Callable[[], Rows]] = {
    "agents": _agents,
    "envs": _environments,
    "experiments": _experiments,
    "formats": _formats,
    "methods": _methods,
    "metrics": _metrics,
    "plots": _plots,
    "replacements": _replacements,
}
