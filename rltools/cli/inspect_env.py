"""The tables of `rltools inspect ENV`: observations and actions of an environment, and where each name is from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rltools.cli.screen import bold, table, terms, wrapped

if TYPE_CHECKING:
    from rltools.envs import Environment
    from rltools.policies.env_elements import ObservedElement

MOST_ROWS = 400
"""The most elements that are listed."""
MOST_VALUES = 8
"""The most values of a choice that are named."""


def env_lines(env: Environment) -> list[str]:
    """The lines about an environment.

    Raises:
        SimulationError: it cannot be made.
    """
    from rltools.envs.names import origin_lines
    from rltools.policies.env_elements import action_elements, kind_of_actions, observed_elements
    from rltools.policies.env_info import inspect_env

    env_info = inspect_env(env)
    features = env_info.features
    assert features is not None
    rows = [("environment", env_info.name)]
    if env_info.spec is not None and env_info.spec.kwargs:
        rows.append(("arguments", ", ".join(f"{name}={value}" for name, value in env_info.spec.kwargs.items())))
    rows += [("note", note) for note in env_info.notes]
    elements = observed_elements(env_info)
    lines = [*terms(rows), "", *bold(["Observation"]), *_observation(elements)]
    lines += [line for text in origin_lines(features) for line in wrapped(text, "  ", "    ")]
    actions = action_elements(env_info)
    named = any(action.name for action in actions)
    lines += ["", *bold([f"Actions: {kind_of_actions(env_info.action_space)}"])]
    listed = [
        (str(action.position), action.name or "(no name)", _range(action.range))
        for action in actions[:MOST_ROWS]
        if named or action.range != (None, None)
    ]
    lines += table(listed, right=(0,)) if listed else []
    lines += _more(len(actions) if listed else 0)
    origin = f"named by {env_info.action_origin}" if env_info.action_origin else "numbered: nothing names them"
    return [*lines, *wrapped(origin, "  ", "    ")]


def _observation(elements: list[ObservedElement]) -> list[str]:
    """The table, with columns for what any element has."""
    grouped = any(element.group for element in elements)
    several = len({element.origin for element in elements}) > 1
    header = ["position", "name", "unit", "range", *(["group"] if grouped else []), *(["named by"] if several else [])]
    rows = [header]
    for element in elements[:MOST_ROWS]:
        row = [element.positions, _name(element), element.unit, _range(element.range)]
        rows.append([*row, *([element.group] if grouped else []), *([element.origin or "-"] if several else [])])
    if not any(element.unit for element in elements):
        rows = [[*row[:2], *row[3:]] for row in rows]
    return [*table(rows, right=(0,)), *_more(len(elements))]


def _name(element: ObservedElement) -> str:
    if element.factors:
        factors = ", ".join(f"{name} ({len(values)})" for name, values in element.factors)
        return f"{element.name}: a choice that combines {factors}"
    if element.kind == "choice":
        first = ", ".join(element.values[:MOST_VALUES])
        more = f", ... {len(element.values)} in all" if len(element.values) > MOST_VALUES else ""
        return f"{element.name}: a choice of {first}{more}"
    if element.kind == "image":
        axes = " x ".join(f"{name} {size}" for name, size in zip(element.dims, element.shape, strict=True))
        held = f" ({', '.join(element.channels)})" if element.channels else ""
        return f"{element.name}: an image, {axes}{held}"
    return f"{element.name}: a text, which is recorded and not explained" if element.kind == "text" else element.name


def _range(ends: tuple[float | None, float | None]) -> str:
    low, high = ends
    if low is None and high is None:
        return ""
    if low is None or high is None:
        return f"up to {high:g}" if low is None else f"from {low:g}"
    return f"{low:g} to {high:g}"


def _more(count: int) -> list[str]:
    return [f"  and {count - MOST_ROWS} more"] if count > MOST_ROWS else []
