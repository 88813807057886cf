"""Drawing in a process of its own, whose end is not the end of this one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from rltools.errors import SimulationError

DREW = "rltools drew steps: "
FAILED = "rltools could not draw: "
NOT_KNOWN = 3
"""The exit code where the environment cannot even be named in another process."""
LONGEST = 300


def draw_elsewhere(
    folder: Path, numbers: Sequence[int], modules: Sequence[str], advance: Callable[[int], None]
) -> bool:
    """Draw episodes of a recording in another process, which makes the environment by its specification.

    Args:
        folder: of the recording.
        numbers: of the episodes.
        modules: to import there for environments that they register.
        advance: called with the number of steps drawn since the last call.

    Returns:
        Whether the environment is known there; False leaves everything as it was.

    Raises:
        SimulationError: it could not be drawn, or the process ended; what was said last is in the message.
    """
    last = ""
    which = ",".join(map(str, numbers))
    with subprocess.Popen(
        # -P: the working directory is no place to import from, unless `modules` asks for it.
        [sys.executable, "-P", "-m", "rltools.rollout._render_child", str(folder.absolute()), which, *modules],
        stdin=subprocess.PIPE,  # which ends when this process does, however it ends
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
        env=without_screen(os.environ),
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
    if code in (0, NOT_KNOWN):
        return code == 0
    if last.startswith(FAILED):
        raise SimulationError(last.removeprefix(FAILED))
    raise SimulationError(
        f"the process that drew them ended with {_ending(code)}{f': {last[:LONGEST]}' if last else ''}"
    )


def without_screen(variables: os._Environ[str] | dict[str, str]) -> dict[str, str]:
    """Environment variables under which libraries draw without a screen; what is set already stays.

    Pygame looks for a screen and a sound card that frames do not need. MuJoCo's default ends the process where there
    is no screen, and EGL, which only Linux has, needs none.
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
