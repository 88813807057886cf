"""Draw the pictures of the documentation: `python docs/pictures.py [NAME ...]`.

A name is that of a picture (`training`, `shapley`, `replay`); by default all of them. Those of pages need Chromium.
Tests fail if a picture is out of date;
`episodes.json`, which is written with the pictures, tells them whether this machine records the same episodes.
"""

import os
import subprocess
import sys
from pathlib import Path

DOCS = Path(__file__).parent
sys.path.insert(0, str(DOCS))

from gallery import gallery_plots  # noqa: E402  (a script that is imported finds only the packages)

SCREENSHOTS = ("lunarlander-filmstrip", "lunarlander-ppo", "replay")


def commands() -> dict[str, list[str]]:
    """The script, with its arguments, that makes each picture."""
    noting = str(DOCS / "episodes.py")
    makers = {name: [noting, str(DOCS / "gallery.py"), name] for name in gallery_plots()}
    makers |= {script.stem: [noting, str(script)] for script in sorted(DOCS.glob("methods/*.py"))}
    makers |= {name: [noting, str(DOCS / "screenshots.py"), name] for name in SCREENSHOTS}
    return makers | {"rooms": [str(DOCS / "rooms.py")], "landing": [str(DOCS / "moving.py")]}


def main(names: list[str]) -> int:
    """Make the pictures of these names; returns how many failed."""
    makers = commands()
    if unknown := [name for name in names if name not in makers]:
        raise SystemExit(f"there is no picture {', '.join(unknown)}; there are {', '.join(makers)}")
    failed = []
    for name in names or makers:
        print(name, flush=True)
        # On one thread, as the tests run: with two threads training gives another agent.
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        process = subprocess.run([sys.executable, *makers[name]], env=environment, check=False)
        failed += [name] if process.returncode else []
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return len(failed)


if __name__ == "__main__":
    sys.exit(min(1, main(sys.argv[1:])))
