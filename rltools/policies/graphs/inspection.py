"""What `rltools inspect` shows of a graph."""

from __future__ import annotations

from collections import Counter

from rltools.policies.graphs.graph import Dialect, Graph, parameters_in
from rltools.policies.graphs.ports import listed
from rltools.policies.untrusted.messages import printable

MAX_OPERATORS = 40


def rows(graph: Graph, dialect: Dialect) -> list[tuple[str, str]]:
    """Rows of a term and a text about a graph: what goes in, what comes out, and what is in it; nothing is computed."""
    counts = Counter(node.operator for node in graph.nodes).most_common()
    operators = [
        f"{printable(name)} {count}" if count > 1 else printable(name) for name, count in counts[:MAX_OPERATORS]
    ]
    more = [f"and {len(counts) - MAX_OPERATORS} more"] if len(counts) > MAX_OPERATORS else []
    unsupported = sorted(printable(name) for name, _ in counts if name not in dialect.operators)[:MAX_OPERATORS]
    return [
        ("network", f"{dialect.title}{f', written by {graph.made_by}' if graph.made_by else ''}"),
        ("inputs", listed(graph.inputs)),
        ("outputs", listed(graph.outputs)),
        ("parameters", f"{parameters_in(graph):,}"),
        ("operators", ", ".join([*operators, *more]) or "none"),
        *([("not supported", ", ".join(unsupported))] if unsupported else []),
        ("sha256", graph.sha256),
    ]
