"""Rendering frames in a child process, whose crash does not end this one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from rltools.errors import FaultError, SimulationError

DREW = "rltools drew steps: "
FAILED = "rltools could not draw: "
UNKNOWN = 3
"""The exit code if the child process cannot make the environment from its specification."""
OTHER_COURSE = 4
"""The exit code if an episode diverged from the recorded one."""
MAX_MESSAGE = 300


def draw_in_child(folder: Path, numbers: Sequence[int], modules: Sequence[str], advance: Callable[[int], None]) -> bool:
    """Render episodes of a recording in a child process, which makes the environment from its specification.

    Args:
        folder: the folder of the recording.
        numbers: the numbers of the episodes.
        modules: modules to import because they register environments.
        advance: called with the number of steps rendered since the last call.

    Returns:
        Whether the child could make the environment; if not, nothing has changed.

    Raises:
        SimulationError: the environment could not be rendered, or the process ended; with its last message.
        FaultError: an episode diverged from the recorded one.
    """
    last = ""
    with subprocess.Popen(
        # -P: the working directory is not importable, unless `modules` asks for it.
        [
            *(sys.executable, "-P", "-m", "rltools.rollout._render_child"),
            *(str(folder.absolute()), ",".join(map(str, numbers)), *modules),
        ],
        stdin=subprocess.PIPE,  # which ends when this process does, however it ends
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
        env=without_display(os.environ),
    ) as child:
        try:
            for line in child.stdout or ():
                if line.startswith(DREW):
                    advance(int(line.removeprefix(DREW)))
                else:
                    last = line.strip() or last
            code = child.wait()
        except BaseException:
            child.kill()
            raise
    if code in (0, UNKNOWN):
        return code == 0
    if last.startswith(FAILED):
        raise (FaultError if code == OTHER_COURSE else SimulationError)(last.removeprefix(FAILED))
    raise SimulationError(
        f"the process that drew them ended with {_ending(code)}{f': {last[:MAX_MESSAGE]}' if last else ''}"
    )


def without_display(variables: Mapping[str, str]) -> dict[str, str]:
    """Environment variables with which libraries render without a display; variables that are set stay.

    Pygame looks for a display and a sound card that frames do not need. MuJoCo's default ends the process without a
    display, and EGL, which only Linux has, needs none.
    """
    defaults = {"SDL_VIDEODRIVER": "dummy", "SDL_AUDIODRIVER": "dummy", "PYGAME_HIDE_SUPPORT_PROMPT": "1"}
    if sys.platform == "linux" and not variables.get("DISPLAY"):
        defaults["MUJOCO_GL"] = "egl"
    return defaults | {"PYTHONIOENCODING": "utf-8"} | dict(variables)


def _ending(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"
