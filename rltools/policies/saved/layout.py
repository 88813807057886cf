"""The layouts in which libraries save their networks, and which of them a file has."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Protocol, cast

from rltools._util.discovery import modules_in, unknown_name
from rltools._util.text import plural
from rltools.errors import ArgumentError, ModelError, argument
from rltools.policies.saved.chains import find_chains
from rltools.policies.saved.rebuilt import Contents, Rebuilt, Wanted

PLACE = "rltools.policies.saved.layouts"
_MOST_CHAINS = 8
# Keys that are in a file without layers, what it holds, and the next step.
_WITHOUT_LAYERS = (
    ({"timesteps", "results"}, "the returns that EvalCallback measured", "give best_model.zip beside it"),
    ({"mean", "var"}, "statistics of observations", f"give the model, and these as {argument('normalize', 'PATH')}"),
    ({"param_groups"}, "the state of an optimizer", "give the file of the weights, policy.pth in a model's .zip"),
    ({"obs", "actions"}, "recorded steps", "give the file of the policy that made them"),
    ({"observations", "actions"}, "recorded steps", "give the file of the policy that made them"),
)


@dataclass(frozen=True)
class LayoutCard:
    """How a library saves its networks.

    Attributes:
        title: of the library, for people.
        files: what the file holds and the form of its keys, in a sentence.
        activation: the function between layers unless the caller says otherwise; None if the library has no default.
        source: where the layout is documented or can be read, an address.
        versions: what it was tried with.
        by_network: whether the function differs by the network, and `rebuild` knows it; see `Rebuilt.activation`.
    """

    title: str
    files: str
    activation: str | None
    source: str
    versions: str
    by_network: bool = False


class Layout(Protocol):
    """The members of a module in `layouts/`.

    One that takes what no other recognizes says so with `FALLBACK = True`.
    """

    CARD: LayoutCard

    def recognizes(self, contents: Contents) -> bool:
        """Whether the keys and shapes are those of this layout."""
        ...

    def rebuild(self, contents: Contents, wanted: Wanted) -> Rebuilt:
        """The network."""
        ...


@cache
def layouts() -> dict[str, Layout]:
    """Every layout by its name, that of its file.

    Example:
        >>> from rltools.policies.saved.layout import layouts
        >>> layouts()["plain"].CARD.title
        'PyTorch'
    """
    names = [name for name in modules_in(PLACE) if not name.startswith("_")]
    return {name: cast("Layout", import_module(f"{PLACE}.{name}")) for name in names}


def recognized(contents: Contents) -> list[str]:
    """The names of the layouts that a file may have, those for what no other recognizes last."""
    found_in = [name for name, layout in layouts().items() if layout.recognizes(contents)]
    own = [name for name in found_in if not is_fallback(name)]
    return own or found_in


def _other(contents: Contents) -> str:
    """What a file without layers holds, and the next step."""
    keys = {key.partition(".")[0] for key in (*contents.tensors, *contents.values)}
    for names, kind, advice in _WITHOUT_LAYERS:
        if names <= keys:
            return f"it holds {kind}; {advice}"
    listed = ", ".join(ascii(key[:40]) for key in sorted(keys - {""})[:6]) or "nothing with a name"
    return f"{chains_text(contents)}, and it holds {listed}; give the file of a network's weights"


def is_fallback(name: str) -> bool:
    """Whether a layout takes what no other recognizes."""
    return bool(getattr(layouts()[name], "FALLBACK", False))


def find_layout(contents: Contents, name: str | None) -> str:
    """The name of the layout of a file; `name` if the caller says which.

    Raises:
        UnknownNameError: there is no such layout.
        ModelError: no layout recognizes the file; the message has its chains of layers.
        ArgumentError: several recognize it.
    """
    if name is not None:
        if name not in layouts():
            raise unknown_name("layout", name, layouts())
        return name
    names = recognized(contents)
    if not names:
        raise ModelError(
            f"{contents.path} ({contents.format}) holds no network that can be rebuilt: {_other(contents)}"
        )
    if len(names) > 1:
        titles = ", ".join(f"{name} ({layouts()[name].CARD.title})" for name in names)
        raise ArgumentError(
            f"{contents.path} may have been saved in the layout of {titles}; give one as "
            f"{argument('layout', repr(names[0]))}"
        )
    return names[0]


def activation_for(card: LayoutCard, wanted: Wanted) -> str:
    """The name of the function between layers: the caller's, else the layout's default.

    Raises:
        ArgumentError: neither says one; it is never guessed.
    """
    activation = wanted.activation or card.activation
    if activation is None:
        raise ArgumentError(
            f"no file of {card.title} says which function stands between its layers, and it is not guessed; give it as "
            f"{argument('activation', repr('tanh'))}, {argument('activation', repr('relu'))}, ..., as the network was "
            f"trained"
        )
    return activation


def chains_text(contents: Contents) -> str:
    """The chains of layers in a file, for a message."""
    chains = [str(chain) for chain in find_chains(contents.tensors)]
    more = f"; and {len(chains) - _MOST_CHAINS} more" if len(chains) > _MOST_CHAINS else ""
    if chains:
        return "; ".join(chains[:_MOST_CHAINS]) + more
    return f"no layers among its {plural(len(contents.tensors), 'tensor')}"
