"""Pages of everything of a kind, made from the package: methods, plots, commands and terms."""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from outside import image
from terms import MORE_TERMS

if TYPE_CHECKING:
    from rltools.attributions import Method

COSTS = Path(__file__).parents[1] / "methods" / "costs.json"
FEATURES, REFERENCES = 8, 32
"""Of which passes are counted: the observations of LunarLander, and the references that `explain` draws by default."""
AXIOMS = {
    "complete": "the values of a step add up to its target value minus the mean of the references'",
    "dummy": "a feature that the network ignores gets exactly 0",
    "invariant": "two networks that compute the same function get the same values",
    "linear": "the values of a linear network are its weights, per unit or times the distance from the references",
    "symmetric": "two features that are equal and are used equally get equal values",
}
BAR = r"\|"
NEXT = "\n\n"
"""Between the first paragraph of a help text and the others."""


def methods() -> str:
    """Every method: a table of what each needs and costs, then its docstring and its declarations."""
    from rltools.attributions import find_method, method_names

    every = sorted((find_method(name) for name in method_names()), key=lambda method: (method.control, method.name))
    costs = json.loads(COSTS.read_text(encoding="utf-8"))
    agents = sorted({agent for of_method in costs.values() for agent in of_method}, reverse=True)
    waiting = "".join(f" seconds, {agent} |" for agent in agents)
    parts = [
        "# All methods\n",
        "[Which method?](../methods/README.md) sorts them by the question they answer; this page has each of them, and "
        "what it costs.\n",
        f"| method | unit of its values | needs | passes |{waiting}\n|---|---|---|---|{'---|' * len(agents)}",
        *(_row_of_method(method, costs.get(method.name, {}), agents) for method in every),
        f"\n*Passes* go through the network, for a state of {FEATURES} numbers (for a small image where a method needs "
        f"one) and {REFERENCES} references; a gradient counts as two. *Seconds* are what `rltools.explain` takes for "
        "1,000 steps, files included, in processor time of one thread of a shared machine (`python "
        "docs/method_costs.py`): of `lunarlander-ppo`, a small network that sees 8 numbers, and of `lavagap-cnn-ppo`, "
        "a convolutional one that sees an image of 42 × 42 pixels, whose regions are taken together where a method "
        "has `groups`. Where a cell is empty, the method does not fit the agent, or was not measured.\n",
        "The axioms that a method declares are tested on random networks:\n",
        *(f"- **{name}**: {meaning}" for name, meaning in AXIOMS.items()),
        "",
    ]
    return "\n".join([*parts, *map(_method, every)])


def _passes(method: Method) -> int:
    shape, dims = ((3, 42, 42), ("channel", "y", "x")) if "image" in method.needs else ((FEATURES,), ("feature",))
    return method.cost_of_row(shape, dims, REFERENCES, method.defaults).passes


def _row_of_method(method: Method, costs: dict[str, float | None], agents: list[str]) -> str:
    needs = ", ".join(sorted(method.needs)) or "nothing"
    unit = f"{method.unit} (a control)" if method.control else str(method.unit)
    measured = [costs.get(agent) for agent in agents]
    seconds = ["" if value is None else f"{value:,g}" for value in measured]
    return f"| [{method.name}](#{method.name}) | {unit} | {needs} | {_passes(method):,} | {' | '.join(seconds)} |"


def _method(method: Method) -> str:
    facts = {
        "unit of the values": str(method.unit),
        "needs": ", ".join(sorted(method.needs)) or "nothing",
        "passes through the network": f"{_passes(method):,} for each state",
        "most features or groups": f"{method.largest}" if method.largest else "any number",
        "axioms": ", ".join(sorted(method.axioms)) or "none",
    }
    table = "\n".join(f"| {key} | {value} |" for key, value in facts.items())
    settings = "".join(f", {key}={value!r}" for key, value in method.defaults.items())
    code = f'rltools.explain(recording, policy, method="{method.name}"{settings})'
    if len(code) > 88:
        lines = ["recording", "policy", f'method="{method.name}"', *settings.removeprefix(", ").split(", ")]
        code = "rltools.explain(\n" + "".join(f"    {line},\n" for line in lines) + ")"
    table = f"| | |\n|---|---|\n{table}\n"
    return f"## {method.name}\n\n{_docstring(method.function)}\n\n```python\n{code}\n```\n\n{table}"


