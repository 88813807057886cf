"""Reads pickles without running anything: whatever a file names becomes an inert record.

No class of another library is imported, called or given state here. `decode` interprets the records afterwards, from
checked values.
"""

from __future__ import annotations

import hashlib
import io
import pickle
import re
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable
from typing import Any, ClassVar

from rltools.errors import ModelError, UnsafeFileError
from rltools.policies.untrusted.messages import how_to_trust, printable
from rltools.policies.untrusted.opcodes import MAX_NODES, names_in

MAX_DEPTH = 40
MOST_OPCODES = 200_000
"""Steps of a pickle of which any record is accepted: checkpoints also hold optimizers and logs."""

_MOVED = (("gym.", "gymnasium."), ("numpy._core.", "numpy.core."))

# Names that may become records. None of them is ever looked up.
_ALLOWED = re.compile(
    r"gymnasium\.spaces\.[a-z_]+\.[A-Z]\w+"
    r"|gymnasium\.utils\.seeding\.RandomNumberGenerator"
    r"|numpy\.(dtype|ndarray|bool_?|u?int(8|16|32|64)|float(16|32|64))"
    r"|numpy\.core\.(multiarray\.(_reconstruct|scalar)|numeric\._frombuffer)"
    r"|numpy\.random(\.\w+){1,3}"
    r"|torch\.device|torch\.\w*Storage|torch\._utils\._rebuild_(tensor_v2|parameter)"
    r"|torch\.nn\.modules\.activation\.[A-Z]\w*"
    r"|torch\.optim\.\w+\.[A-Z]\w*"
    r"|(stable_baselines3|sb3_contrib)(\.\w+){0,2}\.policies\.[A-Z]\w*"
    r"|stable_baselines3\.common\.torch_layers\.[A-Z]\w*"
    r"|stable_baselines3\.common\.running_mean_std\.RunningMeanStd"
    r"|stable_baselines3\.common\.vec_env\.vec_normalize\.VecNormalize"
)

# Names that no schedule, buffer, noise or optimizer needs. The list covers what is commonly abused; names it misses are
# never looked up either.
COMMANDS = re.compile(
    r"(os|posix|nt|subprocess|_posixsubprocess|pty|socket|shutil|ctypes|runpy|webbrowser|importlib|pip|timeit|pdb|bdb"
    r"|profile|cProfile|urllib\.request|http\.client)\..*"
    r"|(builtins|__builtin__)\.(eval|exec|execfile|compile|open|__import__|input|breakpoint|exit|quit)"
    r"|torch\.(load|serialization\.load|hub\..*)|numpy\.(load|fromfile|save\w*)|_?pickle\.loads?|marshal\.loads?"
)


class Record:
    """Something a pickle names: a subclass if it is only named, an instance if it is called.

    Attributes:
        qualified: its current qualified name.
        args: the arguments of the call.
        state: the state that was set afterwards.
    """

    qualified: ClassVar[str] = ""
    args: tuple[Any, ...]
    state: Any

    def __new__(cls, *args: Any) -> Record:
        """Keep the arguments of a call that is not made."""
        record = object.__new__(cls)
        record.args, record.state = args, None
        return record

    def __setstate__(self, state: Any) -> None:
        self.state = state

    def __call__(self, *args: Any) -> Record:
        """Calling the result of a call gives another record."""
        record = object.__new__(Record)
        record.args, record.state = (self, *args), None
        return record


class Loose(Record):
    """A record that may also be filled like a list or a dict, as a deque or a defaultdict is; its state is a dict."""

    state: Any

    def __setitem__(self, key: Any, value: Any) -> None:
        if self.state is None:
            self.state = {}
        if isinstance(self.state, dict):
            self.state[key] = value

    def append(self, value: Any) -> None:
        """Add an element under its number."""
        self[len(self.state or ())] = value


