"""What draws in a process of its own: `python -m rltools.rollout._render_child FOLDER NUMBER,NUMBER MODULE ...`."""

from __future__ import annotations

import os
import stat
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from rltools._util.files import remove_unfinished
from rltools.envs import import_modules, spec_from_json
from rltools.errors import RltoolsError, SimulationError
from rltools.recording import open_recording
from rltools.rollout.render import draw_episode, drawing_in
from rltools.rollout.render_process import DREW, FAILED, NOT_KNOWN


def main(arguments: Sequence[str]) -> int:
    """Draw the episodes, and print how many steps were drawn since the last time; returns the exit code."""
    _end_with_parent()
    folder, numbers, *modules = arguments
    recording = open_recording(Path(folder))
    try:
        import_modules(modules)
        env = spec_from_json(recording.header.environment, allowed_modules=modules)
    except SimulationError:
        return NOT_KNOWN
    try:
        with drawing_in(recording.directory):
            for number in map(int, numbers.split(",")):
                draw_episode(recording, number, env, lambda steps: print(f"{DREW}{steps}", flush=True))
    except RltoolsError as error:
        print(f"{FAILED}{' '.join(str(error).split())}", flush=True)
        return 1
    return 0


def _end_with_parent() -> None:
    """End when the process that began this one does, however it ends: nobody would wait for the frames any more.

    Its end closes the pipe that is the standard input here.
    """
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