def _docstring(function: Any) -> str:
    """The prose of a docstring: what it is and its source, without arguments and example."""
    paragraphs = inspect.cleandoc(function.__doc__ or "").split("\n\n")
    return "\n\n".join(p for p in paragraphs if not p.startswith(("Args:", "Returns:", "Raises:", "Example:", "  ")))


def plots() -> str:
    """A grid of all plots, each of which leads to its place in the gallery."""
    from rltools import plots

    chapters: dict[str, list[str]] = {}
    names = [name for name in plots.plot_names() if plots.find_plot(name).__module__.startswith("rltools.")]
    for name in sorted(names, key=lambda name: plots.plot_info(plots.find_plot(name)).sort_key):
        summary = (inspect.getdoc(plots.find_plot(name)) or "").split("\n", 1)[0]
        card = (
            f":::{{grid-item-card}}\n:link: ../gallery/README.html#{name}\n:link-type: url\n\n"
            + image(f"../gallery/{name}.png", summary, "only-light")
            + image(f"../gallery/{name}-dark.png", summary, "only-dark")
            + f"**{name}**\n\n{summary}\n:::\n"
        )
        chapters.setdefault(str(plots.plot_info(plots.find_plot(name)).chapter), []).append(card)
    parts = ["# Plots\n", "Every plot with its code is in [the gallery](../gallery/README.md).\n"]
    for chapter, cards in chapters.items():
        parts.append(f"## {chapter}\n\n::::{{grid}} 1 2 2 3\n:gutter: 3\n\n" + "\n".join(cards) + "::::\n")
    return "\n".join(parts)


def glossary() -> str:
    """The terms that pages, plots and the terminal use, in the order of the alphabet."""
    from rltools._util.glossary import ENDINGS, TERMS

    terms = {term.name.replace("{}", "...").strip(): term.meaning for term in (TERMS | ENDINGS).values()}
    terms |= MORE_TERMS
    rows = [f"{name}\n: {terms[name][:1].upper()}{terms[name][1:]}.\n" for name in sorted(terms, key=str.lower)]
    return "# Glossary\n\n" + "\n".join(rows)


def commands() -> str:
    """Every command by the panel of `rltools --help` that it is in, with its arguments, options and example."""
    import typer.main

    from rltools.cli.app import app_with_commands

    group = typer.main.get_command(app_with_commands())
    panels: dict[str, list[str]] = {}
    rows = []
    for name, command in sorted(group.commands.items()):
        panel = str(command.rich_help_panel)
        panels.setdefault(panel, []).append(_command(name, command))
        rows.append((list(panels).index(panel), f"| [{name}](#{name}) | {_plain(command.help).partition(NEXT)[0]} |"))
    table = "\n".join(["| command | what it does |", "|---|---|", *(row for _, row in sorted(rows))])
    introduction = "Begin with `rltools analyze`. `rltools COMMAND --help` says in a terminal what stands here."
    chapters = [f"## {panel}\n\n" + "\n".join(texts) for panel, texts in panels.items()]
    return "\n".join([f"# Commands\n\n{introduction}\n\n{table}\n", *chapters])


def _command(name: str, command: Any) -> str:
    from click import Context

    context = Context(command, info_name=f"rltools {name}")
    usage = " ".join(command.collect_usage_pieces(context))
    parts = [f"### {name}\n\n{_plain(command.help)}\n\n```\nrltools {name} {usage}\n```\n"]
    panels: dict[str, list[str]] = {}
    for parameter in command.get_params(context):
        if parameter.name != "help":
            panel = getattr(parameter, "rich_help_panel", None) or ""
            panels.setdefault(panel, []).append(_row(parameter))
    for panel, rows in panels.items():
        title = f"**{panel}**\n\n" if panel else ""
        parts.append(f"{title}| argument or option | meaning | default |\n|---|---|---|\n" + "\n".join(rows) + "\n")
    return "\n".join([*parts, f"{command.epilog}\n"] if command.epilog else parts)


def _plain(text: str | None) -> str:
    return inspect.cleandoc(text or "")


def _row(parameter: Any) -> str:
    is_option = parameter.param_type_name == "option"
    names = parameter.opts if is_option else [(parameter.metavar or parameter.name).upper()]
    typed = ", ".join(f"`{name}`" for name in names)
    default = parameter.show_default if isinstance(parameter.show_default, str) else parameter.default
    shown = "" if default is None or default is False or default == () else str(default)
    return f"| {' | '.join(cell.replace('|', BAR) for cell in (typed, parameter.help or '', shown))} |"