def unpickle(
    content: bytes,
    entry: str,
    where: str,
    sha256: str | None = None,
    leave_out: Callable[[Any], list[Any]] | None = None,
) -> Any:
    """Unpickle plain data and records.

    Args:
        content: the pickle.
        entry: the part of the file this is, for errors.
        where: the file, for errors.
        sha256: of the file, for errors; None if the pickle is the file.
        leave_out: removes parts that are not needed from the result and returns them; these may name anything but
            commands.

    Raises:
        UnsafeFileError: it names something that is not allowed; nothing has been run.
        ModelError: it is damaged, or expands far beyond its size.
    """

    def refuse(names: Iterable[str]) -> None:
        for name in names:
            raise UnsafeFileError(
                f"{where}: {entry} wants {printable(name)}, which a plain model does not need; it was NOT run. "
                + how_to_trust(sha256 or hashlib.sha256(content).hexdigest())
            )

    foreign: dict[str, None] = {}
    try:
        foreign = dict.fromkeys(name for name in names_in(content) if not _is_allowed(name))
        refuse(name for name in foreign if leave_out is None or COMMANDS.fullmatch(name))
        loaded = _Unpickler(io.BytesIO(content), set(foreign)).load()
        left_out = [] if leave_out is None else leave_out(loaded)
        _check_tree(loaded, 4 * len(content) + 2**20)
        if foreign:  # each of them must be in a part that is left out, and nowhere else
            refuse(sorted(name for name in _names_inside([loaded]) if name and not _is_allowed(name)))
            excused = _names_inside(left_out)
            refuse(name for name in foreign if name not in excused and name not in _BY_VALUE)
    except UnsafeFileError:
        raise
    # A damaged or hostile stream can make the unpickler fail in any of Python's ways.
    except Exception as error:
        refuse(foreign)
        raise ModelError(
            f"{where}: {entry} is damaged ({type(error).__name__}: {printable(error)}); save the model again"
        ) from error
    return loaded


def unpickle_as_records(content: bytes, entry: str, where: str, *, is_tree: bool = True) -> Any:
    """Unpickle plain data, where any name is allowed and becomes a record, unless it is one of `COMMANDS`.

    For files of which only arrays and plain values are used, whatever else is in them.

    Args:
        content: the pickle; what follows it is left alone.
        entry: the part of the file this is, for errors.
        where: the file, for errors.
        is_tree: False if objects in it may contain each other; the caller then looks at few of them, and no deeper than
            he knows them to be.

    Raises:
        UnsafeFileError: it names a command; nothing has been run.
        ModelError: it is damaged, or expands far beyond its size.
    """
    names: dict[str, None] = {}
    try:
        names = dict.fromkeys(names_in(content, iter(range(MOST_OPCODES))))
        loaded = None if any(map(COMMANDS.fullmatch, names)) else _Unpickler(io.BytesIO(content), names, Loose).load()
        if is_tree:
            _check_tree(loaded, 4 * len(content) + 2**20)
    # As in `unpickle`.
    except Exception as error:
        _refuse_commands(names, entry, where)
        raise ModelError(
            f"{where}: {entry} is damaged ({type(error).__name__}: {printable(error)}); save it again"
        ) from error
    _refuse_commands(names, entry, where)
    return loaded


def _refuse_commands(names: Iterable[str], entry: str, where: str) -> None:
    for name in filter(COMMANDS.fullmatch, names):
        raise UnsafeFileError(
            f"{where}: {entry} wants {printable(name)}, which no weights need; it was NOT run. Do not use this file, "
            f"or save the state dict of the network again: torch.save(network.state_dict(), PATH)"
        )


def current_name(name: str) -> str:
    """A qualified name as in the current versions of the libraries."""
    for old, new in _MOVED:
        if name.startswith(old):
            name = new + name.removeprefix(old)
    return name


