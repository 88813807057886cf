"""Pickles read without running anything: whatever a file names becomes an inert record that only remembers.

No class of another library is imported, called or given state here. What the records mean is decided afterwards, in
`_decode`, from checked values.
"""

from __future__ import annotations

import hashlib
import io
import pickle
import re
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable
from typing import Any, ClassVar

from rltools.errors import ModelError, UnsafeFileError, argument
from rltools.policies.sb3.archive._opcodes import MAX_NODES, names_in

MAX_DEPTH = 40

_MOVED = (("gym.", "gymnasium."), ("numpy._core.", "numpy.core."))

# Names that may be remembered. Remembering is all: none of them is ever looked up.
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

# What no schedule, buffer, noise or optimizer names. The list only has to know what is commonly abused: whatever it
# misses is never looked up either.
COMMANDS = re.compile(
    r"(os|posix|nt|subprocess|_posixsubprocess|pty|socket|shutil|ctypes|runpy|webbrowser|importlib|pip|timeit|pdb|bdb"
    r"|profile|cProfile|urllib\.request|http\.client)\..*"
    r"|(builtins|__builtin__)\.(eval|exec|execfile|compile|open|__import__|input|breakpoint|exit|quit)"
    r"|torch\.(load|hub\..*)|numpy\.(load|fromfile|save\w*)|_?pickle\.loads?|marshal\.loads?"
)


class Record:
    """Something a pickle names: the class itself where it was only named, an instance where it was called.

    Attributes:
        qualified: the name it goes by today.
        args: what it was called with.
        state: what it was given afterwards.
    """

    qualified: ClassVar[str] = ""
    args: tuple[Any, ...]
    state: Any

    def __new__(cls, *args: Any) -> Record:
        record = object.__new__(cls)
        record.args, record.state = args, None
        return record

    def __setstate__(self, state: Any) -> None:
        self.state = state

    def __call__(self, *args: Any) -> Record:
        """What a pickle calls, after something it called gave it: another record."""
        record = object.__new__(Record)
        record.args, record.state = (self, *args), None
        return record


def unpickle(
    content: bytes,
    entry: str,
    where: str,
    sha256: str | None = None,
    leave_out: Callable[[Any], list[Any]] | None = None,
) -> Any:
    """Plain data and records from a pickle.

    Args:
        content: the pickle.
        entry: which part of the file this is, for errors.
        where: the file, for errors.
        sha256: of the file, for errors; None where the pickle is the whole file.
        leave_out: takes parts that are not needed out of the whole and returns them; these may hold whatever they like
            but commands.

    Raises:
        UnsafeFileError: it names something that is not on the list; nothing has been run.
        ModelError: it is damaged, or larger than what it stands for.
    """

    def refuse(names: Iterable[str]) -> None:
        for name in names:
            raise UnsafeFileError(
                f"{where}: {entry} wants {shown(name)}, which a plain model does not need; it was NOT run. "
                + how_to_trust(sha256 or hashlib.sha256(content).hexdigest())
            )

    foreign: dict[str, None] = {}
    try:
        foreign = dict.fromkeys(name for name in names_in(content) if not _is_known(name))
        refuse(name for name in foreign if leave_out is None or COMMANDS.fullmatch(name))
        loaded = _Unpickler(io.BytesIO(content), set(foreign)).load()
        left_out = [] if leave_out is None else leave_out(loaded)
        _check_tree(loaded, 4 * len(content) + 2**20)
        if foreign:  # every one of them must lie in what is left out, and nowhere else
            refuse(sorted(name for name in _names_inside([loaded]) if name and not _is_known(name)))
            excused = _names_inside(left_out)
            refuse(name for name in foreign if name not in excused and name not in _BY_VALUE)
    except UnsafeFileError:
        raise
    # A damaged or hostile stream can make the unpickler fail in any of Python's ways.
    except Exception as error:
        refuse(foreign)
        raise ModelError(
            f"{where}: {entry} is damaged ({type(error).__name__}: {shown(error)}); save the model again"
        ) from error
    return loaded


def today(name: str) -> str:
    """The name that something goes by in today's libraries."""
    for old, new in _MOVED:
        if name.startswith(old):
            name = new + name.removeprefix(old)
    return name


def shown(said: object) -> str:
    """What a file says, fit to be printed: short, on one line, and nothing a terminal would obey."""
    text = str(said)
    return ascii(text[:300])[1:-1] + ("..." if len(text) > 300 else "")


def _is_known(name: str) -> bool:
    return name in _HARMLESS or _ALLOWED.fullmatch(today(name)) is not None


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: io.BytesIO, foreign: Collection[str]) -> None:
        super().__init__(file)
        self._foreign = foreign

    def persistent_load(self, pid: Any) -> Any:
        """What lies outside of the pickle, by its name: the numbers of tensors."""
        return pid

    def find_class(self, module: str, name: str) -> Any:
        """A stand-in for what the pickle asks for; never the thing itself."""
        asked = f"{module}.{name}"
        if asked in _HARMLESS:
            return _HARMLESS[asked]
        if asked in self._foreign and asked in _BY_VALUE:
            return _BY_VALUE[asked]
        # It was read from the opcodes already; this is the lock itself.
        if asked not in self._foreign and not _ALLOWED.fullmatch(today(asked)):
            raise ValueError(f"{asked} appears only when it is unpickled")
        return type(name, (Record,), {"qualified": today(asked)})


def _check_tree(loaded: Any, most_text: int) -> None:
    # An object in several places is counted in each: whoever copies, prints or compares it goes there every time.
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
            raise ValueError("it grows far beyond its size when it is read")
        waiting += [(part, depth + 1) for part in parts]


def _names_inside(things: Iterable[Any]) -> set[str]:
    """The names of the records in things that may contain each other, in circles too."""
    names, seen, waiting = set(), set(), list(things)
    while waiting:
        thing = waiting.pop()
        if id(thing) in seen:
            continue
        seen.add(id(thing))
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
    """A class that was pickled with its code, as an inert one that only remembers what it was made of."""
    named = next((part for part in parts if isinstance(part, str)), "a class")
    return type("Pickled", (Record,), {"qualified": f"{named} with its own code", "parts": [parts]})


def _filled(thing: Any, state: Any) -> Any:
    """A class or a function that was pickled with its code, which is told what it consists of."""
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
# How cloudpickle writes classes and functions of a script or a notebook: with all of their code, which is never run.
_BY_VALUE: dict[str, Callable[..., Any]] = {
    "cloudpickle.cloudpickle._make_skeleton_class": _skeleton,
    "cloudpickle.cloudpickle._builtin_type": _skeleton,
    "cloudpickle.cloudpickle._class_setstate": _filled,
    "cloudpickle.cloudpickle._function_setstate": _filled,
}


def how_to_trust(sha256: str) -> str:
    """The way to load exactly one file by its own library; the last sentence of a refusal.

    Args:
        sha256: of the file that was refused.
    """
    return (
        f"If you know who made this file and trust it to run code on this machine, load exactly it with "
        f"{argument('trust', repr(sha256))}"
    )
