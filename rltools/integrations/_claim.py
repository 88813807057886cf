"""One training for each folder of checkpoints, as long as the training runs."""

from __future__ import annotations

import sys
import threading
import weakref
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from rltools.errors import ConflictError
from rltools.recording._lock import sole_writer


class FolderClaim:
    """Holds a folder for a training from its start to its end.

    Nothing tells a callback that its training ended by an exception. A claim of such a training gives way to the next
    one that wants the folder; that of a training that still runs does not.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._held = ExitStack()
        self._thread = 0
        self._call: Any = None
        self._model: Any = None

    def begin(self, model: Any, call: Any) -> None:
        """Claim the folder for a training.

        Args:
            model: that learns.
            call: the local variables of its `learn`, which all callbacks of one training share.

        Raises:
            ConflictError: another training that runs has it, in this process or in another.
            RecordingError: the folder cannot be written to.
        """
        self._held.close()
        try:
            self._held.enter_context(sole_writer(self._directory))
        except ConflictError:
            over = [claim for claim in list(_CLAIMS) if claim._directory.samefile(self._directory)]
            if not over or any(claim._runs(call, model) for claim in over):
                raise
            for claim in over:
                claim.end()
            self._held.enter_context(sole_writer(self._directory))
        self._thread, self._call, self._model = threading.get_ident(), call, weakref.ref(model)
        _CLAIMS.add(self)

    def end(self) -> None:
        """Give the folder back.

        Raises:
            RecordingError: it is not there any more.
        """
        _CLAIMS.discard(self)
        self._call = None
        self._held.close()

    def _runs(self, call: Any, model: Any) -> bool:
        """Whether the training has not ended yet, as far as another one, which begins in this thread, can tell."""
        if self._call is call:
            return True
        if self._thread != threading.get_ident():
            return any(thread.ident == self._thread for thread in threading.enumerate())
        mine, frame = self._model(), sys._getframe()
        while mine is not model and (outer := frame.f_back) is not None:
            frame = outer
            if frame.f_code.co_name == "learn" and frame.f_locals.get("self") is mine:
                return True
        return False


_CLAIMS: weakref.WeakSet[FolderClaim] = weakref.WeakSet()
