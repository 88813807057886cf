"""What draws in a process of its own: `python -m rltools.replaying._child FOLDER NUMBER,NUMBER MODULE ...`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from rltools.environments import import_modules, spec_from_json
from rltools.errors import RltoolsError, SimulationError
from rltools.recording import open_recording
from rltools.replaying._drawing import draw_episode, drawing_in
from rltools.replaying._process import DREW, FAILED, NOT_KNOWN


def main(arguments: Sequence[str]) -> int:
    """Draw the episodes, and print how many steps were drawn since the last time; returns the exit code."""
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


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
