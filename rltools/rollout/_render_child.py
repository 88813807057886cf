"""The process that renders frames: `python -m rltools.rollout._render_child FOLDER NUMBER,NUMBER MODULE ...`."""

from __future__ import annotations

import os
import stat
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from rltools._util.files import remove_unfinished
from rltools.envs import import_modules, spec_from_json
from rltools.errors import FaultError, RltoolsError, SimulationError
from rltools.recording import open_recording
from rltools.rollout.render import draw_here
from rltools.rollout.render_process import DREW, FAILED, OTHER_COURSE, UNKNOWN


def main(arguments: Sequence[str]) -> int:
    """Render the episodes, and print how many steps were rendered since the last line; returns the exit code."""
    _end_with_parent()
    folder, numbers, *modules = arguments
    recording = open_recording(Path(folder))
    try:
        import_modules(modules)
        env = spec_from_json(recording.header.environment, allowed_modules=modules)
    except SimulationError:
        return UNKNOWN
    try:
        episodes = list(map(int, numbers.split(",")))
        draw_here(recording, episodes, env, lambda steps: print(f"{DREW}{steps}", flush=True))
    except RltoolsError as error:
        print(f"{FAILED}{' '.join(str(error).split())}", flush=True)
        return OTHER_COURSE if isinstance(error, FaultError) else 1
    return 0


def _end_with_parent() -> None:
    """End with the parent process, however it ends: its end closes the pipe that is this process's standard input."""
    if not stat.S_ISFIFO(os.fstat(0).st_mode):
        return
    pipe = os.dup(0)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)

    def watch() -> None:
        while os.read(pipe, 1):
            pass
        remove_unfinished()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
