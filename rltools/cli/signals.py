"""Ctrl-C and the like: whatever runs ends soon, with nothing half done left behind."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from types import FrameType

GRACE = 1.5
"""Seconds that a command has to end by itself; some work in C does not look up before it is done."""
_NAMES = {"SIGINT": "interrupted", "SIGTERM": "terminated", "SIGHUP": "hung up on"}
_SHOW_CURSOR = "\x1b[?25h"


class Ended(KeyboardInterrupt):
    """The process was asked to end by another signal than that of Ctrl-C."""


@dataclass
class Ending:
    """Whether the process was asked to end.

    Attributes:
        number: of the first signal that asked; 0 for none.
        message: in one line, what to say of it.
        exit_code: as shells expect it.
    """

    number: int = 0
    _timer: threading.Timer | None = None
    _done: threading.Lock = field(default_factory=threading.Lock)

    @property
    def message(self) -> str:
        """What to say."""
        how = _NAMES[signal.Signals(self.number or signal.SIGINT).name]
        return f"{how}; every finished episode is saved, and the same command carries on from there"

    @property
    def exit_code(self) -> int:
        """128 and the signal's number."""
        return 128 + (self.number or signal.SIGINT)

    def ask(self, number: int, frame: FrameType | None) -> None:
        """What a signal does: raise an exception now, and end the process if that does not. A second one ends it now.

        Raises:
            KeyboardInterrupt: always.
        """
        if self.number:
            self.end_now()
        self.number = number
        # What is torn down by the exception has nothing more to say.
        sys.unraisablehook = lambda _: None
        threading.excepthook = lambda _: None
        self._timer = threading.Timer(GRACE, self.end_now)
        self._timer.daemon = True
        self._timer.start()
        raise KeyboardInterrupt if number == signal.SIGINT else Ended

    def end_now(self) -> None:
        """End the process without waiting for anything, its unfinished files removed."""
        self._done.acquire()
        # Only where files were written at all.
        files = sys.modules.get("rltools._util.files")
        if files is not None:
            files.remove_unfinished()
        with suppress(OSError, ValueError, AttributeError):
            shown = _SHOW_CURSOR if sys.stderr.isatty() else ""
            os.write(2, f"{shown}rltools: {self.message}\n".encode())
        os._exit(self.exit_code)

    def settle(self) -> None:
        """The command has ended by itself."""
        if self._timer is not None:
            self._timer.cancel()


@contextmanager
def heard() -> Iterator[Ending]:
    """Signals that ask the process to end raise KeyboardInterrupt in the block; those that are ignored stay so."""
    ending = Ending()
    before = {}
    hooks = sys.unraisablehook, threading.excepthook
    if threading.current_thread() is threading.main_thread():
        for name in _NAMES:
            number = getattr(signal, name, None)
            if number is not None and signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler):
                before[number] = signal.signal(number, ending.ask)
    try:
        yield ending
    finally:
        ending.settle()
        for number, handler in before.items():
            signal.signal(number, handler)
        sys.unraisablehook, threading.excepthook = hooks