def _is_allowed(name: str) -> bool:
    return name in _HARMLESS or _ALLOWED.fullmatch(current_name(name)) is not None


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: io.BytesIO, foreign: Collection[str], base: type[Record] = Record) -> None:
        super().__init__(file)
        self._foreign, self._base = foreign, base

    def persistent_load(self, pid: Any) -> Any:
        """The key of something stored outside the pickle: the numbers of a tensor, or the source of a class."""
        is_class = isinstance(pid, tuple) and len(pid) > 1 and pid[0] == "module"
        return pid[1] if is_class else pid

    def find_class(self, module: str, name: str) -> Any:
        """A record class in place of what the pickle names; never the class itself."""
        qualified = f"{module}.{name}"
        if qualified in _HARMLESS:
            return _HARMLESS[qualified]
        if qualified in self._foreign and qualified in _BY_VALUE:
            return _BY_VALUE[qualified]
        # The opcodes were checked before; this check is the one that protects.
        if qualified not in self._foreign and not _ALLOWED.fullmatch(current_name(qualified)):
            raise ValueError(f"{qualified} appears only when it is unpickled")
        return type(name, (self._base,), {"qualified": current_name(qualified)})


def _check_tree(loaded: Any, most_text: int) -> None:
    # A shared object counts once per reference, as it does for whatever copies, prints or compares it.
    nodes, text, waiting = 0, 0, [(loaded, 0)]
    while waiting:
        value, depth = waiting.pop()
        nodes += 1
        parts: list[Any] = []
        if isinstance(value, dict):
            parts = [*value.keys(), *value.values()]
        elif isinstance(value, (list, tuple, set, frozenset)):
            parts = list(value)
        elif isinstance(value, Record):
            parts = [value.args, value.state]
        elif isinstance(value, (str, bytes, bytearray)):
            text += len(value)
        if nodes + len(waiting) + len(parts) > MAX_NODES or text > most_text or depth > MAX_DEPTH:
            raise ValueError("it expands far beyond its size when it is read")
        waiting += [(part, depth + 1) for part in parts]


def _names_inside(things: Iterable[Any]) -> set[str]:
    """The names of all records reachable from things, which may contain each other cyclically."""
    names, visited, waiting = set(), set(), list(things)
    while waiting:
        thing = waiting.pop()
        if id(thing) in visited:
            continue
        visited.add(id(thing))
        if isinstance(thing, dict):
            waiting += [*thing.keys(), *thing.values()]
        elif isinstance(thing, (list, tuple, set, frozenset)):
            waiting += thing
        elif isinstance(thing, Record):
            names.add(thing.qualified)
            waiting += [type(thing), thing.args, thing.state]
        elif isinstance(thing, type) and issubclass(thing, Record):
            names.add(thing.qualified)
            waiting.append(vars(thing).get("parts"))
    return names


def _skeleton(*parts: Any) -> type[Record]:
    """A class that was pickled by value, as an inert record of its parts."""
    name = next((part for part in parts if isinstance(part, str)), "a class")
    return type("Pickled", (Record,), {"qualified": f"{name} with its own code", "parts": [parts]})


def _set_state(thing: Any, state: Any) -> Any:
    """Record the state of a class or a function that was pickled by value."""
    if isinstance(thing, type) and issubclass(thing, Record):
        vars(thing).get("parts", []).append(state)
    elif isinstance(thing, Record):
        thing.state = state
    return thing


def _encode(text: str, encoding: str) -> bytes:
    if encoding != "latin1":
        raise ValueError(f"bytes encoded as {encoding[:20]!r}")
    return text.encode("latin1")


_HARMLESS: dict[str, Callable[..., Any]] = {"collections.OrderedDict": OrderedDict, "_codecs.encode": _encode}
# How cloudpickle writes classes and functions of a script or a notebook: by value, with code that is never run.
_BY_VALUE: dict[str, Callable[..., Any]] = {
    "cloudpickle.cloudpickle._make_skeleton_class": _skeleton,
    "cloudpickle.cloudpickle._builtin_type": _skeleton,
    "cloudpickle.cloudpickle._class_setstate": _set_state,
    "cloudpickle.cloudpickle._function_setstate": _set_state,
}
