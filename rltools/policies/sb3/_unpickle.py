"""Pickles read without running anything: whatever a file names becomes an inert record that only remembers.

No class of another library is imported, called or given state here. What the records mean is decided afterwards, in
`_decode`, from checked values.
"""

from __future__ import annotations

import io
import pickle
import pickletools
import re
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, ClassVar

from rltools.errors import ModelError, UnsafeFileError

_MOVED = (("gym.", "gymnasium."), ("numpy._core.", "numpy.core."))

# Names that may be remembered. Remembering is all: none of them is ever looked up.
_ALLOWED = re.compile(
    r"gymnasium\.spaces\.[a-z_]+\.[A-Z]\w+"
    r"|gymnasium\.utils\.seeding\.RandomNumberGenerator"
    r"|numpy\.(dtype|ndarray|bool_?|u?int(8|16|32|64)|float(16|32|64))"
    r"|numpy\.core\.(multiarray\.(_reconstruct|scalar)|numeric\._frombuffer)"
    r"|numpy\.random(\.\w+){1,3}"
    r"|torch\.device"
    r"|torch\.nn\.modules\.activation\.[A-Z]\w*"
    r"|torch\.optim\.\w+\.[A-Z]\w*"
    r"|(stable_baselines3|sb3_contrib)(\.\w+){0,2}\.policies\.[A-Z]\w*"
    r"|stable_baselines3\.common\.torch_layers\.[A-Z]\w*"
    r"|stable_baselines3\.common\.running_mean_std\.RunningMeanStd"
    r"|stable_baselines3\.common\.vec_env\.vec_normalize\.VecNormalize"
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


def unpickle(content: bytes, entry: str, where: str) -> Any:
    """Plain data and records from a pickle.

    Args:
        content: the pickle.
        entry: which part of the file this is, for errors.
        where: the file, for errors.

    Raises:
        UnsafeFileError: it names something that is not on the list; nothing has been run.
        ModelError: it is damaged.
    """
    try:
        _check_opcodes(content)
        return _Unpickler(io.BytesIO(content), entry, where).load()
    except UnsafeFileError:
        raise
    # A damaged or hostile stream can make the unpickler fail in any of Python's ways.
    except Exception as error:
        raise ModelError(
            f"{where}: {entry} is damaged ({type(error).__name__}: {error}); save the model again"
        ) from error


def _check_opcodes(content: bytes) -> None:
    # The memo is an array in the C unpickler: one opcode with a huge index would claim gigabytes.
    for opcode, argument, _ in pickletools.genops(content):
        if opcode.name in ("PUT", "BINPUT", "LONG_BINPUT") and int(argument or 0) > len(content):
            raise ValueError(f"memo index {argument}")


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: io.BytesIO, entry: str, where: str) -> None:
        super().__init__(file)
        self._entry, self._where = entry, where

    def find_class(self, module: str, name: str) -> Any:
        """A stand-in for what the pickle asks for; never the thing itself."""
        asked = f"{module}.{name}"
        for old, new in _MOVED:
            asked = new + asked.removeprefix(old) if asked.startswith(old) else asked
        if asked in _HARMLESS:
            return _HARMLESS[asked]
        if not _ALLOWED.fullmatch(asked):
            raise UnsafeFileError(
                f"{self._where}: {self._entry} wants {module}.{name}, which a plain model does not need; it was NOT "
                f"run. If you trust this file, load the model yourself and give that: load_policy(PPO.load(...))"
            )
        return type(name, (Record,), {"qualified": asked})


def _encode(text: str, encoding: str) -> bytes:
    if encoding != "latin1":
        raise ValueError(f"bytes encoded as {encoding[:20]!r}")
    return text.encode("latin1")


_HARMLESS: dict[str, Callable[..., Any]] = {"collections.OrderedDict": OrderedDict, "_codecs.encode": _encode}
