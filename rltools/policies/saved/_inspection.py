"""What `rltools inspect` shows of a file or a folder of weights."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from rltools._util.text import plural
from rltools.policies.saved.chains import CONVOLUTION, Chain, find_chains, find_layers
from rltools.policies.saved.contents import read_contents
from rltools.policies.saved.layout import is_fallback, layouts, recognized
from rltools.policies.saved.layouts.plain import says_what_it_returns
from rltools.policies.saved.rebuilt import Contents

MOST_NETWORKS, MOST_LISTED, LONGEST = 12, 12, 60
"""Networks, keys and values, and characters of each of these, that are shown."""
NO_NETWORK = "there are no layers in it: not a network"
_LEFT_TO_OPTIMIZERS = ("exp_avg", "exp_avg_sq", "momentum_buffer", "max_exp_avg_sq", "square_avg", "step")


def rows(path: Path) -> list[tuple[str, str]]:
    """Rows of a term and a text about weights: which library's, what they hold, and how to load them.

    Raises:
        ModelError: damaged.
        UnsafeFileError: it would run code or exhaust the machine; nothing was run.
    """
    contents = read_contents(path)
    chains, names = find_chains(contents.tensors), recognized(contents)
    trained = [key for key in find_layers(contents.tensors)[1] if key.rpartition(".")[2] in _LEFT_TO_OPTIMIZERS]
    others = [key for key in find_layers(contents.tensors)[1] if key not in set(trained)]
    count = sum(tensor.numel() for layer in _layers(chains) for tensor in layer)
    count = count or sum(tensor.numel() for tensor in contents.tensors.values())  # layers by other names than torch's
    tensors = [f"{key} {list(contents.tensors[key].shape)}" for key in others]
    outer_first = sorted(contents.values, key=lambda key: key.count("."))
    values = [f"{key}={contents.values[key]}" for key in outer_first]
    optional = {
        "environment": _printable(contents.environment or ""),
        "other tensors": _listed(tensors),
        "optimizer": f"{plural(len(trained), 'tensor')}, not needed" if trained else "",
        "values": _listed(values),
        "not read": _listed(contents.left_out),
    }
    return [
        ("weights", f"{_printable(str(path), 400)} ({contents.format})"),
        ("sha256", contents.sha256),
        ("library", _library(contents, names)),
        *(("network", _printable(str(chain), 400)) for chain in chains[:MOST_NETWORKS]),
        *([("network", f"and {len(chains) - MOST_NETWORKS} more")] if len(chains) > MOST_NETWORKS else []),
        ("parameters", f"{count:,}"),
        *((term, text) for term, text in optional.items() if text),
        ("load it", _command(contents, names, chains) if chains or names else NO_NETWORK),
    ]


def _layers(chains: Iterable[Chain]) -> list[list[Any]]:
    return [list(layer.tensors.values()) for chain in chains for layer in chain.layers]


def _library(contents: Contents, names: Sequence[str]) -> str:
    """Of which library a file seems to be."""
    own = [name for name in names if not is_fallback(name)]
    if not own:
        return "none whose layout is known; a network of one's own"
    described = [f"{layouts()[name].CARD.title} (layout {name})" for name in own]
    return described[0] if len(own) == 1 else f"one of {', '.join(described)}"


def _command(contents: Contents, names: Sequence[str], chains: Sequence[Chain]) -> str:
    """The command that loads a file, with capitals in place of what only the user knows."""
    words = ["rltools", "analyze", shlex.quote(_printable(str(contents.path), 400))]
    if contents.environment is None:
        words += ["--env", "ID"]
    if len(names) > 1:
        words += ["--layout", names[0]]
    card = layouts()[names[0]].CARD if names else None
    if card is None or (card.activation is None and not card.by_network and not contents.values.get("activation")):
        words += ["--activation", "NAME"]
    if (not names or is_fallback(names[0])) and not says_what_it_returns(contents):
        words += ["--head", "HEAD"]
    convolutions = max((sum(layer.kind == CONVOLUTION for layer in chain.layers) for chain in chains), default=0)
    if convolutions and (not names or is_fallback(names[0])):
        words += ["--strides", ",".join("N" * convolutions)]
    return " ".join(words)


def _listed(texts: Sequence[str]) -> str:
    listed = ", ".join(_printable(text) for text in texts[:MOST_LISTED])
    return listed + (f" and {len(texts) - MOST_LISTED} more" if len(texts) > MOST_LISTED else "")


def _printable(text: str, longest: int = LONGEST) -> str:
    """A text from a file in one line of limited length."""
    plain = ascii(" ".join(text[: longest + 1].split()))[1:-1].replace("\\\\", "\\")
    return plain if len(text) <= longest else f"{plain[:longest]}..."
