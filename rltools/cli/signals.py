"""Handles Ctrl-C and similar signals: the command ends soon and leaves no unfinished file behind."""

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
"""Seconds that a command has to end by itself; C code sees an exception only when it returns."""
_NAMES = {"SIGINT": "interrupted", "SIGTERM": "terminated", "SIGHUP": "hung up on"}
_SHOW_CURSOR = "\x1b[?25h"


class Terminated(KeyboardInterrupt):
    """A signal other than that of Ctrl-C requested the end of the process."""


@dataclass
class EndRequest:
    """The signal that requested the end of the process, if any.

    Attributes:
        number: the number of the first signal; 0 if none has arrived.
        message: one line for the user.
        exit_code: the exit code that shells expect.
    """

    number: int = 0
    _timer: threading.Timer | None = None
    _done: threading.Lock = field(default_factory=threading.Lock)

    @property
    def message(self) -> str:
        """One line for the user."""
        how = _NAMES[signal.Signals(self.number or signal.SIGINT).name]
        return f"{how}; what was saved is kept, and the same command continues from there"

    @property
    def exit_code(self) -> int:
        """128 and the signal's number."""
        return 128 + (self.number or signal.SIGINT)

    def receive(self, number: int, frame: FrameType | None) -> None:
        """Raise an exception for a signal, and end the process if that does not; a second signal ends it immediately.

        Raises:
            KeyboardInterrupt: always.
        """
        if self.number:
            self.end_now()
        self.number = number
        # Objects that the exception tears down must not print anything more.
        sys.unraisablehook = lambda _: None
        threading.excepthook = lambda _: None
        self._timer = threading.Timer(GRACE, self.end_now)
        self._timer.daemon = True
        self._timer.start()
        raise KeyboardInterrupt if number == signal.SIGINT else Terminated

    def end_now(self) -> None:
        """Remove unfinished files, give cells back and end the process without waiting for anything."""
        self._done.acquire()
        # Only if files were written at all, and cells of an experiment begun.
        files = sys.modules.get("rltools._util.files")
        if files is not None:
            files.remove_unfinished()
        claims = sys.modules.get("rltools.experiments.claims")
        if claims is not None:
            claims.give_back_held()
        with suppress(OSError, ValueError, AttributeError):
            cursor = _SHOW_CURSOR if sys.stderr.isatty() else ""
            os.write(2, f"{cursor}rltools: {self.message}\n".encode())
        os._exit(self.exit_code)

    def cancel(self) -> None:
        """Stop the timer: the command has ended by itself."""
        if self._timer is not None:
            self._timer.cancel()


@contextmanager
def catch_signals() -> Iterator[EndRequest]:
    """Let signals that end the process raise KeyboardInterrupt in the block; ignored signals stay ignored."""
    request = EndRequest()
    before = {}
    hooks = sys.unraisablehook, threading.excepthook
    if threading.current_thread() is threading.main_thread():
        for name in _NAMES:
            number = getattr(signal, name, None)
            if number is not None and signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler):
                before[number] = signal.signal(number, request.receive)
    try:
        yield request
    finally:
        request.cancel()
        for number, handler in before.items():
            signal.signal(number, handler)
        sys.unraisablehook, threading.excepthook = hooks
